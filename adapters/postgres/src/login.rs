//! From an open stream to a session that accepts statements: startup message, authentication, first answers.
//! Says the password to a server that proved its name, or that is on this machine; otherwise only proves to know it.

use crate::error::{Fault, Told, refused};
use crate::settings::{Secret, Settings};
use crate::wire::Wire;
use lastbell_contract::{ErrorKind, Result};
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::frontend;

/// What a cancellation must show: the backend's process and a number that only it and we know.
#[derive(Clone, Copy)]
pub(crate) struct CancelKey {
    /// The server's process.
    pub(crate) process: i32,
    /// The number.
    pub(crate) secret: i32,
}

/// Logs in. The stream stands at the server's first word.
pub(crate) fn log_in(wire: &mut Wire, settings: &Settings) -> Result<CancelKey> {
    let parts = [
        ("user", settings.user.as_str()),
        ("database", settings.database.as_str()),
        ("application_name", "lastbell"),
        ("client_encoding", "UTF8"),
    ];
    wire.say(|out| frontend::startup_message(parts, out)).told("open")?;
    wire.flush().told("open")?;
    authenticate(wire, settings)?;
    until_ready(wire)
}

fn authenticate(wire: &mut Wire, settings: &Settings) -> Result<()> {
    loop {
        let (number, data) = question(wire)?;
        // AuthenticationOk, CleartextPassword, MD5Password, SASL ("Message Formats").
        match (number, data.as_slice()) {
            (0, _) => return Ok(()),
            (3, _) if !wire.stream().is_private() => {
                return Err(refused(ErrorKind::Unsafe, "open", "password-in-clear"));
            }
            (3, _) => {
                let secret = password(settings)?.0.as_bytes();
                answer(wire, |out| frontend::password_message(secret, out))?;
            }
            (5, [a, b, c, d]) => {
                let secret = password(settings)?.0.as_bytes();
                let hash = md5_hash(settings.user.as_bytes(), secret, [*a, *b, *c, *d]);
                answer(wire, |out| frontend::password_message(hash.as_bytes(), out))?;
            }
            (10, mechanisms) => scram(wire, mechanisms, password(settings)?)?,
            _ => return Err(refused(ErrorKind::Unsupported, "open", "auth-method")), // Kerberos, GSSAPI, SSPI, OAuth
        }
    }
}

fn password(settings: &Settings) -> Result<&Secret> {
    settings.password.as_ref().ok_or_else(|| refused(ErrorKind::Denied, "open", "password-missing"))
}

/// One authentication message: its number and what follows.
fn question(wire: &mut Wire) -> Result<(u32, Vec<u8>)> {
    let message = wire.next().told("open")?;
    let odd = || refused(ErrorKind::Engine, "open", "not-postgres");
    if message.tag != b'R' {
        return Err(odd());
    }
    let (number, data) = wire.body(&message).split_first_chunk::<4>().ok_or_else(odd)?;
    Ok((u32::from_be_bytes(*number), data.to_vec()))
}

fn answer(wire: &mut Wire, lay: impl FnOnce(&mut bytes::BytesMut) -> std::io::Result<()>) -> Result<()> {
    wire.say(lay).told("open")?;
    wire.flush().told("open")
}

/// SCRAM-SHA-256 (RFC 7677). The server, too, must prove that it knows the password.
fn scram(wire: &mut Wire, mechanisms: &[u8], secret: &Secret) -> Result<()> {
    if !mechanisms.split(|byte| *byte == 0).any(|one| one == sasl::SCRAM_SHA_256.as_bytes()) {
        return Err(refused(ErrorKind::Unsupported, "open", "auth-method"));
    }
    let impostor = |_| refused(ErrorKind::Denied, "open", "auth-server");
    let mut exchange = sasl::ScramSha256::new(secret.0.as_bytes(), sasl::ChannelBinding::unsupported());
    answer(wire, |out| frontend::sasl_initial_response(sasl::SCRAM_SHA_256, exchange.message(), out))?;
    let (number, data) = question(wire)?;
    if number != 11 {
        return Err(refused(ErrorKind::Engine, "open", "not-postgres"));
    }
    exchange.update(&data).map_err(impostor)?;
    answer(wire, |out| frontend::sasl_response(exchange.message(), out))?;
    let (number, data) = question(wire)?;
    if number != 12 {
        return Err(refused(ErrorKind::Engine, "open", "not-postgres"));
    }
    exchange.finish(&data).map_err(impostor)
}

fn until_ready(wire: &mut Wire) -> Result<CancelKey> {
    let mut key = CancelKey { process: 0, secret: 0 };
    loop {
        let message = wire.next().told("open")?;
        let body = wire.body(&message);
        match (message.tag, body) {
            (b'K', [a, b, c, d, e, f, g, h]) => {
                key.process = i32::from_be_bytes([*a, *b, *c, *d]);
                key.secret = i32::from_be_bytes([*e, *f, *g, *h]);
            }
            (b'Z', _) => return Ok(key),
            (b'v', _) => {} // a newer server says which protocol it would speak
            _ => return Err(Fault::Protocol("not-postgres").during("open")),
        }
    }
}
