//! What an instruction means: the decoded form that engines, verifier and printers share.

use core::fmt;

/// A register, r0 to r10. (`r11` exists only inside kernels and never decodes.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(u8);

#[expect(missing_docs, reason = "the registers of RFC 9669")]
impl Reg {
    pub const R0: Reg = Reg(0);
    pub const R1: Reg = Reg(1);
    pub const R2: Reg = Reg(2);
    pub const R3: Reg = Reg(3);
    pub const R4: Reg = Reg(4);
    pub const R5: Reg = Reg(5);
    pub const R6: Reg = Reg(6);
    pub const R7: Reg = Reg(7);
    pub const R8: Reg = Reg(8);
    pub const R9: Reg = Reg(9);
    pub const R10: Reg = Reg(10);
}

impl Reg {
    /// Registers there are.
    pub const COUNT: usize = 11;
    /// The read-only frame pointer.
    pub const FP: Reg = Reg::R10;

    /// The register with this number, if it is at most 10.
    pub const fn new(number: u8) -> Option<Reg> {
        if (number as usize) < Reg::COUNT { Some(Reg(number)) } else { None }
    }

    /// Its number, 0 to 10.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its number, as an index below [`Reg::COUNT`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Size of a memory access.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Size {
    /// One byte.
    B,
    /// Two bytes.
    H,
    /// Four bytes.
    W,
    /// Eight bytes.
    Dw,
}

impl Size {
    /// Its bytes: 1, 2, 4 or 8.
    pub const fn bytes(self) -> usize {
        1 << self as usize
    }

    /// Its bits: 8, 16, 32 or 64.
    pub const fn bits(self) -> u32 {
        8 << self as u32
    }
}

/// Width of an operation or comparison.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Width {
    /// The low half; an arithmetic result is zero-extended.
    W32,
    /// The whole register.
    W64,
}

/// The second operand: a register, or an immediate that is sign-extended to the operation's width.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operand {
    /// A register.
    Reg(Reg),
    /// An immediate.
    Imm(i32),
}

/// Arithmetic with two operands: `dst = dst op src` (`Mov`: `dst = src`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the operations of RFC 9669, section 4.1")]
pub enum AluOp {
    Add,
    Sub,
    Mul,
    /// Unsigned; by zero: 0.
    Div,
    /// Signed; by zero: 0, MIN / -1 = MIN.
    Sdiv,
    Or,
    And,
    /// The count is masked to the width.
    Lsh,
    /// Logical; the count is masked to the width.
    Rsh,
    /// Unsigned; by zero: `dst` stays (its low half, zero-extended, at 32 bits).
    Mod,
    /// Signed; by zero as [`AluOp::Mod`], MIN % -1 = 0.
    Smod,
    Xor,
    Mov,
    /// Arithmetic shift right; the count is masked to the width.
    Arsh,
}

/// Change of byte order; the result is truncated to the size and zero-extended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Swap {
    /// To little endian: on a little-endian machine a truncation.
    ToLe,
    /// To big endian.
    ToBe,
    /// Unconditional.
    Bswap,
}

/// When a branch is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the conditions of RFC 9669, section 4.3")]
pub enum Cond {
    Eq,
    Ne,
    /// Any bit in common.
    Set,
    /// Unsigned.
    Gt,
    Ge,
    Lt,
    Le,
    /// Signed.
    Sgt,
    Sge,
    Slt,
    Sle,
}

/// A read-modify-write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtomicOp {
    /// `*p += src`; with `fetch`, src becomes the old value.
    Add {
        /// Whether the old value is wanted.
        fetch: bool,
    },
    /// `*p |= src`.
    Or {
        /// Whether the old value is wanted.
        fetch: bool,
    },
    /// `*p &= src`.
    And {
        /// Whether the old value is wanted.
        fetch: bool,
    },
    /// `*p ^= src`.
    Xor {
        /// Whether the old value is wanted.
        fetch: bool,
    },
    /// Exchanges `*p` and src.
    Xchg,
    /// If `*p` equals r0, stores src; r0 becomes the old value either way.
    Cmpxchg,
}

