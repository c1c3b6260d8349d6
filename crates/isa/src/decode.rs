//! Slots to [`Op`], as strict as Linux: a field that an instruction does not use must be zero.
//!
//! Where several fields are wrong, the complaint is of the one that Linux complains of first.
//! Decoding judges one instruction. What a program may do with it (shift by 64, write r10, divide
//! by the constant 0) is for a verifier to say.

use core::fmt;

use crate::code;
use crate::{AluOp, AtomicOp, Callee, Cond, Imm64, Insn, Op, Operand, Reg, Size, Swap, Width};

/// Decodes the instruction at the start of `slots`; what follows it is ignored.
///
/// ```
/// use skep_isa::{decode, AluOp, Insn, Op, Operand, Reg, Width};
///
/// let op = decode(&[Insn::new(0xb7, 3, 0, 0, -1)])?;
/// let src = Operand::Imm(-1);
/// assert_eq!(op, Op::Alu { width: Width::W64, op: AluOp::Mov, dst: Reg::R3, src });
///
/// let error = decode(&[Insn::new(0x07, 3, 0, 8, 1)]).unwrap_err();
/// assert_eq!(error.to_string(), "opcode 0x07 has 8 in its field off, expected 0");
/// # Ok::<(), skep_isa::DecodeError>(())
/// ```
pub fn decode(slots: &[Insn]) -> Result<Op, DecodeError> {
    let (&insn, rest) = slots.split_first().ok_or(DecodeError::NoSlot)?;
    let slot = Slot(insn);
    match insn.opcode & 0x07 {
        code::LD => slot.load_constant_or_packet(rest),
        code::LDX => slot.load(),
        code::ST => slot.store_imm(),
        code::STX => slot.store_reg(),
        code::ALU => slot.arithmetic(Width::W32),
        code::ALU64 => slot.arithmetic(Width::W64),
        code::JMP => slot.jump(Width::W64),
        _ => slot.jump(Width::W32),
    }
}

/// Walks slots with their indices; the second slot of a `ld_imm64` is passed over.
///
/// After an error the walk goes on with the next slot that can begin an instruction, so that a
/// reader sees all of a damaged program.
#[derive(Clone, Debug)]
pub struct Insns<'a> {
    slots: &'a [Insn],
    next: usize,
}

impl<'a> Insns<'a> {
    /// A walk over all of `slots`.
    pub fn new(slots: &'a [Insn]) -> Insns<'a> {
        Insns { slots, next: 0 }
    }
}

impl Iterator for Insns<'_> {
    type Item = (usize, Result<Op, DecodeError>);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        let rest = self.slots.get(index..).filter(|rest| !rest.is_empty())?;
        let op = decode(rest);
        let second = rest[0].is_wide() && rest.get(1).is_some_and(|slot| slot.opcode == 0);
        self.next += if second { 2 } else { 1 };
        Some((index, op))
    }
}

/// Decodes a whole program: each instruction with the index of its first slot.
pub fn decode_all(slots: &[Insn]) -> Result<Vec<(usize, Op)>, ProgramError> {
    Insns::new(slots)
        .map(|(index, op)| match op {
            Ok(op) => Ok((index, op)),
            Err(error) => Err(ProgramError { index, error }),
        })
        .collect()
}

/// Why a program does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("slot {index}: {error}")]
pub struct ProgramError {
    /// Index of the slot.
    pub index: usize,
    /// What is wrong with the instruction there.
    pub error: DecodeError,
}

/// Why slots are no instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is nothing to decode.
    #[error("expected an instruction, found no slot")]
    NoSlot,
    /// Not an opcode.
    #[error("unknown opcode {0:#04x}")]
    Opcode(u8),
    /// A register field above 10.
    #[error("opcode {opcode:#04x} has r{found} in its field {field}, expected r0 to r10")]
    Register {
        /// Opcode of the instruction.
        opcode: u8,
        /// The field.
        field: Field,
        /// The number in it.
        found: u8,
    },
    /// A field that is not used, or that selects a variant, has a value without meaning.
    #[error("opcode {opcode:#04x} has {found} in its field {field}, expected {expected}")]
    Reserved {
        /// Opcode of the instruction.
        opcode: u8,
        /// The field.
        field: Field,
        /// The value in it.
        found: i32,
        /// The values with a meaning, in words.
        expected: &'static str,
    },
    /// An atomic operation that does not exist.
    #[error("opcode {opcode:#04x}: unknown atomic operation {imm:#x}")]
    Atomic {
        /// Opcode of the instruction.
        opcode: u8,
        /// The operation.
        imm: i32,
    },
    /// A one- or two-byte atomic operation other than load-acquire and store-release.
    #[error("opcode {opcode:#04x}: atomic operations take 4 or 8 bytes, found {bytes}")]
    AtomicSize {
        /// Opcode of the instruction.
        opcode: u8,
        /// Its size.
        bytes: usize,
    },
    /// The first slot of a `ld_imm64` is the last one.
    #[error("ld_imm64 takes two slots, found one")]
    Truncated,
    /// What follows the first slot of a `ld_imm64` is not its second.
    #[error("the second slot of ld_imm64 has {found} in its field {field}, expected 0")]
    SecondSlot {
        /// The field.
        field: Field,
        /// The value in it.
        found: i32,
    },
}

