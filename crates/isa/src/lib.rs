//! The eBPF instruction set.
//!
//! What it is: RFC 9669 and what Linux 6.18 adds, as a type ([`Op`]), with the way there from
//! slots ([`decode`]) and back ([`encode`]), from text ([`assemble`]), and from slots to the text
//! that LLVM and Linux print ([`disasm`]). What it is not: a judge of programs (that is a
//! verifier), or an engine; and it knows no names of helpers, maps or functions: callers do.
//!
//! In reading order: `insn` (a slot), `op` (what it means), `code` (the numbers), `decode`,
//! `encode`, `asm`, `disasm`.
//!
//! ```
//! use skep_isa::{Op, decode, decode_all, encode, Insn};
//!
//! let slots = [Insn::new(0xb7, 0, 0, 0, 2), Insn::new(0x95, 0, 0, 0, 0)];
//! let program = decode_all(&slots)?;
//! assert_eq!(program[1], (1, Op::Exit));
//! assert_eq!(encode(program[0].1)?[0], slots[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod asm;
mod code;
mod decode;
pub mod disasm;
mod encode;
mod insn;
mod op;

pub use asm::{AsmError, AsmProblem, Assembly, SymbolKind, SymbolRef, assemble};
pub use decode::{DecodeError, Field, Insns, ProgramError, decode, decode_all};
pub use encode::{EncodeError, Encoded, encode};
pub use insn::{INSN_BYTES, Insn};
pub use op::{AluOp, AtomicOp, Callee, Cond, Imm64, Op, Operand, Reg, Size, Swap, Width};
