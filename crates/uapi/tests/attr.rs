//! `union bpf_attr` both ways: what comes out of [`encode`] and goes into [`decode`] is the same
//! command again, and its outputs find their way back.

use std::collections::BTreeSet;

use skep_uapi::attr::{Memory, Object, OwnMemory, decode, encode};
use skep_uapi::{
    AttachType, BtfInfo, Cmd, Command, Errno, Fd, Info, LinkCreate, LinkDetail, LinkInfo,
    LinkInfoDetail, LinkType, LookupBatch, MapCreate, MapInfo, MapType, Name, PerfEventLink,
    ProgAttach, ProgInfo, ProgLoad, ProgQuery, ProgType, Target, TaskFd, TestRun,
};

/// Four-byte keys, eight-byte values; the other kinds of object by descriptor.
fn objects(fd: Fd) -> Result<Object, Errno> {
    match fd.0 {
        3 => Ok(Object::Map { key: 4, value: 8, place: 4 }),
        4 => Ok(Object::Prog),
        5 => Ok(Object::Btf),
        6 => Ok(Object::Link),
        _ => Err(Errno::EBADF),
    }
}

/// Has `command` encoded, decoded, answered by `answer`, and compares both ends.
fn check(mut command: Command<'_>, answer: impl Fn(&mut Command<'_>)) -> Cmd {
    let cmd = command.cmd();
    let asked = format!("{command:?}");
    // SAFETY: the attr is the encoder's, whose pointers are to slices lent for the call.
    let memory = unsafe { OwnMemory::new() };
    let mut answered = String::new();
    let result = encode(&mut command, &mut |cmd, attr| {
        decode(cmd.0, attr, &memory, &objects, &mut |decoded| {
            // A link is asked twice, the second time with room for its texts.
            if answered.is_empty() {
                assert_eq!(format!("{decoded:?}"), asked);
            }
            answer(decoded);
            answered = format!("{decoded:?}");
            Ok(7)
        })
    });
    assert!(matches!(result, Ok(7 | 0)), "{cmd}: {result:?}");
    assert_eq!(format!("{command:?}"), answered, "{cmd}");
    cmd
}

fn nothing(_: &mut Command<'_>) {}

fn map_commands() -> Vec<Cmd> {
    let (map_fd, key, flags) = (Fd(3), &[1, 2, 3, 4][..], 4);
    let fill = |command: &mut Command<'_>| match command {
        Command::MapLookupElem { value, .. } | Command::MapLookupAndDeleteElem { value, .. } => {
            value.fill(9);
        }
        Command::MapGetNextKey { next_key, .. } => next_key.fill(9),
        Command::MapLookupBatch(batch) | Command::MapLookupAndDeleteBatch(batch) => {
            batch.out_batch.fill(8);
            batch.keys[..4].fill(9);
            batch.values[..8].fill(10);
            *batch.count = 1;
        }
        Command::MapUpdateBatch { count, .. } | Command::MapDeleteBatch { count, .. } => {
            **count = 1;
        }
        _ => unreachable!("a map's command"),
    };
    let create = MapCreate {
        map_type: MapType::ARENA,
        key_size: 1,
        value_size: 2,
        max_entries: 3,
        map_flags: 4,
        inner_map_fd: Some(Fd(5)),
        numa_node: 6,
        map_name: Name::cut("name"),
        map_ifindex: 7,
        btf_fd: Some(Fd(8)),
        btf_key_type_id: 9,
        btf_value_type_id: 10,
        btf_vmlinux_value_type_id: 11,
        map_extra: u64::MAX,
        value_type_btf_obj_fd: Some(Fd(12)),
        map_token_fd: Some(Fd(13)),
        excl_prog_hash: &[14; 32],
    };
    let mut cmds = vec![
        check(Command::MapCreate(create), nothing),
        check(Command::MapCreate(MapCreate::default()), nothing),
        check(Command::MapLookupElem { map_fd, key, value: &mut [0; 8], flags }, fill),
        check(Command::MapLookupAndDeleteElem { map_fd, key, value: &mut [0; 8], flags }, fill),
        check(Command::MapUpdateElem { map_fd, key, value: &[5; 8], flags }, nothing),
        check(Command::MapDeleteElem { map_fd, key }, nothing),
        check(Command::MapGetNextKey { map_fd, key: Some(key), next_key: &mut [0; 4] }, fill),
        check(Command::MapGetNextKey { map_fd, key: None, next_key: &mut [0; 4] }, fill),
        check(Command::MapFreeze { map_fd }, nothing),
    ];
    let (keys, values, elem_flags, flags) = (&[1; 8], &[2; 16], 4, 8);
    let count = &mut 2;
    let update = Command::MapUpdateBatch { map_fd, keys, values, count, elem_flags, flags };
    cmds.push(check(update, fill));
    let count = &mut 2;
    cmds.push(check(Command::MapDeleteBatch { map_fd, keys, count, elem_flags, flags }, fill));
    for in_batch in [None, Some(key)] {
        let mut count = 2;
        let (out_batch, keys, values) = (&mut [0; 4], &mut [0; 8], &mut [0; 16]);
        let count = &mut count;
        let (elem_flags, flags) = (4, 8);
        let batch =
            LookupBatch { map_fd, in_batch, out_batch, keys, values, count, elem_flags, flags };
        let command = match in_batch {
            None => Command::MapLookupBatch(batch),
            Some(_) => Command::MapLookupAndDeleteBatch(batch),
        };
        cmds.push(check(command, fill));
    }
    cmds
}

