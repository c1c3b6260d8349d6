//! `skep net`: programs attached to network interfaces, in bpftool's words.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::bail;
use skep_btf::Value;
use skep_loader::Prog;
use skep_loader::attach::query;
use skep_loader::attach::xdp::{self, Mode, Replace};
use skep_uapi::{AttachType, Kernel, NetLink, ProgType};

use crate::context::Context;
use crate::select;
use crate::words::Words;

/// What may stand behind the noun.
pub(crate) const USAGE: &str = "\
skep net { show | list } [dev NAME]
       skep net attach ATTACH_TYPE PROG dev NAME [{ overwrite | link PATH }]
       skep net detach ATTACH_TYPE dev NAME

       PROG := { id ID | pinned PATH | tag TAG | name NAME }
       ATTACH_TYPE := { xdp | xdpgeneric | xdpdrv | xdpoffload }
       Attached by a link, the program stays for as long as the link's pin at PATH.
       Of tc, programs attached by tcx are shown; `tc filter` shows those of qdiscs.
";

/// bpftool's words for the modes, the one that others begin with first.
const ATTACH_TYPES: [&str; 4] = ["xdp", "xdpgeneric", "xdpdrv", "xdpoffload"];

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    if words.peek().is_none() {
        return show(context, words);
    }
    match words.one_of(&["show", "list", "attach", "detach", "help"])? {
        "show" | "list" => show(context, words),
        "attach" => attach(context, words),
        "detach" => detach(context, words),
        _ => context.output.usage(USAGE),
    }
}

/// By netlink, or by a link with a pin, so that the program stays when the command has ended.
fn attach(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let mode = mode(words.one_of(&ATTACH_TYPES)?);
    let prog = select::prog(kernel, &mut words)?;
    let device = device(kernel, &mut words)?;
    let how = match words.peek() {
        None => How::Netlink(Replace::Nothing),
        Some(_) => match words.one_of(&["overwrite", "link"])? {
            "overwrite" => How::Netlink(Replace::Anything),
            _ => How::Link { pin: words.next("a path for the link's pin")? },
        },
    };
    words.end()?;
    let found = prog.facts()?.prog_type;
    if found != ProgType::XDP {
        bail!("prog {}: expected a program of type xdp, found {found}", prog.title());
    }
    match how {
        How::Netlink(replace) => xdp::netlink(&prog, device.ifindex, mode, replace)?,
        // Where the pin fails, the link ends here, and nothing is attached.
        How::Link { pin } => xdp::link(&prog, device.ifindex, mode)?.pin(&pin)?,
    }
    context.output.done()
}

