//! `skep btf`: shows type information, in bpftool's words.
//!
//! In reading order: this file (the verbs and `dump`), `show`.

mod show;

use std::fs;

use anyhow::{Context as _, bail};
use object::{Object as _, ObjectSection as _};
use skep_btf::{Btf, Value};
use skep_loader::BtfObject;

use crate::context::Context;
use crate::select;
use crate::words::{Usage, Words};

/// What may stand behind the noun.
pub(crate) const USAGE: &str = "\
skep btf { show | list } [id ID]
       skep btf dump SOURCE [format raw]

       SOURCE := file PATH | id ID | prog PROG | map MAP [key | value | kv | all]
       PROG := id ID | pinned FILE | tag TAG | name NAME
       MAP := id ID | pinned FILE | name NAME
       PATH is an object, or a file such as /sys/kernel/btf/vmlinux
";

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    if words.peek().is_none() {
        return show::run(context, words);
    }
    match words.one_of(&["show", "list", "dump", "help"])? {
        "show" | "list" => show::run(context, words),
        "dump" => dump(context, words),
        _ => context.output.usage(USAGE),
    }
}

fn dump(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let (btf, roots) = match words.one_of(&["file", "id", "prog", "map"])? {
        "file" => (of_file(context, &words.next("a path")?)?, Vec::new()),
        "id" => {
            let kernel = context.kernel()?;
            (BtfObject::from_id(kernel, words.number_u32("an id")?)?.types()?, Vec::new())
        }
        "prog" => {
            let kernel = context.kernel()?;
            let prog = select::prog(kernel, &mut words)?;
            let btf = prog.btf()?;
            (btf.with_context(|| format!("prog {} has no BTF", prog.title()))?, Vec::new())
        }
        _ => of_map(context, &mut words)?,
    };
    if words.take("format") {
        let format = words.next("a format")?;
        if format != "raw" {
            return Err(Usage(format!("expected format raw, found `{format}`")).into());
        }
    }
    words.end()?;
    if context.output.is_json() {
        return context.output.json(chosen_json(btf.raw_json(), &roots));
    }
    context.output.text(&chosen_text(&btf.raw().to_string(), &roots))
}

/// Of the lines those of the roots, if there are any: `[ID] ...`, then members behind tabs.
fn chosen_text(text: &str, roots: &[u32]) -> String {
    let mut is_chosen = true;
    let mut chosen = String::new();
    for line in text.split_inclusive('\n') {
        if let Some((id, _)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            is_chosen = roots.is_empty() || id.parse().is_ok_and(|id| roots.contains(&id));
        }
        if is_chosen {
            chosen.push_str(line);
        }
    }
    chosen
}

/// Of the member `types` those of the roots, if there are any.
fn chosen_json(mut value: Value, roots: &[u32]) -> Value {
    let is_chosen = |ty: &Value| match ty {
        Value::Object(members) => members.iter().any(|(name, id)| {
            name == "id"
                && matches!(id, Value::Int(id) if roots.iter().any(|it| *id == i128::from(*it)))
        }),
        _ => false,
    };
    if let Value::Object(members) = &mut value
        && let Some((_, Value::Array(types))) = members.first_mut()
        && !roots.is_empty()
    {
        types.retain(is_chosen);
    }
    value
}

/// The types of a map: all, or only those that its keys and values begin with.
fn of_map(context: &Context<'_>, words: &mut Words) -> anyhow::Result<(Btf, Vec<u32>)> {
    let kernel = context.kernel()?;
    let map = select::map(kernel, words)?;
    let btf = map.btf()?.with_context(|| format!("map {} has no BTF", map.title()))?;
    let (key, value) = (map.info().btf_key_type_id, map.info().btf_value_type_id);
    let roots = match words.peek() {
        Some("key") => vec![key],
        Some("value") => vec![value],
        Some("kv") => vec![key, value],
        Some("all") => Vec::new(),
        _ => return Ok((btf, vec![key, value])),
    };
    words.opt_next();
    Ok((btf, roots))
}

/// Of an ELF file the section `.BTF`, of any other file its whole content.
fn of_file(context: &Context<'_>, path: &str) -> anyhow::Result<Btf> {
    // What lies in sysfs is the kernel's own, and each kernel has another.
    let bytes = if path.starts_with("/sys/") {
        context.kernel()?.file(path).map_err(anyhow::Error::from)
    } else {
        fs::read(path).map_err(anyhow::Error::from)
    };
    let bytes = bytes.with_context(|| format!("cannot read {path}"))?;
    let section = if bytes.starts_with(b"\x7fELF") {
        let elf =
            object::File::parse(&*bytes).with_context(|| format!("{path}: damaged ELF file"))?;
        let Some(section) = elf.section_by_name(".BTF") else {
            bail!("{path}: no section .BTF; compile with -g");
        };
        section.data().with_context(|| format!("{path}: section .BTF"))?.to_vec()
    } else {
        bytes
    };
    Btf::parse(&section).with_context(|| path.to_owned())
}
