//! The checked interpreter, for any bytecode.
//!
//! A [`Machine`] runs the instructions as they were written, before any kernel rewrote them,
//! and needs no verifier: every access is checked against the region that its pointer came
//! from, every jump against the program, every register against having been written. What is
//! wrong becomes a [`Fault`], never a panic. It stops at breakpoints, goes instruction by
//! instruction, counts what it ran, and lets registers and memory be seen and changed.
//!
//! In reading order: `value` (bits and their origin), `fault`, `memory` and `region` (where
//! pointers lead), `program` (decoded slots), `machine` (registers, frames, stepping), `exec`
//! (one instruction).
//!
//! ```
//! use skep_isa::{Insn, Reg};
//! use skep_vm::checked::{Access, Args, Host, Machine, Memory, Program, Reason, Value};
//!
//! struct Nothing;
//!
//! impl Host for Nothing {
//!     fn call(&mut self, helper: u32, _: &Args, _: &mut Memory) -> Result<Value, Reason> {
//!         Err(Reason::Helper { helper, message: "there are none".to_owned() })
//!     }
//! }
//!
//! // r0 = *(u8 *)(r1 + 1); r0 = *(u8 *)(r1 + 2)
//! let program = Program::new(&[Insn::new(0x71, 0, 1, 1, 0), Insn::new(0x71, 0, 1, 2, 0)]);
//! let mut memory = Memory::new();
//! let ctx = memory.add_bytes("ctx", &[7, 8], Access::Read);
//! let mut machine = Machine::new(&program, memory, Value::pointer(ctx, 0));
//!
//! assert_eq!(machine.step(&mut Nothing)?, None);
//! assert_eq!(machine.reg(Reg::R0), Some(Value::number(8)));
//! let fault = machine.step(&mut Nothing).unwrap_err();
//! assert_eq!(
//!     fault.to_string(),
//!     "insn 1: load of 1 byte at #1+2: expected offsets 0 to 2 of ctx, found 2 to 3",
//! );
//! # Ok::<(), skep_vm::checked::Fault>(())
//! ```

mod exec;
mod fault;
mod machine;
#[expect(unsafe_code, reason = "takes the host's word for live memory")]
mod memory;
mod program;
#[expect(unsafe_code, reason = "reads and writes live memory of the host")]
mod region;
mod value;

pub use fault::{AccessKind, BadAccess, Fault, Problem, Reason};
pub use machine::{CallFrame, Machine, Stop};
pub use memory::Memory;
pub use program::Program;
pub use region::Access;
pub use value::{RegionId, Value};

use skep_isa::{Imm64, Reg, Size};

/// What a program's surroundings do for it in the checked interpreter.
///
/// Every method but [`Host::call`] has a default that knows nothing.
pub trait Host {
    /// Calls a helper. What it gets are the contents of r1 to r5; memory behind pointers is
    /// checked when the helper reads or writes it through `memory`.
    fn call(&mut self, helper: u32, args: &Args, memory: &mut Memory) -> Result<Value, Reason>;

    /// Loads a field of the context as programs see it; a field that is a pointer in truth
    /// (such as the start of the packet) yields one. `None`: there is no such field.
    fn load_ctx(&mut self, offset: u32, size: Size, memory: &mut Memory) -> Option<Value> {
        let _ = (offset, size, memory);
        None
    }

    /// Stores to a field of the context. `None`: there is no such field, or it is read-only.
    fn store_ctx(
        &mut self,
        offset: u32,
        size: Size,
        value: Value,
        memory: &mut Memory,
    ) -> Option<()> {
        let _ = (offset, size, value, memory);
        None
    }

    /// A legacy packet load, from network order. `None` outside the packet makes the function
    /// that loads return 0.
    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64> {
        let _ = (offset, size);
        None
    }

    /// What a `ld_imm64` that is no number refers to: a handle for a map, a pointer for a value.
    fn resolve(&mut self, imm: Imm64, memory: &mut Memory) -> Option<Value> {
        let _ = (imm, memory);
        None
    }
}

/// The arguments of a helper: r1 to r5, of which some may never have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args(pub(super) [Option<Value>; 5]);

impl Args {
    /// The argument in r1 (`number` 1) to r5; reading one that was not written is a fault.
    pub fn get(&self, number: u8) -> Result<Value, Reason> {
        let register = Reg::new(number).filter(|_| (1..=5).contains(&number));
        let register = register.ok_or(Reason::Unsupported("argument outside of r1 to r5"))?;
        self.0[register.index() - 1].ok_or(Reason::Uninitialised(register))
    }
}
