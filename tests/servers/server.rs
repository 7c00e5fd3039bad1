//! Either server behind one interface, with the small diary in the words of its engine.

use crate::common::PUPILS;
use lastbell_testkit::servers::{Mariadb, Options, Postgres};

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Mariadb,
}

/// Both.
pub(crate) const ENGINES: [Engine; 2] = [Engine::Postgres, Engine::Mariadb];

/// The retired system's database.
pub(crate) const DIARY: &str = "diary";

/// A server.
pub(crate) enum Server {
    Postgres(Postgres),
    Mariadb(Mariadb),
}

impl Server {
    /// One with nothing in it; MariaDB has a binary log, as servers in life do.
    pub(crate) fn start(engine: Engine, options: &Options) -> Self {
        match engine {
            Engine::Postgres => Self::Postgres(Postgres::start(options)),
            Engine::Mariadb => Self::Mariadb(Mariadb::start(&options.clone().set("log_bin", "binlog"))),
        }
    }

    /// One with the small diary.
    pub(crate) fn with_diary(engine: Engine, options: &Options) -> Self {
        let server = Self::start(engine, options);
        server.create(DIARY);
        server.sql(DIARY, &server.engine().diary());
        server
    }

    /// What makes a server another one by its own mark too: PostgreSQL servers of one template have one mark, as a clone of a
    /// server has that of its origin.
    pub(crate) fn apart(engine: Engine, options: &Options) -> Options {
        match engine {
            Engine::Postgres => options.clone().init("--data-checksums"),
            Engine::Mariadb => options.clone(),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Mariadb(_) => Engine::Mariadb,
        }
    }

    #[track_caller]
    pub(crate) fn create(&self, database: &str) {
        match self {
            Self::Postgres(server) => server.create_database(database),
            Self::Mariadb(server) => server.create_database(database),
        }
    }

    /// As the one who may do everything.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        match self {
            Self::Postgres(server) => server.sql(database, sql),
            Self::Mariadb(server) => server.sql(database, sql),
        }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        match self {
            Self::Postgres(server) => server.url(database),
            Self::Mariadb(server) => server.url(database),
        }
    }

    pub(crate) fn url_as(&self, user: &str, database: &str) -> String {
        match self {
            Self::Postgres(server) => server.url_as(user, database),
            Self::Mariadb(server) => server.url_as(user, database),
        }
    }

    pub(crate) fn tcp_url(&self, host: &str, user: &str, database: &str) -> String {
        match self {
            Self::Postgres(server) => server.tcp_url(host, user, database),
            Self::Mariadb(server) => server.tcp_url(host, user, database),
        }
    }

    pub(crate) fn kill9(&self) {
        match self {
            Self::Postgres(server) => server.kill9(),
            Self::Mariadb(server) => server.kill9(),
        }
    }

    #[track_caller]
    pub(crate) fn start_again(&self) {
        let started = match self {
            Self::Postgres(server) => server.try_restart(),
            Self::Mariadb(server) => server.try_restart(),
        };
        started.unwrap_or_else(|text| panic!("{text}"));
    }

    /// The small disk under its data.
    pub(crate) fn disk(&self) -> &lastbell_testkit::servers::Disk {
        match self {
            Self::Postgres(server) => server.disk().unwrap(),
            Self::Mariadb(server) => server.disk().unwrap(),
        }
    }

    /// Every row of a table of the diary, as the server prints it, ordered by all columns.
    #[track_caller]
    pub(crate) fn rows(&self, table: &str) -> String {
        match self {
            Self::Postgres(_) => self.sql(DIARY, &format!("SELECT * FROM {table} ORDER BY 1, 2")),
            Self::Mariadb(_) => self.sql(DIARY, &format!("SELECT * FROM {table} ORDER BY 1, 2")),
        }
    }

    #[track_caller]
    pub(crate) fn count(&self, table: &str) -> u64 {
        self.sql(DIARY, &format!("SELECT count(*) FROM {table}")).trim().parse().unwrap()
    }

    /// The names of all constraints that lead from `rooms` elsewhere.
    #[track_caller]
    pub(crate) fn links_of_rooms(&self) -> String {
        let sql = match self {
            Self::Postgres(_) => {
                "SELECT conname FROM pg_constraint WHERE conrelid = 'rooms'::regclass AND contype = 'f'"
            }
            Self::Mariadb(_) => {
                "SELECT constraint_name FROM information_schema.referential_constraints WHERE table_name = 'rooms'"
            }
        };
        self.sql(DIARY, sql).trim().to_owned()
    }

    /// All tables of the diary's database, one a line.
    #[track_caller]
    pub(crate) fn tables(&self) -> String {
        let schema = match self {
            Self::Postgres(_) => "public",
            Self::Mariadb(_) => DIARY,
        };
        let sql =
            format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}' ORDER BY 1");
        self.sql(DIARY, &sql)
    }

    /// Settings of the server that its own commands changed, as far as cleaning may touch them.
    #[track_caller]
    pub(crate) fn settings(&self) -> String {
        match self {
            Self::Postgres(server) => {
                let auto = std::fs::read_to_string(server.data_dir().join("postgresql.auto.conf")).unwrap();
                let lines: Vec<&str> = auto.lines().filter(|line| !line.starts_with('#')).collect();
                lines.join("\n")
            }
            Self::Mariadb(_) => self.sql(
                "",
                "SELECT @@GLOBAL.innodb_log_file_size, @@GLOBAL.innodb_change_buffering, @@GLOBAL.general_log,
                 @@GLOBAL.slow_query_log, @@GLOBAL.log_output, @@GLOBAL.innodb_purge_rseg_truncate_frequency,
                 @@GLOBAL.innodb_max_dirty_pages_pct, @@GLOBAL.innodb_immediate_scrub_data_uncompressed",
            ),
        }
    }
}

