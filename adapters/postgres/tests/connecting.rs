//! Connecting: passwords, TLS, files and variables as PostgreSQL's own programs take them; and what a store is, by whatever
//! address it was reached. Nothing secret is ever told.
#![allow(clippy::unwrap_used)]

mod common;

use common::{code, failed, location, open, table};
use lastbell_contract::{Adapter, ErrorKind, FileRole, Known, Reader, Result};
use lastbell_postgres::Postgres;
use lastbell_testkit::servers::{self, Certificates, Options};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "Тайна-7F3A: \\№ 5";

/// `%` and two digits for every byte.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A server that asks for a password by TCP, in each of the ways there are.
fn asking() -> servers::Postgres {
    let lines = [
        "host all in_scram 127.0.0.1/32 scram-sha-256",
        "host all in_md5 127.0.0.1/32 md5",
        "host all in_clear 127.0.0.1/32 password",
        "host all nobody 127.0.0.1/32 reject",
    ];
    let server = servers::Postgres::start(&lines.iter().fold(Options::fast().tcp(), |options, line| options.hba(line)));
    let password = SECRET.replace('\'', "''");
    server.sql(
        "postgres",
        &format!(
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE in_scram LOGIN PASSWORD '{password}'; CREATE ROLE in_clear LOGIN PASSWORD '{password}'; \
             CREATE ROLE nobody LOGIN; SET password_encryption = md5; CREATE ROLE in_md5 LOGIN PASSWORD '{password}'"
        ),
    );
    server
}

#[test]
fn every_way_of_asking_for_a_password_is_answered() {
    let server = asking();
    for role in ["in_scram", "in_md5", "in_clear"] {
        let url = |password: &str| server.tcp_url("127.0.0.1", &format!("{role}:{}", encoded(password)), "postgres");
        let name = open(&url(SECRET)).unwrap().info().unwrap().role.name;
        assert_eq!(name, role);
        let wrong = failed(open(&url("Тайна-wrong")));
        assert_eq!((wrong.kind, wrong.code.as_deref()), (ErrorKind::Denied, Some("28P01")), "{role}");
        assert!(!format!("{wrong:?} {wrong}").contains("Тайна"), "an error tells the password");
        let missing = failed(open(&server.tcp_url("127.0.0.1", role, "postgres")));
        assert_eq!((missing.kind, missing.code.as_deref()), (ErrorKind::Denied, Some("password-missing")), "{role}");
    }
    let refused = failed(open(&server.tcp_url("127.0.0.1", "nobody", "postgres")));
    assert_eq!((refused.kind, refused.code.as_deref()), (ErrorKind::Denied, Some("28000")));
    let unknown =
        failed(open(&server.tcp_url("127.0.0.1", &format!("stranger:{SECRET}").replace(' ', "%20"), "postgres")));
    assert_eq!(unknown.kind, ErrorKind::Denied);
    assert_eq!(failed(open(&server.url("nowhere"))).kind, ErrorKind::NotFound);
}

#[test]
fn nobody_there_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(code(open(&format!("postgres://u@127.0.0.1:{free}/d"))), "connect");
    assert_eq!(code(open("postgres:///d?host=/tmp/no-such-folder&user=u")), "connect");
    assert_eq!(code(open("postgres://u@no-such-host.invalid/d")), "host-unknown");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let told = failed(open(&format!("postgres://u@127.0.0.1:{port}/d?connect_timeout=2")));
    assert_eq!(told.kind, ErrorKind::Unreachable, "a server that never answers is given up");
}

#[test]
fn the_next_door_is_tried_when_one_is_shut() {
    let server = common::server();
    let folder = encoded(server.socket_dir().to_str().unwrap());
    let reader = open(&format!("postgres://postgres@/postgres?host=/tmp/no-such-folder,{folder}"));
    assert_eq!(reader.unwrap().info().unwrap().role.name, "postgres");
}

