//! Everything that a step takes from outside and that a test must be able to replace: clock, randomness, progress, the
//! wish to stop, the engines, and who runs us. A step never looks at the clock or the environment by itself.

use crate::failure::Result;
use crate::rate::Rate;
use lastbell_contract::{Adapter, Canceller, ErasePermit, Eraser, Location, Reader};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Tells the time.
pub trait Clock: Send {
    /// Now, as a point in time.
    fn now(&self) -> jiff::Timestamp;
}

/// Gives random bytes.
pub trait Randomness: Send {
    /// Fills the slice with bytes fit for keys.
    ///
    /// # Errors
    /// When the system gives none.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()>;
}

/// Hears how far a long piece of work is.
pub trait Progress: Send {
    /// A piece of work begins: a message code for what, the thing it works on, and how much there is, if known.
    fn begin(&mut self, what: &'static str, on: &str, total: Option<u64>);
    /// So much more is done.
    fn advance(&mut self, by: u64);
    /// The piece of work is over.
    fn end(&mut self);
}

/// Who runs us and where: written into the journal, labelled self-reported in the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Login name of the user.
    pub user: String,
    /// Host name.
    pub host: String,
    /// SHA-256 of the machine id, or empty.
    pub machine_sha256: String,
    /// Operating system and kernel, in a few words.
    pub system: String,
    /// SHA-256 of the running binary, or empty when it could not be read.
    pub binary_sha256: String,
}

/// Looks up the value of a `${NAME}`.
pub type Variable = dyn Fn(&str) -> Option<String> + Send;

/// The statements that run now, so that who asks us to stop need not wait for the longest of them.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<Vec<Canceller>>>);

impl Running {
    /// Ends them all; called by the thread that hears the signal.
    pub fn cancel(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|cancel| cancel());
    }

    fn add(&self, canceller: Option<Canceller>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(canceller);
    }
}

/// The outside.
pub struct World {
    /// The clock.
    pub clock: Box<dyn Clock>,
    /// Randomness for keys and nonces.
    pub random: Box<dyn Randomness>,
    /// Progress.
    pub progress: Box<dyn Progress>,
    /// Raised on Ctrl-C and SIGTERM.
    pub stop: Arc<AtomicBool>,
    /// What is ended then.
    pub running: Running,
    /// All engines of this build.
    pub adapters: Vec<Box<dyn Adapter>>,
    /// How fast the new platform may be read at most, where the person at the command line says so.
    pub max_rate: Option<Rate>,
    /// Values of `${NAME}` in case.yaml.
    pub variable: Box<Variable>,
    /// Who and where.
    pub place: Place,
    /// Where `init` puts an unlock secret when case.yaml names no place: outside every case and store.
    pub unlock_folder: std::path::PathBuf,
}

impl World {
    /// Now, RFC 3339 in UTC with whole seconds: what artefacts carry.
    #[must_use]
    pub fn now_text(&self) -> String {
        self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// An error when somebody asked us to stop.
    ///
    /// # Errors
    /// `interrupted`.
    pub fn go_on(&self) -> Result<()> {
        go_on(&self.stop)
    }

    /// Random bytes.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn random<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn adapter(&self, location: &Location) -> Result<&dyn Adapter> {
        self.adapters.iter().find(|adapter| adapter.scheme() == location.scheme).map(AsRef::as_ref).ok_or_else(|| {
            let known: Vec<_> = self.adapters.iter().map(|adapter| adapter.scheme()).collect();
            let known = if known.is_empty() { "-".to_owned() } else { known.join(", ") };
            failure!(Usage, "engine-unknown", scheme = location.scheme, known = known)
        })
    }

    /// Whether a store of this engine is an export.
    #[must_use]
    pub fn is_export(&self, engine: &str) -> bool {
        crate::engines::is_export(engine)
    }

    /// Opens a store for reading.
    ///
    /// # Errors
    /// An engine that this build has not, or what the adapter says.
    pub fn open_reader(&self, name: &str, location: &Location) -> Result<Box<dyn Reader>> {
        let adapter = self.adapter(location)?;
        let opened = adapter.open_reader(location);
        let mut reader = opened.map_err(|error| failure!(Usage, "store-open", store = name).caused(error))?;
        self.running.add(reader.canceller());
        Ok(reader)
    }

    /// Opens a store for destruction; the permit comes from the erase step.
    ///
    /// # Errors
    /// As [`World::open_reader`].
    pub fn open_eraser(&self, name: &str, location: &Location, permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        let adapter = self.adapter(location)?;
        let opened = adapter.open_eraser(location, permit);
        let mut eraser = opened.map_err(|error| failure!(Usage, "store-open", store = name).caused(error))?;
        self.running.add(eraser.canceller());
        Ok(eraser)
    }
}

/// [`World::go_on`] on another thread, which has the stop flag alone.
///
/// # Errors
/// `interrupted`.
pub fn go_on(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        return Err(failure!(Interrupted, "interrupted", operation = "-", table = "-", reason = "signal"));
    }
    Ok(())
}

/// A place where the crash tests can end the process. Without the feature `faults` there is no code behind it.
#[cfg(feature = "faults")]
pub mod fault {
    use lastbell_contract::{PackedRow, Value};
    use std::sync::atomic::{AtomicU64, Ordering};

    static ROWS_LEFT: AtomicU64 = AtomicU64::new(0);
    static LEFT: AtomicU64 = AtomicU64::new(0);
    static LEFT_TO_HALT: AtomicU64 = AtomicU64::new(0);
    static PASSED: AtomicU64 = AtomicU64::new(0);

    /// Kills the process at the n-th place from now; 0 never does.
    pub fn arm(nth: u64) {
        LEFT.store(nth, Ordering::SeqCst);
    }

    /// Halts the process at the n-th place from now, until it is told to go on; 0 never does. What a test does to the store
    /// meanwhile, a server's death, strikes exactly there.
    pub fn arm_halt(nth: u64) {
        LEFT_TO_HALT.store(nth, Ordering::SeqCst);
    }

    /// How many places were passed.
    pub fn passed() -> u64 {
        PASSED.load(Ordering::SeqCst)
    }

    /// Panics at the n-th row from now, with what the row holds in the message; 0 never does.
    pub fn arm_panic(nth: u64) {
        ROWS_LEFT.store(nth, Ordering::SeqCst);
    }

    /// A row that is being looked at.
    pub fn row(row: PackedRow<'_>) {
        if ROWS_LEFT.load(Ordering::SeqCst) > 0 && ROWS_LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
            let texts =
                row.cells().filter_map(|cell| if let Value::Text(text) = cell.value() { Some(text) } else { None });
            panic!("planted: {}", texts.collect::<Vec<_>>().join(" "));
        }
    }

    /// One such place.
    pub fn point() {
        PASSED.fetch_add(1, Ordering::SeqCst);
        for (left, signal) in [(&LEFT, rustix::process::Signal::KILL), (&LEFT_TO_HALT, rustix::process::Signal::STOP)] {
            if left.load(Ordering::SeqCst) > 0 && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
            }
        }
    }
}

/// A place where the crash tests can end the process. Without the feature `faults` there is no code behind it.
#[cfg(not(feature = "faults"))]
pub mod fault {
    /// Nothing.
    #[inline]
    pub fn point() {}

    /// Nothing.
    #[inline]
    pub fn row(_: lastbell_contract::PackedRow<'_>) {}
}
