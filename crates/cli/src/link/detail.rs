//! What a link is attached to: bpftool's words for each kind.

use std::sync::Arc;

use skep_btf::Value;
use skep_loader::Prog;
use skep_loader::attach::xdp;
use skep_uapi::{AttachType, Kernel, LinkInfo, LinkInfoDetail, NetLink, PerfEventLink};

/// The names of the network interfaces that can be seen from here.
pub(crate) struct Names(Vec<NetLink>);

impl Names {
    /// Where interfaces cannot be listed, none has a name.
    pub(crate) fn read(kernel: &Arc<dyn Kernel>) -> Names {
        Names(xdp::interfaces(kernel).unwrap_or_default())
    }

    /// The interfaces themselves, with what is attached to them.
    pub(crate) fn interfaces(&self) -> &[NetLink] {
        &self.0
    }

    /// A link may sit in another network namespace, or be detached (index 0).
    fn of(&self, ifindex: u32) -> &str {
        let found = self.0.iter().find(|link| link.ifindex == ifindex);
        let missing = if ifindex == 0 { "(detached)" } else { "(unknown)" };
        found.map_or(missing, |link| link.name.as_str())
    }

    /// Name and index, where it has one.
    fn title(&self, ifindex: u32) -> String {
        let name = self.of(ifindex);
        if ifindex == 0 { name.to_owned() } else { format!("{name}({ifindex})") }
    }
}

/// The lines behind the first one, without their indentation.
pub(crate) fn plain(kernel: &Arc<dyn Kernel>, info: &LinkInfo, names: &Names) -> Vec<String> {
    use LinkInfoDetail as D;
    let device = |ifindex: &u32| format!("ifindex {}", names.title(*ifindex));
    let on_device = |ifindex, attach_type: &AttachType| {
        format!("{}  attach_type {attach_type}", device(ifindex))
    };
    let line = match &info.detail {
        D::RawTracepoint { tp_name, cookie } => format!("tp '{tp_name}'{}", cookie_of(*cookie)),
        D::Tracing { attach_type, target_obj_id, target_btf_id, cookie } => {
            let prog_type = prog_type(kernel, info);
            let mut lines = vec![format!("prog_type {prog_type}  attach_type {attach_type}")];
            if (*target_obj_id, *target_btf_id) != (0, 0) {
                let cookie = cookie_of(*cookie);
                let target =
                    format!("target_obj_id {target_obj_id}  target_btf_id {target_btf_id}");
                lines.push(target + &cookie);
            }
            return lines;
        }
        D::Cgroup { cgroup_id, attach_type } => {
            format!("cgroup_id {cgroup_id}  attach_type {attach_type}")
        }
        D::Iter { target_name } => format!("target_name {target_name}"),
        D::Netns { netns_ino, attach_type } => {
            format!("netns_ino {netns_ino}  attach_type {attach_type}")
        }
        D::Xdp { ifindex } => device(ifindex),
        D::StructOps { map_id } => format!("map {map_id}"),
        D::Netfilter { pf, hooknum, priority, flags } => {
            let flags = if *flags == 0 { String::new() } else { format!(" flags {flags:#x}") };
            format!("{} {} prio {priority}{flags}", family(*pf), hook(*hooknum))
        }
        D::Tcx { ifindex, attach_type } | D::Netkit { ifindex, attach_type } => {
            on_device(ifindex, attach_type)
        }
        D::Sockmap { map_id, attach_type } => {
            format!("map_id {map_id}  attach_type {attach_type}")
        }
        D::KprobeMulti { addrs, .. } => format!("kprobe.multi  func_cnt {}", addrs.len()),
        D::UprobeMulti { path, offsets, .. } => {
            format!("uprobe.multi  path {path}  func_cnt {}", offsets.len())
        }
        D::PerfEvent(event) => perf_event(event),
        D::None | D::Other => return Vec::new(),
    };
    vec![line]
}

