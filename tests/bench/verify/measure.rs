//! Runs a process and tells what it cost, and what it cost the servers meanwhile. Reads `/proc`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run cost: seconds, and megabytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) wall: f64,
    pub(crate) client: f64,
    pub(crate) postgres: f64,
    pub(crate) mariadb: f64,
    pub(crate) peak_mb: f64,
}

/// Ticks of `/proc/PID/stat` in a second, on every Linux.
const TICKS: f64 = 100.0;

/// CPU seconds of a process and of its children, those that it has waited for and those that live.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let living = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(living).filter_map(own_seconds).sum()
}

/// `None` for one that has just ended; its parent counts it then.
fn own_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may hold anything: the state is the first field, utime to cstime the 12th to 15th.
    let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
    Some(fields[11..15].iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS)
}

/// Runs it to its end. The figures of an ended process stay readable until somebody waits for it.
pub(crate) fn run(command: &mut Command) -> (Figures, Vec<u8>) {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || std::io::read_to_string(out).unwrap_or_default().into_bytes());
    let (pid, mut figures) = (child.id(), Figures::default());
    loop {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if let Some(peak) = value("VmHWM:") {
            figures.peak_mb = peak.trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0;
        }
        if value("State:").is_some_and(|state| state.starts_with('Z')) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    (figures.wall, figures.client) = (began.elapsed().as_secs_f64(), cpu_seconds(pid));
    let status = child.wait().unwrap();
    eprintln!("    {status}");
    (figures, reader.join().unwrap())
}
