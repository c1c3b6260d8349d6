//! Why a file is no object.

use crate::Section;

/// Why a file is no object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an ELF file.
    #[error(
        "not an ELF file: expected 7f 45 4c 46, found {}; compile with `clang -target bpf -c`",
        hex(.found)
    )]
    NotElf {
        /// What the file begins with.
        found: Vec<u8>,
    },
    /// An ELF file of another kind than objects are.
    #[error("{field} is {found}, expected {expected}; compile with `clang -target bpf -c`")]
    Header {
        /// What the header says: class, machine, type, version.
        field: &'static str,
        /// What is there.
        found: String,
        /// What may be there.
        expected: &'static str,
    },
    /// An object of the other byte order.
    #[error(
        "the object is big endian, expected little endian; compile with `clang -target bpfel -c`"
    )]
    BigEndian,
    /// The container is damaged.
    #[error("damaged ELF file: {what}: {why}")]
    Damaged {
        /// What was read.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A section reaches beyond the end of the file.
    #[error(
        "section {section} needs {need} bytes at {at}, but the file ends at {found}; is it cut short?"
    )]
    Short {
        /// Name or number of the section.
        section: String,
        /// Its bytes.
        need: u64,
        /// Its offset in the file.
        at: u64,
        /// Bytes of the file.
        found: usize,
    },
    /// Two sections share bytes of the file.
    #[error("sections {first} and {second} overlap at offset {at} of the file")]
    Overlap {
        /// The section that comes first.
        first: String,
        /// The other one.
        second: String,
        /// Where the second begins.
        at: u64,
    },
    /// A section of a size that its contents cannot have.
    #[error("section {section} has {found} bytes, expected {expected}")]
    SectionSize {
        /// Name.
        section: String,
        /// Its bytes.
        found: u64,
        /// What may be there.
        expected: &'static str,
    },
    /// A section name that says no program type.
    #[error("unknown section name {found:?}; {near}")]
    UnknownSection {
        /// The name.
        found: String,
        /// Names like it, as a sentence.
        near: String,
    },
    /// Code that no symbol names.
    #[error(
        "section {section} has {found} bytes of code at offset {at} that belong to no function \
         symbol"
    )]
    NoFunction {
        /// Name.
        section: String,
        /// Where.
        at: u64,
        /// Bytes.
        found: u64,
    },
    /// A function in a program section that is not global.
    #[error(
        "function {function} in section {section} is static, so it can be no program; remove \
         `static`"
    )]
    StaticProgram {
        /// Name of the function.
        function: String,
        /// Name of the section.
        section: String,
    },
    /// A symbol that cannot be where it says.
    #[error("symbol {symbol} of section {section}: {why}")]
    Symbol {
        /// Name.
        symbol: String,
        /// Its section.
        section: String,
        /// What is wrong.
        why: String,
    },
    /// A relocation that cannot be done.
    #[error("relocation at {at:#x} of section {section} against {symbol}: {why}")]
    Reloc {
        /// Section that is relocated.
        section: String,
        /// Byte offset in it.
        at: u64,
        /// Name of the symbol.
        symbol: String,
        /// What was expected and found.
        why: String,
    },
    /// A call that leads nowhere.
    #[error(
        "call at slot {at} of section {section} leads to slot {target}, where no function begins"
    )]
    Call {
        /// Name.
        section: String,
        /// Slot of the call.
        at: u32,
        /// Slot that is called.
        target: i64,
    },
    /// More instructions than any kernel takes.
    #[error("{what} has {found} instructions, more than {limit}")]
    TooLarge {
        /// The program, or all programs.
        what: String,
        /// How many.
        found: usize,
        /// The most allowed.
        limit: usize,
    },
    /// A map whose definition makes no sense.
    #[error("map {map}: {why}")]
    Map {
        /// Name.
        map: String,
        /// What was expected and found.
        why: String,
    },
    /// Something that a later version will know.
    #[error("{what} is not supported yet ({found})")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// Where it was found.
        found: String,
    },
    /// The type information is damaged.
    #[error("type information: {0}")]
    Btf(#[from] skep_btf::Error),
    /// Type information and ELF file disagree.
    #[error("type information names {what}, which the file does not have")]
    BtfMismatch {
        /// What is missing.
        what: String,
    },
    /// The text of an assembly file is wrong.
    #[error("line {line}: {why}")]
    Asm {
        /// Line, from 1.
        line: usize,
        /// What was expected and found.
        why: String,
    },
}

impl Error {
    /// The container is damaged.
    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> Error {
        Error::Damaged { what: what.into(), why: why.to_string() }
    }

    /// No rule of the section table fits.
    pub(crate) fn unknown_section(found: &str) -> Error {
        let near = Section::near(found);
        let near = if near.is_empty() {
            "expected a program type such as xdp, socket or tc".to_owned()
        } else {
            format!("did you mean {}", near.join(" or "))
        };
        Error::UnknownSection { found: found.to_owned(), near }
    }
}

/// Bytes as one reads them in a dump.
fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
