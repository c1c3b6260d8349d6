//! `BPF_OBJ_GET_INFO_BY_FD`: the info structs as bytes, with pointers to the caller's arrays.

use super::encode::{AttrBytes, Bpf, count, number, output};
use super::layout::*;
use crate::{
    AttachType, BtfInfo, Cmd, Errno, Fd, Info, LinkInfo, LinkInfoDetail, LinkType, MapInfo,
    MapType, Name, PerfEventLink, ProgInfo, ProgType,
};

pub(super) fn info(bpf_fd: Fd, info: &mut Info<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    match info {
        Info::Prog(info) => prog_info(bpf_fd, info, bpf),
        Info::Map(info) => {
            *info = map_info(call(bpf_fd, &MapInfoBytes::default(), bpf)?);
            Ok(0)
        }
        Info::Btf(info) => btf_info(bpf_fd, info, bpf),
        Info::Link(info) => link_info(bpf_fd, info, bpf),
    }
}

/// Hands a struct over and returns it as the kernel has filled it.
fn call<L: Layout>(bpf_fd: Fd, info: &L, bpf: Bpf<'_>) -> Result<L, Errno> {
    let mut bytes = vec![0_u64; L::SIZE.div_ceil(8)];
    let mut plain = vec![0; L::SIZE];
    info.put(&mut plain);
    for (to, from) in bytes.iter_mut().zip(plain.chunks(8)) {
        let mut word = [0; 8];
        word[..from.len()].copy_from_slice(from);
        *to = u64::from_ne_bytes(word);
    }
    raw(bpf_fd, &mut bytes, L::SIZE, bpf)?;
    let plain: Vec<u8> = bytes.iter().flat_map(|word| word.to_ne_bytes()).collect();
    Ok(L::get(&plain))
}

fn raw(bpf_fd: Fd, info: &mut [u64], bytes: usize, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let info_len = u32::try_from(bytes).map_err(|_| Errno::E2BIG)?;
    let mut attr = AttrBytes([0; ATTR_BYTES]);
    InfoAttr { bpf_fd: number(bpf_fd), info_len, info: output(info) }.put(&mut attr.0);
    bpf(Cmd::OBJ_GET_INFO_BY_FD, &mut attr.0[..InfoAttr::SIZE])
}

/// Bytes of the records that Linux 6.18 gives: `bpf_func_info`, `bpf_line_info`, and an address.
const FUNC_INFO_BYTES: u32 = 8;
const LINE_INFO_BYTES: u32 = 16;
const JITED_LINE_INFO_BYTES: u32 = 8;

fn prog_info(bpf_fd: Fd, info: &mut ProgInfo<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let asked = ProgInfoBytes {
        jited_prog_len: count(info.jited_prog_insns)?,
        xlated_prog_len: count(info.xlated_prog_insns)?,
        jited_prog_insns: output(info.jited_prog_insns),
        xlated_prog_insns: output(info.xlated_prog_insns),
        nr_map_ids: count(info.map_ids)?,
        map_ids: output(info.map_ids),
        nr_jited_ksyms: count(info.jited_ksyms)?,
        nr_jited_func_lens: count(info.jited_func_lens)?,
        jited_ksyms: output(info.jited_ksyms),
        jited_func_lens: output(info.jited_func_lens),
        func_info_rec_size: FUNC_INFO_BYTES,
        func_info: output(info.func_info),
        nr_func_info: count(info.func_info)? / FUNC_INFO_BYTES,
        nr_line_info: count(info.line_info)? / LINE_INFO_BYTES,
        line_info: output(info.line_info),
        jited_line_info: output(info.jited_line_info),
        nr_jited_line_info: count(info.jited_line_info)?,
        line_info_rec_size: LINE_INFO_BYTES,
        jited_line_info_rec_size: JITED_LINE_INFO_BYTES,
        nr_prog_tags: count(info.prog_tags)?,
        prog_tags: output(info.prog_tags),
        ..ProgInfoBytes::default()
    };
    let told = call(bpf_fd, &asked, bpf)?;
    fill_prog_info(info, &told);
    Ok(0)
}

