//! BPF type format.
//!
//! Placeholder doc.

#![forbid(unsafe_code)]

/// Type information: a parsed `.BTF` section, with its bytes.
///
/// Type 0 is `void`; ids are below [`Btf::len`].
#[derive(Clone, Debug, Default)]
pub struct Btf {
    bytes: Vec<u8>,
}

impl Btf {
    /// Parses and checks a `.BTF` section of either byte order.
    pub fn parse(bytes: &[u8]) -> Result<Btf, Error> {
        Ok(Btf { bytes: bytes.to_vec() })
    }

    /// The section, as a kernel takes it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where a function begins, and its type (`bpf_func_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FuncInfo {
    /// First slot.
    pub insn: u32,
    /// BTF id of a `FUNC`.
    pub type_id: u32,
}

/// Where a source line begins (`bpf_line_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LineInfo {
    /// First slot.
    pub insn: u32,
    /// Offset of the file name in the string section.
    pub file_name_off: u32,
    /// Offset of the line's text in the string section.
    pub line_off: u32,
    /// Line number in the high 22 bits, column in the low 10.
    pub line_col: u32,
}

impl LineInfo {
    /// Line number, from 1.
    pub const fn line(self) -> u32 {
        self.line_col >> 10
    }

    /// Column, from 1; 0 if unknown.
    pub const fn column(self) -> u32 {
        self.line_col & 0x3ff
    }
}

/// Why bytes are no type information.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The section ends early.
    #[error("BTF ends early: {what} needs {need} bytes at {at}, found {found}")]
    Short {
        /// What was read.
        what: &'static str,
        /// Bytes wanted.
        need: usize,
        /// Offset.
        at: usize,
        /// Bytes left.
        found: usize,
    },
}