impl Engine {
    /// A text that may be a key.
    fn text(self) -> &'static str {
        match self {
            Self::Postgres => "text",
            Self::Mariadb => "varchar(200)",
        }
    }

    /// The small diary with rows; what `common` writes into a file.
    pub(crate) fn diary(self) -> String {
        let text = self.text();
        let mut sql = format!(
            "CREATE TABLE pupils (id integer PRIMARY KEY, fio {text} NOT NULL, snils {text} UNIQUE, phone {text});
             CREATE TABLE marks (id integer PRIMARY KEY, pupil_id integer NOT NULL, subject_id integer, mark {text},
                 CONSTRAINT mark_of FOREIGN KEY (pupil_id) REFERENCES pupils (id));
             CREATE TABLE staff (id integer PRIMARY KEY, fio {text} NOT NULL, email {text});
             CREATE TABLE subjects (id integer PRIMARY KEY, title {text} NOT NULL);
             CREATE TABLE rooms (id integer PRIMARY KEY, title {text}, keeper_id integer,
                 CONSTRAINT kept_by FOREIGN KEY (keeper_id) REFERENCES staff (id));
             CREATE TABLE visits (at {text}, who {text});\n"
        );
        for (id, fio, snils, phone) in PUPILS {
            sql += &format!("INSERT INTO pupils VALUES ({id}, '{fio}', '{snils}', '{phone}');\n");
        }
        for id in 0..12_usize {
            let (pupil, subject, mark) = (id % 4 + 1, id % 2 + 1, ["5", "4", "н"][id % 3]);
            sql += &format!("INSERT INTO marks VALUES ({}, {pupil}, {subject}, '{mark}');\n", id + 1);
        }
        sql + "INSERT INTO staff VALUES (1, 'Указкина Милица Проверовна', 'ukazkina@school.example'),
                   (2, 'Журналов Тихон Опытович', 'zhurnalov@school.example');
               INSERT INTO subjects VALUES (1, 'Чистописание'), (2, 'Астрономия');
               INSERT INTO rooms VALUES (1, 'кабинет 7', 1);
               INSERT INTO visits VALUES ('2026-08-30 08:00:00', 'Звонкова Аглая Тестовна вошла с 10.1.2.3'),
                   ('2026-08-31 09:30:00', 'Указкина Милица Проверовна поставила 5');"
    }
}
