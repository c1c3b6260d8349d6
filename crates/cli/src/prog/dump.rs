//! `skep prog dump`: instructions as the kernel rewrote them, and machine code.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::bail;
use skep_btf::Value;
use skep_loader::Prog;

use super::listing::{Extras, Listing};
use super::{names, show};
use crate::context::Context;
use crate::words::Words;
use crate::{dump, new_file, select};

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let what = words.one_of(&["xlated", "jited"])?;
    let kernel = context.kernel()?;
    let progs = select::progs(kernel, &mut words)?;
    if words.take("file") {
        let path = words.next("a file")?;
        words.end()?;
        return image(context, what, &progs, Path::new(&path));
    }
    let mut extras = Extras::default();
    while what == "xlated" && words.peek().is_some() {
        match words.one_of(&["opcodes", "linum"])? {
            "opcodes" => extras.opcodes = true,
            _ => extras.linum = true,
        }
    }
    words.end()?;
    let mut text = String::new();
    let mut values = Vec::new();
    for (index, prog) in progs.iter().enumerate() {
        let (plain, json) = match what {
            "xlated" => xlated(prog, extras)?,
            _ => jited(prog)?,
        };
        if progs.len() == 1 {
            (text, values) = (plain, vec![json]);
            break;
        }
        let gap = if index > 0 { "\n" } else { "" };
        write!(text, "{gap}{}{plain}", show::heading(prog)?)?;
        let mut members = show::json_heading(prog)?;
        members.push(("insns".to_owned(), json));
        values.push(Value::Object(members));
    }
    if !context.output.is_json() {
        return context.output.text(&text);
    }
    let is_one = progs.len() == 1;
    context.output.json(if is_one { values.swap_remove(0) } else { Value::Array(values) })
}

fn xlated(prog: &Prog, extras: Extras) -> anyhow::Result<(String, Value)> {
    let slots = prog.xlated()?;
    if slots.is_empty() {
        bail!("the kernel does not show the instructions of prog {}", prog.title());
    }
    let listing = Listing::of(prog, slots)?;
    Ok((listing.plain(extras), listing.json(extras)))
}

/// Bytes, function by function: what they say depends on the machine.
fn jited(prog: &Prog) -> anyhow::Result<(String, Value)> {
    let code = machine_code(prog)?;
    let names = names::of_functions(prog)?;
    let mut rest = code.as_slice();
    let (mut text, mut functions) = (String::new(), Vec::new());
    for (name, len) in names {
        let (function, behind) = rest.split_at(rest.len().min(len));
        rest = behind;
        writeln!(text, "{name}:")?;
        for (row, bytes) in function.chunks(16).enumerate() {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(text, "{:4x}: {}", row * 16, hex.join(" "))?;
        }
        let bytes = dump::json_bytes(function);
        functions.push(Value::object([("name", name.as_str().into()), ("bytes", bytes)]));
    }
    Ok((text, Value::Array(functions)))
}

fn machine_code(prog: &Prog) -> anyhow::Result<Vec<u8>> {
    let code = prog.jited()?;
    if code.is_empty() {
        bail!(
            "prog {} has no machine code: this kernel interprets it, or does not show the code",
            prog.title()
        );
    }
    Ok(code)
}

/// Writes what the kernel gave, as it is.
fn image(context: &Context<'_>, what: &str, progs: &[Prog], path: &Path) -> anyhow::Result<()> {
    let [prog] = progs else {
        bail!("several programs fit, and one file holds one; choose by id (see `prog list`)");
    };
    let bytes = match what {
        "xlated" => prog.xlated()?.iter().flat_map(|insn| insn.to_le_bytes()).collect(),
        _ => machine_code(prog)?,
    };
    new_file::write(path, &bytes)?;
    context.output.done()
}
