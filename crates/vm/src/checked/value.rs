//! What a register holds: bits, and where they came from.

use std::fmt;

use skep_isa::{AluOp, Cond, Width};

/// Names a region of a [`super::Memory`]. An id is never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegionId(pub(super) u64);

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The bits of a register and their origin.
///
/// Only what was derived from a pointer by copying, adding and subtracting is a pointer: a number
/// that happens to equal an address is none. The addresses are made up (`0x0bf0`, sixteen bits of
/// the region's id, offset), so that runs repeat and no address of the host is seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Value {
    bits: u64,
    region: Option<RegionId>,
}

impl Value {
    /// A number.
    pub const fn number(bits: u64) -> Value {
        Value { bits, region: None }
    }

    /// A pointer to `offset` bytes behind the start of a region.
    pub const fn pointer(region: RegionId, offset: u64) -> Value {
        Value { bits: base(region).wrapping_add(offset), region: Some(region) }
    }

    /// The bits, as arithmetic and comparisons see them.
    pub const fn bits(self) -> u64 {
        self.bits
    }

    /// The region, if this is a pointer.
    pub const fn region(self) -> Option<RegionId> {
        self.region
    }

    /// The region and the distance from its start in bytes, which may be outside of it.
    pub const fn target(self) -> Option<(RegionId, i64)> {
        match self.region {
            Some(region) => Some((region, self.bits.wrapping_sub(base(region)) as i64)),
            None => None,
        }
    }

    /// Bits that were stored with their origin.
    pub(super) const fn with_origin(bits: u64, region: Option<RegionId>) -> Value {
        Value { bits, region }
    }

    /// `self op src`. A pointer stays one when it is copied or when a number is added or
    /// subtracted at 64 bits; every other operation, the difference of pointers too, gives a
    /// number.
    pub(super) fn alu(self, width: Width, op: AluOp, src: Value) -> Value {
        let bits = crate::alu::alu(width, op, self.bits, src.bits);
        let region = match (width, op, self.region, src.region) {
            (Width::W64, AluOp::Mov, _, region)
            | (Width::W64, AluOp::Add, region, None)
            | (Width::W64, AluOp::Add, None, region)
            | (Width::W64, AluOp::Sub, region, None) => region,
            _ => None,
        };
        Value { bits, region }
    }
}

/// Whether `dst op src` makes a number of an address. The distance of two pointers to the same
/// region is the same wherever the region lies.
pub(super) fn alu_reveals(width: Width, op: AluOp, dst: Value, src: Value) -> bool {
    let distance = (width, op) == (Width::W64, AluOp::Sub) && dst.region == src.region;
    let pointers = dst.region.is_some() || src.region.is_some();
    pointers && !distance && dst.alu(width, op, src).region.is_none()
}

/// Whether a comparison's result depends on where regions lie. No region lies at 0.
pub(super) fn branch_reveals(width: Width, cond: Cond, dst: Value, src: Value) -> bool {
    let with_null = |pointer: Value, number: Value| {
        pointer.region.is_some()
            && number == Value::number(0)
            && matches!(cond, Cond::Eq | Cond::Ne)
    };
    let same = width == Width::W64
        && (dst.region == src.region || with_null(dst, src) || with_null(src, dst));
    (dst.region.is_some() || src.region.is_some()) && !same
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target() {
            Some((region, offset)) => write!(f, "{region}{offset:+}"),
            None => write!(f, "{:#x}", self.bits),
        }
    }
}

/// The made-up address of a region's first byte.
const fn base(region: RegionId) -> u64 {
    (0x0bf0 << 48) | ((region.0 & 0xffff) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTER: Value = Value::pointer(RegionId(3), 16);
    const OTHER: Value = Value::pointer(RegionId(4), 0);
    const SEVEN: Value = Value::number(7);

    fn check(dst: Value, width: Width, op: AluOp, src: Value, expect: &str) {
        assert_eq!(dst.alu(width, op, src).to_string(), expect, "{dst} {op:?} {src}");
    }

    #[test]
    fn pointers_survive_copies_sums_and_differences_only() {
        check(SEVEN, Width::W64, AluOp::Mov, POINTER, "#3+16");
        check(POINTER, Width::W64, AluOp::Add, SEVEN, "#3+23");
        check(SEVEN, Width::W64, AluOp::Add, POINTER, "#3+23");
        check(POINTER, Width::W64, AluOp::Sub, Value::number(20), "#3-4");
        check(POINTER, Width::W64, AluOp::Add, Value::number(1 << 32), "#3+4294967312");
        check(SEVEN, Width::W32, AluOp::Mov, POINTER, "0x10");
        check(POINTER, Width::W64, AluOp::Sub, POINTER, "0x0");
        check(POINTER, Width::W64, AluOp::Add, OTHER, "0x17e0000700000010");
        check(POINTER, Width::W64, AluOp::And, Value::number(u64::MAX), "0xbf0000300000010");
        check(SEVEN, Width::W64, AluOp::Sub, POINTER, "0xf40ffffcfffffff7");
    }

    #[test]
    fn where_regions_lie_shows_in_some_results_only() {
        let alu = |width, op, dst, src| alu_reveals(width, op, dst, src);
        assert!(!alu(Width::W64, AluOp::Add, POINTER, SEVEN));
        assert!(!alu(Width::W64, AluOp::Sub, POINTER, POINTER));
        assert!(alu(Width::W64, AluOp::Sub, POINTER, OTHER));
        assert!(alu(Width::W32, AluOp::Mov, SEVEN, POINTER));
        assert!(!alu(Width::W32, AluOp::Mul, SEVEN, SEVEN));
        let branch = |width, cond, dst, src| branch_reveals(width, cond, dst, src);
        assert!(!branch(Width::W64, Cond::Gt, POINTER, POINTER));
        assert!(!branch(Width::W64, Cond::Eq, POINTER, Value::number(0)));
        assert!(branch(Width::W32, Cond::Eq, POINTER, Value::number(0)));
        assert!(branch(Width::W64, Cond::Lt, POINTER, SEVEN));
        assert!(branch(Width::W64, Cond::Eq, POINTER, OTHER));
        assert!(!branch(Width::W64, Cond::Eq, SEVEN, SEVEN));
    }
}
