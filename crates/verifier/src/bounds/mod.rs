//! What is known of a number in a register: its bits, its range, and the range of its lower half.
//!
//! The three are kept in step: [`Bounds::sync`] carries what one knows to the others. Each of them
//! alone contains the number, so an operation may compute them apart, and losing precision in one
//! is never wrong.
//!
//! Here are the operations; `narrow` has the comparisons, `text` what the log shows.

mod narrow;
#[cfg(test)]
mod tests;
mod text;

use skep_isa::{AluOp, Size, Width};

pub(crate) use text::Number;

use crate::span::Span;
use crate::tnum::Tnum;

/// A set of 64-bit numbers: those that all three parts contain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    /// Known bits.
    pub(crate) tnum: Tnum,
    /// Range of the whole register.
    pub(crate) whole: Span,
    /// Range of the lower half.
    pub(crate) low: Span,
}

impl Bounds {
    /// Every number.
    pub(crate) const UNKNOWN: Bounds =
        Bounds { tnum: Tnum::UNKNOWN, whole: Span::full(64), low: Span::full(32) };

    pub(crate) const fn constant(value: u64) -> Bounds {
        Bounds {
            tnum: Tnum::constant(value),
            whole: Span::constant(64, value),
            low: Span::constant(32, value),
        }
    }

    /// The numbers `min..=max`, read signed.
    pub(crate) fn signed(min: i64, max: i64) -> Bounds {
        let mut bounds = Bounds::UNKNOWN;
        bounds.whole.smin = min;
        bounds.whole.smax = max;
        bounds.sync()
    }

    /// What a load of this size yields, if nothing is known of the memory.
    pub(crate) fn loaded(size: Size, signed: bool) -> Bounds {
        match (size, signed) {
            (Size::Dw, _) => Bounds::UNKNOWN,
            (_, true) => Bounds::UNKNOWN.sign_extend(size.bits()),
            (_, false) => Bounds::UNKNOWN.zero_extend(size.bits()),
        }
    }

    /// The one member, if it is the only one.
    pub(crate) fn value(self) -> Option<u64> {
        self.tnum.is_const().then_some(self.tnum.value)
    }

    /// Whether every member of `other` is one of `self`.
    pub(crate) fn includes(&self, other: &Bounds) -> bool {
        self.whole.includes(other.whole)
            && self.low.includes(other.low)
            && self.tnum.includes(other.tnum)
    }

    /// Carries what each part knows to the others, until nothing changes. If the parts contradict
    /// each other, which means that the path at hand cannot be taken, nothing is known: more than
    /// there is, and so not wrong.
    pub(crate) fn sync(self) -> Bounds {
        self.synced().unwrap_or(Bounds::UNKNOWN)
    }

    /// As [`Bounds::sync`]; `None` if there is no such number.
    fn synced(self) -> Option<Bounds> {
        let mut bounds = self;
        // Each round tightens only; three reach the fixed point in practice.
        for _ in 0..3 {
            let before = bounds;
            bounds.whole = bounds.whole.intersect(Span::from_tnum(64, bounds.tnum));
            bounds.low = bounds.low.intersect(Span::from_tnum(32, bounds.tnum));
            bounds.low = bounds.low.intersect(bounds.whole.truncate(32));
            if bounds.whole.is_empty() || bounds.low.is_empty() {
                return None;
            }
            bounds.whole = bounds.whole.intersect(bounds.whole_from_low());
            if bounds.whole.is_empty() {
                return None;
            }
            bounds.whole = bounds.whole.deduce(64);
            bounds.low = bounds.low.deduce(32);
            if bounds.whole.is_empty() || bounds.low.is_empty() {
                return None;
            }
            bounds.tnum = bounds.tnum_from_spans()?;
            if bounds == before {
                break;
            }
        }
        Some(bounds)
    }

    /// What the lower half's range says of the whole: replacing the lower half of an end of the
    /// range by the lower half's own end cannot pass a member.
    fn whole_from_low(&self) -> Span {
        let upper = !u64::from(u32::MAX);
        let mut span = Span {
            umin: self.whole.umin & upper | self.low.umin,
            umax: self.whole.umax & upper | self.low.umax,
            smin: (self.whole.smin as u64 & upper | self.low.umin) as i64,
            smax: (self.whole.smax as u64 & upper | self.low.umax) as i64,
        };
        let fits_i32 =
            self.whole.smin >= i64::from(i32::MIN) && self.whole.smax <= i64::from(i32::MAX);
        if fits_i32 {
            span.smin = span.smin.max(self.low.smin);
            span.smax = span.smax.min(self.low.smax);
        }
        span
    }

    fn tnum_from_spans(&self) -> Option<Tnum> {
        let whole = Tnum::range(self.whole.umin, self.whole.umax);
        if self.tnum.is_disjoint(whole) {
            return None;
        }
        let tnum = self.tnum.intersect(whole);
        let low = Tnum::range(self.low.umin, self.low.umax);
        if tnum.cast(32).is_disjoint(low) {
            return None;
        }
        Some(tnum.with_low_half(tnum.cast(32).intersect(low)))
    }

    /// The low `bits` bits (at most 32), the others zero.
    pub(crate) fn zero_extend(self, bits: u32) -> Bounds {
        let part = low_part(self.low, bits);
        let mut bounds = Bounds { tnum: self.tnum.cast(bits), ..Bounds::UNKNOWN };
        bounds.whole.umin = part.umin;
        bounds.whole.umax = part.umax;
        if bits == 32 {
            bounds.low = self.low;
        }
        bounds.sync()
    }

