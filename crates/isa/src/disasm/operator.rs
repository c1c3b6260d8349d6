//! The parts of instructions that both dialects spell alike.

use crate::{Insn, code};

/// The operator of arithmetic without its `=`; `None` where there is none.
pub(super) fn alu(insn: Insn) -> Option<&'static str> {
    let signed = insn.off == code::OFF_SIGNED;
    Some(match insn.opcode & 0xf0 {
        code::ADD => "+",
        code::SUB => "-",
        code::MUL => "*",
        code::DIV if signed => "s/",
        code::DIV => "/",
        code::OR => "|",
        code::AND => "&",
        code::LSH => "<<",
        code::RSH => ">>",
        code::MOD if signed => "s%",
        code::MOD => "%",
        code::XOR => "^",
        code::MOV => "",
        code::ARSH => "s>>",
        _ => return None,
    })
}

/// The operator of a conditional jump.
pub(super) fn condition(insn: Insn) -> Option<&'static str> {
    Some(match insn.opcode & 0xf0 {
        code::JEQ => "==",
        code::JGT => ">",
        code::JGE => ">=",
        code::JSET => "&",
        code::JNE => "!=",
        code::JSGT => "s>",
        code::JSGE => "s>=",
        code::JLT => "<",
        code::JLE => "<=",
        code::JSLT => "s<",
        code::JSLE => "s<=",
        _ => return None,
    })
}

/// The operator of an atomic operation, and its name where it gives the old value back.
pub(super) fn atomic(imm: i32) -> Option<(&'static str, &'static str)> {
    Some(match u8::try_from(imm & !code::FETCH) {
        Ok(code::ADD) => ("+", "add"),
        Ok(code::OR) => ("|", "or"),
        Ok(code::AND) => ("&", "and"),
        Ok(code::XOR) => ("^", "xor"),
        _ => return None,
    })
}

/// What a load or store takes memory to be.
pub(super) fn size(insn: Insn) -> &'static str {
    match insn.opcode & 0x18 {
        code::W => "u32",
        code::H => "u16",
        code::B => "u8",
        _ => "u64",
    }
}

/// As [`size`], sign-extending; there is none of eight bytes.
pub(super) fn signed_size(insn: Insn) -> Option<&'static str> {
    match insn.opcode & 0x18 {
        code::W => Some("s32"),
        code::H => Some("s16"),
        code::B => Some("s8"),
        _ => None,
    }
}

/// `be`, `le` or `bswap`.
pub(super) fn swap(insn: Insn) -> &'static str {
    match insn.opcode & (0x07 | code::X) {
        code::ALU => "le",
        0x0c => "be",
        _ => "bswap",
    }
}

/// The letter of the registers of arithmetic and conditional jumps.
pub(super) fn letter(insn: Insn) -> char {
    if matches!(insn.opcode & 0x07, code::ALU | code::JMP32) { 'w' } else { 'r' }
}
