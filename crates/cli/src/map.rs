//! `skep map`: maps, in bpftool's words.
//!
//! In reading order: this file (the verbs), `create`, `show`, `element` (one element looked up,
//! updated, deleted) with `data` (bytes as they are typed). What a whole map holds is shown by
//! `crate::dump`.

mod create;
mod data;
mod element;
mod show;

use anyhow::bail;
use skep_btf::Value;
use skep_loader::Map;

use crate::context::Context;
use crate::words::Words;
use crate::{dump, select};

/// What may stand behind the noun.
pub(crate) const USAGE: &str = "\
skep map { show | list } [MAP]
       skep map create PATH type TYPE key KEY_SIZE value VALUE_SIZE entries MAX_ENTRIES \\
                       name NAME [flags FLAGS] [inner_map MAP]
       skep map dump MAP
       skep map lookup MAP [key DATA]
       skep map update MAP [key DATA] value VALUE [{ any | exist | noexist }]
       skep map delete MAP key DATA
       skep map getnext MAP [key DATA]
       skep map pin MAP PATH
       skep map freeze MAP

       MAP := { id ID | pinned PATH | name NAME }
       PROG := { id ID | pinned PATH | tag TAG | name NAME }
       DATA := { [hex] BYTES }, as many as the map's keys have, such as 0x0a 0 0 0
       VALUE := { DATA | MAP | PROG }
       TYPE is the kernel's word: hash, array, percpu_hash, percpu_array, lru_hash, ...
";

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    if words.peek().is_none() {
        return show::run(context, words);
    }
    let verbs = [
        "show", "list", "create", "dump", "lookup", "update", "delete", "getnext", "pin", "freeze",
        "help",
    ];
    match words.one_of(&verbs)? {
        "show" | "list" => show::run(context, words),
        "create" => create::run(context, words),
        "dump" => dump(context, words),
        "lookup" => element::lookup(context, words),
        "update" => element::update(context, words),
        "delete" => element::delete(context, words),
        "getnext" => element::getnext(context, words),
        "pin" => pin(context, words),
        "freeze" => freeze(context, words),
        _ => context.output.usage(USAGE),
    }
}

/// Every element of the maps that are named.
fn dump(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let maps = select::maps(kernel, &mut words)?;
    words.end()?;
    let read: Vec<Content<'_>> = maps.iter().map(Content::of).collect::<anyhow::Result<_>>()?;
    if let [content] = read.as_slice() {
        return match context.output.is_json() {
            true => context.output.json(content.json()?),
            false => context.output.text(&content.plain()?),
        };
    }
    // As in bpftool, types make the plain form JSON, and so all of it where any map has them.
    let is_typed = read.iter().any(|content| content.types.is_some());
    if context.output.is_json() {
        let all = read.iter().map(|content| content.below_heading(content.json()?));
        return context.output.json(Value::Array(all.collect::<anyhow::Result<_>>()?));
    }
    if is_typed {
        let all = read.iter().map(|content| content.below_heading(content.typed()?));
        let all = Value::Array(all.collect::<anyhow::Result<_>>()?);
        return context.output.text(&format!("{}\n", all.plain()));
    }
    let one = |content: &Content<'_>| Ok(show::heading(content.map) + &content.plain()?);
    let all: Vec<String> = read.iter().map(one).collect::<anyhow::Result<_>>()?;
    context.output.text(&all.join("\n"))
}

/// What a map holds, read.
struct Content<'m> {
    map: &'m Map,
    types: Option<dump::Types>,
    elements: Vec<dump::Element>,
}

impl Content<'_> {
    fn of(map: &Map) -> anyhow::Result<Content<'_>> {
        if map.key_bytes() == 0 {
            let kind = map.info().map_type;
            bail!("map {}: expected a map with keys, found a {kind}", map.title());
        }
        Ok(Content { map, types: dump::Types::of(map)?, elements: dump::elements(map)? })
    }

    fn plain(&self) -> anyhow::Result<String> {
        dump::plain(self.map, self.types.as_ref(), &self.elements)
    }

    fn json(&self) -> anyhow::Result<Value> {
        dump::json(self.map, self.types.as_ref(), &self.elements)
    }

    /// By the types, or as bytes where this map has none.
    fn typed(&self) -> anyhow::Result<Value> {
        let Some(types) = &self.types else { return self.json() };
        let typed = self.elements.iter().map(|it| dump::formatted(self.map, types, it));
        Ok(Value::Array(typed.collect::<anyhow::Result<_>>()?))
    }

    fn below_heading(&self, elements: Value) -> anyhow::Result<Value> {
        let mut members = show::json_heading(self.map);
        members.push(("elements".to_owned(), elements));
        Ok(Value::Object(members))
    }
}

fn pin(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let map = select::map(kernel, &mut words)?;
    let path = words.next("a path")?;
    words.end()?;
    map.pin(&path)?;
    context.output.done()
}

fn freeze(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let map = select::map(kernel, &mut words)?;
    words.end()?;
    map.freeze()?;
    context.output.done()
}
