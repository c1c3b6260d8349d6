//! Tristate numbers: what is known of each bit of a value.
//!
//! The domain is that of "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers"
//! (Vishwanathan et al., CGO 2022): a bit is 0, 1 or unknown, and an operation's result contains
//! every result of the operation on members. The tests check that exhaustively at small widths.

use core::fmt;

/// The set of all numbers that equal `value` in every bit that `mask` does not hold.
///
/// No bit is set in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tnum {
    pub(crate) value: u64,
    pub(crate) mask: u64,
}

impl Tnum {
    /// Every number.
    pub(crate) const UNKNOWN: Tnum = Tnum { value: 0, mask: u64::MAX };

    pub(crate) const fn constant(value: u64) -> Tnum {
        Tnum { value, mask: 0 }
    }

    /// The smallest tnum that contains all of `min..=max`: their common leading bits are known.
    pub(crate) const fn range(min: u64, max: u64) -> Tnum {
        let different = min ^ max;
        let mask = if different == 0 { 0 } else { u64::MAX >> different.leading_zeros() };
        Tnum { value: min & !mask, mask }
    }

    pub(crate) const fn is_const(self) -> bool {
        self.mask == 0
    }

    /// Whether `number` is a member.
    #[cfg(test)]
    pub(crate) const fn contains(self, number: u64) -> bool {
        (number ^ self.value) & !self.mask == 0
    }

    /// Whether every member of `other` is one of `self`.
    pub(crate) const fn includes(self, other: Tnum) -> bool {
        other.mask & !self.mask == 0 && (other.value ^ self.value) & !self.mask == 0
    }

    /// Whether no number is a member of both.
    pub(crate) const fn is_disjoint(self, other: Tnum) -> bool {
        (self.value ^ other.value) & !(self.mask | other.mask) != 0
    }

    /// The members of both. Only for tnums that have one in common.
    pub(crate) const fn intersect(self, other: Tnum) -> Tnum {
        let mask = self.mask & other.mask;
        Tnum { value: (self.value | other.value) & !mask, mask }
    }

    /// The low `bits` bits, zero-extended.
    pub(crate) const fn cast(self, bits: u32) -> Tnum {
        let keep = low_mask(bits);
        Tnum { value: self.value & keep, mask: self.mask & keep }
    }

    /// The low `bits` bits, sign-extended: unknown sign, unknown upper bits.
    pub(crate) const fn sign_extend(self, bits: u32) -> Tnum {
        let up = 64 - bits;
        Tnum {
            value: (((self.value << up) as i64) >> up) as u64,
            mask: (((self.mask << up) as i64) >> up) as u64,
        }
    }

    /// Its upper half with the lower half of `low`.
    pub(crate) const fn with_low_half(self, low: Tnum) -> Tnum {
        let upper = !low_mask(32);
        let low = low.cast(32);
        Tnum { value: self.value & upper | low.value, mask: self.mask & upper | low.mask }
    }

    /// The bytes of its low `bits` bits (16, 32 or 64) in reverse order, zero-extended.
    pub(crate) const fn swap_bytes(self, bits: u32) -> Tnum {
        let up = 64 - bits;
        Tnum { value: (self.value << up).swap_bytes(), mask: (self.mask << up).swap_bytes() }
    }

    pub(crate) const fn add(self, other: Tnum) -> Tnum {
        let masks = self.mask.wrapping_add(other.mask);
        let values = self.value.wrapping_add(other.value);
        let carries = masks.wrapping_add(values) ^ values;
        let mask = carries | self.mask | other.mask;
        Tnum { value: values & !mask, mask }
    }

    pub(crate) const fn sub(self, other: Tnum) -> Tnum {
        let values = self.value.wrapping_sub(other.value);
        let borrows = values.wrapping_add(self.mask) ^ values.wrapping_sub(other.mask);
        let mask = borrows | self.mask | other.mask;
        Tnum { value: values & !mask, mask }
    }

    pub(crate) const fn and(self, other: Tnum) -> Tnum {
        let possible = (self.value | self.mask) & (other.value | other.mask);
        let value = self.value & other.value;
        Tnum { value, mask: possible & !value }
    }

    pub(crate) const fn or(self, other: Tnum) -> Tnum {
        let value = self.value | other.value;
        Tnum { value, mask: (self.mask | other.mask) & !value }
    }

    pub(crate) const fn xor(self, other: Tnum) -> Tnum {
        let mask = self.mask | other.mask;
        Tnum { value: (self.value ^ other.value) & !mask, mask }
    }

