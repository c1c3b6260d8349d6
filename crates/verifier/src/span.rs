//! Ranges of an n-bit value, read unsigned and read signed.
//!
//! Every function takes the width in bits, so that the same code serves whole registers and their
//! lower halves, and the tests can try every range of a 4-bit value.
//!
//! An operation first computes the interval of its exact results over the integers; [`Span::wrap`]
//! then finds what is left of it modulo 2^n. So no operation has overflow checks of its own.

use crate::tnum::{Tnum, low_mask};

/// All values in `umin..=umax` read unsigned that are also in `smin..=smax` read signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) umin: u64,
    pub(crate) umax: u64,
    pub(crate) smin: i64,
    pub(crate) smax: i64,
}

/// An interval of integers, both ends included.
type Interval = (i128, i128);

impl Span {
    /// Every value of `bits` bits.
    pub(crate) const fn full(bits: u32) -> Span {
        Span { umin: 0, umax: low_mask(bits), smin: signed_min(bits), smax: signed_max(bits) }
    }

    /// One value, of which the low `bits` bits count.
    pub(crate) const fn constant(bits: u32, value: u64) -> Span {
        let value = value & low_mask(bits);
        let signed = to_signed(bits, value);
        Span { umin: value, umax: value, smin: signed, smax: signed }
    }

    /// The values that a number in one of the integer intervals has modulo 2^n: `unsigned` and
    /// `signed` are two descriptions of the same numbers.
    pub(crate) fn wrap(bits: u32, unsigned: Interval, signed: Interval) -> Span {
        let mut span = Span::full(bits);
        if let Some((min, max)) = within_one_turn(bits, unsigned, 0) {
            span.umin = min as u64;
            span.umax = max as u64;
        }
        if let Some((min, max)) = within_one_turn(bits, signed, i128::from(signed_min(bits))) {
            span.smin = min as i64;
            span.smax = max as i64;
        }
        span
    }

    /// The values whose bits `tnum` allows.
    pub(crate) const fn from_tnum(bits: u32, tnum: Tnum) -> Span {
        let tnum = tnum.cast(bits);
        let sign = 1 << (bits - 1);
        Span {
            umin: tnum.value,
            umax: tnum.value | tnum.mask,
            smin: to_signed(bits, tnum.value | tnum.mask & sign),
            smax: to_signed(bits, tnum.value | tnum.mask & !sign),
        }
    }

    /// The values in both, which may be none.
    pub(crate) fn intersect(self, other: Span) -> Span {
        Span {
            umin: self.umin.max(other.umin),
            umax: self.umax.min(other.umax),
            smin: self.smin.max(other.smin),
            smax: self.smax.min(other.smax),
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.umin > self.umax || self.smin > self.smax
    }

    /// Whether every value of `other` is one of `self`.
    pub(crate) const fn includes(self, other: Span) -> bool {
        self.umin <= other.umin
            && other.umax <= self.umax
            && self.smin <= other.smin
            && other.smax <= self.smax
    }

    /// Tightens each reading by the other. May find that there is no such value.
    pub(crate) fn deduce(mut self, bits: u32) -> Span {
        if to_signed(bits, self.umin) <= to_signed(bits, self.umax) {
            self.smin = self.smin.max(to_signed(bits, self.umin));
            self.smax = self.smax.min(to_signed(bits, self.umax));
        }
        let keep = low_mask(bits);
        if (self.smin < 0) == (self.smax < 0) {
            self.umin = self.umin.max(self.smin as u64 & keep);
            self.umax = self.umax.min(self.smax as u64 & keep);
        } else if self.smin < 0 && self.umax < self.smin as u64 & keep {
            // No negative value is small enough.
            self.smin = to_signed(bits, self.umin).max(0);
            self.smax = self.smax.min(self.umax as i64);
            self.umax = self.umax.min(self.smax as u64);
        } else if self.smin < 0 && self.umin > self.smax as u64 {
            // No other value is large enough.
            self.umin = self.umin.max(self.smin as u64 & keep);
            self.smin = to_signed(bits, self.umin);
            self.smax = self.smax.min(to_signed(bits, self.umax));
        }
        self
    }

    pub(crate) fn add(self, other: Span, bits: u32) -> Span {
        let sum = |a: Interval, b: Interval| (a.0 + b.0, a.1 + b.1);
        let unsigned = sum(self.unsigned(), other.unsigned());
        Span::wrap(bits, unsigned, sum(self.signed(), other.signed()))
    }

    pub(crate) fn sub(self, other: Span, bits: u32) -> Span {
        let difference = |a: Interval, b: Interval| (a.0 - b.1, a.1 - b.0);
        let unsigned = difference(self.unsigned(), other.unsigned());
        Span::wrap(bits, unsigned, difference(self.signed(), other.signed()))
    }

    pub(crate) fn mul(self, other: Span, bits: u32) -> Span {
        // Unsigned products of 64 bits exceed `i128`; those beyond the width are wrapped anyway.
        let largest = u128::from(self.umax) * u128::from(other.umax);
        let unsigned = match i128::try_from(largest) {
            Ok(largest) => (i128::from(self.umin) * i128::from(other.umin), largest),
            Err(_) => EVERYTHING,
        };
        let (a, b) = (self.signed(), other.signed());
        let corners = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1];
        Span::wrap(bits, unsigned, hull(corners))
    }

