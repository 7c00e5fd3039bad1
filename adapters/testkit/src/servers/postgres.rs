//! A throw-away PostgreSQL. Writes its folder: `data/`, `log`, the socket `.s.PGSQL.PORT`.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::folder::{Folder, lower};
use super::process::{Process, complete, wait_for};
use super::{Disk, Durability, Held, Options, binaries, client, standby, tcp, template};

/// Part of the socket's name, too.
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
    port: u16,
    /// `name=value` of the command line.
    fixed: Vec<String>,
}

impl Postgres {
    /// Starts one with empty databases `postgres`, `template0`, `template1` and the superuser `postgres`, without a password.
    #[must_use]
    #[track_caller]
    pub fn start(options: &Options) -> Self {
        let server = Self::prepare(options);
        let mut init: Vec<String> =
            ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"].map(String::from).into();
        init.extend(options.init.iter().cloned());
        template::copy("postgres", &server.program, &init, &server.process.folder, |private| {
            let mut command = private.command(&binaries::postgres("initdb"));
            complete(private, command.args(&init).arg("-D").arg(private.data()));
        });
        server.first_start(options)
    }

    /// Starts a standby that follows a primary, which needs `wal_level` replica or logical. Its data are the primary's of
    /// now and later: [`Postgres::catch_up`] waits for them.
    #[must_use]
    #[track_caller]
    pub fn standby_of(primary: &Self, options: &Options) -> Self {
        let server = Self::prepare(options);
        standby::copy(primary, &server.process.folder);
        let follow = primary.conninfo("postgres").replace(" dbname=postgres", "");
        let mut options = options.clone();
        options.settings.insert(0, ("primary_conninfo".to_owned(), follow));
        server.first_start(&options)
    }

    #[track_caller]
    fn prepare(options: &Options) -> Self {
        let program = binaries::postgres("postgres");
        // QUIT takes its children along and leaves no shared memory behind.
        let process = Process::new(Folder::new("p", "QUIT", options.disk_bytes));
        let fixed = options.fixed.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Self { process, program, port: PORT, fixed }
    }

    #[track_caller]
    fn first_start(mut self, options: &Options) -> Self {
        for attempt in 0.. {
            if options.tcp {
                self.port = tcp::free_port(self.socket_dir(), attempt);
            }
            self.configure(options);
            match self.launch() {
                Ok(()) => break,
                Err(text) => assert!(attempt < 5 && text.contains(tcp::TAKEN), "{text}"),
            }
        }
        self
    }

    /// The whole `postgresql.conf`: what `initdb` guesses from the machine has no place in a test.
    fn configure(&self, options: &Options) {
        let mut lines: Vec<(String, String)> = Vec::new();
        let mut add = |pairs: &[(&str, &str)]| {
            lines.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        };
        add(&SMALL);
        if options.durability == Durability::Fast {
            add(&FAST);
            if !options.has("wal_level") {
                add(&NO_REPLICATION);
            }
        }
        add(&[("unix_socket_directories", &self.socket_dir().to_string_lossy()), ("port", &self.port.to_string())]);
        if options.tcp {
            add(&[("listen_addresses", "127.0.0.1")]);
        }
        if let Some(identity) = &options.tls {
            let (certificate, key) = tcp::install(self.socket_dir(), identity);
            let names = [certificate, key].map(|path| path.to_string_lossy().into_owned());
            add(&[("ssl", "on"), ("ssl_cert_file", &names[0]), ("ssl_key_file", &names[1])]);
        }
        lines.extend(options.settings.iter().cloned());
        let text: String = lines.iter().map(|(name, value)| line(name, value)).collect();
        fs::write(self.conf(), text).expect("postgresql.conf");
        let hba: String = options.hba.iter().fold(String::new(), |all, line| all + line + "\n");
        fs::write(self.data_dir().join("pg_hba.conf"), hba + TRUST).expect("pg_hba.conf");
    }

    fn launch(&self) -> Result<(), String> {
        self.process.folder.socket(&format!(".s.PGSQL.{}", self.port));
        let mut command = self.process.folder.command(&self.program);
        command.arg("-D").arg(self.process.folder.data_of_server());
        command.args(self.fixed.iter().flat_map(|setting| ["-c", setting.as_str()]));
        self.process.start(command, |pid| self.answers(pid))
    }

