//! Random programs that are valid by construction, so that both interpreters can run them.
//!
//! r0 to r8 always hold numbers, r9 points to the context and r10 to the stack, of which the
//! first [`STACK_BYTES`] are written. Branches go forward, functions call only later ones: every
//! program ends.

use proptest::prelude::*;
use skep_isa::{
    AluOp, AtomicOp, Callee, Cond, Imm64, Insn, Op, Operand, Reg, Size, Swap, Width, encode,
};
use skep_vm::interp::Function;

use super::engines::CTX_BYTES;

/// Bytes of stack that each function uses.
const STACK_BYTES: i16 = 64;

/// A program: the steps of each function.
#[derive(Clone, Debug)]
pub(super) struct Sketch(Vec<Vec<Step>>);

/// One or a few instructions.
#[derive(Clone, Debug)]
enum Step {
    /// An instruction as it stands, but for branches, whose offset counts steps.
    Op(Op),
    /// A call of a helper, or of the function so many places later, if there is one.
    Call(Result<u32, usize>),
    /// A load from the packet.
    Packet(Op),
}

/// Sketches of up to three functions.
pub(super) fn sketches() -> impl Strategy<Value = Sketch> {
    prop::collection::vec(prop::collection::vec(step(), 0..40), 1..=3).prop_map(Sketch)
}

impl Sketch {
    /// The slots, and where the functions are.
    pub(super) fn assemble(&self) -> (Vec<Insn>, Vec<Function>) {
        let lowered: Vec<Vec<Vec<Op>>> =
            (0..self.0.len()).map(|function| self.lower(function)).collect();
        let slots = |steps: &[Vec<Op>]| steps.iter().flatten().map(Op::slots).sum::<usize>();
        let mut starts = vec![0];
        for steps in &lowered {
            starts.push(starts.last().expect("never empty") + slots(steps));
        }
        let mut insns = Vec::new();
        for steps in &lowered {
            for (index, step) in steps.iter().enumerate() {
                let later = &steps[index + 1..];
                for &op in step {
                    let op = resolve(op, insns.len(), &starts, |n| {
                        slots(&later[..n.min(later.len() - 1)])
                    });
                    insns.extend_from_slice(&encode(op).expect("the generator knows the forms"));
                }
            }
        }
        let stack_bytes = STACK_BYTES as usize;
        let functions = starts.windows(2).map(|w| Function { start: w[0], end: w[1], stack_bytes });
        (insns, functions.collect())
    }

    /// The instructions of a function by step; calls and branches count functions and steps.
    fn lower(&self, function: usize) -> Vec<Vec<Op>> {
        let mut prologue = vec![mov(Reg::R9, Operand::Reg(Reg::R1))];
        prologue
            .extend((0..=8).map(|reg| mov(number(reg), Operand::Imm(i32::from(reg) * 77 - 99))));
        prologue.extend((1..=STACK_BYTES / 8).map(|word| Op::Store {
            size: Size::Dw,
            dst: Reg::FP,
            off: -8 * word,
            src: Operand::Imm(i32::from(word)),
        }));
        let mut steps = vec![prologue];
        steps.extend(self.0[function].iter().map(|step| match step {
            Step::Op(op) => vec![*op],
            Step::Packet(op) => with_lost_arguments(&[*op]),
            Step::Call(Ok(helper)) => with_lost_arguments(&[Op::Call(Callee::Helper(*helper))]),
            Step::Call(Err(distance)) => {
                let callee = function + 1 + distance;
                if callee >= self.0.len() {
                    return Vec::new();
                }
                let call = Op::Call(Callee::Local(callee as i32));
                with_lost_arguments(&[mov(Reg::R1, Operand::Reg(Reg::R9)), call])
            }
        }));
        steps.push(vec![Op::Exit]);
        steps
    }
}

/// Turns counts of functions and steps into distances.
fn resolve(op: Op, insn: usize, starts: &[usize], skip: impl Fn(usize) -> usize) -> Op {
    match op {
        Op::Call(Callee::Local(function)) => {
            let distance = starts[function as usize] as i32 - (insn as i32 + 1);
            Op::Call(Callee::Local(distance))
        }
        Op::Branch { width, cond, dst, src, off } => {
            Op::Branch { width, cond, dst, src, off: skip(off as usize) as i16 }
        }
        Op::Jump { off, long } => Op::Jump { off: skip(off as usize) as i32, long },
        Op::MayGoto { off } => Op::MayGoto { off: skip(off as usize) as i16 },
        _ => op,
    }
}

/// After a call r1 to r5 have to be written again.
fn with_lost_arguments(ops: &[Op]) -> Vec<Op> {
    let again = (1..=5).map(|reg| mov(number(reg), Operand::Imm(i32::from(reg))));
    ops.iter().copied().chain(again).collect()
}

fn mov(dst: Reg, src: Operand) -> Op {
    Op::Alu { width: Width::W64, op: AluOp::Mov, dst, src }
}

fn number(reg: u8) -> Reg {
    Reg::new(reg).expect("at most 10")
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => arithmetic().prop_map(Step::Op),
        6 => memory().prop_map(Step::Op),
        3 => branch().prop_map(Step::Op),
        1 => call(),
    ]
}