fn fill_prog_info(info: &mut ProgInfo<'_>, told: &ProgInfoBytes) {
    info.prog_type = ProgType(told.prog_type);
    info.id = told.id;
    info.tag = told.tag;
    info.jited_prog_len = told.jited_prog_len;
    info.xlated_prog_len = told.xlated_prog_len;
    info.load_time = told.load_time;
    info.created_by_uid = told.created_by_uid;
    info.nr_map_ids = told.nr_map_ids;
    info.name = Name(told.name);
    info.ifindex = told.ifindex;
    info.gpl_compatible = told.gpl_compatible & 1 != 0;
    info.netns_dev = told.netns_dev;
    info.netns_ino = told.netns_ino;
    info.nr_jited_ksyms = told.nr_jited_ksyms;
    info.nr_jited_func_lens = told.nr_jited_func_lens;
    info.btf_id = told.btf_id;
    info.func_info_rec_size = told.func_info_rec_size;
    info.nr_func_info = told.nr_func_info;
    info.line_info_rec_size = told.line_info_rec_size;
    info.nr_line_info = told.nr_line_info;
    info.jited_line_info_rec_size = told.jited_line_info_rec_size;
    info.nr_jited_line_info = told.nr_jited_line_info;
    info.nr_prog_tags = told.nr_prog_tags;
    info.run_time_ns = told.run_time_ns;
    info.run_cnt = told.run_cnt;
    info.recursion_misses = told.recursion_misses;
    info.verified_insns = told.verified_insns;
    info.attach_btf_obj_id = told.attach_btf_obj_id;
    info.attach_btf_id = told.attach_btf_id;
}

fn map_info(told: MapInfoBytes) -> MapInfo {
    MapInfo {
        map_type: MapType(told.map_type),
        id: told.id,
        key_size: told.key_size,
        value_size: told.value_size,
        max_entries: told.max_entries,
        map_flags: told.map_flags,
        name: Name(told.name),
        ifindex: told.ifindex,
        btf_vmlinux_value_type_id: told.btf_vmlinux_value_type_id,
        netns_dev: told.netns_dev,
        netns_ino: told.netns_ino,
        btf_id: told.btf_id,
        btf_key_type_id: told.btf_key_type_id,
        btf_value_type_id: told.btf_value_type_id,
        btf_vmlinux_id: told.btf_vmlinux_id,
        map_extra: told.map_extra,
    }
}

fn btf_info(bpf_fd: Fd, info: &mut BtfInfo<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let asked = BtfInfoBytes {
        btf: output(info.btf),
        btf_size: count(info.btf)?,
        name: output(info.name),
        name_len: count(info.name)?,
        ..BtfInfoBytes::default()
    };
    let told = call(bpf_fd, &asked, bpf)?;
    info.btf_size = told.btf_size;
    info.id = told.id;
    info.name_len = told.name_len;
    info.kernel_btf = told.kernel_btf != 0;
    Ok(0)
}

/// The struct `bpf_link_info`, of which the second half depends on the type in the first.
struct LinkBytes([u64; LINK_INFO_BYTES / 8]);

impl LinkBytes {
    fn ask(bpf_fd: Fd, detail: &[u8], bpf: Bpf<'_>) -> Result<LinkBytes, Errno> {
        let mut words = [0; LINK_INFO_BYTES / 8];
        for (to, from) in words[LINK_INFO_DETAIL / 8..].iter_mut().zip(detail.chunks_exact(8)) {
            *to = u64::from_ne_bytes(from.try_into().expect("a chunk of eight"));
        }
        raw(bpf_fd, &mut words, LINK_INFO_BYTES, bpf)?;
        Ok(LinkBytes(words))
    }

    fn at<L: Layout>(&self, offset: usize) -> L {
        let bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_ne_bytes()).collect();
        L::get(&bytes[offset..])
    }

    fn detail<L: Layout>(&self) -> L {
        self.at(LINK_INFO_DETAIL)
    }
}

