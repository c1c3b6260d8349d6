//! Every opcode with every kind of field: which are instructions, and whether Linux agrees.

use std::collections::BTreeSet;

use skep_isa::{Callee, Insn, Op, decode};
use skep_uapi::Kernel as _;

use super::engines::load;

/// An opcode that clang knows and no kernel.
const CALLX: u8 = 0x8d;

/// What tells instructions apart besides their operands: the opcode, and what selects among the
/// operations that share it.
pub(crate) type Variant = (u8, i32);

/// The variant of a slot that decodes.
pub(crate) fn variant(insn: Insn) -> Variant {
    let selector = match insn.opcode {
        // Atomic operations; widths of byte swaps.
        0xc3 | 0xcb | 0xd3 | 0xdb | 0xd4 | 0xdc | 0xd7 => insn.imm,
        // Signed division and remainder; sign extension, address spaces.
        0x34 | 0x3c | 0x94 | 0x9c | 0x37 | 0x3f | 0x97 | 0x9f | 0xbc | 0xbf => insn.off.into(),
        // Calls.
        0x85 => insn.src.into(),
        _ => 0,
    };
    (insn.opcode, selector)
}

/// All variants there are, but for calls of kernel functions.
pub(crate) fn variants() -> BTreeSet<Variant> {
    let mut variants = BTreeSet::new();
    for opcode in 0..=255 {
        for src in [0, 1] {
            for off in [0, 1, 8, 16, 32] {
                for imm in 0..=0x120 {
                    let insn = Insn::new(opcode, 0, src, off, imm);
                    if decode(&[insn, Insn::default()]).is_ok() {
                        variants.insert(variant(insn));
                    }
                }
            }
        }
    }
    variants
}

/// What Linux takes decodes, of what decodes Linux does not say that the encoding is wrong, and
/// where it says so of what does not decode, [`skep_isa::DecodeError`] knows its words.
#[test]
fn decoding_is_as_strict_as_linux() {
    let Some(linux) = super::permitted_linux("decoding_is_as_strict_as_linux") else { return };
    let (mut taken, mut refused) = (0, 0);
    for insn in samples() {
        let op = decode(&[insn, Insn::default()]);
        let answer = load(&linux, &around(insn));
        if let Ok(fd) = answer {
            linux.close(fd);
        }
        match (&op, &answer) {
            // A call through a register: clang emits it, no kernel takes it.
            (Ok(Op::Call(Callee::Reg(_))), _) => {}
            (Ok(_), Ok(_)) => taken += 1,
            (Err(error), Err(refusal)) if refusal.is_of_encoding() => {
                let known = insn.opcode != CALLX;
                let (ours, theirs) = (error.linux_message(), refusal.last_line());
                assert!(ours == theirs || !known, "{insn:x?}: expected {theirs}, found {ours}");
                refused += 1;
            }
            (Err(_), Err(_)) => {}
            (Ok(op), Err(refusal)) => {
                assert!(!refusal.is_of_encoding(), "{insn:x?} is {op:?}; Linux: {}", refusal.log);
            }
            (Err(error), Ok(_)) => panic!("Linux takes {insn:x?}; {error}"),
        }
    }
    println!("decoding agrees with linux: {taken} slots taken, {refused} refused by both");
}

/// A program in which an instruction is not refused for what is around it: every register is
/// written, so is the stack, and jumps find a target.
fn around(insn: Insn) -> Vec<Insn> {
    let mut insns: Vec<Insn> = vec![Insn::new(0xbf, 6, 1, 0, 0)];
    insns.extend([0, 1, 2, 3, 4, 5, 7, 8, 9].map(|register| Insn::new(0xb7, register, 0, 0, 1)));
    insns.push(Insn::new(0x7b, 10, 1, -8, 0));
    insns.push(insn);
    if insn.is_wide() {
        insns.push(Insn::default());
    }
    insns.extend([Insn::new(0xb7, 0, 0, 0, 0); 20]);
    insns.push(Insn::new(0x95, 0, 0, 0, 0));
    insns
}

/// Slots near the valid ones, some for each opcode, the same in every run.
fn samples() -> impl Iterator<Item = Insn> {
    let regs = [(1, 2), (2, 10), (10, 1), (0, 0), (1, 0), (0, 7), (11, 2), (1, 12), (0, 1), (2, 0)];
    let offs = [0, 0, 0, 0, -8, -8, 1, 8, 16];
    let imms =
        [0, 0, 0, 0, 0, 0, 0, 1, 5, 16, 32, 64, 0x40, 0x41, 0xe1, 0xf1, 0x100, 0x110, 0x101, -1];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut pick = move |len: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as usize % len
    };
    (0..=255u8).flat_map(move |opcode| [opcode; 16]).map(move |opcode| {
        let (dst, src) = regs[pick(regs.len())];
        Insn::new(opcode, dst, src, offs[pick(offs.len())], imms[pick(imms.len())])
    })
}
