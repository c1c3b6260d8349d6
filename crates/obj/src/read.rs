//! The main path: an ELF file's bytes to an object, pass by pass.

use std::collections::HashMap;

use skep_btf::Btf;
use skep_btf::ext::Ext;

use crate::elf::{Elf, ElfSection, Layout, Relocation};
use crate::function::{Functions, Resolver};
use crate::link::{self, Records};
use crate::{Error, MapDef, Object, data, maps};

/// Reads an object.
pub(crate) fn object(name: &str, bytes: &[u8]) -> Result<Object, Error> {
    let elf = Elf::parse(bytes, Layout::Strict)?;
    check_kind(&elf)?;
    let btf = types(&elf)?;
    let ext = records(&elf, btf.as_ref())?;
    let btf = btf.map(|btf| data::fix_up(&elf, &btf)).transpose()?;
    let name = stem(name);
    let maps = MapTable::read(&elf, &name, btf.as_ref())?;
    let relocations = elf.relocations()?;
    check_relocated(&elf, &relocations)?;
    let functions = Functions::read(&elf)?;
    let resolver =
        Resolver { elf: &elf, functions: &functions, maps: &maps, relocations: &relocations };
    let bodies =
        functions.all.iter().map(|of| resolver.body(of)).collect::<Result<Vec<_>, Error>>()?;
    let sections: Vec<&str> = elf.sections.iter().map(|section| section.name).collect();
    let programs = link::programs(&sections, &functions.all, &bodies, &Records::new(&ext))?;
    Ok(Object {
        name,
        license: license(&elf)?,
        kern_version: version(&elf)?,
        programs,
        maps: maps.maps,
        btf,
    })
}

/// The file's name without folders and without anything from the first full stop.
pub(crate) fn stem(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.split('.').next().unwrap_or_default().to_owned()
}

/// Refuses what would be misread.
fn check_kind(elf: &Elf<'_>) -> Result<(), Error> {
    if !elf.is_little_endian() {
        return Err(Error::BigEndian);
    }
    for section in &elf.sections {
        let what = match section.name {
            ".struct_ops" | ".struct_ops.link" => "struct_ops",
            ".addr_space.1" => "arena data",
            _ => continue,
        };
        return Err(Error::Unsupported { what, found: format!("section {}", section.name) });
    }
    Ok(())
}

/// Reads `.BTF`.
fn types(elf: &Elf<'_>) -> Result<Option<Btf>, Error> {
    let section = elf.section(".BTF").filter(|section| section.size != 0);
    Ok(section.map(|section| Btf::parse(section.data)).transpose()?)
}

/// Reads `.BTF.ext`.
fn records(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Ext, Error> {
    let section = elf.section(".BTF.ext").filter(|section| section.size != 0);
    match (section, btf) {
        (Some(section), Some(btf)) => Ok(Ext::parse(section.data, btf)?),
        _ => Ok(Ext::default()),
    }
}

/// Reads `license`: a string with an end.
fn license(elf: &Elf<'_>) -> Result<Option<String>, Error> {
    let Some(section) = elf.section("license") else { return Ok(None) };
    let bad = |expected| Error::SectionSize {
        section: section.name.to_owned(),
        found: section.size,
        expected,
    };
    let end = section.data.iter().position(|&byte| byte == 0);
    let text = end.and_then(|end| section.data.get(..end));
    let text = text.ok_or_else(|| bad("a string that ends with a zero byte"))?;
    match std::str::from_utf8(text) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(bad("a string in UTF-8")),
    }
}

/// Reads `version`: one number.
fn version(elf: &Elf<'_>) -> Result<Option<u32>, Error> {
    let Some(section) = elf.section("version") else { return Ok(None) };
    let bytes = section.data.try_into().map_err(|_| Error::SectionSize {
        section: section.name.to_owned(),
        found: section.size,
        expected: "4",
    })?;
    Ok(Some(u32::from_le_bytes(bytes)))
}

