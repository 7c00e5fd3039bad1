//! The engine in memory as a subject of the suite, in each manner it can have.

use super::{Fault, Memory, Point, Trouble};
use crate::setup::{Change, Setup, Written};
use crate::suite::{Expectations, Subject};
use lastbell_contract::{Adapter, Capabilities, Kind, Location};
use std::sync::atomic::{AtomicU64, Ordering};

/// A store in memory per case.
pub struct MemorySubject {
    memory: Memory,
    capabilities: Capabilities,
    stores: AtomicU64,
}

impl MemorySubject {
    /// Stores that behave as these capabilities say. With `sees_files` each has real files.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self { memory: Memory::new(), capabilities, stores: AtomicU64::new(0) }
    }

    /// All abilities that an engine in memory has, without enforced links.
    #[must_use]
    pub fn able() -> Capabilities {
        Capabilities {
            snapshot_reads: true,
            atomic_units: true,
            rebuilds: true,
            enforces_links: false,
            sees_files: true,
            overwrites_freed: true,
        }
    }
}

impl Subject for MemorySubject {
    fn adapter(&self) -> &dyn Adapter {
        &self.memory
    }

    fn fresh(&self, setup: &Setup) -> Location {
        let name = format!("store-{}", self.stores.fetch_add(1, Ordering::Relaxed));
        let location = self.memory.create(&name, setup);
        if self.capabilities.sees_files {
            self.memory.with_files(&name);
        }
        self.memory.describe(&name, |info| info.capabilities = self.capabilities);
        location
    }

    fn absent(&self) -> Location {
        Memory::location("nowhere")
    }

    fn write_beside(&self, location: &Location, change: &Change) -> Written {
        self.memory.write(&location.rest, change)
    }

    fn expectations(&self) -> Expectations {
        Expectations {
            kinds: vec![
                Kind::Int,
                Kind::Decimal,
                Kind::Float,
                Kind::Bool,
                Kind::Text,
                Kind::Bytes,
                Kind::Date,
                Kind::Time,
                Kind::LocalDateTime,
                Kind::Instant,
                Kind::Uuid,
                Kind::Json,
            ],
            capabilities: self.capabilities,
            text_with_nul: true,
            gap_rounds: 50,
        }
    }

    fn raw_bytes(&self, location: &Location) -> Option<Vec<u8>> {
        self.memory.data_bytes(&location.rest)
    }

    fn cut_next_scan(&self, location: &Location, after_batches: u32) -> bool {
        self.memory.plan(Fault::new(&location.rest, Point::ScanBatch, after_batches + 1, Trouble::Cut));
        true
    }
}
