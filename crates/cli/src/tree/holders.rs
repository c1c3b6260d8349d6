//! Who holds objects: processes by descriptors, files, and devices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use skep_loader::attach::query;
use skep_loader::{Error, Handle, Link, Map, ObjectKind, Prog};
use skep_uapi::{AttachType, EntryKind, Errno, Kernel};

use super::graph::{Graph, Kind, Node};
use crate::link::detail::Names;
use crate::net::mode_word;

/// Who holds objects, as far as it can be seen.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) processes: Vec<Process>,
    /// Path and object.
    pub(super) pins: Vec<(String, Node)>,
    pub(super) attachments: Vec<Attachment>,
    /// How many processes do not show their descriptors.
    pub(super) hidden: u32,
}

/// A process with descriptors of objects.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// Its name.
    pub(super) comm: String,
    /// Number and object.
    pub(super) fds: Vec<(u32, Node)>,
}

/// A program that is attached without a link.
#[derive(Debug)]
pub(super) struct Attachment {
    /// Name and index; none where it is the network namespace.
    pub(super) device: Option<(String, u32)>,
    /// `xdp generic`, `tcx/ingress`, `flow_dissector`.
    pub(super) how: String,
    pub(super) node: Node,
}

/// Where a kernel tells its pins, a path a line, if they may be anywhere.
const PINS: &str = "/proc/self/pins";
/// Where a kernel that tells neither pins nor mounts has its BPF file system.
const BPFFS: &str = "/sys/fs/bpf";

impl Holders {
    /// Looks at processes, pins and devices.
    pub(super) fn read(
        kernel: &Arc<dyn Kernel>,
        names: &Names,
        graph: &Graph,
    ) -> anyhow::Result<Holders> {
        let mut holders = Holders::default();
        holders.read_processes(&**kernel);
        match kernel.file(PINS) {
            Ok(text) => {
                for path in String::from_utf8_lossy(&text).lines() {
                    holders.read_pin(kernel, path.to_owned());
                }
            }
            Err(_) => {
                for mount in mounts(&**kernel) {
                    holders.read_pins(kernel, &mount);
                }
            }
        }
        holders.read_attachments(kernel, names, graph)?;
        Ok(holders)
    }

    /// Every object that is held directly.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let fds = self.processes.iter().flat_map(|process| &process.fds).map(|(_, node)| *node);
        let pins = self.pins.iter().map(|(_, node)| *node);
        fds.chain(pins).chain(self.attachments.iter().map(|it| it.node)).collect()
    }

    /// Leaves out those that hold none of the wanted objects.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Node) -> bool) {
        for process in &mut self.processes {
            process.fds.retain(|(_, node)| is_wanted(*node));
        }
        self.processes.retain(|process| !process.fds.is_empty());
        self.pins.retain(|(_, node)| is_wanted(*node));
        self.attachments.retain(|attachment| is_wanted(attachment.node));
    }

    /// Leaves out everybody but one process.
    pub(super) fn only_process(&mut self, pid: u32) {
        self.processes.retain(|process| process.pid == pid);
        self.pins.clear();
        self.attachments.clear();
        self.hidden = 0;
    }

    /// A kernel without processes lists none.
    fn read_processes(&mut self, kernel: &dyn Kernel) {
        let entries = kernel.list("/proc").unwrap_or_default();
        let pids = entries.iter().filter_map(|entry| entry.name.to_str()?.parse::<u32>().ok());
        let pids: BTreeSet<u32> = pids.collect();
        for pid in pids {
            match descriptors(kernel, pid) {
                Ok(fds) if fds.is_empty() => {}
                Ok(fds) => {
                    let comm = kernel.file(&format!("/proc/{pid}/comm")).unwrap_or_default();
                    let comm = String::from_utf8_lossy(&comm).trim_end().to_owned();
                    self.processes.push(Process { pid, comm, fds });
                }
                Err(Errno::EACCES | Errno::EPERM) => self.hidden += 1,
                // It has ended meanwhile.
                Err(_) => {}
            }
        }
    }

    /// The pins below a directory. What goes while it is looked at is left out, as is what cannot
    /// be opened because it is no pin.
    fn read_pins(&mut self, kernel: &Arc<dyn Kernel>, dir: &str) {
        for entry in kernel.list(dir).unwrap_or_default() {
            let Some(name) = entry.name.to_str() else { continue };
            let path = format!("{dir}/{name}");
            match entry.kind {
                EntryKind::Directory => self.read_pins(kernel, &path),
                EntryKind::File => self.read_pin(kernel, path),
                EntryKind::Other => {}
            }
        }
    }

    fn read_pin(&mut self, kernel: &Arc<dyn Kernel>, path: String) {
        if let Ok(node) = behind_pin(kernel, &path) {
            self.pins.push((path, node));
        }
    }

    fn read_attachments(
        &mut self,
        kernel: &Arc<dyn Kernel>,
        names: &Names,
        graph: &Graph,
    ) -> anyhow::Result<()> {
        let prog = |id| Node { kind: Kind::Prog, id };
        for interface in names.interfaces() {
            let ifindex = interface.ifindex;
            let device = || Some((interface.name.clone(), ifindex));
            for (mode, id) in &interface.xdp {
                if !graph.is_attached_by_link(ifindex, *id) {
                    let how = format!("xdp {}", mode_word(*mode));
                    self.attachments.push(Attachment { device: device(), how, node: prog(*id) });
                }
            }
            for (attach_type, how) in
                [(AttachType::TCX_INGRESS, "tcx/ingress"), (AttachType::TCX_EGRESS, "tcx/egress")]
            {
                let found = query::interface(kernel, ifindex, attach_type)?;
                let alone = found.iter().filter(|found| found.link_id == 0);
                self.attachments.extend(alone.map(|found| Attachment {
                    device: device(),
                    how: how.to_owned(),
                    node: prog(found.prog_id),
                }));
            }
        }
        for id in query::flow_dissectors(kernel)? {
            if !graph.is_attached_by_link(0, id) {
                let how = "flow_dissector".to_owned();
                self.attachments.push(Attachment { device: None, how, node: prog(id) });
            }
        }
        Ok(())
    }
}

