//! What a kernel tells about an object. Plain fields go both ways, since some of them say how
//! much the caller wants to know.

use skep_uapi::{BtfInfo, Info, LinkInfo, LinkInfoDetail, MapInfo, PerfEventLink, ProgInfo};

use super::part::{Part, Visit, choices, parts, read};
use super::primitive::{Reader, Writer};
use super::room::Lender;
use crate::Error;

choices!(Info as Info<'a>, "kind of object" {
    0 => Prog { 0: info },
    1 => Map { 0: info },
    2 => Btf { 0: info },
    3 => Link { 0: info },
});

parts!(ProgInfo as ProgInfo<'a> {
    in {
        jited_prog_insns, xlated_prog_insns, map_ids, jited_ksyms, jited_func_lens, func_info,
        line_info, jited_line_info, prog_tags,
    }
    both {
        prog_type, id, tag, jited_prog_len, xlated_prog_len, load_time, created_by_uid,
        nr_map_ids, name, ifindex, gpl_compatible, netns_dev, netns_ino, nr_jited_ksyms,
        nr_jited_func_lens, btf_id, func_info_rec_size, nr_func_info, line_info_rec_size,
        nr_line_info, jited_line_info_rec_size, nr_jited_line_info, nr_prog_tags, run_time_ns,
        run_cnt, recursion_misses, verified_insns, attach_btf_obj_id, attach_btf_id,
    }
});

parts!(MapInfo as MapInfo {
    in {}
    both {
        map_type, id, key_size, value_size, max_entries, map_flags, name, ifindex,
        btf_vmlinux_value_type_id, netns_dev, netns_ino, btf_id, btf_key_type_id,
        btf_value_type_id, btf_vmlinux_id, map_extra,
    }
});

parts!(BtfInfo as BtfInfo<'a> {
    in { btf, name } both { btf_size, id, name_len, kernel_btf }
});

parts!(LinkInfo as LinkInfo {
    in {} both { link_type, id, prog_id, detail }
});

choices!(LinkInfoDetail as LinkInfoDetail, "kind of link" {
    0 => None {},
    1 => RawTracepoint { tp_name, cookie },
    2 => Tracing { attach_type, target_obj_id, target_btf_id, cookie },
    3 => Cgroup { cgroup_id, attach_type },
    4 => Iter { target_name },
    5 => Netns { netns_ino, attach_type },
    6 => Xdp { ifindex },
    7 => StructOps { map_id },
    8 => Netfilter { pf, hooknum, priority, flags },
    9 => Tcx { ifindex, attach_type },
    10 => Netkit { ifindex, attach_type },
    11 => Sockmap { map_id, attach_type },
    12 => KprobeMulti { addrs, cookies, flags, missed },
    13 => UprobeMulti { path, offsets, ref_ctr_offsets, cookies, flags, pid },
    14 => PerfEvent { 0: event },
    15 => Other {},
});

choices!(PerfEventLink as PerfEventLink, "kind of perf event" {
    0 => Uprobe { on_return, file_name, offset, cookie, ref_ctr_offset },
    1 => Kprobe { on_return, func_name, offset, addr, missed, cookie },
    2 => Tracepoint { tp_name, cookie },
    3 => Event { kind, config, cookie },
});
