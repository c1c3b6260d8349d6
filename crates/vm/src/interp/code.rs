//! From slots to cells: everything about a program that can be settled before it runs.

use skep_isa::{Callee, DecodeError, Imm64, Insn, Op, ProgramError, Reg, decode_all};

use super::cell::{Cell, Fast};
use super::stack::FRAME_BYTES;

/// A function of a program, in slots. The main program is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// First slot.
    pub start: usize,
    /// Slot behind the last.
    pub end: usize,
    /// Bytes of stack that it uses itself, at most 512: a callee's frame begins below them.
    pub stack_bytes: usize,
}

/// A program ready to run.
///
/// [`Code::new`] establishes that every register number names a register, every jump and call
/// ends at the first slot of an instruction, and no path falls off the end. What an instruction
/// does to memory is for the verifier to judge.
#[derive(Clone, Debug)]
pub struct Code {
    cells: Box<[Cell]>,
}

/// Why instructions cannot become [`Code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The program has no instructions.
    #[error("expected at least one instruction, found none")]
    Empty,
    /// Slots are no instruction.
    #[error("insn {insn}: {source}")]
    Decode {
        /// Slot.
        insn: usize,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A jump, a call or a function's address leads to no instruction.
    #[error("insn {insn}: expected a target at the start of an instruction, found slot {target}")]
    Target {
        /// Slot of the jump.
        insn: usize,
        /// Slot it leads to.
        target: i64,
    },
    /// The last instruction lets control run on.
    #[error("insn {insn}: expected exit or a jump at the end of the program")]
    FallsOff {
        /// Slot of the last instruction.
        insn: usize,
    },
    /// A `ld_imm64` still refers to a map or a type.
    #[error("insn {insn}: expected a number in ld_imm64, found {imm:?}: resolve it before")]
    Unresolved {
        /// Slot.
        insn: usize,
        /// The reference.
        imm: Imm64,
    },
    /// An instruction that this interpreter does not run.
    #[error("insn {insn}: {what} cannot be run by this interpreter")]
    Unsupported {
        /// Slot.
        insn: usize,
        /// What it is.
        what: &'static str,
    },
    /// A function's extent or stack is impossible.
    #[error(
        "function at slot {start}: expected an extent inside the program and at most 512 bytes of stack, found end {end} and {stack_bytes} bytes"
    )]
    Function {
        /// First slot.
        start: usize,
        /// Slot behind the last.
        end: usize,
        /// Bytes of stack.
        stack_bytes: usize,
    },
}

impl Code {
    /// Translates a program. `functions` says how much stack the callers of functions use; a
    /// call outside of all of them leaves a whole frame of 512 bytes to its function.
    ///
    /// Every `ld_imm64` must be a number, or the address of a function, which becomes the handle
    /// that [`Code::run_function`] takes.
    pub fn new(insns: &[Insn], functions: &[Function]) -> Result<Code, CodeError> {
        for &Function { start, end, stack_bytes } in functions {
            if start >= end || end > insns.len() || stack_bytes > FRAME_BYTES {
                return Err(CodeError::Function { start, end, stack_bytes });
            }
        }
        let ops = decode_all(insns).map_err(|ProgramError { index: insn, error: source }| {
            CodeError::Decode { insn, source }
        })?;
        match ops.last() {
            None => return Err(CodeError::Empty),
            Some((_, Op::Exit | Op::Jump { .. })) => {}
            Some(&(insn, _)) => return Err(CodeError::FallsOff { insn }),
        }
        let mut starts = vec![false; insns.len()];
        for &(insn, _) in &ops {
            starts[insn] = true;
        }
        let builder = Builder { functions, starts };
        let mut cells = Vec::with_capacity(insns.len());
        for (insn, op) in ops {
            builder.translate(insn, op, &mut cells)?;
        }
        Ok(Code { cells: cells.into() })
    }

    /// The cells; the first is the program's entry.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }
}

struct Builder<'a> {
    functions: &'a [Function],
    /// Which slots begin an instruction.
    starts: Vec<bool>,
}

impl Builder<'_> {
    /// Appends the cells of the instruction at slot `insn`, one per slot.
    fn translate(&self, insn: usize, op: Op, cells: &mut Vec<Cell>) -> Result<(), CodeError> {
        let cell = match op {
            Op::LoadImm64 { dst, imm } => {
                let value = self.imm64(insn, imm)?;
                cells.push(Cell::new(Fast::LoadImm64, dst, 0, value as i32));
                Cell::new(Fast::Exit, Reg::R0, 0, (value >> 32) as i32)
            }
            Op::Call(callee) => self.call(insn, callee)?,
            _ => {
                self.check_jump(insn, op)?;
                let what = "address space cast";
                Cell::from_op(&op).ok_or(CodeError::Unsupported { insn, what })?
            }
        };
        cells.push(cell);
        Ok(())
    }

    fn imm64(&self, insn: usize, imm: Imm64) -> Result<u64, CodeError> {
        match imm {
            Imm64::Value(value) => Ok(value),
            Imm64::Func(off) => {
                self.check_target(insn, off)?;
                Ok((insn as i64 + 1 + i64::from(off)) as u64)
            }
            _ => Err(CodeError::Unresolved { insn, imm }),
        }
    }

    fn call(&self, insn: usize, callee: Callee) -> Result<Cell, CodeError> {
        match callee {
            Callee::Helper(number) => Ok(Cell::new(Fast::CallHelper, Reg::R0, 0, number as i32)),
            Callee::Local(off) => {
                self.check_target(insn, off)?;
                Ok(Cell::new(Fast::CallLocal, Reg::R0, self.stack_bytes(insn), off))
            }
            Callee::Kfunc { .. } => Err(CodeError::Unsupported { insn, what: "call of a kfunc" }),
            Callee::Reg(_) => Err(CodeError::Unsupported { insn, what: "call of a register" }),
        }
    }

    /// Bytes below the frame pointer that the function around `insn` needs, in whole words.
    fn stack_bytes(&self, insn: usize) -> i16 {
        let around = |function: &&Function| (function.start..function.end).contains(&insn);
        let bytes = self.functions.iter().find(around).map_or(FRAME_BYTES, |f| f.stack_bytes);
        i16::try_from(bytes.next_multiple_of(8)).expect("at most a frame, as Code::new checked")
    }

    fn check_jump(&self, insn: usize, op: Op) -> Result<(), CodeError> {
        match op {
            Op::Jump { off, .. } => self.check_target(insn, off),
            Op::Branch { off, .. } | Op::MayGoto { off } => self.check_target(insn, off.into()),
            _ => Ok(()),
        }
    }

    /// Requires that `off` slots behind the slot after `insn` an instruction begins.
    fn check_target(&self, insn: usize, off: i32) -> Result<(), CodeError> {
        let target = insn as i64 + 1 + i64::from(off);
        let start = usize::try_from(target).ok().and_then(|slot| self.starts.get(slot));
        if start == Some(&true) { Ok(()) } else { Err(CodeError::Target { insn, target }) }
    }
}
