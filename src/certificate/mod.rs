//! The signed deletion certificate: keys, envelope, statement, trust list and the check of them all.
//! Bytes in, bytes out: no engine, no network, no case folder, no clock. `docs/certificate-v1.md` is the format's page.

pub mod check;
pub mod claims;
pub mod envelope;
pub mod keys;
pub mod scalars;
pub mod statement;
pub mod trust;