/// A register that holds a number.
fn reg() -> impl Strategy<Value = Reg> {
    (0u8..=8).prop_map(number)
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::W32), Just(Width::W64)]
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![Just(Size::B), Just(Size::H), Just(Size::W), Just(Size::Dw)]
}

/// Numbers at the edges, and any.
fn immediate() -> impl Strategy<Value = i32> {
    prop_oneof![Just(0), Just(-1), Just(1), Just(i32::MIN), Just(i32::MAX), -64..64, any::<i32>()]
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![reg().prop_map(Operand::Reg), immediate().prop_map(Operand::Imm)]
}

fn arithmetic() -> impl Strategy<Value = Op> {
    use AluOp::{Add, And, Arsh, Div, Lsh, Mod, Mov, Mul, Or, Rsh, Sdiv, Smod, Sub, Xor};
    let ops = [Add, Sub, Mul, Div, Sdiv, Or, And, Lsh, Rsh, Mod, Smod, Xor, Mov, Arsh];
    let binary = (width(), prop::sample::select(ops.to_vec()), reg(), operand())
        .prop_map(|(width, op, dst, src)| Op::Alu { width, op, dst, src });
    let movsx = (width(), size(), reg(), reg()).prop_map(|(width, from, dst, src)| {
        let from = match (width, from) {
            (_, Size::Dw) | (Width::W32, Size::W) => Size::H,
            _ => from,
        };
        Op::Movsx { width, from, dst, src }
    });
    let kinds = [Swap::ToLe, Swap::ToBe, Swap::Bswap];
    let swap =
        (prop::sample::select(kinds.to_vec()), prop::sample::select(vec![16u8, 32, 64]), reg())
            .prop_map(|(kind, bits, dst)| Op::Swap { kind, bits, dst });
    let wide = prop_oneof![Just(1u64 << 63), Just(u64::from(u32::MAX)), any::<u64>()];
    prop_oneof![
        10 => binary,
        1 => (width(), reg()).prop_map(|(width, dst)| Op::Neg { width, dst }),
        2 => movsx,
        2 => swap,
        2 => (reg(), wide).prop_map(|(dst, value)| Op::LoadImm64 { dst, imm: Imm64::Value(value) }),
    ]
}

/// A base and an offset within it, aligned to eight bytes or to nothing.
fn place(aligned: bool) -> impl Strategy<Value = (Reg, i16)> {
    let end = CTX_BYTES as i16 - 8;
    (any::<bool>(), 0..=end).prop_map(move |(stack, at)| {
        let at = if aligned { at & !7 } else { at };
        if stack { (Reg::FP, at - STACK_BYTES) } else { (Reg::R9, at) }
    })
}

fn memory() -> impl Strategy<Value = Op> {
    use AtomicOp::{Add, And, Cmpxchg, Or, Xchg, Xor};
    let load = (size(), any::<bool>(), reg(), place(false)).prop_map(|(size, signed, dst, at)| {
        Op::Load { size, signed: signed && size != Size::Dw, dst, src: at.0, off: at.1 }
    });
    let store = (size(), place(false), operand()).prop_map(|(size, (dst, off), src)| Op::Store {
        size,
        dst,
        off,
        src,
    });
    let atomic_op = (0..6, any::<bool>()).prop_map(|(op, fetch)| match op {
        0 => Add { fetch },
        1 => Or { fetch },
        2 => And { fetch },
        3 => Xor { fetch },
        4 => Xchg,
        _ => Cmpxchg,
    });
    let words = prop_oneof![Just(Size::W), Just(Size::Dw)];
    let atomic = (words, atomic_op, place(true), reg())
        .prop_map(|(size, op, (dst, off), src)| Op::Atomic { size, op, dst, off, src });
    let acquire = (size(), reg(), place(true))
        .prop_map(|(size, dst, (src, off))| Op::LoadAcquire { size, dst, src, off });
    let release = (size(), place(true), reg())
        .prop_map(|(size, (dst, off), src)| Op::StoreRelease { size, dst, off, src });
    prop_oneof![4 => load, 4 => store, 3 => atomic, 1 => acquire, 1 => release]
}

fn branch() -> impl Strategy<Value = Op> {
    use Cond::{Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
    let conds = [Eq, Ne, Set, Gt, Ge, Lt, Le, Sgt, Sge, Slt, Sle];
    let branch = (width(), prop::sample::select(conds.to_vec()), reg(), operand(), 0i16..6)
        .prop_map(|(width, cond, dst, src, off)| Op::Branch { width, cond, dst, src, off });
    let jump = (0..6, any::<bool>()).prop_map(|(off, long)| Op::Jump { off, long });
    let may_goto = (0i16..6).prop_map(|off| Op::MayGoto { off });
    prop_oneof![8 => branch, 1 => jump, 1 => may_goto]
}

fn call() -> impl Strategy<Value = Step> {
    let packet_size = || prop_oneof![Just(Size::B), Just(Size::H), Just(Size::W)];
    prop_oneof![
        3 => (0u32..300).prop_map(|helper| Step::Call(Ok(helper))),
        3 => (0usize..2).prop_map(|distance| Step::Call(Err(distance))),
        1 => (packet_size(), -4..68).prop_map(|(size, imm)| Step::Packet(Op::LoadAbs { size, imm })),
        1 => (packet_size(), reg(), 0..8)
            .prop_map(|(size, src, imm)| Step::Packet(Op::LoadInd { size, src, imm })),
    ]
}
