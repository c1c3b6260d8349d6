//! What instructions mean, corner by corner: r0 at the end, in both interpreters.

use super::engines::{insns, run_checked, run_fast};

fn check(text: &str, r0: u64) {
    let insns = insns(&format!("{text}\nexit"));
    let outcome = run_checked(&insns).unwrap_or_else(|fault| panic!("{fault} in {text}"));
    assert_eq!(outcome.r0, r0, "checked: {:#x} instead of {r0:#x} in {text}", outcome.r0);
    assert_eq!(run_fast(&insns, &[]), outcome, "the interpreters differ on {text}");
}

const MIN: &str = "r0 = 0x8000000000000000 ll";
const ALL: &str = "r0 = 0xfedcba9876543210 ll";

#[test]
fn division_by_zero_is_zero_and_modulo_keeps_dst() {
    for (op, expect) in [
        ("r0 /= r1", 0),
        ("r0 s/= r1", 0),
        ("w0 /= w1", 0),
        ("w0 s/= w1", 0),
        ("r0 %= r1", 0xfedc_ba98_7654_3210),
        ("r0 s%= r1", 0xfedc_ba98_7654_3210),
        ("w0 %= w1", 0x7654_3210),
        ("w0 s%= w1", 0x7654_3210),
    ] {
        check(&format!("{ALL}\nr1 = 0\n{op}"), expect);
    }
}

#[test]
fn smallest_number_divided_by_minus_one() {
    check(&format!("{MIN}\nr0 s/= -1"), 1 << 63);
    check(&format!("{MIN}\nr0 s%= -1"), 0);
    check("w0 = 0x80000000\nw0 s/= -1", 0x8000_0000);
    check("w0 = 0x80000000\nw0 s%= -1", 0);
    check("r0 = -7\nr0 s/= 2", -3i64 as u64);
    check("r0 = -7\nr0 s%= 2", -1i64 as u64);
    check("r0 = -7\nr0 /= 2", 0x7fff_ffff_ffff_fffc);
}

#[test]
fn register_shifts_are_masked() {
    check("r0 = 1\nr1 = 65\nr0 <<= r1", 2);
    check("r0 = 1\nr1 = 33\nw0 <<= w1", 2);
    check(&format!("{MIN}\nr1 = 127\nr0 s>>= r1"), u64::MAX);
    check(&format!("{MIN}\nr1 = 127\nr0 >>= r1"), 1);
    check("w0 = 0x80000000\nr1 = 63\nw0 s>>= w1", 0xffff_ffff);
}

#[test]
fn word_operations_zero_extend() {
    for op in ["w0 += 0", "w0 -= 0", "w0 |= 0", "w0 ^= 0", "w0 <<= 0", "w0 >>= 0", "w0 = w0"] {
        check(&format!("{ALL}\n{op}"), 0x7654_3210);
    }
    check("r0 = 1\nw0 = -w0", 0xffff_ffff);
    check("r0 = 1\nr0 = -r0", u64::MAX);
    check("w0 = -1", 0xffff_ffff);
    check("r0 = -1", u64::MAX);
}

#[test]
fn sign_extending_moves_and_loads() {
    check("r1 = 0x80\nr0 = (s8)r1", 0xffff_ffff_ffff_ff80);
    check("r1 = 0x8000\nr0 = (s16)r1", 0xffff_ffff_ffff_8000);
    check("w1 = 0x80000000\nr0 = (s32)r1", 0xffff_ffff_8000_0000);
    check("r1 = 0x80\nw0 = (s8)w1", 0xffff_ff80);
    check("*(u64 *)(r10 - 8) = 0x80\nr0 = *(s8 *)(r10 - 8)", 0xffff_ffff_ffff_ff80);
    check("*(u64 *)(r10 - 8) = -1\nr0 = *(s32 *)(r10 - 8)", u64::MAX);
    check("*(u64 *)(r10 - 8) = -1\nr0 = *(u32 *)(r10 - 8)", 0xffff_ffff);
}

#[test]
fn byte_order_truncates_to_its_width() {
    for (op, expect) in [
        ("le16 r0", 0x3210),
        ("le32 r0", 0x7654_3210),
        ("le64 r0", 0xfedc_ba98_7654_3210),
        ("be16 r0", 0x1032),
        ("be32 r0", 0x1032_5476),
        ("be64 r0", 0x1032_5476_98ba_dcfe),
        ("bswap16 r0", 0x1032),
        ("bswap32 r0", 0x1032_5476),
        ("bswap64 r0", 0x1032_5476_98ba_dcfe),
    ] {
        check(&format!("{ALL}\nr0 = {op}"), expect);
    }
}

#[test]
fn immediates_of_comparisons_are_sign_extended() {
    let branch = |setup: &str, condition: &str, expect: u64| {
        check(&format!("r0 = 1\n{setup}\nif {condition} goto +1\nr0 = 0"), expect);
    };
    branch("r1 = -1", "r1 == -1", 1);
    branch("w1 = -1", "r1 == -1", 0);
    branch("w1 = -1", "w1 == -1", 1);
    branch("w1 = -1", "r1 > -2", 0);
    branch("r1 = -1", "r1 > -2", 1);
    branch("w1 = -1", "w1 > -2", 1);
    branch("r1 = -1", "r1 s< 0", 1);
    branch("w1 = -1", "r1 s< 0", 0);
    branch("w1 = -1", "w1 s< 0", 1);
    branch("r1 = 0x100000000 ll", "r1 & -2147483648", 1);
    branch("r1 = 0x100000000 ll", "w1 & -1", 0);
}

