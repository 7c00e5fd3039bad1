//! The doublewrite area as it lies on the disk: which of its pages are still what they were. Reads the files, changes nothing.
//!
//! A filler turns the area over only as far as the server happens to write it, so it is looked at and not believed. Measured
//! on MySQL 9.7.4: six rounds of the filler left up to 783 values in three runs of seven. There the second of the two files
//! takes only pages that leave a full buffer pool, and 6, 11 and 12 rounds passed until no page of it was what it was.

use crate::error::{odd_answer, refused};
use crate::place::Place;
use crate::session::Session;
use lastbell_contract::{AdapterError, ErrorKind, Result};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Pages of the area that held something at one moment.
pub(crate) struct Area {
    page_bytes: usize,
    pages: Vec<Page>,
}

struct Page {
    path: PathBuf,
    number: u64,
    /// Of its content; a page that is written again has another sum, because its number in the log is part of it.
    sum: u64,
}

/// Where the system tablespace says its two doublewrite blocks are: near the end of its page 5, after a header of ten bytes:
/// a magic number, then the first page of each (InnoDB's `trx0sys.h`).
const TRX_SYS_PAGE: u64 = 5;
const DOUBLEWRITE_FROM_END: usize = 200;
const HEADER_BYTES: usize = 10;
const MAGIC: u32 = 536_853_855;

impl Area {
    /// Takes the sums now.
    pub(crate) fn look(session: &mut Session, place: &Place) -> Result<Self> {
        let size = session.variable("scrub", "innodb_page_size")?.and_then(|size| size.parse().ok());
        let mut area = Self { page_bytes: size.ok_or_else(|| odd_answer("scrub"))?, pages: Vec::new() };
        let home = session.variable("scrub", "innodb_data_home_dir")?.unwrap_or_default();
        let home = place.folder.join(home); // an absolute one replaces the folder
        if session.server.is_mariadb() {
            let files = session.variable("scrub", "innodb_data_file_path")?.unwrap_or_default();
            area.in_the_system_tablespace(&home.join(files.split(':').next().unwrap_or_default()))?;
        } else {
            let own = session.variable("scrub", "innodb_doublewrite_dir")?.unwrap_or_default();
            area.in_files_of_its_own(&if own.is_empty() { home } else { place.folder.join(own) })?;
        }
        Ok(area)
    }

    /// MariaDB's: two blocks of one extent each.
    fn in_the_system_tablespace(&mut self, path: &Path) -> Result<()> {
        let file = File::open(path).map_err(denied)?;
        let page = self.read(&file, TRX_SYS_PAGE)?;
        let at = self.page_bytes - DOUBLEWRITE_FROM_END + HEADER_BYTES;
        let number = |at: usize| page.get(at..at + 4).map(|raw| u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]));
        if number(at) != Some(MAGIC) {
            return Err(refused(ErrorKind::Unsupported, "scrub", "doublewrite-not-found"));
        }
        // An extent is 1 MiB, or 64 pages where that is more.
        let extent = ((1 << 20) / self.page_bytes as u64).max(64);
        for first in [number(at + 4), number(at + 8)].into_iter().flatten() {
            for page in u64::from(first)..u64::from(first) + extent {
                self.note(path, &file, page)?;
            }
        }
        Ok(())
    }

    /// MySQL's: `#ib_16384_0.dblwr` and its like.
    fn in_files_of_its_own(&mut self, folder: &Path) -> Result<()> {
        let mut found = false;
        for entry in std::fs::read_dir(folder).map_err(denied)? {
            let path = entry.map_err(denied)?.path();
            if path.extension().is_none_or(|ending| ending != "dblwr") {
                continue;
            }
            found = true;
            let file = File::open(&path).map_err(denied)?;
            let pages = file.metadata().map_err(denied)?.len() / self.page_bytes as u64;
            for page in 0..pages {
                self.note(&path, &file, page)?;
            }
        }
        if found { Ok(()) } else { Err(refused(ErrorKind::Unsupported, "scrub", "doublewrite-not-found")) }
    }

    /// Remembers a page that was ever written.
    fn note(&mut self, path: &Path, file: &File, number: u64) -> Result<()> {
        let content = self.read(file, number)?;
        if content.iter().any(|byte| *byte != 0) {
            self.pages.push(Page { path: path.to_owned(), number, sum: sum(&content) });
        }
        Ok(())
    }

    fn read(&self, file: &File, number: u64) -> Result<Vec<u8>> {
        let mut content = vec![0; self.page_bytes];
        file.read_exact_at(&mut content, number * self.page_bytes as u64).map_err(denied)?;
        Ok(content)
    }

    /// How many of the pages are still what they were.
    pub(crate) fn unturned(&self) -> Result<usize> {
        let mut left = 0;
        for page in &self.pages {
            let file = File::open(&page.path).map_err(denied)?;
            left += usize::from(sum(&self.read(&file, page.number)?) == page.sum);
        }
        Ok(left)
    }
}

