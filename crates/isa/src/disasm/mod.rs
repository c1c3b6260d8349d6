//! Slots to text, in the two dialects that people read.
//!
//! Both work on slots, not on [`crate::Op`]: kernels put instructions into programs that no one
//! may load (r11), and LLVM prints some whose unused fields are not zero. In reading order:
//! `llvm` (one instruction), `section` (a section of an object), `kernel`, `operator`.

mod kernel;
mod llvm;
mod operator;
mod section;

pub use kernel::{Names, NoNames, Opcodes, kernel_insn, kernel_opcodes, kernel_program};
pub use llvm::{Immediates, llvm_insn};
pub use section::{ByteOrder, Section, Symbol};
