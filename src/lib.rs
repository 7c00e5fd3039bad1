//! lastbell takes a retired electronic school diary out of the world.
#[macro_use]
pub mod failure;
pub mod json;
