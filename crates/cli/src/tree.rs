//! `skep tree`: who holds what.
//!
//! In reading order: this file (the command), `graph` (the objects, and what they hold), `holders`
//! (who holds them), `draw` (the two forms).

mod draw;
mod graph;
mod holders;

use std::sync::Arc;

use anyhow::bail;
use skep_uapi::Kernel;

use crate::context::Context;
use crate::kernel::say;
use crate::link::detail::Names;
use crate::select;
use crate::words::Words;
use draw::Tree;
use graph::{Graph, Kind, Node};
use holders::Holders;

/// What may stand behind the noun.
pub(crate) const USAGE: &str = "\
skep tree [{ prog PROG | map MAP | link LINK | btf id ID | pid PID }]

       PROG := { id ID | pinned PATH | tag TAG | name NAME }
       MAP := { id ID | pinned PATH | name NAME }
       LINK := { id ID | pinned PATH }
       Of one object: everybody who holds it, and what it holds itself.
       Seen are the descriptors of processes, the pins, and what is attached to network interfaces
       without a link, all from the namespaces of this process. What only a cgroup, a socket, a
       filter of tc or another namespace holds is held by nobody that is seen.
";

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    if words.take("help") {
        return context.output.usage(USAGE);
    }
    let kernel = context.kernel()?;
    let wanted = wanted(kernel, &mut words)?;
    words.end()?;
    let tree = tree(kernel, wanted)?;
    if tree.holders.hidden > 0 {
        let processes = match tree.holders.hidden {
            1 => "one process".to_owned(),
            count => format!("{count} processes"),
        };
        say(&format!("the descriptors of {processes} are not seen; that takes CAP_SYS_PTRACE"));
    }
    match context.output.is_json() {
        true => context.output.json(tree.json()),
        false => context.output.text(&tree.plain()),
    }
}

/// What the tree is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Everything,
    Object(Node),
    Process(u32),
}

/// Nothing that is opened here stays open: this process is one of those that are looked at.
fn wanted(kernel: &Arc<dyn Kernel>, words: &mut Words) -> anyhow::Result<Wanted> {
    if words.peek().is_none() {
        return Ok(Wanted::Everything);
    }
    let (kind, id) = match words.one_of(&["prog", "map", "link", "btf", "pid"])? {
        "prog" => (Kind::Prog, select::prog(kernel, words)?.facts()?.id),
        "map" => (Kind::Map, select::map(kernel, words)?.info().id),
        "link" => (Kind::Link, select::link(kernel, words)?.info()?.id),
        "btf" => {
            words.one_of(&["id"])?;
            (Kind::Btf, words.number_u32("an id")?)
        }
        _ => return Ok(Wanted::Process(words.number_u32("a process")?)),
    };
    Ok(Wanted::Object(Node { kind, id }))
}

fn tree(kernel: &Arc<dyn Kernel>, wanted: Wanted) -> anyhow::Result<Tree> {
    let names = Names::read(kernel);
    let graph = Graph::read(kernel, &names)?;
    let mut holders = Holders::read(kernel, &names, &graph)?;
    // What went while the holders were looked at would seem to be held by nobody.
    let graph = graph.still_in(&Graph::read(kernel, &names)?);
    holders.retain(|held| graph.objects.contains_key(&held));
    let graph = match wanted {
        Wanted::Everything => graph,
        Wanted::Object(node) => {
            if !graph.objects.contains_key(&node) {
                bail!("no {} id {}; see `{0} list`", node.kind.word(), node.id);
            }
            let leading = graph.leading_to(node);
            holders.retain(|held| leading.contains(&held));
            graph.narrowed_to(node)
        }
        Wanted::Process(pid) => {
            holders.only_process(pid);
            if holders.processes.is_empty() {
                bail!("process {pid} has no descriptor of a BPF object that can be seen from here");
            }
            graph.reached_from(holders.nodes())
        }
    };
    Ok(Tree { graph, holders })
}
