//! Objects from compilers: what is read from them, what bpftool says to their types, and what
//! happens when they are damaged.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what did not run"
)]

mod assembly;
mod damage;
mod fixtures;
mod objects;
mod types;
mod written;
