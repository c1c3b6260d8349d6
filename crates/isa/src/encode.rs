//! [`Op`] to slots.

use core::ops::Deref;

use crate::code;
use crate::{AluOp, AtomicOp, Callee, Cond, Imm64, Insn, Op, Operand, Reg, Size, Swap, Width};

/// Encodes an instruction; [`crate::decode`] gives it back.
///
/// ```
/// use skep_isa::{Imm64, Insn, Op, Reg, encode};
///
/// let op = Op::LoadImm64 { dst: Reg::R1, imm: Imm64::Value(0x1_0000_0002) };
/// assert_eq!(*encode(op)?, [Insn::new(0x18, 1, 0, 0, 2), Insn::new(0, 0, 0, 0, 1)]);
/// # Ok::<(), skep_isa::EncodeError>(())
/// ```
pub fn encode(op: Op) -> Result<Encoded, EncodeError> {
    let insn = match op {
        Op::Alu { width, op, dst, src } => alu(width, op, dst, src),
        Op::Neg { width, dst } => Insn::new(alu_class(width) | code::NEG, dst.number(), 0, 0, 0),
        Op::Movsx { width, from, dst, src } => movsx(width, from, dst, src)?,
        Op::Swap { kind, bits, dst } => swap(kind, bits, dst)?,
        Op::AddrSpaceCast { dst, src, to, from } => {
            let spaces = u32::from(to) << 16 | u32::from(from);
            let opcode = code::ALU64 | code::X | code::MOV;
            slot(opcode, dst, src, code::OFF_ADDR_SPACE_CAST, spaces as i32)
        }
        Op::LoadImm64 { dst, imm } => return Ok(load_imm64(dst, imm)),
        Op::Load { size, signed, dst, src, off } => {
            let mode = if signed { code::MEMSX } else { code::MEM };
            if signed && size == Size::Dw {
                return Err(EncodeError::Size("a sign-extending load", size));
            }
            slot(code::LDX | mode | size_code(size), dst, src, off, 0)
        }
        Op::Store { size, dst, off, src } => match src {
            Operand::Reg(src) => slot(code::STX | code::MEM | size_code(size), dst, src, off, 0),
            Operand::Imm(imm) => {
                Insn::new(code::ST | code::MEM | size_code(size), dst.number(), 0, off, imm)
            }
        },
        Op::Atomic { size: size @ (Size::B | Size::H), .. } => {
            return Err(EncodeError::Size("an atomic operation", size));
        }
        Op::Atomic { size, op, dst, off, src } => {
            slot(code::STX | code::ATOMIC | size_code(size), dst, src, off, atomic_code(op))
        }
        Op::LoadAcquire { size, dst, src, off } => {
            slot(code::STX | code::ATOMIC | size_code(size), dst, src, off, code::LOAD_ACQ)
        }
        Op::StoreRelease { size, dst, off, src } => {
            slot(code::STX | code::ATOMIC | size_code(size), dst, src, off, code::STORE_REL)
        }
        Op::LoadAbs { size: Size::Dw, .. } | Op::LoadInd { size: Size::Dw, .. } => {
            return Err(EncodeError::Size("a load from the packet", Size::Dw));
        }
        Op::LoadAbs { size, imm } => Insn::new(code::ABS | size_code(size), 0, 0, 0, imm),
        Op::LoadInd { size, src, imm } => {
            Insn::new(code::IND | size_code(size), 0, src.number(), 0, imm)
        }
        Op::Jump { off, long: true } => Insn::new(code::JMP32 | code::JA, 0, 0, 0, off),
        Op::Jump { off, long: false } => {
            let off = i16::try_from(off).map_err(|_| EncodeError::Distance(off))?;
            Insn::new(code::JMP | code::JA, 0, 0, off, 0)
        }
        Op::Branch { width, cond, dst, src, off } => branch(width, cond, dst, src, off),
        Op::MayGoto { off } => Insn::new(code::JMP | code::JCOND, 0, 0, off, 0),
        Op::Call(callee) => call(callee),
        Op::Exit => Insn::new(code::JMP | code::EXIT, 0, 0, 0, 0),
    };
    Ok(Encoded { slots: [insn, Insn::default()], len: 1 })
}

/// The one or two slots of an instruction; dereferences to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    slots: [Insn; 2],
    len: usize,
}

impl Deref for Encoded {
    type Target = [Insn];

    fn deref(&self) -> &[Insn] {
        &self.slots[..self.len]
    }
}

/// Why an [`Op`] has no encoding: the type is wider than the instruction set in a few corners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// An access of a size that the instruction does not have.
    #[error("{0} cannot be {bytes} bytes wide", bytes = .1.bytes())]
    Size(&'static str, Size),
    /// A move that would sign-extend from its own width or more.
    #[error("cannot sign-extend from {from} bits to {to} bits", from = .0.bits(), to = .1.bits())]
    Extension(Size, Size),
    /// Not a width of a byte swap.
    #[error("a byte swap takes 16, 32 or 64 bits, found {0}")]
    SwapBits(u8),
    /// A short jump that is too far.
    #[error("a jump of {0} slots needs the long form, gotol")]
    Distance(i32),
}

