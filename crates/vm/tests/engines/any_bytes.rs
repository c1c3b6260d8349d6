//! No bytes make the checked interpreter panic, nor the translation to fast code.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use skep_isa::Insn;
use skep_vm::interp::Code;

use super::engines::run_checked;

const CASES: u32 = 20_000;

#[test]
fn any_bytes_end_in_a_result() {
    let slots = prop::collection::vec(any::<[u8; 8]>().prop_map(Insn::from_le_bytes), 0..24);
    check(slots);
}

#[test]
fn nearly_valid_slots_end_in_a_result() {
    check(prop::collection::vec(nearly_valid(), 0..24));
}

fn check(slots: impl Strategy<Value = Vec<Insn>>) {
    let default = Config::default();
    let cases = default.cases.max(CASES);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..default });
    runner
        .run(&slots, |slots| {
            // Either outcome is fine: that there is one is the property.
            let _ = (run_checked(&slots), Code::new(&slots, &[]));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Slots whose fields are mostly in range, so that runs get beyond the first instruction.
fn nearly_valid() -> impl Strategy<Value = Insn> {
    let moves = (0u8..=10, any::<i32>()).prop_map(|(dst, imm)| Insn::new(0xb7, dst, 0, 0, imm));
    let copies = (0u8..=10, 0u8..=10).prop_map(|(dst, src)| Insn::new(0xbf, dst, src, 0, 0));
    let register = prop_oneof![5 => 0u8..=1, 3 => Just(10), 2 => 0u8..=15];
    let offset = prop_oneof![4 => -16i16..16, 1 => any::<i16>()];
    let imm = prop_oneof![4 => 0i32..16, 1 => any::<i32>()];
    let others = (any::<u8>(), register.clone(), register, offset, imm)
        .prop_map(|(opcode, dst, src, off, imm)| Insn::new(opcode, dst, src, off, imm));
    prop_oneof![2 => moves, 2 => copies, 6 => others]
}
