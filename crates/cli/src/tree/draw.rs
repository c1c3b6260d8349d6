//! The tree as text, and as JSON.

use std::collections::BTreeSet;

use skep_btf::Value;

use super::graph::{Graph, Node};
use super::holders::{Attachment, Holders};

/// What there is, and who holds it.
pub(super) struct Tree {
    pub(super) graph: Graph,
    pub(super) holders: Holders,
}

/// A line, and those below it.
struct Branch {
    text: String,
    below: Vec<Branch>,
}

impl Tree {
    /// One tree for each way to hold something.
    pub(super) fn plain(&self) -> String {
        // What an object holds is shown where the object is first named.
        let mut shown = BTreeSet::new();
        let mut object = |before: String, node: Node| self.branch(before, node, &mut shown);
        let processes = self.holders.processes.iter().map(|process| {
            let fds = process.fds.iter().map(|(fd, node)| object(format!("fd {fd}: "), *node));
            let below = fds.collect();
            Branch { text: format!("{} {}", process.pid, process.comm), below }
        });
        let processes: Vec<Branch> = processes.collect();
        let pins = self.holders.pins.iter().map(|(path, node)| object(format!("{path}: "), *node));
        let pins: Vec<Branch> = pins.collect();
        let attachments = self.holders.attachments.iter();
        let attachments = attachments.map(|it| object(format!("{}: ", it.title()), it.node));
        let attachments: Vec<Branch> = attachments.collect();
        let nobody = self.nobody().into_iter().map(|node| object(String::new(), node)).collect();
        let parts = [
            ("processes", processes),
            ("pins", pins),
            ("attached without a link", attachments),
            ("held by nobody that is seen", nobody),
        ];
        let mut text = String::new();
        for (title, below) in parts.into_iter().filter(|(_, below)| !below.is_empty()) {
            text.push_str(&format!("{title}\n"));
            draw(&below, "", &mut text);
        }
        if text.is_empty() { "no objects\n".to_owned() } else { text }
    }

    /// The objects as a list, with what each holds; and the holders.
    pub(super) fn json(&self) -> Value {
        let processes = self.holders.processes.iter().map(|process| {
            let fds = process.fds.iter().map(|(fd, node)| named([("fd", (*fd).into())], *node));
            Value::object([
                ("pid", process.pid.into()),
                ("comm", process.comm.as_str().into()),
                ("fds", Value::Array(fds.collect())),
            ])
        });
        let pins = self.holders.pins.iter();
        let pins = pins.map(|(path, node)| named([("path", path.as_str().into())], *node));
        let attachments = self.holders.attachments.iter().map(|it| {
            let (devname, ifindex) = match &it.device {
                Some((name, ifindex)) => (name.as_str().into(), (*ifindex).into()),
                None => (Value::Null, Value::Null),
            };
            let how = ("how", it.how.as_str().into());
            named([("devname", devname), ("ifindex", ifindex), how], it.node)
        });
        let nobody = self.nobody().into_iter().map(|node| named([], node));
        let objects = self.graph.objects.keys().map(|node| self.object(*node));
        Value::object([
            ("processes", Value::Array(processes.collect())),
            ("pins", Value::Array(pins.collect())),
            ("attachments", Value::Array(attachments.collect())),
            ("nobody", Value::Array(nobody.collect())),
            ("objects", Value::Array(objects.collect())),
            ("hidden_processes", self.holders.hidden.into()),
        ])
    }

    fn nobody(&self) -> Vec<Node> {
        self.graph.roots_beside(self.holders.nodes())
    }

    fn branch(&self, before: String, node: Node, shown: &mut BTreeSet<Node>) -> Branch {
        let mut text = format!("{before}{} {}", node.kind.word(), node.id);
        if let Some(object) = self.graph.objects.get(&node) {
            for word in [&object.type_word, &object.name] {
                if !word.is_empty() {
                    text.push_str(&format!("  {word}"));
                }
            }
        }
        let holds = self.graph.holds(node);
        if !shown.insert(node) && !holds.is_empty() {
            text.push_str("  (see above)");
            return Branch { text, below: Vec::new() };
        }
        let below = holds.iter().map(|held| self.branch(String::new(), *held, shown)).collect();
        Branch { text, below }
    }

    fn object(&self, node: Node) -> Value {
        let Value::Object(mut members) = named([], node) else { return Value::Null };
        let Some(object) = self.graph.objects.get(&node) else { return Value::Null };
        for (name, word) in [("type", &object.type_word), ("name", &object.name)] {
            if !word.is_empty() {
                members.push((name.to_owned(), word.as_str().into()));
            }
        }
        if object.is_kernels {
            members.push(("kernel".to_owned(), Value::Bool(true)));
        }
        let holds = object.holds.iter().map(|held| named([], *held)).collect();
        members.push(("holds".to_owned(), Value::Array(holds)));
        Value::Object(members)
    }
}

impl Attachment {
    fn title(&self) -> String {
        match &self.device {
            Some((name, ifindex)) => format!("{name}({ifindex}) {}", self.how),
            None => self.how.clone(),
        }
    }
}

/// Members, then the object that they are about.
fn named<const N: usize>(before: [(&str, Value); N], node: Node) -> Value {
    let about = [("kind", node.kind.word().into()), ("id", node.id.into())];
    let members = before.into_iter().chain(about);
    Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn draw(branches: &[Branch], indent: &str, text: &mut String) {
    for (index, Branch { text: line, below }) in branches.iter().enumerate() {
        let is_last = index + 1 == branches.len();
        let (corner, side) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        text.push_str(&format!("{indent}{corner}{line}\n"));
        draw(below, &format!("{indent}{side}"), text);
    }
}
