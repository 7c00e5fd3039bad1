//! One byte stream to the server: unix socket, TCP, or TCP under TLS. Opens sockets; writes nothing but the request
//! for TLS.

use crate::error::refused;
use crate::settings::{Place, Settings, SslMode};
use crate::tls;
use lastbell_contract::{AdapterError, ErrorKind, Result};
use rustix::net::sockopt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A server that vanished without a word is noticed after 30 + 6 × 10 seconds; while it only works long, its kernel answers.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 6;

/// A length of eight, and the number that asks for TLS (documentation, "Message Formats", SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Where the bytes go.
pub(crate) enum Stream {
    /// A unix socket.
    Socket(UnixStream),
    /// TCP as it is: loopback, or `sslmode=disable`.
    Plain(TcpStream),
    /// TCP under TLS, the server's certificate checked.
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

impl Stream {
    /// Connects; under TLS the handshake is done when this returns.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        match &settings.place {
            Place::Socket { folder, port } => socket(folder, *port, settings),
            Place::Tcp { host, address, port } => {
                let stream = dial(address.as_deref().unwrap_or(host), *port, settings.connect_timeout)?;
                prepare(&stream, settings).map_err(|error| connecting(&error))?;
                match settings.ssl_mode {
                    SslMode::Disable => Ok(Self::Plain(stream)),
                    SslMode::VerifyCa | SslMode::VerifyFull => under_tls(stream, host, settings),
                }
            }
        }
    }

    /// Startup must end in time; a statement may take long.
    pub(crate) fn limit(&self, time: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.set_read_timeout(time).and_then(|()| stream.set_write_timeout(time)),
            Self::Plain(stream) => stream.set_read_timeout(time).and_then(|()| stream.set_write_timeout(time)),
            Self::Tls(stream) => stream.sock.set_read_timeout(time).and_then(|()| stream.sock.set_write_timeout(time)),
        }
    }

    /// Ends it in both directions.
    pub(crate) fn close(&self) {
        // A stream that is closed already says so; there is nothing left to do about it.
        let _ = match self {
            Self::Socket(stream) => stream.shutdown(Shutdown::Both),
            Self::Plain(stream) => stream.shutdown(Shutdown::Both),
            Self::Tls(stream) => stream.sock.shutdown(Shutdown::Both),
        };
    }

    /// Nobody on the way can read it: TLS, or no network at all.
    pub(crate) fn is_private(&self) -> bool {
        match self {
            Self::Socket(_) | Self::Tls(_) => true,
            Self::Plain(_) => !self.is_remote(),
        }
    }

    /// Does it leave this machine?
    pub(crate) fn is_remote(&self) -> bool {
        let far = |stream: &TcpStream| !stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
        match self {
            Self::Socket(_) => false,
            Self::Plain(stream) => far(stream),
            Self::Tls(stream) => far(&stream.sock),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.read(into),
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.write(bytes),
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.flush(),
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn socket(folder: &Path, port: u16, settings: &Settings) -> Result<Stream> {
    let path = folder.join(format!(".s.PGSQL.{port}"));
    let stream = UnixStream::connect(path).map_err(|error| connecting(&error))?;
    let limit = Some(settings.connect_timeout);
    let limited = stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit));
    limited.map_err(|error| connecting(&error))?;
    Ok(Stream::Socket(stream))
}

/// Tries each address of the name in turn.
fn dial(host: &str, port: u16, limit: Duration) -> Result<TcpStream> {
    let unknown = || refused(ErrorKind::Unreachable, "open", "host-unknown");
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|_| unknown())?.collect();
    let mut failure = unknown();
    for address in addresses {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = connecting(&error),
        }
    }
    Err(failure)
}

fn prepare(stream: &TcpStream, settings: &Settings) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(settings.connect_timeout))?;
    stream.set_write_timeout(Some(settings.connect_timeout))?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    Ok(sockopt::set_tcp_keepcnt(stream, KEEPALIVE_TRIES)?)
}

/// Exactly one byte is read before the handshake: what came behind it in clear would otherwise count as the server's
/// word under TLS (CVE-2021-23222).
fn under_tls(mut stream: TcpStream, host: &str, settings: &Settings) -> Result<Stream> {
    let mut answer = [0];
    let asked = stream.write_all(&SSL_REQUEST).and_then(|()| stream.read_exact(&mut answer));
    asked.map_err(|error| connecting(&error))?;
    if answer != *b"S" {
        return Err(refused(ErrorKind::Unreachable, "open", "tls-refused"));
    }
    let client = tls::client(host, settings.ssl_mode, &settings.tls)?;
    let mut stream = rustls::StreamOwned::new(client, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(|error| tls::failed(&error))?;
    }
    Ok(Stream::Tls(Box::new(stream)))
}

fn connecting(error: &io::Error) -> AdapterError {
    let (kind, code) = match error.kind() {
        io::ErrorKind::NotFound => (ErrorKind::Unreachable, "connect"),
        io::ErrorKind::PermissionDenied => (ErrorKind::Denied, "socket-denied"),
        io::ErrorKind::ConnectionRefused => (ErrorKind::Unreachable, "connect"),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => (ErrorKind::Unreachable, "timeout"),
        _ => (ErrorKind::Unreachable, "line"), // io::ErrorKind is not ours and is open-ended
    };
    refused(kind, "open", code)
}