impl DecodeError {
    /// What Linux 6.18 writes into the verifier's log about it.
    ///
    /// ```
    /// use skep_isa::{Insn, decode};
    ///
    /// let error = decode(&[Insn::new(0x07, 1, 2, 0, 5)]).unwrap_err();
    /// assert_eq!(error.linux_message(), "BPF_ALU uses reserved fields");
    /// ```
    pub fn linux_message(&self) -> String {
        match *self {
            DecodeError::NoSlot => "last insn is not an exit or jmp".to_owned(),
            // Linux takes the mode of a load for a field like others.
            DecodeError::Opcode(opcode)
                if opcode & 0x07 == code::LDX && opcode & 0xe0 != code::MEMSX =>
            {
                "BPF_LDX uses reserved fields".to_owned()
            }
            DecodeError::Opcode(opcode) => format!("unknown opcode {opcode:02x}"),
            DecodeError::Register { found, .. } => format!("R{found} is invalid"),
            DecodeError::Reserved { opcode, field, found, .. } => reserved(opcode, field, found),
            DecodeError::Atomic { imm, .. } => {
                format!("BPF_ATOMIC uses invalid atomic opcode {imm:02x}")
            }
            DecodeError::AtomicSize { .. } => "invalid atomic operand size".to_owned(),
            DecodeError::SecondSlot { field: Field::Imm, .. } => {
                "unrecognized bpf_ld_imm64 insn".to_owned()
            }
            DecodeError::Truncated | DecodeError::SecondSlot { .. } => {
                "invalid bpf_ld_imm64 insn".to_owned()
            }
        }
    }
}

/// Linux's words for a field without meaning.
fn reserved(opcode: u8, field: Field, found: i32) -> String {
    let name = match (opcode & 0x07, opcode & 0xf0) {
        (code::ALU | code::ALU64, code::NEG) => "BPF_NEG",
        (code::ALU | code::ALU64, code::END) => "BPF_END",
        (code::ALU | code::ALU64, code::MOV) => "BPF_MOV",
        (code::ALU | code::ALU64, _) => "BPF_ALU",
        (code::JMP | code::JMP32, code::JA) => "BPF_JA",
        (code::JMP, code::CALL) => "BPF_CALL",
        (code::JMP, code::EXIT) => "BPF_EXIT",
        (code::JMP, code::JCOND) => {
            let imm = if field == Field::Imm { found } else { 0 };
            return format!("invalid may_goto imm {imm}");
        }
        (code::JMP | code::JMP32, _) => "BPF_JMP/JMP32",
        (code::LD, _) if opcode & 0xe0 != code::IMM => "BPF_LD_[ABS|IND]",
        (code::LD, _) if field == Field::Src => return "unrecognized bpf_ld_imm64 insn".to_owned(),
        (code::LD, _) => "BPF_LD_IMM64",
        (code::LDX, _) => "BPF_LDX",
        (code::ST, _) => "BPF_ST",
        _ => "BPF_STX",
    };
    format!("{name} uses reserved fields")
}

/// A field of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of Insn")]
pub enum Field {
    Opcode,
    Dst,
    Src,
    Off,
    Imm,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Opcode => "opcode",
            Field::Dst => "dst",
            Field::Src => "src",
            Field::Off => "off",
            Field::Imm => "imm",
        })
    }
}

/// The slot being decoded: one method per class, then one per field.
#[derive(Clone, Copy)]
struct Slot(Insn);

