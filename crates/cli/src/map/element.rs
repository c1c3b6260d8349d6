//! One element of a map: `lookup`, `update`, `delete`, `getnext`.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use skep_btf::Value;
use skep_loader::{Handle, Map, Prog};
use skep_uapi::{Errno, Kernel, MapType, flags};

use super::data;
use crate::context::Context;
use crate::words::{Usage, Words};
use crate::{dump, select};

pub(crate) fn lookup(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let map = select::map(context.kernel()?, &mut words)?;
    let key = key(&map, &mut words)?;
    words.end()?;
    let Some(value) = map.lookup(&key)? else {
        return absent(context, &map, &key);
    };
    let types = dump::Types::of(&map)?;
    let element = (key, value);
    if context.output.is_json() {
        return context.output.json(dump::json_element(&map, types.as_ref(), &element)?);
    }
    match &types {
        Some(types) => {
            let formatted = dump::formatted(&map, types, &element)?;
            context.output.text(&format!("{}\n", formatted.plain()))
        }
        None if element.0.is_empty() => {
            context.output.text(&format!("value: {}\n", dump::hex(&element.1)))
        }
        None => context.output.text(&dump::plain_bytes(&map, &element)),
    }
}

pub(crate) fn update(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let map = select::map(kernel, &mut words)?;
    let key = key(&map, &mut words)?;
    if !words.take("value") {
        return Err(expected("`value VALUE`", &words).into());
    }
    let value = Given::read(kernel, &map, &mut words)?;
    let flags = match words.peek() {
        None => flags::elem::ANY,
        Some(_) => match words.one_of(&["any", "exist", "noexist"])? {
            "exist" => flags::elem::EXIST,
            "noexist" => flags::elem::NOEXIST,
            _ => flags::elem::ANY,
        },
    };
    words.end()?;
    match map.update(&key, &value.bytes, flags) {
        Err(error) if error.errno() == Some(Errno::EPERM) && is_frozen(&map) => {
            bail!("cannot update map {}: it is frozen, so nobody can write it", map.title())
        }
        done => {
            done?;
            context.output.done()
        }
    }
}

pub(crate) fn delete(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let map = select::map(context.kernel()?, &mut words)?;
    let key = key(&map, &mut words)?;
    words.end()?;
    if !map.delete(&key)? {
        return Err(no_key(&map, &key));
    }
    context.output.done()
}

pub(crate) fn getnext(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let map = select::map(context.kernel()?, &mut words)?;
    let key = match words.peek() {
        None => None,
        Some(_) => Some(key(&map, &mut words)?),
    };
    words.end()?;
    let Some(next) = map.next_key(key.as_deref())? else {
        return Err(match &key {
            None => anyhow!("map {} is empty: there is no first key", map.title()),
            Some(key) => anyhow!("map {}: there is no key after {}", map.title(), one_line(key)),
        });
    };
    if context.output.is_json() {
        let key = key.map_or(Value::Null, |key| dump::json_bytes(&key));
        let next = dump::json_bytes(&next);
        return context.output.json(Value::object([("key", key), ("next_key", next)]));
    }
    let key = key.map_or(" None".to_owned(), |key| format!("\n{}", dump::hex(&key)));
    context.output.text(&format!("key:{key}\nnext key:\n{}\n", dump::hex(&next)))
}

fn is_frozen(map: &Map) -> bool {
    map.handle().fdinfo().get("frozen").is_some_and(|frozen| frozen == "1")
}

/// `key DATA`; a map without keys, such as a queue, takes none.
fn key(map: &Map, words: &mut Words) -> Result<Vec<u8>, Usage> {
    if map.key_bytes() == 0 {
        return Ok(Vec::new());
    }
    if !words.take("key") {
        return Err(expected("`key DATA`", words));
    }
    data::bytes(words, "a key", map.key_bytes())
}

/// A value to be stored.
struct Given {
    bytes: Vec<u8>,
    /// What the value names by its descriptor stays open until it is stored.
    _held: Option<Held>,
}

#[expect(dead_code, reason = "a program or map is held, not looked at")]
enum Held {
    Prog(Prog),
    Map(Map),
}

impl Given {
    /// `{ DATA | MAP | PROG }`: maps of programs and of maps take what they hold by descriptor.
    /// On every CPU a per-CPU map gets the same value.
    fn read(kernel: &Arc<dyn Kernel>, map: &Map, words: &mut Words) -> anyhow::Result<Given> {
        let by_fd = |handle: &Handle| handle.fd().0.to_ne_bytes().to_vec();
        match map.info().map_type {
            MapType::PROG_ARRAY => {
                let prog = select::prog(kernel, words)?;
                Ok(Given { bytes: by_fd(prog.handle()), _held: Some(Held::Prog(prog)) })
            }
            MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS => {
                let inner = select::map(kernel, words)?;
                Ok(Given { bytes: by_fd(inner.handle()), _held: Some(Held::Map(inner)) })
            }
            _ => {
                let mut slot = data::bytes(words, "a value", map.info().value_size as usize)?;
                slot.resize(map.slot_bytes(), 0);
                Ok(Given { bytes: slot.repeat(map.slots()), _held: None })
            }
        }
    }
}

/// Says in bpftool's words that there is no such key, which is a failure all the same.
fn absent(context: &Context<'_>, map: &Map, key: &[u8]) -> anyhow::Result<()> {
    if context.output.is_json() {
        context.output.json(Value::Null)?;
        context.output.error_is_told();
    } else {
        context.output.text(&format!("key:\n{}\n\nNot found\n", dump::hex(key)))?;
    }
    Err(no_key(map, key))
}

fn no_key(map: &Map, key: &[u8]) -> anyhow::Error {
    anyhow!("map {}: no key {}", map.title(), one_line(key))
}

fn one_line(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn expected(what: &str, words: &Words) -> Usage {
    let found = words.peek().map_or("the end".to_owned(), |word| format!("`{word}`"));
    Usage(format!("expected {what}, found {found}"))
}