/// What does not speak as PostgreSQL does, and what speaks as a version that was not looked at.
#[test]
fn a_stranger_on_the_line_is_refused() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x0a5.5.5-10.11\0", b"R\0\0\0\x04", b"Z\0\0\0\x05I"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stranger = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            assert!(client.read(&mut [0; 256]).unwrap() > 0);
            client.write_all(answer).unwrap();
        });
        let told = failed(open(&format!("postgres://u@127.0.0.1:{port}/d?connect_timeout=2")));
        assert!([ErrorKind::Engine, ErrorKind::Unreachable].contains(&told.kind), "{told:?}");
        stranger.join().unwrap();
    }
}

/// As a server of an old version would: log-in, then the answer to the first question.
#[test]
fn an_unsupported_version_is_refused_at_the_first_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        assert!(client.read(&mut [0; 1024]).unwrap() > 0);
        let message = |tag: u8, body: &[u8]| [&[tag][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat();
        client.write_all(&message(b'R', &[0; 4])).unwrap();
        client.write_all(&message(b'Z', b"I")).unwrap();
        assert!(client.read(&mut [0; 4096]).unwrap() > 0);
        let cells = ["PostgreSQL 9.6.24 on x86_64", "9.6.24", "90624", "on", "UTF8"];
        let mut row = (cells.len() as u16).to_be_bytes().to_vec();
        for cell in cells {
            row.extend((cell.len() as u32).to_be_bytes());
            row.extend(cell.bytes());
        }
        client.write_all(&message(b'D', &row)).unwrap();
        client.write_all(&message(b'C', b"SELECT 1\0")).unwrap();
        client.write_all(&message(b'Z', b"I")).unwrap();
    });
    let told = failed(open(&format!("postgres://u@127.0.0.1:{port}/d")));
    assert_eq!((told.kind, told.code.as_deref()), (ErrorKind::Unsupported, Some("version")));
    server.join().unwrap();
}

/// A way through the machine's own address, so that the default for hosts that are elsewhere holds.
fn by_tls(server: &servers::Postgres, host: &str, rest: &str) -> Result<Box<dyn Reader>> {
    open(&format!("{}?hostaddr=127.0.0.1{rest}", server.tcp_url(host, "postgres", "postgres")))
}

#[test]
fn tls_is_the_default_and_only_the_right_name_under_the_right_authority_passes() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let server = servers::Postgres::start(&Options::fast().tls(ours.server("diary.example")));
    let authority = |certificates: &Certificates| format!("&sslrootcert={}", certificates.authority().display());
    let (right, wrong) = (authority(&ours), authority(&others));
    let mode = "&sslmode=verify-full";
    let mut reader = by_tls(&server, "diary.example", &format!("{right}{mode}")).unwrap();
    assert_eq!(reader.catalog().unwrap().tables.len(), 0);
    let ssl = server.sql("postgres", "SELECT count(*) FROM pg_stat_ssl WHERE ssl");
    assert_eq!(ssl, "1", "the visit is not under TLS");
    for (host, rest, word) in [
        ("other.example", format!("{right}{mode}"), "tls-name"),
        ("127.0.0.1", format!("{right}{mode}"), "tls-name"),
        ("diary.example", format!("{wrong}{mode}"), "tls-authority"),
        ("diary.example", format!("{mode}&sslrootcert=system"), "tls-authority"),
        ("diary.example", format!("{right}&sslmode=prefer"), "sslmode-unsafe"),
        ("diary.example", format!("{mode}&sslrootcert=/tmp/no-such-file"), "tls-file"),
    ] {
        let told = failed(by_tls(&server, host, &rest));
        assert!([ErrorKind::Unreachable, ErrorKind::Unsafe, ErrorKind::NotFound].contains(&told.kind), "{told:?}");
        assert_eq!(told.code.as_deref(), Some(word), "{host} {rest}");
    }
    assert!(by_tls(&server, "other.example", &format!("{right}&sslmode=verify-ca")).is_ok());
    assert_eq!(code(by_tls(&server, "other.example", &format!("{wrong}&sslmode=verify-ca"))), "tls-authority");
    assert!(by_tls(&server, "diary.example", &format!("{right}&sslmode=require")).is_ok());
    assert_eq!(code(by_tls(&server, "diary.example", &format!("{wrong}&sslmode=require"))), "tls-authority");
    assert!(by_tls(&server, "diary.example", "&sslmode=disable").is_ok(), "in clear when it is said");
    let address = servers::Postgres::start(&Options::fast().tls(ours.server("127.0.0.1")));
    assert!(by_tls(&address, "127.0.0.1", &format!("{right}{mode}")).is_ok());
    let old = servers::Postgres::start(&Options::fast().tls(ours.expired("diary.example")));
    assert_eq!(code(by_tls(&old, "diary.example", &format!("{right}{mode}"))), "tls-expired");
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_wanted() {
    let server = servers::Postgres::start(&Options::fast().tcp());
    let told = failed(by_tls(&server, "diary.example", "&sslmode=verify-full&sslrootcert=system"));
    assert_eq!((told.kind, told.code.as_deref()), (ErrorKind::Unreachable, Some("tls-refused")));
    let elsewhere = failed(open(&server.tcp_url("diary.invalid", "postgres", "postgres")));
    assert_eq!(elsewhere.code.as_deref(), Some("host-unknown"));
}

