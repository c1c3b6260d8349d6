//! A case to a whole program: its body between loading and storing all that is compared.
//!
//! The state comes from a map value, not from constants: Linux would otherwise drop the branches
//! that it knows are not taken, and test none of them.

use skep_isa::{Assembly, Callee, Imm64, Insn, Op, SymbolKind, assemble, decode_all, encode};

use super::case::{Case, State};

/// Words of the map value: state before, state after, and whether the body came to its end.
pub(crate) const WORDS: usize = 2 * STATE_WORDS + 1;
const STATE_WORDS: usize = 14;
/// Where registers wait on the stack, below the words of the case.
const SAVED: usize = 40;

/// The program, which refers to its value symbolically.
pub(crate) fn assemble_case(case: &Case) -> Result<Assembly, String> {
    assemble(&text(case), &|_| None).map_err(|error| format!("{}: {error}", case.place))
}

/// The slots, with the value's address put in by `value`, which is given the offset.
pub(crate) fn slots(assembly: &Assembly, value: impl Fn(u32) -> Imm64) -> Vec<Insn> {
    let mut insns = assembly.insns.clone();
    for symbol in &assembly.symbols {
        let SymbolKind::MapValue { off } = symbol.kind else { continue };
        let dst = skep_isa::Reg::new(insns[symbol.slot].dst).expect("the assembler wrote it");
        let op = Op::LoadImm64 { dst, imm: value(off) };
        let encoded = encode(op).expect("every 64-bit load has an encoding");
        insns[symbol.slot..symbol.slot + 2].copy_from_slice(&encoded);
    }
    insns
}

/// First slots of the functions, the main program's first, ascending.
pub(crate) fn function_starts(insns: &[Insn]) -> Vec<usize> {
    let mut starts = vec![0];
    for (slot, op) in decode_all(insns).unwrap_or_default() {
        if let Op::Call(Callee::Local(distance)) = op {
            starts.extend(usize::try_from(slot as i64 + 1 + i64::from(distance)));
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The value before the run.
pub(crate) fn value_before(state: &State) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    words[..10].copy_from_slice(&state.regs);
    words[10..STATE_WORDS].copy_from_slice(&state.words);
    words
}

/// The state that a run left in the value, if the body came to its end.
pub(crate) fn state_after(words: &[u64]) -> Option<State> {
    let after = &words[STATE_WORDS..2 * STATE_WORDS];
    (words[2 * STATE_WORDS] == 1).then(|| State {
        regs: after[..10].try_into().expect("ten registers"),
        words: after[10..].try_into().expect("four words"),
    })
}

fn text(case: &Case) -> String {
    let mut lines = Vec::new();
    if case.packet.is_some() {
        lines.push("r6 = r1".to_owned());
    }
    lines.push("r9 = map_value[state] ll".to_owned());
    for word in 0..4 {
        lines.push(format!("r0 = *(u64 *)(r9 + {})", 8 * (10 + word)));
        lines.push(format!("*(u64 *)(r10 - {}) = r0", 8 * (word + 1)));
    }
    for register in (0..10).filter(|register| *register != 6 || case.packet.is_none()) {
        lines.push(format!("r{register} = *(u64 *)(r9 + {})", 8 * register));
    }
    lines.push(case.body.clone());
    if case.loses_arguments() {
        lines.extend((1..=5).map(|register| format!("r{register} = 0")));
    }
    if case.packet.is_some() {
        lines.push("r6 = 0".to_owned());
    }
    for register in 0..10 {
        lines.push(format!("*(u64 *)(r10 - {}) = r{register}", SAVED + 8 * register));
    }
    lines.push(format!("r9 = map_value[state]+{} ll", 8 * STATE_WORDS));
    for register in 0..10 {
        lines.push(format!("r0 = *(u64 *)(r10 - {})", SAVED + 8 * register));
        lines.push(format!("*(u64 *)(r9 + {}) = r0", 8 * register));
    }
    for word in 0..4 {
        lines.push(format!("r0 = *(u64 *)(r10 - {})", 8 * (word + 1)));
        lines.push(format!("*(u64 *)(r9 + {}) = r0", 8 * (10 + word)));
    }
    lines.push(format!("*(u64 *)(r9 + {}) = 1", 8 * STATE_WORDS));
    lines.push("r0 = 0\nexit".to_owned());
    lines.push(case.functions.clone());
    lines.join("\n")
}
