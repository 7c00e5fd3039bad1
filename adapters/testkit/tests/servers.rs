//! The throw-away servers keep their promises. Wants the servers' programs; starts and kills many.
#![allow(clippy::unwrap_used)]

#[path = "servers/disk.rs"]
mod disk;
#[path = "servers/followers.rs"]
mod followers;
#[path = "servers/gone.rs"]
mod gone;
#[path = "servers/life.rs"]
mod life;
#[path = "servers/tls.rs"]
mod tls;
