//! An object to an ELF file that compilers could have written: what is linked comes apart again.
//!
//! Programs go to their sections, the functions that they call to `.text`, once where programs
//! share them; maps to `.maps`, described by type information, which is made where there is none.

use std::collections::HashMap;

use object::elf::{R_BPF_64_32, R_BPF_64_64, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE};
use object::elf::{STT_FUNC, STT_OBJECT, STT_SECTION};
use skep_btf::{Btf, Builder, Data, Int, Kind, VarSecinfo};
use skep_isa::Insn;

use crate::function::{CALL, PSEUDO_CALL, PSEUDO_FUNC};
use crate::image::{Image, OutRelocation, OutSection, OutSymbol};
use crate::maps::{MAPS, OLD_MAPS};
use crate::{Error, MapDef, Object, Program};

/// Bytes of a map's definition in `.maps`: a pointer for each attribute.
const POINTER_BYTES: u32 = 8;
/// Sections that a file can have; the highest numbers have other meanings.
const MAX_SECTIONS: usize = 0xff00 / 2;

impl Object {
    /// Writes a relocatable ELF file, which [`Object::from_elf`], libbpf 1.x and disassemblers
    /// read. What is lost: which of several equal functions a program had, and that maps were
    /// defined the old way.
    ///
    /// ```
    /// use skep_obj::Object;
    /// let object = Object::from_asm("pass.s", ".section xdp\npass: r0 = 2\nexit")?;
    /// let again = Object::from_elf("pass.o", &object.to_elf()?)?;
    /// assert_eq!(again.programs[0].insns, object.programs[0].insns);
    /// # Ok::<(), skep_obj::Error>(())
    /// ```
    pub fn to_elf(&self) -> Result<Vec<u8>, Error> {
        let mut writer = Writer { object: self, image: Image::default(), map_symbols: Vec::new() };
        let mut types = writer.types()?;
        writer.license();
        writer.maps(&mut types);
        writer.data();
        let functions = writer.programs()?;
        writer.type_sections(types, &functions)?;
        Ok(writer.image.bytes())
    }
}

struct Writer<'a> {
    object: &'a Object,
    image: Image,
    /// The symbol that names each map.
    map_symbols: Vec<usize>,
}

/// A function that has been written, for `.BTF.ext`.
struct Written<'a> {
    section: String,
    /// First slot in the section.
    start: u32,
    program: &'a Program,
    /// First slot in the program, and the one behind the last.
    slots: std::ops::Range<u32>,
}

impl<'a> Writer<'a> {
    /// The type information to be extended: the object's, without the old section of maps.
    fn types(&self) -> Result<Builder, Error> {
        let Some(btf) = &self.object.btf else { return Ok(Builder::new()) };
        let mut builder = Builder::from_btf(btf);
        if let Some(id) = btf.find(Kind::Datasec, OLD_MAPS) {
            let name = builder.string(MAPS);
            if let Some(ty) = builder.ty_mut(id) {
                ty.name = name;
            }
        }
        Ok(builder)
    }

    fn license(&mut self) {
        let mut add = |name: &str, data: Vec<u8>| {
            let flags = (SHF_ALLOC | SHF_WRITE).0;
            let name = name.to_owned();
            self.image.section(OutSection { name, flags, data, ..OutSection::default() });
        };
        if let Some(license) = &self.object.license {
            add("license", [license.as_bytes(), &[0]].concat());
        }
        if let Some(version) = self.object.kern_version {
            add("version", version.to_le_bytes().to_vec());
        }
    }

    /// Writes `.maps` and the types that describe it.
    fn maps(&mut self, types: &mut Builder) {
        if self.object.maps.iter().all(|map| map.initial.is_some()) {
            self.map_symbols = vec![usize::MAX; self.object.maps.len()];
            return;
        }
        let section = self.image.section(OutSection {
            name: MAPS.to_owned(),
            flags: (SHF_ALLOC | SHF_WRITE).0,
            ..OutSection::default()
        });
        let mut vars = Vec::new();
        for map in &self.object.maps {
            // Global data has no definition; `data` gives it its symbol.
            if map.initial.is_some() {
                self.map_symbols.push(usize::MAX);
                continue;
            }
            let ty = map_type(map, types);
            let data = &mut self.image.section_mut(section).data;
            let (offset, size) = (data.len() as u32, ty.members * POINTER_BYTES);
            data.resize((offset + size) as usize, 0);
            self.map_symbols.push(self.image.symbol(OutSymbol {
                name: map.name.clone(),
                section,
                value: offset.into(),
                size: size.into(),
                kind: STT_OBJECT,
                is_global: true,
            }));
            let ty = types.var(&map.name, ty.id, 1);
            vars.push(VarSecinfo { ty, offset, size });
        }
        let size = self.image.section_mut(section).data.len() as u32;
        let old = self.object.btf.as_ref().and_then(|btf| {
            btf.find(Kind::Datasec, MAPS).or_else(|| btf.find(Kind::Datasec, OLD_MAPS))
        });
        match old.and_then(|id| types.ty_mut(id)) {
            Some(ty) => ty.data = Data::Datasec(skep_btf::Datasec { size, vars }),
            None => {
                types.datasec(MAPS, size, vars);
            }
        }
    }

