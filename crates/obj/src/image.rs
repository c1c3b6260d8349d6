//! An ELF file being written: sections and symbols, then their bytes.

use object::elf;

/// Bytes of the header, of a section header and of a symbol.
const HEADER_BYTES: u64 = 64;
const SECTION_BYTES: u64 = 64;
const SYMBOL_BYTES: u64 = 24;
/// Everything is aligned to this.
const ALIGN: usize = 8;

/// A relocatable file for BPF, little endian.
#[derive(Default)]
pub(crate) struct Image {
    sections: Vec<OutSection>,
    symbols: Vec<OutSymbol>,
}

/// A section. Indices of sections count from 0, without ELF's empty first one.
#[derive(Default)]
pub(crate) struct OutSection {
    pub(crate) name: String,
    /// `SHF_*`.
    pub(crate) flags: u64,
    pub(crate) data: Vec<u8>,
    /// Whether its bytes, all zero, are left out of the file.
    pub(crate) is_zero: bool,
    pub(crate) relocations: Vec<OutRelocation>,
}

/// A relocation without addend.
pub(crate) struct OutRelocation {
    pub(crate) offset: u64,
    /// Index of the symbol, as [`Image::symbol`] gave it.
    pub(crate) symbol: usize,
    pub(crate) kind: u32,
}

/// A symbol.
pub(crate) struct OutSymbol {
    pub(crate) name: String,
    pub(crate) section: usize,
    pub(crate) value: u64,
    pub(crate) size: u64,
    pub(crate) kind: elf::SymbolType,
    pub(crate) is_global: bool,
}

impl Image {
    /// Adds a section and gives its index.
    pub(crate) fn section(&mut self, section: OutSection) -> usize {
        self.sections.push(section);
        self.sections.len() - 1
    }

    /// The index of the section with this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.sections.iter().position(|section| section.name == name)
    }

    pub(crate) fn section_mut(&mut self, index: usize) -> &mut OutSection {
        &mut self.sections[index]
    }

    /// Adds a symbol and gives its index.
    pub(crate) fn symbol(&mut self, symbol: OutSymbol) -> usize {
        self.symbols.push(symbol);
        self.symbols.len() - 1
    }

    /// Writes the file: header, contents, symbols, relocations, names, section headers.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Out { bytes: vec![0; HEADER_BYTES as usize], headers: Vec::new() };
        let mut names = Names(vec![0]);
        out.headers.push(SectionHeader::default());
        for section in &self.sections {
            let kind = if section.is_zero { elf::SHT_NOBITS } else { elf::SHT_PROGBITS };
            let header = SectionHeader {
                name: names.add(&section.name),
                kind: kind.0,
                flags: section.flags,
                size: section.data.len() as u64,
                align: ALIGN as u64,
                ..SectionHeader::default()
            };
            out.add(header, if section.is_zero { &[] } else { &section.data });
        }
        // Local symbols come first: the table's header says where they end.
        let (locals, globals): (Vec<usize>, Vec<usize>) =
            (0..self.symbols.len()).partition(|&at| !self.symbols[at].is_global);
        let mut numbers = vec![0u64; self.symbols.len()];
        let mut table = vec![0; SYMBOL_BYTES as usize];
        for (number, &at) in (1..).zip(locals.iter().chain(&globals)) {
            numbers[at] = number;
            self.write_symbol(at, &mut names, &mut table);
        }
        let symtab = out.headers.len() as u32;
        let relocated = self.sections.iter().filter(|of| !of.relocations.is_empty()).count();
        let strtab = symtab + 1 + relocated as u32;
        let header = SectionHeader {
            name: names.add(".symtab"),
            kind: elf::SHT_SYMTAB.0,
            link: strtab,
            info: locals.len() as u32 + 1,
            align: ALIGN as u64,
            entry: SYMBOL_BYTES,
            ..SectionHeader::default()
        };
        out.add(header, &table);
        for (index, section) in (1..).zip(&self.sections) {
            if section.relocations.is_empty() {
                continue;
            }
            let entries = section.relocations.iter().flat_map(|of| {
                let info = numbers[of.symbol] << 32 | u64::from(of.kind);
                [of.offset, info].map(u64::to_le_bytes)
            });
            let header = SectionHeader {
                name: names.add(&format!(".rel{}", section.name)),
                kind: elf::SHT_REL.0,
                link: symtab,
                info: index,
                align: ALIGN as u64,
                entry: 16,
                ..SectionHeader::default()
            };
            out.add(header, &entries.flatten().collect::<Vec<u8>>());
        }
        let kind = elf::SHT_STRTAB.0;
        let name = names.add(".strtab");
        out.add(SectionHeader { name, kind, align: 1, ..SectionHeader::default() }, &names.0);
        out.finish(strtab as u16)
    }

    fn write_symbol(&self, at: usize, names: &mut Names, table: &mut Vec<u8>) {
        let symbol = &self.symbols[at];
        let bind = if symbol.is_global { elf::STB_GLOBAL } else { elf::STB_LOCAL };
        let name = if symbol.name.is_empty() { 0 } else { names.add(&symbol.name) };
        table.extend_from_slice(&name.to_le_bytes());
        table.extend_from_slice(&[bind.0 << 4 | symbol.kind.0, 0]);
        table.extend_from_slice(&(symbol.section as u16 + 1).to_le_bytes());
        table.extend_from_slice(&symbol.value.to_le_bytes());
        table.extend_from_slice(&symbol.size.to_le_bytes());
    }
}

