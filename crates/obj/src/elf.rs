//! The container: sections, symbols and relocations of an ELF file, checked once.

use object::Endianness;
use object::elf::{self, FileHeader64, Rel64, SectionHeader64, Sym64};
use object::read::elf::{FileHeader, Rel, SectionHeader, Sym};

use crate::Error;

/// A 64-bit ELF file for BPF, in file order.
pub(crate) struct Elf<'a> {
    pub(crate) sections: Vec<ElfSection<'a>>,
    pub(crate) symbols: Vec<Symbol<'a>>,
    pub(crate) endian: Endianness,
}

/// A section.
pub(crate) struct ElfSection<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: elf::SectionType,
    flags: u64,
    /// Its bytes; empty for `SHT_NOBITS`.
    pub(crate) data: &'a [u8],
    /// Its bytes in memory.
    pub(crate) size: u64,
    /// For relocations: the section that they change.
    pub(crate) info: usize,
    header: &'a SectionHeader64<Endianness>,
}

impl ElfSection<'_> {
    /// Whether it holds instructions.
    pub(crate) fn is_code(&self) -> bool {
        self.kind == elf::SHT_PROGBITS && self.flags & elf::SHF_EXECINSTR.0 != 0
    }
}

/// A symbol.
#[derive(Clone, Copy)]
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a str,
    /// Index of its section; `None` for undefined, absolute and common symbols.
    pub(crate) section: Option<usize>,
    pub(crate) undefined: bool,
    pub(crate) value: u64,
    pub(crate) size: u64,
    pub(crate) kind: elf::SymbolType,
    pub(crate) local: bool,
    /// Whether its visibility keeps it inside of the object.
    pub(crate) hidden: bool,
}

/// A relocation.
#[derive(Clone, Copy)]
pub(crate) struct Relocation {
    pub(crate) offset: u64,
    /// Index of its symbol.
    pub(crate) symbol: usize,
    pub(crate) kind: u32,
}

