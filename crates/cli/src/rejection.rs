//! A rejected program, shown as rustc shows an error: cause, source line, instruction, advice.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use skep_btf::LineInfo;
use skep_loader::{Error, Rejection};
use skep_obj::{Object, Program};

/// An error whose text is ready to print, several lines long.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Shown(String);

/// What rejections mean to whoever wrote the program: a part of the cause, and the advice.
const ADVICE: &[(&str, &str)] = &[
    (
        "mem access 'map_value_or_null'",
        "a map look-up may find nothing: compare the pointer with NULL before using it",
    ),
    ("map_value_or_null", "a map look-up may find nothing: compare the pointer with NULL first"),
    ("outside of the packet", "compare the end of the access with data_end first"),
    ("invalid access to packet", "compare the end of the access with data_end first"),
    (
        "invalid access to map value",
        "the access ends behind the value: check the index or the size",
    ),
    ("invalid bpf_context access", "the context has no such field, or it may not be written here"),
    ("invalid read from stack", "the bytes were never written: initialise the variable"),
    (
        "invalid indirect read from stack",
        "the helper would read bytes that were never written: initialise all of the variable, padding included",
    ),
    ("invalid write to stack", "the write lies outside the 512 bytes of stack"),
    (
        "cannot call GPL-restricted function",
        "the helper is for GPL programs only: add `char LICENSE[] SEC(\"license\") = \"GPL\";`",
    ),
    ("program of this type cannot use helper", "this program type may not call the helper"),
    ("unknown func", "this kernel has no such helper for this program type"),
    ("infinite loop detected", "the loop has no bound that can be seen: count to a constant"),
    ("back-edge", "a loop whose end is not seen: count to a constant"),
    ("BPF program is too large", "too many paths: bound the loops, or split the program"),
    ("unreachable insn", "remove the code that nothing leads to"),
    ("!read_ok", "the register was never written on this path"),
    ("expected=", "the argument has the wrong kind"),
    (
        "unbounded memory access",
        "the length or index has no upper bound: compare it with one first",
    ),
    ("min value is negative", "the length or index may be negative: make it unsigned, or check it"),
    ("R0 has value", "return a value that this program type allows"),
];

impl Shown {
    /// Shows the rejection of one of an object's programs; any other error stays as it is.
    pub(crate) fn from_error(error: Error, object: &Object, kernel: &str) -> anyhow::Error {
        let Error::Rejected(rejection) = &error else { return error.into() };
        let program = object.programs.iter().find(|program| program.name == rejection.program);
        let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let paint = if color {
            Paint { bold: "\x1b[1m", red: "\x1b[1;31m", off: "\x1b[0m" }
        } else {
            Paint::default()
        };
        Shown(render(rejection, object, program, kernel, paint)).into()
    }
}

/// Terminal colours, or nothing.
#[derive(Clone, Copy, Default)]
struct Paint {
    bold: &'static str,
    red: &'static str,
    off: &'static str,
}

fn render(
    rejection: &Rejection,
    object: &Object,
    program: Option<&Program>,
    kernel: &str,
    paint: Paint,
) -> String {
    let Paint { bold, red, off } = paint;
    let mut text = format!("{red}error{off}{bold}: {}{off}\n", rejection.cause());
    let source = program.and_then(|program| source(rejection, object, program));
    let margin = source.as_ref().map_or(1, |source| source.line.to_string().len());
    let blank = " ".repeat(margin);
    // Writing to a String cannot fail.
    if let Some(Source { file, line, column, code }) = &source {
        let place = if *column > 0 { format!("{line}:{column}") } else { line.to_string() };
        let _ = writeln!(text, "{blank}--> {file}:{place}\n{blank} |\n{line} | {code}");
        if let Some(before) = column.checked_sub(1) {
            let _ = writeln!(text, "{blank} | {}{red}^{off}", " ".repeat(before));
        }
    }
    if let (Some(insn), Some(op)) = (rejection.insn(), rejection.insn_text()) {
        let _ = writeln!(text, "{blank} = insn {insn}: {op}");
    }
    let errno = rejection.errno.name().unwrap_or("an unknown error");
    let _ = writeln!(
        text,
        "{blank} = note: program {} was rejected by {kernel} ({errno})",
        rejection.program
    );
    if let Some((_, advice)) = ADVICE.iter().find(|(part, _)| rejection.cause().contains(part)) {
        let _ = writeln!(text, "{blank} = help: {advice}");
    }
    text
}

/// A place in the source.
struct Source {
    file: String,
    line: u32,
    /// From 1; 0 where only the line is known.
    column: usize,
    /// The line as it stands there, tabs as one blank so that the column fits.
    code: String,
}

fn source(rejection: &Rejection, object: &Object, program: &Program) -> Option<Source> {
    let insn = u32::try_from(rejection.insn()?).ok()?;
    let info: &LineInfo = program.line_info.iter().rev().find(|info| info.insn <= insn)?;
    let btf = object.btf.as_ref()?;
    let path = btf.string(info.file_name_off);
    let code = btf.string(info.line_off).replace('\t', " ");
    let file = near(path);
    Some(Source { file, line: info.line(), column: info.column() as usize, code })
}

/// A path as it is seen from here; of a file that lies elsewhere, its name.
fn near(path: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let below = Path::new(path).strip_prefix(here).ok().and_then(Path::to_str);
    let name = || path.rsplit('/').next().unwrap_or(path);
    below.unwrap_or_else(name).to_owned()
}
