//! Statements that access memory: the stack, and what the block's base points to.

use skep_isa::{AluOp, AtomicOp, Op, Operand, Reg, Size};

use super::generate::{Base, BaseKind, Generator, SPILL, WORDS, alu, load, mov, store};

const SIZES: [Size; 4] = [Size::B, Size::H, Size::W, Size::Dw];
/// Every read-modify-write.
pub const ATOMICS: [AtomicOp; 10] = [
    AtomicOp::Add { fetch: false },
    AtomicOp::Or { fetch: false },
    AtomicOp::And { fetch: false },
    AtomicOp::Xor { fetch: false },
    AtomicOp::Add { fetch: true },
    AtomicOp::Or { fetch: true },
    AtomicOp::And { fetch: true },
    AtomicOp::Xor { fetch: true },
    AtomicOp::Xchg,
    AtomicOp::Cmpxchg,
];

impl Generator<'_> {
    /// An access to a word of the stack, or part of it.
    pub fn stack_access(&mut self) {
        if self.random.once_in(6) {
            return self.variable_stack_access();
        }
        let size = self.random.pick(&SIZES);
        let word = -8 * (1 + self.random.below(WORDS as usize) as i16);
        let part = self.random.below(8 / size.bytes()) * size.bytes();
        self.access(Reg::FP, word + part as i16, size, true);
    }

    /// An access to what r7 points to, directly, through a copy, or at a variable place.
    pub fn base_access(&mut self) {
        let Some(base) = self.base else { return };
        let fitting = SIZES.iter().filter(|size| size.bytes() <= base.bytes as usize).count();
        let size = self.random.pick(&SIZES[..fitting]);
        let places = (base.bytes as usize - size.bytes()) / size.bytes() + 1;
        let mut off = (self.random.below(places) * size.bytes()) as i16;
        let atomic = base.kind != BaseKind::Packet;
        match self.random.below(8) {
            0 if base.bytes >= 16 && base.kind != BaseKind::Packet => {
                self.variable_access(base, size);
            }
            1 => self.spill(),
            2 => {
                let copy = self.random.pick(&[Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5]);
                let ahead = self.random.below(off as usize + 1) as i16;
                self.point(copy, Reg::R7, ahead);
                self.access(copy, off - ahead, size, false);
                self.clear_number(copy);
            }
            3 if base.kind == BaseKind::Value && size != Size::B => {
                // Only the stack asks for alignment.
                let most = base.bytes - size.bytes() as i16;
                off = (off + 1).min(most);
                self.access(Reg::R7, off, size, false);
            }
            _ => self.access(Reg::R7, off, size, atomic),
        }
    }

    /// An access to memory that holds numbers.
    fn access(&mut self, base: Reg, off: i16, size: Size, atomic: bool) {
        match self.random.below(9) {
            0 | 1 => {
                let src = self.operand();
                self.op(store(size, base, off, src));
            }
            2 if atomic => self.atomic(base, off, size),
            3 if atomic => {
                let src = self.number();
                self.op(Op::StoreRelease { size, dst: base, off, src });
            }
            4 if atomic => {
                let dst = self.target();
                self.op(Op::LoadAcquire { size, dst, src: base, off });
                self.set_number(dst);
            }
            5 if size != Size::Dw => {
                let dst = self.target();
                self.op(Op::Load { size, signed: true, dst, src: base, off });
                self.set_number(dst);
            }
            _ => {
                let dst = self.target();
                self.op(load(size, dst, base, off));
                self.set_number(dst);
            }
        }
    }

    fn atomic(&mut self, base: Reg, off: i16, size: Size) {
        let (size, off) = match size {
            Size::B | Size::H => (Size::W, off & !3),
            _ => (size, off),
        };
        let (op, src) = (self.random.pick(&ATOMICS), self.number());
        if op == AtomicOp::Cmpxchg && !self.is_number(Reg::R0) {
            let imm = self.random.imm();
            self.op(mov(Reg::R0, Operand::Imm(imm)));
            self.set_number(Reg::R0);
        }
        if base == Reg::FP || self.base.is_some_and(|base| base.kind == BaseKind::Stack) {
            // Linux 6.18 does not follow what such an operation fetches back to the stack: where
            // the number there is known on one path, it takes it for known on others, and drops
            // code that runs. A number that was written in parts is known on none.
            self.op(store(Size::B, base, off, Operand::Imm(0x55)));
        }
        self.op(Op::Atomic { size, op, dst: base, off, src });
    }

    /// Out of the register and back, with something in between.
    fn spill(&mut self) {
        self.op(store(Size::Dw, Reg::FP, -SPILL, Operand::Reg(Reg::R7)));
        self.arithmetic();
        self.op(load(Size::Dw, Reg::R7, Reg::FP, -SPILL));
    }

    /// `r7[x & mask]`.
    fn variable_access(&mut self, base: Base, size: Size) {
        let room = base.bytes as usize - size.bytes();
        let mask = (room + 1).next_power_of_two() / 2 - 1;
        let mask = if base.kind == BaseKind::Stack { mask & !7 } else { mask };
        let copy = self.random.pick(&[Reg::R1, Reg::R2, Reg::R3]);
        self.point_into(copy, Reg::R7, mask as i32);
        if base.kind == BaseKind::Stack {
            self.access(copy, 0, Size::Dw, false);
        } else {
            self.access(copy, 0, size, false);
        }
        self.clear_number(copy);
    }

    /// A word of the stack at a variable place.
    fn variable_stack_access(&mut self) {
        self.point_into(Reg::R1, Reg::FP, 0x38);
        self.access(Reg::R1, -8 * WORDS, Size::Dw, false);
        self.clear_number(Reg::R1);
    }

    /// Points a register up to `mask` bytes behind where another points.
    ///
    /// In functions always as pointer plus number: Linux 6.18 takes a number plus the frame pointer
    /// of a function for a pointer into the main function's frame, and what it then believes of
    /// that frame makes it drop code that runs.
    fn point_into(&mut self, dst: Reg, base: Reg, mask: i32) {
        if self.in_function || self.random.once_in(2) {
            self.masked(Reg::R5, mask);
            self.point(dst, base, 0);
            self.op(alu(AluOp::Add, dst, Operand::Reg(Reg::R5)));
        } else {
            self.masked(dst, mask);
            self.op(alu(AluOp::Add, dst, Operand::Reg(base)));
            self.clear_number(dst);
        }
    }
}