impl Slot {
    fn arithmetic(self, width: Width) -> Result<Op, DecodeError> {
        let is_reg = self.0.opcode & code::X != 0;
        let op = match self.0.opcode & 0xf0 {
            code::ADD => AluOp::Add,
            code::SUB => AluOp::Sub,
            code::MUL => AluOp::Mul,
            code::OR => AluOp::Or,
            code::AND => AluOp::And,
            code::LSH => AluOp::Lsh,
            code::RSH => AluOp::Rsh,
            code::XOR => AluOp::Xor,
            code::ARSH => AluOp::Arsh,
            code::DIV if self.signed()? => AluOp::Sdiv,
            code::DIV => AluOp::Div,
            code::MOD if self.signed()? => AluOp::Smod,
            code::MOD => AluOp::Mod,
            code::MOV if is_reg => return self.mov_reg(width),
            code::MOV => AluOp::Mov,
            code::NEG if !is_reg => return self.neg(width),
            code::END if !is_reg || width == Width::W32 => return self.swap(width),
            _ => return Err(self.unknown()),
        };
        if !matches!(op, AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod) {
            self.no_off()?;
        }
        let src = self.operand()?;
        Ok(Op::Alu { width, op, dst: self.dst()?, src })
    }

    fn mov_reg(self, width: Width) -> Result<Op, DecodeError> {
        let from = match (self.0.off, width) {
            (0, _) => None,
            (code::OFF_ADDR_SPACE_CAST, Width::W64) => return self.addr_space_cast(),
            (8, _) => Some(Size::B),
            (16, _) => Some(Size::H),
            (32, Width::W64) => Some(Size::W),
            (_, Width::W64) => return Err(self.reserved(Field::Off, "0, 1, 8, 16 or 32")),
            (_, Width::W32) => return Err(self.reserved(Field::Off, "0, 8 or 16")),
        };
        self.no_imm()?;
        let (src, dst) = (self.src()?, self.dst()?);
        Ok(match from {
            None => Op::Alu { width, op: AluOp::Mov, dst, src: Operand::Reg(src) },
            Some(from) => Op::Movsx { width, from, dst, src },
        })
    }

    fn addr_space_cast(self) -> Result<Op, DecodeError> {
        let spaces = self.0.imm as u32;
        let (to, from) = ((spaces >> 16) as u16, spaces as u16);
        Ok(Op::AddrSpaceCast { src: self.src()?, dst: self.dst()?, to, from })
    }

    fn neg(self, width: Width) -> Result<Op, DecodeError> {
        self.no_src()?;
        self.no_off()?;
        self.no_imm()?;
        Ok(Op::Neg { width, dst: self.dst()? })
    }

    fn swap(self, width: Width) -> Result<Op, DecodeError> {
        self.no_src()?;
        self.no_off()?;
        let kind = match (width, self.0.opcode & code::X) {
            (Width::W64, _) => Swap::Bswap,
            (Width::W32, 0) => Swap::ToLe,
            (Width::W32, _) => Swap::ToBe,
        };
        let bits = match self.0.imm {
            16 => 16,
            32 => 32,
            64 => 64,
            _ => return Err(self.reserved(Field::Imm, "16, 32 or 64")),
        };
        Ok(Op::Swap { kind, bits, dst: self.dst()? })
    }

    /// Division and remainder: whether the offset asks for the signed form.
    fn signed(self) -> Result<bool, DecodeError> {
        match self.0.off {
            0 => Ok(false),
            code::OFF_SIGNED => Ok(true),
            _ => Err(self.reserved(Field::Off, "0 or 1")),
        }
    }

    fn jump(self, width: Width) -> Result<Op, DecodeError> {
        let wide = width == Width::W64;
        let is_imm = self.0.opcode & code::X == 0;
        let off = self.0.off;
        let cond = match self.0.opcode & 0xf0 {
            code::JEQ => Cond::Eq,
            code::JNE => Cond::Ne,
            code::JSET => Cond::Set,
            code::JGT => Cond::Gt,
            code::JGE => Cond::Ge,
            code::JLT => Cond::Lt,
            code::JLE => Cond::Le,
            code::JSGT => Cond::Sgt,
            code::JSGE => Cond::Sge,
            code::JSLT => Cond::Slt,
            code::JSLE => Cond::Sle,
            code::JA if is_imm => return self.goto(width),
            code::CALL if wide => return self.call(),
            code::EXIT if wide && is_imm => {
                self.only_off()?;
                self.no_off()?;
                return Ok(Op::Exit);
            }
            code::JCOND if wide && is_imm => {
                self.no_imm()?;
                self.only_off()?;
                return Ok(Op::MayGoto { off });
            }
            _ => return Err(self.unknown()),
        };
        let dst = self.dst()?;
        Ok(Op::Branch { width, cond, dst, src: self.operand()?, off })
    }

