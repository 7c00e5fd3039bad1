//! Opening: who is refused and how it is told, TLS, read-only servers, and who is the same store as whom.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use common::{MARIADB, SERVER, account, location, rows, store};
use lastbell_contract::{Adapter, AdapterError, ErrorKind, Known, Location, Reader, StoreInfo};
use lastbell_mysql::Mysql;
use lastbell_testkit::servers::{Certificates, Mariadb, Options};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn open(url: &str) -> Result<Box<dyn Reader>, AdapterError> {
    Mysql.open_reader(&Location::parse(url).unwrap())
}

/// The kind and the code with which opening fails.
fn refused(url: &str) -> (ErrorKind, String) {
    let error = open(url).err().expect("it opens");
    (error.kind, error.code.unwrap_or_default())
}

fn info(url: &str) -> StoreInfo {
    open(url).unwrap().info().unwrap()
}

#[test]
fn a_wrong_password_and_an_unknown_database_are_told_apart() {
    account(&SERVER, "olga@localhost", "IDENTIFIED BY 'right'");
    SERVER.sql("", "GRANT SELECT ON *.* TO olga@localhost;");
    let (name, _) = store(&SERVER, "CREATE TABLE t (id INT);");
    assert!(open(&SERVER.url_as("olga:right", &name)).is_ok());
    for (url, kind, code) in [
        (SERVER.url_as("olga:wrong", &name), ErrorKind::Denied, "1045"),
        (SERVER.url_as("olga", &name), ErrorKind::Denied, "1045"),
        (SERVER.url_as("olga:right", "nowhere"), ErrorKind::NotFound, "1049"),
        ("mysql://olga@localhost/d?socket=/nowhere/s".to_owned(), ErrorKind::Unreachable, "connect"),
        ("mysql://olga@127.0.0.1:1/d".to_owned(), ErrorKind::Unreachable, "connect"),
        ("mysql://olga@localhost".to_owned(), ErrorKind::Unsupported, "database-missing"),
    ] {
        assert_eq!(refused(&url), (kind, code.to_owned()));
    }
}

#[test]
fn an_error_of_opening_shows_no_part_of_the_address() {
    let error = open(&SERVER.url_as("tainoe:slovo", "mesto")).err().unwrap();
    let shown = format!("{error} {error:?}");
    assert!(["tainoe", "slovo", "mesto"].iter().all(|part| !shown.contains(part)), "{shown}");
}

#[test]
fn an_option_file_gives_what_the_address_lacks() {
    account(&SERVER, "filed@localhost", "IDENTIFIED BY 'se cret#1'");
    SERVER.sql("", "GRANT SELECT ON *.* TO filed@localhost;");
    let (name, _) = store(&SERVER, "CREATE TABLE t (id INT);");
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("my.cnf");
    let socket = SERVER.socket();
    let text = format!("[client]\nuser=filed\npassword=\"se cret#1\"\nsocket={}\n", socket.display());
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let url = format!("mysql:///{name}?defaults-file={}", file.display());
    assert_eq!(info(&url).role.name, "filed@localhost");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(refused(&url), (ErrorKind::Unsafe, "option-file-mode".to_owned()));
}

#[test]
fn a_password_is_proved_by_ed25519_too() {
    if !*MARIADB {
        return; // MySQL has none
    }
    let server = Mariadb::start(&Options::fast().set("plugin-load-add", "auth_ed25519"));
    server.sql(
        "",
        "CREATE USER ed@localhost IDENTIFIED VIA ed25519 USING PASSWORD('word'); GRANT SELECT ON *.* TO ed@localhost;",
    );
    assert!(open(&server.url_as("ed:word", "mysql")).is_ok());
    assert_eq!(refused(&server.url_as("ed:other", "mysql")).0, ErrorKind::Denied);
}

fn tls_server(certificates: &Certificates, name: &str) -> Mariadb {
    let server = Mariadb::start(&Options::fast().tcp().tls(certificates.server(name)));
    server.sql("", "CREATE USER net@'%' IDENTIFIED BY 'word'; GRANT ALL ON *.* TO net@'%'; CREATE DATABASE diary;");
    server
}

fn with(server: &Mariadb, host: &str, options: &[(&str, &Path)]) -> String {
    let options: Vec<String> = options.iter().map(|(name, path)| format!("{name}={}", path.display())).collect();
    let url = server.tcp_url(host, "net:word", "diary");
    if options.is_empty() { url } else { format!("{url}?{}", options.join("&")) }
}

