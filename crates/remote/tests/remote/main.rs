//! A kernel behind a socket, from both ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attack;
mod commands;
mod harness;
mod lifetime;
mod place;
mod speed;
mod wire;