/// What a 64-bit immediate is: the number in the source field of `ld_imm64`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Imm64 {
    /// A number.
    Value(u64),
    /// `BPF_PSEUDO_MAP_FD`: a map, by descriptor.
    MapFd(i32),
    /// `BPF_PSEUDO_MAP_VALUE`: an address inside the first value of a map, by descriptor.
    MapValue {
        /// Descriptor.
        fd: i32,
        /// Byte offset into the value.
        off: u32,
    },
    /// `BPF_PSEUDO_BTF_ID`: the address of a kernel variable.
    BtfId {
        /// Type id.
        id: u32,
        /// Descriptor of the BTF object of a module, or 0.
        fd: i32,
    },
    /// `BPF_PSEUDO_FUNC`: the address of a function, as a distance in slots counted from the
    /// slot after the first of the two, as `call` counts.
    Func(i32),
    /// `BPF_PSEUDO_MAP_IDX`: a map, by index into `fd_array`.
    MapIdx(i32),
    /// `BPF_PSEUDO_MAP_IDX_VALUE`.
    MapIdxValue {
        /// Index into `fd_array`.
        index: i32,
        /// Byte offset into the value.
        off: u32,
    },
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Callee {
    /// A helper, by number.
    Helper(u32),
    /// A function of the program: distance in slots from the next instruction.
    Local(i32),
    /// A kernel function, by BTF id and index into `fd_array` (0: vmlinux).
    Kfunc {
        /// BTF id of the function.
        btf_id: u32,
        /// Index into `fd_array`, or 0.
        fd_idx: i16,
    },
    /// The address in a register. clang emits it, no kernel takes it.
    Reg(Reg),
}

/// A decoded instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "fields are the operands, named as in RFC 9669")]
pub enum Op {
    /// `dst = dst op src`.
    Alu { width: Width, op: AluOp, dst: Reg, src: Operand },
    /// `dst = -dst`.
    Neg { width: Width, dst: Reg },
    /// `dst = (s8, s16 or s32)src`, sign-extended to the width.
    Movsx { width: Width, from: Size, dst: Reg, src: Reg },
    /// Change of byte order of the low `bits` (16, 32 or 64).
    Swap { kind: Swap, bits: u8, dst: Reg },
    /// `dst = addr_space_cast(src, to, from)`.
    AddrSpaceCast { dst: Reg, src: Reg, to: u16, from: u16 },
    /// `dst = imm64`; two slots.
    LoadImm64 { dst: Reg, imm: Imm64 },
    /// `dst = *(size *)(src + off)`, sign-extended if `signed`, else zero-extended.
    Load { size: Size, signed: bool, dst: Reg, src: Reg, off: i16 },
    /// `*(size *)(dst + off) = src`.
    Store { size: Size, dst: Reg, off: i16, src: Operand },
    /// Read-modify-write of `*(size *)(dst + off)`; only `W` and `Dw`.
    Atomic { size: Size, op: AtomicOp, dst: Reg, off: i16, src: Reg },
    /// `dst = load_acquire((size *)(src + off))`.
    LoadAcquire { size: Size, dst: Reg, src: Reg, off: i16 },
    /// `store_release((size *)(dst + off), src)`.
    StoreRelease { size: Size, dst: Reg, off: i16, src: Reg },
    /// `r0 = ntoh(*(size *)(packet + imm))`; ends the function with 0 outside the packet.
    LoadAbs { size: Size, imm: i32 },
    /// `r0 = ntoh(*(size *)(packet + src + imm))`.
    LoadInd { size: Size, src: Reg, imm: i32 },
    /// Unconditional; `off` slots from the next instruction. `long`: the 32-bit form (`gotol`).
    Jump { off: i32, long: bool },
    /// Taken if `dst cond src`; `off` slots from the next instruction.
    Branch { width: Width, cond: Cond, dst: Reg, src: Operand, off: i16 },
    /// Taken once the loop budget is spent (`may_goto`).
    MayGoto { off: i16 },
    /// Call; r0 is the result, r1 to r5 are lost.
    Call(Callee),
    /// Return from the function, or end.
    Exit,
}

impl Op {
    /// Slots that the instruction takes: 2 for `ld_imm64`, else 1.
    pub const fn slots(&self) -> usize {
        if matches!(self, Op::LoadImm64 { .. }) { 2 } else { 1 }
    }
}
