//! Opens a session: gathers the settings, connects, judges the server, sets the session.

use crate::connection::Connection;
use crate::error::Told;
use crate::options::Around;
use crate::session::{Purpose, Session};
use crate::settings::{self, Settings};
use lastbell_contract::{Location, Result};

/// A session for a purpose.
pub(crate) fn connect(location: &Location, purpose: Purpose) -> Result<Session> {
    let settings = settings::gather(location, &Around::of_process())?;
    Session::over(dial(&settings)?, settings, purpose)
}

/// A bare connection.
pub(crate) fn dial(settings: &Settings) -> Result<Connection> {
    Connection::open(settings).told("open")
}
