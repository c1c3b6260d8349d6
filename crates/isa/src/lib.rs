//! The eBPF instruction set.
//!
//! Placeholder doc; the modules in reading order: `insn`.

#![forbid(unsafe_code)]

mod insn;

pub use insn::{INSN_BYTES, Insn};