#[test]
fn tls_wants_the_right_name_and_a_known_authority() {
    let (known, unknown) = (Certificates::new(), Certificates::new());
    let server = tls_server(&known, "localhost");
    let (ca, other, mode) = (known.authority(), unknown.authority(), Path::new("verify-identity"));
    let mut good = open(&with(&server, "localhost", &[("ssl-mode", mode), ("ssl-ca", &ca)])).unwrap();
    assert!(rows(good.as_mut(), "nothing", &["id"]).is_err());
    let lines = server.sql("", "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE user = 'net'");
    assert_eq!(lines, "1");
    for (host, options, code) in [
        ("127.0.0.1", vec![("ssl-mode", mode), ("ssl-ca", ca.as_path())], "tls-name"),
        ("localhost", vec![("ssl-mode", mode), ("ssl-ca", other.as_path())], "tls-authority"),
        ("localhost", vec![("ssl-mode", mode)], "tls-authority"),
    ] {
        let refused = refused(&with(&server, host, &options));
        assert_eq!(refused, (ErrorKind::Unreachable, code.to_owned()), "{host} {options:?}");
    }
    // The authority alone: a certificate for another name of a known authority.
    let loose = [("ssl-mode", Path::new("verify-ca")), ("ssl-ca", ca.as_path())];
    assert!(open(&with(&server, "127.0.0.1", &loose)).is_ok());
    assert_eq!(
        refused(&with(&server, "localhost", &[("ssl-ca", Path::new("/nowhere")), ("ssl-mode", mode)])).1,
        "tls-file"
    );
}

#[test]
fn an_expired_certificate_and_a_server_without_tls_are_refused() {
    let certificates = Certificates::new();
    let ca = certificates.authority();
    let wanted = [("ssl-mode", Path::new("verify-identity")), ("ssl-ca", ca.as_path())];
    let old = Mariadb::start(&Options::fast().tcp().tls(certificates.expired("localhost")));
    old.sql("", "CREATE USER net@'%' IDENTIFIED BY 'word'; GRANT ALL ON *.* TO net@'%'; CREATE DATABASE diary;");
    assert_eq!(refused(&with(&old, "localhost", &wanted)), (ErrorKind::Unreachable, "tls-authority".to_owned()));
    if !*MARIADB {
        return; // MySQL makes itself a certificate
    }
    let plain = Mariadb::start(&Options::fast().tcp());
    plain.sql("", "CREATE USER net@'%' IDENTIFIED BY 'word'; GRANT ALL ON *.* TO net@'%'; CREATE DATABASE diary;");
    assert_eq!(refused(&with(&plain, "localhost", &wanted)), (ErrorKind::Unreachable, "tls-refused".to_owned()));
    assert!(open(&with(&plain, "127.0.0.1", &[])).is_ok(), "loopback needs none");
}

#[test]
fn one_server_under_two_addresses_is_one_store() {
    let server = Mariadb::start(&Options::fast().tcp());
    server.sql("", "CREATE USER net@'%' IDENTIFIED BY 'word'; GRANT ALL ON *.* TO net@'%';");
    server.sql("", "CREATE DATABASE diary; CREATE DATABASE other;");
    let (by_socket, by_port) = (server.url("diary"), server.tcp_url("127.0.0.1", "net:word", "diary"));
    let anchors = |url: &str| info(url).identity.anchors;
    assert_eq!(anchors(&by_socket), anchors(&by_port));
    assert!(anchors(&by_socket).iter().all(|anchor| !anchors(&server.url("other")).contains(anchor)));
    let mut raising = open(&by_socket).unwrap();
    let mut looking = open(&by_port).unwrap();
    let mut beside = open(&server.url("other")).unwrap();
    raising.raise_mark("b1946ac92492d2347c6235b4d2611184").unwrap();
    let seen = |reader: &mut dyn Reader| reader.sees_mark("b1946ac92492d2347c6235b4d2611184").unwrap();
    assert_eq!(seen(looking.as_mut()), Known::Yes(true));
    assert_eq!(seen(beside.as_mut()), Known::Yes(false));
    drop(raising);
    // The server lets the mark go when it has noticed that the line is closed.
    let gone = || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        seen(looking.as_mut()) == Known::Yes(false)
    };
    assert!(std::iter::repeat_with(gone).take(200).any(|gone| gone));
}

#[test]
fn a_replica_follows_what_its_source_feeds() {
    let primary = Mariadb::start(&Options::real().set("log_bin", "binlog").set("server_id", "71").tcp());
    primary.sql("", "CREATE DATABASE diary; CREATE TABLE diary.t (id INT); INSERT INTO diary.t VALUES (1);");
    let replica = Mariadb::replica_of(&primary, &Options::real().set("server_id", "72"));
    replica.catch_up(&primary);
    let (source, target) = (info(&primary.url("diary")), info(&replica.url("diary")));
    let Known::Yes(feeds) = source.identity.feeds else { panic!("feeds are not known") };
    let Known::Yes(follows) = target.identity.follows else { panic!("follows are not known") };
    assert!(follows.iter().any(|mark| feeds.contains(mark)), "{follows:?} {feeds:?}");
    assert!(target.identity.anchors.iter().all(|anchor| !source.identity.anchors.contains(anchor)));
    assert_eq!(source.identity.follows, Known::Yes(Vec::new()));
    // A stopped replica is one all the same.
    replica.sql("", "STOP REPLICA");
    assert_eq!(info(&replica.url("diary")).identity.follows, Known::Yes(follows));
    replica.sql("", "CREATE USER poor@localhost; GRANT SELECT ON diary.* TO poor@localhost;");
    let unknown = info(&replica.url_as("poor", "diary")).identity.follows;
    assert_eq!(unknown, Known::Unknown("replica-status-denied".to_owned()));
}

