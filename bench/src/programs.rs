//! The programs that are measured. They use only instructions that rbpf has too.

use skep_isa::{AluOp, Cond, Insn, Op, Operand, Reg, Size, Swap, Width, encode};

/// A program, and whether the bounds hold for it.
pub struct Program {
    /// As the table prints it.
    pub name: &'static str,
    /// Its slots; it takes no context and calls nothing.
    pub insns: Vec<Insn>,
    /// Whether missing a bound is a failure.
    pub bounded: bool,
}

/// All of them.
pub fn all() -> Vec<Program> {
    vec![
        Program { name: "24000 alternating ADD and XOR", insns: straight_line(), bounded: true },
        Program { name: "ALU loop", insns: alu_loop(), bounded: true },
        Program { name: "200 random opcodes, looped", insns: mix(200), bounded: false },
        Program { name: "1000 random opcodes, looped", insns: mix(1000), bounded: false },
    ]
}

/// `r0 += r1`, `r0 ^= r2`, over and over: each needs the result of the one before.
fn straight_line() -> Vec<Insn> {
    let mut ops = vec![mov(Reg::R0, 1), mov(Reg::R1, 7), mov(Reg::R2, 0x5555)];
    for index in 0..24_000 {
        let (op, src) = if index % 2 == 0 { (AluOp::Add, Reg::R1) } else { (AluOp::Xor, Reg::R2) };
        ops.push(Op::Alu { width: Width::W64, op, dst: Reg::R0, src: Operand::Reg(src) });
    }
    ops.push(Op::Exit);
    assemble(&ops)
}

/// Six instructions, 20,000 times.
fn alu_loop() -> Vec<Insn> {
    let alu = |op, dst, src| Op::Alu { width: Width::W64, op, dst, src };
    assemble(&[
        mov(Reg::R0, 1),
        mov(Reg::R1, 20_000),
        alu(AluOp::Add, Reg::R0, Operand::Reg(Reg::R1)),
        alu(AluOp::Xor, Reg::R0, Operand::Imm(0x5555)),
        alu(AluOp::Mul, Reg::R0, Operand::Imm(3)),
        alu(AluOp::Rsh, Reg::R0, Operand::Imm(1)),
        alu(AluOp::Sub, Reg::R1, Operand::Imm(1)),
        branch(Cond::Ne, Reg::R1, Operand::Imm(0), -6),
        Op::Exit,
    ])
}

/// Random instructions, 50 times: arithmetic, byte order, stack, forward branches. r0 to r8 are
/// operands, r9 counts. How many there are decides whether the machine still predicts what an
/// interpreter jumps to: two lengths show both cases.
fn mix(len: usize) -> Vec<Insn> {
    const STACK: i16 = 64;
    let mut random = Random(0x5eed);
    let mut ops: Vec<Op> = (0..=8).map(|n| mov(register(n), 1000 + i32::from(n))).collect();
    for at in (8..=STACK).step_by(8) {
        ops.push(Op::Store {
            size: Size::Dw,
            dst: Reg::FP,
            off: -at,
            src: Operand::Imm(at.into()),
        });
    }
    ops.push(mov(Reg::R9, 50));
    let begin = ops.len();
    for _ in 0..len {
        ops.push(random_op(&mut random, STACK));
    }
    // Where the last branches may lead.
    ops.extend([mov(Reg::R1, 1), mov(Reg::R2, 2), mov(Reg::R3, 3)]);
    ops.push(Op::Alu { width: Width::W64, op: AluOp::Sub, dst: Reg::R9, src: Operand::Imm(1) });
    let back = begin as i16 - (ops.len() as i16 + 1);
    ops.push(branch(Cond::Ne, Reg::R9, Operand::Imm(0), back));
    ops.push(Op::Exit);
    assemble(&ops)
}

fn random_op(random: &mut Random, stack: i16) -> Op {
    use AluOp::{Add, And, Arsh, Div, Lsh, Mod, Mov, Mul, Or, Rsh, Sub, Xor};
    use Cond::{Eq, Ge, Gt, Le, Lt, Ne, Set, Sge, Sgt, Sle, Slt};
    let width = random.pick(&[Width::W32, Width::W64]);
    let size = random.pick(&[Size::B, Size::H, Size::W, Size::Dw]);
    let dst = register(random.below(9) as u8);
    let src = register(random.below(9) as u8);
    // In range for shifts, and never zero for divisions.
    let imm = Operand::Imm(1 + random.below(31) as i32);
    let operand = random.pick(&[Operand::Reg(src), imm]);
    let off = random.below(stack as u64 - 8) as i16 - stack;
    match random.below(10) {
        0..5 => {
            let op = random.pick(&[Add, Sub, Mul, Div, Or, And, Lsh, Rsh, Mod, Xor, Mov, Arsh]);
            Op::Alu { width, op, dst, src: operand }
        }
        5 => Op::Load { size, signed: false, dst, src: Reg::FP, off },
        6 => Op::Store { size, dst: Reg::FP, off, src: operand },
        7 => Op::Swap { kind: Swap::ToBe, bits: random.pick(&[16, 32, 64]), dst },
        8 => Op::Neg { width, dst },
        _ => {
            let cond = random.pick(&[Eq, Ne, Set, Gt, Ge, Lt, Le, Sgt, Sge, Slt, Sle]);
            Op::Branch { width, cond, dst, src: operand, off: random.below(4) as i16 }
        }
    }
}

fn assemble(ops: &[Op]) -> Vec<Insn> {
    let encode = |&op: &Op| encode(op).expect("these forms exist").to_vec();
    ops.iter().flat_map(encode).collect()
}

fn mov(dst: Reg, imm: i32) -> Op {
    Op::Alu { width: Width::W64, op: AluOp::Mov, dst, src: Operand::Imm(imm) }
}

fn branch(cond: Cond, dst: Reg, src: Operand, off: i16) -> Op {
    Op::Branch { width: Width::W64, cond, dst, src, off }
}

fn register(number: u8) -> Reg {
    Reg::new(number).expect("at most 10")
}

/// SplitMix64: the same mix in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}
