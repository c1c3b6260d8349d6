//! Slots, decoded once for any number of runs.

use skep_isa::{DecodeError, Insn, Insns, Op};

use super::fault::Reason;

/// A program for the checked interpreter: any slots at all. What is wrong with an instruction is
/// told when it is reached.
#[derive(Clone, Debug)]
pub struct Program {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Op(Op),
    /// The second of a `ld_imm64`.
    Second,
    Bad(DecodeError),
}

impl Program {
    /// Decodes the slots.
    pub fn new(insns: &[Insn]) -> Program {
        let mut slots = vec![Slot::Second; insns.len()];
        for (insn, op) in Insns::new(insns) {
            slots[insn] = op.map_or_else(Slot::Bad, Slot::Op);
        }
        Program { slots }
    }

    /// Slots that there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The instruction at a slot.
    pub(super) fn op(&self, insn: usize) -> Result<Op, Reason> {
        match self.slots.get(insn) {
            Some(Slot::Op(op)) => Ok(*op),
            Some(Slot::Bad(error)) => Err(Reason::Decode(*error)),
            Some(Slot::Second) => Err(Reason::SecondSlot { target: insn }),
            None => Err(Reason::OffTheEnd { slots: self.len() }),
        }
    }

    /// The slot `distance` behind the one after `insn`, if an instruction begins there.
    pub(super) fn target(&self, insn: usize, distance: i32) -> Result<usize, Reason> {
        let target = insn as i64 + 1 + i64::from(distance);
        let outside = Reason::Target { last: self.len().saturating_sub(1), target };
        let slot = usize::try_from(target).map_err(|_| outside.clone())?;
        match self.slots.get(slot) {
            None => Err(outside),
            Some(Slot::Second) => Err(Reason::SecondSlot { target: slot }),
            Some(Slot::Op(_) | Slot::Bad(_)) => Ok(slot),
        }
    }
}
