//! Interpreters for eBPF, over the whole instruction set.
//!
//! [`interp`] runs programs that a verifier accepted: fast, without checks, on real addresses.
//! [`checked`] runs any bytes at all, over memory whose every access is checked, step by step if
//! wanted. Both know helpers by number only: what a helper does, and what maps and contexts are,
//! is the business of the host that they are given ([`Host`], [`checked::Host`]). This crate does
//! not judge programs, and has no maps, helpers or program types.
//!
//! In reading order: `alu` (what arithmetic means, once for both), `raw` (loads, stores and
//! atomics at addresses), `interp/` (`code` translates slots to `cell`s, `run` is the loop,
//! `stack`), `checked/` (`value`, `fault`, `memory`, `region`, `program`, `machine`, `exec`).
//!
//! ```
//! use skep_isa::{Insn, Size};
//! use skep_vm::{Host, interp::{Code, Function, Stack}};
//!
//! struct Nothing;
//!
//! impl Host for Nothing {
//!     fn call(&mut self, _helper: u32, args: [u64; 5]) -> u64 {
//!         args[0] * 10
//!     }
//!     fn load_packet(&mut self, _offset: i64, _size: Size) -> Option<u64> {
//!         None
//!     }
//! }
//!
//! // r1 += 2; call 7; exit
//! let insns = [
//!     Insn::new(0x07, 1, 0, 0, 2),
//!     Insn::new(0x85, 0, 0, 0, 7),
//!     Insn::new(0x95, 0, 0, 0, 0),
//! ];
//! let code = Code::new(&insns, &[Function { start: 0, end: 3, stack_bytes: 0 }])?;
//! // SAFETY: the program touches no memory, and the helper takes any number.
//! let r0 = unsafe { code.run(&mut Nothing, 3, &mut Stack::new()) };
//! assert_eq!(r0, 50);
//! # Ok::<(), skep_vm::interp::CodeError>(())
//! ```

#![deny(unsafe_code)]

mod alu;
pub mod checked;
#[expect(unsafe_code, reason = "runs verified programs on real addresses")]
pub mod interp;
#[expect(unsafe_code, reason = "loads, stores and atomics at raw addresses")]
mod raw;

use skep_isa::Size;

/// What a verified program's surroundings do for it: the kernel implements this on the state of
/// one run.
pub trait Host {
    /// Calls the helper with this number. Arguments and result are raw register contents; memory
    /// behind pointers is as the helper's prototype promised, checked by the verifier.
    fn call(&mut self, helper: u32, args: [u64; 5]) -> u64;
    /// A legacy packet load: `size` bytes at `offset`, from network order. `None` outside the
    /// packet makes the function that loads return 0 (the function only, as seen on Linux 6.18).
    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64>;
}

/// How often a run may pass `may_goto` before it has to take it; Linux's `BPF_MAX_LOOPS`.
const LOOP_BUDGET: u32 = 8 * 1024 * 1024;
