//! BPF type format: what types a program, its maps and a kernel have.
//!
//! Parses `.BTF` and `.BTF.ext` sections of either byte order, writes BTF, and shows values by
//! type and type information itself as bpftool does. It does no input or output, and knows no
//! object file and no kernel.
//!
//! In reading order: `btf` (a parsed section), `types` (one type), `parse`, `builder` (the way
//! back), `ext` (functions, lines and CO-RE records), `print` (values by type), `value` (what is
//! printed), `dump` (the types themselves), `error`.
//!
//! ```
//! use skep_btf::{Btf, Builder, Kind};
//! let mut builder = Builder::new();
//! let long = builder.int("unsigned long", 8, 0);
//! builder.typedef("u64", long);
//! let btf = Btf::parse(builder.finish()?.bytes())?;
//! let u64 = btf.find(Kind::Typedef, "u64").expect("it was added");
//! assert_eq!((btf.resolve(u64), btf.size_of(u64)), (long, Some(8)));
//! # Ok::<(), skep_btf::Error>(())
//! ```

#![forbid(unsafe_code)]

mod btf;
mod builder;
mod dump;
mod error;
pub mod ext;
mod parse;
mod print;
mod types;
mod value;

pub use btf::Btf;
pub use builder::Builder;
pub use error::Error;
pub use types::{
    Array, Composite, Data, Datasec, DeclTag, Enum, Enumerator, Func, FuncProto, Int, Kind, Member,
    Param, Type, Var, VarSecinfo,
};
pub use value::Value;

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