/// A cancellation takes the way of the session it ends, TLS too.
#[test]
fn a_visit_under_tls_is_stopped_like_any_other() {
    let ours = Certificates::new();
    let server = servers::Postgres::start(&Options::fast().tls(ours.server("diary.example")));
    server
        .sql("postgres", "CREATE TABLE t AS SELECT i AS id, repeat('x', 500) AS pad FROM generate_series(1, 200000) i");
    let rest = format!("&sslmode=verify-full&sslrootcert={}", ours.authority().display());
    let mut reader = by_tls(&server, "diary.example", &rest).unwrap();
    let cancel = reader.canceller().unwrap();
    let scan = lastbell_contract::Scan::whole(&table("t"), &["id".to_owned(), "pad".to_owned()]);
    let ended = reader.scan(&scan, &mut |_| {
        cancel();
        lastbell_contract::Flow::Continue
    });
    assert_eq!(failed(ended).kind, ErrorKind::Stopped);
    assert_eq!(reader.count(&table("t")).unwrap(), 200_000);
}

/// Variables and files reach the adapter through the environment of a process, so a second one is asked.
#[test]
fn variables_password_files_and_services_count() {
    let server = asking();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let port = server.port().to_string();
    let escaped = SECRET.replace('\\', "\\\\").replace(':', "\\:");
    let passwords = file("passwords", &format!("127.0.0.1:{port}:*:in_scram:{escaped}\n"), 0o600);
    let open_to_all = file("open", &format!("*:*:*:*:{escaped}\n"), 0o644);
    let alone = file("alone", &format!("{SECRET}\n"), 0o444);
    let services =
        file("services", &format!("[diary]\nhost=127.0.0.1\nport={port}\nuser=in_scram\ndbname=postgres\n"), 0o644);
    let base = [("PGHOST", "127.0.0.1"), ("PGPORT", port.as_str()), ("PGUSER", "in_scram"), ("PGDATABASE", "postgres")];
    let ask = |url: &str, more: &[(&str, &str)]| asked(url, &[&base[..], more].concat());
    assert_eq!(ask("postgres://", &[("PGPASSWORD", SECRET)]), "in_scram");
    assert_eq!(ask("postgres://", &[("PGPASSWORD", "wrong")]), "28P01");
    assert_eq!(ask("postgres://", &[("PGPASSWORD_FILE", &alone)]), "in_scram");
    assert_eq!(ask("postgres://", &[("PGPASSFILE", &passwords)]), "in_scram");
    assert_eq!(ask("postgres://", &[("PGPASSFILE", &open_to_all)]), "passfile-mode");
    assert_eq!(ask("postgres://in_md5@", &[("PGPASSFILE", &passwords)]), "password-missing");
    assert_eq!(
        asked("postgres://?service=diary", &[("PGSERVICEFILE", &services), ("PGPASSFILE", &passwords)]),
        "in_scram"
    );
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::copy(&passwords, home.join(".pgpass")).unwrap();
    assert_eq!(ask("postgres://", &[("HOME", home.to_str().unwrap())]), "in_scram");
}