    fn goto(self, width: Width) -> Result<Op, DecodeError> {
        if width == Width::W64 {
            self.only_off()?;
            return Ok(Op::Jump { off: self.0.off.into(), long: false });
        }
        self.no_dst()?;
        self.no_src()?;
        self.no_off()?;
        Ok(Op::Jump { off: self.0.imm, long: true })
    }

    fn call(self) -> Result<Op, DecodeError> {
        let imm = self.0.imm;
        if self.0.opcode & code::X != 0 {
            // The register is where clang puts it since version 19; before, it was in `imm`.
            self.no_src()?;
            self.no_off()?;
            self.no_imm()?;
            return Ok(Op::Call(Callee::Reg(self.dst()?)));
        }
        self.no_dst()?;
        if self.0.src != code::CALL_KFUNC {
            self.no_off()?;
        }
        Ok(Op::Call(match self.0.src {
            code::CALL_HELPER => Callee::Helper(imm as u32),
            code::CALL_LOCAL => Callee::Local(imm),
            code::CALL_KFUNC => Callee::Kfunc { btf_id: imm as u32, fd_idx: self.0.off },
            _ => return Err(self.reserved(Field::Src, "0, 1 or 2")),
        }))
    }

    fn load_constant_or_packet(self, rest: &[Insn]) -> Result<Op, DecodeError> {
        let imm = self.0.imm;
        match (self.mode(), self.size()) {
            (code::IMM, Size::Dw) => self.load_imm64(rest),
            (code::ABS, size @ (Size::B | Size::H | Size::W)) => {
                self.no_src()?;
                self.no_dst()?;
                self.no_off()?;
                Ok(Op::LoadAbs { size, imm })
            }
            (code::IND, size @ (Size::B | Size::H | Size::W)) => {
                self.no_dst()?;
                self.no_off()?;
                Ok(Op::LoadInd { size, src: self.src()?, imm })
            }
            _ => Err(self.unknown()),
        }
    }

    fn load_imm64(self, rest: &[Insn]) -> Result<Op, DecodeError> {
        let second = *rest.first().ok_or(DecodeError::Truncated)?;
        let reserved = [
            (Field::Opcode, i32::from(second.opcode)),
            (Field::Dst, i32::from(second.dst)),
            (Field::Src, i32::from(second.src)),
            (Field::Off, i32::from(second.off)),
        ];
        if let Some(&(field, found)) = reserved.iter().find(|(_, found)| *found != 0) {
            return Err(DecodeError::SecondSlot { field, found });
        }
        if self.0.src > code::IMM_MAP_IDX_VALUE {
            return Err(self.reserved(Field::Src, "0 to 6"));
        }
        self.no_off()?;
        let dst = self.dst()?;
        let (low, high) = (self.0.imm, second.imm);
        let imm = match self.0.src {
            code::IMM_VALUE => Imm64::Value(u64::from(high as u32) << 32 | u64::from(low as u32)),
            code::IMM_MAP_VALUE => Imm64::MapValue { fd: low, off: high as u32 },
            code::IMM_BTF_ID => Imm64::BtfId { id: low as u32, fd: high },
            code::IMM_MAP_IDX_VALUE => Imm64::MapIdxValue { index: low, off: high as u32 },
            _ if high != 0 => {
                return Err(DecodeError::SecondSlot { field: Field::Imm, found: high });
            }
            code::IMM_MAP_FD => Imm64::MapFd(low),
            code::IMM_FUNC => Imm64::Func(low),
            _ => Imm64::MapIdx(low),
        };
        Ok(Op::LoadImm64 { dst, imm })
    }

    fn load(self) -> Result<Op, DecodeError> {
        let (size, signed) = (self.size(), self.mode() == code::MEMSX);
        if !matches!(self.mode(), code::MEM | code::MEMSX) {
            return Err(self.unknown());
        }
        self.no_imm()?;
        if signed && size == Size::Dw {
            return Err(self.unknown());
        }
        let (src, dst) = (self.src()?, self.dst()?);
        Ok(Op::Load { size, signed, dst, src, off: self.0.off })
    }

