//! Why bytes are no type information.

/// Why bytes are no type information.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end before something that they promise.
    #[error("{section} ends early: {what} needs {need} bytes at offset {at}, found {found}")]
    Short {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// What was read.
        what: &'static str,
        /// Bytes wanted.
        need: usize,
        /// Offset from the start of the section.
        at: usize,
        /// Bytes left there.
        found: usize,
    },
    /// The first two bytes are not the magic number.
    #[error(
        "not {section}: expected 9f eb or eb 9f at offset 0, found {:02x} {:02x}",
        .found[0], .found[1]
    )]
    Magic {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// What is there.
        found: [u8; 2],
    },
    /// Another version of the format.
    #[error("{section} version {found} is not supported, expected 1")]
    Version {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// What is there.
        found: u8,
    },
    /// A header field that cannot be true.
    #[error("bad {section} header: {field} is {found}, expected {expected}")]
    Header {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// What it may be.
        expected: &'static str,
    },
    /// The strings do not begin or end with a zero byte.
    #[error("the BTF string section must begin and end with a zero byte")]
    Strings,
    /// A kind that this version does not know; the length of its record is not known either.
    #[error("BTF type {id} has kind {found}, expected 1 to 19")]
    Kind {
        /// Type.
        id: u32,
        /// Its kind.
        found: u32,
    },
    /// A reference to a type that is not there.
    #[error("BTF type {id} refers to type {found}, but there are only {len} types")]
    Reference {
        /// Type.
        id: u32,
        /// What it refers to.
        found: u32,
        /// Number of types, `void` included.
        len: u32,
    },
    /// A name outside the string section.
    #[error("BTF type {id} has a name at {found}, outside of {len} bytes of strings")]
    Name {
        /// Type.
        id: u32,
        /// Offset of the name.
        found: u32,
        /// Bytes of strings.
        len: usize,
    },
    /// A type that contains itself.
    #[error("BTF type {id} contains itself")]
    Loop {
        /// Type.
        id: u32,
    },
    /// A type nested too deeply to be walked.
    #[error("BTF type {id} is nested deeper than {limit} levels")]
    Deep {
        /// Type.
        id: u32,
        /// Levels allowed.
        limit: u32,
    },
    /// More members, values, parameters or strings than the format can count.
    #[error("{what} cannot be written as BTF: {found} is more than {limit}")]
    TooMany {
        /// What was written.
        what: &'static str,
        /// How many.
        found: usize,
        /// The most that the format takes.
        limit: usize,
    },
    /// A record of `.BTF.ext` at a place where no instruction begins.
    #[error(
        "record in .BTF.ext names byte {found} of section {in_section}, expected a multiple of 8"
    )]
    InsnOffset {
        /// Section of the program.
        in_section: String,
        /// Byte offset.
        found: u32,
    },
    /// A value with fewer bytes than its type.
    #[error("value of BTF type {id} needs {need} bytes, found {found}")]
    Value {
        /// Type.
        id: u32,
        /// Bytes of the type.
        need: u64,
        /// Bytes given.
        found: usize,
    },
    /// A type that describes no value.
    #[error("BTF type {id} ({kind}) has no size and so no values")]
    NoValue {
        /// Type.
        id: u32,
        /// Its kind.
        kind: &'static str,
    },
    /// A value whose type says much more than its bytes could.
    #[error(
        "value of BTF type {id} has more than {limit} parts; its bytes can be printed only raw"
    )]
    TooManyParts {
        /// Type.
        id: u32,
        /// Parts allowed.
        limit: usize,
    },
}
