//! Names and values that try to break out of statements, files and screens go through every step unharmed; a profile cannot
//! run SQL of its own.
//!
//! A table `canary` stands in every database: each name below is the beginning of what would drop it.

use crate::common::PUPILS;
use crate::server::{DIARY, Engine, Server};
use crate::stage::{Stage, findings};
use lastbell::profile::profile_file::{Join, JoinKind, Mapping};
use lastbell_testkit::servers::Options;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// At most 62 bytes each (PostgreSQL takes 63, and a kept table's name has one letter more) and no letter of four bytes
/// (MariaDB takes none in names). Distinct without regard to case.
const NAMES: [&str; 20] = [
    "\"; DROP TABLE canary; --",
    "'; DROP TABLE canary; --",
    "`; DROP TABLE canary; --",
    "$$; DROP TABLE canary; $$",
    "*/; DROP TABLE canary; /*",
    "back\\slash\\",
    "a \"quoted\" 'one' `two`",
    "two  spaces and.a.dot.dot",
    "Ученики",
    "№ 5 «Б»",
    "1st",
    "12345",
    "select",
    "%s{0} ?1 $1 :x @y \\0",
    "\u{1b}[31mred\u{1b}[0m\u{7}\u{9b}1m\u{202e}",
    "line\nbreak\ttab",
    "# no: {comment: [1]} &a *b !c | >",
    "../../../up",
    "=cmd|' /C calc'!A0,\",;",
    "sixty_two_bytes_sixty_two_bytes_sixty_two_bytes_sixty_two_byte",
];

/// In every table, one a row.
const VALUES: [&str; 15] = [
    "",
    " ",
    "'",
    "'; DROP TABLE canary; --",
    "\"; DROP TABLE canary; --",
    "`; DROP TABLE canary; --",
    "\\'; DROP TABLE canary; --",
    "back\\slash\\",
    "\\0 \\N \\. \\x00",
    "%s %n {0} $1 ?1 :x @y",
    "\u{1b}[31mred\u{1b}[0m\u{7}\r\nnext\tline\u{1}\u{7f}",
    "=HYPERLINK(\"http://example.example\",\"x\"),;\"\"",
    "🔔𝕊💥 e\u{301} \u{feff}\u{202e}\u{200b}",
    "NULL",
    "№ «ёлочки» — 5",
];

