//! Commands of every kind with arbitrary contents.

use skep_uapi::{
    AttachType, BtfInfo, Command, Fd, Info, LinkCreate, LinkDetail, LinkInfo, LinkInfoDetail,
    LinkType, LookupBatch, MapCreate, MapInfo, MapType, Name, PerfEventLink, ProgAttach, ProgInfo,
    ProgLoad, ProgQuery, ProgType, Target, TaskFd, TestRun,
};

/// Where values come from: a seed that proptest chooses, stretched (Marsaglia's xorshift).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn u32(&mut self) -> u32 {
        (self.u64() >> 16) as u32
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.u32() as usize % end
    }

    fn fd(&mut self) -> Fd {
        Fd(self.u32().cast_signed())
    }

    fn opt_fd(&mut self) -> Option<Fd> {
        (self.below(2) == 0).then(|| self.fd())
    }

    /// Often with zeros at the end, which are not sent.
    fn bytes(&mut self) -> Vec<u8> {
        let (len, filled) = (self.below(40), self.below(40));
        (0..len).map(|at| if at < filled { self.u32() as u8 } else { 0 }).collect()
    }

    fn longs(&mut self) -> Vec<u64> {
        (0..self.below(5)).map(|_| self.u64()).collect()
    }

    fn words(&mut self) -> Vec<u32> {
        (0..self.below(5)).map(|_| self.u32()).collect()
    }

    fn text(&mut self) -> String {
        ["", "a", "/sys/fs/bpf/x", "name_with_Ünïcode"][self.below(4)].into()
    }

    fn name(&mut self) -> Name {
        Name::cut(&self.text())
    }

    fn target(&mut self) -> Target {
        match self.below(3) {
            0 => Target::None,
            1 => Target::Fd(self.fd()),
            _ => Target::Ifindex(self.u32()),
        }
    }
}

/// How many kinds of commands there are.
pub(crate) const COMMANDS: u32 = 38;

