//! A door in front of a server that hands every byte on, and on command breaks the connection in the middle of a COPY.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// No COPY is to be broken.
const UNARMED: i64 = -1;

/// A socket in a folder of its own.
pub(crate) struct Cutter {
    folder: TempDir,
    armed: Arc<AtomicI64>,
}

impl Cutter {
    /// In front of the socket in that folder.
    pub(crate) fn before(server: &Path, port: u16) -> Self {
        let folder = tempfile::Builder::new().prefix("lbc").tempdir_in("/tmp").unwrap();
        let name = format!(".s.PGSQL.{port}");
        let listener = UnixListener::bind(folder.path().join(&name)).unwrap();
        let (behind, armed) = (server.join(&name), Arc::new(AtomicI64::new(UNARMED)));
        let ours = Arc::clone(&armed);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (behind, armed) = (behind.clone(), Arc::clone(&ours));
                std::thread::spawn(move || serve(client, behind, &armed));
            }
        });
        Self { folder, armed }
    }

    /// Its folder, for an address.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The next COPY that begins breaks after so many rows.
    pub(crate) fn arm(&self, rows: u32) {
        self.armed.store(rows.into(), Ordering::SeqCst);
    }
}

fn serve(client: UnixStream, behind: PathBuf, armed: &AtomicI64) {
    let Ok(server) = UnixStream::connect(behind) else { return };
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let _ = hand_on(&server, &client, armed);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Message by message: a letter, a length, the rest. `H` begins a COPY, `d` is one row of it.
fn hand_on(server: &UnixStream, client: &UnixStream, armed: &AtomicI64) -> io::Result<()> {
    let mut server = io::BufReader::with_capacity(1 << 16, server);
    let mut client = io::BufWriter::with_capacity(1 << 16, client);
    let (mut left, mut head, mut body) = (UNARMED, [0; 5], Vec::new());
    loop {
        server.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        body.resize(length - 4, 0);
        server.read_exact(&mut body)?;
        match head[0] {
            b'H' => left = armed.swap(UNARMED, Ordering::SeqCst),
            b'd' if left >= 0 => left -= 1,
            b'C' => left = UNARMED,
            _ => {}
        }
        let last = left == 0 && (head[0] == b'H' || head[0] == b'd');
        client.write_all(&head)?;
        client.write_all(&body)?;
        if last || server.buffer().is_empty() {
            client.flush()?;
        }
        if last {
            return Ok(());
        }
    }
}