    /// The eighth line of `postmaster.pid`; the first may still be a dead server's.
    fn answers(&self, pid: u32) -> bool {
        let text = fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first() == Some(&pid.to_string().as_str()) && matches!(lines.get(7), Some(&("ready" | "standby")))
    }

    fn conf(&self) -> PathBuf {
        self.data_dir().join("postgresql.conf")
    }

    /// Where the socket is.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.process.folder.path()
    }

    /// The port: part of the socket's name, and, if there is TCP, where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the bytes are.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.process.folder.data()
    }

    /// Its small disk, if it has one.
    #[must_use]
    pub fn disk(&self) -> Option<&Disk> {
        self.process.folder.disk()
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
        let port = if self.port == PORT { String::new() } else { format!("&port={}", self.port) };
        format!("postgres:///{database}?host={}{port}&user={role}", self.socket_dir().display())
    }

    /// The address by TCP, under a name of this machine. `role` may be `role:password`.
    #[must_use]
    pub fn tcp_url(&self, host: &str, role: &str, database: &str) -> String {
        format!("postgres://{role}@{host}:{}/{database}", self.port)
    }

    /// The address in `libpq`'s words, for CREATE SUBSCRIPTION, `postgres_fdw` and the like.
    #[must_use]
    pub fn conninfo(&self, database: &str) -> String {
        format!("host={} port={} user=postgres dbname={database}", self.socket_dir().display(), self.port)
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
        client::feed(&mut self.client(role, database), sql)
    }

    /// Runs statements as the superuser, and keeps the session, with its locks and its open transaction, until what is
    /// returned is dropped.
    #[must_use]
    #[track_caller]
    pub fn hold(&self, database: &str, sql: &str) -> Held {
        Held::begin(&mut self.client("postgres", database), sql)
    }

    fn client(&self, role: &str, database: &str) -> Command {
        let mut command = Command::new(binaries::postgres("psql"));
        lower(&mut command);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", database, "-f", "-"]);
        command.arg("-h").arg(self.socket_dir()).arg("-p").arg(self.port.to_string());
        command
    }

    /// A new empty database.
    #[track_caller]
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")));
    }

    /// Waits until this standby shows all that the primary has committed by now.
    #[track_caller]
    pub fn catch_up(&self, primary: &Self) {
        let wanted = primary.sql("postgres", "SELECT pg_current_wal_lsn()");
        let shown = format!("SELECT pg_last_wal_replay_lsn() >= '{wanted}'::pg_lsn");
        let caught = wait_for(Duration::from_millis(50), || (self.sql("postgres", &shown) == "t").then_some(()));
        assert!(caught.is_some(), "the standby does not follow:\n{}", self.process.log_end());
    }

    /// A setting for the next start, or for the next `pg_reload_conf()`.
    pub fn set(&self, name: &str, value: &str) {
        let mut conf = OpenOptions::new().append(true).open(self.conf()).expect("postgresql.conf");
        conf.write_all(line(name, value).as_bytes()).expect("postgresql.conf");
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
        self.try_restart().unwrap_or_else(|text| panic!("{text}"));
    }

    /// The same for a server that may be unable to start, after [`Postgres::stop`] or [`Postgres::kill9`].
    ///
    /// # Errors
    /// The end of its log.
    #[track_caller]
    pub fn try_restart(&self) -> Result<(), String> {
        self.launch()
    }
}

impl Drop for Postgres {
    /// What a killed postmaster leaves in the kernel: the seventh line of `postmaster.pid` ends with its id. The server's next
    /// start would have removed it, but there is none.
    fn drop(&mut self) {
        self.process.kill();
        let text = fs::read_to_string(self.data_dir().join("postmaster.pid")).unwrap_or_default();
        if let Some(id) = text.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
            let mut command = Command::new("ipcrm");
            lower(&mut command);
            let _ = command.args(["-m", id]).output();
        }
    }
}

fn line(name: &str, value: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    text
}
