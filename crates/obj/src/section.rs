//! What a section name says about the programs in it.
//!
//! The table is that of libbpf 1.x as the kernel's documentation prints it ("Program Types and ELF
//! Sections"), and the names that came later.

use skep_uapi::{AttachType, ProgType};

/// What a section name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Type of the programs.
    pub prog_type: ProgType,
    /// What they are loaded for; 0 where the type needs none.
    pub expected_attach_type: AttachType,
    /// Whether they may sleep (`.s`).
    pub sleepable: bool,
    /// Whether they take packets in fragments (`xdp.frags`).
    pub xdp_has_frags: bool,
    /// What they attach to.
    pub attach_to: Option<String>,
    /// Whether they are loaded unless told otherwise: false for names that begin with `?`.
    pub autoload: bool,
}

/// A rule: a name, and how the rest is read.
struct Rule {
    name: &'static str,
    extras: Extras,
    prog_type: ProgType,
    attach_type: AttachType,
    flags: u8,
}

/// What may follow the name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extras {
    /// Nothing; after `/`, `_`, `.` or a digit whatever old objects put there (`xdp/simple`,
    /// `socket1`), without a meaning.
    Loose,
    /// Nothing.
    Exact,
    /// `/` and what to attach to, or nothing.
    Target,
}

const SLEEPABLE: u8 = 1;
const FRAGS: u8 = 2;

impl Section {
    /// Reads a section name. The rules are tried from exact to loose, longer names first.
    pub fn parse(name: &str) -> Option<Section> {
        let (autoload, name) = match name.strip_prefix('?') {
            Some(rest) => (false, rest),
            None => (true, name),
        };
        let exact = RULES.iter().find(|rule| rule.name == name).map(|rule| (rule, None));
        let (rule, attach_to) = exact
            .or_else(|| with_target(name))
            .or_else(|| loosely(name).map(|rule| (rule, None)))?;
        Some(Section {
            prog_type: rule.prog_type,
            expected_attach_type: rule.attach_type,
            sleepable: rule.flags & SLEEPABLE != 0,
            xdp_has_frags: rule.flags & FRAGS != 0,
            attach_to,
            autoload,
        })
    }

    /// At most three known names that look like this one.
    pub fn near(name: &str) -> Vec<&'static str> {
        let name = name.trim_start_matches('?');
        // Longer names are nobody's typing error, and the comparison is quadratic.
        if name.len() > 64 {
            return Vec::new();
        }
        let head = name.split('/').next().unwrap_or_default();
        let mut near: Vec<(usize, &'static str)> = RULES
            .iter()
            .map(|rule| (distance(rule.name, name).min(distance(rule.name, head)), rule.name))
            .filter(|&(distance, rule)| distance <= 2 && distance < rule.len())
            .collect();
        near.sort_unstable();
        near.into_iter().take(3).map(|(_, name)| name).collect()
    }
}

fn with_target(name: &str) -> Option<(&'static Rule, Option<String>)> {
    let (head, target) = name.split_once('/')?;
    let rule = RULES.iter().find(|rule| rule.extras == Extras::Target && rule.name == head)?;
    Some((rule, Some(target.to_owned())))
}

fn loosely(name: &str) -> Option<&'static Rule> {
    let fits = |rule: &&Rule| {
        let rest = name.strip_prefix(rule.name);
        rule.extras == Extras::Loose
            && rest.is_some_and(|rest| {
                rest.starts_with(|c: char| matches!(c, '/' | '_' | '.') || c.is_ascii_digit())
            })
    };
    RULES.iter().filter(fits).max_by_key(|rule| rule.name.len())
}

/// Edits between two names.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

macro_rules! rules {
    ($($name:literal $extras:ident $prog:ident $attach:ident $flags:expr;)*) => {
        &[$(Rule {
            name: $name,
            extras: Extras::$extras,
            prog_type: ProgType::$prog,
            attach_type: rules!(@attach $attach),
            flags: $flags,
        }),*]
    };
    (@attach NONE) => { AttachType(0) };
    (@attach $attach:ident) => { AttachType::$attach };
}

