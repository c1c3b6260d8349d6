//! Statements that contain others: branches, loops, and blocks that have a base.

use skep_isa::{AluOp, Cond, Imm64, Op, Operand, Reg, Size, Width};
use skep_uapi::{Helper, ProgType};

use super::generate::{Base, BaseKind, Generator, KEY, alu, load, mov};
use super::kernels::{GLOBAL, MAPS};
use super::sketch::{Item, Label, Test};

/// Every condition.
pub const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Set,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

impl Generator<'_> {
    /// `if`, with or without `else`.
    pub fn choice(&mut self) {
        let (other, end) = (self.label(), self.label());
        let test = self.test();
        self.branch(test, other);
        let before = self.numbers();
        self.nest(3);
        if self.random.once_in(2) {
            self.items.push(Item::Label(other));
            self.set_numbers(self.numbers() & before);
            return;
        }
        let long = self.random.once_in(2);
        self.items.push(Item::Jump { long, to: end });
        self.items.push(Item::Label(other));
        let after = self.numbers();
        self.set_numbers(before);
        self.nest(3);
        self.items.push(Item::Label(end));
        self.set_numbers(self.numbers() & after);
    }

    fn test(&mut self) -> Test {
        let (width, cond) = (self.width(), self.random.pick(&CONDS));
        let (dst, src) = (self.number(), self.operand());
        Test { width, cond, dst, src }
    }

    fn branch(&mut self, test: Test, to: Label) {
        self.items.push(Item::Branch { test, to });
    }

    fn nest(&mut self, most: usize) {
        self.nested += 1;
        let count = 1 + self.random.below(most);
        self.statements(count);
        self.nested -= 1;
    }

    /// A few rounds; r8 counts them.
    pub fn bounded_loop(&mut self) {
        let (start, rounds) = (self.label(), 2 + self.random.below(6) as i32);
        self.op(mov(Reg::R8, Operand::Imm(0)));
        self.clear_number(Reg::R8);
        self.items.push(Item::Label(start));
        let before = self.numbers();
        // The counter is the block's: what has a base would take it, so there is none.
        self.nested += 2;
        let count = 1 + self.random.below(3);
        for _ in 0..count {
            match self.random.below(4) {
                0 => self.stack_access(),
                1 if self.random.once_in(2) => self.call(),
                _ => self.arithmetic(),
            }
        }
        self.nested -= 2;
        for number in 0..10 {
            let reg = Reg::new(number).expect("below 10");
            if before & 1 << number != 0 && !self.is_number(reg) {
                self.op(mov(reg, Operand::Imm(1)));
                self.set_number(reg);
            }
        }
        self.op(alu(AluOp::Add, Reg::R8, Operand::Imm(1)));
        let (width, src) = (self.width(), Operand::Imm(rounds));
        let cond = self.random.pick(&[Cond::Lt, Cond::Ne, Cond::Slt]);
        self.branch(Test { width, cond, dst: Reg::R8, src }, start);
        self.set_number(Reg::R8);
    }

    /// Ends the function early.
    pub fn early_end(&mut self) {
        let over = self.label();
        let test = self.test();
        self.branch(test, over);
        let imm = self.random.imm();
        self.op(mov(Reg::R0, Operand::Imm(imm)));
        if self.random.once_in(2) {
            self.op(Op::Exit);
        } else {
            let (to, long) = (self.end, self.random.once_in(2));
            self.items.push(Item::Jump { long, to });
        }
        self.items.push(Item::Label(over));
    }

    /// A block whose r7 points to something.
    pub fn block(&mut self) {
        if self.nested > 2 || self.base.is_some() {
            return self.arithmetic();
        }
        match self.random.below(4) {
            0 => self.global_value(),
            1 | 2 if !self.in_function && self.prog_type == ProgType::XDP => self.packet(),
            _ => self.looked_up(),
        }
    }

    fn global_value(&mut self) {
        let off = 8 * self.random.below(12) as u32;
        self.global(Reg::R7, off);
        let bytes = (MAPS[GLOBAL].value_size - off) as i16;
        self.with_base(Base { bytes, kind: BaseKind::Value });
    }

    /// `if (value = map_lookup_elem(&map, &key)) { ... }`
    fn looked_up(&mut self) {
        let map = self.random.below(MAPS.len());
        let end = self.label();
        self.make_key(map);
        self.map_and_key(map);
        self.op(Op::Call(skep_isa::Callee::Helper(Helper::MAP_LOOKUP_ELEM.0)));
        self.lose_arguments();
        self.clear_number(Reg::R0);
        let src = Operand::Imm(0);
        let null = Test { width: Width::W64, cond: Cond::Eq, dst: Reg::R0, src };
        if self.random.once_in(3) {
            self.op(mov(Reg::R7, Operand::Reg(Reg::R0)));
            self.branch(null, end);
        } else {
            self.branch(null, end);
            self.op(mov(Reg::R7, Operand::Reg(Reg::R0)));
        }
        let before = self.numbers();
        let bytes = MAPS[map].value_size as i16;
        self.with_base(Base { bytes, kind: BaseKind::Value });
        self.items.push(Item::Label(end));
        self.set_numbers(self.numbers() & before);
    }

    /// r1 and r2 of a helper on a map.
    pub fn map_and_key(&mut self, map: usize) {
        self.op(Op::LoadImm64 { dst: Reg::R1, imm: Imm64::MapIdx(map as i32) });
        self.clear_number(Reg::R1);
        self.point(Reg::R2, Reg::FP, -KEY);
    }

    /// `if (data + N <= data_end) { ... }`
    fn packet(&mut self) {
        let end = self.label();
        self.op(load(Size::W, Reg::R7, Reg::R6, 0));
        self.op(load(Size::W, Reg::R8, Reg::R6, 4));
        self.clear_number(Reg::R8);
        if self.random.once_in(3) {
            self.masked(Reg::R1, 0x1f);
            self.op(alu(AluOp::Add, Reg::R7, Operand::Reg(Reg::R1)));
        }
        let bytes = self.random.pick(&[1, 2, 4, 8, 14, 20, 34, 60]);
        self.point(Reg::R1, Reg::R7, bytes);
        let before = self.numbers();
        let (data, data_end) = (Reg::R1, Reg::R8);
        let (cond, dst, src) = self.random.pick(&[
            (Cond::Gt, data, data_end),
            (Cond::Ge, data, data_end),
            (Cond::Lt, data_end, data),
            (Cond::Le, data_end, data),
        ]);
        self.branch(Test { width: Width::W64, cond, dst, src: Operand::Reg(src) }, end);
        self.with_base(Base { bytes, kind: BaseKind::Packet });
        self.items.push(Item::Label(end));
        self.op(mov(Reg::R8, Operand::Imm(5)));
        self.set_numbers(self.numbers() & before);
        self.set_number(Reg::R8);
    }

    /// The statements of a block.
    pub fn with_base(&mut self, base: Base) {
        self.base = Some(base);
        self.base_access();
        self.nest(5);
        self.base_access();
        self.base = None;
    }
}
