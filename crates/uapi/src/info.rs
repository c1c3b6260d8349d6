//! What a kernel tells about an object: `bpf_prog_info`, `bpf_map_info`, `bpf_btf_info`,
//! `bpf_link_info`, with slices for the arrays that the caller lends.
//!
//! A slice says how much room there is; the count beside it comes back as how much there is.

use crate::{AttachType, LinkType, MapType, Name, ProgType};

/// Room for the description of one object, by its kind.
///
/// Held by value: a `&'a mut ProgInfo<'a>` could never be read again by who lent it.
#[derive(Debug)]
pub enum Info<'a> {
    /// `struct bpf_prog_info`; boxed, since it is ten times the size of any other command.
    Prog(Box<ProgInfo<'a>>),
    /// `struct bpf_map_info`.
    Map(MapInfo),
    /// `struct bpf_btf_info`.
    Btf(BtfInfo<'a>),
    /// `struct bpf_link_info`.
    Link(LinkInfo),
}

/// `struct bpf_prog_info`.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "fields are those of struct bpf_prog_info")]
pub struct ProgInfo<'a> {
    pub prog_type: ProgType,
    pub id: u32,
    pub tag: [u8; 8],
    pub jited_prog_len: u32,
    pub xlated_prog_len: u32,
    pub jited_prog_insns: &'a mut [u8],
    pub xlated_prog_insns: &'a mut [u8],
    /// Nanoseconds since boot.
    pub load_time: u64,
    pub created_by_uid: u32,
    pub nr_map_ids: u32,
    pub map_ids: &'a mut [u32],
    pub name: Name,
    pub ifindex: u32,
    pub gpl_compatible: bool,
    pub netns_dev: u64,
    pub netns_ino: u64,
    pub nr_jited_ksyms: u32,
    pub nr_jited_func_lens: u32,
    pub jited_ksyms: &'a mut [u64],
    pub jited_func_lens: &'a mut [u32],
    pub btf_id: u32,
    pub func_info_rec_size: u32,
    pub nr_func_info: u32,
    pub func_info: &'a mut [u8],
    pub line_info_rec_size: u32,
    pub nr_line_info: u32,
    pub line_info: &'a mut [u8],
    pub jited_line_info_rec_size: u32,
    pub nr_jited_line_info: u32,
    pub jited_line_info: &'a mut [u64],
    pub nr_prog_tags: u32,
    pub prog_tags: &'a mut [[u8; 8]],
    pub run_time_ns: u64,
    pub run_cnt: u64,
    pub recursion_misses: u64,
    pub verified_insns: u32,
    pub attach_btf_obj_id: u32,
    pub attach_btf_id: u32,
}

/// `struct bpf_map_info`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of struct bpf_map_info")]
pub struct MapInfo {
    pub map_type: MapType,
    pub id: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub map_flags: u32,
    pub name: Name,
    pub ifindex: u32,
    pub btf_vmlinux_value_type_id: u32,
    pub netns_dev: u64,
    pub netns_ino: u64,
    pub btf_id: u32,
    pub btf_key_type_id: u32,
    pub btf_value_type_id: u32,
    pub btf_vmlinux_id: u32,
    pub map_extra: u64,
}

/// `struct bpf_btf_info`.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "fields are those of struct bpf_btf_info")]
pub struct BtfInfo<'a> {
    pub btf: &'a mut [u8],
    pub btf_size: u32,
    pub id: u32,
    /// Receives the name, ended by a zero byte.
    pub name: &'a mut [u8],
    pub name_len: u32,
    pub kernel_btf: bool,
}

/// `struct bpf_link_info`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of struct bpf_link_info")]
pub struct LinkInfo {
    pub link_type: LinkType,
    pub id: u32,
    pub prog_id: u32,
    pub detail: LinkInfoDetail,
}

/// The part of `struct bpf_link_info` that differs by link type.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of struct bpf_link_info")]
pub enum LinkInfoDetail {
    #[default]
    None,
    RawTracepoint {
        tp_name: String,
        cookie: u64,
    },
    Tracing {
        attach_type: AttachType,
        target_obj_id: u32,
        target_btf_id: u32,
        cookie: u64,
    },
    Cgroup {
        cgroup_id: u64,
        attach_type: AttachType,
    },
    Iter {
        target_name: String,
    },
    Netns {
        netns_ino: u32,
        attach_type: AttachType,
    },
    Xdp {
        ifindex: u32,
    },
    StructOps {
        map_id: u32,
    },
    Netfilter {
        pf: u32,
        hooknum: u32,
        priority: i32,
        flags: u32,
    },
    Tcx {
        ifindex: u32,
        attach_type: AttachType,
    },
    Netkit {
        ifindex: u32,
        attach_type: AttachType,
    },
    Sockmap {
        map_id: u32,
        attach_type: AttachType,
    },
    KprobeMulti {
        addrs: Vec<u64>,
        cookies: Vec<u64>,
        flags: u32,
        missed: u64,
    },
    UprobeMulti {
        path: String,
        offsets: Vec<u64>,
        ref_ctr_offsets: Vec<u64>,
        cookies: Vec<u64>,
        flags: u32,
        pid: u32,
    },
    PerfEvent(PerfEventLink),
    /// A kind that Linux 6.18 does not have.
    Other,
}

/// What a program on a perf event is attached to.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "fields are those of struct bpf_link_info")]
pub enum PerfEventLink {
    Uprobe { on_return: bool, file_name: String, offset: u32, cookie: u64, ref_ctr_offset: u64 },
    Kprobe { on_return: bool, func_name: String, offset: u32, addr: u64, missed: u64, cookie: u64 },
    Tracepoint { tp_name: String, cookie: u64 },
    Event { kind: u32, config: u64, cookie: u64 },
}
