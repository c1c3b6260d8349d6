//! The structs of `<linux/bpf.h>` as of Linux 6.18, written down once and read both ways.
//!
//! Fields stand in the header's order and at the header's offsets: each at the next multiple of
//! its own size, as `__aligned_u64` makes it on every machine. A layout's size ends with its last
//! field, which is where Linux's check for non-zero bytes behind it begins.

/// Bytes of `union bpf_attr`.
pub(crate) const ATTR_BYTES: usize = 168;

/// A struct with C's layout.
pub(crate) trait Layout: Sized + Default {
    /// Offset behind the last field.
    const SIZE: usize;
    /// Reads the fields; what lies behind the end of `bytes` is zero.
    fn get(bytes: &[u8]) -> Self;
    /// Writes the fields that fit into `bytes`.
    fn put(&self, bytes: &mut [u8]);
}

/// A field's type.
pub(crate) trait Field: Sized {
    /// Bytes it takes.
    const SIZE: usize;
    /// What its offset is a multiple of.
    const ALIGN: usize;
    /// Reads it from exactly `SIZE` bytes.
    fn load(bytes: &[u8]) -> Self;
    /// Writes it to exactly `SIZE` bytes.
    fn store(&self, bytes: &mut [u8]);
}

macro_rules! integer_field {
    ($($type:ty)*) => {$(
        impl Field for $type {
            const SIZE: usize = size_of::<$type>();
            const ALIGN: usize = size_of::<$type>();
            fn load(bytes: &[u8]) -> Self {
                <$type>::from_ne_bytes(bytes.try_into().expect("the reader takes SIZE bytes"))
            }
            fn store(&self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_ne_bytes());
            }
        }
    )*};
}

integer_field!(u32 i32 u64);

impl<const N: usize> Field for [u8; N] {
    const SIZE: usize = N;
    const ALIGN: usize = 1;
    fn load(bytes: &[u8]) -> Self {
        bytes.try_into().expect("the reader takes SIZE bytes")
    }
    fn store(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self);
    }
}

/// Where a field of type `F` begins if the one before it ends at `end`.
pub(crate) const fn start<F: Field>(end: usize) -> usize {
    end.next_multiple_of(F::ALIGN)
}

/// Reads the next field and moves `end` behind it. A field that lies partly behind the end of
/// `bytes` has zeros there, as Linux fills a short attr.
pub(crate) fn take<F: Field>(bytes: &[u8], end: &mut usize) -> F {
    let at = start::<F>(*end);
    *end = at + F::SIZE;
    let mut field = [0; 64];
    let there = bytes.get(at..).unwrap_or_default();
    let there = &there[..there.len().min(F::SIZE)];
    field[..there.len()].copy_from_slice(there);
    F::load(&field[..F::SIZE])
}

/// Writes the next field, unless it lies behind the end of `bytes`, and moves `end` behind it.
pub(crate) fn give<F: Field>(field: &F, bytes: &mut [u8], end: &mut usize) {
    let at = start::<F>(*end);
    *end = at + F::SIZE;
    if let Some(room) = bytes.get_mut(at..*end) {
        field.store(room);
    }
}

