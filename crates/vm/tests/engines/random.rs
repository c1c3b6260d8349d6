//! Random valid programs come out the same in both interpreters.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use skep_isa::Insn;

use super::engines::{run_checked, run_fast};
use super::generate::sketches;

/// Programs to run; `PROPTEST_CASES` asks for more.
const CASES: u32 = 5_000;

#[test]
fn random_programs_agree() {
    let default = Config::default();
    let cases = default.cases.max(CASES);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..default });
    runner
        .run(&sketches(), |sketch| {
            let (insns, functions) = sketch.assemble();
            let checked = run_checked(&insns)
                .map_err(|fault| TestCaseError::fail(format!("{fault} in {insns:#?}")))?;
            prop_assert_eq!(run_fast(&insns, &functions), checked);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// The generator reaches every opcode that both interpreters run.
#[test]
fn random_programs_use_every_opcode() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..400 {
        let sketch = sketches().new_tree(&mut runner).expect("no filters").current();
        seen.extend(sketch.assemble().0.iter().map(kind));
    }
    let packet_loads = 6;
    let alu = 2 * 2 * 14 + 2 + 5 + 9;
    let memory = 7 + 8 + 2 * 10 + 4 + 4;
    let control = 2 * 2 * 11 + 2 + 1 + 2 + 1;
    // `ld_imm64` and its second slot.
    let wide = 2;
    assert_eq!(seen.len(), alu + memory + control + packet_loads + wide, "{seen:?}");
}

/// What tells instructions apart: the opcode, and the fields that select a variant.
fn kind(insn: &Insn) -> (u8, u8, i32, i16) {
    let atomic = matches!(insn.opcode, 0xc3 | 0xcb | 0xd3 | 0xdb);
    let swap = matches!(insn.opcode, 0xd4 | 0xd7 | 0xdc);
    let alu = matches!(insn.opcode & 7, 4 | 7);
    let call = insn.opcode == 0x85;
    let imm = if atomic || swap { insn.imm } else { 0 };
    (insn.opcode, if call { insn.src } else { 0 }, imm, if alu { insn.off } else { 0 })
}
