//! Comparisons: whether their outcome is known, and what an outcome says of both sides.

use skep_isa::{Cond, Width};

use super::{Bounds, bits_of};
use crate::span::to_signed;
use crate::tnum::Tnum;

impl Bounds {
    /// Whether `self cond other` always (`Some(true)`) or never (`Some(false)`) holds.
    pub(crate) fn compare(&self, width: Width, cond: Cond, other: &Bounds) -> Option<bool> {
        let (a, b) = (self.part_of(width), other.part_of(width));
        let bits = bits_of(width);
        let (tnum_a, tnum_b) = (self.tnum.cast(bits), other.tnum.cast(bits));
        let decide = |always: bool, never: bool| match (always, never) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let same = a.umin == a.umax && b.umin == b.umax && a.umin == b.umin;
        let apart = tnum_a.is_disjoint(tnum_b)
            || a.umax < b.umin
            || b.umax < a.umin
            || a.smax < b.smin
            || b.smax < a.smin;
        match cond {
            Cond::Eq => decide(same, apart),
            Cond::Ne => decide(apart, same),
            Cond::Set => {
                let both = tnum_a.and(tnum_b);
                decide(both.value != 0, both.mask == 0)
            }
            Cond::Gt => decide(a.umin > b.umax, a.umax <= b.umin),
            Cond::Ge => decide(a.umin >= b.umax, a.umax < b.umin),
            Cond::Lt => decide(a.umax < b.umin, a.umin >= b.umax),
            Cond::Le => decide(a.umax <= b.umin, a.umin > b.umax),
            Cond::Sgt => decide(a.smin > b.smax, a.smax <= b.smin),
            Cond::Sge => decide(a.smin >= b.smax, a.smax < b.smin),
            Cond::Slt => decide(a.smax < b.smin, a.smin >= b.smax),
            Cond::Sle => decide(a.smax <= b.smin, a.smin > b.smax),
        }
    }

    /// Narrows both to the pairs of which `self cond other` is `holds`. An end that contradicts the
    /// other leaves a number as it was.
    pub(crate) fn narrow(&mut self, width: Width, cond: Cond, other: &mut Bounds, holds: bool) {
        let (mut a, mut b) = (*self, *other);
        match (cond, holds) {
            (Cond::Eq, true) | (Cond::Ne, false) => narrow_equal(width, &mut a, &mut b),
            (Cond::Ne, true) | (Cond::Eq, false) => {
                exclude(width, &mut a, &b);
                exclude(width, &mut b, &a);
            }
            (Cond::Set, _) => {
                narrow_bits(width, &mut a, &b, holds);
                narrow_bits(width, &mut b, &a, holds);
            }
            _ => narrow_order(width, cond, (&mut a, &mut b), holds),
        }
        if let (Some(a), Some(b)) = (a.synced(), b.synced()) {
            *self = a;
            *other = b;
        }
    }
}

/// Both sides are equal: each is what both may be.
fn narrow_equal(width: Width, a: &mut Bounds, b: &mut Bounds) {
    let span = a.part(width).intersect(*b.part(width));
    *a.part(width) = span;
    *b.part(width) = span;
    match width {
        Width::W64 if !a.tnum.is_disjoint(b.tnum) => {
            a.tnum = a.tnum.intersect(b.tnum);
            b.tnum = a.tnum;
            a.low = a.low.intersect(b.low);
            b.low = a.low;
        }
        Width::W32 if !a.tnum.cast(32).is_disjoint(b.tnum.cast(32)) => {
            let low = a.tnum.cast(32).intersect(b.tnum.cast(32));
            a.tnum = a.tnum.with_low_half(low);
            b.tnum = b.tnum.with_low_half(low);
        }
        _ => {}
    }
}

/// `a` differs from `b`: if that is one number, it is cut off where it ends a range of `a`.
fn exclude(width: Width, a: &mut Bounds, b: &Bounds) {
    let b = b.part_of(width);
    let span = a.part(width);
    if b.umin != b.umax || span.umin == span.umax {
        return;
    }
    let (number, signed) = (b.umin, to_signed(bits_of(width), b.umin));
    span.umin += u64::from(span.umin == number);
    span.umax -= u64::from(span.umax == number);
    span.smin += i64::from(span.smin == signed);
    span.smax -= i64::from(span.smax == signed);
}

/// `a & b` has a bit in common or none: known where `b` is one number.
fn narrow_bits(width: Width, a: &mut Bounds, b: &Bounds, holds: bool) {
    let b = b.tnum.cast(bits_of(width));
    if !b.is_const() {
        return;
    }
    let bits = b.value;
    if holds && bits.is_power_of_two() {
        a.tnum = Tnum { value: a.tnum.value | bits, mask: a.tnum.mask & !bits };
    } else if !holds && a.tnum.value & bits == 0 {
        a.tnum.mask &= !bits;
    }
}

/// The orders, each as `smaller < larger` or `smaller <= larger`.
fn narrow_order(width: Width, cond: Cond, (a, b): (&mut Bounds, &mut Bounds), holds: bool) {
    let (greater, or_equal, signed) = match cond {
        Cond::Gt => (true, false, false),
        Cond::Ge => (true, true, false),
        Cond::Le => (false, true, false),
        Cond::Sgt => (true, false, true),
        Cond::Sge => (true, true, true),
        Cond::Slt => (false, false, true),
        Cond::Sle => (false, true, true),
        _ => (false, false, false),
    };
    // What does not hold is the opposite order, with equality where it had none.
    let (greater, or_equal) = if holds { (greater, or_equal) } else { (!greater, !or_equal) };
    let (small, large) = if greater { (b, a) } else { (a, b) };
    let (small, large) = (small.part(width), large.part(width));
    if signed {
        let gap = i64::from(!or_equal);
        small.smax = small.smax.min(large.smax.saturating_sub(gap));
        large.smin = large.smin.max(small.smin.saturating_add(gap));
    } else {
        let gap = u64::from(!or_equal);
        small.umax = small.umax.min(large.umax.saturating_sub(gap));
        large.umin = large.umin.max(small.umin.saturating_add(gap));
    }
}
