//! `skep btf show`: what a kernel says about type information, and who uses it.

use std::sync::Arc;

use skep_btf::Value;
use skep_loader::{BtfFacts, BtfObject, Map, Prog};
use skep_uapi::Kernel;

use crate::context::Context;
use crate::words::Words;

/// All type information, or the one that is named.
pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let is_list = words.peek().is_none();
    let found: Vec<BtfObject> = if is_list {
        BtfObject::all(kernel).collect::<Result<_, _>>()?
    } else {
        words.one_of(&["id"])?;
        vec![BtfObject::from_id(kernel, words.number_u32("an id")?)?]
    };
    words.end()?;
    let facts: Vec<BtfFacts> = found.iter().map(BtfObject::facts).collect::<Result<_, _>>()?;
    let users = Users::read(kernel)?;
    if !context.output.is_json() {
        let text = facts.iter().map(|facts| plain(facts, &users)).collect::<String>();
        return context.output.text(&text);
    }
    let mut values: Vec<Value> = facts.iter().map(|facts| json(facts, &users)).collect();
    // As in bpftool, what was asked for alone stands alone.
    context.output.json(if is_list { Value::Array(values) } else { values.swap_remove(0) })
}

/// Which programs and maps use which type information, as ids: the user's, then the types'.
struct Users {
    progs: Vec<(u32, u32)>,
    maps: Vec<(u32, u32)>,
}

impl Users {
    fn read(kernel: &Arc<dyn Kernel>) -> anyhow::Result<Users> {
        let mut users = Users { progs: Vec::new(), maps: Vec::new() };
        for prog in Prog::all(kernel) {
            let facts = prog?.facts()?;
            users.progs.push((facts.id, facts.btf_id));
        }
        for map in Map::all(kernel) {
            let map = map?;
            users.maps.push((map.info().id, map.info().btf_id));
        }
        Ok(users)
    }
}

/// Those that use this type information.
fn of(users: &[(u32, u32)], btf_id: u32) -> impl Iterator<Item = u32> {
    users.iter().filter(move |(_, used)| *used == btf_id).map(|(user, _)| *user)
}

fn plain(facts: &BtfFacts, users: &Users) -> String {
    let name = match (facts.name.as_str(), facts.kernel) {
        ("", _) => "name <anon>".to_owned(),
        (name, true) => format!("name [{name}]"),
        (name, false) => format!("name {name}"),
    };
    let mut text = format!("{}: {name}  size {}B", facts.id, facts.bytes);
    for (word, users) in [("prog_ids", &users.progs), ("map_ids", &users.maps)] {
        let ids: Vec<String> = of(users, facts.id).map(|id| id.to_string()).collect();
        if !ids.is_empty() {
            text.push_str(&format!("  {word} {}", ids.join(",")));
        }
    }
    text.push('\n');
    text
}

fn json(facts: &BtfFacts, users: &Users) -> Value {
    let ids = |users| Value::Array(of(users, facts.id).map(Value::from).collect());
    let mut members = vec![
        ("id", facts.id.into()),
        ("size", (facts.bytes as u64).into()),
        ("prog_ids", ids(&users.progs)),
        ("map_ids", ids(&users.maps)),
        ("kernel", Value::Bool(facts.kernel)),
    ];
    if !facts.name.is_empty() {
        members.push(("name", facts.name.as_str().into()));
    }
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