/// The descriptors of a process that stand for objects.
fn descriptors(kernel: &dyn Kernel, pid: u32) -> Result<Vec<(u32, Node)>, Errno> {
    let dir = format!("/proc/{pid}/fdinfo");
    let mut found = Vec::new();
    for entry in kernel.list(&dir)? {
        let Some(fd) = entry.name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A descriptor may be closed meanwhile.
        let Ok(text) = kernel.file(&format!("{dir}/{fd}")) else { continue };
        found.extend(described(&String::from_utf8_lossy(&text)).map(|node| (fd, node)));
    }
    found.sort_unstable();
    Ok(found)
}

/// The object that a descriptor's own file describes, if it is one.
fn described(text: &str) -> Option<Node> {
    let fields: BTreeMap<&str, &str> = text.lines().filter_map(|it| it.split_once(':')).collect();
    // A link names its program, and a map may name the type of the programs in it.
    let kinds = [
        ("link_id", Kind::Link),
        ("map_id", Kind::Map),
        ("prog_id", Kind::Prog),
        ("btf_id", Kind::Btf),
    ];
    kinds.into_iter().find_map(|(field, kind)| {
        let id = fields.get(field)?.trim().parse().ok()?;
        Some(Node { kind, id })
    })
}

fn behind_pin(kernel: &Arc<dyn Kernel>, path: &str) -> Result<Node, Error> {
    let handle = Handle::from_pin(kernel, path)?;
    let (kind, id) = match handle.kind()? {
        ObjectKind::Prog => (Kind::Prog, Prog::from_handle(handle).facts()?.id),
        ObjectKind::Map => (Kind::Map, Map::from_handle(handle)?.info().id),
        ObjectKind::Link => (Kind::Link, Link::from_handle(handle).info()?.id),
    };
    Ok(Node { kind, id })
}

/// Where BPF file systems are mounted, each file system once.
fn mounts(kernel: &dyn Kernel) -> Vec<String> {
    match kernel.file("/proc/self/mountinfo") {
        Ok(text) => bpf_mounts(&String::from_utf8_lossy(&text)),
        Err(_) => vec![BPFFS.to_owned()],
    }
}

/// Of the lines of `mountinfo` those with ` - bpf `; see proc_pid_mountinfo(5).
fn bpf_mounts(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mounts = text.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(2);
        let (device, _root, path) = (fields.next()?, fields.next()?, fields.next()?);
        let is_new = file_system.starts_with("bpf ") && seen.insert(device);
        is_new.then(|| unescaped(path))
    });
    mounts.collect()
}

/// Blanks, tabs, line ends and backslashes stand there as `\` and three octal digits.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => text.extend([char::from(code).to_string().as_str(), &part[3..]]),
            None => text.extend(["\\", part]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_tell_their_object() {
        let check = |text: &str, expect: Option<(Kind, u32)>| {
            let found = described(&text.replace(", ", "\n")).map(|node| (node.kind, node.id));
            assert_eq!(found, expect, "{text}");
        };
        check("pos:\t0, flags:\t02", None);
        check("link_type:\txdp, link_id:\t4, prog_tag:\t59f4, prog_id:\t7", Some((Kind::Link, 4)));
        check("prog_type:\t6, prog_id:\t7", Some((Kind::Prog, 7)));
        check("map_type:\t3, map_id:\t5, owner_prog_type:\t6", Some((Kind::Map, 5)));
        check("btf_id:\t9", Some((Kind::Btf, 9)));
        check("btf_id:\tx", None);
    }

    #[test]
    fn file_systems_are_found_once() {
        let text = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
30 23 0:28 / /sys/fs/bpf rw - bpf bpf rw,mode=700
31 23 0:29 / /tmp/a\\040b rw shared:7 - bpf bpffs rw
32 23 0:28 /x /mnt/again rw - bpf bpf rw
";
        assert_eq!(bpf_mounts(text), ["/sys/fs/bpf", "/tmp/a b"]);
    }
}
