//! The instructions of a loaded program with functions and source lines, as bpftool prints them.

use std::fmt::Write as _;

use skep_btf::{Btf, FuncInfo, LineInfo, Value};
use skep_isa::Insn;
use skep_isa::disasm::{kernel_insn, kernel_opcodes};
use skep_loader::Prog;

use super::names::Referred;
use super::proto;

/// What is printed beside the instructions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras {
    /// The bytes of each instruction.
    pub(crate) opcodes: bool,
    /// File, line and column of each source line.
    pub(crate) linum: bool,
}

/// A program, read and ready to be printed.
pub(crate) struct Listing {
    slots: Vec<Insn>,
    names: Referred,
    btf: Option<Btf>,
    functions: Vec<FuncInfo>,
    lines: Vec<LineInfo>,
}

impl Listing {
    /// Reads the program's instructions and what is known about them.
    pub(crate) fn of(prog: &Prog, slots: Vec<Insn>) -> anyhow::Result<Listing> {
        let btf = prog.btf()?;
        let names = Referred::of(prog, &slots, btf.as_ref())?;
        let (functions, lines) = match btf {
            Some(_) => (prog.func_info()?, prog.line_info()?),
            None => Default::default(),
        };
        Ok(Listing { slots, names, btf, functions, lines })
    }

    pub(crate) fn plain(&self, extras: Extras) -> String {
        let mut text = String::new();
        for at in self.starts() {
            if let Some(proto) = self.proto(at) {
                let _ = writeln!(text, "{proto}:");
            }
            if let Some((line, source)) = self.line(at) {
                let _ = write!(text, "; {source}");
                if extras.linum {
                    let (file, number, column) = (self.file(line), line.line(), line.column());
                    let _ = write!(text, " [file:{file} line_num:{number} line_col:{column}]");
                }
                text.push('\n');
            }
            let _ = writeln!(text, "{at:4}: {}", kernel_insn(&self.slots, at, &self.names));
            if extras.opcodes {
                let _ = writeln!(text, "       {}", kernel_opcodes(&self.slots[at..]));
            }
        }
        text
    }

    pub(crate) fn json(&self, extras: Extras) -> Value {
        let insn = |at: usize| {
            let mut members = Vec::new();
            let mut member = |name: &str, value: Value| members.push((name.to_owned(), value));
            if let Some(proto) = self.proto(at) {
                member("proto", Value::Str(proto));
            }
            if let Some((line, source)) = self.line(at) {
                member("src", source.into());
                if extras.linum {
                    member("file", self.file(line).into());
                    member("line_num", line.line().into());
                    // A column of 0 says that it is not known.
                    if line.column() != 0 {
                        member("line_col", line.column().into());
                    }
                }
            }
            member("disasm", Value::Str(kernel_insn(&self.slots, at, &self.names)));
            if extras.opcodes {
                member("opcodes", opcodes(&self.slots[at..]));
            }
            Value::Object(members)
        };
        Value::Array(self.starts().map(insn).collect())
    }

    /// The slots that begin an instruction.
    fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        let mut is_second = false;
        self.slots.iter().enumerate().filter_map(move |(at, insn)| {
            let begins = !is_second;
            is_second = begins && insn.is_wide();
            begins.then_some(at)
        })
    }

    fn proto(&self, at: usize) -> Option<String> {
        let function = self.functions.iter().find(|function| function.insn as usize == at)?;
        proto::function(self.btf.as_ref()?, function.type_id)
    }

    /// The source line that begins at a slot, and its text.
    fn line(&self, at: usize) -> Option<(LineInfo, &str)> {
        let line = *self.lines.iter().find(|line| line.insn as usize == at)?;
        let text = self.btf.as_ref()?.string(line.line_off).trim_start();
        (!text.is_empty()).then_some((line, text))
    }

    fn file(&self, line: LineInfo) -> &str {
        self.btf.as_ref().map_or("", |btf| btf.string(line.file_name_off))
    }
}

/// The fields of the instruction at the start; as in bpftool, the immediate of a wide one goes on
/// with all bytes of the second slot.
fn opcodes(slots: &[Insn]) -> Value {
    let Some(first) = slots.first() else { return Value::Null };
    let hex = |number: u8| Value::str(format!("{number:#x}"));
    let bytes = |bytes: &[u8]| {
        Value::Array(bytes.iter().map(|byte| Value::str(format!("0x{byte:02x}"))).collect())
    };
    let mut imm = first.imm.to_le_bytes().to_vec();
    if let (true, Some(second)) = (first.is_wide(), slots.get(1)) {
        imm.extend(second.to_le_bytes());
    }
    Value::object([
        ("code", Value::str(format!("0x{:02x}", first.opcode))),
        ("src_reg", hex(first.src)),
        ("dst_reg", hex(first.dst)),
        ("off", bytes(&first.off.to_le_bytes())),
        ("imm", bytes(&imm)),
    ])
}