fn link_info(bpf_fd: Fd, info: &mut LinkInfo, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let told = LinkBytes::ask(bpf_fd, &[], bpf)?;
    let head: LinkInfoBytes = told.at(0);
    let link_type = LinkType(head.link_type);
    let place: PlaceInfo = told.detail();
    let attach_type = AttachType(place.attach_type);
    let detail = match link_type {
        LinkType::RAW_TRACEPOINT => raw_tracepoint(bpf_fd, bpf)?,
        LinkType::TRACING => tracing(&told),
        LinkType::CGROUP => {
            let told: CgroupInfo = told.detail();
            let attach_type = AttachType(told.attach_type);
            LinkInfoDetail::Cgroup { cgroup_id: told.cgroup_id, attach_type }
        }
        LinkType::ITER => iter(bpf_fd, bpf)?,
        LinkType::NETNS => LinkInfoDetail::Netns { netns_ino: place.place, attach_type },
        LinkType::XDP => LinkInfoDetail::Xdp { ifindex: place.place },
        LinkType::STRUCT_OPS => LinkInfoDetail::StructOps { map_id: place.place },
        LinkType::NETFILTER => {
            let NetfilterDetail { pf, hooknum, priority, flags } = told.detail();
            LinkInfoDetail::Netfilter { pf, hooknum, priority, flags }
        }
        LinkType::TCX => LinkInfoDetail::Tcx { ifindex: place.place, attach_type },
        LinkType::NETKIT => LinkInfoDetail::Netkit { ifindex: place.place, attach_type },
        LinkType::SOCKMAP => LinkInfoDetail::Sockmap { map_id: place.place, attach_type },
        LinkType::KPROBE_MULTI => kprobe_multi(bpf_fd, &told, bpf)?,
        LinkType::UPROBE_MULTI => uprobe_multi(bpf_fd, &told, bpf)?,
        LinkType::PERF_EVENT => perf_event(bpf_fd, &told, bpf)?,
        _ => LinkInfoDetail::Other,
    };
    *info = LinkInfo { link_type, id: head.id, prog_id: head.prog_id, detail };
    Ok(0)
}

/// Room for a name or a path: the longest that the kernel gives, with its zero byte.
const TEXT_BYTES: usize = 4096;

/// Asks again with room for one text, whose address and length `detail` takes to its place at
/// `offset` of the struct's second half.
fn with_text<L: Layout>(
    bpf_fd: Fd,
    offset: usize,
    bpf: Bpf<'_>,
    detail: impl FnOnce(u64, u32) -> L,
) -> Result<(String, L), Errno> {
    let mut text = vec![0; TEXT_BYTES];
    let len = count(&text)?;
    let mut bytes = [0; LINK_INFO_BYTES - LINK_INFO_DETAIL];
    detail(output(&mut text), len).put(&mut bytes[offset..]);
    let told = LinkBytes::ask(bpf_fd, &bytes, bpf)?;
    Ok((until_zero(&text), told.at(LINK_INFO_DETAIL + offset)))
}

fn until_zero(text: &[u8]) -> String {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).into_owned()
}

fn raw_tracepoint(bpf_fd: Fd, bpf: Bpf<'_>) -> Result<LinkInfoDetail, Errno> {
    let (tp_name, told) = with_text(bpf_fd, 0, bpf, |tp_name, tp_name_len| RawTracepointInfo {
        tp_name,
        tp_name_len,
        cookie: 0,
    })?;
    Ok(LinkInfoDetail::RawTracepoint { tp_name, cookie: told.cookie })
}

fn tracing(told: &LinkBytes) -> LinkInfoDetail {
    let told: TracingInfo = told.detail();
    LinkInfoDetail::Tracing {
        attach_type: AttachType(told.attach_type),
        target_obj_id: told.target_obj_id,
        target_btf_id: told.target_btf_id,
        cookie: told.cookie,
    }
}

fn iter(bpf_fd: Fd, bpf: Bpf<'_>) -> Result<LinkInfoDetail, Errno> {
    let (target_name, _) = with_text(bpf_fd, 0, bpf, |target_name, target_name_len| IterInfo {
        target_name,
        target_name_len,
    })?;
    Ok(LinkInfoDetail::Iter { target_name })
}

