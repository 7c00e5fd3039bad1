//! Step digest: a target that nobody of ours may read. Our side asks (`digest --request`), the platform's keeper answers
//! with a receipt (`digest --for`), and `verify` and `erase` compare the source with it as with a live target.
//!
//! Reads a case's profile or a platform's store, writes a request or a receipt; changes no store. `docs/receipt-v1.md` is
//! the specification of both files.

mod answer;
mod marks;
mod receipt;
mod request;
mod taken;

pub use answer::{Answer, answer};
pub use request::{SealTo, Unseal, request};
pub use taken::{Taken, check_still_good, last_request};

/// The scheme of a target that is a receipt: `receipt:FILE`.
pub const SCHEME: &str = "receipt";