#[expect(clippy::too_many_lines, reason = "a table of commands")]
fn prog_commands() -> Vec<Cmd> {
    let load = ProgLoad {
        prog_type: ProgType::TRACING,
        insns: &[1; 16],
        license: "GPL",
        log_level: 1,
        log_buf: &mut [0; 8],
        kern_version: 2,
        prog_flags: 3,
        prog_name: Name::cut("name"),
        prog_ifindex: 4,
        expected_attach_type: AttachType::TRACE_FENTRY,
        prog_btf_fd: Some(Fd(5)),
        func_info: &[6; 16],
        func_info_rec_size: 8,
        line_info: &[7; 32],
        line_info_rec_size: 16,
        attach_btf_id: 8,
        attach_fd: Some(Fd(9)),
        core_relos: &[10; 16],
        core_relo_rec_size: 16,
        fd_array: &[11, 12],
        fd_array_cnt: 2,
        log_true_size: 0,
        prog_token_fd: Some(Fd(13)),
        signature: &[14; 3],
        keyring_id: -15,
    };
    let run = TestRun {
        prog_fd: Fd(4),
        data_in: &[1; 14],
        data_out: &mut [0; 20],
        ctx_in: &[2; 24],
        ctx_out: &mut [0; 24],
        repeat: 3,
        flags: 4,
        cpu: 5,
        batch_size: 6,
        ..TestRun::default()
    };
    let query = ProgQuery {
        target: Target::Fd(Fd(9)),
        attach_type: AttachType::CGROUP_INET_INGRESS,
        query_flags: 1,
        prog_ids: &mut [0; 2],
        prog_attach_flags: &mut [0; 2],
        link_ids: &mut [0; 2],
        link_attach_flags: &mut [0; 2],
        count: 2,
        ..ProgQuery::default()
    };
    let attach = ProgAttach {
        target: Target::Ifindex(1),
        attach_bpf_fd: Some(Fd(2)),
        attach_type: AttachType::TCX_INGRESS,
        attach_flags: 3,
        replace_bpf_fd: Some(Fd(4)),
        relative: 5,
        expected_revision: 6,
    };
    vec![
        check(Command::ProgLoad(load), |command| {
            let Command::ProgLoad(prog) = command else { unreachable!("it was one") };
            prog.log_buf[..3].copy_from_slice(b"no\0");
            prog.log_true_size = 3;
        }),
        check(Command::ProgTestRun(run), |command| {
            let Command::ProgTestRun(run) = command else { unreachable!("it was one") };
            run.data_out[..14].fill(7);
            run.ctx_out.fill(8);
            (run.retval, run.data_size_out, run.ctx_size_out, run.duration) = (9, 14, 24, 10);
        }),
        check(Command::ProgQuery(query), |command| {
            let Command::ProgQuery(query) = command else { unreachable!("it was one") };
            for ids in [&mut *query.prog_ids, query.link_ids, query.link_attach_flags] {
                ids[0] = 77;
            }
            (query.attach_flags, query.count, query.revision) = (1, 1, 1 << 40);
        }),
        check(Command::ProgAttach(attach), nothing),
        check(Command::ProgDetach(attach), nothing),
        check(Command::ProgBindMap { prog_fd: Fd(4), map_fd: Fd(3), flags: 1 }, nothing),
        check(
            Command::ProgStreamReadByFd { prog_fd: Fd(4), stream_id: 1, stream_buf: &mut [0; 4] },
            |command| {
                let Command::ProgStreamReadByFd { stream_buf, .. } = command else {
                    unreachable!("it was one")
                };
                stream_buf.fill(b'x');
            },
        ),
        check(Command::RawTracepointOpen { name: Some("tp"), prog_fd: Fd(4), cookie: 5 }, nothing),
        check(Command::RawTracepointOpen { name: None, prog_fd: Fd(4), cookie: 0 }, nothing),
        check(
            Command::TaskFdQuery { pid: 1, fd: 2, flags: 3, out: &mut TaskFd::default() },
            |command| {
                let Command::TaskFdQuery { out, .. } = command else { unreachable!("it was one") };
                let buf = b"tracepoint".to_vec();
                **out = TaskFd { buf, prog_id: 1, fd_type: 2, probe_offset: 3, probe_addr: 4 };
            },
        ),
    ]
}