fn kprobe_multi(bpf_fd: Fd, told: &LinkBytes, bpf: Bpf<'_>) -> Result<LinkInfoDetail, Errno> {
    let KprobeMultiInfo { count: found, flags, .. } = told.detail();
    let mut addrs = vec![0; found as usize];
    let mut cookies = vec![0; found as usize];
    let asked = KprobeMultiInfo {
        addrs: output(&mut addrs),
        count: found,
        cookies: output(&mut cookies),
        ..KprobeMultiInfo::default()
    };
    let mut bytes = [0; LINK_INFO_BYTES - LINK_INFO_DETAIL];
    asked.put(&mut bytes);
    let told: KprobeMultiInfo = LinkBytes::ask(bpf_fd, &bytes, bpf)?.detail();
    Ok(LinkInfoDetail::KprobeMulti { addrs, cookies, flags, missed: told.missed })
}

fn uprobe_multi(bpf_fd: Fd, told: &LinkBytes, bpf: Bpf<'_>) -> Result<LinkInfoDetail, Errno> {
    let UprobeMultiInfo { count: found, flags, pid, .. } = told.detail();
    let mut path = vec![0; TEXT_BYTES];
    let mut offsets = vec![0; found as usize];
    let mut ref_ctr_offsets = vec![0; found as usize];
    let mut cookies = vec![0; found as usize];
    let asked = UprobeMultiInfo {
        path: output(&mut path),
        path_size: count(&path)?,
        offsets: output(&mut offsets),
        ref_ctr_offsets: output(&mut ref_ctr_offsets),
        cookies: output(&mut cookies),
        count: found,
        ..UprobeMultiInfo::default()
    };
    let mut bytes = [0; LINK_INFO_BYTES - LINK_INFO_DETAIL];
    asked.put(&mut bytes);
    LinkBytes::ask(bpf_fd, &bytes, bpf)?;
    let path = until_zero(&path);
    Ok(LinkInfoDetail::UprobeMulti { path, offsets, ref_ctr_offsets, cookies, flags, pid })
}

fn perf_event(bpf_fd: Fd, told: &LinkBytes, bpf: Bpf<'_>) -> Result<LinkInfoDetail, Errno> {
    use perf_event_type::{EVENT, KPROBE, KRETPROBE, TRACEPOINT, UPROBE, URETPROBE};
    /// The text and the rest stand behind the kind, at the next multiple of eight.
    const REST: usize = 8;

    let PerfEventInfo { kind } = told.detail();
    let link = match kind {
        UPROBE | URETPROBE => {
            let (file_name, told) = with_text(bpf_fd, REST, bpf, |file_name, name_len| {
                UprobeInfo { file_name, name_len, ..UprobeInfo::default() }
            })?;
            PerfEventLink::Uprobe {
                on_return: kind == URETPROBE,
                file_name,
                offset: told.offset,
                cookie: told.cookie,
                ref_ctr_offset: told.ref_ctr_offset,
            }
        }
        KPROBE | KRETPROBE => {
            let (func_name, told) = with_text(bpf_fd, REST, bpf, |func_name, name_len| {
                KprobeInfo { func_name, name_len, ..KprobeInfo::default() }
            })?;
            PerfEventLink::Kprobe {
                on_return: kind == KRETPROBE,
                func_name,
                offset: told.offset,
                addr: told.addr,
                missed: told.missed,
                cookie: told.cookie,
            }
        }
        TRACEPOINT => {
            let (tp_name, told) = with_text(bpf_fd, REST, bpf, |tp_name, name_len| {
                TracepointInfo { tp_name, name_len, cookie: 0 }
            })?;
            PerfEventLink::Tracepoint { tp_name, cookie: told.cookie }
        }
        EVENT => {
            let EventInfo { config, kind, cookie } = told.at(LINK_INFO_DETAIL + REST);
            PerfEventLink::Event { kind, config, cookie }
        }
        _ => return Ok(LinkInfoDetail::Other),
    };
    Ok(LinkInfoDetail::PerfEvent(link))
}
