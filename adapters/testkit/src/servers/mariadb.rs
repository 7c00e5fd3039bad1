//! A throw-away MariaDB, or the MySQL that LASTBELL_MYSQLD names. Writes its folder: `data/`, `tmp/`, `log`, the socket `s`.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::flavour::Flavour;
use super::folder::{Folder, lower, own};
use super::process::Process;
use super::{Disk, Durability, Held, Options, binaries, client, tcp, template};

/// What a test's server is spared, whatever it is.
const PLAIN: [&str; 3] = ["--skip-name-resolve", "--local-infile=0", "--character-set-server=utf8mb4"];
/// The first byte of a greeting: the protocol's version. A connection alone succeeds before the server can answer.
const PROTOCOL: u8 = 10;

/// A MariaDB server of one's own. Ends when dropped.
#[derive(Debug)]
pub struct Mariadb {
    process: Process,
    program: PathBuf,
    flavour: Flavour,
    arguments: Vec<String>,
    port: Option<u16>,
}

impl Mariadb {
    /// Starts one with the system's databases and `root@localhost`, without a password; with TCP also `root@127.0.0.1`.
    #[must_use]
    #[track_caller]
    pub fn start(options: &Options) -> Self {
        let program = binaries::mysqld();
        // KILL: its orderly end may take long, and nothing outside its folder is left.
        let process = Process::new(Folder::new("m", "KILL", options.disk_bytes));
        let flavour = Flavour::of(&program);
        let server = Self { process, program, flavour, arguments: Vec::new(), port: None };
        let mut init = flavour.init();
        init.extend(options.init.iter().cloned());
        template::copy("mariadb", &server.program, &init, &server.process.folder, |private| {
            flavour.install(&server.program, private, &init);
        });
        server.first_start(options)
    }

    /// Starts a replica that follows a primary, which has `log_bin`, a `server_id` and TCP. It begins empty and repeats all
    /// that the primary's binary logs hold; this returns when it has.
    #[must_use]
    #[track_caller]
    pub fn replica_of(primary: &Self, options: &Options) -> Self {
        let port = primary.port.expect("the primary listens on a port");
        let (user, password) = ("lastbell_replica", "invented");
        let grant = format!(
            "CREATE USER IF NOT EXISTS {user}@'127.0.0.1' IDENTIFIED BY '{password}'; \
             GRANT REPLICATION SLAVE ON *.* TO {user}@'127.0.0.1'"
        );
        primary.sql("", &grant);
        let options = if options.has("server_id") { options.clone() } else { options.clone().set("server_id", "2") };
        let replica = Self::start(&options);
        replica.sql("", &primary.flavour.follow(port, user, password));
        replica.catch_up(primary);
        replica
    }

    #[track_caller]
    fn first_start(mut self, options: &Options) -> Self {
        // Apart from the data, so that nothing but data lies in it.
        let tmp = self.socket_dir().join("tmp");
        fs::create_dir(&tmp).expect("the server's tmp");
        own(&tmp);
        for attempt in 0.. {
            self.port = options.tcp.then(|| tcp::free_port(self.socket_dir(), attempt));
            self.arguments = self.arguments(options);
            match self.launch() {
                Ok(()) => break,
                Err(text) => assert!(attempt < 5 && text.contains(tcp::TAKEN), "{text}"),
            }
        }
        if options.tcp {
            self.sql("", self.flavour.root_by_tcp());
        }
        self
    }