/// Hands `use_it` a command with the number `cmd`.
#[expect(clippy::too_many_lines, reason = "one flat match over the commands")]
pub(crate) fn with_command(cmd: u32, draw: &mut Draw, use_it: &mut dyn FnMut(&mut Command<'_>)) {
    let (fd, id, flags) = (draw.fd(), draw.u32(), draw.u32());
    let (long, key, value) = (draw.u64(), &draw.bytes()[..], &mut draw.bytes()[..]);
    let (next_id, start_id) = (&mut draw.u32(), id);
    let (path_fd, pathname) = (draw.opt_fd(), &*draw.text());
    let mut command = match cmd {
        0 => return use_it(&mut Command::MapCreate(map_create(draw, key))),
        1 => Command::MapLookupElem { map_fd: fd, key, value, flags: long },
        2 => Command::MapUpdateElem { map_fd: fd, key, value, flags: long },
        3 => Command::MapDeleteElem { map_fd: fd, key },
        4 => Command::MapGetNextKey {
            map_fd: fd,
            key: Some(key).filter(|key| key.len() > 3),
            next_key: value,
        },
        5 => return prog_load(draw, use_it),
        6 => Command::ObjPin { pathname, bpf_fd: fd, path_fd, file_flags: flags },
        7 => Command::ObjGet { pathname, path_fd, file_flags: flags },
        8 => Command::ProgAttach(prog_attach(draw)),
        9 => Command::ProgDetach(prog_attach(draw)),
        10 => return test_run(draw, use_it),
        11 => Command::ProgGetNextId { start_id, next_id },
        12 => Command::MapGetNextId { start_id, next_id },
        13 => Command::ProgGetFdById { prog_id: id, open_flags: flags },
        14 => Command::MapGetFdById { map_id: id, open_flags: flags },
        15 => return info(draw, use_it),
        16 => return prog_query(draw, use_it),
        17 => Command::RawTracepointOpen {
            name: Some(pathname).filter(|name| !name.is_empty()),
            prog_fd: fd,
            cookie: long,
        },
        18 => Command::BtfLoad {
            btf: key,
            log_level: id,
            log_buf: value,
            log_true_size: next_id,
            flags,
            token_fd: path_fd,
        },
        19 => Command::BtfGetFdById { btf_id: id, open_flags: flags },
        20 => {
            let mut out = TaskFd::default();
            return use_it(&mut Command::TaskFdQuery { pid: id, fd: 1, flags, out: &mut out });
        }
        21 => Command::MapLookupAndDeleteElem { map_fd: fd, key, value, flags: long },
        22 => Command::MapFreeze { map_fd: fd },
        23 => Command::BtfGetNextId { start_id, next_id },
        24 => return lookup_batch(draw, &|batch| Command::MapLookupBatch(batch), use_it),
        25 => return lookup_batch(draw, &|batch| Command::MapLookupAndDeleteBatch(batch), use_it),
        26 => Command::MapUpdateBatch {
            map_fd: fd,
            keys: key,
            values: value,
            count: next_id,
            elem_flags: long,
            flags: 1,
        },
        27 => Command::MapDeleteBatch {
            map_fd: fd,
            keys: key,
            count: next_id,
            elem_flags: long,
            flags: 1,
        },
        28 => return link_create(draw, use_it),
        29 => Command::LinkUpdate { link_fd: fd, new_fd: draw.fd(), flags, old_fd: path_fd },
        30 => Command::LinkGetFdById { link_id: id },
        31 => Command::LinkGetNextId { start_id, next_id },
        32 => Command::EnableStats { kind: id },
        33 => Command::IterCreate { link_fd: fd, flags },
        34 => Command::LinkDetach { link_fd: fd },
        35 => Command::ProgBindMap { prog_fd: fd, map_fd: draw.fd(), flags },
        36 => Command::TokenCreate { flags, bpffs_fd: fd },
        _ => Command::ProgStreamReadByFd { prog_fd: fd, stream_id: id, stream_buf: value },
    };
    use_it(&mut command);
}

fn map_create<'a>(draw: &mut Draw, hash: &'a [u8]) -> MapCreate<'a> {
    MapCreate {
        map_type: MapType(draw.u32()),
        key_size: draw.u32(),
        value_size: draw.u32(),
        max_entries: draw.u32(),
        map_flags: draw.u32(),
        inner_map_fd: draw.opt_fd(),
        numa_node: draw.u32(),
        map_name: draw.name(),
        map_ifindex: draw.u32(),
        btf_fd: draw.opt_fd(),
        btf_key_type_id: draw.u32(),
        btf_value_type_id: draw.u32(),
        btf_vmlinux_value_type_id: draw.u32(),
        map_extra: draw.u64(),
        value_type_btf_obj_fd: draw.opt_fd(),
        map_token_fd: draw.opt_fd(),
        excl_prog_hash: hash,
    }
}

