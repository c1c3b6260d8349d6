//! The fast interpreter, for verified programs.
//!
//! A program is translated once ([`Code::new`]) and run often. Registers hold real addresses and
//! nothing is checked at run time: that the verifier accepted the program is the contract.

mod cell;
mod code;
mod run;
mod stack;

pub use code::{Code, CodeError, Function};
pub use stack::{FRAME_BYTES, MAX_FRAMES, Stack};

use crate::Host;

impl Code {
    /// Runs the program on a context; the result is r0.
    ///
    /// # Safety
    /// A verifier accepted the instructions that this was made of, as they stand (at most
    /// [`MAX_FRAMES`] nested functions with the stack that `functions` said, atomics naturally
    /// aligned), for contexts like the one at `ctx` and for a host like this one. The addresses
    /// in its `ld_imm64`, and those that the host's helpers return, are valid as it assumed.
    pub unsafe fn run(&self, host: &mut dyn Host, ctx: u64, stack: &mut Stack) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { run::run(self, 0, [ctx, 0, 0, 0, 0], host, stack) }
    }

    /// Runs one of the program's functions, as helpers with callbacks do. `function` is what a
    /// `ld_imm64` of a function's address put into a register.
    ///
    /// # Safety
    /// As for [`Code::run`]; the verifier accepted the function for these arguments, and
    /// `stack` is not the one of the run that is calling the helper.
    pub unsafe fn run_function(
        &self,
        function: u64,
        args: [u64; 5],
        host: &mut dyn Host,
        stack: &mut Stack,
    ) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { run::run(self, function as usize, args, host, stack) }
    }
}
