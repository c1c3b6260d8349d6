//! What arithmetic and comparisons mean, once, for every interpreter.
//!
//! The functions are inlined with constant operations, so that each fast instruction keeps only
//! its own arm. The corner cases are those of RFC 9669 section 4.1 as Linux 6.18 shows them.

use skep_isa::{AluOp, Cond, Size, Swap, Width};

/// `dst op src`; 32-bit results are zero-extended.
#[inline(always)]
pub(crate) fn alu(width: Width, op: AluOp, dst: u64, src: u64) -> u64 {
    match width {
        Width::W64 => alu64(op, dst, src),
        Width::W32 => u64::from(alu32(op, dst as u32, src as u32)),
    }
}

#[inline(always)]
fn alu64(op: AluOp, dst: u64, src: u64) -> u64 {
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => dst.checked_div(src).unwrap_or(0),
        AluOp::Mod => dst.checked_rem(src).unwrap_or(dst),
        AluOp::Sdiv if src == 0 => 0,
        AluOp::Sdiv => (dst as i64).wrapping_div(src as i64) as u64,
        AluOp::Smod if src == 0 => dst,
        AluOp::Smod => (dst as i64).wrapping_rem(src as i64) as u64,
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Xor => dst ^ src,
        AluOp::Mov => src,
        AluOp::Lsh => dst.wrapping_shl(src as u32),
        AluOp::Rsh => dst.wrapping_shr(src as u32),
        AluOp::Arsh => (dst as i64).wrapping_shr(src as u32) as u64,
    }
}

#[inline(always)]
fn alu32(op: AluOp, dst: u32, src: u32) -> u32 {
    match op {
        AluOp::Add => dst.wrapping_add(src),
        AluOp::Sub => dst.wrapping_sub(src),
        AluOp::Mul => dst.wrapping_mul(src),
        AluOp::Div => dst.checked_div(src).unwrap_or(0),
        AluOp::Mod => dst.checked_rem(src).unwrap_or(dst),
        AluOp::Sdiv if src == 0 => 0,
        AluOp::Sdiv => (dst as i32).wrapping_div(src as i32) as u32,
        AluOp::Smod if src == 0 => dst,
        AluOp::Smod => (dst as i32).wrapping_rem(src as i32) as u32,
        AluOp::Or => dst | src,
        AluOp::And => dst & src,
        AluOp::Xor => dst ^ src,
        AluOp::Mov => src,
        AluOp::Lsh => dst.wrapping_shl(src),
        AluOp::Rsh => dst.wrapping_shr(src),
        AluOp::Arsh => (dst as i32).wrapping_shr(src) as u32,
    }
}

/// `-dst`.
#[inline(always)]
pub(crate) fn neg(width: Width, dst: u64) -> u64 {
    match width {
        Width::W64 => dst.wrapping_neg(),
        Width::W32 => u64::from((dst as u32).wrapping_neg()),
    }
}

/// The low `size` bytes of `src`, sign-extended to the width and zero-extended from there.
#[inline(always)]
pub(crate) fn movsx(width: Width, from: Size, src: u64) -> u64 {
    let wide = sign_extend(from, src);
    match width {
        Width::W64 => wide,
        Width::W32 => u64::from(wide as u32),
    }
}

/// The low `size` bytes of `value`, sign-extended to 64 bits.
#[inline(always)]
pub(crate) fn sign_extend(size: Size, value: u64) -> u64 {
    match size {
        Size::B => i64::from(value as i8) as u64,
        Size::H => i64::from(value as i16) as u64,
        Size::W => i64::from(value as i32) as u64,
        Size::Dw => value,
    }
}

/// Byte order of the low `bits`, which are 16, 32 or 64; the rest becomes zero.
#[inline(always)]
pub(crate) fn swap(kind: Swap, bits: u8, dst: u64) -> u64 {
    let reverse = match kind {
        Swap::Bswap => true,
        Swap::ToBe => cfg!(target_endian = "little"),
        Swap::ToLe => cfg!(target_endian = "big"),
    };
    match (bits, reverse) {
        (16, true) => u64::from((dst as u16).swap_bytes()),
        (32, true) => u64::from((dst as u32).swap_bytes()),
        (_, true) => dst.swap_bytes(),
        (16, false) => u64::from(dst as u16),
        (32, false) => u64::from(dst as u32),
        (_, false) => dst,
    }
}

/// Whether a branch is taken. An immediate comes sign-extended, for unsigned conditions too.
#[inline(always)]
pub(crate) fn taken(width: Width, cond: Cond, dst: u64, src: u64) -> bool {
    match width {
        Width::W64 => holds(cond, dst, src, dst as i64, src as i64),
        Width::W32 => {
            let (signed_dst, signed_src) = (i64::from(dst as i32), i64::from(src as i32));
            let (dst, src) = (u64::from(dst as u32), u64::from(src as u32));
            holds(cond, dst, src, signed_dst, signed_src)
        }
    }
}

#[inline(always)]
fn holds(cond: Cond, dst: u64, src: u64, signed_dst: i64, signed_src: i64) -> bool {
    match cond {
        Cond::Eq => dst == src,
        Cond::Ne => dst != src,
        Cond::Set => dst & src != 0,
        Cond::Gt => dst > src,
        Cond::Ge => dst >= src,
        Cond::Lt => dst < src,
        Cond::Le => dst <= src,
        Cond::Sgt => signed_dst > signed_src,
        Cond::Sge => signed_dst >= signed_src,
        Cond::Slt => signed_dst < signed_src,
        Cond::Sle => signed_dst <= signed_src,
    }
}
