//! Log-in: the greeting, TLS, the account and its proof. Sends the password only where nobody can listen in, and else
//! what proves it.
//!
//! Not announced, whatever the server can: several statements in one text, and files of ours that a server may ask for.

use crate::fault::{Fault, Heard};
use crate::settings::{Settings, Way, is_loopback};
use crate::stream::Stream;
use crate::tls;
use crate::wire::Wire;
use mysql_common::constants::{CapabilityFlags, UTF8MB4_GENERAL_CI};
use mysql_common::crypto;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize;
use std::collections::HashMap;
use std::time::Duration;

/// The biggest packet that the protocol allows: how long a value may be is the server's to say.
const PACKET_BYTES: u32 = 1 << 30;

/// Answers of a server to a proof.
const OK: u8 = 0x00;
const MORE: u8 = 0x01;
const SWITCH: u8 = 0xfe;

/// A line on which the server has taken us, and the number that it gave the connection.
pub(crate) fn log_in(settings: &Settings) -> Heard<(Wire, u32)> {
    let client = tls::client(settings)?;
    let mut wire = Wire::over(Stream::open(settings)?);
    wire.stream.wait_at_most(Some(Duration::from_secs(settings.limits.connect)))?;
    let greeting = wire.next()?.to_vec();
    // The protocol's version comes first; 10 is that of every server since MySQL 3.21.
    if greeting.first() != Some(&10) {
        return Err(Fault::Protocol);
    }
    let greeting: HandshakePacket<'_> = ParseBuf(&greeting).parse(()).map_err(|_| Fault::Protocol)?;
    let flags = flags(greeting.capabilities())?;
    let mut flags = flags;
    if let Some(client) = client {
        if !greeting.capabilities().contains(CapabilityFlags::CLIENT_SSL) {
            return Err(Fault::Own("tls-refused"));
        }
        flags |= CapabilityFlags::CLIENT_SSL;
        let collation = u8::try_from(UTF8MB4_GENERAL_CI).map_err(|_| Fault::Protocol)?;
        send(&mut wire, &SslRequest::new(flags, PACKET_BYTES, collation))?;
        wire.stream = std::mem::replace(&mut wire.stream, Stream::Closed).secured(client)?;
    }
    // Of the others a server makes its greeting only to be asked for another by a switch.
    let plugin = match greeting.auth_plugin() {
        Some(AuthPlugin::CachingSha2Password) => AuthPlugin::CachingSha2Password,
        Some(_) | None => AuthPlugin::MysqlNativePassword,
    };
    let mut proof = Proof { plugin, nonce: greeting.nonce(), settings };
    send(&mut wire, &response(&proof, flags))?;
    proof.go_on(&mut wire)?;
    wire.stream.wait_at_most(None)?;
    Ok((wire, greeting.connection_id()))
}

fn flags(of_server: CapabilityFlags) -> Heard<CapabilityFlags> {
    let needed = CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_PLUGIN_AUTH
        | CapabilityFlags::CLIENT_CONNECT_WITH_DB;
    if !of_server.contains(needed) {
        return Err(Fault::Own("version"));
    }
    // Of MariaDB the first bit says that it has flags of its own; taking it asks for none of them.
    let wanted = CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_LONG_FLAG
        | CapabilityFlags::CLIENT_CONNECT_ATTRS;
    Ok(needed | (wanted & (of_server | CapabilityFlags::CLIENT_LONG_PASSWORD)))
}

fn send(wire: &mut Wire, packet: &impl MySerialize) -> Heard<()> {
    let mut bytes = Vec::new();
    packet.serialize(&mut bytes);
    wire.send(&bytes)
}

fn response<'a>(proof: &'a Proof<'_>, flags: CapabilityFlags) -> HandshakeResponse<'a> {
    let told = HashMap::from([("program_name".to_owned(), "lastbell".to_owned())]);
    let attributes = flags.contains(CapabilityFlags::CLIENT_CONNECT_ATTRS).then_some(told);
    HandshakeResponse::new(
        proof.bytes(),
        (8, 0, 0), // any that knows utf8mb4
        Some(proof.settings.user.as_bytes()),
        Some(proof.settings.database.as_bytes()),
        Some(proof.plugin.clone()),
        flags,
        attributes,
        PACKET_BYTES,
    )
}

/// How we prove that we know the password.
struct Proof<'a> {
    plugin: AuthPlugin<'static>,
    nonce: Vec<u8>,
    settings: &'a Settings,
}

impl Proof<'_> {
    fn password(&self) -> Option<&str> {
        self.settings.password.as_ref().map(|secret| secret.0.as_str())
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        self.plugin.gen_data(self.password(), &self.nonce).map(|data| data.to_vec())
    }

    /// Until the server says yes; its no comes as a refusal.
    fn go_on(&mut self, wire: &mut Wire) -> Heard<()> {
        let mut switched = false;
        loop {
            let answer = wire.next()?.to_vec();
            match (answer.first(), answer.get(1)) {
                (Some(&OK), _) => return Ok(()),
                (Some(&SWITCH), Some(_)) if !switched => {
                    switched = true;
                    self.switch(wire, &answer)?;
                }
                // The server remembers us and says yes in the next packet, or wants the password itself.
                (Some(&MORE), Some(3)) if self.plugin == AuthPlugin::CachingSha2Password => {}
                (Some(&MORE), Some(4)) if self.plugin == AuthPlugin::CachingSha2Password => self.whole(wire)?,
                _ => return Err(Fault::Protocol), // the server's bytes
            }
        }
    }

    fn switch(&mut self, wire: &mut Wire, answer: &[u8]) -> Heard<()> {
        let wanted: AuthSwitchRequest<'_> = ParseBuf(answer).parse(()).map_err(|_| Fault::Protocol)?;
        self.plugin = match wanted.auth_plugin() {
            AuthPlugin::MysqlNativePassword => AuthPlugin::MysqlNativePassword,
            AuthPlugin::CachingSha2Password => AuthPlugin::CachingSha2Password,
            AuthPlugin::Ed25519 => AuthPlugin::Ed25519,
            // In clear, by a broken digest, or one that is not known here.
            AuthPlugin::MysqlOldPassword
            | AuthPlugin::MysqlClearPassword
            | AuthPlugin::MariadbParsec { .. }
            | AuthPlugin::Other(_) => return Err(Fault::Own("auth-method")),
        };
        self.nonce = wanted.plugin_data().to_vec();
        wire.send(&self.bytes().unwrap_or_default())
    }

    /// The password itself: on a private line as it is; to a server on this machine under its own key; else not at all,
    /// for whoever sits on the line could show a key of theirs.
    fn whole(&self, wire: &mut Wire) -> Heard<()> {
        let mut password = self.password().unwrap_or_default().as_bytes().to_vec();
        password.push(0);
        if wire.stream.is_private() {
            return wire.send(&password);
        }
        let near = matches!(&self.settings.way, Way::Tcp(host, _) if is_loopback(host));
        if !near || self.nonce.is_empty() {
            return Err(Fault::Own("auth-needs-tls"));
        }
        wire.send(&[2])?;
        let key = wire.next()?.get(1..).unwrap_or_default().to_vec();
        if !key.starts_with(b"-----BEGIN PUBLIC KEY-----") {
            return Err(Fault::Protocol);
        }
        password.iter_mut().zip(self.nonce.iter().cycle()).for_each(|(letter, mask)| *letter ^= mask);
        wire.send(&crypto::encrypt(&password, &key))
    }
}