#[test]
fn a_neighbour_that_writes_here_is_followed() {
    SERVER.sql("", "CREATE DATABASE `old diary`; CREATE DATABASE fed_diary;");
    SERVER.sql("fed_diary", "CREATE TABLE t (id INT);");
    SERVER.sql("old diary", "CREATE TABLE t (id INT); CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO fed_diary.t VALUES (NEW.id);");
    let source = info(&location_url("old%20diary")).identity.anchors;
    let Known::Yes(follows) = info(&location_url("fed_diary")).identity.follows else { panic!("not known") };
    assert!(follows.iter().any(|mark| source.contains(mark)), "{follows:?}");
}

fn location_url(database: &str) -> String {
    SERVER.url(database)
}

#[test]
fn a_role_that_could_write_is_told_and_a_read_only_server_lets_nobody() {
    let (name, _) = store(&SERVER, "CREATE TABLE t (id INT); CREATE TABLE u (id INT);");
    for user in ["looks", "writes", "part", "acts"] {
        account(&SERVER, &format!("{user}@localhost"), "");
    }
    SERVER.sql(
        "",
        &format!(
            "GRANT SELECT ON {name}.* TO looks@localhost; GRANT SELECT, UPDATE ON {name}.* TO writes@localhost;
             GRANT SELECT ON {name}.t TO part@localhost; DROP ROLE IF EXISTS scribe; CREATE ROLE scribe;
             GRANT INSERT ON {name}.* TO scribe; GRANT SELECT ON {name}.* TO acts@localhost; GRANT scribe TO acts@localhost;"
        ),
    );
    let role = |user: &str| info(&SERVER.url_as(user, &name)).role;
    assert_eq!(role("looks").may_write, Known::Yes(false));
    assert_eq!(role("writes").may_write, Known::Yes(true));
    assert_eq!(role("root").may_write, Known::Yes(true));
    assert_eq!(role("acts").may_write, Known::Unknown("roles".to_owned()));
    assert_eq!(role("looks").name, "looks@localhost");
    let part = info(&SERVER.url_as("part", &name));
    assert!(part.read_footprint.contains(&"granted-tables-only".to_owned()), "{:?}", part.read_footprint);
    SERVER.sql("", "SET GLOBAL read_only = 1");
    let (locked, passes) = (role("writes").may_write, role("root").may_write);
    SERVER.sql("", "SET GLOBAL read_only = 0");
    assert_eq!((locked, passes), (Known::Yes(false), Known::Yes(true)));
}

#[test]
fn the_raw_files_are_listed_with_their_roles() {
    use lastbell_contract::FileRole;
    let server = Mariadb::start(
        &Options::real()
            .set("log_bin", "binlog")
            .set("server_id", "5")
            .set("general_log", "1")
            .set("slow_query_log", "1"),
    );
    server.create_database("журнал №1");
    server.sql(
        "журнал №1",
        "CREATE TABLE `отметки` (id INT) ENGINE = InnoDB; CREATE TABLE old (id INT) ENGINE = MyISAM;",
    );
    server.create_database("neighbour");
    server.sql("neighbour", "CREATE TABLE secret (id INT);");
    std::fs::write(server.data_dir().join("dump.sql"), "invented").unwrap();
    let files = common::reader(&location(&server, "журнал №1")).files().unwrap();
    let of = |wanted: &str| {
        let found = files
            .iter()
            .find(|file| file.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(wanted)));
        found.map(|file| file.role)
    };
    let of_product = if *MARIADB {
        [
            ("ib_logfile0", FileRole::Log),
            ("aria_log.00000001", FileRole::Log),
            ("innodb_table_stats.ibd", FileRole::Data),
            ("column_stats", FileRole::Data),
        ]
    } else {
        [
            ("#ib_redo", FileRole::Log),
            ("#ib_16384_0.dblwr", FileRole::Log),
            ("undo_001", FileRole::Log),
            ("mysql.ibd", FileRole::Data),
        ]
    };
    let common = [
        ("ibdata1", FileRole::Data),
        ("old.MYD", FileRole::Data),
        ("binlog.000001", FileRole::Log),
        ("general_log.CSV", FileRole::Log),
        ("dump.sql", FileRole::Copy),
    ];
    for (name, role) in of_product.into_iter().chain(common) {
        assert_eq!(of(name), Some(role), "{name} among {} files", files.len());
    }
    assert_eq!(of("secret"), None, "a neighbour's table");
    assert!(
        files
            .iter()
            .any(|file| file.path.extension().is_some_and(|end| end == "ibd")
                && file.path.to_string_lossy().contains('@'))
    );
}

#[test]
fn a_data_directory_is_seen_only_where_the_server_is() {
    let info = info(&SERVER.url("mysql"));
    assert!(info.capabilities.sees_files);
    assert!(info.identity.anchors.iter().any(|anchor| anchor.starts_with("datadir:")));
}
