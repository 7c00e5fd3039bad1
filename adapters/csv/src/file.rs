//! One file of an export: what tells it from a changed one, and its bytes without compression.
//! Reads the file; a link in the last part of its path is not followed, and what is no plain file is not opened for long.

use crate::error::{Told, refused};
use flate2::bufread::MultiGzDecoder;
use lastbell_contract::{ErrorKind, Result};
use rustix::fs::{Mode, OFlags};
use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, Cursor, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is read ahead.
const BUFFER_BYTES: usize = 256 << 10;

/// What a changed file has otherwise. The time of the last change of its node cannot be set by hand, as the time of
/// writing can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Device and inode.
    pub(crate) key: (u64, u64),
    bytes: u64,
    /// Microseconds since 1970 UTC.
    pub(crate) written: i64,
    written_nanoseconds: i64,
    changed: (i64, i64),
}

impl Mark {
    /// Of a file.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            key: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            written: metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1000,
            written_nanoseconds: metadata.mtime_nsec(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A file of an export as it was when the visit was opened.
#[derive(Clone, Debug)]
pub(crate) struct ExportFile {
    /// Its name in the folder.
    pub(crate) name: String,
    /// Where it is, links resolved.
    pub(crate) path: PathBuf,
    /// Compressed by gzip.
    pub(crate) gzip: bool,
    /// What it was.
    pub(crate) mark: Mark,
}

/// A file that is being read.
pub(crate) struct Opened {
    file: File,
    /// Its bytes, without compression and byte order mark.
    pub(crate) content: Box<dyn BufRead + Send>,
}

/// Opens what is at a path, if it is a plain file. A pipe would else wait for its writer.
pub(crate) fn open(path: &Path, name: &str, operation: &str) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).told(operation)?);
    if file.metadata().told(operation)?.is_file() {
        return Ok(file);
    }
    Err(refused(ErrorKind::Unsupported, operation, &format!("csv-no-file:{name}")))
}

impl ExportFile {
    /// Opens the file for reading; an error when it is not the one that it was.
    pub(crate) fn open(&self, operation: &str) -> Result<Opened> {
        let file = open(&self.path, &self.name, operation)?;
        self.unchanged(&file, operation)?;
        let raw = BufReader::with_capacity(BUFFER_BYTES, file.try_clone().told(operation)?);
        let content: Box<dyn BufRead + Send> = if self.gzip {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        Ok(Opened { file, content })
    }

    /// The file below is still the one that was seen when the visit was opened, and so is what stands at its path.
    fn unchanged(&self, file: &File, operation: &str) -> Result<()> {
        let here =
            |metadata: std::io::Result<Metadata>| metadata.is_ok_and(|metadata| Mark::of(&metadata) == self.mark);
        if here(file.metadata()) && here(std::fs::symlink_metadata(&self.path)) {
            return Ok(());
        }
        Err(refused(ErrorKind::Changed, operation, &format!("csv-changed:{}", self.name)))
    }

    /// At the end of reading.
    pub(crate) fn still(&self, opened: &Opened, operation: &str) -> Result<()> {
        self.unchanged(&opened.file, operation)
    }

    /// An error in the bytes below the fields.
    pub(crate) fn broken(&self, error: &std::io::Error, operation: &str) -> lastbell_contract::AdapterError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof if self.gzip => {
                refused(ErrorKind::Damaged, operation, &format!("gzip-cut:{}", self.name))
            }
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData if self.gzip => {
                refused(ErrorKind::Damaged, operation, &format!("gzip-broken:{}", self.name))
            }
            _ => crate::error::system(operation, error), // io::ErrorKind is not ours and is open-ended
        }
    }
}

/// What a byte order mark says.
pub(crate) enum Beginning {
    /// None, or that of UTF-8, which is left out.
    Text {
        /// There was one.
        mark: bool,
    },
    /// UTF-16.
    Utf16,
}

impl Opened {
    /// Reads past a byte order mark.
    pub(crate) fn begin(&mut self) -> std::io::Result<Beginning> {
        let mut head = Vec::with_capacity(3);
        self.content.by_ref().take(3).read_to_end(&mut head)?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Ok(Beginning::Utf16);
        }
        let mark = head == [0xef, 0xbb, 0xbf];
        if !mark {
            let rest = std::mem::replace(&mut self.content, Box::new(std::io::empty()));
            self.content = Box::new(Cursor::new(head).chain(rest));
        }
        Ok(Beginning::Text { mark })
    }
}