    /// Writes the sections of global data, each with a symbol of its own.
    fn data(&mut self) {
        for (index, map) in self.object.maps.iter().enumerate() {
            let Some(initial) = &map.initial else { continue };
            let is_zero = map.section.starts_with(".bss");
            let write = if map.frozen { 0 } else { SHF_WRITE.0 };
            let section = self.image.section(OutSection {
                name: map.section.clone(),
                flags: SHF_ALLOC.0 | write,
                data: initial.clone(),
                is_zero,
                ..OutSection::default()
            });
            self.map_symbols[index] = self.image.symbol(OutSymbol {
                name: String::new(),
                section,
                value: 0,
                size: 0,
                kind: STT_SECTION,
                is_global: false,
            });
        }
    }

    /// Writes the programs and, once each, the functions that they call.
    fn programs(&mut self) -> Result<Vec<Written<'a>>, Error> {
        let mut written = Vec::new();
        // Functions by name, with their instructions and what those name: equal ones are shared.
        let mut shared: HashMap<(&str, Vec<Insn>, Vec<String>), usize> = HashMap::new();
        for program in &self.object.programs {
            let pieces = pieces(program);
            let mut symbols = Vec::new();
            let mut fresh = Vec::new();
            for (at, piece) in pieces.iter().enumerate() {
                let key = (piece.name, piece.insns.clone(), piece.references(&pieces));
                if let Some(&symbol) = shared.get(&key).filter(|_| at > 0) {
                    symbols.push(symbol);
                    continue;
                }
                let section = if at == 0 { program.section.as_str() } else { ".text" };
                let index = self.code_section(section)?;
                let data = &mut self.image.section_mut(index).data;
                let start = data.len() as u64;
                data.extend(piece.insns.iter().flat_map(|insn| insn.to_le_bytes()));
                let symbol = self.image.symbol(OutSymbol {
                    name: piece.name.to_owned(),
                    section: index,
                    value: start,
                    size: piece.insns.len() as u64 * 8,
                    kind: STT_FUNC,
                    is_global: at == 0,
                });
                if at > 0 {
                    shared.insert(key, symbol);
                }
                symbols.push(symbol);
                fresh.push((index, start, at));
                written.push(Written {
                    section: section.to_owned(),
                    start: (start / 8) as u32,
                    program,
                    slots: piece.start..piece.start + piece.insns.len() as u32,
                });
            }
            for (section, start, at) in fresh {
                self.relocate(section, start, &pieces[at], &symbols)?;
            }
        }
        Ok(written)
    }

    fn code_section(&mut self, name: &str) -> Result<usize, Error> {
        if let Some(index) = self.image.find(name) {
            return Ok(index);
        }
        let index = self.image.section(OutSection {
            name: name.to_owned(),
            flags: (SHF_ALLOC | SHF_EXECINSTR).0,
            ..OutSection::default()
        });
        if index >= MAX_SECTIONS {
            let what = "the object".to_owned();
            return Err(Error::TooLarge { what, found: index, limit: MAX_SECTIONS });
        }
        Ok(index)
    }

    fn relocate(
        &mut self,
        section: usize,
        start: u64,
        piece: &Piece<'_>,
        symbols: &[usize],
    ) -> Result<(), Error> {
        for &(slot, target) in &piece.targets {
            let (symbol, kind) = match target {
                Target::Call(callee) => (symbols[callee], R_BPF_64_32),
                Target::Function(callee) => (symbols[callee], R_BPF_64_64),
                Target::Map(map) => {
                    let symbol = self.map_symbols.get(map).ok_or_else(|| Error::Map {
                        map: format!("number {map}"),
                        why: "there is no such map".to_owned(),
                    })?;
                    (*symbol, R_BPF_64_64)
                }
            };
            let offset = start + u64::from(slot) * 8;
            let relocation = OutRelocation { offset, symbol, kind: kind.0 };
            self.image.section_mut(section).relocations.push(relocation);
        }
        Ok(())
    }

    /// Writes `.BTF` and `.BTF.ext`, with a symbol for every variable that `.BTF` places.
    fn type_sections(
        &mut self,
        mut types: Builder,
        functions: &[Written<'a>],
    ) -> Result<(), Error> {
        let ext = records(&mut types, functions);
        let btf = types.finish()?;
        if btf.len() == 1 {
            return Ok(());
        }
        for (id, ty) in btf.types() {
            let Data::Datasec(datasec) = &ty.data else { continue };
            let name = btf.name(id);
            let section = self.image.find(name).unwrap_or_else(|| {
                self.image.section(OutSection {
                    name: name.to_owned(),
                    flags: (SHF_ALLOC | SHF_WRITE).0,
                    data: vec![0; datasec.size as usize],
                    ..OutSection::default()
                })
            });
            if name != MAPS {
                self.variables(&btf, section, &datasec.vars);
            }
        }
        let mut add = |name: &str, data: Vec<u8>| {
            self.image.section(OutSection { name: name.to_owned(), data, ..OutSection::default() });
        };
        add(".BTF", btf.bytes().to_vec());
        if let Some(ext) = ext {
            add(".BTF.ext", ext);
        }
        Ok(())
    }

    fn variables(&mut self, btf: &Btf, section: usize, vars: &[VarSecinfo]) {
        for place in vars {
            self.image.symbol(OutSymbol {
                name: btf.name(place.ty).to_owned(),
                section,
                value: place.offset.into(),
                size: place.size.into(),
                kind: STT_OBJECT,
                is_global: true,
            });
        }
    }
}

