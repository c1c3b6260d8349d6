//! Programs that are valid by construction: the main function, its statements, its functions.
//!
//! Roles of registers: r6 is the context; r7 is the base of a block that has one (a packet, a map
//! value, somebody's stack); r8 is the end of the packet or the counter of a loop in such a block;
//! all others are numbers or nothing. The only pointers that are written to memory are those that
//! are spilled, and no address becomes a number: results are the same on every kernel.

use skep_isa::{AluOp, Imm64, Op, Operand, Reg, Size, Width};
use skep_uapi::ProgType;

use super::kernels::{GLOBAL, MAPS};
use super::sketch::{Item, Label, Sketch};
use crate::random::Random;

/// Words of stack that always hold numbers: from -8 down to -128.
pub const WORDS: i16 = 16;
/// Bytes below the frame pointer where keys are made.
pub const KEY: i16 = 136;
/// Where pointers are spilled.
pub const SPILL: i16 = 144;
/// First bytes of the global value, where the results go.
const RESULTS: u32 = 0;
/// Its other half, where numbers come from that no verifier knows.
const INPUTS: u32 = 64;
/// Registers that may hold numbers.
const NUMBERS: [Reg; 8] = [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R8, Reg::R9];

/// A program, by its seed.
pub fn sketch(random: &mut Random) -> Sketch {
    let prog_type = random.pick(&[ProgType::XDP, ProgType::XDP, ProgType::SOCKET_FILTER]);
    let frame = frame(random);
    // As many short programs as long ones.
    let most = 4 << random.below(6);
    let statements = 2 + random.below(most);
    let functions = if random.once_in(3) { 1 + random.below(2) } else { 0 };
    let mut generator = Generator {
        random,
        prog_type,
        items: Vec::new(),
        labels: 0,
        functions: Vec::new(),
        called: Vec::new(),
        numbers: 0,
        base: None,
        nested: 0,
        may_load_packet: prog_type == ProgType::SOCKET_FILTER && functions == 0,
        in_function: false,
        end: 0,
    };
    generator.functions = (0..functions).map(|_| generator.label()).collect();
    generator.main(statements);
    generator.bodies();
    Sketch { prog_type, items: generator.items, frame }
}

/// The same kind of packet each time: a header that says IPv4, then anything.
fn frame(random: &mut Random) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45];
    let len = 64 + random.below(64);
    frame.extend((frame.len()..len).map(|_| random.next() as u8));
    frame
}

/// What a block's r7 points to.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    pub bytes: i16,
    pub kind: BaseKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BaseKind {
    Packet,
    Value,
    Stack,
}

pub struct Generator<'r> {
    pub random: &'r mut Random,
    pub prog_type: ProgType,
    pub items: Vec<Item>,
    labels: Label,
    /// Functions that can be called from here.
    pub functions: Vec<Label>,
    /// Functions that are called from anywhere: no others may be there.
    pub called: Vec<Label>,
    /// The registers that hold numbers.
    numbers: u16,
    pub base: Option<Base>,
    /// How deep blocks are nested.
    pub nested: usize,
    /// Whether legacy packet loads may be used: they do not go with functions.
    pub may_load_packet: bool,
    pub in_function: bool,
    /// The end of the function at hand.
    pub end: Label,
}

