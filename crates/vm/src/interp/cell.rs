//! The instruction that the fast interpreter runs: eight bytes, one opcode per combination of
//! operation, width and operand kind, all distances resolved to cells.

use skep_isa::{AluOp, AtomicOp, Cond, Op, Operand, Reg, Size, Swap, Width};

/// One instruction. There is a cell for every slot, so that indices in both are the same.
///
/// `dst` and, where the opcode takes a register as its source, `src` number a register below
/// [`Reg::COUNT`]: only [`Cell::new`] sets them.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Cell {
    pub(super) op: Fast,
    dst: u8,
    /// Distance of an access in bytes, of a branch in cells from the next cell.
    pub(super) off: i16,
    /// The immediate, or the number of the source register: no instruction has both, but for
    /// `ld_ind`, whose register stands in `dst`.
    pub(super) imm: i32,
}

/// Lists the opcodes that come in families, and hands the list to a macro: the enum, the
/// translation and the interpreter's `match` are made of the same rows.
///
/// - `alu`, `branch`: register and immediate at 64 bits, register and immediate at 32 bits.
/// - `load`: zero-extending, sign-extending, acquiring.
/// - `store`: register, immediate, releasing register.
/// - `atomic`: double word, word; each with the old value dropped and fetched.
macro_rules! families {
    ($then:ident) => {
        $then! {
            alu {
                Add: Add64 Add64Imm Add32 Add32Imm,
                Sub: Sub64 Sub64Imm Sub32 Sub32Imm,
                Mul: Mul64 Mul64Imm Mul32 Mul32Imm,
                Div: Div64 Div64Imm Div32 Div32Imm,
                Sdiv: Sdiv64 Sdiv64Imm Sdiv32 Sdiv32Imm,
                Or: Or64 Or64Imm Or32 Or32Imm,
                And: And64 And64Imm And32 And32Imm,
                Lsh: Lsh64 Lsh64Imm Lsh32 Lsh32Imm,
                Rsh: Rsh64 Rsh64Imm Rsh32 Rsh32Imm,
                Mod: Mod64 Mod64Imm Mod32 Mod32Imm,
                Smod: Smod64 Smod64Imm Smod32 Smod32Imm,
                Xor: Xor64 Xor64Imm Xor32 Xor32Imm,
                Mov: Mov64 Mov64Imm Mov32 Mov32Imm,
                Arsh: Arsh64 Arsh64Imm Arsh32 Arsh32Imm,
            }
            branch {
                Eq: Eq64 Eq64Imm Eq32 Eq32Imm,
                Ne: Ne64 Ne64Imm Ne32 Ne32Imm,
                Set: Set64 Set64Imm Set32 Set32Imm,
                Gt: Gt64 Gt64Imm Gt32 Gt32Imm,
                Ge: Ge64 Ge64Imm Ge32 Ge32Imm,
                Lt: Lt64 Lt64Imm Lt32 Lt32Imm,
                Le: Le64 Le64Imm Le32 Le32Imm,
                Sgt: Sgt64 Sgt64Imm Sgt32 Sgt32Imm,
                Sge: Sge64 Sge64Imm Sge32 Sge32Imm,
                Slt: Slt64 Slt64Imm Slt32 Slt32Imm,
                Sle: Sle64 Sle64Imm Sle32 Sle32Imm,
            }
            load {
                B u8: LoadB LoadSignedB LoadAcquireB,
                H u16: LoadH LoadSignedH LoadAcquireH,
                W u32: LoadW LoadSignedW LoadAcquireW,
                Dw u64: LoadDw LoadSignedDw LoadAcquireDw,
            }
            store {
                B u8: StoreB StoreImmB StoreReleaseB,
                H u16: StoreH StoreImmH StoreReleaseH,
                W u32: StoreW StoreImmW StoreReleaseW,
                Dw u64: StoreDw StoreImmDw StoreReleaseDw,
            }
            atomic {
                Add fetch_add: AtomicAddDw FetchAddDw AtomicAddW FetchAddW,
                Or fetch_or: AtomicOrDw FetchOrDw AtomicOrW FetchOrW,
                And fetch_and: AtomicAndDw FetchAndDw AtomicAndW FetchAndW,
                Xor fetch_xor: AtomicXorDw FetchXorDw AtomicXorW FetchXorW,
            }
        }
    };
}
pub(super) use families;

