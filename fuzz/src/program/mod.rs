//! Random programs, and what must hold for each of them.
//!
//! In reading order: `sketch` (a program before its jumps are distances), `generate` (programs that
//! are valid by construction) with `numbers`, `memory`, `control` and `calls`, `mutate` (programs
//! that are nearly valid), `kernels` (where they run), `property`, `tally` (what was tried).

mod calls;
mod control;
mod coverage;
mod generate;
mod kernels;
mod memory;
mod mutate;
mod numbers;
mod property;
mod sketch;
mod tally;

pub use property::{verdict_equals_linux, verified_never_faults};
