//! The real outside: system clock, system randomness, environment, signals, who and where we are.

use super::messages::Language;
use super::progress::{Bars, Silent};
use crate::failure::Result;
use crate::hex::sha256;
use crate::world::{Clock, Place, Randomness, Running, World};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that looks at the clock")]
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

struct SystemRandom;

impl Randomness for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|_| failure!(Bug, "random-failed"))
    }
}

/// A variable of the environment; an empty one counts as absent.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The world as the binary sees it.
pub(super) fn world(language: Language, quiet: bool) -> World {
    let (stop, running) = (Arc::new(AtomicBool::new(false)), Running::default());
    hear_signals(&stop, &running);
    World {
        clock: Box::new(SystemClock),
        random: Box::new(SystemRandom),
        progress: if quiet { Box::new(Silent) } else { Box::new(Bars::new(language)) },
        stop,
        running,
        adapters: crate::engines::all(),
        max_rate: None,
        variable: Box::new(variable),
        place: place(),
        unlock_folder: unlock_folder(),
    }
}

/// The first signal asks for a clean end and ends the statements that run; a second one ends the process at once.
fn hear_signals(stop: &Arc<AtomicBool>, running: &Running) {
    let signals = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];
    for signal in signals {
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(stop));
    }
    let Ok(mut heard) = signal_hook::iterator::Signals::new(signals) else { return };
    let (stop, running) = (Arc::clone(stop), running.clone());
    std::thread::spawn(move || {
        for _ in heard.forever() {
            stop.store(true, Ordering::SeqCst);
            running.cancel();
        }
    });
}

fn unlock_folder() -> PathBuf {
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(variable("HOME").unwrap_or_else(|| ".".into())).join(".local/state");
    state.unwrap_or_else(home).join("lastbell")
}

fn place() -> Place {
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let machine = read("/etc/machine-id");
    let binary = std::env::current_exe().and_then(std::fs::read).map(|bytes| sha256(&bytes)).unwrap_or_default();
    Place {
        user: variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "-".into()),
        host: read("/proc/sys/kernel/hostname"),
        // The id itself stays on the machine: systemd asks to treat it as confidential.
        machine_sha256: if machine.is_empty() {
            String::new()
        } else {
            sha256(format!("lastbell/{machine}").as_bytes())
        },
        system: format!("{} {}", read("/proc/sys/kernel/ostype"), read("/proc/sys/kernel/osrelease")).trim().to_owned(),
        binary_sha256: binary,
    }
}