    fn store_imm(self) -> Result<Op, DecodeError> {
        if self.mode() != code::MEM {
            return Err(self.unknown());
        }
        self.no_src()?;
        let src = Operand::Imm(self.0.imm);
        Ok(Op::Store { size: self.size(), dst: self.dst()?, off: self.0.off, src })
    }

    fn store_reg(self) -> Result<Op, DecodeError> {
        match self.mode() {
            code::MEM => {
                self.no_imm()?;
                let src = Operand::Reg(self.src()?);
                Ok(Op::Store { size: self.size(), dst: self.dst()?, off: self.0.off, src })
            }
            code::ATOMIC => self.atomic(),
            _ => Err(self.unknown()),
        }
    }

    fn atomic(self) -> Result<Op, DecodeError> {
        let Insn { opcode, off, imm, .. } = self.0;
        let size = self.size();
        let fetch = imm & code::FETCH != 0;
        let op = match imm {
            code::LOAD_ACQ => {
                return Ok(Op::LoadAcquire { size, src: self.src()?, dst: self.dst()?, off });
            }
            code::STORE_REL => {
                return Ok(Op::StoreRelease { size, src: self.src()?, dst: self.dst()?, off });
            }
            code::XCHG => AtomicOp::Xchg,
            code::CMPXCHG => AtomicOp::Cmpxchg,
            _ => match u8::try_from(imm & !code::FETCH) {
                Ok(code::ADD) => AtomicOp::Add { fetch },
                Ok(code::OR) => AtomicOp::Or { fetch },
                Ok(code::AND) => AtomicOp::And { fetch },
                Ok(code::XOR) => AtomicOp::Xor { fetch },
                _ => return Err(DecodeError::Atomic { opcode, imm }),
            },
        };
        if !matches!(size, Size::W | Size::Dw) {
            return Err(DecodeError::AtomicSize { opcode, bytes: size.bytes() });
        }
        Ok(Op::Atomic { size, op, src: self.src()?, dst: self.dst()?, off })
    }

    fn mode(self) -> u8 {
        self.0.opcode & 0xe0
    }

    fn size(self) -> Size {
        match self.0.opcode & 0x18 {
            code::B => Size::B,
            code::H => Size::H,
            code::W => Size::W,
            _ => Size::Dw,
        }
    }

    /// The second operand of arithmetic and branches; the field for the other kind must be zero.
    fn operand(self) -> Result<Operand, DecodeError> {
        if self.0.opcode & code::X == 0 {
            self.no_src()?;
            Ok(Operand::Imm(self.0.imm))
        } else {
            self.no_imm()?;
            self.src().map(Operand::Reg)
        }
    }

    fn dst(self) -> Result<Reg, DecodeError> {
        self.register(Field::Dst, self.0.dst)
    }

    fn src(self) -> Result<Reg, DecodeError> {
        self.register(Field::Src, self.0.src)
    }

    fn register(self, field: Field, found: u8) -> Result<Reg, DecodeError> {
        Reg::new(found).ok_or(DecodeError::Register { opcode: self.0.opcode, field, found })
    }

    /// Jumps without operands: everything but the offset must be zero.
    fn only_off(self) -> Result<(), DecodeError> {
        self.no_dst()?;
        self.no_src()?;
        self.no_imm()
    }

    fn no_dst(self) -> Result<(), DecodeError> {
        if self.0.dst == 0 { Ok(()) } else { Err(self.reserved(Field::Dst, "0")) }
    }

    fn no_src(self) -> Result<(), DecodeError> {
        if self.0.src == 0 { Ok(()) } else { Err(self.reserved(Field::Src, "0")) }
    }

    fn no_off(self) -> Result<(), DecodeError> {
        if self.0.off == 0 { Ok(()) } else { Err(self.reserved(Field::Off, "0")) }
    }

    fn no_imm(self) -> Result<(), DecodeError> {
        if self.0.imm == 0 { Ok(()) } else { Err(self.reserved(Field::Imm, "0")) }
    }

    fn reserved(self, field: Field, expected: &'static str) -> DecodeError {
        let found = match field {
            Field::Opcode => self.0.opcode.into(),
            Field::Dst => self.0.dst.into(),
            Field::Src => self.0.src.into(),
            Field::Off => self.0.off.into(),
            Field::Imm => self.0.imm,
        };
        DecodeError::Reserved { opcode: self.0.opcode, field, found, expected }
    }

    fn unknown(self) -> DecodeError {
        DecodeError::Opcode(self.0.opcode)
    }
}
