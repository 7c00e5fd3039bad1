//! The line itself: a socket of this machine, TCP, or TLS over TCP. Opens it; knows nothing of what is said on it.

use crate::fault::{Fault, Heard};
use crate::settings::{Settings, Way};
use rustix::net::sockopt;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// An open line.
pub(crate) enum Stream {
    /// A socket of this machine.
    Socket(UnixStream),
    /// In clear over the network.
    Tcp(TcpStream),
    /// Over TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// None: it was closed.
    Closed,
}

impl Stream {
    /// Opens the line in clear.
    pub(crate) fn open(settings: &Settings) -> Heard<Self> {
        let patience = Duration::from_secs(settings.limits.connect);
        match &settings.way {
            Way::Socket(path) => UnixStream::connect(path).map(Self::Socket).map_err(|_| Fault::Own("connect")),
            Way::Tcp(host, port) => tcp(host, *port, patience).map(Self::Tcp),
        }
    }

    /// Sets how long to wait for a byte; `None` is for ever.
    pub(crate) fn wait_at_most(&self, patience: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Socket(line) => line.set_read_timeout(patience),
            Self::Tcp(line) => line.set_read_timeout(patience),
            Self::Tls(line) => line.sock.set_read_timeout(patience),
            Self::Closed => Ok(()),
        }
    }

    /// The same line under TLS from here on.
    pub(crate) fn secured(self, client: ClientConnection) -> Heard<Self> {
        match self {
            Self::Tcp(line) => Ok(Self::Tls(Box::new(StreamOwned::new(client, line)))),
            Self::Socket(_) | Self::Tls(_) | Self::Closed => Err(Fault::Protocol),
        }
    }

    /// Can nobody else listen in?
    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Self::Socket(_) | Self::Tls(_))
    }
}

fn tcp(host: &str, port: u16, patience: Duration) -> Heard<TcpStream> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let places = (bare, port).to_socket_addrs().map_err(|_| Fault::Own("connect"))?;
    let mut lines = places.map(|place| TcpStream::connect_timeout(&place, patience));
    let line = lines.find_map(Result::ok).ok_or(Fault::Own("connect"))?;
    line.set_nodelay(true)?;
    // A statement may be silent for hours; that the host is still there is for the keepalive to find out.
    let settled = sockopt::set_socket_keepalive(&line, true)
        .and_then(|()| sockopt::set_tcp_keepidle(&line, Duration::from_secs(60)))
        .and_then(|()| sockopt::set_tcp_keepintvl(&line, Duration::from_secs(10)))
        .and_then(|()| sockopt::set_tcp_keepcnt(&line, 6));
    settled.map_err(io::Error::from)?;
    Ok(line)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(line) => line.read(buffer),
            Self::Tcp(line) => line.read(buffer),
            Self::Tls(line) => line.read(buffer),
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(line) => line.write(bytes),
            Self::Tcp(line) => line.write(bytes),
            Self::Tls(line) => line.write(bytes),
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(line) => line.flush(),
            Self::Tcp(line) => line.flush(),
            Self::Tls(line) => line.flush(),
            Self::Closed => Ok(()),
        }
    }
}
