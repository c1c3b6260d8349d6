//! Conditional jumps: which ways are possible, and what each way says of the values compared.

use std::rc::Rc;

use skep_isa::{Cond, Operand, Reg, Width};

use super::{Checker, Next, Result};
use crate::backtrack::{Effect, Needs};
use crate::liveness::Regs;
use crate::state::{Kind, RegState, State};

/// Offsets within a packet stay below this (`MAX_PACKET_OFF`): no pointer formed with a smaller
/// one can wrap around.
const MAX_PACKET_OFF: u64 = 0xffff;

/// What a conditional jump compares.
#[derive(Clone, Copy)]
pub(super) struct Test {
    pub(super) width: Width,
    pub(super) cond: Cond,
    pub(super) dst: Reg,
    pub(super) src: Operand,
}

impl Checker<'_> {
    pub(super) fn branch(&mut self, test: Test, to: usize) -> Result<Next> {
        let right = self.read_operand(test.src)?;
        let left = self.read(test.dst)?;
        let next = self.insn + 1;
        match decide(test, &left, &right) {
            Some(taken) => {
                self.need(test.regs());
                Ok(Next::Insn(if taken { to } else { next }))
            }
            None => {
                self.note_narrowed(&[left.id, right.id]);
                let mut taken = self.state.clone();
                assume(&mut taken, test, (left, right), true);
                assume(&mut self.state, test, (left, right), false);
                self.leave(to, taken)?;
                Ok(Next::Insn(next))
            }
        }
    }
}

impl Checker<'_> {
    /// Records the numbers that equal one of those compared: they are narrowed with it.
    fn note_narrowed(&mut self, ids: &[u32]) {
        let equals =
            |reg: &RegState| reg.kind == Kind::Scalar && reg.id != 0 && ids.contains(&reg.id);
        let sets: Rc<[Needs]> = self.state.frames.iter().map(|frame| frame.find(equals)).collect();
        if sets.iter().any(|set| *set != Needs::default()) {
            self.set_effect(Effect::Narrowed(sets));
        }
    }
}

impl Test {
    /// The registers compared.
    fn regs(self) -> Regs {
        let right = match self.src {
            Operand::Reg(reg) => 1 << reg.number(),
            Operand::Imm(_) => 0,
        };
        1 << self.dst.number() | right
    }
}

/// Whether the jump is always or never taken.
fn decide(test: Test, left: &RegState, right: &RegState) -> Option<bool> {
    if left.kind == Kind::Scalar && right.kind == Kind::Scalar {
        return left.var.compare(test.width, test.cond, &right.var);
    }
    let (pointer, number) = if left.kind == Kind::Scalar { (right, left) } else { (left, right) };
    // These are never null. Others are not either, but nobody asks.
    let known = matches!(pointer.kind, Kind::Value(_) | Kind::Map(_));
    match (known && number.is_null() && test.width == Width::W64, test.cond) {
        (true, Cond::Eq) => Some(false),
        (true, Cond::Ne) => Some(true),
        _ => None,
    }
}

/// Narrows what a state knows by the outcome of a test on `left` and `right`.
fn assume(state: &mut State, test: Test, (left, right): (RegState, RegState), taken: bool) {
    if left.kind == Kind::Scalar && right.kind == Kind::Scalar {
        return assume_numbers(state, test, (left, right), taken);
    }
    if test.width == Width::W32 {
        return;
    }
    if let Kind::ValueOrNull(_) | Kind::MapOrNull(_) = left.kind {
        let is_zero = matches!(test.src, Operand::Imm(0));
        return match test.cond {
            Cond::Eq if is_zero => settle_null(state, test.dst, &left, taken),
            Cond::Ne if is_zero => settle_null(state, test.dst, &left, !taken),
            _ => {}
        };
    }
    if let Some((pointer, strict)) = packet_bound(test.cond, &left, &right, taken) {
        widen_packet_range(state, &pointer, strict);
    }
}

fn assume_numbers(state: &mut State, test: Test, (left, right): (RegState, RegState), taken: bool) {
    let (mut left, mut right) = (left, right);
    left.var.narrow(test.width, test.cond, &mut right.var, taken);
    let regs = &mut state.frame_mut().regs;
    regs[test.dst.index()].var = left.var;
    if let Operand::Reg(reg) = test.src {
        regs[reg.index()].var = right.var;
        Checker::spread(state, right);
    }
    Checker::spread(state, left);
}

/// Every copy of a nullable pointer is now known to be null, or to be none.
fn settle_null(state: &mut State, reg: Reg, held: &RegState, is_null: bool) {
    let kind = match held.kind {
        Kind::ValueOrNull(map) => Kind::Value(map),
        Kind::MapOrNull(map) => Kind::Map(map),
        _ => return,
    };
    let settled = if is_null { RegState::constant(0) } else { RegState::pointer(kind) };
    for copy in state.values_mut() {
        if copy.kind == held.kind && copy.id == held.id && held.id != 0 {
            *copy = settled;
        }
    }
    state.frame_mut().regs[reg.index()] = settled;
}

/// The pointer that a test has just shown to lie before the end of its memory, and whether it is
/// known to be strictly before it.
///
/// Packet pointers are compared with the packet's end, metadata pointers with its start, in any
/// order and with any of the four unsigned conditions.
fn packet_bound(
    cond: Cond,
    left: &RegState,
    right: &RegState,
    taken: bool,
) -> Option<(RegState, bool)> {
    let ends = |pointer: &RegState, end: &RegState| match (pointer.kind, end.kind) {
        (Kind::Packet, Kind::PacketEnd) => true,
        (Kind::PacketMeta, Kind::Packet) => {
            end.off == 0 && end.id == 0 && end.var.value() == Some(0)
        }
        _ => false,
    };
    let (pointer, pointer_is_left) = match () {
        () if ends(left, right) => (*left, true),
        () if ends(right, left) => (*right, false),
        () => return None,
    };
    // The relation that holds, as `left <op> right`: less or greater, strict or not.
    let (less, strict) = match (cond, taken) {
        (Cond::Lt, true) | (Cond::Ge, false) => (true, true),
        (Cond::Le, true) | (Cond::Gt, false) => (true, false),
        (Cond::Gt, true) | (Cond::Le, false) => (false, true),
        (Cond::Ge, true) | (Cond::Lt, false) => (false, false),
        _ => return None,
    };
    (less == pointer_is_left).then_some((pointer, strict))
}

/// `pointer` lies before its end: as many bytes as its constant offset are there behind its base
/// and variable part, for every pointer that shares them.
fn widen_packet_range(state: &mut State, pointer: &RegState, strict: bool) {
    let Ok(off) = u64::try_from(pointer.off) else { return };
    // As Linux has it, that the packet is not empty says nothing of its first byte.
    if off == 0 && strict {
        return;
    }
    let largest = pointer.var.whole.umax;
    if largest > MAX_PACKET_OFF || largest + off > MAX_PACKET_OFF {
        return;
    }
    let range = off as u32 + u32::from(strict);
    for other in state.values_mut() {
        if other.kind == pointer.kind && other.id == pointer.id {
            other.range = other.range.max(range);
        }
    }
}
