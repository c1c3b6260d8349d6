//! `BPF_OBJ_GET_INFO_BY_FD` from an attr: the kind of object says which struct is meant.

use super::decode::{Call, Object, fd, put_text};
use super::layout::*;
use super::memory::Lent;
use crate::{
    BtfInfo, Command, Errno, Fd, Info, LinkInfo, LinkInfoDetail, MapInfo, PerfEventLink, ProgInfo,
};

pub(super) fn info(attr: &mut InfoAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let bpf_fd = fd(attr.bpf_fd);
    match call.object(bpf_fd).map_err(|_| Errno::EBADFD)? {
        Object::Prog => prog_info(bpf_fd, attr, call),
        Object::Map { .. } => map_info(bpf_fd, attr, call),
        Object::Btf => btf_info(bpf_fd, attr, call),
        Object::Link => link_info(bpf_fd, attr, call),
        Object::Other => Err(Errno::EINVAL),
    }
}

/// The caller's struct: as much of it as both know; what it has more must be zero.
fn struct_of<'m>(attr: &mut InfoAttr, bytes: usize, call: &Call<'m>) -> Result<Lent<'m>, Errno> {
    let mut lent = Lent::new(call.memory, attr.info, attr.info_len as usize, 1)?;
    if lent.bytes.iter().skip(bytes).any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    lent.bytes.truncate(bytes);
    attr.info_len = u32::try_from(lent.bytes.len()).map_err(|_| Errno::E2BIG)?;
    Ok(lent)
}

fn prog_info(bpf_fd: Fd, attr: &mut InfoAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let mut lent = struct_of(attr, ProgInfoBytes::SIZE.next_multiple_of(8), call)?;
    let mut told = ProgInfoBytes::get(&lent.bytes);
    let room =
        |address, count: u32, bytes| Lent::optional(call.memory, address, count as usize, bytes);
    let mut jited = room(told.jited_prog_insns, told.jited_prog_len, 1)?;
    let mut xlated = room(told.xlated_prog_insns, told.xlated_prog_len, 1)?;
    let mut map_ids = room(told.map_ids, told.nr_map_ids, 4)?;
    let mut ksyms = room(told.jited_ksyms, told.nr_jited_ksyms, 8)?;
    let mut func_lens = room(told.jited_func_lens, told.nr_jited_func_lens, 4)?;
    let mut func_info = room(told.func_info, told.nr_func_info, 8)?;
    let mut line_info = room(told.line_info, told.nr_line_info, 16)?;
    let mut jited_lines = room(told.jited_line_info, told.nr_jited_line_info, 8)?;
    let mut tags = room(told.prog_tags, told.nr_prog_tags, 8)?;
    let mut ids = map_ids.numbers::<u32>();
    let (mut addresses, mut lens) = (ksyms.numbers::<u64>(), func_lens.numbers::<u32>());
    let (mut lines, mut each_tag) = (jited_lines.numbers::<u64>(), tags.numbers::<[u8; 8]>());
    let prog = ProgInfo {
        jited_prog_insns: &mut jited.bytes,
        xlated_prog_insns: &mut xlated.bytes,
        map_ids: &mut ids,
        jited_ksyms: &mut addresses,
        jited_func_lens: &mut lens,
        func_info: &mut func_info.bytes,
        line_info: &mut line_info.bytes,
        jited_line_info: &mut lines,
        prog_tags: &mut each_tag,
        ..ProgInfo::default()
    };
    let mut command = Command::ObjGetInfoByFd { bpf_fd, info: Info::Prog(Box::new(prog)) };
    let result = call.ask(&mut command)?;
    if let Command::ObjGetInfoByFd { info: Info::Prog(prog), .. } = &command {
        fill_prog_info(&mut told, prog);
    }
    for lent in [jited, xlated, func_info, line_info] {
        lent.give_back()?;
    }
    map_ids.give_back_numbers(&ids)?;
    ksyms.give_back_numbers(&addresses)?;
    func_lens.give_back_numbers(&lens)?;
    jited_lines.give_back_numbers(&lines)?;
    tags.give_back_numbers(&each_tag)?;
    told.put(&mut lent.bytes);
    lent.give_back()?;
    Ok(result)
}