#[rustfmt::skip]
const RULES: &[Rule] = rules! {
    "socket" Loose SOCKET_FILTER NONE 0;
    "xdp" Loose XDP XDP 0;
    "xdp.frags" Exact XDP XDP FRAGS;
    "xdp/devmap" Loose XDP XDP_DEVMAP 0;
    "xdp.frags/devmap" Exact XDP XDP_DEVMAP FRAGS;
    "xdp_devmap" Loose XDP XDP_DEVMAP 0;
    "xdp/cpumap" Loose XDP XDP_CPUMAP 0;
    "xdp.frags/cpumap" Exact XDP XDP_CPUMAP FRAGS;
    "xdp_cpumap" Loose XDP XDP_CPUMAP 0;
    "classifier" Loose SCHED_CLS NONE 0;
    "tc" Loose SCHED_CLS NONE 0;
    "tc/ingress" Exact SCHED_CLS TCX_INGRESS 0;
    "tc/egress" Exact SCHED_CLS TCX_EGRESS 0;
    "tcx/ingress" Exact SCHED_CLS TCX_INGRESS 0;
    "tcx/egress" Exact SCHED_CLS TCX_EGRESS 0;
    "netkit/primary" Exact SCHED_CLS NETKIT_PRIMARY 0;
    "netkit/peer" Exact SCHED_CLS NETKIT_PEER 0;
    "action" Loose SCHED_ACT NONE 0;
    "kprobe" Target KPROBE NONE 0;
    "kretprobe" Target KPROBE NONE 0;
    "ksyscall" Target KPROBE NONE 0;
    "kretsyscall" Target KPROBE NONE 0;
    "kprobe.multi" Target KPROBE TRACE_KPROBE_MULTI 0;
    "kretprobe.multi" Target KPROBE TRACE_KPROBE_MULTI 0;
    "kprobe.session" Target KPROBE TRACE_KPROBE_SESSION 0;
    "uprobe" Target KPROBE NONE 0;
    "uprobe.s" Target KPROBE NONE SLEEPABLE;
    "uretprobe" Target KPROBE NONE 0;
    "uretprobe.s" Target KPROBE NONE SLEEPABLE;
    "uprobe.multi" Target KPROBE TRACE_UPROBE_MULTI 0;
    "uprobe.multi.s" Target KPROBE TRACE_UPROBE_MULTI SLEEPABLE;
    "uretprobe.multi" Target KPROBE TRACE_UPROBE_MULTI 0;
    "uretprobe.multi.s" Target KPROBE TRACE_UPROBE_MULTI SLEEPABLE;
    "uprobe.session" Target KPROBE TRACE_UPROBE_SESSION 0;
    "uprobe.session.s" Target KPROBE TRACE_UPROBE_SESSION SLEEPABLE;
    "usdt" Target KPROBE NONE 0;
    "usdt.s" Target KPROBE NONE SLEEPABLE;
    "tracepoint" Target TRACEPOINT NONE 0;
    "tp" Target TRACEPOINT NONE 0;
    "raw_tracepoint" Target RAW_TRACEPOINT NONE 0;
    "raw_tp" Target RAW_TRACEPOINT NONE 0;
    "raw_tracepoint.w" Target RAW_TRACEPOINT_WRITABLE NONE 0;
    "raw_tp.w" Target RAW_TRACEPOINT_WRITABLE NONE 0;
    "tp_btf" Target TRACING TRACE_RAW_TP 0;
    "fentry" Target TRACING TRACE_FENTRY 0;
    "fentry.s" Target TRACING TRACE_FENTRY SLEEPABLE;
    "fexit" Target TRACING TRACE_FEXIT 0;
    "fexit.s" Target TRACING TRACE_FEXIT SLEEPABLE;
    "fmod_ret" Target TRACING MODIFY_RETURN 0;
    "fmod_ret.s" Target TRACING MODIFY_RETURN SLEEPABLE;
    "freplace" Target EXT NONE 0;
    "lsm" Target LSM LSM_MAC 0;
    "lsm.s" Target LSM LSM_MAC SLEEPABLE;
    "lsm_cgroup" Target LSM LSM_CGROUP 0;
    "iter" Target TRACING TRACE_ITER 0;
    "iter.s" Target TRACING TRACE_ITER SLEEPABLE;
    "syscall" Exact SYSCALL NONE SLEEPABLE;
    "perf_event" Loose PERF_EVENT NONE 0;
    "lwt_in" Loose LWT_IN NONE 0;
    "lwt_out" Loose LWT_OUT NONE 0;
    "lwt_xmit" Loose LWT_XMIT NONE 0;
    "lwt_seg6local" Loose LWT_SEG6LOCAL NONE 0;
    "sockops" Loose SOCK_OPS CGROUP_SOCK_OPS 0;
    "sk_skb" Loose SK_SKB NONE 0;
    "sk_skb/stream_parser" Loose SK_SKB SK_SKB_STREAM_PARSER 0;
    "sk_skb/stream_verdict" Loose SK_SKB SK_SKB_STREAM_VERDICT 0;
    "sk_skb/verdict" Loose SK_SKB SK_SKB_VERDICT 0;
    "sk_msg" Loose SK_MSG SK_MSG_VERDICT 0;
    "sk_lookup" Loose SK_LOOKUP SK_LOOKUP 0;
    "sk_reuseport" Loose SK_REUSEPORT SK_REUSEPORT_SELECT 0;
    "sk_reuseport/migrate" Loose SK_REUSEPORT SK_REUSEPORT_SELECT_OR_MIGRATE 0;
    "flow_dissector" Loose FLOW_DISSECTOR FLOW_DISSECTOR 0;
    "lirc_mode2" Loose LIRC_MODE2 LIRC_MODE2 0;
    "netfilter" Exact NETFILTER NETFILTER 0;
    "struct_ops" Target STRUCT_OPS NONE 0;
    "struct_ops.s" Target STRUCT_OPS NONE SLEEPABLE;
    "cgroup/dev" Loose CGROUP_DEVICE CGROUP_DEVICE 0;
    "cgroup/skb" Loose CGROUP_SKB NONE 0;
    "cgroup_skb/ingress" Loose CGROUP_SKB CGROUP_INET_INGRESS 0;
    "cgroup_skb/egress" Loose CGROUP_SKB CGROUP_INET_EGRESS 0;
    "cgroup/getsockopt" Loose CGROUP_SOCKOPT CGROUP_GETSOCKOPT 0;
    "cgroup/setsockopt" Loose CGROUP_SOCKOPT CGROUP_SETSOCKOPT 0;
    "cgroup/bind4" Loose CGROUP_SOCK_ADDR CGROUP_INET4_BIND 0;
    "cgroup/bind6" Loose CGROUP_SOCK_ADDR CGROUP_INET6_BIND 0;
    "cgroup/connect4" Loose CGROUP_SOCK_ADDR CGROUP_INET4_CONNECT 0;
    "cgroup/connect6" Loose CGROUP_SOCK_ADDR CGROUP_INET6_CONNECT 0;
    "cgroup/connect_unix" Exact CGROUP_SOCK_ADDR CGROUP_UNIX_CONNECT 0;
    "cgroup/getpeername4" Loose CGROUP_SOCK_ADDR CGROUP_INET4_GETPEERNAME 0;
    "cgroup/getpeername6" Loose CGROUP_SOCK_ADDR CGROUP_INET6_GETPEERNAME 0;
    "cgroup/getpeername_unix" Exact CGROUP_SOCK_ADDR CGROUP_UNIX_GETPEERNAME 0;
    "cgroup/getsockname4" Loose CGROUP_SOCK_ADDR CGROUP_INET4_GETSOCKNAME 0;
    "cgroup/getsockname6" Loose CGROUP_SOCK_ADDR CGROUP_INET6_GETSOCKNAME 0;
    "cgroup/getsockname_unix" Exact CGROUP_SOCK_ADDR CGROUP_UNIX_GETSOCKNAME 0;
    "cgroup/recvmsg4" Loose CGROUP_SOCK_ADDR CGROUP_UDP4_RECVMSG 0;
    "cgroup/recvmsg6" Loose CGROUP_SOCK_ADDR CGROUP_UDP6_RECVMSG 0;
    "cgroup/recvmsg_unix" Exact CGROUP_SOCK_ADDR CGROUP_UNIX_RECVMSG 0;
    "cgroup/sendmsg4" Loose CGROUP_SOCK_ADDR CGROUP_UDP4_SENDMSG 0;
    "cgroup/sendmsg6" Loose CGROUP_SOCK_ADDR CGROUP_UDP6_SENDMSG 0;
    "cgroup/sendmsg_unix" Exact CGROUP_SOCK_ADDR CGROUP_UNIX_SENDMSG 0;
    "cgroup/post_bind4" Loose CGROUP_SOCK CGROUP_INET4_POST_BIND 0;
    "cgroup/post_bind6" Loose CGROUP_SOCK CGROUP_INET6_POST_BIND 0;
    "cgroup/sock" Loose CGROUP_SOCK CGROUP_INET_SOCK_CREATE 0;
    "cgroup/sock_create" Loose CGROUP_SOCK CGROUP_INET_SOCK_CREATE 0;
    "cgroup/sock_release" Loose CGROUP_SOCK CGROUP_INET_SOCK_RELEASE 0;
    "cgroup/sysctl" Loose CGROUP_SYSCTL CGROUP_SYSCTL 0;
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn check(name: &str, expect: &str) {
        let found = Section::parse(name).map(|section| {
            let mut text = format!("{} {}", section.prog_type, section.expected_attach_type.0);
            for (flag, word) in [
                (section.sleepable, " sleepable"),
                (section.xdp_has_frags, " frags"),
                (!section.autoload, " manual"),
            ] {
                text.push_str(if flag { word } else { "" });
            }
            text + &section.attach_to.map(|to| format!(" -> {to}")).unwrap_or_default()
        });
        let found = found.unwrap_or_else(|| Error::unknown_section(name).to_string());
        assert_eq!(found, expect, "{name}");
    }

    #[test]
    fn names_say_type_and_target() {
        check("xdp", "xdp 37");
        check("xdp/simple", "xdp 37");
        check("xdp_prog", "xdp 37");
        check("xdp.frags/devmap", "xdp 33 frags");
        check("xdp/devmap", "xdp 33");
        check("?xdp", "xdp 37 manual");
        check("socket", "socket_filter 0");
        check("socket1", "socket_filter 0");
        check("classifier", "sched_cls 0");
        check("classifier/in", "sched_cls 0");
        check("tc", "sched_cls 0");
        check("tcx/egress", "sched_cls 47");
        check("kprobe/vfs_read", "kprobe 0 -> vfs_read");
        check("uprobe.s//bin/sh:main", "kprobe 0 sleepable -> /bin/sh:main");
        check("tp/syscalls/sys_enter_open", "tracepoint 0 -> syscalls/sys_enter_open");
        check("fentry.s/x", "tracing 24 sleepable -> x");
        check("lsm/file_open", "lsm 27 -> file_open");
        check("cgroup/sock_release", "cgroup_sock 34");
        check("cgroup_skb/egress", "cgroup_skb 1");
        check("syscall", "syscall 0 sleepable");
    }

    #[test]
    fn unknown_names_get_suggestions() {
        check("xpd", "unknown section name \"xpd\"; did you mean xdp");
        check("xdpx", "unknown section name \"xdpx\"; did you mean xdp");
        check("sockts", "unknown section name \"sockts\"; did you mean socket or sockops");
        check(
            "zzzzzzzz",
            "unknown section name \"zzzzzzzz\"; expected a program type such as xdp, socket or tc",
        );
        check("kprob/x", "unknown section name \"kprob/x\"; did you mean kprobe or uprobe");
    }
}
