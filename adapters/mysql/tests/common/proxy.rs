//! Stands between the adapter and the server and can break the line in the middle of a result, between two rows.
//! It follows the protocol's packets: three bytes of length, one of sequence, the payload.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;

/// What the next connection is to suffer.
#[derive(Clone, Debug)]
struct Cut {
    /// In the result of the first statement that contains this text.
    text: String,
    /// After so many rows.
    rows: i64,
}

/// A proxy on a socket of its own.
pub(crate) struct Proxy {
    folder: TempDir,
    armed: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    /// In front of a server's socket.
    pub(crate) fn before(server: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let armed = Arc::new(Mutex::new(None));
        let (shared, server) = (Arc::clone(&armed), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let cut = shared.lock().unwrap().take();
                serve(client.unwrap(), &server, cut);
            }
        });
        Self { folder, armed }
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Breaks the next connection in the result of the first statement that contains the text, after so many rows.
    pub(crate) fn cut_next(&self, text: &str, rows: u32) {
        *self.armed.lock().unwrap() = Some(Cut { text: text.to_owned(), rows: rows.into() });
    }
}

/// Where in the answer the server's side stands: nothing to watch, the head, the columns, the rows.
const IDLE: u8 = 0;
const BEGUN: u8 = 1;

fn serve(client: UnixStream, server: &Path, cut: Option<Cut>) {
    let server = UnixStream::connect(server).unwrap();
    let watched = Arc::new(AtomicU8::new(IDLE));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (flag, text) = (Arc::clone(&watched), cut.as_ref().map(|cut| cut.text.clone()));
    std::thread::spawn(move || {
        let _ = requests(&from, &to, text.as_deref(), &flag);
        let _ = to.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let _ = answers(&server, &client, cut.map_or(i64::MAX, |cut| cut.rows), &watched);
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

fn packet(from: &mut &UnixStream) -> io::Result<Vec<u8>> {
    let mut whole = vec![0; 4];
    from.read_exact(&mut whole)?;
    let length = usize::from(whole[0]) | usize::from(whole[1]) << 8 | usize::from(whole[2]) << 16;
    whole.resize(4 + length, 0);
    from.read_exact(&mut whole[4..])?;
    Ok(whole)
}

fn requests(mut from: &UnixStream, mut to: &UnixStream, text: Option<&str>, watched: &AtomicU8) -> io::Result<()> {
    let mut prepared = false;
    loop {
        let packet = packet(&mut from)?;
        if packet[3] == 0 && packet.get(4) == Some(&PREPARE) {
            prepared = text.is_some_and(|text| String::from_utf8_lossy(&packet[5..]).contains(text));
        }
        if packet[3] == 0 && packet.get(4) == Some(&EXECUTE) && prepared {
            watched.store(BEGUN, Ordering::SeqCst);
        }
        to.write_all(&packet)?;
    }
}

fn answers(mut from: &UnixStream, mut to: &UnixStream, rows: i64, watched: &AtomicU8) -> io::Result<()> {
    let left = AtomicI64::new(rows);
    let mut before_rows: Option<u8> = None;
    loop {
        let packet = packet(&mut from)?;
        if watched.load(Ordering::SeqCst) == BEGUN {
            match before_rows {
                // The number of columns; their descriptions follow, unless MariaDB says by a zero that the client has
                // them, and then one end of them.
                None => before_rows = Some(if packet.get(5) == Some(&0) { 1 } else { packet[4] + 1 }),
                Some(0) if left.fetch_sub(1, Ordering::SeqCst) <= 0 => return Ok(()),
                Some(0) => {}
                Some(more) => before_rows = Some(more - 1),
            }
        }
        to.write_all(&packet)?;
    }
}
