//! One server's process: starting, waiting until it answers, stopping, killing. Reads /proc; writes the server's log.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::folder::Folder;

/// On a loaded disk a start took eleven seconds of which 0.3 were the processor's: nothing shorter than a minute tells of a
/// fault.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A server in its folder, running or not.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) folder: Folder,
    running: Mutex<Option<Child>>,
}

impl Process {
    /// Nothing runs yet.
    pub(super) fn new(folder: Folder) -> Self {
        Self { folder, running: Mutex::new(None) }
    }

    /// What the server says, over all its starts.
    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Starts it and waits until `ready` says so of its process id. Why it ended instead, if it did.
    #[track_caller]
    pub(super) fn start(&self, mut command: Command, ready: impl Fn(u32) -> bool) -> Result<(), String> {
        let mut running = self.running();
        assert!(running.is_none(), "the server runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).expect("the server's log");
        command.stderr(log.try_clone().expect("the server's log")).stdout(log);
        let mut child = command.spawn().expect("sh for the server");
        let pid = child.id();
        let answer = wait(|| match child.try_wait().expect("our own child") {
            Some(status) => Some(Err(status)),
            None => ready(pid).then_some(Ok(())),
        });
        if let Some(Err(status)) = answer {
            self.folder.ended();
            return Err(format!("the server did not start, {status}:\n{}", self.log_end()));
        }
        *running = Some(child);
        assert!(answer.is_some(), "the server does not answer:\n{}", self.log_end());
        Ok(())
    }

    /// Its process id; it runs.
    #[track_caller]
    pub(super) fn pid(&self) -> u32 {
        self.running().as_ref().expect("the server runs").id()
    }

    /// Whether it runs.
    pub(super) fn runs(&self) -> bool {
        self.running().as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_none()))
    }

    /// Asks it to end and waits; it must end in order.
    #[track_caller]
    pub(super) fn stop(&self, signal: Signal) {
        let Some(mut child) = self.running().take() else { return };
        let _ = kill_process(pid_of(&child), signal);
        let status = wait(|| child.try_wait().expect("our own child"));
        if status.is_none() {
            *self.running() = Some(child);
            panic!("the server does not stop:\n{}", self.log_end());
        }
        self.folder.ended();
        assert!(status.is_some_and(|status| status.success()), "the server stopped badly:\n{}", self.log_end());
    }

    /// SIGKILL for it and all its children at one moment, as the kernel or a power cut would have it: they run no more when
    /// this returns. The parent is halted first, so that it neither notices a child's end nor starts another.
    pub(super) fn kill(&self) {
        let Some(mut child) = self.running().take() else { return };
        let pid = pid_of(&child);
        let _ = kill_process(pid, Signal::STOP);
        let children = children_of(child.id());
        let _ = kill_process(pid, Signal::KILL);
        for other in &children {
            let _ = kill_process(*other, Signal::KILL);
        }
        let _: Option<ExitStatus> = child.wait().ok();
        self.folder.ended();
        let gone = wait(|| children.iter().all(|other| !alive(*other)).then_some(()));
        assert!(gone.is_some(), "children of the server outlive SIGKILL");
    }

    /// The last lines of the log, for a failure's text.
    pub(super) fn log_end(&self) -> String {
        last_lines(&self.log_file())
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end in the folder, under its watchdog; it must succeed. Returns what it printed.
#[track_caller]
pub(super) fn complete(folder: &Folder, command: &mut Command) -> String {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("sh");
    folder.ended();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn wait<T>(ask: impl FnMut() -> Option<T>) -> Option<T> {
    wait_for(LOOK_AGAIN, ask)
}

/// Asks again and again, with a pause; `None` when patience is out.
pub(super) fn wait_for<T>(pause: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Some(answer) => return Some(answer),
            None if Instant::now() > until => return None,
            None => std::thread::sleep(pause),
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// State and parent of a process: what follows the name, which stands in brackets and may hold anything.
fn state(pid: &str) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

fn children_of(parent: u32) -> Vec<Pid> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mine = names.filter_map(|name| {
        let name = name.to_str()?;
        let number = name.parse().ok()?;
        (state(name)?.1 == parent).then_some(number)
    });
    mine.filter_map(Pid::from_raw).collect()
}

fn alive(pid: Pid) -> bool {
    state(&pid.as_raw_nonzero().to_string()).is_some_and(|(state, _)| state != 'Z')
}

fn last_lines(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: VecDeque<&str> = text.lines().collect();
    lines.drain(..lines.len().saturating_sub(40));
    lines.make_contiguous().join("\n")
}