fn prog_load(draw: &mut Draw, use_it: &mut dyn FnMut(&mut Command<'_>)) {
    let fd_array: Vec<i32> = draw.words().iter().map(|word| word.cast_signed()).collect();
    use_it(&mut Command::ProgLoad(ProgLoad {
        prog_type: ProgType(draw.u32()),
        insns: &draw.bytes(),
        license: &draw.text(),
        log_level: draw.u32(),
        log_buf: &mut draw.bytes(),
        kern_version: draw.u32(),
        prog_flags: draw.u32(),
        prog_name: draw.name(),
        prog_ifindex: draw.u32(),
        expected_attach_type: AttachType(draw.u32()),
        prog_btf_fd: draw.opt_fd(),
        func_info: &draw.bytes(),
        func_info_rec_size: draw.u32(),
        line_info: &draw.bytes(),
        line_info_rec_size: draw.u32(),
        attach_btf_id: draw.u32(),
        attach_fd: draw.opt_fd(),
        core_relos: &draw.bytes(),
        core_relo_rec_size: draw.u32(),
        fd_array: &fd_array,
        fd_array_cnt: draw.u32(),
        log_true_size: draw.u32(),
        prog_token_fd: draw.opt_fd(),
        signature: &draw.bytes(),
        keyring_id: -7,
    }));
}

fn prog_attach(draw: &mut Draw) -> ProgAttach {
    ProgAttach {
        target: draw.target(),
        attach_bpf_fd: draw.opt_fd(),
        attach_type: AttachType(draw.u32()),
        attach_flags: draw.u32(),
        replace_bpf_fd: draw.opt_fd(),
        relative: draw.u32(),
        expected_revision: draw.u64(),
    }
}

fn test_run(draw: &mut Draw, use_it: &mut dyn FnMut(&mut Command<'_>)) {
    use_it(&mut Command::ProgTestRun(TestRun {
        prog_fd: draw.fd(),
        data_in: &draw.bytes(),
        data_out: &mut draw.bytes(),
        ctx_in: &draw.bytes(),
        ctx_out: &mut draw.bytes(),
        repeat: draw.u32(),
        flags: draw.u32(),
        cpu: draw.u32(),
        batch_size: draw.u32(),
        retval: draw.u32(),
        data_size_out: draw.u32(),
        ctx_size_out: draw.u32(),
        duration: draw.u32(),
    }));
}

fn prog_query(draw: &mut Draw, use_it: &mut dyn FnMut(&mut Command<'_>)) {
    use_it(&mut Command::ProgQuery(ProgQuery {
        target: draw.target(),
        attach_type: AttachType(draw.u32()),
        query_flags: draw.u32(),
        prog_ids: &mut draw.words(),
        prog_attach_flags: &mut draw.words(),
        link_ids: &mut draw.words(),
        link_attach_flags: &mut draw.words(),
        attach_flags: draw.u32(),
        count: draw.u32(),
        revision: draw.u64(),
    }));
}

fn lookup_batch(
    draw: &mut Draw,
    make: &dyn for<'a> Fn(LookupBatch<'a>) -> Command<'a>,
    use_it: &mut dyn FnMut(&mut Command<'_>),
) {
    let in_batch = draw.bytes();
    use_it(&mut make(LookupBatch {
        map_fd: draw.fd(),
        in_batch: Some(&*in_batch).filter(|place| place.len() > 9),
        out_batch: &mut draw.bytes(),
        keys: &mut draw.bytes(),
        values: &mut draw.bytes(),
        count: &mut draw.u32(),
        elem_flags: draw.u64(),
        flags: draw.u64(),
    }));
}

fn link_create(draw: &mut Draw, use_it: &mut dyn FnMut(&mut Command<'_>)) {
    let (bytes, path) = (draw.bytes(), draw.text());
    let (first, second, third) = (draw.longs(), draw.longs(), draw.longs());
    let (number, long) = (draw.u32(), draw.u64());
    let names = [draw.text(), draw.text()];
    let syms: Vec<&str> = names.iter().map(|name| &**name).collect();
    let detail = match draw.below(9) {
        0 => LinkDetail::None,
        1 => LinkDetail::TargetBtfId(number),
        2 => LinkDetail::Iter { iter_info: &bytes },
        3 => LinkDetail::PerfEvent { bpf_cookie: long },
        4 => {
            LinkDetail::KprobeMulti { flags: number, syms: &syms, addrs: &first, cookies: &second }
        }
        5 => LinkDetail::Tracing { target_btf_id: number, cookie: long },
        6 => LinkDetail::Netfilter { pf: number, hooknum: 1, priority: -1, flags: 2 },
        7 => LinkDetail::Relative { relative: number, expected_revision: long },
        _ => LinkDetail::UprobeMulti {
            path: &path,
            offsets: &first,
            ref_ctr_offsets: &second,
            cookies: &third,
            flags: number,
            pid: 1,
        },
    };
    use_it(&mut Command::LinkCreate(LinkCreate {
        fd: draw.fd(),
        target: draw.target(),
        attach_type: AttachType(draw.u32()),
        flags: draw.u32(),
        detail,
    }));
}

fn info(draw: &mut Draw, use_it: &mut dyn FnMut(&mut Command<'_>)) {
    let bpf_fd = draw.fd();
    let (mut first, mut second) = (draw.bytes(), draw.bytes());
    let (mut longs, mut ids) = (draw.longs(), draw.words());
    let mut tags = [draw.u64().to_le_bytes(), [0; 8]];
    let info = match draw.below(4) {
        0 => Info::Prog(Box::new(ProgInfo {
            prog_type: ProgType(draw.u32()),
            id: draw.u32(),
            tag: draw.u64().to_le_bytes(),
            xlated_prog_insns: &mut first,
            map_ids: &mut ids,
            name: draw.name(),
            gpl_compatible: true,
            netns_dev: draw.u64(),
            jited_ksyms: &mut longs,
            func_info: &mut second,
            prog_tags: &mut tags,
            run_cnt: draw.u64(),
            ..ProgInfo::default()
        })),
        1 => Info::Map(MapInfo {
            map_type: MapType(draw.u32()),
            name: draw.name(),
            map_extra: draw.u64(),
            ..MapInfo::default()
        }),
        2 => Info::Btf(BtfInfo {
            btf: &mut first,
            btf_size: draw.u32(),
            id: draw.u32(),
            name: &mut second,
            name_len: draw.u32(),
            kernel_btf: true,
        }),
        _ => Info::Link(LinkInfo {
            link_type: LinkType(draw.u32()),
            id: draw.u32(),
            prog_id: draw.u32(),
            detail: link_info_detail(draw),
        }),
    };
    use_it(&mut Command::ObjGetInfoByFd { bpf_fd, info });
}

/// What a kernel could tell about a link.
pub(crate) fn link_info_detail(draw: &mut Draw) -> LinkInfoDetail {
    let (number, cookie, text) = (draw.u32(), draw.u64(), draw.text());
    let (attach_type, flags) = (AttachType(draw.u32()), draw.u32());
    let (missed, pid) = (draw.u64(), draw.u32());
    match draw.below(18) {
        0 => LinkInfoDetail::None,
        1 => LinkInfoDetail::RawTracepoint { tp_name: text, cookie },
        2 => LinkInfoDetail::Tracing { attach_type, target_obj_id: 1, target_btf_id: 2, cookie },
        3 => LinkInfoDetail::Cgroup { cgroup_id: cookie, attach_type },
        4 => LinkInfoDetail::Iter { target_name: text },
        5 => LinkInfoDetail::Netns { netns_ino: number, attach_type },
        6 => LinkInfoDetail::Xdp { ifindex: number },
        7 => LinkInfoDetail::StructOps { map_id: number },
        8 => LinkInfoDetail::Netfilter { pf: number, hooknum: 1, priority: -1, flags },
        9 => LinkInfoDetail::Tcx { ifindex: number, attach_type },
        10 => LinkInfoDetail::Netkit { ifindex: number, attach_type },
        11 => LinkInfoDetail::Sockmap { map_id: number, attach_type },
        12 => {
            let (addrs, cookies) = (draw.longs(), draw.longs());
            LinkInfoDetail::KprobeMulti { addrs, cookies, flags, missed }
        }
        13 => LinkInfoDetail::UprobeMulti {
            path: text,
            offsets: draw.longs(),
            ref_ctr_offsets: draw.longs(),
            cookies: draw.longs(),
            flags,
            pid,
        },
        14 => LinkInfoDetail::PerfEvent(PerfEventLink::Uprobe {
            on_return: true,
            file_name: text,
            offset: number,
            cookie,
            ref_ctr_offset: missed,
        }),
        15 => LinkInfoDetail::PerfEvent(PerfEventLink::Tracepoint { tp_name: text, cookie }),
        16 => LinkInfoDetail::PerfEvent(PerfEventLink::Event { kind: 1, config: missed, cookie }),
        _ => LinkInfoDetail::Other,
    }
}
