//! Interpreters for eBPF.
//!
//! Placeholder doc.

#![deny(unsafe_code)]

use skep_isa::Size;

/// What a program's surroundings do for it: the kernel implements this on the state of one run.
pub trait Host {
    /// Calls the helper with this number. Arguments and result are raw register contents; memory
    /// behind pointers is as the helper's prototype promised, checked by the verifier.
    fn call(&mut self, helper: u32, args: [u64; 5]) -> u64;
    /// A legacy packet load: `size` bytes at `offset`, from network order; `None` outside the
    /// packet ends the program with 0.
    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64>;
}
