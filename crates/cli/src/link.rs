//! `skep link`: attachments that are objects, in bpftool's words.
//!
//! In reading order: this file (the verbs and `show`), `detail` (what a link is attached to).

pub(crate) mod detail;

use std::sync::Arc;

use skep_btf::Value;
use skep_loader::Link;
use skep_uapi::{Kernel, LinkInfo, LinkType};

use crate::context::Context;
use crate::select;
use crate::words::Words;
use detail::Names;

/// What may stand behind the noun.
pub(crate) const USAGE: &str = "\
skep link { show | list } [LINK]
       skep link pin LINK PATH
       skep link detach LINK

       LINK := { id ID | pinned PATH }
       A detached link stays, attached to nothing, for as long as something holds it.
";

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    if words.peek().is_none() {
        return show(context, words);
    }
    match words.one_of(&["show", "list", "pin", "detach", "help"])? {
        "show" | "list" => show(context, words),
        "pin" => pin(context, words),
        "detach" => detach(context, words),
        _ => context.output.usage(USAGE),
    }
}

/// All links, or the one that is named.
fn show(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let is_list = words.peek().is_none();
    let links: Vec<Link> = if is_list {
        Link::all(kernel).collect::<Result<_, _>>()?
    } else {
        vec![select::link(kernel, &mut words)?]
    };
    words.end()?;
    let infos: Vec<LinkInfo> = links.iter().map(Link::info).collect::<Result<_, _>>()?;
    let names = Names::read(kernel);
    if !context.output.is_json() {
        let text = infos.iter().map(|info| plain(kernel, info, &names)).collect::<String>();
        return context.output.text(&text);
    }
    let mut values: Vec<Value> = infos.iter().map(|info| json(kernel, info, &names)).collect();
    // As in bpftool, one link that was asked for stands alone.
    context.output.json(if is_list { Value::Array(values) } else { values.swap_remove(0) })
}

fn pin(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let link = select::link(kernel, &mut words)?;
    let path = words.next("a path")?;
    words.end()?;
    link.pin(&path)?;
    context.output.done()
}

fn detach(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let link = select::link(kernel, &mut words)?;
    words.end()?;
    link.detach()?;
    context.output.done()
}

fn plain(kernel: &Arc<dyn Kernel>, info: &LinkInfo, names: &Names) -> String {
    // bpftool leaves two blanks behind everything.
    let mut text = match info.link_type {
        LinkType::STRUCT_OPS => format!("{}: {}  ", info.id, word(info.link_type)),
        kind => format!("{}: {}  prog {}  ", info.id, word(kind), info.prog_id),
    };
    for line in detail::plain(kernel, info, names) {
        // That of an iterator stands beside the program.
        let before = if info.link_type == LinkType::ITER { "" } else { "\n\t" };
        text.push_str(&format!("{before}{line}  "));
    }
    text.push('\n');
    text
}

fn json(kernel: &Arc<dyn Kernel>, info: &LinkInfo, names: &Names) -> Value {
    let mut members = vec![("id".to_owned(), info.id.into())];
    members.push((
        "type".to_owned(),
        match info.link_type.label() {
            Some(label) => label.into(),
            None => info.link_type.0.into(),
        },
    ));
    if info.link_type != LinkType::STRUCT_OPS {
        members.push(("prog_id".to_owned(), info.prog_id.into()));
    }
    members.extend(detail::json(kernel, info, names));
    Value::Object(members)
}

/// The type, or its number where it has no word.
pub(crate) fn word(link_type: LinkType) -> String {
    link_type.label().map_or_else(|| format!("type {}", link_type.0), str::to_owned)
}
