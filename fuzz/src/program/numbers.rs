//! Statements on numbers in registers.

use skep_isa::{AluOp, Imm64, Op, Operand, Reg, Size, Swap, Width};

use super::generate::{Generator, mov};

/// Every operation with two operands.
pub const OPS: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Sdiv,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::Smod,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Arsh,
];

impl Generator<'_> {
    /// One operation on numbers.
    pub fn arithmetic(&mut self) {
        match self.random.below(12) {
            0 => {
                let (dst, bits) = (self.target(), self.random.next());
                let shift = self.random.below(64);
                self.op(Op::LoadImm64 { dst, imm: Imm64::Value(bits >> shift) });
                self.set_number(dst);
            }
            1 => self.movsx(),
            2 => {
                let (dst, bits) = (self.changeable(), self.random.pick(&[16, 32, 64]));
                let kind = self.random.pick(&[Swap::ToLe, Swap::ToBe, Swap::Bswap]);
                self.op(Op::Swap { kind, bits, dst });
            }
            3 => {
                let (dst, width) = (self.changeable(), self.width());
                self.op(Op::Neg { width, dst });
            }
            4 => {
                let (dst, src) = (self.target(), self.operand());
                let width = self.width();
                self.op(Op::Alu { width, op: AluOp::Mov, dst, src });
                self.set_number(dst);
            }
            _ => self.binary(),
        }
    }

    fn binary(&mut self) {
        let (op, width) = (self.random.pick(&OPS), self.width());
        let (dst, mut src) = (self.changeable(), self.operand());
        if let Operand::Imm(imm) = &mut src {
            match op {
                AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod if *imm == 0 => *imm = 3,
                AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => {
                    *imm &= if width == Width::W64 { 63 } else { 31 };
                }
                _ => {}
            }
        }
        self.op(Op::Alu { width, op, dst, src });
    }

    fn movsx(&mut self) {
        let (src, width) = (self.number(), self.width());
        let from = match width {
            Width::W32 => self.random.pick(&[Size::B, Size::H]),
            Width::W64 => self.random.pick(&[Size::B, Size::H, Size::W]),
        };
        let dst = self.target();
        self.op(Op::Movsx { width, from, dst, src });
        self.set_number(dst);
    }

    pub fn width(&mut self) -> Width {
        self.random.pick(&[Width::W32, Width::W64])
    }

    /// A register with a number, or an immediate.
    pub fn operand(&mut self) -> Operand {
        if self.random.once_in(2) {
            Operand::Reg(self.number())
        } else {
            Operand::Imm(self.random.imm())
        }
    }

    /// Gives a register a number from 0 to `mask`.
    pub fn masked(&mut self, dst: Reg, mask: i32) {
        let src = self.number();
        self.op(mov(dst, Operand::Reg(src)));
        self.set_number(dst);
        let src = Operand::Imm(mask);
        self.op(Op::Alu { width: Width::W64, op: AluOp::And, dst, src });
    }
}
