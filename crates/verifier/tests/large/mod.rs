//! Large programs of shapes that once took work that grew with the square of their length: at this
//! length it would be minutes.

use skep_isa::assemble;
use skep_verifier::{License, Log, Program, verify};

use crate::tables;

fn check(text: &str) {
    let insns = assemble(text, &|_| None).expect("it assembles").insns;
    let (maps, lines, functions) = (&[], &[], &[]);
    let program = Program { insns: &insns, maps, license: License::Gpl, lines, functions };
    let result =
        verify(&program, &tables::env("xdp").expect("it is in the tables"), &mut Log::default());
    assert_eq!(result.map(|_| ()), Ok(()));
}

/// What the last instruction reads lives through all of them, of which each is before the last.
#[test]
fn a_program_laid_out_from_its_end() {
    const BLOCKS: usize = 20_000;
    let mut text = "r7 = 0\ngotol b0\nend:\nr0 = r7\nexit\n".to_owned();
    for block in (0..BLOCKS).rev() {
        let next = if block + 1 == BLOCKS { "end".to_owned() } else { format!("b{}", block + 1) };
        text += &format!("b{block}:\nr0 = 1\ngoto {next}\n");
    }
    check(&text);
}

/// Every other instruction rests on a number from the beginning.
#[test]
fn one_number_used_all_the_way() {
    let head = "r6 = *(u32 *)(r1 + 12)\nr6 &= 7\n";
    check(&format!("{head}{}r0 = 0\nexit\n", "r2 = r10\nr2 += r6\n".repeat(20_000)));
}

/// Every round of a loop is a state of its own.
#[test]
fn a_loop_of_many_rounds() {
    check("r0 = 0\nl: r0 += 1\nif r0 < 200000 goto l\nexit\n");
}