    /// Long multiplication: a known 1 adds the shifted multiplicand's uncertainty, an unknown bit
    /// adds all that it may set, and the known product is added once.
    pub(crate) fn mul(self, other: Tnum) -> Tnum {
        let product = Tnum::constant(self.value.wrapping_mul(other.value));
        let mut uncertain = Tnum::constant(0);
        let (mut a, mut b) = (self, other);
        while a.value != 0 || a.mask != 0 {
            if a.value & 1 == 1 {
                uncertain = uncertain.add(Tnum { value: 0, mask: b.mask });
            } else if a.mask & 1 == 1 {
                uncertain = uncertain.add(Tnum { value: 0, mask: b.value | b.mask });
            }
            a = a.shr(1);
            b = b.shl(1);
        }
        product.add(uncertain)
    }

    /// Shifted left by a constant below 64.
    pub(crate) const fn shl(self, count: u32) -> Tnum {
        Tnum { value: self.value << count, mask: self.mask << count }
    }

    /// Shifted right by a constant below 64.
    pub(crate) const fn shr(self, count: u32) -> Tnum {
        Tnum { value: self.value >> count, mask: self.mask >> count }
    }

    /// Shifted right with sign by a constant below 64.
    pub(crate) const fn sar(self, count: u32) -> Tnum {
        Tnum {
            value: ((self.value as i64) >> count) as u64,
            mask: ((self.mask as i64) >> count) as u64,
        }
    }
}

/// A mask of the low `bits` bits, 1 to 64.
pub(crate) const fn low_mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

impl fmt::Display for Tnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:#x}; {:#x})", self.value, self.mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u32 = 5;

    /// Every tnum of `BITS` bits.
    fn all() -> Vec<Tnum> {
        let numbers = 0..1u64 << BITS;
        numbers
            .clone()
            .flat_map(|value| numbers.clone().map(move |mask| Tnum { value, mask }))
            .filter(|t| t.value & t.mask == 0)
            .collect()
    }

    fn members(t: Tnum) -> impl Iterator<Item = u64> {
        (0..1u64 << BITS).filter(move |&n| t.contains(n))
    }

    /// `concrete(a, b)` is in `abstracted(A, B)` for all members, whole and truncated.
    fn check_binary(abstracted: impl Fn(Tnum, Tnum) -> Tnum, concrete: impl Fn(u64, u64) -> u64) {
        for a in all() {
            for b in all() {
                let result = abstracted(a, b);
                assert_eq!(result.value & result.mask, 0, "{a} {b} -> {result}");
                for x in members(a) {
                    for y in members(b) {
                        assert!(
                            result.contains(concrete(x, y)),
                            "{x} in {a}, {y} in {b}: {result}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn binary_operations_contain_every_result() {
        check_binary(Tnum::add, u64::wrapping_add);
        check_binary(Tnum::sub, u64::wrapping_sub);
        check_binary(Tnum::and, |x, y| x & y);
        check_binary(Tnum::or, |x, y| x | y);
        check_binary(Tnum::xor, |x, y| x ^ y);
        check_binary(Tnum::mul, u64::wrapping_mul);
    }

    #[test]
    fn shifts_and_casts_contain_every_result() {
        for t in all() {
            for x in members(t) {
                for count in 0..64 {
                    assert!(t.shl(count).contains(x << count));
                    assert!(t.shr(count).contains(x >> count));
                    let (high, y) = (t.shl(64 - BITS), (x << (64 - BITS)) as i64);
                    assert!(high.sar(count).contains((y >> count) as u64));
                }
                for bits in 1..=BITS {
                    assert!(t.cast(bits).contains(x & low_mask(bits)));
                    let extended = ((x << (64 - bits)) as i64 >> (64 - bits)) as u64;
                    assert!(t.sign_extend(bits).contains(extended));
                }
            }
        }
    }

    #[test]
    fn sets_behave_as_sets() {
        for a in all() {
            for b in all() {
                let common = members(a).filter(|&x| b.contains(x)).count();
                assert_eq!(a.is_disjoint(b), common == 0, "{a} {b}");
                assert_eq!(a.includes(b), common == members(b).count(), "{a} {b}");
                if common > 0 {
                    assert_eq!(members(a.intersect(b)).count(), common, "{a} {b}");
                }
            }
        }
        for min in 0..1u64 << BITS {
            for max in min..1 << BITS {
                assert!((min..=max).all(|n| Tnum::range(min, max).contains(n)));
            }
        }
    }
}