impl<'a> Elf<'a> {
    /// Reads the tables. With `Layout::Strict` sections must lie inside of the file, apart.
    pub(crate) fn parse(bytes: &'a [u8], layout: Layout) -> Result<Elf<'a>, Error> {
        let header = header(bytes)?;
        let endian = header.endian().map_err(|why| Error::damaged("header", why))?;
        let table =
            header.sections(endian, bytes).map_err(|why| Error::damaged("section table", why))?;
        let mut sections = Vec::with_capacity(table.len());
        for (index, section) in table.iter().enumerate() {
            let name = table
                .section_name(endian, section)
                .map_err(|why| Error::damaged(format!("name of section {index}"), why))?;
            let name = std::str::from_utf8(name)
                .map_err(|why| Error::damaged(format!("name of section {index}"), why))?;
            let data = match layout {
                Layout::Strict => contents(endian, section, name, bytes)?,
                Layout::Any => section.data(endian, bytes).unwrap_or_default(),
            };
            sections.push(ElfSection {
                name,
                kind: section.sh_type(endian),
                flags: section.sh_flags(endian).0,
                data,
                size: section.sh_size(endian),
                info: section.sh_info(endian) as usize,
                header: section,
            });
        }
        if layout == Layout::Strict {
            check_apart(endian, &sections)?;
        }
        let table = table
            .symbols(endian, bytes, elf::SHT_SYMTAB)
            .map_err(|why| Error::damaged("symbol table", why))?;
        let symbols = table
            .iter()
            .enumerate()
            .map(|(index, symbol)| {
                let what = || format!("symbol {index}");
                let name = symbol
                    .name(endian, table.strings())
                    .map_err(|why| Error::damaged(what(), why))?;
                let name = std::str::from_utf8(name).map_err(|why| Error::damaged(what(), why))?;
                let section = table
                    .symbol_section(endian, symbol, object::SymbolIndex(index))
                    .map_err(|why| Error::damaged(what(), why))?
                    .map(|section| section.0);
                if section.is_some_and(|index| index >= sections.len()) {
                    return Err(Error::damaged(what(), "its section is not there"));
                }
                Ok(resolve_symbol(endian, symbol, name, section))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Elf { sections, symbols, endian })
    }

    /// Whether instructions and numbers are little endian.
    pub(crate) fn is_little_endian(&self) -> bool {
        self.endian == Endianness::Little
    }

    /// The section with this name.
    pub(crate) fn section(&self, name: &str) -> Option<&ElfSection<'a>> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The relocations of each section, ascending by offset, in the sections' order.
    pub(crate) fn relocations(&self) -> Result<Vec<Vec<Relocation>>, Error> {
        let mut found: Vec<Vec<Relocation>> = self.sections.iter().map(|_| Vec::new()).collect();
        for section in &self.sections {
            if section.kind == elf::SHT_RELA {
                let found = section.name.to_owned();
                return Err(Error::Unsupported { what: "a relocation with addend", found });
            }
            if section.kind != elf::SHT_REL {
                continue;
            }
            let target = found
                .get_mut(section.info)
                .filter(|_| section.info != 0)
                .ok_or_else(|| Error::damaged(section.name, "it relocates no section"))?;
            let relocations: &[Rel64<Endianness>] = object::slice_from_all_bytes(section.data)
                .map_err(|()| Error::SectionSize {
                    section: section.name.to_owned(),
                    found: section.size,
                    expected: "a multiple of 16",
                })?;
            target.extend(relocations.iter().map(|relocation| Relocation {
                offset: relocation.r_offset(self.endian),
                symbol: relocation.r_sym(self.endian) as usize,
                kind: relocation.r_type(self.endian).0,
            }));
        }
        for relocations in &mut found {
            relocations.sort_by_key(|relocation| relocation.offset);
        }
        Ok(found)
    }
}

/// How strict the layout of a file is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Sections lie in the file, apart.
    Strict,
    /// What cannot be read counts as empty.
    Any,
}

/// Reads and checks the header.
fn header(bytes: &[u8]) -> Result<&FileHeader64<Endianness>, Error> {
    if bytes.get(..4) != Some(&elf::ELFMAG) {
        return Err(Error::NotElf { found: bytes.iter().copied().take(4).collect() });
    }
    let class = bytes.get(4).copied().unwrap_or_default();
    if class != elf::ELFCLASS64.0 {
        let found =
            if class == elf::ELFCLASS32.0 { "32".to_owned() } else { format!("{class:#x}") };
        return Err(Error::Header { field: "the ELF class", found, expected: "64 (bits)" });
    }
    let header = FileHeader64::<Endianness>::parse(bytes)
        .map_err(|why| Error::damaged(format!("header of {} bytes", bytes.len()), why))?;
    let endian = header.endian().map_err(|why| Error::damaged("header", why))?;
    let machine = header.e_machine(endian);
    if machine != elf::EM_BPF {
        let found = machine_name(machine);
        return Err(Error::Header { field: "the machine", found, expected: "247 (BPF)" });
    }
    let kind = header.e_type(endian);
    if kind != elf::ET_REL {
        let found = kind.0.to_string();
        return Err(Error::Header { field: "the ELF type", found, expected: "1 (relocatable)" });
    }
    Ok(header)
}

fn machine_name(machine: elf::Machine) -> String {
    let name = match machine {
        elf::EM_X86_64 => " (x86-64)",
        elf::EM_AARCH64 => " (AArch64)",
        elf::EM_RISCV => " (RISC-V)",
        elf::EM_386 => " (i386)",
        _ => "",
    };
    format!("{}{name}", machine.0)
}

/// The bytes of a section, which must be in the file.
fn contents<'a>(
    endian: Endianness,
    section: &SectionHeader64<Endianness>,
    name: &str,
    bytes: &'a [u8],
) -> Result<&'a [u8], Error> {
    section.data(endian, bytes).map_err(|_| Error::Short {
        section: name.to_owned(),
        need: section.sh_size(endian),
        at: section.sh_offset(endian),
        found: bytes.len(),
    })
}

/// Checks that no two sections share bytes: one would be read as what it is not.
fn check_apart(endian: Endianness, sections: &[ElfSection<'_>]) -> Result<(), Error> {
    let mut places: Vec<(u64, u64, &str)> = sections
        .iter()
        .filter(|section| !section.data.is_empty())
        .map(|section| (section.header.sh_offset(endian), section.data.len() as u64, section.name))
        .collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        let [(at, len, first), (next, _, second)] = pair else { continue };
        if at.saturating_add(*len) > *next {
            let (first, second) = ((*first).to_owned(), (*second).to_owned());
            return Err(Error::Overlap { first, second, at: *next });
        }
    }
    Ok(())
}

fn resolve_symbol<'a>(
    endian: Endianness,
    symbol: &Sym64<Endianness>,
    name: &'a str,
    section: Option<usize>,
) -> Symbol<'a> {
    let visibility = symbol.st_visibility();
    Symbol {
        name,
        section,
        undefined: symbol.st_shndx(endian) == elf::SHN_UNDEF,
        value: symbol.st_value(endian),
        size: symbol.st_size(endian),
        kind: symbol.st_type(),
        local: symbol.st_bind() == elf::STB_LOCAL,
        hidden: visibility == elf::STV_HIDDEN || visibility == elf::STV_INTERNAL,
    }
}
