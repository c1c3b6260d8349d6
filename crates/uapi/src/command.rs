//! What we ask of a kernel: one value per bpf(2) command, borrowed slices instead of pointers.
//!
//! Field names are those of `union bpf_attr`. A descriptor that may be absent is an `Option`; a
//! pointer with a length is a slice; an output is a `&mut`. Where bpf(2) knows a length only from
//! the object (`key`, `value`), a slice that is too short is answered with `EFAULT`, as memory
//! that ends too early would be; a longer one is used as far as needed.

use crate::info::Info;
use crate::{AttachType, Cmd, Fd, MapType, Name, ProgType};

/// A bpf(2) command with its inputs and the places for its outputs.
///
/// Not `#[non_exhaustive]`: a new command must not compile until every kernel answers it.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "fields are those of union bpf_attr, documented there and in the structs below"
)]
pub enum Command<'a> {
    /// Creates a map; the result is its descriptor.
    MapCreate(MapCreate<'a>),
    /// Copies the value under `key` into `value`. Per-CPU maps fill one slot, rounded up to eight
    /// bytes, per possible CPU.
    MapLookupElem { map_fd: Fd, key: &'a [u8], value: &'a mut [u8], flags: u64 },
    /// Stores `value` under `key`; `flags` are `BPF_ANY`, `BPF_NOEXIST`, `BPF_EXIST`, `BPF_F_LOCK`.
    MapUpdateElem { map_fd: Fd, key: &'a [u8], value: &'a [u8], flags: u64 },
    /// Deletes the entry under `key`.
    MapDeleteElem { map_fd: Fd, key: &'a [u8] },
    /// Puts the key after `key` (the first, if that is absent or unknown) into `next_key`.
    MapGetNextKey { map_fd: Fd, key: Option<&'a [u8]>, next_key: &'a mut [u8] },
    /// Verifies and loads a program; the result is its descriptor.
    ProgLoad(ProgLoad<'a>),
    /// Gives an object a name in a BPF file system.
    ObjPin { pathname: &'a str, bpf_fd: Fd, path_fd: Option<Fd>, file_flags: u32 },
    /// Opens the object behind a name; the result is a descriptor.
    ObjGet { pathname: &'a str, path_fd: Option<Fd>, file_flags: u32 },
    /// Attaches a program without a link.
    ProgAttach(ProgAttach),
    /// Undoes [`Command::ProgAttach`].
    ProgDetach(ProgAttach),
    /// Runs a program on test data.
    ProgTestRun(TestRun<'a>),
    /// The smallest program id above `start_id`.
    ProgGetNextId { start_id: u32, next_id: &'a mut u32 },
    /// The smallest map id above `start_id`.
    MapGetNextId { start_id: u32, next_id: &'a mut u32 },
    /// A descriptor of the program with this id.
    ProgGetFdById { prog_id: u32, open_flags: u32 },
    /// A descriptor of the map with this id.
    MapGetFdById { map_id: u32, open_flags: u32 },
    /// Describes the object behind a descriptor. The variant of `info` must be the object's kind.
    ObjGetInfoByFd { bpf_fd: Fd, info: Info<'a> },
    /// Which programs are attached to a target.
    ProgQuery(ProgQuery<'a>),
    /// Attaches to a raw tracepoint (or a BTF-typed one, where `name` is absent).
    RawTracepointOpen { name: Option<&'a str>, prog_fd: Fd, cookie: u64 },
    /// Loads type information; the result is its descriptor.
    BtfLoad {
        btf: &'a [u8],
        log_level: u32,
        log_buf: &'a mut [u8],
        log_true_size: &'a mut u32,
        flags: u32,
        token_fd: Option<Fd>,
    },
    /// A descriptor of the BTF object with this id.
    BtfGetFdById { btf_id: u32, open_flags: u32 },
    /// Which program another task's perf event descriptor runs, and where.
    TaskFdQuery { pid: u32, fd: u32, flags: u32, out: &'a mut TaskFd },
    /// [`Command::MapLookupElem`] and [`Command::MapDeleteElem`] in one step.
    MapLookupAndDeleteElem { map_fd: Fd, key: &'a [u8], value: &'a mut [u8], flags: u64 },
    /// From now on user space cannot write the map.
    MapFreeze { map_fd: Fd },
    /// The smallest BTF id above `start_id`.
    BtfGetNextId { start_id: u32, next_id: &'a mut u32 },
    /// Reads many entries.
    MapLookupBatch(LookupBatch<'a>),
    /// Reads and deletes many entries.
    MapLookupAndDeleteBatch(LookupBatch<'a>),
    /// Stores many entries; `count` comes back as the number done.
    MapUpdateBatch {
        map_fd: Fd,
        keys: &'a [u8],
        values: &'a [u8],
        count: &'a mut u32,
        elem_flags: u64,
        flags: u64,
    },
    /// Deletes many entries; `count` comes back as the number done.
    MapDeleteBatch { map_fd: Fd, keys: &'a [u8], count: &'a mut u32, elem_flags: u64, flags: u64 },
    /// Attaches a program; the result is the link's descriptor.
    LinkCreate(LinkCreate<'a>),
    /// Exchanges the program (or struct_ops map) of a link.
    LinkUpdate { link_fd: Fd, new_fd: Fd, flags: u32, old_fd: Option<Fd> },
    /// A descriptor of the link with this id.
    LinkGetFdById { link_id: u32 },
    /// The smallest link id above `start_id`.
    LinkGetNextId { start_id: u32, next_id: &'a mut u32 },
    /// Turns run statistics on for as long as the resulting descriptor is open.
    EnableStats { kind: u32 },
    /// Opens an iterator link for reading.
    IterCreate { link_fd: Fd, flags: u32 },
    /// Takes the target away from a link; the link stays.
    LinkDetach { link_fd: Fd },
    /// Ties a map's life to a program.
    ProgBindMap { prog_fd: Fd, map_fd: Fd, flags: u32 },
    /// A token that delegates BPF to a user namespace.
    TokenCreate { flags: u32, bpffs_fd: Fd },
    /// Reads what a program printed to one of its streams; the result is the number of bytes.
    ProgStreamReadByFd { prog_fd: Fd, stream_id: u32, stream_buf: &'a mut [u8] },
}

impl Command<'_> {
    /// The command's number.
    pub const fn cmd(&self) -> Cmd {
        match self {
            Command::MapCreate(_) => Cmd::MAP_CREATE,
            Command::MapLookupElem { .. } => Cmd::MAP_LOOKUP_ELEM,
            Command::MapUpdateElem { .. } => Cmd::MAP_UPDATE_ELEM,
            Command::MapDeleteElem { .. } => Cmd::MAP_DELETE_ELEM,
            Command::MapGetNextKey { .. } => Cmd::MAP_GET_NEXT_KEY,
            Command::ProgLoad(_) => Cmd::PROG_LOAD,
            Command::ObjPin { .. } => Cmd::OBJ_PIN,
            Command::ObjGet { .. } => Cmd::OBJ_GET,
            Command::ProgAttach(_) => Cmd::PROG_ATTACH,
            Command::ProgDetach(_) => Cmd::PROG_DETACH,
            Command::ProgTestRun(_) => Cmd::PROG_TEST_RUN,
            Command::ProgGetNextId { .. } => Cmd::PROG_GET_NEXT_ID,
            Command::MapGetNextId { .. } => Cmd::MAP_GET_NEXT_ID,
            Command::ProgGetFdById { .. } => Cmd::PROG_GET_FD_BY_ID,
            Command::MapGetFdById { .. } => Cmd::MAP_GET_FD_BY_ID,
            Command::ObjGetInfoByFd { .. } => Cmd::OBJ_GET_INFO_BY_FD,
            Command::ProgQuery(_) => Cmd::PROG_QUERY,
            Command::RawTracepointOpen { .. } => Cmd::RAW_TRACEPOINT_OPEN,
            Command::BtfLoad { .. } => Cmd::BTF_LOAD,
            Command::BtfGetFdById { .. } => Cmd::BTF_GET_FD_BY_ID,
            Command::TaskFdQuery { .. } => Cmd::TASK_FD_QUERY,
            Command::MapLookupAndDeleteElem { .. } => Cmd::MAP_LOOKUP_AND_DELETE_ELEM,
            Command::MapFreeze { .. } => Cmd::MAP_FREEZE,
            Command::BtfGetNextId { .. } => Cmd::BTF_GET_NEXT_ID,
            Command::MapLookupBatch(_) => Cmd::MAP_LOOKUP_BATCH,
            Command::MapLookupAndDeleteBatch(_) => Cmd::MAP_LOOKUP_AND_DELETE_BATCH,
            Command::MapUpdateBatch { .. } => Cmd::MAP_UPDATE_BATCH,
            Command::MapDeleteBatch { .. } => Cmd::MAP_DELETE_BATCH,
            Command::LinkCreate(_) => Cmd::LINK_CREATE,
            Command::LinkUpdate { .. } => Cmd::LINK_UPDATE,
            Command::LinkGetFdById { .. } => Cmd::LINK_GET_FD_BY_ID,
            Command::LinkGetNextId { .. } => Cmd::LINK_GET_NEXT_ID,
            Command::EnableStats { .. } => Cmd::ENABLE_STATS,
            Command::IterCreate { .. } => Cmd::ITER_CREATE,
            Command::LinkDetach { .. } => Cmd::LINK_DETACH,
            Command::ProgBindMap { .. } => Cmd::PROG_BIND_MAP,
            Command::TokenCreate { .. } => Cmd::TOKEN_CREATE,
            Command::ProgStreamReadByFd { .. } => Cmd::PROG_STREAM_READ_BY_FD,
        }
    }

    /// Whether the command's result is a new descriptor.
    pub const fn returns_fd(&self) -> bool {
        matches!(
            self,
            Command::MapCreate(_)
                | Command::ProgLoad(_)
                | Command::ObjGet { .. }
                | Command::ProgGetFdById { .. }
                | Command::MapGetFdById { .. }
                | Command::BtfGetFdById { .. }
                | Command::LinkGetFdById { .. }
                | Command::RawTracepointOpen { .. }
                | Command::BtfLoad { .. }
                | Command::LinkCreate(_)
                | Command::EnableStats { .. }
                | Command::IterCreate { .. }
                | Command::TokenCreate { .. }
        )
    }
}

/// Inputs of `BPF_MAP_CREATE`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct MapCreate<'a> {
    pub map_type: MapType,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub map_flags: u32,
    pub inner_map_fd: Option<Fd>,
    pub numa_node: u32,
    pub map_name: Name,
    pub map_ifindex: u32,
    pub btf_fd: Option<Fd>,
    pub btf_key_type_id: u32,
    pub btf_value_type_id: u32,
    pub btf_vmlinux_value_type_id: u32,
    pub map_extra: u64,
    pub value_type_btf_obj_fd: Option<Fd>,
    pub map_token_fd: Option<Fd>,
    pub excl_prog_hash: &'a [u8],
}

/// Inputs of `BPF_PROG_LOAD`, and the verifier's log.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct ProgLoad<'a> {
    pub prog_type: ProgType,
    /// Instruction slots, eight bytes each.
    pub insns: &'a [u8],
    pub license: &'a str,
    pub log_level: u32,
    /// Receives the log, ended by a zero byte. Empty: no log is wanted.
    pub log_buf: &'a mut [u8],
    pub kern_version: u32,
    pub prog_flags: u32,
    pub prog_name: Name,
    pub prog_ifindex: u32,
    pub expected_attach_type: AttachType,
    pub prog_btf_fd: Option<Fd>,
    /// Records of `func_info_rec_size` bytes each.
    pub func_info: &'a [u8],
    pub func_info_rec_size: u32,
    /// Records of `line_info_rec_size` bytes each.
    pub line_info: &'a [u8],
    pub line_info_rec_size: u32,
    pub attach_btf_id: u32,
    /// `attach_prog_fd` or `attach_btf_obj_fd`.
    pub attach_fd: Option<Fd>,
    pub core_relos: &'a [u8],
    pub core_relo_rec_size: u32,
    pub fd_array: &'a [i32],
    /// Set: `fd_array` holds exactly `fd_array.len()` maps that the program is bound to.
    pub fd_array_cnt: u32,
    /// Comes back as the size that the whole log has.
    pub log_true_size: u32,
    pub prog_token_fd: Option<Fd>,
    pub signature: &'a [u8],
    pub keyring_id: i32,
}

/// Inputs of `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct ProgAttach {
    pub target: Target,
    pub attach_bpf_fd: Option<Fd>,
    pub attach_type: AttachType,
    pub attach_flags: u32,
    pub replace_bpf_fd: Option<Fd>,
    /// `relative_fd` or, with `BPF_F_ID`, `relative_id`.
    pub relative: u32,
    pub expected_revision: u64,
}

/// What something is attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Nothing: the attach type says it all.
    #[default]
    None,
    /// A descriptor: a cgroup, a map, a network namespace, a perf event, a program.
    Fd(Fd),
    /// A network interface.
    Ifindex(u32),
}

/// Inputs and outputs of `BPF_PROG_TEST_RUN`. Outputs beyond the slices are plain fields.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct TestRun<'a> {
    pub prog_fd: Fd,
    pub data_in: &'a [u8],
    pub data_out: &'a mut [u8],
    pub ctx_in: &'a [u8],
    pub ctx_out: &'a mut [u8],
    pub repeat: u32,
    pub flags: u32,
    pub cpu: u32,
    pub batch_size: u32,
    /// Out: what the program returned the last time.
    pub retval: u32,
    /// Out: bytes that the packet has after the run, even where `data_out` is smaller.
    pub data_size_out: u32,
    /// Out: bytes of context after the run.
    pub ctx_size_out: u32,
    /// Out: mean nanoseconds of a run.
    pub duration: u32,
}

/// Inputs and outputs of `BPF_PROG_QUERY`.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct ProgQuery<'a> {
    pub target: Target,
    pub attach_type: AttachType,
    pub query_flags: u32,
    pub prog_ids: &'a mut [u32],
    pub prog_attach_flags: &'a mut [u32],
    pub link_ids: &'a mut [u32],
    pub link_attach_flags: &'a mut [u32],
    /// Out.
    pub attach_flags: u32,
    /// In: room for so many; out: so many there are.
    pub count: u32,
    /// Out.
    pub revision: u64,
}

/// Outputs of `BPF_TASK_FD_QUERY`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct TaskFd {
    /// Name of the tracepoint, function or file.
    pub buf: Vec<u8>,
    pub prog_id: u32,
    pub fd_type: u32,
    pub probe_offset: u64,
    pub probe_addr: u64,
}

/// Inputs and outputs of the two batch look-ups.
#[derive(Debug)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct LookupBatch<'a> {
    pub map_fd: Fd,
    /// Where the last batch ended; none begins at the start.
    pub in_batch: Option<&'a [u8]>,
    pub out_batch: &'a mut [u8],
    pub keys: &'a mut [u8],
    pub values: &'a mut [u8],
    /// In: room for so many entries; out: so many were read.
    pub count: &'a mut u32,
    pub elem_flags: u64,
    pub flags: u64,
}

/// Inputs of `BPF_LINK_CREATE`.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub struct LinkCreate<'a> {
    /// `prog_fd`, or `map_fd` for struct_ops.
    pub fd: Fd,
    pub target: Target,
    pub attach_type: AttachType,
    pub flags: u32,
    pub detail: LinkDetail<'a>,
}

/// The part of `BPF_LINK_CREATE` that differs by attach type.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "fields are those of union bpf_attr")]
pub enum LinkDetail<'a> {
    #[default]
    None,
    TargetBtfId(u32),
    Iter {
        iter_info: &'a [u8],
    },
    PerfEvent {
        bpf_cookie: u64,
    },
    KprobeMulti {
        flags: u32,
        syms: &'a [&'a str],
        addrs: &'a [u64],
        cookies: &'a [u64],
    },
    Tracing {
        target_btf_id: u32,
        cookie: u64,
    },
    Netfilter {
        pf: u32,
        hooknum: u32,
        priority: i32,
        flags: u32,
    },
    /// tcx, netkit and cgroup links: a place in a chain.
    Relative {
        relative: u32,
        expected_revision: u64,
    },
    UprobeMulti {
        path: &'a str,
        offsets: &'a [u64],
        ref_ctr_offsets: &'a [u64],
        cookies: &'a [u64],
        flags: u32,
        pid: u32,
    },
}
