//! The case folder: typed artefacts, write-once files, journal, lock, digest chain, keys.

pub mod artefacts;
pub mod folder;
pub mod journal;
pub mod keys;
pub mod seal;

pub use folder::{CaseFolder, Finished};
pub use journal::{Entry, Event, Head, SettingChanged};
pub use keys::{OperatorKey, Purpose, Secret, UnlockFile, WrappedKeys};