/// Refuses relocations of data: pointers in data cannot be filled in.
fn check_relocated(elf: &Elf<'_>, relocations: &[Vec<Relocation>]) -> Result<(), Error> {
    for (section, relocations) in elf.sections.iter().zip(relocations) {
        let first = relocations.iter().find(|of| of.kind != object::elf::R_BPF_NONE.0);
        let Some(relocation) = first else { continue };
        let why = match section.name {
            maps::MAPS | maps::OLD_MAPS => {
                "inner maps and initial programs are not supported yet".to_owned()
            }
            _ if data::is_data(section) => {
                "pointers in global data are not supported; use arrays or indices".to_owned()
            }
            _ => continue,
        };
        let symbol = elf.symbols.get(relocation.symbol).map_or("", |symbol| symbol.name);
        return Err(Error::Reloc {
            section: section.name.to_owned(),
            at: relocation.offset,
            symbol: symbol.to_owned(),
            why,
        });
    }
    Ok(())
}

/// The maps of an object, and what names them.
pub(crate) struct MapTable {
    pub(crate) maps: Vec<MapDef>,
    /// Section and offset of definitions.
    definitions: HashMap<(usize, u64), usize>,
    /// Sections of global data.
    data: HashMap<usize, usize>,
}

impl MapTable {
    fn read(elf: &Elf<'_>, name: &str, btf: Option<&Btf>) -> Result<MapTable, Error> {
        let mut table =
            MapTable { maps: Vec::new(), definitions: HashMap::new(), data: HashMap::new() };
        for placed in maps::read(elf, btf)? {
            table.definitions.insert((placed.section, placed.offset), table.maps.len());
            table.maps.push(placed.def);
        }
        for (section, def) in data::read(elf, name, btf)? {
            table.data.insert(section, table.maps.len());
            table.maps.push(def);
        }
        Ok(table)
    }

    /// The map whose definition is at this offset of this section.
    pub(crate) fn definition_at(&self, section: usize, offset: u64) -> Option<usize> {
        self.definitions.get(&(section, offset)).copied()
    }

    /// The map of a section of data, and its bytes.
    pub(crate) fn data_of(&self, section: usize) -> Option<(usize, u64)> {
        let map = *self.data.get(&section)?;
        Some((map, self.maps.get(map)?.value_size.into()))
    }
}

/// The type information of a file as it stands there: of an object of either byte order, or of a
/// file that holds nothing else (as `/sys/kernel/btf/vmlinux`). `None`: an object without any.
pub fn type_information(bytes: &[u8]) -> Result<Option<Btf>, Error> {
    if matches!(bytes, [0x9f, 0xeb, ..] | [0xeb, 0x9f, ..]) {
        return Ok(Some(Btf::parse(bytes)?));
    }
    types(&Elf::parse(bytes, Layout::Strict)?)
}

/// A section of code, for disassemblers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSection {
    /// Name.
    pub name: String,
    /// Its instructions; bytes behind the last whole slot are not there.
    pub insns: Vec<skep_isa::Insn>,
    /// Byte offset and name of each symbol, ascending; of several at one place functions are last.
    pub symbols: Vec<(u64, String)>,
    /// Whether the file is little endian.
    pub little_endian: bool,
}

/// The sections that hold code, in file order, without empty ones. Of the rest of the file nothing
/// is looked at.
pub fn text_sections(bytes: &[u8]) -> Result<Vec<TextSection>, Error> {
    let elf = Elf::parse(bytes, Layout::Any)?;
    let little_endian = elf.is_little_endian();
    let code = |(_, section): &(usize, &ElfSection<'_>)| section.is_code() && section.size != 0;
    let mut by_section: HashMap<usize, Vec<(u64, bool, &str)>> = HashMap::new();
    for symbol in &elf.symbols {
        let Some(section) = symbol.section else { continue };
        let is_function = symbol.kind == object::elf::STT_FUNC;
        if is_function || symbol.kind == object::elf::STT_NOTYPE {
            by_section.entry(section).or_default().push((symbol.value, is_function, symbol.name));
        }
    }
    let sections = elf.sections.iter().enumerate().filter(code).map(|(index, section)| {
        let (slots, _) = section.data.as_chunks::<{ skep_isa::INSN_BYTES }>();
        let insn = |slot: &[u8; skep_isa::INSN_BYTES]| {
            if little_endian {
                skep_isa::Insn::from_le_bytes(*slot)
            } else {
                skep_isa::Insn::from_be_bytes(*slot)
            }
        };
        let mut symbols = by_section.remove(&index).unwrap_or_default();
        symbols.sort_unstable();
        TextSection {
            name: section.name.to_owned(),
            insns: slots.iter().map(insn).collect(),
            symbols: symbols.into_iter().map(|(at, _, name)| (at, name.to_owned())).collect(),
            little_endian,
        }
    });
    Ok(sections.collect())
}
