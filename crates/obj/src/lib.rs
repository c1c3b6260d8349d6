//! ELF to [`Object`].
//!
//! Placeholder doc; in reading order: `object` (the result), `error`.

#![forbid(unsafe_code)]

mod object;

pub use object::{MapDef, Object, Program, Reloc};

/// Why a file is no object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an ELF file.
    #[error("not an ELF file: expected 7f 45 4c 46, found {found:02x?}")]
    NotElf {
        /// What the file begins with.
        found: Vec<u8>,
    },
}

impl Object {
    /// Reads an ELF file. `name` is for messages and generated names.
    pub fn from_elf(name: &str, elf: &[u8]) -> Result<Object, Error> {
        let _ = name;
        Err(Error::NotElf { found: elf.iter().copied().take(4).collect() })
    }
}
