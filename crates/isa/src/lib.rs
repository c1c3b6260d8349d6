//! The eBPF instruction set.
//!
//! Placeholder doc; the modules in reading order: `insn`, `op`.

#![forbid(unsafe_code)]

mod insn;
mod op;

pub use insn::{INSN_BYTES, Insn};
pub use op::{AluOp, AtomicOp, Callee, Cond, Imm64, Op, Operand, Reg, Size, Swap, Width};

/// Why slots are no instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not an opcode.
    #[error("unknown opcode {0:#04x}")]
    Opcode(u8),
}

/// Decodes the instruction at the start of `slots`.
pub fn decode(slots: &[Insn]) -> Result<Op, DecodeError> {
    Err(DecodeError::Opcode(slots.first().map_or(0, |insn| insn.opcode)))
}