    pub(crate) fn and(self, other: Span, bits: u32) -> Span {
        let umax = self.umax.min(other.umax);
        Span { umin: 0, umax, ..Span::full(bits) }
    }

    pub(crate) fn or(self, other: Span, bits: u32) -> Span {
        let umax = all_ones_up_to(self.umax | other.umax);
        Span { umin: self.umin.max(other.umin), umax, ..Span::full(bits) }
    }

    pub(crate) fn xor(self, other: Span, bits: u32) -> Span {
        Span { umin: 0, umax: all_ones_up_to(self.umax | other.umax), ..Span::full(bits) }
    }

    /// Shifted left by `least..=most`, below the width.
    pub(crate) fn shl(self, least: u32, most: u32, bits: u32) -> Span {
        let (u, s) = (self.unsigned(), self.signed());
        let corners = [s.0 << least, s.0 << most, s.1 << least, s.1 << most];
        Span::wrap(bits, (u.0 << least, u.1 << most), hull(corners))
    }

    /// Shifted right by `least..=most`, below the width.
    pub(crate) fn shr(self, least: u32, most: u32, bits: u32) -> Span {
        Span { umin: self.umin >> most, umax: self.umax >> least, ..Span::full(bits) }
    }

    /// Shifted right with sign by `least..=most`, below the width.
    pub(crate) fn sar(self, least: u32, most: u32, bits: u32) -> Span {
        let corners =
            [self.smin >> least, self.smin >> most, self.smax >> least, self.smax >> most];
        let (smin, smax) = hull(corners.map(i128::from));
        Span { smin: smin as i64, smax: smax as i64, ..Span::full(bits) }
    }

    /// The low `low` bits of a value of more bits.
    pub(crate) fn truncate(self, low: u32) -> Span {
        Span::wrap(low, self.unsigned(), self.signed()).intersect(Span::wrap(
            low,
            self.signed(),
            self.unsigned(),
        ))
    }

    fn unsigned(self) -> Interval {
        (i128::from(self.umin), i128::from(self.umax))
    }

    fn signed(self) -> Interval {
        (i128::from(self.smin), i128::from(self.smax))
    }
}

/// An interval that wraps to every value of any width.
const EVERYTHING: Interval = (0, i128::MAX);

/// The interval moved by a multiple of 2^n into `start..start + 2^n`, if it fits there whole.
fn within_one_turn(bits: u32, (min, max): Interval, start: i128) -> Option<Interval> {
    let turn = 1i128 << bits;
    let turns = (min - start).div_euclid(turn);
    (turns == max.checked_sub(start)?.div_euclid(turn))
        .then(|| (min - turns * turn, max - turns * turn))
}

/// The smallest interval around four numbers.
fn hull(corners: [i128; 4]) -> Interval {
    let [a, b, c, d] = corners;
    (a.min(b).min(c).min(d), a.max(b).max(c).max(d))
}

/// The largest number of as many bits as `number` has.
const fn all_ones_up_to(number: u64) -> u64 {
    if number == 0 { 0 } else { u64::MAX >> number.leading_zeros() }
}

