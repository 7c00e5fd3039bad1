//! Where MariaDB and MySQL differ: options, making a data directory, replication.

use std::path::Path;
use std::process::Command;

use super::binaries;
use super::folder::Folder;
use super::process::complete;

/// Which of the two a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// MariaDB.
    Mariadb,
    /// MySQL.
    Mysql,
}

impl Flavour {
    /// What a program says of itself.
    pub(super) fn of(program: &Path) -> Self {
        let output = Command::new(program).args(["--no-defaults", "--version"]).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !text.is_empty(), "{}: {:?}", program.display(), output.status);
        if text.contains("MariaDB") { Self::Mariadb } else { Self::Mysql }
    }

    /// Without these an empty data directory takes 200 MB. They are given to the server, too.
    pub(super) fn small(self) -> &'static [&'static str] {
        match self {
            Self::Mariadb => &[
                "--innodb-log-file-size=4M",
                "--innodb-buffer-pool-size=20M",
                "--innodb-data-file-path=ibdata1:2M:autoextend",
                "--innodb-autoextend-increment=4",
                "--innodb-temp-data-file-path=ibtmp1:2M:autoextend",
                "--aria-log-file-size=8M",
            ],
            Self::Mysql => &[
                "--innodb-redo-log-capacity=8M",
                "--innodb-buffer-pool-size=20M",
                "--innodb-autoextend-increment=4",
                "--secure-file-priv=NULL",
                "--mysqlx=OFF",
                "--log-error-verbosity=3",
            ],
        }
    }

    /// What makes it quick and careless.
    pub(super) fn fast(self) -> &'static [&'static str] {
        match self {
            Self::Mariadb => {
                &["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0"]
            }
            Self::Mysql => &[
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-flush-method=nosync",
                "--innodb-doublewrite=0",
                "--sync-binlog=0",
            ],
        }
    }

    /// The arguments that make a data directory.
    pub(super) fn init(self) -> Vec<String> {
        let own: &[&str] = match self {
            Self::Mariadb => {
                &["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
            }
            Self::Mysql => &["--no-defaults", "--initialize-insecure"],
        };
        own.iter().chain(self.small()).map(|text| (*text).to_owned()).collect()
    }

    /// Makes one in a folder.
    #[track_caller]
    pub(super) fn install(self, server: &Path, private: &Folder, init: &[String]) {
        let program = match self {
            Self::Mariadb => binaries::mariadb(&["mariadb-install-db", "mysql_install_db"]),
            Self::Mysql => server.to_owned(),
        };
        let mut command = private.command(&program);
        command.args(init).arg(format!("--datadir={}", private.data().display()));
        complete(private, command.arg(format!("--tmpdir={}", private.path().display())));
        // MySQL's own identity: copies of it could not follow one another.
        let _ = std::fs::remove_file(private.data().join("auto.cnf"));
    }

    /// What makes root able to come by TCP. MariaDB's data directory has that root from the beginning.
    pub(super) fn root_by_tcp(self) -> &'static str {
        match self {
            Self::Mariadb => "SELECT 1",
            Self::Mysql => {
                "SET sql_log_bin = 0; CREATE USER root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION"
            }
        }
    }

    /// The statements by which an empty server follows another from its first binary log on.
    pub(super) fn follow(self, port: u16, user: &str, password: &str) -> String {
        match self {
            Self::Mariadb => format!(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{user}', \
                 MASTER_PASSWORD='{password}', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE"
            ),
            Self::Mysql => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='{user}', \
                 SOURCE_PASSWORD='{password}', SOURCE_CONNECT_RETRY=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA"
            ),
        }
    }

    /// Where a primary stands.
    pub(super) fn position(self) -> &'static str {
        match self {
            Self::Mariadb => "SELECT @@gtid_binlog_pos",
            Self::Mysql => "SHOW BINARY LOG STATUS",
        }
    }

    /// Waits until a replica stands there; gives 0, or more, then.
    pub(super) fn wait(self, position: &str) -> String {
        match self {
            Self::Mariadb => format!("SELECT MASTER_GTID_WAIT('{position}', 180)"),
            Self::Mysql => {
                let mut words = position.split('\t');
                let (file, at) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                format!("SELECT SOURCE_POS_WAIT('{file}', {at}, 180)")
            }
        }
    }
}
