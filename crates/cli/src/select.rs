//! bpftool's ways to name an object: `id`, `pinned`, `name`, and for programs `tag`.

use std::sync::Arc;

use anyhow::bail;
use skep_loader::{Link, Map, Prog};
use skep_uapi::Kernel;

use crate::words::{Usage, Words};

/// `MAP := { id ID | pinned FILE | name NAME }`: every map that fits; one at least.
pub(crate) fn maps(kernel: &Arc<dyn Kernel>, words: &mut Words) -> anyhow::Result<Vec<Map>> {
    match words.one_of(&["id", "name", "pinned"])? {
        "id" => Ok(vec![Map::from_id(kernel, words.number_u32("an id")?)?]),
        "pinned" => Ok(vec![Map::from_pin(kernel, &words.next("a path")?)?]),
        _ => {
            let name = words.next("a name")?;
            some(Map::by_name(kernel, &name)?, || format!("no map named {name}; see `map list`"))
        }
    }
}

/// `PROG := { id ID | pinned FILE | tag TAG | name NAME }`: every program that fits; one at least.
pub(crate) fn progs(kernel: &Arc<dyn Kernel>, words: &mut Words) -> anyhow::Result<Vec<Prog>> {
    match words.one_of(&["id", "tag", "name", "pinned"])? {
        "id" => Ok(vec![Prog::from_id(kernel, words.number_u32("an id")?)?]),
        "pinned" => Ok(vec![Prog::from_pin(kernel, &words.next("a path")?)?]),
        "tag" => {
            let word = words.next("a tag")?;
            let progs = Prog::by_tag(kernel, tag(&word)?)?;
            some(progs, || format!("no program with tag {word}; see `prog list`"))
        }
        _ => {
            let name = words.next("a name")?;
            let progs = Prog::by_name(kernel, &name)?;
            some(progs, || format!("no program named {name}; see `prog list`"))
        }
    }
}

/// The one map that fits.
pub(crate) fn map(kernel: &Arc<dyn Kernel>, words: &mut Words) -> anyhow::Result<Map> {
    one(maps(kernel, words)?, "maps", |map| Ok(map.info().id))
}

/// The one program that fits.
pub(crate) fn prog(kernel: &Arc<dyn Kernel>, words: &mut Words) -> anyhow::Result<Prog> {
    one(progs(kernel, words)?, "programs", |prog| Ok(prog.facts()?.id))
}

/// `LINK := { id ID | pinned FILE }`.
pub(crate) fn link(kernel: &Arc<dyn Kernel>, words: &mut Words) -> anyhow::Result<Link> {
    match words.one_of(&["id", "pinned"])? {
        "id" => Ok(Link::from_id(kernel, words.number_u32("an id")?)?),
        _ => Ok(Link::from_pin(kernel, &words.next("a path")?)?),
    }
}

fn some<T>(found: Vec<T>, none: impl FnOnce() -> String) -> anyhow::Result<Vec<T>> {
    if found.is_empty() { bail!(none()) } else { Ok(found) }
}

fn one<T>(
    mut found: Vec<T>,
    kind: &str,
    id: impl Fn(&T) -> anyhow::Result<u32>,
) -> anyhow::Result<T> {
    if found.len() > 1 {
        let ids: anyhow::Result<Vec<String>> =
            found.iter().map(|it| id(it).map(|id| id.to_string())).collect();
        bail!("several {kind} fit, choose one by its id: {}", ids?.join(", "));
    }
    Ok(found.swap_remove(0))
}

/// Eight bytes, in hexadecimal.
fn tag(word: &str) -> Result<[u8; 8], Usage> {
    let number = u64::from_str_radix(word, 16).ok().filter(|_| word.len() == 16);
    let wrong = || Usage(format!("expected a tag of 16 hexadecimal digits, found `{word}`"));
    number.map(u64::to_be_bytes).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_have_sixteen_digits() {
        assert_eq!(tag("0123456789abcdef"), Ok([1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]));
        for wrong in ["", "0123", "0123456789abcdeg", "+123456789abcdef0"] {
            assert!(tag(wrong).is_err(), "{wrong}");
        }
    }
}
