//! TLS and TCP, judged by `openssl s_client`.

use std::process::{Command, Stdio};

use lastbell_testkit::servers::{Certificates, Identity, Mariadb, Options, Postgres};

/// Whether a client that trusts the authority and wants this name is content.
fn content(protocol: &str, port: u16, authority: &Certificates, name: &str) -> bool {
    let output = Command::new("openssl")
        .args(["s_client", "-starttls", protocol, "-connect", &format!("127.0.0.1:{port}"), "-verify_return_error"])
        .args(["-verify_hostname", name, "-no-CApath", "-CAfile"])
        .arg(authority.authority())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).contains("Verification: OK") && output.status.success()
}

fn check(protocol: &str, start: impl Fn(Identity) -> (Box<dyn std::any::Any>, u16)) {
    let (known, stranger) = (Certificates::new(), Certificates::new());
    let (_server, port) = start(known.server("localhost"));
    assert!(content(protocol, port, &known, "localhost"));
    assert!(!content(protocol, port, &known, "diary.example"), "another name is accepted");
    assert!(!content(protocol, port, &stranger, "localhost"), "a stranger's authority is accepted");
    let (_server, port) = start(known.server("diary.example"));
    assert!(!content(protocol, port, &known, "localhost"), "a certificate for another name is accepted");
    let (_server, port) = start(known.expired("localhost"));
    assert!(!content(protocol, port, &known, "localhost"), "a certificate of yesterday is accepted");
}

#[test]
fn postgres_shows_the_certificate_it_was_given() {
    check("postgres", |identity| {
        let server = Postgres::start(&Options::fast().tls(identity));
        let port = server.port();
        (Box::new(server), port)
    });
}

#[test]
fn mariadb_shows_the_certificate_it_was_given() {
    check("mysql", |identity| {
        let server = Mariadb::start(&Options::fast().tls(identity));
        let port = server.port().unwrap();
        (Box::new(server), port)
    });
}

#[test]
fn root_logs_in_over_tcp_without_a_password() {
    let server = Mariadb::start(&Options::fast().tcp());
    let port = format!("--port={}", server.port().unwrap());
    let output = Command::new("mariadb")
        .args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", &port, "--user=root", "-NBe", "SELECT USER()"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "root@127.0.0.1\n", "{output:?}");
}

#[test]
fn a_port_stays_the_same_over_a_restart() {
    let postgres = Postgres::start(&Options::fast().tcp());
    let mariadb = Mariadb::start(&Options::fast().tcp());
    let before = (postgres.port(), mariadb.port());
    postgres.restart();
    mariadb.restart();
    assert_eq!((postgres.port(), mariadb.port()), before);
    assert!(std::net::TcpStream::connect(("127.0.0.1", postgres.port())).is_ok());
    assert!(std::net::TcpStream::connect(("127.0.0.1", mariadb.port().unwrap())).is_ok());
    assert_eq!(postgres.sql("postgres", "SELECT 1"), "1");
}
