//! Members stay members: random numbers with bounds found as the check finds them.

use proptest::prelude::*;

use skep_isa::{AluOp, Cond, Width};

use super::{Bounds, bits_of};
use crate::span::{Span, to_signed};
use crate::tnum::Tnum;

/// A number, and bounds that contain it: found as the check finds them, by narrowing.
fn member() -> impl Strategy<Value = (u64, Bounds)> {
    let cut = (any::<bool>(), 0..11usize, edge());
    (edge(), edge(), prop::collection::vec(cut, 0..4)).prop_map(|(number, mask, cuts)| {
        let known = Tnum { value: number & !mask, mask };
        let mut bounds = Bounds { tnum: known, ..Bounds::UNKNOWN }.sync();
        for (wide, cond, other) in cuts {
            let width = if wide { Width::W64 } else { Width::W32 };
            let mut constant = Bounds::constant(other);
            let holds = concrete_test(width, CONDS[cond], number, other);
            bounds.narrow(width, CONDS[cond], &mut constant, holds);
        }
        (number, bounds)
    })
}

/// Numbers near the places where something changes.
fn edge() -> impl Strategy<Value = u64> {
    let near = |base: u64| (-3i64..=3).prop_map(move |by| base.wrapping_add_signed(by));
    prop_oneof![
        any::<u64>(),
        (0..64u32, -2i64..=2).prop_map(|(bit, by)| (1u64 << bit).wrapping_add_signed(by)),
        near(0),
        near(1 << 31),
        near(1 << 32),
        near(1 << 63),
        near(0xffff_ffff_8000_0000),
    ]
}

const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Set,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

const OPS: [AluOp; 13] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Sdiv,
    AluOp::Or,
    AluOp::And,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Mod,
    AluOp::Smod,
    AluOp::Xor,
    AluOp::Arsh,
];

fn contains(bounds: &Bounds, number: u64) -> bool {
    let within = |span: Span, bits: u32, value: u64| {
        (span.umin..=span.umax).contains(&value)
            && (span.smin..=span.smax).contains(&to_signed(bits, value))
    };
    bounds.tnum.contains(number)
        && within(bounds.whole, 64, number)
        && within(bounds.low, 32, number & 0xffff_ffff)
}

fn concrete_test(width: Width, cond: Cond, a: u64, b: u64) -> bool {
    let cut = |n: u64| if width == Width::W32 { n & 0xffff_ffff } else { n };
    let (a, b) = (cut(a), cut(b));
    let (sa, sb) = (to_signed(bits_of(width), a), to_signed(bits_of(width), b));
    match cond {
        Cond::Eq => a == b,
        Cond::Ne => a != b,
        Cond::Set => a & b != 0,
        Cond::Gt => a > b,
        Cond::Ge => a >= b,
        Cond::Lt => a < b,
        Cond::Le => a <= b,
        Cond::Sgt => sa > sb,
        Cond::Sge => sa >= sb,
        Cond::Slt => sa < sb,
        Cond::Sle => sa <= sb,
    }
}

fn concrete_alu(width: Width, op: AluOp, a: u64, b: u64) -> u64 {
    let bits = bits_of(width);
    let cut = |n: u64| n & (u64::MAX >> (64 - bits));
    let (a, b) = (cut(a), cut(b));
    let (sa, sb) = (to_signed(bits, a), to_signed(bits, b));
    let count = (b % u64::from(bits)) as u32;
    cut(match op {
        AluOp::Add => a.wrapping_add(b),
        AluOp::Sub => a.wrapping_sub(b),
        AluOp::Mul => a.wrapping_mul(b),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::Sdiv if b == 0 => 0,
        AluOp::Sdiv => sa.wrapping_div(sb) as u64,
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::Smod if b == 0 => a,
        AluOp::Smod => sa.wrapping_rem(sb) as u64,
        AluOp::Or => a | b,
        AluOp::And => a & b,
        AluOp::Xor => a ^ b,
        AluOp::Lsh => a << count,
        AluOp::Rsh => a >> count,
        AluOp::Arsh => (sa >> count) as u64,
        AluOp::Mov => b,
    })
}

fn widths() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::W32), Just(Width::W64)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn narrowing_keeps_the_number((number, bounds) in member()) {
        prop_assert!(contains(&bounds, number), "{number:#x}: {bounds}");
    }

    #[test]
    fn arithmetic_contains_the_result(
        (a, left) in member(), (b, right) in member(), width in widths(), op in 0..OPS.len(),
    ) {
        let result = left.alu(width, OPS[op], right);
        let number = concrete_alu(width, OPS[op], a, b);
        prop_assert!(contains(&result, number), "{:?} {a:#x} {b:#x}: {result}", OPS[op]);
    }

    #[test]
    fn shifts_by_little_contain_the_result(
        (a, left) in member(), least in 0..64u64, more in 0..8u64, width in widths(), op in 0..3usize,
    ) {
        let op = [AluOp::Lsh, AluOp::Rsh, AluOp::Arsh][op];
        let count = (least + more).min(63);
        let right = Bounds::signed(least as i64, count as i64);
        let result = left.alu(width, op, right);
        let number = concrete_alu(width, op, a, count);
        prop_assert!(contains(&result, number), "{op:?} {a:#x} {count}: {result}");
    }

    #[test]
    fn extensions_contain_the_result((number, bounds) in member()) {
        for bits in [8, 16, 32] {
            let zero = number & (u64::MAX >> (64 - bits));
            prop_assert!(contains(&bounds.zero_extend(bits), zero));
            let extended = to_signed(bits, number) as u64;
            prop_assert!(contains(&bounds.sign_extend(bits), extended), "{bounds} {bits}");
        }
        for bits in [16, 32, 64] {
            let swapped = (number << (64 - bits)).swap_bytes();
            prop_assert!(contains(&bounds.swap_bytes(bits), swapped), "{bounds} {bits}");
        }
    }

    #[test]
    fn comparisons_are_decided_rightly_and_narrow_rightly(
        (a, left) in member(), (b, right) in member(), width in widths(), cond in 0..CONDS.len(),
    ) {
        let holds = concrete_test(width, CONDS[cond], a, b);
        let decided = left.compare(width, CONDS[cond], &right);
        prop_assert!(decided.is_none_or(|decided| decided == holds), "{left} {right}");
        let (mut narrow_left, mut narrow_right) = (left, right);
        narrow_left.narrow(width, CONDS[cond], &mut narrow_right, holds);
        prop_assert!(contains(&narrow_left, a), "{left} {:?} {right}: {narrow_left}", CONDS[cond]);
        prop_assert!(contains(&narrow_right, b), "{left} {:?} {right}: {narrow_right}", CONDS[cond]);
        prop_assert!(left.includes(&narrow_left) && right.includes(&narrow_right));
    }

    #[test]
    fn inclusion_means_what_it_says((a, left) in member(), (_, right) in member()) {
        if right.includes(&left) {
            prop_assert!(contains(&right, a));
        }
    }
}