fn fill_prog_info(told: &mut ProgInfoBytes, prog: &ProgInfo<'_>) {
    *told = ProgInfoBytes {
        prog_type: prog.prog_type.0,
        id: prog.id,
        tag: prog.tag,
        jited_prog_len: prog.jited_prog_len,
        xlated_prog_len: prog.xlated_prog_len,
        load_time: prog.load_time,
        created_by_uid: prog.created_by_uid,
        nr_map_ids: prog.nr_map_ids,
        name: prog.name.0,
        ifindex: prog.ifindex,
        gpl_compatible: u32::from(prog.gpl_compatible),
        netns_dev: prog.netns_dev,
        netns_ino: prog.netns_ino,
        nr_jited_ksyms: prog.nr_jited_ksyms,
        nr_jited_func_lens: prog.nr_jited_func_lens,
        btf_id: prog.btf_id,
        func_info_rec_size: prog.func_info_rec_size,
        nr_func_info: prog.nr_func_info,
        nr_line_info: prog.nr_line_info,
        nr_jited_line_info: prog.nr_jited_line_info,
        line_info_rec_size: prog.line_info_rec_size,
        jited_line_info_rec_size: prog.jited_line_info_rec_size,
        nr_prog_tags: prog.nr_prog_tags,
        run_time_ns: prog.run_time_ns,
        run_cnt: prog.run_cnt,
        recursion_misses: prog.recursion_misses,
        verified_insns: prog.verified_insns,
        attach_btf_obj_id: prog.attach_btf_obj_id,
        attach_btf_id: prog.attach_btf_id,
        ..*told
    };
}

fn map_info(bpf_fd: Fd, attr: &mut InfoAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let mut lent = struct_of(attr, MapInfoBytes::SIZE.next_multiple_of(8), call)?;
    let mut command = Command::ObjGetInfoByFd { bpf_fd, info: Info::Map(MapInfo::default()) };
    let result = call.ask(&mut command)?;
    if let Command::ObjGetInfoByFd { info: Info::Map(map), .. } = &command {
        let told = MapInfoBytes {
            map_type: map.map_type.0,
            id: map.id,
            key_size: map.key_size,
            value_size: map.value_size,
            max_entries: map.max_entries,
            map_flags: map.map_flags,
            name: map.name.0,
            ifindex: map.ifindex,
            btf_vmlinux_value_type_id: map.btf_vmlinux_value_type_id,
            netns_dev: map.netns_dev,
            netns_ino: map.netns_ino,
            btf_id: map.btf_id,
            btf_key_type_id: map.btf_key_type_id,
            btf_value_type_id: map.btf_value_type_id,
            btf_vmlinux_id: map.btf_vmlinux_id,
            map_extra: map.map_extra,
            ..MapInfoBytes::default()
        };
        told.put(&mut lent.bytes);
        lent.give_back()?;
    }
    Ok(result)
}

fn btf_info(bpf_fd: Fd, attr: &mut InfoAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let mut lent = struct_of(attr, BtfInfoBytes::SIZE, call)?;
    let mut told = BtfInfoBytes::get(&lent.bytes);
    let mut btf = Lent::optional(call.memory, told.btf, told.btf_size as usize, 1)?;
    let mut name = Lent::optional(call.memory, told.name, told.name_len as usize, 1)?;
    let room = BtfInfo { btf: &mut btf.bytes, name: &mut name.bytes, ..BtfInfo::default() };
    let mut command = Command::ObjGetInfoByFd { bpf_fd, info: Info::Btf(room) };
    let result = call.ask(&mut command)?;
    if let Command::ObjGetInfoByFd { info: Info::Btf(info), .. } = &command {
        told.btf_size = info.btf_size;
        told.id = info.id;
        told.name_len = info.name_len;
        told.kernel_btf = u32::from(info.kernel_btf);
    }
    btf.give_back()?;
    name.give_back()?;
    told.put(&mut lent.bytes);
    lent.give_back()?;
    Ok(result)
}