fn denied(_: io::Error) -> AdapterError {
    refused(ErrorKind::Denied, "scrub", "file-denied")
}

fn sum(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PAGE: usize = 16_384;

    fn put(path: &Path, at: usize, bytes: &[u8]) {
        let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
        file.write_all_at(bytes, at as u64).unwrap();
    }

    fn area() -> Area {
        Area { page_bytes: PAGE, pages: Vec::new() }
    }

    /// A system tablespace of 400 pages whose blocks begin at 64 and 128, and something in each page of 60 to 199.
    fn system_tablespace(folder: &Path) -> PathBuf {
        let path = folder.join("ibdata1");
        put(&path, 400 * PAGE - 1, &[0]);
        for page in 60..200_usize {
            put(&path, page * PAGE + 100, &[u8::try_from(page).unwrap()]);
        }
        let head = 6 * PAGE - 200 + 10;
        put(&path, head, &MAGIC.to_be_bytes());
        put(&path, head + 4, &64_u32.to_be_bytes());
        put(&path, head + 8, &128_u32.to_be_bytes());
        path
    }

    #[test]
    fn the_blocks_stand_where_the_system_tablespace_says_and_each_page_counts_until_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = system_tablespace(folder.path());
        let mut area = area();
        area.in_the_system_tablespace(&path).unwrap();
        assert_eq!((area.pages.len(), area.unturned().unwrap()), (128, 128));
        // Outside of it nothing counts.
        put(&path, 63 * PAGE + 7, b"x");
        put(&path, 192 * PAGE + 7, b"x");
        assert_eq!(area.unturned().unwrap(), 128);
        for page in 64..191 {
            put(&path, page * PAGE + PAGE - 1, b"x");
        }
        assert_eq!(area.unturned().unwrap(), 1, "the last byte of a page counts, and the last page");
        put(&path, 191 * PAGE, b"x");
        assert_eq!(area.unturned().unwrap(), 0);
    }

    #[test]
    fn an_area_that_is_not_where_it_should_be_is_no_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = system_tablespace(folder.path());
        put(&path, 6 * PAGE - 200 + 10, &[0]);
        let code = |ended: Result<()>| ended.unwrap_err().code.unwrap();
        assert_eq!(code(area().in_the_system_tablespace(&path)), "doublewrite-not-found");
        assert_eq!(code(area().in_files_of_its_own(folder.path())), "doublewrite-not-found");
        assert_eq!(code(area().in_the_system_tablespace(&folder.path().join("nowhere"))), "file-denied");
    }

    #[test]
    fn every_page_of_every_file_that_was_ever_written_counts() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["#ib_16384_0.dblwr", "#ib_16384_1.dblwr"].map(|name| folder.path().join(name));
        put(&first, 8 * PAGE - 1, &[0]);
        put(&first, 3 * PAGE, b"pupil");
        put(&second, 5 * PAGE + 9, b"pupil");
        put(&second, 6 * PAGE - 1, &[0]);
        put(&folder.path().join("ibdata1"), 0, &[1; PAGE]);
        let mut area = area();
        area.in_files_of_its_own(folder.path()).unwrap();
        assert_eq!((area.pages.len(), area.unturned().unwrap()), (2, 2));
        put(&second, 5 * PAGE, b"filler");
        assert_eq!(area.unturned().unwrap(), 1);
        // A file that is gone cannot be vouched for.
        std::fs::remove_file(&first).unwrap();
        assert!(area.unturned().is_err());
    }
}