    /// The low `bits` bits (8, 16 or 32), sign-extended to 64.
    pub(crate) fn sign_extend(self, bits: u32) -> Bounds {
        let part = low_part(self.low, bits);
        let mut bounds = Bounds { tnum: self.tnum.sign_extend(bits), ..Bounds::UNKNOWN };
        bounds.whole.smin = part.smin;
        bounds.whole.smax = part.smax;
        if bits == 32 {
            bounds.low = self.low;
        }
        bounds.sync()
    }

    /// With the order of its low `bits` bits' (16, 32 or 64) bytes reversed, the others zero.
    pub(crate) fn swap_bytes(self, bits: u32) -> Bounds {
        let tnum = self.tnum.swap_bytes(bits);
        Bounds { tnum, ..Bounds::UNKNOWN }.sync()
    }

    /// The result of `dst = self op other` (not `Mov`).
    pub(crate) fn alu(self, width: Width, op: AluOp, other: Bounds) -> Bounds {
        // As in Linux 6.18, nothing is known of quotients and remainders, nor of what a count
        // that may exceed the width shifts.
        let is_shift = matches!(op, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh);
        let is_division = matches!(op, AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod);
        let count = other.part_of(width).umax;
        if is_division || is_shift && count >= u64::from(bits_of(width)) {
            return Bounds::UNKNOWN;
        }
        match width {
            Width::W64 => self.alu64(op, other).sync(),
            Width::W32 => self.alu32(op, other).zero_extend(32),
        }
    }

    fn alu64(self, op: AluOp, other: Bounds) -> Bounds {
        let (a, b) = (self, other);
        match op {
            AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor => Bounds {
                tnum: tnum_op(op, a.tnum, b.tnum),
                whole: span_op(op, a.whole, b.whole, 64),
                low: span_op(op, a.low, b.low, 32),
            },
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => self.shift64(op, other),
            _ => Bounds::UNKNOWN,
        }
    }

    /// The lower half of the result; the rest is left unknown.
    fn alu32(self, op: AluOp, other: Bounds) -> Bounds {
        let (a, b) = (self, other);
        match op {
            AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor => Bounds {
                tnum: tnum_op(op, a.tnum.cast(32), b.tnum.cast(32)),
                low: span_op(op, a.low, b.low, 32),
                whole: Span::full(64),
            },
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => self.shift32(op, other),
            _ => Bounds::UNKNOWN,
        }
    }

    fn shift64(self, op: AluOp, other: Bounds) -> Bounds {
        let mut bounds = Bounds::UNKNOWN;
        let (least, most) = (other.whole.umin as u32, other.whole.umax as u32);
        bounds.whole = shift_span(op, self.whole, (least, most), 64);
        if least == most {
            bounds.tnum = shift_tnum(op, self.tnum, least);
            if op == AluOp::Lsh && least < 32 {
                bounds.low = self.low.shl(least, least, 32);
            }
        }
        bounds
    }

    fn shift32(self, op: AluOp, other: Bounds) -> Bounds {
        let mut bounds = Bounds::UNKNOWN;
        let (least, most) = (other.low.umin as u32, other.low.umax as u32);
        bounds.low = shift_span(op, self.low, (least, most), 32);
        if least == most {
            let half = match op {
                AluOp::Arsh => self.tnum.sign_extend(32),
                _ => self.tnum.cast(32),
            };
            bounds.tnum = shift_tnum(op, half, least);
        }
        bounds
    }

    /// The part that an operation of this width sees.
    fn part_of(&self, width: Width) -> Span {
        match width {
            Width::W64 => self.whole,
            Width::W32 => self.low,
        }
    }

    /// As [`Bounds::part_of`], to change it.
    fn part(&mut self, width: Width) -> &mut Span {
        match width {
            Width::W64 => &mut self.whole,
            Width::W32 => &mut self.low,
        }
    }
}

/// The low `bits` bits of a lower half, as a span of that width.
fn low_part(low: Span, bits: u32) -> Span {
    if bits == 32 { low } else { low.truncate(bits).deduce(bits) }
}

const fn bits_of(width: Width) -> u32 {
    match width {
        Width::W64 => 64,
        Width::W32 => 32,
    }
}

fn tnum_op(op: AluOp, a: Tnum, b: Tnum) -> Tnum {
    match op {
        AluOp::Add => a.add(b),
        AluOp::Sub => a.sub(b),
        AluOp::Mul => a.mul(b),
        AluOp::And => a.and(b),
        AluOp::Or => a.or(b),
        AluOp::Xor => a.xor(b),
        _ => Tnum::UNKNOWN,
    }
}

fn span_op(op: AluOp, a: Span, b: Span, bits: u32) -> Span {
    match op {
        AluOp::Add => a.add(b, bits),
        AluOp::Sub => a.sub(b, bits),
        AluOp::Mul => a.mul(b, bits),
        AluOp::And => a.and(b, bits),
        AluOp::Or => a.or(b, bits),
        AluOp::Xor => a.xor(b, bits),
        _ => Span::full(bits),
    }
}

fn shift_span(op: AluOp, span: Span, (least, most): (u32, u32), bits: u32) -> Span {
    match op {
        AluOp::Lsh => span.shl(least, most, bits),
        AluOp::Rsh => span.shr(least, most, bits),
        _ => span.sar(least, most, bits),
    }
}

fn shift_tnum(op: AluOp, tnum: Tnum, count: u32) -> Tnum {
    match op {
        AluOp::Lsh => tnum.shl(count),
        AluOp::Rsh => tnum.shr(count),
        _ => tnum.sar(count),
    }
}
