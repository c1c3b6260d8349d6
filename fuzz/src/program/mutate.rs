//! Programs that are nearly valid: a sketch or its slots with one or two changes.

use skep_isa::{AluOp, Insn, Op, Operand, Reg, Size};

use super::control::CONDS;
use super::sketch::{Item, Sketch};
use crate::random::Random;

/// Changes one item: a bound by one, a size, a check that is gone.
pub fn item(sketch: &mut Sketch, random: &mut Random) {
    let at = random.below(sketch.items.len());
    match random.below(6) {
        0 => drop(sketch.items.remove(at)),
        1 => {
            let other = random.below(sketch.items.len());
            sketch.items.swap(at, other);
        }
        2 => {
            let from = random.below(sketch.items.len());
            let copy = sketch.items[from];
            if !matches!(copy, Item::Label(_)) {
                sketch.items.insert(at, copy);
            }
        }
        _ => {
            // Most items are no memory access and no sum: look for one that is.
            for item in sketch.items.iter_mut().skip(at) {
                if change(item, random) {
                    break;
                }
            }
        }
    }
}

fn change(item: &mut Item, random: &mut Random) -> bool {
    let by = random.pick(&[-8, -1, 1, 1, 2, 4, 8]);
    match item {
        Item::Op(Op::Load { size, off, .. } | Op::Store { size, off, .. }) => {
            if random.once_in(3) {
                *size = random.pick(&[Size::B, Size::H, Size::W, Size::Dw]);
            } else {
                *off = off.wrapping_add(by);
            }
        }
        Item::Op(Op::Atomic { off, .. } | Op::LoadAcquire { off, .. }) => {
            *off = off.wrapping_add(by);
        }
        Item::Op(Op::Alu {
            op: AluOp::Add | AluOp::And | AluOp::Mov,
            src: Operand::Imm(imm),
            ..
        }) => *imm = imm.wrapping_add(by.into()),
        Item::Branch { test, to } => match random.below(4) {
            0 => *to = to.wrapping_add_signed(by.into()),
            1 => test.dst = register(random),
            2 => test.src = Operand::Imm(random.imm()),
            _ => test.cond = random.pick(&CONDS),
        },
        _ => return false,
    }
    true
}

fn register(random: &mut Random) -> Reg {
    Reg::new(random.below(Reg::COUNT) as u8).expect("below 11")
}

/// Changes one field of one slot.
pub fn slot(slots: &mut [Insn], random: &mut Random) {
    let at = random.below(slots.len());
    let insn = &mut slots[at];
    match random.below(5) {
        0 => insn.opcode ^= 1 << random.below(8),
        1 => insn.dst = random.below(11) as u8,
        2 => insn.src = random.below(11) as u8,
        3 => insn.off = insn.off.wrapping_add(random.pick(&[-8, -1, 1, 8])),
        _ => insn.imm = random.imm(),
    }
}
