//! Opens a connection: gathers the settings, speaks TLS where it must, judges the server, sets the session.

use crate::error::{Told, refused};
use crate::options::Around;
use crate::session::{Purpose, Session};
use crate::settings::{self, Protection, Settings, Way};
use lastbell_contract::{ErrorKind, Location, Result};
use mysql::{ClientIdentity, Conn, OptsBuilder, SslOpts};
use std::collections::HashMap;
use std::time::Duration;

/// The biggest packet that the protocol allows: how long a value may be is the server's to say.
const PACKET_BYTES: usize = 1 << 30;

/// A session for a purpose.
pub(crate) fn connect(location: &Location, purpose: Purpose) -> Result<Session> {
    let settings = settings::gather(location, &Around::of_process())?;
    Session::over(dial(&settings)?, settings, purpose)
}

/// A bare connection.
pub(crate) fn dial(settings: &Settings) -> Result<Conn> {
    // If another crate of the build brings a second provider, rustls panics unless one was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for path in settings.authority.iter().chain(settings.identity.iter().flat_map(|(chain, key)| [chain, key])) {
        std::fs::File::open(path).map_err(|_| refused(ErrorKind::Denied, "open", "tls-file"))?;
    }
    match Conn::new(options(settings)) {
        // Of what an ed25519 password is proved on, 32 bytes of chance, mysql_common 0.37 drops a last zero: one log-in of
        // 256 fails (measured). A password that is wrong is refused again.
        Err(mysql::Error::MySqlError(told)) if told.code == WRONG_PASSWORD && settings.password.is_some() => {
            Conn::new(options(settings))
        }
        opened => opened,
    }
    .told("open")
}

/// ER_ACCESS_DENIED_ERROR.
const WRONG_PASSWORD: u16 = 1045;

fn options(settings: &Settings) -> OptsBuilder {
    let mut options = OptsBuilder::new()
        .user(Some(&settings.user))
        .pass(settings.password.as_ref().map(|secret| &secret.0))
        .db_name(Some(&settings.database))
        // Else the driver moves a loopback connection to the server's socket, TLS or not.
        .prefer_socket(false)
        .max_allowed_packet(Some(PACKET_BYTES))
        .tcp_connect_timeout(Some(Duration::from_secs(settings.limits.connect)))
        // A statement may be silent for hours; that the host is still there is for the keepalive to find out.
        .tcp_keepalive_time_ms(Some(60_000))
        .tcp_keepalive_probe_interval_secs(Some(10))
        .tcp_keepalive_probe_count(Some(6))
        .connect_attrs(Some(HashMap::from([("program_name", "lastbell")])))
        .ssl_opts(tls(settings));
    match &settings.way {
        Way::Socket(path) => options = options.socket(Some(path.to_string_lossy())),
        Way::Tcp(host, port) => options = options.ip_or_hostname(Some(host)).tcp_port(*port),
    }
    options
}

fn tls(settings: &Settings) -> Option<SslOpts> {
    let mut tls = SslOpts::default().with_root_cert_path(settings.authority.clone());
    if let Some((chain, key)) = &settings.identity {
        tls = tls.with_client_identity(Some(ClientIdentity::new(chain.clone(), key.clone())));
    }
    match settings.protection {
        Protection::Plain => None,
        Protection::Authority => Some(tls.with_danger_skip_domain_validation(true)),
        Protection::Name => Some(tls),
    }
}
