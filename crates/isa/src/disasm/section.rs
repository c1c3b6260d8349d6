//! A section of an object as `llvm-objdump -d` lists it.

use core::fmt;

use super::llvm::{Immediates, llvm_insn};
use crate::{INSN_BYTES, Insn, code};

/// A section of instructions. Its `Display` is what `llvm-objdump -d` (19) prints for it behind
/// the line `Disassembly of section NAME:`, an empty line before each symbol.
///
/// ```
/// use skep_isa::disasm::{Section, Symbol};
///
/// let bytes = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
/// let symbols = [Symbol { offset: 0, name: "pass" }];
/// let section = Section { name: "xdp", bytes: &bytes, symbols: &symbols, ..Section::default() };
/// assert_eq!(section.to_string(), "
/// 0000000000000000 <pass>:
///        0:\tb7 00 00 00 02 00 00 00\tr0 = 0x2
///        1:\t95 00 00 00 00 00 00 00\texit
/// ");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Section<'a> {
    /// Its name, which stands in for a symbol at its start.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// Order of the bytes within fields.
    pub order: ByteOrder,
    /// The symbols of functions and labels defined in it, in any order. (LLVM also takes symbols
    /// of data, and prints what they name as data.)
    pub symbols: &'a [Symbol<'a>],
    /// How numbers are printed.
    pub immediates: Immediates,
}

/// A name in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol<'a> {
    /// Offset in bytes.
    pub offset: u64,
    /// Name.
    pub name: &'a str,
}

/// Order of the bytes within fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ByteOrder {
    /// `bpf`, `bpfel`.
    #[default]
    Little,
    /// `bpfeb`.
    Big,
}

impl fmt::Display for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbols = self.sorted_symbols();
        for (index, symbol) in symbols.iter().enumerate() {
            let (start, end) = (symbol.offset, self.end_of(&symbols, index));
            if start >= end {
                continue;
            }
            writeln!(f, "\n{start:016x} <{}>:", symbol.name)?;
            self.list(f, start as usize, end as usize, &symbols)?;
        }
        Ok(())
    }
}

impl Section<'_> {
    /// By offset and name; of several at one offset LLVM names the last. The first is at 0.
    fn sorted_symbols(&self) -> Vec<Symbol<'_>> {
        let mut symbols = self.symbols.to_vec();
        symbols.sort_unstable();
        if symbols.first().is_none_or(|first| first.offset > 0) {
            symbols.insert(0, Symbol { offset: 0, name: self.name });
        }
        symbols
    }

    fn end_of(&self, symbols: &[Symbol<'_>], index: usize) -> u64 {
        let len = self.bytes.len() as u64;
        symbols.get(index + 1).map_or(len, |next| next.offset.min(len))
    }

    /// The lines from `start` until `end` is reached or passed.
    fn list(
        &self,
        f: &mut fmt::Formatter<'_>,
        start: usize,
        end: usize,
        symbols: &[Symbol<'_>],
    ) -> fmt::Result {
        let mut at = start;
        while at < end {
            let zeros = skippable_zeros(&self.bytes[at..end]);
            if zeros > 0 {
                writeln!(f, "\t\t...")?;
                at += zeros;
                continue;
            }
            let (len, text) = self.insn(at, symbols);
            write!(f, "{:8}:\t", at / INSN_BYTES)?;
            for (index, byte) in self.bytes[at..at + len].iter().enumerate() {
                write!(f, "{}{byte:02x}", if index == 0 { "" } else { " " })?;
            }
            writeln!(f, "\t{}", text.as_deref().unwrap_or("<unknown>"))?;
            at += len;
        }
        Ok(())
    }

    /// Length and text of the instruction at an offset. What is too short for one is listed byte
    /// by byte.
    fn insn(&self, at: usize, symbols: &[Symbol<'_>]) -> (usize, Option<String>) {
        let slots: Vec<Insn> = self.bytes[at..]
            .chunks_exact(INSN_BYTES)
            .take(2)
            .map(|chunk| {
                let bytes = chunk.try_into().expect("chunks are of a slot's size");
                match self.order {
                    ByteOrder::Little => Insn::from_le_bytes(bytes),
                    ByteOrder::Big => Insn::from_be_bytes(bytes),
                }
            })
            .collect();
        let Some(first) = slots.first() else { return (1, None) };
        if first.is_wide() && slots.len() == 1 {
            return (1, None);
        }
        let text = llvm_insn(&slots, self.immediates);
        let len = if first.is_wide() && text.is_some() { 2 * INSN_BYTES } else { INSN_BYTES };
        let target = text.as_ref().and_then(|_| self.target(*first, at, symbols));
        (len, text.map(|text| text + target.as_deref().unwrap_or_default()))
    }

    /// The target of a jump, as the last symbol at or before it and the rest. A target before the
    /// section wraps around, as LLVM's does.
    fn target(&self, insn: Insn, at: usize, symbols: &[Symbol<'_>]) -> Option<String> {
        let distance = jump_distance(insn)?.wrapping_mul(INSN_BYTES as i64);
        let to = (at as u64 + INSN_BYTES as u64).wrapping_add_signed(distance);
        let symbol = symbols.iter().rev().find(|symbol| symbol.offset <= to)?;
        Some(match to - symbol.offset {
            0 => format!(" <{}>", symbol.name),
            rest => format!(" <{}+{rest:#x}>", symbol.name),
        })
    }
}

/// The distance of an instruction whose target LLVM prints: jumps, not calls.
fn jump_distance(insn: Insn) -> Option<i64> {
    match (insn.opcode & 0x07, insn.opcode & 0xf0) {
        (code::JMP32, code::JA) => Some(insn.imm.into()),
        (code::JMP, code::CALL | code::EXIT) => None,
        (code::JMP | code::JMP32, _) => Some(insn.off.into()),
        _ => None,
    }
}

/// LLVM leaves out eight zero bytes and more, a multiple of four.
fn skippable_zeros(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    if zeros < INSN_BYTES { 0 } else { zeros & !3 }
}
