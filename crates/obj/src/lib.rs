//! ELF to [`Object`]: what to load.
//!
//! Reads what compilers write for BPF (relocatable ELF files, little endian, with type information
//! or without): programs by section name with all functions that they call, maps of both ways to
//! define them, global data, license. It is pure: bytes in, [`Object`] out, the same on every
//! machine. What needs a running kernel (descriptors of maps, the kernel's types) is left to a
//! loader: [`Program::relocs`] and [`Program::core_relos`] say where.
//!
//! In reading order: `object` (the result), `read` (the passes in order), `elf` (the container),
//! `section` (what section names say), `maps` and `data` (what becomes a map), `function` and
//! `link` (what becomes a program), `asm` (the other way to an object: from assembly), `write`
//! and `image` (back to an ELF file), `error`.
//!
//! ```
//! use skep_obj::{Error, Object};
//! match Object::from_elf("notes.txt", b"# Notes") {
//!     Err(error @ Error::NotElf { .. }) => assert_eq!(
//!         error.to_string(),
//!         "not an ELF file: expected 7f 45 4c 46, found 23 20 4e 6f; \
//!          compile with `clang -target bpf -c`"
//!     ),
//!     other => panic!("{other:?}"),
//! }
//! ```

#![forbid(unsafe_code)]

mod asm;
mod data;
mod elf;
mod error;
mod function;
mod image;
mod link;
mod maps;
mod object;
mod read;
mod section;
mod write;

pub use error::Error;
pub use object::{MapDef, Object, Program, Reloc};
pub use read::{TextSection, text_sections, type_information};
pub use section::Section;

impl Object {
    /// Reads an ELF file. `name` is for messages and generated names: a path will do, its file's
    /// name up to the first full stop counts.
    pub fn from_elf(name: &str, elf: &[u8]) -> Result<Object, Error> {
        read::object(name, elf)
    }
}