macro_rules! define_fast {
    (
        alu { $($alu:ident: $a0:ident $a1:ident $a2:ident $a3:ident,)* }
        branch { $($cond:ident: $b0:ident $b1:ident $b2:ident $b3:ident,)* }
        load { $($ls:ident $lt:ident: $l0:ident $l1:ident $l2:ident,)* }
        store { $($ss:ident $st:ident: $s0:ident $s1:ident $s2:ident,)* }
        atomic { $($atomic:ident $method:ident: $t0:ident $t1:ident $t2:ident $t3:ident,)* }
    ) => {
        /// Opcodes of cells.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Fast {
            $($a0, $a1, $a2, $a3,)*
            $($b0, $b1, $b2, $b3,)*
            $($l0, $l1, $l2,)*
            $($s0, $s1, $s2,)*
            $($t0, $t1, $t2, $t3,)*
            ExchangeDw,
            ExchangeW,
            CompareExchangeDw,
            CompareExchangeW,
            Neg64,
            Neg32,
            Movsx64B,
            Movsx64H,
            Movsx64W,
            Movsx32B,
            Movsx32H,
            /// Reverses the low 16, 32 or 64 bits.
            Reverse16,
            Reverse32,
            Reverse64,
            /// Keeps the low 16, 32 or 64 bits.
            Keep16,
            Keep32,
            Keep64,
            /// The high half of the number is the next cell's `imm`.
            LoadImm64,
            LoadAbsB,
            LoadAbsH,
            LoadAbsW,
            LoadIndB,
            LoadIndH,
            LoadIndW,
            /// The distance is `imm`.
            Jump,
            MayGoto,
            /// The helper's number is `imm`.
            CallHelper,
            /// The distance is `imm`; `off` is the caller's stack in bytes.
            CallLocal,
            Exit,
        }

        /// The opcode of an arithmetic operation.
        fn alu_op(op: AluOp, width: Width, src: Operand) -> Fast {
            match op { $(AluOp::$alu => choose(width, src, [Fast::$a0, Fast::$a1, Fast::$a2, Fast::$a3]),)* }
        }

        /// The opcode of a branch.
        fn branch_op(cond: Cond, width: Width, src: Operand) -> Fast {
            match cond { $(Cond::$cond => choose(width, src, [Fast::$b0, Fast::$b1, Fast::$b2, Fast::$b3]),)* }
        }

        /// The opcodes of loads: zero-extending, sign-extending, acquiring.
        fn load_ops(size: Size) -> [Fast; 3] {
            match size { $(Size::$ls => [Fast::$l0, Fast::$l1, Fast::$l2],)* }
        }

        /// The opcodes of stores: of a register, of an immediate, releasing.
        fn store_ops(size: Size) -> [Fast; 3] {
            match size { $(Size::$ss => [Fast::$s0, Fast::$s1, Fast::$s2],)* }
        }

        /// The opcode of a read-modify-write of 8 bytes, or else of 4.
        fn atomic_op(op: AtomicOp, size: Size) -> Fast {
            let [dw, w] = match op {
                $(
                    AtomicOp::$atomic { fetch: false } => [Fast::$t0, Fast::$t2],
                    AtomicOp::$atomic { fetch: true } => [Fast::$t1, Fast::$t3],
                )*
                AtomicOp::Xchg => [Fast::ExchangeDw, Fast::ExchangeW],
                AtomicOp::Cmpxchg => [Fast::CompareExchangeDw, Fast::CompareExchangeW],
            };
            if size == Size::Dw { dw } else { w }
        }
    };
}
families!(define_fast);