impl Generator<'_> {
    fn main(&mut self, statements: usize) {
        self.end = self.label();
        self.op(mov(Reg::R6, Operand::Reg(Reg::R1)));
        self.global(Reg::R7, INPUTS);
        for reg in [Reg::R0, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R8, Reg::R9] {
            if self.random.once_in(4) {
                let imm = self.random.imm();
                self.op(mov(reg, Operand::Imm(imm)));
            } else {
                let off = 8 * self.random.below(8) as i16;
                self.op(load(Size::Dw, reg, Reg::R7, off));
            }
            self.set_number(reg);
        }
        self.fill_stack();
        self.statements(statements);
        self.report();
        let end = self.end;
        self.items.push(Item::Label(end));
        self.op(Op::Exit);
    }

    /// Gives every word of the stack a number.
    pub fn fill_stack(&mut self) {
        for word in 1..=WORDS {
            let src = if self.random.once_in(2) {
                Operand::Imm(self.random.imm())
            } else {
                Operand::Reg(self.number())
            };
            self.op(Op::Store { size: Size::Dw, dst: Reg::FP, off: -8 * word, src });
        }
    }

    /// Makes everything that was computed visible: registers, stack, and r0 of all of them.
    fn report(&mut self) {
        let held: Vec<Reg> = NUMBERS.into_iter().filter(|reg| self.is_number(*reg)).collect();
        self.global(Reg::R7, RESULTS);
        for (at, reg) in held.iter().enumerate() {
            self.op(store(Size::Dw, Reg::R7, 8 * at as i16, Operand::Reg(*reg)));
        }
        self.op(mov(Reg::R0, Operand::Imm(0)));
        for reg in held.into_iter().filter(|reg| *reg != Reg::R0) {
            self.op(alu(AluOp::Xor, Reg::R0, Operand::Reg(reg)));
        }
        for word in 1..=WORDS {
            self.op(load(Size::Dw, Reg::R1, Reg::FP, -8 * word));
            self.op(alu(AluOp::Add, Reg::R0, Operand::Reg(Reg::R1)));
        }
        self.op(store(Size::Dw, Reg::R7, 56, Operand::Reg(Reg::R0)));
    }

    /// So many statements; a nested block counts as one.
    pub fn statements(&mut self, count: usize) {
        for _ in 0..count {
            self.statement();
        }
    }

    fn statement(&mut self) {
        match self.random.below(20) {
            0..=6 => self.arithmetic(),
            7..=9 => self.stack_access(),
            10..=13 if self.base.is_some() => self.base_access(),
            14 | 15 if self.nested < 3 => self.choice(),
            16 if self.nested < 2 && self.base.is_none() => self.bounded_loop(),
            17 if self.base.is_none() => self.block(),
            18 => self.call(),
            19 if self.nested > 0 && self.random.once_in(4) => self.early_end(),
            10..=13 if self.random.once_in(2) => self.block(),
            _ => self.arithmetic(),
        }
    }

    pub fn label(&mut self) -> Label {
        self.labels += 1;
        self.labels - 1
    }

    pub fn op(&mut self, op: Op) {
        self.items.push(Item::Op(op));
    }

    /// Points a register somewhere behind (or before) where another points.
    pub fn point(&mut self, dst: Reg, base: Reg, by: i16) {
        self.op(mov(dst, Operand::Reg(base)));
        self.clear_number(dst);
        if by != 0 {
            self.op(alu(AluOp::Add, dst, Operand::Imm(by.into())));
        }
    }

    /// The address of a byte of the global value.
    pub fn global(&mut self, dst: Reg, off: u32) {
        debug_assert!(off < MAPS[GLOBAL].value_size);
        self.op(Op::LoadImm64 { dst, imm: Imm64::MapIdxValue { index: GLOBAL as i32, off } });
    }
}

/// Which registers hold numbers.
impl Generator<'_> {
    pub fn is_number(&self, reg: Reg) -> bool {
        self.numbers & 1 << reg.number() != 0
    }

    pub fn set_number(&mut self, reg: Reg) {
        self.numbers |= 1 << reg.number();
    }

    pub fn clear_number(&mut self, reg: Reg) {
        self.numbers &= !(1 << reg.number());
    }

    /// All of them, to be restored or joined after a block.
    pub fn numbers(&self) -> u16 {
        self.numbers
    }

    pub fn set_numbers(&mut self, numbers: u16) {
        self.numbers = numbers;
    }

    /// A register that holds a number.
    pub fn number(&mut self) -> Reg {
        let held: Vec<Reg> = NUMBERS.into_iter().filter(|reg| self.is_number(*reg)).collect();
        if !held.is_empty() {
            return self.random.pick(&held);
        }
        self.op(mov(Reg::R9, Operand::Imm(-7)));
        self.set_number(Reg::R9);
        Reg::R9
    }

    /// A register that may be overwritten.
    pub fn target(&mut self) -> Reg {
        loop {
            let reg = self.random.pick(&NUMBERS);
            // In a block r8 belongs to the block.
            if reg != Reg::R8 || self.is_number(reg) {
                return reg;
            }
        }
    }

    /// A register that holds a number and may be changed.
    pub fn changeable(&mut self) -> Reg {
        let reg = self.number();
        if self.random.once_in(3) {
            return reg;
        }
        let other = self.target();
        if other != reg && !self.is_number(other) {
            self.op(mov(other, Operand::Reg(reg)));
            self.set_number(other);
            return other;
        }
        reg
    }

    /// After a call nothing is left in r1 to r5.
    pub fn lose_arguments(&mut self) {
        self.numbers &= !0b11_1110;
    }
}

pub fn mov(dst: Reg, src: Operand) -> Op {
    alu(AluOp::Mov, dst, src)
}

pub fn alu(op: AluOp, dst: Reg, src: Operand) -> Op {
    Op::Alu { width: Width::W64, op, dst, src }
}

pub fn load(size: Size, dst: Reg, src: Reg, off: i16) -> Op {
    Op::Load { size, signed: false, dst, src, off }
}

pub fn store(size: Size, dst: Reg, off: i16, src: Operand) -> Op {
    Op::Store { size, dst, off, src }
}