/// The role that a process with these variables comes in as, or the word of its failure.
fn asked(url: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_clear().env("LASTBELL_ASK", url).envs(variables.iter().copied());
    let output = command.args(["--exact", "asked_process", "--nocapture"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Тайна"), "the password is told");
    let told = text.lines().find_map(|line| line.split("told:").nth(1));
    told.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// Not a promise of its own: what the test above runs in a process of its own.
#[test]
fn asked_process() {
    let Some(url) = std::env::var_os("LASTBELL_ASK") else { return };
    let told = match Postgres.open_reader(&location(url.to_str().unwrap())) {
        Ok(mut reader) => reader.info().unwrap().role.name,
        Err(error) => error.code.unwrap_or_default(),
    };
    #[allow(clippy::print_stdout, reason = "its output is read by the test that started it")]
    {
        println!("told:{told}");
    }
}

#[test]
fn one_store_is_known_again_under_another_address() {
    let server = servers::Postgres::start(&Options::fast().tcp());
    for name in ["diary", "other"] {
        server.create_database(name);
    }
    let anchors = |url: &str| open(url).unwrap().info().unwrap().identity.anchors;
    let (by_socket, by_name) =
        (anchors(&server.url("diary")), anchors(&server.tcp_url("localhost", "postgres", "diary")));
    assert_eq!(by_socket, by_name);
    assert_ne!(by_socket, anchors(&server.url("other")));
    assert!(by_socket[0].starts_with("pg-system:"), "{by_socket:?}");
    let (mut one, mut two) =
        (open(&server.url("diary")).unwrap(), open(&server.tcp_url("127.0.0.1", "postgres", "diary")).unwrap());
    one.raise_mark("mark").unwrap();
    assert_eq!(two.sees_mark("mark").unwrap(), Known::Yes(true));
    assert_eq!(one.sees_mark("mark").unwrap(), Known::Yes(false), "one's own mark tells nothing");
    assert_eq!(open(&server.url("other")).unwrap().sees_mark("mark").unwrap(), Known::Yes(false));
}

#[test]
fn a_standby_and_a_subscriber_follow() {
    let primary = servers::Postgres::start(&Options::real().set("wal_level", "logical"));
    primary.create_database("diary");
    primary.sql("diary", "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t");
    let subscriber = servers::Postgres::start(&Options::fast());
    subscriber.create_database("diary");
    subscriber.sql("diary", "CREATE TABLE t (id int PRIMARY KEY)");
    let make = format!("CREATE SUBSCRIPTION \"from school\" CONNECTION '{}' PUBLICATION p", primary.conninfo("diary"));
    // The name of the slot is the subscription's, and slots have plainer names. A first copy would have a slot of its own, for
    // a moment.
    subscriber.sql("diary", &format!("{make} WITH (slot_name = 'from_school', copy_data = false)"));
    let info = |server: &servers::Postgres| open(&server.url("diary")).unwrap().info().unwrap();
    let Known::Yes(feeds) = info(&primary).identity.feeds else { panic!("unknown feeds") };
    let Known::Yes(follows) = info(&subscriber).identity.follows else { panic!("unknown follows") };
    assert_eq!((feeds, follows), (vec!["pg-slot:from_school".to_owned()], vec!["pg-slot:from_school".to_owned()]));
    assert_eq!(info(&primary).identity.follows, Known::Yes(Vec::new()));
    let standby = servers::Postgres::standby_of(&primary, &Options::real());
    standby.catch_up(&primary);
    let of_standby = info(&standby);
    assert_eq!(of_standby.identity.anchors, info(&primary).identity.anchors);
    assert_eq!(of_standby.role.may_write, Known::Yes(false), "a standby takes no writes");
    let refused = Postgres
        .open_eraser(&location(&standby.url("diary")), &lastbell_contract::ErasePermit::granted_by("00", &[]))
        .and_then(|mut eraser| {
            let request = lastbell_contract::LockRequest { unit: vec![table("t")], watched: vec![], wait_ms: 100 };
            eraser.lock(&request).map(drop)
        });
    assert!(refused.is_err(), "a standby cannot be erased");
}

#[test]
fn what_brings_changes_by_ways_of_its_own_is_unknown() {
    let made = common::database("CREATE EXTENSION dblink");
    let told = common::reader(&made).info().unwrap().identity.follows;
    assert_eq!(told, Known::Unknown("extension:dblink".to_owned()));
    let foreign = common::database(
        "CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; \
                                    CREATE FOREIGN TABLE f (id int) SERVER s",
    );
    let told = common::reader(&foreign).info().unwrap().identity.follows;
    assert_eq!(told, Known::Unknown("foreign-tables".to_owned()));
}

#[test]
fn a_role_that_could_write_is_named() {
    let made = common::database(
        "CREATE ROLE reads LOGIN; CREATE ROLE writers; CREATE ROLE hidden LOGIN NOINHERIT IN ROLE writers; \
         CREATE ROLE cell LOGIN; CREATE ROLE owns LOGIN; CREATE TABLE t (id int, note text); CREATE TABLE o (id int); \
         ALTER TABLE o OWNER TO owns; GRANT SELECT ON t TO reads; GRANT DELETE ON t TO writers; \
         GRANT UPDATE (note) ON t TO cell; ALTER ROLE owns SET default_transaction_read_only = on",
    );
    for (role, may) in [("postgres", true), ("reads", false), ("hidden", true), ("cell", true), ("owns", true)] {
        let told = common::reader_as(role, &made).info().unwrap().role;
        assert_eq!((told.name.as_str(), told.may_write), (role, Known::Yes(may)));
    }
}

#[test]
fn the_last_write_is_told_where_the_server_keeps_it() {
    let server = servers::Postgres::start(&Options::fast().set("track_commit_timestamp", "on"));
    server.create_database("diary");
    let before: i64 = server.sql("diary", "SELECT (extract(epoch FROM now()) * 1000000)::int8").parse().unwrap();
    server.sql("diary", "CREATE TABLE t (id int)");
    let Known::Yes(last) = open(&server.url("diary")).unwrap().info().unwrap().last_write else { panic!("unknown") };
    assert!((before..before + 600_000_000).contains(&last));
    let off = common::database("");
    let told = common::reader(&off).info().unwrap().last_write;
    assert_eq!(told, Known::Unknown("commit-timestamps-off".to_owned()));
}

#[test]
fn files_are_listed_for_this_database_alone_and_only_to_those_who_may() {
    let server = servers::Postgres::start(&Options::fast());
    for name in ["diary", "neighbour"] {
        server.create_database(name);
        server.sql(name, "CREATE TABLE t (id int); INSERT INTO t VALUES (1); CHECKPOINT");
    }
    let path = |name: &str| server.data_dir().join(server.sql(name, "SELECT pg_relation_filepath('t')"));
    let files = open(&server.url("diary")).unwrap().files().unwrap();
    let role = |path: &Path| files.iter().find(|file| file.path == path).map(|file| file.role);
    assert_eq!(role(&path("diary")), Some(FileRole::Data));
    assert_eq!(role(&path("neighbour")), None);
    assert!(
        files.iter().any(|file| file.role == FileRole::Log && file.path.starts_with(server.data_dir().join("pg_wal")))
    );
    assert_eq!(role(&server.log_file()), Some(FileRole::Log), "where the server's messages go");
    server.sql("postgres", "CREATE ROLE plain LOGIN; CREATE ROLE watcher LOGIN IN ROLE pg_read_all_settings");
    let mut plain = open(&server.url_as("plain", "diary")).unwrap();
    assert_eq!(code(plain.files()), "files-privilege");
    assert!(!plain.info().unwrap().capabilities.sees_files);
    assert!(open(&server.url_as("watcher", "diary")).unwrap().files().is_ok());
}

#[test]
fn a_session_says_who_it_is_and_cannot_write() {
    let made = common::database("CREATE TABLE t (id int)");
    let _reader = common::reader(&made);
    let sql =
        format!("SELECT application_name FROM pg_stat_activity WHERE datname = '{made}' AND pid <> pg_backend_pid()");
    assert_eq!(common::server().sql(&made, &sql), "lastbell");
}