impl Cell {
    /// A cell for an instruction that stays in its function, or none: those that are no single
    /// cell, or that the fast interpreter does not run.
    pub(super) fn from_op(op: &Op) -> Option<Cell> {
        Some(match *op {
            Op::Alu { width, op, dst, src } => {
                Cell::new(alu_op(op, width, src), dst, 0, operand(src))
            }
            Op::Neg { width: Width::W64, dst } => Cell::new(Fast::Neg64, dst, 0, 0),
            Op::Neg { width: Width::W32, dst } => Cell::new(Fast::Neg32, dst, 0, 0),
            Op::Movsx { width, from, dst, src } => {
                Cell::new(movsx_op(width, from)?, dst, 0, number(src))
            }
            Op::Swap { kind, bits, dst } => Cell::new(swap_op(kind, bits)?, dst, 0, 0),
            Op::Load { size, signed, dst, src, off } => {
                Cell::new(load_ops(size)[usize::from(signed)], dst, off, number(src))
            }
            Op::LoadAcquire { size, dst, src, off } => {
                Cell::new(load_ops(size)[2], dst, off, number(src))
            }
            Op::Store { size, dst, off, src } => {
                let immediate = matches!(src, Operand::Imm(_));
                Cell::new(store_ops(size)[usize::from(immediate)], dst, off, operand(src))
            }
            Op::StoreRelease { size, dst, off, src } => {
                Cell::new(store_ops(size)[2], dst, off, number(src))
            }
            Op::Atomic { size, op, dst, off, src } => {
                Cell::new(atomic_op(op, size), dst, off, number(src))
            }
            Op::LoadAbs { size, imm } => Cell::new(packet_ops(size)?[0], Reg::R0, 0, imm),
            Op::LoadInd { size, src, imm } => Cell::new(packet_ops(size)?[1], src, 0, imm),
            Op::Branch { width, cond, dst, src, off } => {
                Cell::new(branch_op(cond, width, src), dst, off, operand(src))
            }
            Op::Jump { off, .. } => Cell::new(Fast::Jump, Reg::R0, 0, off),
            Op::MayGoto { off } => Cell::new(Fast::MayGoto, Reg::R0, off, 0),
            Op::Exit => Cell::new(Fast::Exit, Reg::R0, 0, 0),
            Op::LoadImm64 { .. } | Op::Call(_) | Op::AddrSpaceCast { .. } => return None,
        })
    }

    /// A cell with its fields in the order of a slot's.
    pub(super) const fn new(op: Fast, dst: Reg, off: i16, imm: i32) -> Cell {
        Cell { op, dst: dst.number(), off, imm }
    }

    /// The destination register's number, below [`Reg::COUNT`].
    #[inline(always)]
    pub(super) fn dst(&self) -> usize {
        usize::from(self.dst)
    }

    /// The source register's number, below [`Reg::COUNT`] if the opcode takes one.
    #[inline(always)]
    pub(super) fn src(&self) -> usize {
        self.imm as u32 as usize
    }

    /// The immediate, sign-extended.
    #[inline(always)]
    pub(super) fn imm64(&self) -> u64 {
        i64::from(self.imm) as u64
    }
}

fn choose(width: Width, src: Operand, [r64, i64, r32, i32]: [Fast; 4]) -> Fast {
    match (width, src) {
        (Width::W64, Operand::Reg(_)) => r64,
        (Width::W64, Operand::Imm(_)) => i64,
        (Width::W32, Operand::Reg(_)) => r32,
        (Width::W32, Operand::Imm(_)) => i32,
    }
}

fn operand(src: Operand) -> i32 {
    match src {
        Operand::Reg(reg) => number(reg),
        Operand::Imm(imm) => imm,
    }
}

fn number(reg: Reg) -> i32 {
    i32::from(reg.number())
}

fn movsx_op(width: Width, from: Size) -> Option<Fast> {
    Some(match (width, from) {
        (Width::W64, Size::B) => Fast::Movsx64B,
        (Width::W64, Size::H) => Fast::Movsx64H,
        (Width::W64, Size::W) => Fast::Movsx64W,
        (Width::W32, Size::B) => Fast::Movsx32B,
        (Width::W32, Size::H) => Fast::Movsx32H,
        _ => return None,
    })
}

fn swap_op(kind: Swap, bits: u8) -> Option<Fast> {
    let keeps = match kind {
        Swap::Bswap => false,
        Swap::ToLe => cfg!(target_endian = "little"),
        Swap::ToBe => cfg!(target_endian = "big"),
    };
    Some(match (bits, keeps) {
        (16, false) => Fast::Reverse16,
        (32, false) => Fast::Reverse32,
        (64, false) => Fast::Reverse64,
        (16, true) => Fast::Keep16,
        (32, true) => Fast::Keep32,
        (64, true) => Fast::Keep64,
        _ => return None,
    })
}

fn packet_ops(size: Size) -> Option<[Fast; 2]> {
    Some(match size {
        Size::B => [Fast::LoadAbsB, Fast::LoadIndB],
        Size::H => [Fast::LoadAbsH, Fast::LoadIndH],
        Size::W => [Fast::LoadAbsW, Fast::LoadIndW],
        Size::Dw => return None,
    })
}