/// The low `bits` bits of `value`, read signed.
pub(crate) const fn to_signed(bits: u32, value: u64) -> i64 {
    ((value << (64 - bits)) as i64) >> (64 - bits)
}

pub(crate) const fn signed_min(bits: u32) -> i64 {
    i64::MIN >> (64 - bits)
}

pub(crate) const fn signed_max(bits: u32) -> i64 {
    i64::MAX >> (64 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u32 = 4;
    const TURN: u64 = 1 << BITS;

    fn contains(span: Span, value: u64) -> bool {
        let signed = to_signed(BITS, value);
        (span.umin..=span.umax).contains(&value) && (span.smin..=span.smax).contains(&signed)
    }

    /// Every span of `BITS` bits that is a range in one reading, deduced in the other.
    fn all() -> Vec<Span> {
        let mut spans = Vec::new();
        for min in 0..TURN {
            for max in 0..TURN {
                let (smin, smax) = (to_signed(BITS, min), to_signed(BITS, max));
                let unsigned = Span { umin: min, umax: max, ..Span::full(BITS) };
                let signed = Span { smin, smax, ..Span::full(BITS) };
                spans.extend([unsigned, signed].into_iter().filter(|span| !span.is_empty()));
            }
        }
        spans.iter().map(|span| span.deduce(BITS)).collect()
    }

    fn members(span: Span) -> impl Iterator<Item = u64> {
        (0..TURN).filter(move |&value| contains(span, value))
    }

    fn check_binary(abstracted: impl Fn(Span, Span) -> Span, concrete: impl Fn(u64, u64) -> u64) {
        for a in all() {
            for b in all() {
                let result = abstracted(a, b);
                for x in members(a) {
                    for y in members(b) {
                        let value = concrete(x, y) & low_mask(BITS);
                        assert!(contains(result, value), "{x} in {a:?}, {y} in {b:?}: {result:?}");
                        assert!(contains(result.deduce(BITS), value), "{result:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn binary_operations_contain_every_result() {
        check_binary(|a, b| a.add(b, BITS), u64::wrapping_add);
        check_binary(|a, b| a.sub(b, BITS), u64::wrapping_sub);
        check_binary(|a, b| a.mul(b, BITS), u64::wrapping_mul);
        check_binary(|a, b| a.and(b, BITS), |x, y| x & y);
        check_binary(|a, b| a.or(b, BITS), |x, y| x | y);
        check_binary(|a, b| a.xor(b, BITS), |x, y| x ^ y);
    }

    #[test]
    fn shifts_contain_every_result() {
        for span in all() {
            for least in 0..BITS {
                for most in least..BITS {
                    for (x, count) in
                        members(span).flat_map(|x| (least..=most).map(move |c| (x, c)))
                    {
                        let sar = (to_signed(BITS, x) >> count) as u64 & low_mask(BITS);
                        let shl = x << count & low_mask(BITS);
                        assert!(contains(span.shl(least, most, BITS), shl), "{span:?} << {count}");
                        assert!(contains(span.shr(least, most, BITS), x >> count), "{span:?}");
                        assert!(contains(span.sar(least, most, BITS), sar), "{span:?} >> {count}");
                    }
                }
            }
        }
    }

    #[test]
    fn deduction_loses_no_value() {
        for a in all() {
            for b in all() {
                let both = a.intersect(b);
                let deduced = both.deduce(BITS);
                for x in members(both) {
                    assert!(contains(deduced, x), "{x} in {both:?}: {deduced:?}");
                }
            }
        }
    }

    #[test]
    fn truncation_contains_the_low_bits() {
        for span in all() {
            for low in 1..BITS {
                let result = span.truncate(low);
                for x in members(span) {
                    let value = x & low_mask(low);
                    assert!((result.umin..=result.umax).contains(&value), "{span:?}: {result:?}");
                    assert!((result.smin..=result.smax).contains(&to_signed(low, value)));
                }
            }
        }
    }

    #[test]
    fn products_of_64_bits_do_not_overflow_the_calculation() {
        let full = Span::full(64);
        assert_eq!(full.mul(full, 64), full);
        assert_eq!(Span::constant(64, 3).mul(Span::constant(64, 5), 64), Span::constant(64, 15));
    }
}
