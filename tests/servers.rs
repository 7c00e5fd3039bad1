//! The program on real servers: how deep each account gets, links that the server enforces, relatives of the source as target,
//! names and values that try to break out, servers that die, ourselves killed or interrupted, doors that are shut, room and
//! patience that run out.
//!
//! The retired system lies on PostgreSQL or MariaDB, the platform in a file or on a server. Every step is the program as a
//! process. Needs both servers' programs. `LASTBELL_LONG=1` kills it at every place, else at a seeded sample.
#![cfg(all(feature = "faults", feature = "mysql", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

/// A case whose retired system lies on a server, and the program run on it.
#[path = "servers/stage.rs"]
mod stage;

/// Either server behind one interface.
#[path = "servers/server.rs"]
mod server;

/// Links that the server enforces.
#[path = "servers/links.rs"]
mod links;

/// Which account reaches which level.
#[path = "servers/levels.rs"]
mod levels;

/// A target that is the source or follows it.
#[path = "servers/relatives.rs"]
mod relatives;

/// Names and values that try to break out.
#[path = "servers/hostile.rs"]
mod hostile;

/// Who is let in.
#[path = "servers/doors.rs"]
mod doors;

/// A server with an approved case on it, begun again and again.
#[path = "servers/ground.rs"]
mod ground;

/// The server dies.
#[path = "servers/deaths.rs"]
mod deaths;

/// We are killed.
#[path = "servers/kills.rs"]
mod kills;

/// Somebody presses Ctrl-C.
#[path = "servers/interrupts.rs"]
mod interrupts;

/// What runs out.
#[path = "servers/limits.rs"]
mod limits;