macro_rules! layouts {
    ($($(#[$doc:meta])* $type:ident { $($field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub(crate) struct $type { $(pub(crate) $field: $kind,)* }

        impl Layout for $type {
            const SIZE: usize = {
                let end = 0;
                $(let end = start::<$kind>(end) + <$kind as Field>::SIZE;)*
                end
            };
            fn get(bytes: &[u8]) -> Self {
                let mut end = 0;
                Self { $($field: take(bytes, &mut end),)* }
            }
            fn put(&self, bytes: &mut [u8]) {
                let mut end = 0;
                $(give(&self.$field, bytes, &mut end);)*
            }
        }
    )*};
}

layouts! {
    /// `BPF_MAP_CREATE`.
    MapCreateAttr {
        map_type: u32, key_size: u32, value_size: u32, max_entries: u32, map_flags: u32,
        inner_map_fd: u32, numa_node: u32, map_name: [u8; 16], map_ifindex: u32, btf_fd: u32,
        btf_key_type_id: u32, btf_value_type_id: u32, btf_vmlinux_value_type_id: u32,
        map_extra: u64, value_type_btf_obj_fd: i32, map_token_fd: i32, excl_prog_hash: u64,
        excl_prog_hash_size: u32,
    }
    /// `BPF_MAP_*_ELEM`: with `flags`.
    ElemAttr { map_fd: u32, key: u64, value: u64, flags: u64, }
    /// `BPF_MAP_GET_NEXT_KEY`.
    NextKeyAttr { map_fd: u32, key: u64, next_key: u64, }
    /// `BPF_MAP_DELETE_ELEM`.
    DeleteAttr { map_fd: u32, key: u64, }
    /// `BPF_MAP_*_BATCH`.
    BatchAttr {
        in_batch: u64, out_batch: u64, keys: u64, values: u64, count: u32, map_fd: u32,
        elem_flags: u64, flags: u64,
    }
    /// `BPF_PROG_LOAD`.
    ProgLoadAttr {
        prog_type: u32, insn_cnt: u32, insns: u64, license: u64, log_level: u32, log_size: u32,
        log_buf: u64, kern_version: u32, prog_flags: u32, prog_name: [u8; 16], prog_ifindex: u32,
        expected_attach_type: u32, prog_btf_fd: u32, func_info_rec_size: u32, func_info: u64,
        func_info_cnt: u32, line_info_rec_size: u32, line_info: u64, line_info_cnt: u32,
        attach_btf_id: u32, attach_fd: u32, core_relo_cnt: u32, fd_array: u64, core_relos: u64,
        core_relo_rec_size: u32, log_true_size: u32, prog_token_fd: i32, fd_array_cnt: u32,
        signature: u64, signature_size: u32, keyring_id: i32,
    }
    /// `BPF_OBJ_PIN`, `BPF_OBJ_GET`.
    ObjAttr { pathname: u64, bpf_fd: u32, file_flags: u32, path_fd: i32, }
    /// `BPF_PROG_ATTACH`, `BPF_PROG_DETACH`.
    ProgAttachAttr {
        target: u32, attach_bpf_fd: u32, attach_type: u32, attach_flags: u32, replace_bpf_fd: u32,
        relative: u32, expected_revision: u64,
    }
    /// `BPF_PROG_TEST_RUN`.
    TestRunAttr {
        prog_fd: u32, retval: u32, data_size_in: u32, data_size_out: u32, data_in: u64,
        data_out: u64, repeat: u32, duration: u32, ctx_size_in: u32, ctx_size_out: u32,
        ctx_in: u64, ctx_out: u64, flags: u32, cpu: u32, batch_size: u32,
    }
    /// `BPF_*_GET_NEXT_ID`.
    NextIdAttr { start_id: u32, next_id: u32, }
    /// `BPF_*_GET_FD_BY_ID`.
    FdByIdAttr { id: u32, next_id: u32, open_flags: u32, }
    /// `BPF_BTF_GET_FD_BY_ID`, which alone takes a token.
    BtfFdByIdAttr { id: u32, next_id: u32, open_flags: u32, token_fd: i32, }
    /// `BPF_OBJ_GET_INFO_BY_FD`.
    InfoAttr { bpf_fd: u32, info_len: u32, info: u64, }
    /// `BPF_PROG_QUERY`.
    QueryAttr {
        target: u32, attach_type: u32, query_flags: u32, attach_flags: u32, prog_ids: u64,
        count: u32, prog_attach_flags: u64, link_ids: u64, link_attach_flags: u64, revision: u64,
    }
    /// `BPF_RAW_TRACEPOINT_OPEN`.
    RawTracepointAttr { name: u64, prog_fd: u32, cookie: u64, }
    /// `BPF_BTF_LOAD`.
    BtfLoadAttr {
        btf: u64, log_buf: u64, btf_size: u32, log_size: u32, log_level: u32, log_true_size: u32,
        flags: u32, token_fd: i32,
    }
    /// `BPF_TASK_FD_QUERY`.
    TaskFdAttr {
        pid: u32, fd: u32, flags: u32, buf_len: u32, buf: u64, prog_id: u32, fd_type: u32,
        probe_offset: u64, probe_addr: u64,
    }
    /// `BPF_MAP_FREEZE`, `BPF_LINK_DETACH`, `BPF_ENABLE_STATS`: one number.
    OneAttr { number: u32, }
    /// `BPF_ITER_CREATE`, `BPF_TOKEN_CREATE`: two numbers.
    TwoAttr { first: u32, second: u32, }
    /// `BPF_PROG_BIND_MAP`.
    BindMapAttr { prog_fd: u32, map_fd: u32, flags: u32, }
    /// `BPF_PROG_STREAM_READ_BY_FD`.
    StreamReadAttr { stream_buf: u64, stream_buf_len: u32, stream_id: u32, prog_fd: u32, }
    /// `BPF_LINK_UPDATE`.
    LinkUpdateAttr { link_fd: u32, new_fd: u32, flags: u32, old_fd: u32, }
}

/// Offset of the part of `BPF_LINK_CREATE` that differs by attach type.
pub(crate) const LINK_DETAIL: usize = LinkCreateAttr::SIZE;

layouts! {
    /// `BPF_LINK_CREATE`: the part that all attach types share.
    LinkCreateAttr { fd: u32, target: u32, attach_type: u32, flags: u32, }
    /// `link_create.target_btf_id`.
    TargetBtfDetail { target_btf_id: u32, }
    /// `link_create.iter_info`.
    IterDetail { iter_info: u64, iter_info_len: u32, }
    /// `link_create.perf_event`.
    PerfEventDetail { bpf_cookie: u64, }
    /// `link_create.kprobe_multi`.
    KprobeMultiDetail { flags: u32, cnt: u32, syms: u64, addrs: u64, cookies: u64, }
    /// `link_create.tracing`.
    TracingDetail { target_btf_id: u32, cookie: u64, }
    /// `link_create.netfilter`.
    NetfilterDetail { pf: u32, hooknum: u32, priority: i32, flags: u32, }
    /// `link_create.tcx`, `.netkit`, `.cgroup`.
    RelativeDetail { relative: u32, expected_revision: u64, }
    /// `link_create.uprobe_multi`: the longest detail, so its end is the command's.
    UprobeMultiDetail {
        path: u64, offsets: u64, ref_ctr_offsets: u64, cookies: u64, cnt: u32, flags: u32,
        pid: u32,
    }
}

layouts! {
    /// `struct bpf_prog_info`. `gpl_compatible` is the lowest bit of its word.
    ProgInfoBytes {
        prog_type: u32, id: u32, tag: [u8; 8], jited_prog_len: u32, xlated_prog_len: u32,
        jited_prog_insns: u64, xlated_prog_insns: u64, load_time: u64, created_by_uid: u32,
        nr_map_ids: u32, map_ids: u64, name: [u8; 16], ifindex: u32, gpl_compatible: u32,
        netns_dev: u64, netns_ino: u64, nr_jited_ksyms: u32, nr_jited_func_lens: u32,
        jited_ksyms: u64, jited_func_lens: u64, btf_id: u32, func_info_rec_size: u32,
        func_info: u64, nr_func_info: u32, nr_line_info: u32, line_info: u64,
        jited_line_info: u64, nr_jited_line_info: u32, line_info_rec_size: u32,
        jited_line_info_rec_size: u32, nr_prog_tags: u32, prog_tags: u64, run_time_ns: u64,
        run_cnt: u64, recursion_misses: u64, verified_insns: u32, attach_btf_obj_id: u32,
        attach_btf_id: u32,
    }
    /// `struct bpf_map_info`.
    MapInfoBytes {
        map_type: u32, id: u32, key_size: u32, value_size: u32, max_entries: u32, map_flags: u32,
        name: [u8; 16], ifindex: u32, btf_vmlinux_value_type_id: u32, netns_dev: u64,
        netns_ino: u64, btf_id: u32, btf_key_type_id: u32, btf_value_type_id: u32,
        btf_vmlinux_id: u32, map_extra: u64, hash: u64, hash_size: u32,
    }
    /// `struct bpf_btf_info`.
    BtfInfoBytes { btf: u64, btf_size: u32, id: u32, name: u64, name_len: u32, kernel_btf: u32, }
    /// `struct bpf_link_info`: the part that all link types share.
    LinkInfoBytes { link_type: u32, id: u32, prog_id: u32, }
}

/// Bytes of `struct bpf_link_info`, and the offset of the part that differs by link type.
pub(crate) const LINK_INFO_BYTES: usize = 64;
pub(crate) const LINK_INFO_DETAIL: usize = 16;

layouts! {
    /// `raw_tracepoint`.
    RawTracepointInfo { tp_name: u64, tp_name_len: u32, cookie: u64, }
    /// `tracing`.
    TracingInfo { attach_type: u32, target_obj_id: u32, target_btf_id: u32, cookie: u64, }
    /// `cgroup`.
    CgroupInfo { cgroup_id: u64, attach_type: u32, }
    /// `iter`: what all targets share.
    IterInfo { target_name: u64, target_name_len: u32, }
    /// `netns`, `tcx`, `netkit`, `sockmap`, `xdp`, `struct_ops`: a place and an attach type.
    PlaceInfo { place: u32, attach_type: u32, }
    /// `kprobe_multi`.
    KprobeMultiInfo { addrs: u64, count: u32, flags: u32, missed: u64, cookies: u64, }
    /// `uprobe_multi`.
    UprobeMultiInfo {
        path: u64, offsets: u64, ref_ctr_offsets: u64, cookies: u64, path_size: u32, count: u32,
        flags: u32, pid: u32,
    }
    /// `perf_event`: its kind, which says which of the next four lies behind it.
    PerfEventInfo { kind: u32, }
    /// `perf_event.uprobe`.
    UprobeInfo { file_name: u64, name_len: u32, offset: u32, cookie: u64, ref_ctr_offset: u64, }
    /// `perf_event.kprobe`.
    KprobeInfo {
        func_name: u64, name_len: u32, offset: u32, addr: u64, missed: u64, cookie: u64,
    }
    /// `perf_event.tracepoint`.
    TracepointInfo { tp_name: u64, name_len: u32, cookie: u64, }
    /// `perf_event.event`.
    EventInfo { config: u64, kind: u32, cookie: u64, }
}

/// `enum bpf_perf_event_type`.
pub(crate) mod perf_event_type {
    pub(crate) const UPROBE: u32 = 1;
    pub(crate) const URETPROBE: u32 = 2;
    pub(crate) const KPROBE: u32 = 3;
    pub(crate) const KRETPROBE: u32 = 4;
    pub(crate) const TRACEPOINT: u32 = 5;
    pub(crate) const EVENT: u32 = 6;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_end_where_the_header_says() {
        assert_eq!(ProgLoadAttr::SIZE, ATTR_BYTES);
        assert_eq!(MapCreateAttr::SIZE, 92);
        assert_eq!(ElemAttr::SIZE, 32);
        assert_eq!(BatchAttr::SIZE, 56);
        assert_eq!(TestRunAttr::SIZE, 76);
        assert_eq!(QueryAttr::SIZE, 64);
        assert_eq!(LINK_DETAIL + UprobeMultiDetail::SIZE, 60);
        assert_eq!(ProgInfoBytes::SIZE, 228);
        assert_eq!(MapInfoBytes::SIZE, 100);
        assert_eq!(LINK_INFO_DETAIL + 8 + KprobeInfo::SIZE, 64);
    }

    #[test]
    fn a_short_struct_reads_as_zero_filled() {
        let attr = ElemAttr::get(&[7, 0, 0, 0, 9, 9, 9, 9, 1, 0, 0, 0]);
        assert_eq!(attr, ElemAttr { map_fd: 7, key: 1, value: 0, flags: 0 });
    }
}
