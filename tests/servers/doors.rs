//! Who is let in and who is not: a wrong password, TLS that is not what the case wants, a server or a database that is not
//! there. Each is told by its own reason, nothing is lost, and the right door leads on.

use crate::ground::lasting;
use crate::server::{DIARY, ENGINES, Engine, Server};
use crate::stage::{ERASE, SECRET, Stage};
use lastbell_testkit::servers::{Certificates, Options};
use serde_json::Value;

/// The first cause: its code and the reason in it.
#[track_caller]
fn refused_by(stage: &Stage, step: &[&str], code: &str, reason: &str) {
    let document = stage.fails(step, 3, code);
    let mut error = &document["error"];
    while error["cause"].is_object() {
        error = &error["cause"];
    }
    assert_eq!(error["args"]["reason"], Value::from(reason), "{document:#}");
    stage.assert_case_tells_nothing();
}

/// From nothing to a certificate at L1.
#[track_caller]
fn leads_on(stage: &Stage, server: &Server) {
    stage.case.set_case_line("level", "L1");
    stage.approved();
    assert_eq!(server.count("pupils"), 4, "nothing was lost so far");
    stage.runs(&ERASE, 0);
    let paper = stage.certified(1);
    assert_eq!(Stage::level(&paper), "L1", "{:#}", paper["levels"]);
    assert_eq!(server.count("pupils"), 0);
}

const RIGHT: &str = "invented-9";

/// A superuser who comes by TCP and shows a password.
fn ask_for_password(server: &Server) {
    let sql = match server.engine() {
        Engine::Postgres => format!("CREATE ROLE asked SUPERUSER LOGIN PASSWORD '{RIGHT}'"),
        Engine::Mariadb => {
            format!("CREATE USER asked@'127.0.0.1' IDENTIFIED BY '{RIGHT}'; GRANT ALL ON *.* TO asked@'127.0.0.1'")
        }
    };
    server.sql(DIARY, &sql);
}

#[test]
fn a_wrong_password_is_told_without_the_password_and_the_right_one_goes_on() {
    for engine in ENGINES {
        let options = Options::fast().tcp().hba("host all asked 127.0.0.1/32 scram-sha-256");
        let server = Server::with_diary(engine, &options);
        ask_for_password(&server);
        let url = |password: &str| server.tcp_url("127.0.0.1", &format!("asked:{password}"), DIARY);
        let mut stage = Stage::with_source(&url(SECRET));
        let code = match engine {
            Engine::Postgres => "28P01",
            Engine::Mariadb => "1045",
        };
        refused_by(&stage, &["discover"], "store-denied", code);
        assert!(!stage.case.case().join("inventory.json").exists(), "{engine:?}");
        stage.source = url(RIGHT);
        stage.case.set_case_line("level", "L1");
        stage.approved();
        // It was changed meanwhile.
        stage.source = url(SECRET);
        refused_by(&stage, &ERASE, "store-denied", code);
        assert_eq!(server.count("pupils"), 4, "{engine:?}: nothing is lost");
        stage.source = url(RIGHT);
        stage.runs(&ERASE, 0);
        stage.certified(1);
    }
}

/// The words by which an address asks for TLS with all checks.
fn by_tls(server: &Server, host: &str, authority: &Certificates) -> String {
    let file = authority.authority();
    let file = file.display();
    let options = match server.engine() {
        Engine::Postgres => format!("sslmode=verify-full&sslrootcert={file}"),
        Engine::Mariadb => format!("ssl-mode=verify-identity&ssl-ca={file}"),
    };
    format!("{}?{options}", server.tcp_url(host, &format!("asked:{RIGHT}"), DIARY))
}

/// Over TLS and in no other way.
fn only_by_tls(engine: Engine, certificates: &Certificates) -> Server {
    let options = Options::fast()
        .tls(certificates.server("localhost"))
        .hba("hostssl all asked 127.0.0.1/32 scram-sha-256")
        .hba("host all asked 127.0.0.1/32 reject");
    let server = Server::with_diary(engine, &options);
    ask_for_password(&server);
    if engine == Engine::Mariadb {
        server.sql("", "ALTER USER asked@'127.0.0.1' REQUIRE SSL");
    }
    server
}

#[test]
fn tls_of_a_wrong_name_or_a_stranger_is_refused_and_the_right_one_leads_to_a_certificate() {
    let (known, stranger) = (Certificates::new(), Certificates::new());
    for engine in ENGINES {
        let server = only_by_tls(engine, &known);
        let mut stage = Stage::with_source(&by_tls(&server, "127.0.0.1", &known));
        refused_by(&stage, &["discover"], "store-unreachable", "tls-name");
        stage.source = by_tls(&server, "localhost", &stranger);
        refused_by(&stage, &["discover"], "store-unreachable", "tls-authority");
        // In clear, which the server refuses.
        stage.source = server.tcp_url("127.0.0.1", &format!("asked:{RIGHT}"), DIARY);
        let code = match engine {
            Engine::Postgres => "28000",
            Engine::Mariadb => "1045",
        };
        refused_by(&stage, &["discover"], "store-denied", code);
        stage.source = by_tls(&server, "localhost", &known);
        leads_on(&stage, &server);
    }
}

#[test]
fn a_server_without_tls_is_refused_where_the_case_wants_it() {
    let known = Certificates::new();
    for engine in ENGINES {
        let server = Server::with_diary(engine, &Options::fast().tcp());
        ask_for_password(&server);
        let mut stage = Stage::with_source(&by_tls(&server, "localhost", &known));
        refused_by(&stage, &["discover"], "store-unreachable", "tls-refused");
        assert!(!stage.case.case().join("inventory.json").exists(), "{engine:?}");
        // On this machine the way needs none, when nobody asks for it.
        stage.source = server.tcp_url("127.0.0.1", &format!("asked:{RIGHT}"), DIARY);
        leads_on(&stage, &server);
    }
}

#[test]
fn a_server_or_a_database_that_is_not_there_is_told_and_the_right_one_leads_on() {
    for engine in ENGINES {
        let server = Server::with_diary(engine, &lasting(engine));
        let mut stage = Stage::with_source(&server.url("nowhere"));
        let (database, socket) = match engine {
            Engine::Postgres => ("3D000", "connect"),
            Engine::Mariadb => ("1049", "connect"),
        };
        refused_by(&stage, &["discover"], "store-not-found", database);
        stage.source = server.url(DIARY);
        server.kill9();
        refused_by(&stage, &["discover"], "store-unreachable", socket);
        server.start_again();
        leads_on(&stage, &server);
    }
}

#[test]
fn a_platform_that_is_not_there_is_told_before_anything_is_proved() {
    for engine in ENGINES {
        let server = Server::with_diary(engine, &Options::fast());
        server.create("platform");
        server.sql("platform", &engine.diary());
        let stage = Stage::between(&server.url(DIARY), &server.url("platform"));
        stage.discovered();
        server.sql(
            DIARY,
            match engine {
                Engine::Postgres => "ALTER DATABASE platform RENAME TO moved",
                Engine::Mariadb => "DROP DATABASE platform",
            },
        );
        let code = match engine {
            Engine::Postgres => "3D000",
            Engine::Mariadb => "1049",
        };
        refused_by(&stage, &["verify"], "store-not-found", code);
        assert!(!stage.case.case().join("verification.json").exists(), "{engine:?}");
    }
}