fn link_info(bpf_fd: Fd, attr: &mut InfoAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let mut lent = struct_of(attr, LINK_INFO_BYTES, call)?;
    let mut command = Command::ObjGetInfoByFd { bpf_fd, info: Info::Link(LinkInfo::default()) };
    let result = call.ask(&mut command)?;
    if let Command::ObjGetInfoByFd { info: Info::Link(link), .. } = &command {
        let LinkInfo { link_type, id, prog_id, .. } = *link;
        LinkInfoBytes { link_type: link_type.0, id, prog_id }.put(&mut lent.bytes);
        let mut detail = Detail { bytes: [0; LINK_INFO_BYTES - LINK_INFO_DETAIL], call };
        let asked = lent.bytes.get(LINK_INFO_DETAIL..).unwrap_or_default();
        detail.bytes[..asked.len()].copy_from_slice(asked);
        detail.fill(&link.detail)?;
        let known = asked.len();
        if known > 0 {
            lent.bytes[LINK_INFO_DETAIL..].copy_from_slice(&detail.bytes[..known]);
        }
        lent.give_back()?;
    }
    Ok(result)
}

/// The second half of `struct bpf_link_info`, with the caller's pointers in it.
struct Detail<'d, 'c> {
    bytes: [u8; LINK_INFO_BYTES - LINK_INFO_DETAIL],
    call: &'d Call<'c>,
}

/// Where the four kinds of `perf_event` begin.
const PERF_EVENT_REST: usize = 8;

impl Detail<'_, '_> {
    fn get<L: Layout>(&self) -> L {
        L::get(&self.bytes)
    }

    fn put(&mut self, layout: &impl Layout) {
        layout.put(&mut self.bytes);
    }

    /// Writes a text to the caller's room for it and returns its length with its zero byte.
    fn text(&self, address: u64, room: u32, text: &str) -> Result<u32, Errno> {
        let mut lent = Lent::optional(self.call.memory, address, room as usize, 1)?;
        put_text(&mut lent, text.as_bytes())?;
        u32::try_from(text.len() + 1).map_err(|_| Errno::E2BIG)
    }

    fn numbers(&self, address: u64, room: u32, numbers: &[u64]) -> Result<u32, Errno> {
        let mut lent = Lent::optional(self.call.memory, address, room as usize, 8)?;
        lent.give_back_numbers(numbers)?;
        u32::try_from(numbers.len()).map_err(|_| Errno::E2BIG)
    }