/// A name in the words of an engine.
fn quoted(engine: Engine, name: &str) -> String {
    match engine {
        Engine::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        Engine::Mariadb => format!("`{}`", name.replace('`', "``")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value as no client can misread it.
fn bytes(engine: Engine, bytes: &[u8]) -> String {
    match engine {
        Engine::Postgres => format!("decode('{}', 'hex')", hex(bytes)),
        Engine::Mariadb => format!("X'{}'", hex(bytes)),
    }
}

fn text(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Postgres => format!("convert_from({}, 'UTF8')", bytes(engine, text.as_bytes())),
        Engine::Mariadb => format!("CONVERT({} USING utf8mb4)", bytes(engine, text.as_bytes())),
    }
}

/// One hostile table: the names of itself and of its columns.
struct Table {
    number: usize,
    kept: bool,
}

/// Destroyed and kept ones.
fn tables() -> Vec<Table> {
    [false, true].iter().flat_map(|kept| (0..NAMES.len()).map(|number| Table { number, kept: *kept })).collect()
}

impl Table {
    fn name(&self) -> String {
        if self.kept { format!("k{}", NAMES[self.number]) } else { NAMES[self.number].to_owned() }
    }

    /// Key, text, bytes, link.
    fn columns(&self) -> [&'static str; 4] {
        [1, 2, 3, 4].map(|further| NAMES[(self.number + further) % NAMES.len()])
    }

    /// The kept table whose rows lead to a destroyed one, or a destroyed one that leads to its neighbour.
    fn leads_to(&self) -> Option<Self> {
        let leads = if self.kept { self.number == 0 } else { self.number % 2 == 1 };
        leads.then(|| Self { number: if self.kept { 0 } else { self.number - 1 }, kept: false })
    }

    fn rows(&self, engine: Engine) -> Vec<Vec<u8>> {
        let mut rows: Vec<Vec<u8>> = VALUES.iter().map(|value| value.as_bytes().to_vec()).collect();
        if engine == Engine::Mariadb {
            rows.push(b"a\0b\0".to_vec());
        }
        if self.number == 0 {
            rows.push("ы".repeat(512 * 1024).into_bytes());
        }
        rows
    }

    fn ddl(&self, engine: Engine) -> String {
        let name = |name: &str| quoted(engine, name);
        let [key, value, raw, link] = self.columns().map(name);
        let (long, blob, short) = match engine {
            Engine::Postgres => ("text", "bytea", "text"),
            Engine::Mariadb => ("longtext", "longblob", "varchar(200)"),
        };
        let leads = self.leads_to().map_or(String::new(), |other| {
            let constraint = name(&format!("c{}", NAMES[(self.number + 5) % NAMES.len()]));
            let [to, ..] = other.columns().map(name);
            let action = if self.kept { "ON DELETE CASCADE" } else { "" };
            format!(", CONSTRAINT {constraint} FOREIGN KEY ({link}) REFERENCES {} ({to}) {action}", name(&other.name()))
        });
        format!(
            "CREATE TABLE {} ({key} integer PRIMARY KEY, {value} {long}, {raw} {blob}, fio {short}, {link} integer{leads});\n",
            name(&self.name())
        )
    }

    fn inserts(&self, engine: Engine) -> String {
        let rows = self.rows(engine).into_iter().enumerate().map(|(at, value)| {
            let value = String::from_utf8(value).unwrap();
            let raw = [b"\0\x01\xff'\"\\;--\0\r\n", value.as_bytes()].concat();
            let fio = if self.kept { format!("кабинет {at}") } else { PUPILS[at % 4].1.to_owned() };
            let (value, raw, fio) = (text(engine, &value), bytes(engine, &raw), text(engine, &fio));
            format!("({}, {value}, {raw}, {fio}, {})", at + 1, if at % 2 == 0 { "1" } else { "NULL" })
        });
        let rows: Vec<String> = rows.collect();
        format!("INSERT INTO {} VALUES {};\n", quoted(engine, &self.name()), rows.join(", "))
    }
}

const CANARY: &str =
    "CREATE TABLE canary (id integer PRIMARY KEY, song varchar(20)); INSERT INTO canary VALUES (1, 'sings');\n";

/// A server with the hostile school.
fn school(engine: Engine, options: &Options) -> Server {
    let server = Server::start(engine, options);
    server.create(DIARY);
    let made: String = tables().iter().map(|table| table.ddl(engine) + &table.inserts(engine)).collect();
    server.sql(DIARY, &(CANARY.to_owned() + &made));
    server
}

/// Every row of a table with every byte.
fn dump(server: &Server, table: &Table) -> String {
    let engine = server.engine();
    let name = quoted(engine, &table.name());
    let sql = match engine {
        Engine::Postgres => format!("SELECT encode(convert_to(t::text, 'UTF8'), 'hex') FROM {name} AS t ORDER BY 1"),
        Engine::Mariadb => {
            let [key, value, raw, link] = table.columns().map(|column| quoted(engine, column));
            format!(
                "SELECT CONCAT_WS(',', {key}, HEX({value}), HEX({raw}), HEX(fio), COALESCE({link}, 'none')) FROM {name} ORDER BY 1"
            )
        }
    };
    server.sql(DIARY, &sql)
}

/// All columns of all tables.
fn shape(server: &Server) -> String {
    let schema = match server.engine() {
        Engine::Postgres => "public",
        Engine::Mariadb => DIARY,
    };
    let sql = format!(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = '{schema}' ORDER BY 1, 2"
    );
    server.sql(DIARY, &sql)
}

#[track_caller]
fn canary_sings(server: &Server) {
    assert_eq!(server.sql(DIARY, "SELECT song FROM canary"), "sings", "nothing ran what stood in a name or a value");
}

/// A name as a person has to write it: what cannot be seen is refused in files that people write.
fn yaml(name: &str) -> String {
    let escaped = |letter: char| match letter {
        '"' | '\\' => format!("\\{letter}"),
        _ if letter.is_control() || letter == '\u{202e}' => format!("\\u{:04x}", u32::from(letter)),
        _ => letter.to_string(),
    };
    format!("\"{}\"", name.chars().map(escaped).collect::<String>())
}

/// What goes, what stays, and the one link that is cut.
fn decisions() -> String {
    let by = r#"by: Иванова, at: 2026-11-12, reason: "проверка \"кавычек\"""#;
    let mut lines = format!(
        "- {{table: canary, disposition: keep, {by}}}\n- {{allow: cooling, hours: 0, {by}}}\n- {{allow: life, {by}}}\n"
    );
    for table in tables() {
        let name = yaml(&table.name());
        if table.kept {
            lines += &format!("- {{table: {name}, disposition: keep, {by}}}\n");
        } else {
            lines += &format!("- {{table: {name}, disposition: destroy, {by}}}\n");
            lines += &format!("- {{retention: {name}, until: platform, {by}}}\n");
        }
    }
    let from = Table { number: 0, kept: true };
    lines + &format!("- {{cut: {}, {by}}}\n", yaml(&format!("{}.{}", from.name(), from.columns()[3])))
}

fn goes_through_every_step_unharmed(engine: Engine) {
    let fast = Options::fast();
    let (server, platform) = (school(engine, &fast), school(engine, &Server::apart(engine, &fast)));
    let stage = Stage::between(&server.url(DIARY), &platform.url(DIARY));
    stage.case.set_case_line("level", "L1");
    let (shaped, kept): (_, Vec<Table>) = (shape(&server), tables().into_iter().filter(|table| table.kept).collect());
    let before: Vec<String> = kept.iter().map(|table| dump(&server, table)).collect();
    let of_platform: Vec<String> = tables().iter().map(|table| dump(&platform, table)).collect();
    assert!(!before.contains(&String::new()), "{engine:?}: there are rows to be harmed");
    walk(&stage);
    assert_eq!(shape(&server), shaped, "{engine:?}: no table and no column came or went");
    for table in tables().iter().filter(|table| !table.kept) {
        assert_eq!(dump(&server, table), "", "{engine:?}: {:?} is empty", table.name());
    }
    for (table, before) in kept.iter().zip(before) {
        assert!(dump(&server, table) == before, "{engine:?}: {:?} is as it was", table.name());
    }
    for (table, before) in tables().iter().zip(of_platform) {
        assert!(dump(&platform, table) == before, "{engine:?}: {:?} of the platform is as it was", table.name());
    }
    canary_sings(&server);
    canary_sings(&platform);
    let paper = stage.certified(1);
    let destroyed: usize = tables().iter().filter(|table| !table.kept).map(|table| table.rows(engine).len()).sum();
    assert_eq!(paper["coverage"]["rows_proved"], destroyed, "{engine:?}: {:#}", paper["coverage"]);
    let from = Table { number: 0, kept: true };
    assert_eq!(paper["cuts"][0]["key"], format!("{}.{}", from.name(), from.columns()[3]), "{engine:?}");
    stage.says(&["status"], 0);
    stage.says(&["close"], 0);
}

/// From the first look to an erasure, for a person and for a machine in turn.
#[track_caller]
fn walk(stage: &Stage) {
    stage.says(&["discover"], 0);
    let lines = stage.case.folder.join("decisions");
    fs::write(&lines, decisions()).unwrap();
    stage.says(&["decide", "--from", &lines.display().to_string()], 0);
    stage.runs(&["doctor"], 0);
    stage.says(&["verify"], 0);
    stage.runs(&["verify", "--again"], 0);
    stage.says(&["plan"], 0);
    stage.runs(&["plan", "--again"], 0);
    stage.approved_now();
    stage.says(&["status"], 0);
    stage.says(&["erase", "--yes"], 0);
}

#[test]
fn hostile_names_and_values_go_through_every_step_of_postgres_unharmed() {
    goes_through_every_step_unharmed(Engine::Postgres);
}

#[test]
fn hostile_names_and_values_go_through_every_step_of_mariadb_unharmed() {
    goes_through_every_step_unharmed(Engine::Mariadb);
}

/// The end of each text that would drop the canary, were it part of a statement on either engine.
const DROPS: [&str; 4] =
    ["; DROP TABLE canary; --", "\"; DROP TABLE canary; --", "`; DROP TABLE canary; -- ", "'; DROP TABLE canary; --"];

type Change = fn(&mut Mapping, &str);

/// SQL in each place of a mapping where a name stands: such a table or column is not found, or its short name is unknown.
const NAMES_IN_A_MAPPING: [(&str, Change, &str); 9] = [
    ("source", |one, sql| one.source.from = format!("marks{sql} s"), "mapping-base-unknown"),
    ("target", |one, sql| one.target.from = format!("marks{sql} t"), "mapping-table-unknown"),
    ("key", |one, sql| one.key[0].source = format!("s.id{sql}"), "mapping-column-unknown"),
    ("column", |one, sql| one.columns[0].target = Some(format!("t.{sql}")), "mapping-column-unknown"),
    ("alias", |one, sql| one.columns[0].target = Some(format!("x{sql}.mark")), "profile-unknown-alias"),
    (
        "filter",
        |one, sql| drop(one.source.r#where.insert(format!("s.mark{sql}"), Some("5".into()))),
        "mapping-column-unknown",
    ),
    ("join", |one, sql| one.source.join.push(joined(&format!("pupils{sql} p"), "p.id")), "mapping-table-unknown"),
    ("on", |one, sql| one.source.join.push(joined("pupils p", &format!("p.id{sql}"))), "mapping-column-unknown"),
    ("changed_at", |one, sql| one.changed_at = Some(format!("t.at{sql}")), "mapping-column-unknown"),
];

fn joined(table: &str, column: &str) -> Join {
    Join { table: table.to_owned(), on: [["s.pupil_id".to_owned(), column.to_owned()]].into(), kind: JoinKind::One }
}

/// SQL in each place where a value stands: it is compared as it is, and no row of the twelve is equal to it.
const VALUES_IN_A_MAPPING: [(&str, Change); 4] = [
    ("filter", |one, sql| drop(one.source.r#where.insert("s.mark".into(), Some(format!("5' OR '1'='1'{sql}"))))),
    ("number", |one, sql| drop(one.source.r#where.insert("s.id".into(), Some(format!("1 OR 1=1{sql}"))))),
    ("huge", |one, sql| drop(one.source.r#where.insert("s.mark".into(), Some(sql.repeat(10_000))))),
    ("values", |one, sql| {
        let rule = one.columns.iter_mut().find(|rule| rule.target.as_deref() == Some("t.mark")).unwrap();
        rule.values = ["5", "4", "н"].map(|mark| (mark.to_owned(), format!("{mark}{sql}"))).into();
    }),
];

/// Text in place of another in profile.yaml, and the reason for which the file itself is refused.
const TEXTS: [(&str, &str, &str); 6] = [
    ("version: 1", "version: 1; DROP TABLE canary", "yaml-expected-number"),
    ("version: 1", "version: 99999999999999999999", "yaml-expected-number"),
    ("disposition: destroy", "disposition: \"destroy; DROP TABLE canary\"", "yaml-unknown-value"),
    ("target: t.mark", "target: t.mark, as: \"text); DROP TABLE canary\"", "yaml-unknown-value"),
    ("target: t.mark", "target: t.mark, sql: \"DROP TABLE canary\"", "yaml-unknown-key"),
    ("target: t.mark", "target: !!sql t.mark", "yaml-tag"),
];

/// A case on a small diary with a canary.
fn with_canary(engine: Engine) -> (Server, Stage, String) {
    let server = Server::with_diary(engine, &Options::fast());
    server.sql(DIARY, CANARY);
    let stage = Stage::on(&server);
    stage.discovered();
    let profile = fs::read_to_string(stage.case.case().join("profile.yaml")).unwrap();
    (server, stage, profile)
}

fn marks(stage: &Stage, change: Change, sql: &str) {
    stage.case.change_mapping("marks", |mapping| change(mapping, sql));
}

/// Each code of a refusal.
fn told_reasons(document: &Value) -> Vec<&str> {
    let first = Some(&document["error"]);
    let chain = std::iter::successors(first, |error| Some(&error["cause"]).filter(|cause| cause.is_object()));
    chain.filter_map(|error| error["code"].as_str()).collect()
}

/// Nothing ran: all tables, all rows, the canary.
#[track_caller]
fn nothing_ran(server: &Server, tables: &str) {
    assert_eq!(server.tables(), tables);
    assert_eq!((server.count("pupils"), server.count("marks"), server.count("staff")), (4, 12, 2));
    canary_sings(server);
}

#[test]
fn a_profile_cannot_run_sql_of_its_own() {
    for engine in [Engine::Postgres, Engine::Mariadb] {
        let (server, stage, profile) = with_canary(engine);
        let (path, tables) = (stage.case.case().join("profile.yaml"), server.tables());
        for (at, (what, change, reason)) in NAMES_IN_A_MAPPING.iter().enumerate() {
            fs::write(&path, &profile).unwrap();
            marks(&stage, *change, DROPS[at % DROPS.len()]);
            let refused = stage.runs(&["verify"], 2);
            assert!(told_reasons(&refused).contains(reason), "{engine:?} {what}: {refused:#}");
        }
        for (at, (what, change)) in VALUES_IN_A_MAPPING.iter().enumerate() {
            fs::write(&path, &profile).unwrap();
            marks(&stage, *change, DROPS[at % DROPS.len()]);
            let told = stage.runs(&["verify", "--again"], 1);
            let found = findings(&told, "verify-differs");
            assert_eq!(found[0]["args"]["mapping"], "marks", "{engine:?} {what}: {told:#}");
        }
        stage.runs(&["plan"], 4);
        nothing_ran(&server, &tables);
    }
}

#[test]
fn a_profile_that_is_no_profile_is_refused_with_its_place() {
    let (server, stage, profile) = with_canary(Engine::Mariadb);
    let (path, tables) = (stage.case.case().join("profile.yaml"), server.tables());
    for (old, new, reason) in TEXTS {
        let at = profile.rfind(old).unwrap_or_else(|| panic!("{old} stands in\n{profile}"));
        let line = profile[..at].lines().count();
        fs::write(&path, [&profile[..at], new, &profile[at + old.len()..]].concat()).unwrap();
        let refused = stage.fails(&["verify"], 2, reason);
        let error = &refused["error"]["args"];
        assert!(error["file"].as_str().unwrap().ends_with("profile.yaml"), "{refused:#}");
        assert_eq!(error["line"], line.to_string(), "{refused:#}");
        assert!(error["column"].as_str().unwrap().parse::<u32>().unwrap() > 1, "{refused:#}");
    }
    let bomb = (0..24).map(|at| format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}]\n", at + 1)).collect::<String>();
    for text in [format!("{bomb}{profile}"), "[".repeat(200_000), format!("{profile}\n? [*a]\n")] {
        fs::write(&path, text).unwrap();
        stage.runs(&["verify"], 2);
    }
    nothing_ran(&server, &tables);
}

/// A table `a.b` and a table `b` of a schema `a` have one name in every file of a case: neither may be taken for the other.
#[test]
fn two_tables_that_would_have_one_name_in_the_case_are_refused() {
    let server = Server::with_diary(Engine::Postgres, &Options::fast());
    server.sql(
        DIARY,
        "CREATE TABLE \"a.b\" (id int); CREATE SCHEMA a; CREATE TABLE a.b (id int); INSERT INTO a.b VALUES (1)",
    );
    let stage = Stage::on(&server);
    let refused = stage.fails(&["discover"], 4, "table-twice");
    assert_eq!(refused["error"]["args"]["table"], "a.b", "{refused:#}");
    assert_eq!(server.count("a.b"), 1);
}

/// At a terminal, lists of names are shown with what the terminal would obey written out.
#[test]
fn a_terminal_gets_no_commands_from_a_name() {
    let server = Server::start(Engine::Postgres, &Options::fast());
    server.create(DIARY);
    server.sql(DIARY, "CREATE TABLE \"pupils\u{1b}[31m\nforged  line\" (\"fio\u{9b}2J\" text)");
    // In CSV a line break stands between quotes, as the form has it.
    for (form, lines) in [("", "\nforged"), ("--csv", "\n\n")] {
        let program = env!("CARGO_BIN_EXE_lastbell");
        let line = format!("{program} --lang en discover {form} --store '{}'", server.url(DIARY));
        let output = Command::new("script").args(["-qec", &line, "/dev/null"]).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains(r"pupils\u{1b}[31m"), "{form}: {shown:?}");
        for obeyed in ["\u{1b}[31m", "\u{9b}", lines] {
            assert!(!shown.contains(obeyed), "{form} {obeyed:?}: {shown:?}");
        }
    }
}