/// A function of a program, as it is before linking.
struct Piece<'a> {
    name: &'a str,
    /// First slot in the program.
    start: u32,
    insns: Vec<Insn>,
    /// Slot and what it names.
    targets: Vec<(u32, Target)>,
}

#[derive(Clone, Copy)]
enum Target {
    /// Functions by their number in the program.
    Call(usize),
    Function(usize),
    Map(usize),
}

impl Piece<'_> {
    /// What the function names, in words: functions are equal only if these are.
    fn references(&self, pieces: &[Piece<'_>]) -> Vec<String> {
        self.targets
            .iter()
            .map(|(slot, target)| match target {
                Target::Call(callee) | Target::Function(callee) => {
                    format!("{slot} {}", pieces[*callee].name)
                }
                Target::Map(map) => format!("{slot} map {map}"),
            })
            .collect()
    }
}

/// Takes a program apart into functions, and what they name out of their instructions.
fn pieces(program: &Program) -> Vec<Piece<'_>> {
    let len = program.insns.len() as u32;
    let whole = [(0, program.name.clone())];
    let functions: &[(u32, String)] = match &program.functions[..] {
        [] => &whole,
        functions => functions,
    };
    let starts: Vec<u32> = functions.iter().map(|(start, _)| *start).collect();
    let ends = starts.iter().skip(1).copied().chain([len]);
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for (at, (&start, end)) in starts.iter().zip(ends).enumerate() {
        let name = program.functions.get(at).map_or(program.name.as_str(), |(_, name)| name);
        let insns = program.insns.get(start as usize..end as usize).unwrap_or_default().to_vec();
        let mut piece = Piece { name, start, insns, targets: Vec::new() };
        take_out(program, &starts, &mut piece);
        pieces.push(piece);
    }
    pieces
}

fn take_out(program: &Program, starts: &[u32], piece: &mut Piece<'_>) {
    let mut second = false;
    for slot in 0..piece.insns.len() {
        if std::mem::take(&mut second) {
            continue;
        }
        let at = piece.start + slot as u32;
        let insn = &mut piece.insns[slot];
        second = insn.is_wide();
        let target = i64::from(at) + 1 + i64::from(insn.imm);
        let callee = || starts.iter().position(|start| i64::from(*start) == target);
        if insn.opcode == CALL && insn.src == PSEUDO_CALL {
            if let Some(callee) = callee() {
                // The offset of the callee from its symbol, less the slot of the call.
                insn.imm = -1;
                piece.targets.push((slot as u32, Target::Call(callee)));
            }
        } else if insn.is_wide() && insn.src == PSEUDO_FUNC {
            if let Some(callee) = callee() {
                (insn.src, insn.imm) = (0, 0);
                piece.targets.push((slot as u32, Target::Function(callee)));
            }
        } else if let Ok(found) = program.relocs.binary_search_by_key(&at, |of| of.insn) {
            let reloc = program.relocs[found];
            (insn.src, insn.imm) = (0, reloc.value_off.unwrap_or(0).cast_signed());
            if let Some(next) = piece.insns.get_mut(slot + 1) {
                next.imm = 0;
            }
            piece.targets.push((slot as u32, Target::Map(reloc.map)));
        }
    }
}

