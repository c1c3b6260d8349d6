//! Functions: their instructions, what those name, and the records about them.

use std::collections::HashMap;

use object::elf::{R_BPF_64_32, R_BPF_64_64, R_BPF_NONE, STT_FUNC};
use skep_isa::{INSN_BYTES, Insn};

use crate::elf::{Elf, ElfSection, Relocation, Symbol};
use crate::read::MapTable;
use crate::{Error, Section};

/// A call of a function of the program (`call`, source 1).
pub(crate) const CALL: u8 = 0x85;
pub(crate) const PSEUDO_CALL: u8 = 1;
/// `ld_imm64` sources: a map, its value, a function of the program.
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;
pub(crate) const PSEUDO_FUNC: u8 = 4;

/// A function: a stretch of a code section.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// Index of its section.
    pub(crate) section: usize,
    /// First slot in the section.
    pub(crate) start: u32,
    /// The slot behind its last.
    pub(crate) end: u32,
    /// Whether a program begins here.
    pub(crate) is_program: bool,
}

/// A function's instructions; slots count from its start.
pub(crate) struct Body {
    pub(crate) insns: Vec<Insn>,
    /// The instructions that name a map.
    pub(crate) maps: Vec<crate::Reloc>,
    /// The instructions that name a function, and its index, ascending.
    pub(crate) functions: Vec<(u32, usize)>,
}

/// All functions, in file order, and where they begin.
pub(crate) struct Functions<'a> {
    pub(crate) all: Vec<Function<'a>>,
    by_start: HashMap<(usize, u32), usize>,
}

/// Whether a code section holds functions that programs share, and no programs.
pub(crate) fn is_text(name: &str) -> bool {
    name == ".text" || name.starts_with(".text.")
}

