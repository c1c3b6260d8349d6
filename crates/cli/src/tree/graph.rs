//! The objects that a kernel holds, and what each of them holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use skep_loader::{BtfObject, Link, Map, Prog};
use skep_uapi::{Kernel, LinkInfo, LinkInfoDetail, LinkType, MapType};

use crate::link::{self, detail::Names};

/// A kind of object, in the order in which they hold each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Link,
    Prog,
    Map,
    Btf,
}

/// An object, by kind and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) id: u32,
}

/// What is known of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    /// Its type; type information has none.
    pub(super) type_word: String,
    /// Its name, if it has one, or what a link is attached to.
    pub(super) name: String,
    pub(super) holds: Vec<Node>,
    /// It is the kernel's own or a module's, which need nobody else to hold it.
    pub(super) is_kernels: bool,
    /// Of an XDP or network namespace link: the device (0 where it is none) and the program, so
    /// that what it attaches is not taken for an attachment of its own.
    pub(super) attaches: Option<(u32, u32)>,
}

/// Every object.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) objects: BTreeMap<Node, Object>,
}

impl Graph {
    /// Asks the kernel for everything that it holds.
    pub(super) fn read(kernel: &Arc<dyn Kernel>, names: &Names) -> anyhow::Result<Graph> {
        let mut graph = Graph::default();
        for link in Link::all(kernel) {
            let info = link?.info()?;
            graph.add(Kind::Link, info.id, of_link(kernel, &info, names));
        }
        for prog in Prog::all(kernel) {
            let facts = prog?.facts()?;
            let maps = facts.map_ids.iter().map(|id| Node { kind: Kind::Map, id: *id });
            let object = Object {
                type_word: facts.prog_type.to_string(),
                name: facts.name.to_string(),
                holds: maps.chain(btf(facts.btf_id)).collect(),
                ..Object::default()
            };
            graph.add(Kind::Prog, facts.id, object);
        }
        for map in Map::all(kernel) {
            let map = map?;
            let info = map.info();
            let object = Object {
                type_word: info.map_type.to_string(),
                name: info.name.to_string(),
                holds: elements(&map)?.into_iter().chain(btf(info.btf_id)).collect(),
                ..Object::default()
            };
            graph.add(Kind::Map, info.id, object);
        }
        for btf in BtfObject::all(kernel) {
            let facts = btf?.facts()?;
            let object = Object { name: facts.name, is_kernels: facts.kernel, ..Object::default() };
            graph.add(Kind::Btf, facts.id, object);
        }
        Ok(graph)
    }

    fn add(&mut self, kind: Kind, id: u32, object: Object) {
        self.objects.insert(Node { kind, id }, object);
    }

    /// Only what a later look has found too.
    pub(super) fn still_in(mut self, later: &Graph) -> Graph {
        self.objects.retain(|node, _| later.objects.contains_key(node));
        let there: BTreeSet<Node> = self.objects.keys().copied().collect();
        for object in self.objects.values_mut() {
            object.holds.retain(|held| there.contains(held));
        }
        self
    }

    /// What an object holds; nothing is known of one that has gone.
    pub(super) fn holds(&self, node: Node) -> &[Node] {
        self.objects.get(&node).map_or(&[], |object| &object.holds)
    }

    /// What can be reached from some objects, those included.
    pub(super) fn reach(&self, from: impl IntoIterator<Item = Node>) -> BTreeSet<Node> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<Node> = from.into_iter().collect();
        while let Some(node) = waiting.pop() {
            if reached.insert(node) {
                waiting.extend(self.holds(node));
            }
        }
        reached
    }

    /// The objects from which `node` can be reached, that one included.
    pub(super) fn leading_to(&self, node: Node) -> BTreeSet<Node> {
        let leads = |from: &Node| self.reach([*from]).contains(&node);
        self.objects.keys().copied().filter(leads).collect()
    }

    /// Only what leads to an object and what it holds itself, without the branches beside.
    pub(super) fn narrowed_to(mut self, node: Node) -> Graph {
        let (leading, below) = (self.leading_to(node), self.reach([node]));
        self.objects.retain(|it, _| leading.contains(it) || below.contains(it));
        for (it, object) in &mut self.objects {
            if !below.contains(it) {
                object.holds.retain(|held| leading.contains(held));
            }
        }
        self
    }

    /// Only what can be reached from these objects.
    pub(super) fn reached_from(mut self, from: impl IntoIterator<Item = Node>) -> Graph {
        let reached = self.reach(from);
        self.objects.retain(|it, _| reached.contains(it));
        self
    }

    /// Where to begin so that all is shown that `held` does not lead to. Objects that hold each
    /// other in a circle begin at one of them.
    pub(super) fn roots_beside(&self, held: impl IntoIterator<Item = Node>) -> Vec<Node> {
        let mut shown = self.reach(held);
        let unseen = |shown: &BTreeSet<Node>| {
            let objects = self.objects.iter();
            let unseen = objects.filter(|(it, object)| !object.is_kernels && !shown.contains(it));
            unseen.map(|(it, _)| *it).collect::<Vec<Node>>()
        };
        let first = unseen(&shown);
        let others = |node: &Node| {
            let node = *node;
            self.holds(node).iter().copied().filter(move |held| *held != node)
        };
        let is_held: BTreeSet<Node> = first.iter().flat_map(others).collect();
        let mut roots: Vec<Node> = first.into_iter().filter(|it| !is_held.contains(it)).collect();
        shown.extend(self.reach(roots.iter().copied()));
        while let Some(node) = unseen(&shown).first() {
            roots.push(*node);
            shown.extend(self.reach([*node]));
        }
        roots
    }

    /// Whether a link attaches this program to this device (0: to a network namespace).
    pub(super) fn is_attached_by_link(&self, ifindex: u32, prog_id: u32) -> bool {
        self.objects.values().any(|object| object.attaches == Some((ifindex, prog_id)))
    }
}