/// The members behind those that every link has.
pub(crate) fn json(
    kernel: &Arc<dyn Kernel>,
    info: &LinkInfo,
    names: &Names,
) -> Vec<(String, Value)> {
    use LinkInfoDetail as D;
    let device =
        |ifindex: &u32| [("devname", names.of(*ifindex).into()), ("ifindex", (*ifindex).into())];
    let list = |numbers: &[u64]| Value::Array(numbers.iter().map(|it| (*it).into()).collect());
    let members: Vec<(&str, Value)> = match &info.detail {
        D::RawTracepoint { tp_name, cookie } => [("tp_name", tp_name.as_str().into())]
            .into_iter()
            .chain(cookie_member(*cookie))
            .collect(),
        D::Tracing { attach_type, target_obj_id, target_btf_id, cookie } => {
            let prog_type = prog_type(kernel, info);
            let kind = [("prog_type", Value::Str(prog_type)), attach_member(*attach_type)];
            let target = [
                ("target_obj_id", (*target_obj_id).into()),
                ("target_btf_id", (*target_btf_id).into()),
            ];
            let has_target = (*target_obj_id, *target_btf_id) != (0, 0);
            let target = target.into_iter().filter(|_| has_target);
            kind.into_iter().chain(target).chain(cookie_member(*cookie)).collect()
        }
        D::Cgroup { cgroup_id, attach_type } => {
            vec![("cgroup_id", (*cgroup_id).into()), attach_member(*attach_type)]
        }
        D::Iter { target_name } => vec![("target_name", target_name.as_str().into())],
        D::Netns { netns_ino, attach_type } => {
            vec![("netns_ino", (*netns_ino).into()), attach_member(*attach_type)]
        }
        D::Xdp { ifindex } => device(ifindex).into(),
        D::StructOps { map_id } => vec![("map_id", (*map_id).into())],
        D::Netfilter { pf, hooknum, priority, flags } => vec![
            ("pf", (*pf).into()),
            ("hook", (*hooknum).into()),
            ("prio", Value::Int((*priority).into())),
            ("flags", (*flags).into()),
        ],
        D::Tcx { ifindex, attach_type } | D::Netkit { ifindex, attach_type } => {
            device(ifindex).into_iter().chain([attach_member(*attach_type)]).collect()
        }
        D::Sockmap { map_id, attach_type } => {
            vec![("map_id", (*map_id).into()), attach_member(*attach_type)]
        }
        D::KprobeMulti { addrs, missed, .. } => vec![
            ("func_cnt", (addrs.len() as u64).into()),
            ("missed", (*missed).into()),
            ("addrs", list(addrs)),
        ],
        D::UprobeMulti { path, offsets, pid, .. } => vec![
            ("path", path.as_str().into()),
            ("func_cnt", (offsets.len() as u64).into()),
            ("pid", (*pid).into()),
            ("offsets", list(offsets)),
        ],
        D::PerfEvent(event) => perf_event_members(event),
        D::None | D::Other => Vec::new(),
    };
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn perf_event(event: &PerfEventLink) -> String {
    use PerfEventLink as P;
    match event {
        P::Uprobe { on_return, file_name, offset, cookie, .. } => {
            let kind = if *on_return { "uretprobe" } else { "uprobe" };
            format!("{kind} {file_name}+{offset:#x}{}", cookie_of(*cookie))
        }
        P::Kprobe { on_return, func_name, offset, cookie, .. } => {
            let kind = if *on_return { "kretprobe" } else { "kprobe" };
            let offset = if *offset == 0 { String::new() } else { format!("+{offset:#x}") };
            format!("{kind} {func_name}{offset}{}", cookie_of(*cookie))
        }
        P::Tracepoint { tp_name, cookie } => {
            format!("tracepoint {tp_name}{}", cookie_of(*cookie))
        }
        P::Event { kind, config, cookie } => format!("event {kind}:{config}{}", cookie_of(*cookie)),
    }
}

fn perf_event_members(event: &PerfEventLink) -> Vec<(&'static str, Value)> {
    use PerfEventLink as P;
    let (mut members, cookie) = match event {
        P::Uprobe { on_return, file_name, offset, cookie, .. } => {
            let file = ("file", file_name.as_str().into());
            (
                vec![("retprobe", Value::Bool(*on_return)), file, ("offset", (*offset).into())],
                cookie,
            )
        }
        P::Kprobe { on_return, func_name, offset, addr, cookie, .. } => {
            let func = ("func", func_name.as_str().into());
            let place = [("offset", (*offset).into()), ("addr", (*addr).into())];
            let retprobe = ("retprobe", Value::Bool(*on_return));
            ([retprobe, func].into_iter().chain(place).collect(), cookie)
        }
        P::Tracepoint { tp_name, cookie } => {
            (vec![("tracepoint", tp_name.as_str().into())], cookie)
        }
        P::Event { kind, config, cookie } => {
            (vec![("event_type", (*kind).into()), ("event_config", (*config).into())], cookie)
        }
    };
    members.extend(cookie_member(*cookie));
    members
}

/// What a program is told by whoever attached it, where that is something.
fn cookie_of(cookie: u64) -> String {
    if cookie == 0 { String::new() } else { format!("  cookie {cookie}") }
}

fn cookie_member(cookie: u64) -> Option<(&'static str, Value)> {
    (cookie != 0).then(|| ("cookie", cookie.into()))
}

fn attach_member(attach_type: AttachType) -> (&'static str, Value) {
    let value = attach_type.label().map_or_else(|| attach_type.0.into(), Value::from);
    ("attach_type", value)
}

/// A program that has gone meanwhile has no type any more.
fn prog_type(kernel: &Arc<dyn Kernel>, info: &LinkInfo) -> String {
    let facts = Prog::from_id(kernel, info.prog_id).and_then(|prog| prog.facts());
    facts.map_or_else(|_| "unknown".to_owned(), |facts| facts.prog_type.to_string())
}

/// `NFPROTO_*` of `<linux/netfilter.h>`.
fn family(pf: u32) -> String {
    match pf {
        1 => "inet".to_owned(),
        2 => "ip".to_owned(),
        3 => "arp".to_owned(),
        5 => "netdev".to_owned(),
        7 => "bridge".to_owned(),
        10 => "ip6".to_owned(),
        other => format!("pf {other}"),
    }
}

/// `NF_INET_*` of `<linux/netfilter.h>`.
fn hook(hooknum: u32) -> String {
    let known = ["prerouting", "input", "forward", "output", "postrouting"];
    let word = usize::try_from(hooknum).ok().and_then(|at| known.get(at));
    word.map_or_else(|| format!("hook {hooknum}"), |word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use skep_kernel::UserKernel;

    use super::*;

    /// The kinds that not every machine can make; the others are played in `tests/cli`.
    #[test]
    fn kinds_are_told_in_both_forms() {
        let kernel: Arc<dyn Kernel> = Arc::new(UserKernel::default());
        let names = Names::read(&kernel);
        let check = |detail: LinkInfoDetail, expect: &str, members: &str| {
            let info = LinkInfo { detail, ..LinkInfo::default() };
            assert_eq!(plain(&kernel, &info, &names).join(" / "), expect);
            assert_eq!(Value::Object(json(&kernel, &info, &names)).to_string(), members);
        };
        let attach_type = AttachType::TRACE_FENTRY;
        check(
            LinkInfoDetail::Tracing { attach_type, target_obj_id: 1, target_btf_id: 2, cookie: 3 },
            "prog_type unknown  attach_type trace_fentry / target_obj_id 1  target_btf_id 2  \
             cookie 3",
            r#"{"prog_type":"unknown","attach_type":"trace_fentry","target_obj_id":1,"target_btf_id":2,"cookie":3}"#,
        );
        check(
            LinkInfoDetail::Cgroup { cgroup_id: 7, attach_type: AttachType(999) },
            "cgroup_id 7  attach_type AttachType 999",
            r#"{"cgroup_id":7,"attach_type":999}"#,
        );
        check(
            LinkInfoDetail::Netkit { ifindex: 9, attach_type: AttachType::NETKIT_PEER },
            "ifindex (unknown)(9)  attach_type netkit_peer",
            r#"{"devname":"(unknown)","ifindex":9,"attach_type":"netkit_peer"}"#,
        );
        check(
            LinkInfoDetail::Netfilter { pf: 4, hooknum: 9, priority: -1, flags: 1 },
            "pf 4 hook 9 prio -1 flags 0x1",
            r#"{"pf":4,"hook":9,"prio":-1,"flags":1}"#,
        );
        check(
            LinkInfoDetail::PerfEvent(PerfEventLink::Kprobe {
                on_return: true,
                func_name: "vfs_read".to_owned(),
                offset: 4,
                addr: 0,
                missed: 0,
                cookie: 0,
            }),
            "kretprobe vfs_read+0x4",
            r#"{"retprobe":true,"func":"vfs_read","offset":4,"addr":0}"#,
        );
        check(
            LinkInfoDetail::PerfEvent(PerfEventLink::Tracepoint {
                tp_name: "sched_switch".to_owned(),
                cookie: 5,
            }),
            "tracepoint sched_switch  cookie 5",
            r#"{"tracepoint":"sched_switch","cookie":5}"#,
        );
        check(LinkInfoDetail::Other, "", "{}");
    }
}
