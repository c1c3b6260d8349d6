//! A program before its jumps are distances: items can be taken out and put in.

use skep_isa::{Callee, Cond, Insn, Op, Operand, Reg, Width, encode};
use skep_uapi::ProgType;

/// A program and the frame that it runs on.
#[derive(Clone, Debug)]
pub struct Sketch {
    pub prog_type: ProgType,
    pub items: Vec<Item>,
    pub frame: Vec<u8>,
}

/// A place in a sketch.
pub type Label = usize;

/// An instruction, or a place that jumps lead to.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// An instruction that leads to the next.
    Op(Op),
    Label(Label),
    Jump {
        long: bool,
        to: Label,
    },
    Branch {
        test: Test,
        to: Label,
    },
    Call(Label),
}

/// When a branch is taken.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    pub width: Width,
    pub cond: Cond,
    pub dst: Reg,
    pub src: Operand,
}

impl Sketch {
    /// The slots, if there is an encoding: a damaged sketch may jump to nowhere or too far.
    pub fn slots(&self) -> Option<Vec<Insn>> {
        let mut at = 0;
        let mut places = Vec::new();
        for item in &self.items {
            match item {
                Item::Label(label) => {
                    places.resize(places.len().max(label + 1), None);
                    places[*label] = Some(at);
                }
                Item::Op(op) => at += op.slots() as i32,
                Item::Jump { .. } | Item::Branch { .. } | Item::Call(_) => at += 1,
            }
        }
        let mut slots = Vec::new();
        for item in &self.items {
            let here = slots.len() as i32;
            let distance =
                |to: &Label| Some(places.get(*to).copied().flatten()?.wrapping_sub(here + 1));
            let op = match item {
                Item::Label(_) => continue,
                Item::Op(op) => *op,
                Item::Jump { long, to } => Op::Jump { off: distance(to)?, long: *long },
                Item::Call(to) => Op::Call(Callee::Local(distance(to)?)),
                Item::Branch { test: Test { width, cond, dst, src }, to } => {
                    let off = i16::try_from(distance(to)?).ok()?;
                    Op::Branch { width: *width, cond: *cond, dst: *dst, src: *src, off }
                }
            };
            slots.extend_from_slice(&encode(op).ok()?);
        }
        Some(slots)
    }
}