fn of_link(kernel: &Arc<dyn Kernel>, info: &LinkInfo, names: &Names) -> Object {
    let prog = Node { kind: Kind::Prog, id: info.prog_id };
    let map = |id: u32| Node { kind: Kind::Map, id };
    let (holds, attaches) = match info.detail {
        LinkInfoDetail::StructOps { map_id } => (vec![map(map_id)], None),
        LinkInfoDetail::Sockmap { map_id, .. } => (vec![prog, map(map_id)], None),
        LinkInfoDetail::Xdp { ifindex } => (vec![prog], Some((ifindex, info.prog_id))),
        LinkInfoDetail::Netns { .. } => (vec![prog], Some((0, info.prog_id))),
        _ => (vec![prog], None),
    };
    let name = match info.link_type {
        // The map is shown below it.
        LinkType::STRUCT_OPS => String::new(),
        _ => link::detail::plain(kernel, info, names).join("  "),
    };
    Object { type_word: link::word(info.link_type), name, holds, attaches, ..Object::default() }
}

fn btf(id: u32) -> Option<Node> {
    (id != 0).then_some(Node { kind: Kind::Btf, id })
}

/// The programs or maps in a map of such; their ids are what a look-up gives.
fn elements(map: &Map) -> anyhow::Result<Vec<Node>> {
    let kind = match map.info().map_type {
        MapType::PROG_ARRAY => Kind::Prog,
        MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS => Kind::Map,
        _ => return Ok(Vec::new()),
    };
    let mut found = BTreeSet::new();
    for key in map.keys() {
        let value = map.lookup(&key?)?;
        let id = value.and_then(|value| value.first_chunk().copied()).map(u32::from_ne_bytes);
        found.extend(id.map(|id| Node { kind, id }));
    }
    Ok(found.into_iter().collect())
}

impl Kind {
    /// The noun.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Kind::Link => "link",
            Kind::Prog => "prog",
            Kind::Map => "map",
            Kind::Btf => "btf",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        let kind = match &text[..1] {
            "l" => Kind::Link,
            "p" => Kind::Prog,
            "m" => Kind::Map,
            _ => Kind::Btf,
        };
        Node { kind, id: text[1..].parse().expect("a letter and a number") }
    }

    fn nodes(text: &str) -> Vec<Node> {
        text.split_whitespace().map(node).collect()
    }

    /// `l1: p2; p2: m3`.
    fn graph(text: &str) -> Graph {
        let objects = text.split(';').map(|object| {
            let (name, holds) = object.split_once(':').expect("NAME: HOLDS");
            (node(name.trim()), Object { holds: nodes(holds), ..Object::default() })
        });
        Graph { objects: objects.collect() }
    }

    #[test]
    fn what_nobody_holds_begins_at_its_roots() {
        let check = |text: &str, held: &str, expect: &str| {
            let roots = graph(text).roots_beside(nodes(held));
            assert_eq!(roots, nodes(expect), "{text} beside {held}");
        };
        let plain = "l1: p1; p1: m1 b1; m1: b1; b1:; m2:";
        check(plain, "", "l1 m2");
        check(plain, "l1", "m2");
        check(plain, "p1", "l1 m2");
        check(plain, "m2", "l1");
        // A program in the array that it jumps through.
        check("p1: m1; m1: p1", "", "p1");
        check("p1: m1; m1: p1; m2: m1", "", "m2");
    }

    #[test]
    fn narrowed_to_one_object() {
        let check = |wanted: &str, expect: &str| {
            let graph = graph("l1: p1; p1: m1 m2 b1; p2: m2; m1: b1; m2:; b1:");
            let found = graph.narrowed_to(node(wanted));
            let holds = |(node, object): (&Node, &Object)| {
                let name = |node: &Node| format!("{}{}", &node.kind.word()[..1], node.id);
                let held: Vec<String> = object.holds.iter().map(name).collect();
                format!("{}: {}", name(node), held.join(" "))
            };
            let found: Vec<String> = found.objects.iter().map(holds).collect();
            assert_eq!(found.join("; "), expect, "{wanted}");
        };
        check("m2", "l1: p1; p1: m2; p2: m2; m2: ");
        check("p1", "l1: p1; p1: m1 m2 b1; m1: b1; m2: ; b1: ");
        check("b1", "l1: p1; p1: m1 b1; m1: b1; b1: ");
    }
}