    fn fill(&mut self, detail: &LinkInfoDetail) -> Result<(), Errno> {
        match detail {
            LinkInfoDetail::None | LinkInfoDetail::Other => {}
            LinkInfoDetail::RawTracepoint { tp_name, cookie } => {
                let told: RawTracepointInfo = self.get();
                let tp_name_len = self.text(told.tp_name, told.tp_name_len, tp_name)?;
                self.put(&RawTracepointInfo { tp_name_len, cookie: *cookie, ..told });
            }
            LinkInfoDetail::Tracing { attach_type, target_obj_id, target_btf_id, cookie } => {
                self.put(&TracingInfo {
                    attach_type: attach_type.0,
                    target_obj_id: *target_obj_id,
                    target_btf_id: *target_btf_id,
                    cookie: *cookie,
                });
            }
            LinkInfoDetail::Cgroup { cgroup_id, attach_type } => {
                self.put(&CgroupInfo { cgroup_id: *cgroup_id, attach_type: attach_type.0 });
            }
            LinkInfoDetail::Iter { target_name } => {
                let told: IterInfo = self.get();
                let target_name_len =
                    self.text(told.target_name, told.target_name_len, target_name)?;
                self.put(&IterInfo { target_name_len, ..told });
            }
            LinkInfoDetail::Netns { netns_ino: place, attach_type }
            | LinkInfoDetail::Tcx { ifindex: place, attach_type }
            | LinkInfoDetail::Netkit { ifindex: place, attach_type }
            | LinkInfoDetail::Sockmap { map_id: place, attach_type } => {
                self.put(&PlaceInfo { place: *place, attach_type: attach_type.0 });
            }
            LinkInfoDetail::Xdp { ifindex: place }
            | LinkInfoDetail::StructOps { map_id: place } => {
                self.put(&OneAttr { number: *place });
            }
            LinkInfoDetail::Netfilter { pf, hooknum, priority, flags } => {
                let (pf, hooknum, priority, flags) = (*pf, *hooknum, *priority, *flags);
                self.put(&NetfilterDetail { pf, hooknum, priority, flags });
            }
            LinkInfoDetail::KprobeMulti { addrs, cookies, flags, missed } => {
                let told: KprobeMultiInfo = self.get();
                self.numbers(told.cookies, told.count, cookies)?;
                let count = self.numbers(told.addrs, told.count, addrs)?;
                self.put(&KprobeMultiInfo { count, flags: *flags, missed: *missed, ..told });
            }
            LinkInfoDetail::UprobeMulti { path, offsets, ref_ctr_offsets, cookies, flags, pid } => {
                let told: UprobeMultiInfo = self.get();
                let path_size = self.text(told.path, told.path_size, path)?;
                self.numbers(told.ref_ctr_offsets, told.count, ref_ctr_offsets)?;
                self.numbers(told.cookies, told.count, cookies)?;
                let count = self.numbers(told.offsets, told.count, offsets)?;
                let (flags, pid) = (*flags, *pid);
                self.put(&UprobeMultiInfo { path_size, count, flags, pid, ..told });
            }
            LinkInfoDetail::PerfEvent(link) => self.fill_perf_event(link)?,
        }
        Ok(())
    }

    fn fill_perf_event(&mut self, link: &PerfEventLink) -> Result<(), Errno> {
        let rest = self.bytes;
        let rest = &rest[PERF_EVENT_REST..];
        let kind = match link {
            PerfEventLink::Uprobe { on_return, file_name, offset, cookie, ref_ctr_offset } => {
                let told = UprobeInfo::get(rest);
                let name_len = self.text(told.file_name, told.name_len, file_name)?;
                let (offset, cookie, ref_ctr_offset) = (*offset, *cookie, *ref_ctr_offset);
                let told = UprobeInfo { name_len, offset, cookie, ref_ctr_offset, ..told };
                told.put(&mut self.bytes[PERF_EVENT_REST..]);
                if *on_return { perf_event_type::URETPROBE } else { perf_event_type::UPROBE }
            }
            PerfEventLink::Kprobe { on_return, func_name, offset, addr, missed, cookie } => {
                let told = KprobeInfo::get(rest);
                let name_len = self.text(told.func_name, told.name_len, func_name)?;
                let (offset, addr, missed, cookie) = (*offset, *addr, *missed, *cookie);
                let told = KprobeInfo { name_len, offset, addr, missed, cookie, ..told };
                told.put(&mut self.bytes[PERF_EVENT_REST..]);
                if *on_return { perf_event_type::KRETPROBE } else { perf_event_type::KPROBE }
            }
            PerfEventLink::Tracepoint { tp_name, cookie } => {
                let told = TracepointInfo::get(rest);
                let name_len = self.text(told.tp_name, told.name_len, tp_name)?;
                let told = TracepointInfo { name_len, cookie: *cookie, ..told };
                told.put(&mut self.bytes[PERF_EVENT_REST..]);
                perf_event_type::TRACEPOINT
            }
            PerfEventLink::Event { kind, config, cookie } => {
                let told = EventInfo { config: *config, kind: *kind, cookie: *cookie };
                told.put(&mut self.bytes[PERF_EVENT_REST..]);
                perf_event_type::EVENT
            }
        };
        self.put(&PerfEventInfo { kind });
        Ok(())
    }
}