fn other_commands() -> Vec<Cmd> {
    let (pathname, file_flags) = ("/sys/fs/bpf/x", 8);
    let mut cmds = vec![
        check(
            Command::ObjPin { pathname, bpf_fd: Fd(3), path_fd: Some(Fd(4)), file_flags },
            nothing,
        ),
        check(Command::ObjGet { pathname, path_fd: None, file_flags }, nothing),
        check(Command::ProgGetFdById { prog_id: 1, open_flags: 0 }, nothing),
        check(Command::MapGetFdById { map_id: 1, open_flags: 2 }, nothing),
        check(Command::BtfGetFdById { btf_id: 1, open_flags: 2 }, nothing),
        check(Command::LinkGetFdById { link_id: 1 }, nothing),
        check(Command::EnableStats { kind: 1 }, nothing),
        check(Command::IterCreate { link_fd: Fd(6), flags: 1 }, nothing),
        check(Command::TokenCreate { flags: 1, bpffs_fd: Fd(2) }, nothing),
        check(Command::LinkDetach { link_fd: Fd(6) }, nothing),
        check(
            Command::BtfLoad {
                btf: &[1; 24],
                log_level: 2,
                log_buf: &mut [0; 4],
                log_true_size: &mut 0,
                flags: 3,
                token_fd: Some(Fd(4)),
            },
            |command| {
                let Command::BtfLoad { log_buf, log_true_size, .. } = command else {
                    unreachable!("it was one")
                };
                log_buf.fill(b'x');
                **log_true_size = 5;
            },
        ),
    ];
    for old_fd in [None, Some(Fd(8))] {
        let update = Command::LinkUpdate { link_fd: Fd(6), new_fd: Fd(7), flags: 1, old_fd };
        cmds.push(check(update, nothing));
    }
    let answer = |command: &mut Command<'_>| match command {
        Command::ProgGetNextId { next_id, .. }
        | Command::MapGetNextId { next_id, .. }
        | Command::BtfGetNextId { next_id, .. }
        | Command::LinkGetNextId { next_id, .. } => **next_id = 99,
        _ => unreachable!("it was one of them"),
    };
    let start_id = 5;
    cmds.push(check(Command::ProgGetNextId { start_id, next_id: &mut 0 }, answer));
    cmds.push(check(Command::MapGetNextId { start_id, next_id: &mut 0 }, answer));
    cmds.push(check(Command::BtfGetNextId { start_id, next_id: &mut 0 }, answer));
    cmds.push(check(Command::LinkGetNextId { start_id, next_id: &mut 0 }, answer));
    cmds
}

