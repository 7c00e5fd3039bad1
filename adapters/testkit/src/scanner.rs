//! Runs the independent scanner of what is left in files. It is a program of its own, not made by whoever erases; it stands
//! where LASTBELL_RESIDUE_SCAN says. Writes the list of values to a temporary file.

use std::path::PathBuf;
use std::process::Command;

/// What it found.
#[derive(Debug, PartialEq, Eq)]
pub struct Residue {
    /// Files that it read.
    pub files: usize,
    /// Files that it could not read.
    pub not_read: usize,
    /// Values that it found, each counted once.
    pub canaries: usize,
    /// Values that it looked for.
    pub of: usize,
    /// The lines about files in which something was found: names and figures.
    pub places: Vec<String>,
}

/// Looks for values, lines of `label<TAB>value`, in files and folders, through zlib and pglz.
///
/// # Panics
/// When the scanner is missing or does not give its figures: it never counts as having found nothing.
#[must_use]
#[track_caller]
pub fn scan_for(canaries: &str, places: &[PathBuf]) -> Residue {
    let scanner = std::env::var_os("LASTBELL_RESIDUE_SCAN").expect("LASTBELL_RESIDUE_SCAN names the scanner");
    let list = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(list.path(), canaries).expect("a temporary file can be written");
    let mut command = Command::new("python3");
    command.arg(scanner).args(["--zlib", "--pglz", "--no-partial", "--max-show", "2"]).args(places).arg(list.path());
    let output = command.output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    read(&text).unwrap_or_else(|| panic!("the scanner gave no figures: {text}"))
}

/// The last line has the figures: `TOTAL files=… not_read=… canaries_found=A/B …`.
fn read(text: &str) -> Option<Residue> {
    let total = text.lines().rev().find(|line| line.starts_with("TOTAL "))?;
    let figure = |name: &str| total.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let (canaries, of) = figure("canaries_found")?.split_once('/')?;
    Some(Residue {
        files: figure("files")?.parse().ok()?,
        not_read: figure("not_read")?.parse().ok()?,
        canaries: canaries.parse().ok()?,
        of: of.parse().ok()?,
        places: text.lines().filter(|line| !line.starts_with("TOTAL ")).take(40).map(str::to_owned).collect(),
    })
}
