//! Group 16, at the level of bytes: a door in front of a server that hands everything on, and closes after so many bytes.
//! Wherever it closes, a verification ends with an error, or had everything already; it never proves less than all rows.

use crate::case::{Engine, Mariadb, Postgres, Sqlite};
use crate::stores::{Bench, Store, address};
use crate::streams::filled;
use lastbell_testkit::seeded::Seeded;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const ROWS: u64 = 1_500;

/// A socket before a server's own; what the server sends is counted.
struct Door {
    folder: tempfile::TempDir,
    sent: Arc<AtomicU64>,
    /// After so many bytes it closes.
    closes_at: Arc<AtomicU64>,
}

impl Door {
    fn before(socket: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("lbd").tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(socket.file_name().unwrap())).unwrap();
        let door = Self { folder, sent: Arc::default(), closes_at: Arc::new(AtomicU64::new(u64::MAX)) };
        let (socket, sent, closes_at) = (socket.to_owned(), Arc::clone(&door.sent), Arc::clone(&door.closes_at));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (socket, sent, closes_at) = (socket.clone(), Arc::clone(&sent), Arc::clone(&closes_at));
                std::thread::spawn(move || hand_on(client, socket, &sent, &closes_at));
            }
        });
        door
    }

    fn set(&self, closes_at: u64) {
        self.sent.store(0, Ordering::SeqCst);
        self.closes_at.store(closes_at, Ordering::SeqCst);
    }
}

fn hand_on(client: UnixStream, socket: PathBuf, sent: &AtomicU64, closes_at: &AtomicU64) -> Option<()> {
    let mut server = UnixStream::connect(socket).ok()?;
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let (mut client, mut bytes) = (client, [0; 4096]);
    loop {
        let read = server.read(&mut bytes).unwrap_or(0);
        let before = sent.fetch_add(read as u64, Ordering::SeqCst);
        let open = closes_at.load(Ordering::SeqCst).saturating_sub(before).min(read as u64) as usize;
        let written = client.write_all(&bytes[..open]);
        if read == 0 || open < read || written.is_err() {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
            return None;
        }
    }
}

const YAML: &str = "  - name: r\n    source: {from: r s}\n    target: {from: r t}\n    \
                    key: [{source: s.id, target: t.id}]\n    columns: [{source: s.v, target: t.v}]\n";

/// Cuts the line to one side at many places. How often it was cut with an error, and how often all had come before.
pub(crate) fn cut(engine: Engine, old: bool, cuts: usize, folder: &Path) -> (usize, usize) {
    let word = format!("cut_{engine:?}_{old}").to_lowercase();
    let behind = filled(engine, folder, &word, ROWS);
    let file = filled(Sqlite, folder, &word, ROWS);
    let (door, through) = door(&behind);
    let (source, target) = if old { (through, file.url()) } else { (file.url(), through) };
    let mut bench = Bench::new(&source, &target).unwrap();
    bench.profile(&["r".to_owned()], YAML);
    door.set(u64::MAX);
    assert_eq!(bench.verify().unwrap()["r"].figures(), [ROWS, 0, 0, 0, 0, 0]);
    let whole = door.sent.load(Ordering::SeqCst);
    assert!(whole > 500_000, "{engine:?}: {whole} bytes came");
    let mut random = Seeded::new(16);
    let (mut failed, mut complete) = (0, 0);
    for place in 0..cuts {
        // The last bytes tell that a table has ended: most of the bugs would be there.
        let from_end = if place % 2 == 0 { place as u64 / 2 } else { random.bits() % whole };
        door.set(whole - from_end);
        match bench.verify() {
            Err(_) => failed += 1,
            Ok(said) => {
                assert_eq!(
                    said["r"].figures(),
                    [ROWS, 0, 0, 0, 0, 0],
                    "{engine:?}: cut {from_end} bytes before the end"
                );
                complete += 1;
            }
        }
    }
    (failed, complete)
}

fn door(behind: &Store) -> (Door, String) {
    let socket = address(behind.engine);
    let door = Door::before(&socket);
    let url = match behind.engine {
        Postgres | Mariadb => behind
            .url()
            .replace(&socket.parent().unwrap().display().to_string(), &door.folder.path().display().to_string()),
        Sqlite => panic!("nobody stands before a file"),
    };
    (door, url)
}