fn link_creations() -> Vec<Cmd> {
    use AttachType as At;
    let check = |target, attach_type, detail| {
        let link = LinkCreate { fd: Fd(4), target, attach_type, flags: 2, detail };
        check(Command::LinkCreate(link), nothing)
    };
    let (none, fd, ifindex) = (Target::None, Target::Fd(Fd(9)), Target::Ifindex(9));
    let (syms, cookies, offsets) = (&["a", "bc"], &[1, 2], &[3, 4]);
    let uprobes = || LinkDetail::UprobeMulti {
        path: "/bin/true",
        offsets,
        ref_ctr_offsets: &[],
        cookies,
        flags: 1,
        pid: 2,
    };
    let kprobes = || LinkDetail::KprobeMulti { flags: 1, syms, addrs: &[], cookies };
    vec![
        check(ifindex, At::XDP, LinkDetail::None),
        check(fd, At::SK_LOOKUP, LinkDetail::None),
        check(none, At::STRUCT_OPS, LinkDetail::None),
        check(none, At::TRACE_ITER, LinkDetail::Iter { iter_info: &[1, 2, 3, 4] }),
        check(fd, At::PERF_EVENT, LinkDetail::PerfEvent { bpf_cookie: 1 << 40 }),
        check(none, At::TRACE_KPROBE_MULTI, kprobes()),
        check(none, At::TRACE_KPROBE_SESSION, kprobes()),
        check(none, At::TRACE_UPROBE_MULTI, uprobes()),
        check(none, At::TRACE_UPROBE_SESSION, uprobes()),
        check(none, At::TRACE_FENTRY, LinkDetail::Tracing { target_btf_id: 1, cookie: 2 }),
        check(
            none,
            At::NETFILTER,
            LinkDetail::Netfilter { pf: 2, hooknum: 3, priority: -4, flags: 1 },
        ),
        check(
            ifindex,
            At::TCX_EGRESS,
            LinkDetail::Relative { relative: 1, expected_revision: 1 << 40 },
        ),
        check(
            fd,
            At::CGROUP_INET_EGRESS,
            LinkDetail::Relative { relative: 1, expected_revision: 0 },
        ),
    ]
}

#[test]
fn every_command_goes_there_and_back() {
    let mut cmds = BTreeSet::new();
    cmds.extend(map_commands());
    cmds.extend(prog_commands());
    cmds.extend(other_commands());
    cmds.extend(link_creations());
    cmds.extend(infos());
    assert_eq!(cmds, Cmd::ALL.iter().copied().collect());
}