#[test]
fn atomics_give_the_old_value_zero_extended() {
    let setup = "*(u64 *)(r10 - 8) = -1\nr1 = 1";
    let load = "r0 = *(u64 *)(r10 - 8)";
    check(&format!("{setup}\nlock *(u64 *)(r10 - 8) += r1\n{load}"), 0);
    check(&format!("{setup}\nlock *(u32 *)(r10 - 8) += r1\n{load}"), 0xffff_ffff_0000_0000);
    check(&format!("{setup}\nw1 = atomic_fetch_add((u32 *)(r10 - 8), w1)\nr0 = r1"), 0xffff_ffff);
    check(&format!("{setup}\nr1 = atomic_fetch_xor((u64 *)(r10 - 8), r1)\n{load}"), !1);
    check(&format!("{setup}\nr1 = xchg_64(r10 - 8, r1)\nr0 = r1"), u64::MAX);
    check(&format!("{setup}\nw1 = xchg32_32(r10 - 8, w1)\nr0 = r1"), 0xffff_ffff);
}

#[test]
fn a_pointer_that_was_fetched_is_still_one() {
    let setup = "*(u64 *)(r10 - 8) = r10\n*(u64 *)(r10 - 16) = 7\nr1 = 0";
    let load = "r0 = *(u64 *)(r1 - 16)";
    check(&format!("{setup}\nr1 = xchg_64(r10 - 8, r1)\n{load}"), 7);
    check(&format!("{setup}\nr1 = atomic_fetch_add((u64 *)(r10 - 8), r1)\n{load}"), 7);
}

#[test]
fn compare_exchange_sets_r0_either_way() {
    let word = "*(u64 *)(r10 - 8) = -1\nr1 = 1";
    let load = "r2 = *(u64 *)(r10 - 8)";
    check(&format!("{word}\nr0 = -1\nw0 = cmpxchg32_32(r10 - 8, w0, w1)"), 0xffff_ffff);
    check(&format!("{word}\nr0 = 5\nw0 = cmpxchg32_32(r10 - 8, w0, w1)"), 0xffff_ffff);
    check(&format!("{word}\nr0 = -1\nr0 = cmpxchg_64(r10 - 8, r0, r1)\n{load}\nr0 = r2"), 1);
    check(&format!("{word}\nr0 = 5\nr0 = cmpxchg_64(r10 - 8, r0, r1)\n{load}\nr0 = r2"), u64::MAX);
}

#[test]
fn acquire_and_release() {
    check(
        "r1 = -1\nstore_release((u16 *)(r10 - 8), r1)\nr0 = load_acquire((u16 *)(r10 - 8))",
        0xffff,
    );
    check("r1 = 7\nstore_release((u64 *)(r10 - 8), r1)\nr0 = load_acquire((u8 *)(r10 - 8))", 7);
}

#[test]
fn unaligned_loads_and_stores() {
    check("*(u64 *)(r1 + 3) = -2\nr0 = *(u64 *)(r1 + 3)", -2i64 as u64);
    check("*(u32 *)(r10 - 7) = 0x01020304\nr0 = *(u16 *)(r10 - 6)", 0x0203);
}

#[test]
fn calls_keep_callee_saved_registers_and_frames() {
    check(
        "r6 = 6
         *(u64 *)(r10 - 8) = 1
         r1 = r10
         r1 += -8
         call inner
         r0 += r6
         r1 = *(u64 *)(r10 - 8)
         r0 += r1
         exit
     inner:
         r6 = 100
         *(u64 *)(r10 - 8) = 1000
         *(u64 *)(r1 + 0) = 40
         r0 = 200",
        246,
    );
    check("r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall 100", 115);
}

#[test]
fn loops_jumps_and_may_goto() {
    check("r0 = 0\nr1 = 10\nr0 += r1\nr1 += -1\nif r1 != 0 goto -3", 55);
    check("r0 = 1\ngotol +1\nr0 = 2", 1);
    check("r0 = 1\nmay_goto +1\nr0 = 2", 2);
    check("r0 = 0\nif r0 > 99 goto +2\nr0 += 1\ngoto -3", 100);
}

#[test]
fn packet_loads_are_in_network_order_and_end_the_function_outside() {
    check("r6 = r1\nr0 = *(u16 *)skb[12]", 0x0c0d);
    check("r6 = r1\nr7 = 8\nr0 = *(u32 *)skb[r7 + 2]", 0x0a0b_0c0d);
    check("r6 = r1\nr0 = 5\nr0 = *(u32 *)skb[61]\nr0 = 7", 0);
    check("r6 = r1\nr0 = 5\nr0 = *(u8 *)skb[-1]\nr0 = 7", 0);
    check("call f\nr0 += 5\nexit\nf: r6 = r1\nr0 = *(u8 *)skb[64]\nr0 = 7", 5);
}
