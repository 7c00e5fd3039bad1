//! A throw-away MariaDB. Writes its folder: `data/`, `tmp/`, `log`, the socket `s`.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::folder::{Folder, lower, runs_as};
use super::process::{Process, complete};
use super::{Durability, Options, binaries, client, template};

/// Without these an empty data directory takes 200 MB.
const SMALL: [&str; 5] = [
    "--innodb-log-file-size=4M",
    "--innodb-buffer-pool-size=20M",
    "--innodb-data-file-path=ibdata1:2M:autoextend",
    "--innodb-temp-data-file-path=ibtmp1:2M:autoextend",
    "--aria-log-file-size=8M",
];
const PLAIN: [&str; 4] =
    ["--skip-networking", "--skip-name-resolve", "--local-infile=0", "--character-set-server=utf8mb4"];
const FAST: [&str; 3] =
    ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0"];

/// The first byte of a greeting: the protocol's version. A connection alone succeeds before the server can answer.
const PROTOCOL: u8 = 10;

/// A MariaDB server of one's own. Ends when dropped.
#[derive(Debug)]
pub struct Mariadb {
    process: Process,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Mariadb {
    /// Starts one with the system's databases and `root@localhost`, without a password.
    #[must_use]
    #[track_caller]
    pub fn start(options: &Options) -> Self {
        let program = binaries::mysqld();
        // KILL: its orderly end may take long, and nothing outside its folder is left.
        let process = Process::new(Folder::new("m", "KILL"));
        let server = Self { arguments: arguments(options, process.folder.path()), process, program };
        let mut init: Vec<String> =
            ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
                .map(String::from)
                .into();
        init.extend(SMALL.map(String::from));
        init.extend(options.init.iter().cloned());
        template::copy("mariadb", &server.program, &init, &server.data_dir(), |private| install(private, &init));
        server.make_tmp();
        server.launch();
        server
    }

    /// Apart from the data, so that nothing but data lies in it.
    fn make_tmp(&self) {
        let tmp = self.process.folder.path().join("tmp");
        fs::create_dir(&tmp).expect("the server's tmp");
        let (user, group) = runs_as();
        std::os::unix::fs::chown(&tmp, Some(user), Some(group)).expect("the server's tmp");
    }

    #[track_caller]
    fn launch(&self) {
        let socket = self.process.folder.socket("s");
        let mut command = self.process.folder.command(&self.program);
        command.args(&self.arguments);
        self.process.start(command, |_| greets(&socket));
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.process.folder.socket("s")
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

    /// Its process id; it runs.
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

    /// The address of a database for root.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_as("root", database)
    }

    /// The address of a database for a user without a password, or with `user:password`.
    #[must_use]
    pub fn url_as(&self, user: &str, database: &str) -> String {
        format!("mysql://{user}@localhost/{database}?socket={}", self.socket().display())
    }

    /// Runs statements as root, each on its own, and returns the rows: a tab between columns, a line per row.
    /// A refusal is a panic with the server's text. An empty database name stands for none.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql("root", database, sql).unwrap_or_else(|text| panic!("{text}\nin: {sql}"))
    }

    /// The same as a user without a password; the server's text when it refuses, and nothing after that has run.
    ///
    /// # Errors
    /// What the client says.
    pub fn try_sql(&self, user: &str, database: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(binaries::mariadb(&["mariadb", "mysql"]));
        lower(&mut command);
        command.args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        command.arg(format!("--socket={}", self.socket().display())).arg(format!("--user={user}"));
        command.args(Some(database).filter(|name| !name.is_empty()));
        client::feed(&mut command, sql)
    }

    /// A new empty database.
    #[track_caller]
    pub fn create_database(&self, name: &str) {
        self.sql("", &format!("CREATE DATABASE `{}`", name.replace('`', "``")));
    }

    /// Stops it in order.
    #[track_caller]
    pub fn stop(&self) {
        self.process.stop(Signal::TERM);
    }

    /// Kills it without a chance to write anything.
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

/// `--no-defaults` comes first, or else `/etc/mysql` leaks in.
fn arguments(options: &Options, folder: &Path) -> Vec<String> {
    let mut all = vec!["--no-defaults".to_owned()];
    all.extend(SMALL.iter().chain(&PLAIN).map(|text| (*text).to_owned()));
    for (name, place) in [("datadir", "data"), ("socket", "s"), ("pid-file", "server.pid"), ("tmpdir", "tmp")] {
        all.push(format!("--{name}={}", folder.join(place).display()));
    }
    if !options.has("log_bin") {
        all.push("--skip-log-bin".to_owned());
    }
    if options.durability == Durability::Fast {
        all.extend(FAST.map(String::from));
    }
    all.extend(options.settings.iter().map(|(name, value)| match value.as_str() {
        "" => format!("--{name}"),
        value => format!("--{name}={value}"),
    }));
    all
}

fn install(private: &Folder, init: &[String]) {
    let program = binaries::mariadb(&["mariadb-install-db", "mysql_install_db"]);
    let data = template::inside(private);
    let mut command = private.command(&program);
    command.args(init).arg(format!("--datadir={}", data.display()));
    complete(private, command.arg(format!("--tmpdir={}", private.path().display())));
}

/// Whether the server sends its greeting: a packet's four bytes of length and number, then the protocol.
fn greets(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let mut head = [0; 5];
    let patient = stream.set_read_timeout(Some(Duration::from_secs(10))).is_ok();
    patient && stream.read_exact(&mut head).is_ok() && head[4] == PROTOCOL
}