/// The type of a map's definition.
struct MapStruct {
    id: u32,
    members: u32,
}

/// Describes a map by types: numbers are lengths of arrays behind pointers.
fn map_type(map: &MapDef, types: &mut Builder) -> MapStruct {
    let int = types.int("int", 4, Int::SIGNED);
    let typed = map.btf_value_type_id != 0;
    let numbers = [
        ("type", Some(map.map_type.0)),
        ("key_size", (!typed || map.btf_key_type_id == 0).then_some(map.key_size)),
        ("value_size", (!typed).then_some(map.value_size)),
        ("max_entries", Some(map.max_entries)),
        ("map_flags", Some(map.map_flags).filter(|flags| *flags != 0)),
        ("numa_node", Some(map.numa_node).filter(|node| *node != 0)),
        ("pinning", map.pin_by_name.then_some(1)),
    ];
    let mut members = Vec::new();
    for (name, number) in numbers {
        if let Some(number) = number {
            let array = types.array(int, int, number);
            members.push((name, types.ptr(array)));
        }
    }
    if map.map_extra != 0 {
        // The one attribute of 64 bits, which no array has elements for.
        let value = [("map_extra_value", map.map_extra.cast_signed())];
        members.push(("map_extra", types.enumeration("", &value)));
    }
    if typed && map.btf_key_type_id != 0 {
        members.push(("key", types.ptr(map.btf_key_type_id)));
    }
    if typed {
        members.push(("value", types.ptr(map.btf_value_type_id)));
    }
    let count = members.len() as u32;
    let members: Vec<(&str, u32, u32)> =
        (0..).zip(&members).map(|(at, (name, ty))| (*name, *ty, at * POINTER_BYTES * 8)).collect();
    MapStruct { id: types.structure("", count * POINTER_BYTES, &members), members: count }
}

/// `.BTF.ext`: the records of every function, by section. `None` where there are none.
fn records(types: &mut Builder, functions: &[Written<'_>]) -> Option<Vec<u8>> {
    let mut funcs: Vec<(u32, Vec<[u32; 2]>)> = Vec::new();
    let mut lines: Vec<(u32, Vec<[u32; 4]>)> = Vec::new();
    let mut relos: Vec<(u32, Vec<[u32; 4]>)> = Vec::new();
    for function in functions {
        let name = types.string(&function.section);
        let inside = |insn: u32| function.slots.contains(&insn);
        let at = |insn: u32| (insn - function.slots.start + function.start) * 8;
        let of = function.program.func_info.iter().filter(|of| inside(of.insn));
        add(&mut funcs, name, of.map(|of| [at(of.insn), of.type_id]));
        let of = function.program.line_info.iter().filter(|of| inside(of.insn));
        let line =
            |of: &skep_btf::LineInfo| [at(of.insn), of.file_name_off, of.line_off, of.line_col];
        add(&mut lines, name, of.map(line));
        let of = function.program.core_relos.iter().filter(|of| inside(of.insn));
        add(&mut relos, name, of.map(|of| [at(of.insn), of.type_id, of.access_str_off, of.kind]));
    }
    if funcs.is_empty() && lines.is_empty() && relos.is_empty() {
        return None;
    }
    let parts = [part(&funcs), part(&lines), part(&relos)];
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    let mut words = vec![32];
    let mut offset = 0;
    for part in &parts {
        words.extend([offset, part.len() as u32]);
        offset += part.len() as u32;
    }
    bytes.extend(words.iter().flat_map(|word| u32::to_le_bytes(*word)));
    bytes.extend(parts.concat());
    Some(bytes)
}

/// Adds records of a section, after those that it has.
fn add<const N: usize>(
    sections: &mut Vec<(u32, Vec<[u32; N]>)>,
    name: u32,
    records: impl Iterator<Item = [u32; N]>,
) {
    let mut records = records.peekable();
    if records.peek().is_none() {
        return;
    }
    match sections.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => known.extend(records),
        None => sections.push((name, records.collect())),
    }
}

/// One kind of records: their size, then each section's.
fn part<const N: usize>(sections: &[(u32, Vec<[u32; N]>)]) -> Vec<u8> {
    let mut words = Vec::new();
    if !sections.is_empty() {
        words.push(N as u32 * 4);
    }
    for (name, records) in sections {
        words.extend([*name, records.len() as u32]);
        words.extend(records.iter().flatten());
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
