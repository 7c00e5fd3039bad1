//! Migrations into another schema: the demo's diary and a system of the corpus, moved into platforms with tables, types, names
//! and ids of their own, verify clean; each planted bug of a migration is found and named, alone; what moved on since is not
//! taken for a bug; both go to a certificate by a keeper's receipt and by an export; a profile that proves little is refused.
//!
//! Reads the corpus as `corpus.rs` does (and needs PostgreSQL and MariaDB for the same rows between servers); runs the program
//! as a process; writes to temporary folders.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and tells how much it did")]

mod common;

#[path = "migration/certificates.rs"]
mod certificates;
#[path = "common/corpus/mod.rs"]
mod corpus;
#[path = "migration/diary.rs"]
mod diary;
#[path = "receipts/keeper.rs"]
#[allow(dead_code, reason = "the tests of receipts use the rest")]
mod keeper;
#[path = "migration/misread.rs"]
mod misread;
#[path = "migration/planted.rs"]
mod planted;
#[path = "migration/register.rs"]
mod register;
#[path = "migration/tried.rs"]
mod tried;
#[path = "migration/weak.rs"]
mod weak;
