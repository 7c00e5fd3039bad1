//! A throw-away PostgreSQL. Writes its folder: `data/`, `log`, the socket `.s.PGSQL.5432`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::folder::{Folder, lower};
use super::process::{Process, complete};
use super::{Durability, Options, binaries, client, template};

/// Its number is part of the socket's name, and there is no TCP.
const PORT: u16 = 5432;

/// What makes a server small and quiet, and what it does not do behind a test's back.
const SMALL: [(&str, &str); 6] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0777"),
    ("max_connections", "60"),
    ("shared_buffers", "32MB"),
    ("dynamic_shared_memory_type", "mmap"),
    ("autovacuum", "off"),
];
const FAST: [(&str, &str); 3] = [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")];
const NO_REPLICATION: [(&str, &str); 2] = [("wal_level", "minimal"), ("max_wal_senders", "0")];

const TRUST: &str = "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n\
                     host replication all 127.0.0.1/32 trust\n";

/// A PostgreSQL server of one's own. Ends when dropped.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    program: PathBuf,
}

impl Postgres {
    /// Starts one with empty databases `postgres`, `template0`, `template1` and the superuser `postgres`, without a password.
    #[must_use]
    #[track_caller]
    pub fn start(options: &Options) -> Self {
        let server = Self::prepare();
        let data = server.data_dir();
        let mut init: Vec<String> =
            ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"].map(String::from).into();
        init.extend(options.init.iter().cloned());
        template::copy("postgres", &server.program, &init, &data, |private| {
            let mut command = private.command(&binaries::postgres("initdb"));
            complete(private, command.args(&init).arg("-D").arg(template::inside(private)));
        });
        server.configure(options);
        server.launch();
        server
    }

    fn prepare() -> Self {
        let program = binaries::postgres("postgres");
        // QUIT takes its children along and leaves no shared memory behind.
        Self { process: Process::new(Folder::new("p", "QUIT")), program }
    }

    /// The whole `postgresql.conf`: what `initdb` guesses from the machine has no place in a test.
    fn configure(&self, options: &Options) {
        let mut lines = SMALL.to_vec();
        let fast = options.durability == Durability::Fast;
        lines.extend(FAST.iter().filter(|_| fast));
        lines.extend(NO_REPLICATION.iter().filter(|_| fast && !options.has("wal_level")));
        let folder = self.process.folder.path().to_string_lossy().into_owned();
        lines.push(("unix_socket_directories", &folder));
        lines.extend(options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut text = String::new();
        for (name, value) in lines {
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        }
        fs::write(self.data_dir().join("postgresql.conf"), text).expect("postgresql.conf");
        let hba: String = options.hba.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.data_dir().join("pg_hba.conf"), hba + TRUST).expect("pg_hba.conf");
    }

    #[track_caller]
    fn launch(&self) {
        self.process.folder.socket(&format!(".s.PGSQL.{PORT}"));
        let mut command = self.process.folder.command(&self.program);
        command.arg("-D").arg(self.data_dir());
        self.process.start(command, |pid| self.answers(pid));
    }

    /// The eighth line of `postmaster.pid`; the first may still be a dead server's.
    fn answers(&self, pid: u32) -> bool {
        let text = fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first() == Some(&pid.to_string().as_str()) && matches!(lines.get(7), Some(&("ready" | "standby")))
    }

    /// Where the socket is.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.process.folder.path()
    }

    /// Where the bytes are.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.process.folder.path().join("data")
    }

    /// What it says.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.process.log_file()
    }

    /// The process id of its postmaster; it runs.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.process.runs()
    }

    /// The address of a database for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_as("postgres", database)
    }

    /// The address of a database for a role.
    #[must_use]
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!("postgres:///{database}?host={}&user={role}", self.socket_dir().display())
    }

    /// Runs statements as the superuser, each on its own, and returns the rows: `|` between columns, a line per row.
    /// A refusal is a panic with the server's text.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql("postgres", database, sql).unwrap_or_else(|text| panic!("{text}\nin: {sql}"))
    }

    /// The same as a role; the server's text when it refuses, and nothing after the refused statement has run.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn try_sql(&self, role: &str, database: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(binaries::postgres("psql"));
        lower(&mut command);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", database, "-f", "-"]);
        command.arg("-h").arg(self.socket_dir()).arg("-p").arg(PORT.to_string());
        client::feed(&mut command, sql)
    }

    /// A new empty database.
    #[track_caller]
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")));
    }

    /// Stops it in order: sessions are ended, a checkpoint is written.
    #[track_caller]
    pub fn stop(&self) {
        self.process.stop(Signal::INT);
    }

    /// Kills it with all its children, without a chance to write anything.
    pub fn kill9(&self) {
        self.process.kill();
    }

    /// Starts it again on the same data, stopping it first if it runs; recovery included.
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        self.launch();
    }
}
