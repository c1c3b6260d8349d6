//! Which numbers matter: from where a number decided something, back to where it came from.
//!
//! Most numbers that a program computes decide nothing about its safety, and two states that
//! differ in such numbers alone are equally safe. So a number in a checkpoint counts only if it is
//! *precise*: some path from there came to an instruction whose check rested on the number (a
//! branch that went only one way, an offset, a size, a result), or on one computed from it.
//!
//! When the check comes to such an instruction it calls [`mark_precise`], which goes back along
//! the instructions of the path, replaces each number needed by those it was computed from, and
//! marks what is needed at every checkpoint on the way, until nothing is, or all of it was known
//! to be. Going too far back, or needing too much, only costs time; so whatever is not certain
//! here is taken as needed.

use std::rc::Rc;

use skep_isa::{AluOp, AtomicOp, Callee, Op, Operand, Reg};

use crate::liveness::{Regs, fetches};
use crate::states::{Parent, Slots};

/// An instruction of a path.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) insn: u32,
    pub(crate) effect: Effect,
}

/// What the instruction alone does not tell of a step.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// The one stack slot that it accessed.
    Stack { frame: usize, slot: usize },
    /// The numbers that it narrowed because they equal one that it compared.
    Narrowed(Rc<[Needs]>),
}

/// Numbers of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Needs {
    pub(crate) regs: Regs,
    /// Slots with a spilled number.
    pub(crate) slots: Slots,
}

impl Needs {
    fn is_empty(self) -> bool {
        self.regs == 0 && self.slots == 0
    }

    fn has_common(self, other: Needs) -> bool {
        self.regs & other.regs != 0 || self.slots & other.slots != 0
    }
}

/// Marks numbers as precise in all checkpoints of the path that `history` ends.
///
/// `needed` has a set per frame, as they are behind the last step of `history`.
pub(crate) fn mark_precise(
    ops: &[Option<Op>],
    history: &[Step],
    parent: &Parent,
    needed: Vec<Needs>,
) {
    let mut back = Backward { needed };
    back.pass(ops, history);
    let mut next = parent.clone();
    while let Some(checkpoint) = next {
        if !checkpoint.mark_precise(&mut back.needed) {
            return;
        }
        back.pass(ops, checkpoint.history());
        next = checkpoint.parent();
    }
}

/// A walk back along a path.
struct Backward {
    /// By frame, what is needed at the point reached; the last one is the frame that runs.
    needed: Vec<Needs>,
}

impl Backward {
    fn pass(&mut self, ops: &[Option<Op>], history: &[Step]) {
        for step in history.iter().rev() {
            if self.needed.iter().all(|needs| needs.is_empty()) && self.needed.len() == 1 {
                return;
            }
            if let Some(op) = &ops[step.insn as usize] {
                self.before(op, &step.effect);
            }
        }
    }

    /// From what is needed behind an instruction to what is needed before it.
    fn before(&mut self, op: &Op, effect: &Effect) {
        match *op {
            Op::Alu { op: AluOp::Mov, dst, src, .. } if self.take(dst) => self.need_operand(src),
            Op::Movsx { dst, src, .. } if self.take(dst) => self.need(src),
            Op::Alu { op, dst, src, .. } if op != AluOp::Mov && self.has(dst) => {
                self.need_operand(src);
            }
            Op::LoadImm64 { dst, .. } => {
                self.take(dst);
            }
            Op::Load { dst, .. } | Op::LoadAcquire { dst, .. } if self.take(dst) => {
                self.need_slot(effect);
            }
            Op::Store { src, .. } if self.take_slot(effect) => self.need_operand(src),
            Op::StoreRelease { src, .. } if self.take_slot(effect) => self.need(src),
            Op::Atomic { op: AtomicOp::Cmpxchg, .. } if self.take(Reg::R0) => {
                self.need_slot(effect);
            }
            Op::Atomic { op, src, .. } if fetches(op) && self.take(src) => self.need_slot(effect),
            Op::LoadAbs { .. } | Op::LoadInd { .. } | Op::Call(Callee::Helper(_)) => {
                self.take(Reg::R0);
            }
            Op::Branch { dst, src, .. } => self.before_branch(dst, src, effect),
            Op::Call(Callee::Local(_)) => self.before_call(),
            Op::Exit => self.before_return(),
            _ => {}
        }
    }

    /// A comparison may have narrowed both sides and all that equal them.
    fn before_branch(&mut self, dst: Reg, src: Operand, effect: &Effect) {
        let compared = match src {
            Operand::Reg(src) => bit(dst) | bit(src),
            Operand::Imm(_) => bit(dst),
        };
        let mut narrowed = self.top().regs & compared != 0;
        if let Effect::Narrowed(sets) = effect {
            narrowed |= self.needed.iter().zip(sets.iter()).any(|(a, b)| a.has_common(*b));
        }
        if !narrowed {
            return;
        }
        self.top().regs |= compared;
        if let Effect::Narrowed(sets) = effect {
            for (needs, set) in self.needed.iter_mut().zip(sets.iter()) {
                needs.regs |= set.regs;
                needs.slots |= set.slots;
            }
        }
    }

    /// Out of a function by its beginning: its arguments were the caller's registers.
    fn before_call(&mut self) {
        if self.needed.len() > 1 {
            let arguments = self.top().regs & ARGS;
            self.needed.pop();
            self.top().regs |= arguments;
        }
    }

    /// Into a function by its end: the caller's r0 was its own.
    fn before_return(&mut self) {
        let result = if self.take(Reg::R0) { bit(Reg::R0) } else { 0 };
        self.needed.push(Needs { regs: result, slots: 0 });
    }

    fn top(&mut self) -> &mut Needs {
        self.needed.last_mut().expect("the main program's frame stays")
    }

    fn has(&mut self, reg: Reg) -> bool {
        self.top().regs & bit(reg) != 0
    }

    /// Whether a register was needed, which it is no longer.
    fn take(&mut self, reg: Reg) -> bool {
        let had = self.has(reg);
        self.top().regs &= !bit(reg);
        had
    }

    fn need(&mut self, reg: Reg) {
        self.top().regs |= bit(reg);
    }

    fn need_operand(&mut self, src: Operand) {
        if let Operand::Reg(reg) = src {
            self.need(reg);
        }
    }

    fn need_slot(&mut self, effect: &Effect) {
        if let Effect::Stack { frame, slot } = *effect
            && let Some(needs) = self.needed.get_mut(frame)
        {
            needs.slots |= 1 << slot;
        }
    }

    /// Whether the slot that was overwritten was needed, which it is no longer.
    fn take_slot(&mut self, effect: &Effect) -> bool {
        let Effect::Stack { frame, slot } = *effect else { return false };
        let Some(needs) = self.needed.get_mut(frame) else { return false };
        let had = needs.slots >> slot & 1 == 1;
        needs.slots &= !(1 << slot);
        had
    }
}

/// r1 to r5.
const ARGS: Regs = 0b11_1110;

const fn bit(reg: Reg) -> Regs {
    1 << reg.number()
}