fn infos() -> Vec<Cmd> {
    let map = Command::ObjGetInfoByFd { bpf_fd: Fd(3), info: Info::Map(MapInfo::default()) };
    let prog = ProgInfo {
        jited_prog_insns: &mut [0; 3],
        xlated_prog_insns: &mut [0; 8],
        map_ids: &mut [0; 2],
        jited_ksyms: &mut [0; 1],
        jited_func_lens: &mut [0; 1],
        func_info: &mut [0; 8],
        line_info: &mut [0; 16],
        jited_line_info: &mut [0; 1],
        prog_tags: &mut [[0; 8]; 1],
        ..ProgInfo::default()
    };
    let prog = Command::ObjGetInfoByFd { bpf_fd: Fd(4), info: Info::Prog(Box::new(prog)) };
    let btf = BtfInfo { btf: &mut [0; 8], name: &mut [0; 8], ..BtfInfo::default() };
    let btf = Command::ObjGetInfoByFd { bpf_fd: Fd(5), info: Info::Btf(btf) };
    vec![
        check(map, |command| {
            let Command::ObjGetInfoByFd { info: Info::Map(map), .. } = command else {
                unreachable!("it was one")
            };
            *map = MapInfo {
                map_type: MapType::HASH,
                id: 1,
                key_size: 2,
                value_size: 3,
                max_entries: 4,
                map_flags: 5,
                name: Name::cut("name"),
                ifindex: 6,
                btf_vmlinux_value_type_id: 7,
                netns_dev: 8,
                netns_ino: 9,
                btf_id: 10,
                btf_key_type_id: 11,
                btf_value_type_id: 12,
                btf_vmlinux_id: 13,
                map_extra: 14,
            };
        }),
        check(prog, |command| {
            let Command::ObjGetInfoByFd { info: Info::Prog(prog), .. } = command else {
                unreachable!("it was one")
            };
            prog.xlated_prog_insns.fill(9);
            prog.map_ids[1] = 3;
            prog.jited_ksyms[0] = 1 << 40;
            prog.prog_tags[0] = [5; 8];
            prog.func_info.fill(6);
            (prog.id, prog.nr_map_ids, prog.gpl_compatible) = (7, 8, true);
            (prog.name, prog.run_cnt, prog.attach_btf_id) = (Name::cut("name"), 9, 10);
        }),
        check(btf, |command| {
            let Command::ObjGetInfoByFd { info: Info::Btf(btf), .. } = command else {
                unreachable!("it was one")
            };
            btf.btf.fill(1);
            btf.name[..3].copy_from_slice(b"vm\0");
            (btf.btf_size, btf.id, btf.name_len, btf.kernel_btf) = (2, 3, 2, true);
        }),
    ]
}

#[test]
fn every_kind_of_link_is_described() {
    let check = |link_type, detail: LinkInfoDetail| {
        let info = Info::Link(LinkInfo::default());
        check(Command::ObjGetInfoByFd { bpf_fd: Fd(6), info }, |command| {
            let Command::ObjGetInfoByFd { info: Info::Link(link), .. } = command else {
                unreachable!("it was one")
            };
            *link = LinkInfo { link_type, id: 1, prog_id: 2, detail: detail.clone() };
        });
    };
    use LinkInfoDetail as Detail;
    use LinkType as Type;
    let attach_type = AttachType::NETKIT_PEER;
    let text = || "text".to_string();
    check(Type::XDP, Detail::Xdp { ifindex: 3 });
    check(Type::RAW_TRACEPOINT, Detail::RawTracepoint { tp_name: text(), cookie: 1 << 40 });
    let (target_obj_id, target_btf_id, cookie) = (1, 2, 3);
    check(Type::TRACING, Detail::Tracing { attach_type, target_obj_id, target_btf_id, cookie });
    check(Type::CGROUP, Detail::Cgroup { cgroup_id: 1 << 40, attach_type });
    check(Type::ITER, Detail::Iter { target_name: text() });
    check(Type::NETNS, Detail::Netns { netns_ino: 3, attach_type });
    check(Type::STRUCT_OPS, Detail::StructOps { map_id: 3 });
    check(Type::NETFILTER, Detail::Netfilter { pf: 1, hooknum: 2, priority: -3, flags: 4 });
    check(Type::TCX, Detail::Tcx { ifindex: 3, attach_type });
    check(Type::NETKIT, Detail::Netkit { ifindex: 3, attach_type });
    check(Type::SOCKMAP, Detail::Sockmap { map_id: 3, attach_type });
    let (addrs, cookies) = (vec![1, 2], vec![3, 4]);
    check(Type::KPROBE_MULTI, Detail::KprobeMulti { addrs, cookies, flags: 1, missed: 2 });
    let (offsets, ref_ctr_offsets, cookies) = (vec![1], vec![2], vec![3]);
    let (path, flags, pid) = (text(), 1, 2);
    check(
        Type::UPROBE_MULTI,
        Detail::UprobeMulti { path, offsets, ref_ctr_offsets, cookies, flags, pid },
    );
    for on_return in [false, true] {
        let (offset, cookie, ref_ctr_offset, addr, missed) = (1, 2, 3, 4, 5);
        let file_name = text();
        let link = PerfEventLink::Uprobe { on_return, file_name, offset, cookie, ref_ctr_offset };
        check(Type::PERF_EVENT, Detail::PerfEvent(link));
        let func_name = text();
        let link = PerfEventLink::Kprobe { on_return, func_name, offset, addr, missed, cookie };
        check(Type::PERF_EVENT, Detail::PerfEvent(link));
    }
    let link = PerfEventLink::Tracepoint { tp_name: text(), cookie: 1 };
    check(Type::PERF_EVENT, Detail::PerfEvent(link));
    let link = PerfEventLink::Event { kind: 1, config: 2, cookie: 3 };
    check(Type::PERF_EVENT, Detail::PerfEvent(link));
}

