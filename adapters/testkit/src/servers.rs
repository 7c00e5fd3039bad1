//! Throw-away PostgreSQL and MariaDB servers on unix sockets, each with a data directory of its own.
//! Reads the installed programs (or those that LASTBELL_POSTGRES_BIN and LASTBELL_MYSQLD name); writes folders in
//! `/tmp/lb-UID`, which go with the server, and a template per version, which stays until the machine starts anew.
//!
//! A missing program is a panic with the line that installs it, never a skipped test. As root the servers run as `nobody`,
//! because PostgreSQL refuses root. A server ends when it is dropped; one in a `static`, which Rust never drops, and one
//! whose test was killed are ended by their watchdog (`folder.rs`).
//!
//! ```no_run
//! use lastbell_testkit::servers::{Options, Postgres};
//!
//! let server = Postgres::start(&Options::real().set("wal_level", "logical"));
//! server.create_database("diary");
//! server.sql("diary", "CREATE TABLE pupil (id int)");
//! assert_eq!(server.sql("diary", "SELECT count(*) FROM pupil"), "0");
//! let url = server.url("diary");
//! # drop(url);
//! ```

mod binaries;
mod client;
mod disk;
mod flavour;
mod folder;
mod held;
mod mariadb;
mod postgres;
mod process;
mod standby;
mod tcp;
mod template;
mod tls;

pub use disk::{Disk, SmallFolder};
pub use flavour::Flavour;
pub use held::Held;
pub use mariadb::Mariadb;
pub use postgres::Postgres;
pub use tls::{Certificates, Identity};

/// What the server does so that its data outlives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: no fsync, no full-page writes, no doublewrite, the smallest WAL, no binary log. For everything but the below.
    /// What was committed within the last second may die with the server.
    Fast,
    /// What a server does in life. For crashes, replication and whatever is judged by bytes on the disk: `Fast` leaves out
    /// the very places in which old rows lie.
    Real,
}

/// How a server starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it does for its data.
    pub durability: Durability,
    /// Settings of the server, over ours: lines of `postgresql.conf`, so that ALTER SYSTEM still stands above them; options
    /// of `mariadbd`, an empty value for one that takes none.
    pub settings: Vec<(String, String)>,
    /// Settings on the server's command line, over every file: ALTER SYSTEM changes none of them. PostgreSQL only; MariaDB's
    /// `settings` stand there anyhow.
    pub fixed: Vec<(String, String)>,
    /// Further arguments for `initdb` or `mariadb-install-db`; servers with the same ones share a template.
    pub init: Vec<String>,
    /// Lines of `pg_hba.conf` before ours, which trust everybody. PostgreSQL only.
    pub hba: Vec<String>,
    /// Whether it also listens on a port of 127.0.0.1.
    pub tcp: bool,
    /// Its certificate: it offers TLS there.
    pub tls: Option<Identity>,
    /// Its data lie on a disk of so many bytes.
    pub disk_bytes: Option<u64>,
}

impl Options {
    /// The quick kind.
    #[must_use]
    pub fn fast() -> Self {
        Self {
            durability: Durability::Fast,
            settings: Vec::new(),
            fixed: Vec::new(),
            init: Vec::new(),
            hba: Vec::new(),
            tcp: false,
            tls: None,
            disk_bytes: None,
        }
    }

    /// The durable kind.
    #[must_use]
    pub fn real() -> Self {
        Self { durability: Durability::Real, ..Self::fast() }
    }

    /// The same with a setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a setting on PostgreSQL's command line.
    #[must_use]
    pub fn fixed(mut self, name: &str, value: &str) -> Self {
        self.fixed.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with an argument for the program that makes the data directory.
    #[must_use]
    pub fn init(mut self, argument: &str) -> Self {
        self.init.push(argument.to_owned());
        self
    }

    /// The same with a line of `pg_hba.conf`.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// The same with a port of 127.0.0.1.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// The same with a port and TLS on it, for who asks for it.
    #[must_use]
    pub fn tls(mut self, identity: Identity) -> Self {
        self.tls = Some(identity);
        self.tcp()
    }

    /// The same with its data on a small disk; the test has `full_disk` in its name. An empty PostgreSQL takes 40 MB, an empty MariaDB 20 MB.
    #[must_use]
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk_bytes = Some(bytes);
        self
    }

    /// Whether a setting is given; `-` and `_` are one letter, as for the servers.
    fn has(&self, name: &str) -> bool {
        self.settings.iter().any(|(given, _)| given.replace('-', "_") == name)
    }
}