impl<'a> Functions<'a> {
    /// Finds the functions by their symbols.
    pub(crate) fn read(elf: &Elf<'a>) -> Result<Functions<'a>, Error> {
        let mut symbols: Vec<(usize, &Symbol<'a>)> = elf
            .symbols
            .iter()
            .filter(|symbol| symbol.kind == STT_FUNC)
            .filter_map(|symbol| Some((symbol.section?, symbol)))
            .collect();
        // A global name comes before the local ones of the same place.
        symbols.sort_by_key(|(section, symbol)| (*section, symbol.value, symbol.local));
        symbols.dedup_by_key(|(section, symbol)| (*section, symbol.value));
        let mut all = Vec::new();
        for (index, section) in elf.sections.iter().enumerate() {
            if !section.is_code() || section.size == 0 {
                continue;
            }
            let first = symbols.partition_point(|(at, _)| *at < index);
            let end = symbols.partition_point(|(at, _)| *at <= index);
            in_section(index, section, &symbols[first..end], &mut all)?;
        }
        let by_start = all.iter().enumerate().map(|(at, f)| ((f.section, f.start), at)).collect();
        Ok(Functions { all, by_start })
    }

    /// The function that begins at this slot of this section.
    fn at(&self, section: usize, slot: i64) -> Option<usize> {
        self.by_start.get(&(section, u32::try_from(slot).ok()?)).copied()
    }
}

/// Adds the functions of a section. `symbols` are its functions, ascending.
fn in_section<'a>(
    index: usize,
    section: &ElfSection<'a>,
    symbols: &[(usize, &Symbol<'a>)],
    all: &mut Vec<Function<'a>>,
) -> Result<(), Error> {
    let size = section.data.len() as u64;
    let name = || section.name.to_owned();
    if !size.is_multiple_of(INSN_BYTES as u64) {
        let expected = "a multiple of 8, the bytes of an instruction";
        return Err(Error::SectionSize { section: name(), found: size, expected });
    }
    let holds_programs = !is_text(section.name);
    if holds_programs && Section::parse(section.name).is_none() {
        return Err(Error::unknown_section(section.name));
    }
    let Some((_, first)) = symbols.first() else {
        return Err(Error::NoFunction { section: name(), at: 0, found: size });
    };
    if holds_programs && symbols.iter().all(|(_, symbol)| symbol.local) {
        return Err(Error::StaticProgram { function: first.name.to_owned(), section: name() });
    }
    for (at, (_, symbol)) in symbols.iter().enumerate() {
        let next = symbols.get(at + 1).map_or(size, |(_, next)| next.value);
        let bad = |why: String| Error::Symbol {
            symbol: symbol.name.to_owned(),
            section: section.name.to_owned(),
            why,
        };
        let end = match symbol.size {
            0 => next,
            size => symbol.value.saturating_add(size),
        };
        if end > next || end > size || symbol.value >= end {
            let (start, limit) = (symbol.value, next.min(size));
            return Err(bad(format!("it ends at {end}, expected {start} to {limit}")));
        }
        if !(symbol.value | end).is_multiple_of(INSN_BYTES as u64) {
            return Err(bad(format!("it lies at {} to {end}, not multiples of 8", symbol.value)));
        }
        let slot = |bytes: u64| u32::try_from(bytes / INSN_BYTES as u64);
        let (Ok(start), Ok(end)) = (slot(symbol.value), slot(end)) else {
            return Err(bad(format!("it ends at {end}, which no kernel takes")));
        };
        all.push(Function {
            name: symbol.name,
            section: index,
            start,
            end,
            is_program: holds_programs && !symbol.local,
        });
    }
    Ok(())
}

/// Reads a function's instructions and resolves what they name.
pub(crate) struct Resolver<'a, 'e> {
    pub(crate) elf: &'e Elf<'a>,
    pub(crate) functions: &'e Functions<'a>,
    pub(crate) maps: &'e MapTable,
    /// By section.
    pub(crate) relocations: &'e [Vec<Relocation>],
}

impl Resolver<'_, '_> {
    pub(crate) fn body(&self, function: &Function<'_>) -> Result<Body, Error> {
        let section = &self.elf.sections[function.section];
        let (start, end) =
            (function.start as usize * INSN_BYTES, function.end as usize * INSN_BYTES);
        let (slots, _) = section.data[start..end].as_chunks::<INSN_BYTES>();
        let insns: Vec<Insn> = slots.iter().map(|slot| Insn::from_le_bytes(*slot)).collect();
        let mut body = Body { insns, maps: Vec::new(), functions: Vec::new() };
        self.relocate(function, &mut body)?;
        self.local_calls(function, &mut body)?;
        body.functions.sort_unstable();
        Ok(body)
    }

    /// Does the relocations of the function.
    fn relocate(&self, function: &Function<'_>, body: &mut Body) -> Result<(), Error> {
        let all = self.relocations.get(function.section).map_or(&[][..], Vec::as_slice);
        let bytes = |slot: u32| u64::from(slot) * INSN_BYTES as u64;
        let first = all.partition_point(|of| of.offset < bytes(function.start));
        let end = all.partition_point(|of| of.offset < bytes(function.end));
        let mut previous = None;
        for relocation in &all[first..end] {
            let symbol = self.elf.symbols.get(relocation.symbol);
            let bad = |why: String| Error::Reloc {
                section: self.elf.sections[function.section].name.to_owned(),
                at: relocation.offset,
                symbol: symbol.map_or_else(
                    || format!("symbol {}", relocation.symbol),
                    |symbol| self.symbol_name(symbol),
                ),
                why,
            };
            let symbol = symbol.ok_or_else(|| bad("there is no such symbol".to_owned()))?;
            if !relocation.offset.is_multiple_of(INSN_BYTES as u64) {
                return Err(bad("no instruction begins there".to_owned()));
            }
            if previous.replace(relocation.offset) == Some(relocation.offset) {
                return Err(bad("it is the second one at this place".to_owned()));
            }
            let slot = (relocation.offset / INSN_BYTES as u64) as u32 - function.start;
            match object::elf::RelocationType(relocation.kind) {
                R_BPF_NONE => {}
                R_BPF_64_64 => self.address(body, slot, symbol).map_err(bad)?,
                R_BPF_64_32 => self.call(body, slot, symbol).map_err(bad)?,
                _ => {
                    return Err(bad(format!(
                        "type {} is not supported, expected 1 (R_BPF_64_64) or 10 (R_BPF_64_32)",
                        relocation.kind
                    )));
                }
            }
        }
        Ok(())
    }

    /// The name of a symbol; a section's symbol has the section's.
    fn symbol_name(&self, symbol: &Symbol<'_>) -> String {
        let section = || symbol.section.and_then(|at| self.elf.sections.get(at));
        match symbol.name {
            "" => section().map_or("a symbol without a name", |section| section.name).to_owned(),
            name => name.to_owned(),
        }
    }

    /// `R_BPF_64_64`: a `ld_imm64` takes the address of a map, of data or of a function.
    fn address(&self, body: &mut Body, slot: u32, symbol: &Symbol<'_>) -> Result<(), String> {
        let pair = body.insns.get_mut(slot as usize..).and_then(|rest| rest.first_chunk_mut());
        let Some([first, second]) = pair else {
            return Err("expected two slots of ld_imm64, found the function's end".to_owned());
        };
        if !first.is_wide() {
            return Err(format!("expected ld_imm64 (0x18), found opcode {:#04x}", first.opcode));
        }
        let section = defined(symbol)?;
        let addend = i64::from(first.imm);
        let offset = symbol.value.checked_add_signed(addend);
        let offset = offset.ok_or_else(|| format!("its addend is {addend}"))?;
        if let Some(map) = self.maps.definition_at(section, offset) {
            (first.src, first.imm, second.imm) = (PSEUDO_MAP_FD, 0, 0);
            body.maps.push(crate::Reloc { insn: slot, map, value_off: None });
            return Ok(());
        }
        if let Some((map, size)) = self.maps.data_of(section) {
            let value_off = u32::try_from(offset).ok().filter(|off| u64::from(*off) <= size);
            let value_off =
                value_off.ok_or_else(|| format!("offset {offset} is outside of {size} bytes"))?;
            (first.src, first.imm, second.imm) = (PSEUDO_MAP_VALUE, 0, value_off.cast_signed());
            body.maps.push(crate::Reloc { insn: slot, map, value_off: Some(value_off) });
            return Ok(());
        }
        let target = self.elf.sections.get(section);
        if target.is_some_and(ElfSection::is_code) && offset.is_multiple_of(INSN_BYTES as u64) {
            let function = self.functions.at(section, (offset / INSN_BYTES as u64).cast_signed());
            let function =
                function.ok_or_else(|| format!("no function begins at byte {offset}"))?;
            (first.src, first.imm, second.imm) = (PSEUDO_FUNC, 0, 0);
            body.functions.push((slot, function));
            return Ok(());
        }
        let name = target.map_or("", |section| section.name);
        Err(format!(
            "expected a map, global data or a function, found byte {offset} of section {name}"
        ))
    }

    /// `R_BPF_64_32`: a call of a function, here or in another section.
    fn call(&self, body: &mut Body, slot: u32, symbol: &Symbol<'_>) -> Result<(), String> {
        let insn = body.insns.get(slot as usize).copied().unwrap_or_default();
        if insn.opcode != CALL || insn.src != PSEUDO_CALL {
            return Err(format!("expected a call (0x85), found opcode {:#04x}", insn.opcode));
        }
        let section = defined(symbol)?;
        if !symbol.value.is_multiple_of(INSN_BYTES as u64) {
            return Err(format!("no function begins at byte {}", symbol.value));
        }
        // The addend counts slots, less the one that the processor adds.
        let target = (symbol.value / INSN_BYTES as u64).cast_signed() + i64::from(insn.imm) + 1;
        let function = self.functions.at(section, target);
        let function = function.ok_or_else(|| format!("no function begins at slot {target}"))?;
        body.functions.push((slot, function));
        Ok(())
    }

    /// Finds the calls inside of the section that need no relocation.
    fn local_calls(&self, function: &Function<'_>, body: &mut Body) -> Result<(), Error> {
        let relocated: Vec<u32> = body.functions.iter().map(|(slot, _)| *slot).collect();
        let mut second_slot = false;
        for (slot, insn) in (0u32..).zip(&body.insns) {
            if std::mem::take(&mut second_slot) {
                continue;
            }
            second_slot = insn.is_wide();
            let is_call = insn.opcode == CALL && insn.src == PSEUDO_CALL;
            if !is_call || relocated.binary_search(&slot).is_ok() {
                continue;
            }
            let at = function.start + slot;
            let target = i64::from(at) + i64::from(insn.imm) + 1;
            let callee =
                self.functions.at(function.section, target).ok_or_else(|| Error::Call {
                    section: self.elf.sections[function.section].name.to_owned(),
                    at,
                    target,
                })?;
            body.functions.push((slot, callee));
        }
        Ok(())
    }
}

/// The section of a symbol that is defined here.
fn defined(symbol: &Symbol<'_>) -> Result<usize, String> {
    match symbol.section {
        Some(section) => Ok(section),
        None if symbol.undefined => {
            Err("it is not defined in this object; externs of the kernel are not supported yet"
                .into())
        }
        None => Err("it lies in no section".into()),
    }
}
