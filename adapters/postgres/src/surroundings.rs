//! What PostgreSQL's own programs read besides an address: `PG*` variables, the home folder, the user's name.
//! The only file of this crate that reads the environment. Tests give surroundings of their own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Variables that count. `PGPASSWORD_FILE` is ours: a file with the password, as containers hand it over.
const VARIABLES: [&str; 17] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSWORD_FILE",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGCONNECT_TIMEOUT",
    "HOME",
];

/// Everything around a connection.
#[derive(Clone, Default)]
pub(crate) struct Surroundings {
    /// The variables that are set.
    pub(crate) variables: BTreeMap<&'static str, OsString>,
    /// Whom the operating system takes us for.
    pub(crate) user: Option<String>,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn of_this_process() -> Self {
        let set = |name: &&'static str| Some((*name, std::env::var_os(name)?));
        Self { variables: VARIABLES.iter().filter_map(set).collect(), user: user_name() }
    }

    /// A variable that is set, not empty and text; libpq, too, takes an empty one for unset.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str().filter(|text| !text.is_empty())
    }

    /// A path from a variable.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    /// A file in the home folder.
    pub(crate) fn at_home(&self, name: &str) -> Option<PathBuf> {
        Some(self.path("HOME")?.join(name))
    }
}

/// By the user database of the machine; a user who stands elsewhere must be named.
fn user_name() -> Option<String> {
    let id = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mine = |line: &&str| line.split(':').nth(2) == Some(&id);
    users.lines().find(mine)?.split(':').next().map(str::to_owned)
}