/// Memory that has nothing anywhere, as a hostile caller's.
struct Nowhere;

impl Memory for Nowhere {
    fn read(&self, _: u64, _: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::EFAULT)
    }
    fn write(&self, _: u64, _: &[u8]) -> Result<(), Errno> {
        Err(Errno::EFAULT)
    }
}

#[test]
fn sizes_and_tails_are_checked() {
    let check = |cmd: u32, attr: &[u8], expected| {
        let mut attr = attr.to_vec();
        let result = decode(cmd, &mut attr, &Nowhere, &objects, &mut |_| Ok(7));
        assert_eq!(result, expected, "{cmd} {attr:?}");
    };
    let freeze = Cmd::MAP_FREEZE.0;
    check(freeze, &[3, 0, 0, 0], Ok(7));
    check(freeze, &[3], Ok(7));
    check(freeze, &[], Ok(7));
    check(freeze, &[3, 0, 0, 0, 0, 0, 0, 0], Ok(7));
    check(freeze, &[3, 0, 0, 0, 1], Err(Errno::EINVAL));
    let mut long = [0; 200];
    check(freeze, &long, Ok(7));
    long[199] = 1;
    check(freeze, &long, Err(Errno::E2BIG));
    check(freeze, &[0; 4096], Ok(7));
    check(freeze, &[0; 4097], Err(Errno::E2BIG));
    check(38, &[], Err(Errno::EINVAL));
    check(u32::MAX, &[], Err(Errno::EINVAL));
    check(Cmd::MAP_LOOKUP_ELEM.0, &[3, 0, 0, 0], Err(Errno::EFAULT));
    check(Cmd::MAP_LOOKUP_ELEM.0, &[4, 0, 0, 0], Err(Errno::EINVAL));
    check(Cmd::MAP_LOOKUP_ELEM.0, &[9, 0, 0, 0], Err(Errno::EBADF));
}

/// Each command with each word of its attr set to something odd, alone: nothing panics.
#[test]
fn hostile_words_are_survived() {
    for cmd in 0..40 {
        for word in 0..42 {
            for value in [3_u32, 0x7fff_ffff, u32::MAX] {
                let mut attr = [0; 168];
                attr[word * 4..][..4].copy_from_slice(&value.to_ne_bytes());
                let _ = decode(cmd, &mut attr, &Nowhere, &objects, &mut |_| Ok(0));
            }
        }
    }
}
