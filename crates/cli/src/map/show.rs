//! `skep map show`: what a kernel says about maps.

use std::fmt::Write as _;

use skep_btf::Value;
use skep_loader::Map;
use skep_uapi::ProgType;

use crate::context::Context;
use crate::select;
use crate::words::Words;

/// All maps, or those that are named.
pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let is_list = words.peek().is_none();
    let maps: Vec<Map> = if is_list {
        Map::all(kernel).collect::<Result<_, _>>()?
    } else {
        select::maps(kernel, &mut words)?
    };
    words.end()?;
    if !context.output.is_json() {
        return context.output.text(&maps.iter().map(plain).collect::<String>());
    }
    let mut values: Vec<Value> = maps.iter().map(json).collect();
    // As in bpftool, one map that was asked for stands alone.
    let is_one = !is_list && values.len() == 1;
    context.output.json(if is_one { values.swap_remove(0) } else { Value::Array(values) })
}

/// The line that names a map before its elements, where there are several.
pub(crate) fn heading(map: &Map) -> String {
    let info = map.info();
    let mut line = format!("{}: {}  ", info.id, info.map_type);
    // Writing to a String cannot fail.
    if !info.name.is_empty() {
        let _ = write!(line, "name {}  ", info.name);
    }
    let _ = writeln!(line, "flags {:#x}", info.map_flags);
    line
}

/// The same in JSON, as the first members of an object.
pub(crate) fn json_heading(map: &Map) -> Vec<(String, Value)> {
    let info = map.info();
    let mut members =
        vec![member("id", info.id), member("type", info.map_type.to_string().as_str())];
    if !info.name.is_empty() {
        members.push(member("name", info.name.to_string().as_str()));
    }
    members.push(member("flags", info.map_flags));
    members
}

fn plain(map: &Map) -> String {
    let (info, beside) = (map.info(), Beside::of(map));
    let mut text = heading(map);
    let _ = write!(
        text,
        "\tkey {}B  value {}B  max_entries {}",
        info.key_size, info.value_size, info.max_entries
    );
    if let Some(memlock) = beside.memlock {
        let _ = write!(text, "  memlock {memlock}B");
    }
    text.push('\n');
    if let Some(owner) = beside.owner {
        let jited = if beside.owner_jited { "owner jited" } else { "owner not jited" };
        let _ = writeln!(text, "\towner_prog_type {owner}  {jited}");
    }
    let btf = (info.btf_id != 0).then(|| format!("btf_id {}", info.btf_id));
    let frozen = (beside.frozen == Some(true)).then(|| "frozen".to_owned());
    let last: Vec<String> = btf.into_iter().chain(frozen).collect();
    if !last.is_empty() {
        let _ = writeln!(text, "\t{}", last.join("  "));
    }
    text
}

fn json(map: &Map) -> Value {
    let (info, beside) = (map.info(), Beside::of(map));
    let mut members = json_heading(map);
    members.push(member("bytes_key", info.key_size));
    members.push(member("bytes_value", info.value_size));
    members.push(member("max_entries", info.max_entries));
    if let Some(memlock) = beside.memlock {
        members.push(member("bytes_memlock", memlock));
    }
    if let Some(owner) = beside.owner {
        members.push(member("owner_prog_type", owner.to_string().as_str()));
        members.push(member("owner_jited", Value::Bool(beside.owner_jited)));
    }
    if let Some(frozen) = beside.frozen {
        members.push(member("frozen", u32::from(frozen)));
    }
    if info.btf_id != 0 {
        members.push(member("btf_id", info.btf_id));
    }
    Value::Object(members)
}

fn member(name: &str, value: impl Into<Value>) -> (String, Value) {
    (name.to_owned(), value.into())
}

/// What a kernel says in the descriptor's own file only.
struct Beside {
    memlock: Option<u64>,
    frozen: Option<bool>,
    /// The type of the programs in a map of programs, once one was put there.
    owner: Option<ProgType>,
    owner_jited: bool,
}

impl Beside {
    fn of(map: &Map) -> Beside {
        let fields = map.handle().fdinfo();
        let number = |name: &str| fields.get(name).and_then(|value| value.parse::<u64>().ok());
        let owner = number("owner_prog_type").and_then(|number| u32::try_from(number).ok());
        Beside {
            memlock: number("memlock"),
            frozen: number("frozen").map(|frozen| frozen != 0),
            owner: owner.map(ProgType),
            owner_jited: number("owner_jited").is_some_and(|jited| jited != 0),
        }
    }
}