fn alu(width: Width, op: AluOp, dst: Reg, src: Operand) -> Insn {
    let (number, off) = match op {
        AluOp::Add => (code::ADD, 0),
        AluOp::Sub => (code::SUB, 0),
        AluOp::Mul => (code::MUL, 0),
        AluOp::Div => (code::DIV, 0),
        AluOp::Sdiv => (code::DIV, code::OFF_SIGNED),
        AluOp::Or => (code::OR, 0),
        AluOp::And => (code::AND, 0),
        AluOp::Lsh => (code::LSH, 0),
        AluOp::Rsh => (code::RSH, 0),
        AluOp::Mod => (code::MOD, 0),
        AluOp::Smod => (code::MOD, code::OFF_SIGNED),
        AluOp::Xor => (code::XOR, 0),
        AluOp::Mov => (code::MOV, 0),
        AluOp::Arsh => (code::ARSH, 0),
    };
    with_operand(alu_class(width) | number, dst, src, off)
}

fn movsx(width: Width, from: Size, dst: Reg, src: Reg) -> Result<Insn, EncodeError> {
    let to = match width {
        Width::W32 => Size::W,
        Width::W64 => Size::Dw,
    };
    if from >= to {
        return Err(EncodeError::Extension(from, to));
    }
    Ok(slot(alu_class(width) | code::X | code::MOV, dst, src, from.bits() as i16, 0))
}

fn swap(kind: Swap, bits: u8, dst: Reg) -> Result<Insn, EncodeError> {
    if !matches!(bits, 16 | 32 | 64) {
        return Err(EncodeError::SwapBits(bits));
    }
    let class = match kind {
        Swap::ToLe => code::ALU,
        Swap::ToBe => code::ALU | code::X,
        Swap::Bswap => code::ALU64,
    };
    Ok(Insn::new(class | code::END, dst.number(), 0, 0, bits.into()))
}

fn load_imm64(dst: Reg, imm: Imm64) -> Encoded {
    let (kind, low, high) = match imm {
        Imm64::Value(value) => (code::IMM_VALUE, value as i32, (value >> 32) as i32),
        Imm64::MapFd(fd) => (code::IMM_MAP_FD, fd, 0),
        Imm64::MapValue { fd, off } => (code::IMM_MAP_VALUE, fd, off as i32),
        Imm64::BtfId { id, fd } => (code::IMM_BTF_ID, id as i32, fd),
        Imm64::Func(off) => (code::IMM_FUNC, off, 0),
        Imm64::MapIdx(index) => (code::IMM_MAP_IDX, index, 0),
        Imm64::MapIdxValue { index, off } => (code::IMM_MAP_IDX_VALUE, index, off as i32),
    };
    let opcode = code::LD | code::IMM | code::DW;
    let first = Insn::new(opcode, dst.number(), kind, 0, low);
    Encoded { slots: [first, Insn::new(0, 0, 0, 0, high)], len: 2 }
}

fn atomic_code(op: AtomicOp) -> i32 {
    let (number, fetch) = match op {
        AtomicOp::Add { fetch } => (code::ADD, fetch),
        AtomicOp::Or { fetch } => (code::OR, fetch),
        AtomicOp::And { fetch } => (code::AND, fetch),
        AtomicOp::Xor { fetch } => (code::XOR, fetch),
        AtomicOp::Xchg => return code::XCHG,
        AtomicOp::Cmpxchg => return code::CMPXCHG,
    };
    i32::from(number) | if fetch { code::FETCH } else { 0 }
}

fn branch(width: Width, cond: Cond, dst: Reg, src: Operand, off: i16) -> Insn {
    let class = match width {
        Width::W32 => code::JMP32,
        Width::W64 => code::JMP,
    };
    let number = match cond {
        Cond::Eq => code::JEQ,
        Cond::Ne => code::JNE,
        Cond::Set => code::JSET,
        Cond::Gt => code::JGT,
        Cond::Ge => code::JGE,
        Cond::Lt => code::JLT,
        Cond::Le => code::JLE,
        Cond::Sgt => code::JSGT,
        Cond::Sge => code::JSGE,
        Cond::Slt => code::JSLT,
        Cond::Sle => code::JSLE,
    };
    with_operand(class | number, dst, src, off)
}

fn call(callee: Callee) -> Insn {
    let opcode = code::JMP | code::CALL;
    match callee {
        Callee::Helper(number) => Insn::new(opcode, 0, code::CALL_HELPER, 0, number as i32),
        Callee::Local(off) => Insn::new(opcode, 0, code::CALL_LOCAL, 0, off),
        Callee::Kfunc { btf_id, fd_idx } => {
            Insn::new(opcode, 0, code::CALL_KFUNC, fd_idx, btf_id as i32)
        }
        Callee::Reg(reg) => Insn::new(opcode | code::X, reg.number(), 0, 0, 0),
    }
}

fn with_operand(opcode: u8, dst: Reg, src: Operand, off: i16) -> Insn {
    match src {
        Operand::Reg(src) => slot(opcode | code::X, dst, src, off, 0),
        Operand::Imm(imm) => Insn::new(opcode, dst.number(), 0, off, imm),
    }
}

fn slot(opcode: u8, dst: Reg, src: Reg, off: i16, imm: i32) -> Insn {
    Insn::new(opcode, dst.number(), src.number(), off, imm)
}

fn alu_class(width: Width) -> u8 {
    match width {
        Width::W32 => code::ALU,
        Width::W64 => code::ALU64,
    }
}

fn size_code(size: Size) -> u8 {
    match size {
        Size::B => code::B,
        Size::H => code::H,
        Size::W => code::W,
        Size::Dw => code::DW,
    }
}