/// What shall hold the attachment.
enum How {
    /// The device itself.
    Netlink(Replace<'static>),
    /// A link, and that its pin.
    Link { pin: String },
}

fn detach(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let mode = mode(words.one_of(&ATTACH_TYPES)?);
    let device = device(kernel, &mut words)?;
    words.end()?;
    xdp::detach(kernel, device.ifindex, mode)?;
    context.output.done()
}

fn mode(word: &str) -> Mode {
    match word {
        "xdpgeneric" => Mode::Generic,
        "xdpdrv" => Mode::Driver,
        "xdpoffload" => Mode::Offload,
        _ => Mode::Best,
    }
}

/// `dev NAME`.
fn device(kernel: &Arc<dyn Kernel>, words: &mut Words) -> anyhow::Result<NetLink> {
    words.one_of(&["dev"])?;
    Ok(xdp::interface(kernel, &words.next("the name of an interface")?)?)
}

fn show(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let devices = match words.peek() {
        None => xdp::interfaces(kernel)?,
        Some(_) => vec![device(kernel, &mut words)?],
    };
    words.end()?;
    let attached = Attached::read(kernel, &devices)?;
    if context.output.is_json() {
        return context.output.json(attached.json());
    }
    context.output.text(&attached.plain())
}

/// What is attached to some interfaces, and to their network namespace.
struct Attached {
    xdp: Vec<Xdp>,
    tcx: Vec<Tcx>,
    /// Ids.
    flow_dissectors: Vec<u32>,
}

/// A program on its device.
struct Xdp {
    device: String,
    ifindex: u32,
    mode: &'static str,
    id: u32,
}

struct Tcx {
    device: String,
    ifindex: u32,
    kind: &'static str,
    name: String,
    prog_id: u32,
    link_id: u32,
}

impl Attached {
    fn read(kernel: &Arc<dyn Kernel>, devices: &[NetLink]) -> anyhow::Result<Attached> {
        let mut attached =
            Attached { xdp: Vec::new(), tcx: Vec::new(), flow_dissectors: Vec::new() };
        for link in devices {
            let (device, ifindex) = (&link.name, link.ifindex);
            attached.xdp.extend(link.xdp.iter().map(|&(mode, id)| {
                let mode = mode_word(mode);
                Xdp { device: device.clone(), ifindex, mode, id }
            }));
            for (attach_type, kind) in
                [(AttachType::TCX_INGRESS, "tcx/ingress"), (AttachType::TCX_EGRESS, "tcx/egress")]
            {
                for found in query::interface(kernel, ifindex, attach_type)? {
                    let (prog_id, link_id) = (found.prog_id, found.link_id);
                    // A program that has gone meanwhile has no name any more.
                    let name = Prog::from_id(kernel, prog_id).and_then(|prog| prog.facts());
                    let name = name.map(|facts| facts.name.to_string()).unwrap_or_default();
                    let device = device.clone();
                    attached.tcx.push(Tcx { device, ifindex, kind, name, prog_id, link_id });
                }
            }
        }
        attached.flow_dissectors = query::flow_dissectors(kernel)?;
        Ok(attached)
    }

    fn plain(&self) -> String {
        let mut text = "xdp:\n".to_owned();
        // Writing to a String cannot fail.
        for Xdp { device, ifindex, mode, id } in &self.xdp {
            let _ = writeln!(text, "{device}({ifindex}) {mode} id {id}");
        }
        text.push_str("\ntc:\n");
        for Tcx { device, ifindex, kind, name, prog_id, link_id } in &self.tcx {
            let _ = write!(text, "{device}({ifindex}) {kind} {name} prog_id {prog_id}");
            if *link_id != 0 {
                let _ = write!(text, " link_id {link_id}");
            }
            text.push('\n');
        }
        text.push_str("\nflow_dissector:\n");
        for id in &self.flow_dissectors {
            let _ = writeln!(text, "id {id}");
        }
        text.push('\n');
        text
    }

    fn json(&self) -> Value {
        let xdp = self.xdp.iter().map(|it| {
            Value::object([
                ("devname", it.device.as_str().into()),
                ("ifindex", it.ifindex.into()),
                ("mode", it.mode.into()),
                ("id", it.id.into()),
            ])
        });
        let tcx = self.tcx.iter().map(|it| {
            Value::object([
                ("devname", it.device.as_str().into()),
                ("ifindex", it.ifindex.into()),
                ("kind", it.kind.into()),
                ("name", it.name.as_str().into()),
                ("prog_id", it.prog_id.into()),
                ("link_id", it.link_id.into()),
            ])
        });
        let flow = self.flow_dissectors.iter().map(|id| Value::object([("id", (*id).into())]));
        Value::Array(vec![Value::object([
            ("xdp", Value::Array(xdp.collect())),
            ("tc", Value::Array(tcx.collect())),
            ("flow_dissector", Value::Array(flow.collect())),
        ])])
    }
}

/// `XDP_ATTACHED_*` in bpftool's words.
pub(crate) fn mode_word(mode: u8) -> &'static str {
    match mode {
        1 => "driver",
        2 => "generic",
        3 => "offload",
        _ => "unknown",
    }
}