/// The string table.
struct Names(Vec<u8>);

impl Names {
    fn add(&mut self, name: &str) -> u32 {
        let at = self.0.len() as u32;
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        at
    }
}

#[derive(Default)]
struct SectionHeader {
    name: u32,
    kind: u32,
    flags: u64,
    offset: u64,
    /// Filled in from the contents where it is 0.
    size: u64,
    link: u32,
    info: u32,
    align: u64,
    entry: u64,
}

struct Out {
    bytes: Vec<u8>,
    headers: Vec<SectionHeader>,
}

impl Out {
    fn add(&mut self, mut header: SectionHeader, data: &[u8]) {
        self.align();
        header.offset = self.bytes.len() as u64;
        if header.size == 0 {
            header.size = data.len() as u64;
        }
        self.bytes.extend_from_slice(data);
        self.headers.push(header);
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
    }

    /// Appends the section headers and fills in the file's.
    fn finish(mut self, names: u16) -> Vec<u8> {
        self.align();
        let table = self.bytes.len() as u64;
        for header in &self.headers {
            self.bytes.extend_from_slice(&header.name.to_le_bytes());
            self.bytes.extend_from_slice(&header.kind.to_le_bytes());
            for word in [header.flags, 0, header.offset, header.size] {
                self.bytes.extend_from_slice(&word.to_le_bytes());
            }
            self.bytes.extend_from_slice(&header.link.to_le_bytes());
            self.bytes.extend_from_slice(&header.info.to_le_bytes());
            self.bytes.extend_from_slice(&header.align.to_le_bytes());
            self.bytes.extend_from_slice(&header.entry.to_le_bytes());
        }
        let mut header = elf::ELFMAG.to_vec();
        header.extend_from_slice(&[elf::ELFCLASS64.0, elf::ELFDATA2LSB.0, 1]);
        header.resize(16, 0);
        for half in [elf::ET_REL.0, elf::EM_BPF.0, 1, 0] {
            header.extend_from_slice(&half.to_le_bytes());
        }
        for word in [0, 0, table] {
            header.extend_from_slice(&u64::to_le_bytes(word));
        }
        header.extend_from_slice(&0u32.to_le_bytes());
        let count = self.headers.len() as u16;
        for half in [HEADER_BYTES as u16, 0, 0, SECTION_BYTES as u16, count, names] {
            header.extend_from_slice(&half.to_le_bytes());
        }
        self.bytes[..HEADER_BYTES as usize].copy_from_slice(&header);
        self.bytes
    }
}