    /// `--no-defaults` comes first, or else `/etc/mysql` leaks in.
    fn arguments(&self, options: &Options) -> Vec<String> {
        let folder = self.socket_dir();
        let mut all = vec!["--no-defaults".to_owned()];
        all.extend(self.flavour.small().iter().chain(&PLAIN).map(|text| (*text).to_owned()));
        all.push(format!("--datadir={}", self.process.folder.data_of_server().display()));
        for (name, place) in [("socket", "s"), ("pid-file", "server.pid"), ("tmpdir", "tmp")] {
            all.push(format!("--{name}={}", folder.join(place).display()));
        }
        match self.port {
            Some(port) => all.extend(["--bind-address=127.0.0.1".to_owned(), format!("--port={port}")]),
            None => all.push("--skip-networking".to_owned()),
        }
        if let Some(identity) = &options.tls {
            let (certificate, key) = tcp::install(folder, identity);
            all.extend([format!("--ssl-cert={}", certificate.display()), format!("--ssl-key={}", key.display())]);
        }
        if !options.has("log_bin") {
            all.push("--skip-log-bin".to_owned());
        }
        if options.durability == Durability::Fast {
            all.extend(self.flavour.fast().iter().map(|text| (*text).to_owned()));
        }
        all.extend(options.settings.iter().map(|(name, value)| argument(name, value)));
        all
    }

    fn launch(&self) -> Result<(), String> {
        let socket = self.socket();
        let mut command = self.process.folder.command(&self.program);
        command.args(&self.arguments);
        self.process.start(command, |_| greets(&socket))
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

    /// Which of the two it is.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Where it listens, if there is TCP.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
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

    /// The address of a database for `user` or `user:password`.
    #[must_use]
    pub fn url_as(&self, user: &str, database: &str) -> String {
        format!("mysql://{user}@localhost/{database}?socket={}", self.socket().display())
    }

    /// The address by TCP, under a name of this machine. A user there is `'user'@'127.0.0.1'`: names are not looked up.
    #[must_use]
    #[track_caller]
    pub fn tcp_url(&self, host: &str, user: &str, database: &str) -> String {
        format!("mysql://{user}@{host}:{}/{database}", self.port.expect("it listens on a port"))
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
        client::feed(&mut self.client(user, database), sql)
    }

    /// Runs statements as root, and keeps the session, with its locks and its open transaction, until what is returned is
    /// dropped.
    #[must_use]
    #[track_caller]
    pub fn hold(&self, database: &str, sql: &str) -> Held {
        // Else what it prints waits in its buffer for its end.
        Held::begin(self.client("root", database).arg("--unbuffered"), sql)
    }

    fn client(&self, user: &str, database: &str) -> Command {
        let mut command = Command::new(binaries::mariadb(&["mariadb", "mysql"]));
        lower(&mut command);
        command.args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        command.arg(format!("--socket={}", self.socket().display())).arg(format!("--user={user}"));
        command.args(Some(database).filter(|name| !name.is_empty()));
        command
    }

    /// A new empty database.
    #[track_caller]
    pub fn create_database(&self, name: &str) {
        self.sql("", &format!("CREATE DATABASE `{}`", name.replace('`', "``")));
    }

    /// Waits until this replica shows all that the primary has committed by now.
    #[track_caller]
    pub fn catch_up(&self, primary: &Self) {
        let wanted = primary.sql("", primary.flavour.position());
        let reached = self.sql("", &self.flavour.wait(&wanted));
        let reached: Option<u32> = reached.parse().ok();
        assert!(reached.is_some(), "the replica does not follow:\n{}", self.process.log_end());
    }

    /// A setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.arguments.push(argument(name, value));
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
        self.try_restart().unwrap_or_else(|text| panic!("{text}"));
    }

    /// The same for a server that may be unable to start, after [`Mariadb::stop`] or [`Mariadb::kill9`].
    ///
    /// # Errors
    /// The end of its log.
    #[track_caller]
    pub fn try_restart(&self) -> Result<(), String> {
        self.launch()
    }
}

fn argument(name: &str, value: &str) -> String {
    if value.is_empty() { format!("--{name}") } else { format!("--{name}={value}") }
}

/// Whether the server sends its greeting: a packet's four bytes of length and number, then the protocol.
fn greets(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let mut head = [0; 5];
    let patient = stream.set_read_timeout(Some(Duration::from_secs(10))).is_ok();
    patient && stream.read_exact(&mut head).is_ok() && head[4] == PROTOCOL
}
