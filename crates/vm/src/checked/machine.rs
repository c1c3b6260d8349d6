//! A run: registers, frames, where it is, and how far it may go.

use std::collections::BTreeSet;

use skep_isa::Reg;

use super::Host;
use super::exec::Next;
use super::fault::{Fault, Reason};
use super::memory::Memory;
use super::program::Program;
use super::value::{RegionId, Value};
use crate::LOOP_BUDGET;
use crate::interp::{FRAME_BYTES, MAX_FRAMES};

/// A program in the middle of a run.
///
/// After a [`Fault`] everything is as it was before the instruction at fault, so that it can be
/// looked at, repaired and tried again.
#[derive(Debug)]
pub struct Machine<'p> {
    pub(super) program: &'p Program,
    /// What pointers lead to.
    pub memory: Memory,
    pub(super) regs: [Option<Value>; Reg::COUNT],
    pub(super) insn: usize,
    pub(super) loops: u32,
    frames: Vec<Frame>,
    exited: Option<u64>,
    breakpoints: BTreeSet<usize>,
    counts: Vec<u64>,
}

/// Why [`Machine::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The program ended with this r0.
    Exited(u64),
    /// The instruction at this slot is next, and has a breakpoint.
    Breakpoint(usize),
    /// The budget of instructions is spent.
    Budget,
}

/// A function that is being run, as [`Machine::frames`] shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFrame {
    /// First slot of the function.
    pub function: usize,
    /// Slot that the function is at: the next to run, or that of the call it waits for.
    pub insn: usize,
    /// Its frame pointer.
    pub fp: Value,
}

#[derive(Debug)]
struct Frame {
    function: usize,
    stack: RegionId,
    /// r6 to r9 and r10 of the caller, and the slot of its call.
    caller: Option<([Option<Value>; 5], usize)>,
}

impl<'p> Machine<'p> {
    /// A run at its beginning: r1 is the context, r10 the frame pointer, nothing else is
    /// written.
    pub fn new(program: &'p Program, memory: Memory, ctx: Value) -> Machine<'p> {
        let mut machine = Machine {
            program,
            memory,
            regs: [None; Reg::COUNT],
            insn: 0,
            loops: LOOP_BUDGET,
            frames: Vec::new(),
            exited: None,
            breakpoints: BTreeSet::new(),
            counts: vec![0; program.len()],
        };
        machine.regs[Reg::R1.index()] = Some(ctx);
        machine.push_frame(0, None);
        machine
    }

    /// Runs at most `budget` instructions. The first one runs even if it has a breakpoint, so
    /// that a stopped run can go on.
    pub fn run(&mut self, host: &mut dyn Host, budget: u64) -> Result<Stop, Fault> {
        for step in 0..budget {
            if step > 0 && self.exited.is_none() && self.breakpoints.contains(&self.insn) {
                return Ok(Stop::Breakpoint(self.insn));
            }
            if let Some(r0) = self.step(host)? {
                return Ok(Stop::Exited(r0));
            }
        }
        Ok(Stop::Budget)
    }

    /// Runs one instruction; r0 if the program has ended, with it or before.
    pub fn step(&mut self, host: &mut dyn Host) -> Result<Option<u64>, Fault> {
        if self.exited.is_some() {
            return Ok(self.exited);
        }
        let insn = self.insn;
        let next = self.execute(host).map_err(|reason| Fault { insn, reason })?;
        self.counts[insn] += 1;
        match next {
            Next::Insn(next) => self.insn = next,
            Next::Call(function) => {
                let [.., r6, r7, r8, r9, fp] = self.regs;
                self.push_frame(function, Some(([r6, r7, r8, r9, fp], insn)));
                self.insn = function;
            }
            Next::Return => self.pop_frame(),
            Next::End(r0) => self.exited = Some(r0),
        }
        Ok(self.exited)
    }

    /// The slot of the next instruction.
    pub fn insn(&self) -> usize {
        self.insn
    }

    /// A register, if it was written.
    pub fn reg(&self, reg: Reg) -> Option<Value> {
        self.regs[reg.index()]
    }

    /// Changes a register.
    pub fn set_reg(&mut self, reg: Reg, value: Value) {
        self.regs[reg.index()] = Some(value);
    }

    /// The functions being run, innermost first.
    pub fn frames(&self) -> impl Iterator<Item = CallFrame> {
        let (mut insn, mut fp) = (self.insn, self.regs[Reg::FP.index()]);
        self.frames.iter().rev().map(move |frame| {
            let here = CallFrame { function: frame.function, insn, fp: fp.unwrap_or_default() };
            if let Some(([.., caller_fp], call)) = frame.caller {
                (insn, fp) = (call, caller_fp);
            }
            here
        })
    }

    /// Makes [`Machine::run`] stop before the instruction at a slot.
    pub fn set_breakpoint(&mut self, insn: usize) {
        self.breakpoints.insert(insn);
    }

    /// Removes a breakpoint; false if there was none.
    pub fn clear_breakpoint(&mut self, insn: usize) -> bool {
        self.breakpoints.remove(&insn)
    }

    /// How often each slot's instruction was run: coverage.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Whether another function can be called.
    pub(super) fn check_depth(&self) -> Result<(), Reason> {
        let max = MAX_FRAMES;
        if self.frames.len() < max { Ok(()) } else { Err(Reason::TooDeep { max }) }
    }

    /// Whether the current function is the main program.
    pub(super) fn is_outermost(&self) -> bool {
        self.frames.len() <= 1
    }

    fn push_frame(&mut self, function: usize, caller: Option<([Option<Value>; 5], usize)>) {
        let stack = self.memory.add_frame(self.frames.len(), FRAME_BYTES);
        self.frames.push(Frame { function, stack, caller });
        self.regs[Reg::R0.index()] = None;
        self.regs[Reg::R6.index()..=Reg::R9.index()].fill(None);
        self.regs[Reg::FP.index()] = Some(Value::pointer(stack, FRAME_BYTES as u64));
    }

    /// Back to the caller: its r6 to r10, r0 of the callee, and no arguments.
    fn pop_frame(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        self.memory.revoke(frame.stack);
        if let Some((saved, call)) = frame.caller {
            self.regs[Reg::R1.index()..=Reg::R5.index()].fill(None);
            self.regs[Reg::R6.index()..].copy_from_slice(&saved);
            self.insn = call + 1;
        }
    }
}
