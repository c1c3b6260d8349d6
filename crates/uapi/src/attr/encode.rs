//! A command as the bytes of `union bpf_attr`, and its outputs back from them.

use std::ffi::CString;

use super::encode_info::info;
use super::encode_link::link_create;
use super::layout::*;
use crate::{
    Cmd, Command, Errno, Fd, LookupBatch, MapCreate, ProgAttach, ProgLoad, ProgQuery, Target,
    TaskFd, TestRun,
};

/// Something that takes `union bpf_attr`: a command's number and the attr, which it may change.
pub(super) type Bpf<'b> = &'b mut dyn FnMut(Cmd, &mut [u8]) -> Result<u32, Errno>;

/// Lends `command` to `bpf` as an attr and copies what came back into its outputs.
///
/// The attr is aligned to eight bytes. Every pointer in it is null or points to a slice that is
/// borrowed until `bpf` returns, and to as many bytes as the attr says. Where the attr does not
/// say (the `key`, `value`, `next_key` and batch arrays of a map), the caller has to compare the
/// slices with the map's sizes first. `OBJ_GET_INFO_BY_FD` hands over a struct of the kind that
/// the caller has named; it has to make sure that the descriptor is of that kind. `bpf` may be
/// called twice, the second time with room for what the first call has announced.
#[expect(clippy::too_many_lines, reason = "a flat match, an arm for each command")]
pub fn encode(command: &mut Command<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let cmd = command.cmd();
    match command {
        Command::MapCreate(map) => map_create(map, bpf),
        Command::MapLookupElem { map_fd, key, value, flags }
        | Command::MapLookupAndDeleteElem { map_fd, key, value, flags } => {
            let (key, value) = (input(key), output(value));
            call(cmd, &mut ElemAttr { map_fd: number(*map_fd), key, value, flags: *flags }, bpf)
        }
        Command::MapUpdateElem { map_fd, key, value, flags } => {
            let (key, value) = (input(key), input(value));
            call(cmd, &mut ElemAttr { map_fd: number(*map_fd), key, value, flags: *flags }, bpf)
        }
        Command::MapDeleteElem { map_fd, key } => {
            call(cmd, &mut DeleteAttr { map_fd: number(*map_fd), key: input(key) }, bpf)
        }
        Command::MapGetNextKey { map_fd, key, next_key } => {
            let (key, next_key) = (key.map_or(0, input), output(next_key));
            call(cmd, &mut NextKeyAttr { map_fd: number(*map_fd), key, next_key }, bpf)
        }
        Command::ProgLoad(prog) => prog_load(prog, bpf),
        Command::ObjPin { pathname, bpf_fd, path_fd, file_flags } => {
            object_path(cmd, pathname, *bpf_fd, *path_fd, *file_flags, bpf)
        }
        Command::ObjGet { pathname, path_fd, file_flags } => {
            object_path(cmd, pathname, Fd(0), *path_fd, *file_flags, bpf)
        }
        Command::ProgAttach(attach) | Command::ProgDetach(attach) => prog_attach(cmd, attach, bpf),
        Command::ProgTestRun(run) => test_run(run, bpf),
        Command::ProgGetNextId { start_id, next_id }
        | Command::MapGetNextId { start_id, next_id }
        | Command::BtfGetNextId { start_id, next_id }
        | Command::LinkGetNextId { start_id, next_id } => {
            let mut attr = NextIdAttr { start_id: *start_id, next_id: 0 };
            let result = call(cmd, &mut attr, bpf)?;
            **next_id = attr.next_id;
            Ok(result)
        }
        Command::ProgGetFdById { prog_id: id, open_flags }
        | Command::MapGetFdById { map_id: id, open_flags }
        | Command::BtfGetFdById { btf_id: id, open_flags } => {
            call(cmd, &mut FdByIdAttr { id: *id, next_id: 0, open_flags: *open_flags }, bpf)
        }
        Command::LinkGetFdById { link_id } => call(cmd, &mut OneAttr { number: *link_id }, bpf),
        Command::ObjGetInfoByFd { bpf_fd, info: room } => info(*bpf_fd, room, bpf),
        Command::ProgQuery(query) => prog_query(query, bpf),
        Command::RawTracepointOpen { name, prog_fd, cookie } => {
            let name = name.map(c_string).transpose()?;
            let pointer = name.as_ref().map_or(0, string);
            let prog_fd = number(*prog_fd);
            call(cmd, &mut RawTracepointAttr { name: pointer, prog_fd, cookie: *cookie }, bpf)
        }
        Command::BtfLoad { btf, log_level, log_buf, log_true_size, flags, token_fd } => {
            let mut attr = BtfLoadAttr {
                btf: input(btf),
                log_buf: output(log_buf),
                btf_size: count(btf)?,
                log_size: count(log_buf)?,
                log_level: *log_level,
                log_true_size: 0,
                flags: *flags,
                token_fd: token_fd.map_or(0, |fd| fd.0),
            };
            let result = call(cmd, &mut attr, bpf);
            **log_true_size = attr.log_true_size;
            result
        }
        Command::TaskFdQuery { pid, fd, flags, out } => task_fd(*pid, *fd, *flags, out, bpf),
        Command::MapFreeze { map_fd } => call(cmd, &mut OneAttr { number: number(*map_fd) }, bpf),
        Command::MapLookupBatch(batch) | Command::MapLookupAndDeleteBatch(batch) => {
            lookup_batch(cmd, batch, bpf)
        }
        Command::MapUpdateBatch { map_fd, keys, values, count, elem_flags, flags } => {
            let map_fd = number(*map_fd);
            let (keys, values) = (input(keys), input(values));
            let attr = BatchAttr { map_fd, keys, values, ..flagged(*elem_flags, *flags) };
            counted(cmd, attr, count, bpf)
        }
        Command::MapDeleteBatch { map_fd, keys, count, elem_flags, flags } => {
            let (map_fd, keys) = (number(*map_fd), input(keys));
            let attr = BatchAttr { map_fd, keys, ..flagged(*elem_flags, *flags) };
            counted(cmd, attr, count, bpf)
        }
        Command::LinkCreate(link) => link_create(link, bpf),
        Command::LinkUpdate { link_fd, new_fd, flags, old_fd } => {
            let (link_fd, new_fd) = (number(*link_fd), number(*new_fd));
            let old_fd = optional(*old_fd);
            call(cmd, &mut LinkUpdateAttr { link_fd, new_fd, flags: *flags, old_fd }, bpf)
        }
        Command::EnableStats { kind } => call(cmd, &mut OneAttr { number: *kind }, bpf),
        Command::IterCreate { link_fd, flags } => {
            call(cmd, &mut TwoAttr { first: number(*link_fd), second: *flags }, bpf)
        }
        Command::LinkDetach { link_fd } => {
            call(cmd, &mut OneAttr { number: number(*link_fd) }, bpf)
        }
        Command::ProgBindMap { prog_fd, map_fd, flags } => {
            let (prog_fd, map_fd) = (number(*prog_fd), number(*map_fd));
            call(cmd, &mut BindMapAttr { prog_fd, map_fd, flags: *flags }, bpf)
        }
        Command::TokenCreate { flags, bpffs_fd } => {
            call(cmd, &mut TwoAttr { first: *flags, second: number(*bpffs_fd) }, bpf)
        }
        Command::ProgStreamReadByFd { prog_fd, stream_id, stream_buf } => {
            let mut attr = StreamReadAttr {
                stream_buf: output(stream_buf),
                stream_buf_len: count(stream_buf)?,
                stream_id: *stream_id,
                prog_fd: number(*prog_fd),
            };
            call(cmd, &mut attr, bpf)
        }
    }
}

/// Hands `attr` over as bytes and reads it back, after a failure too.
fn call<L: Layout>(cmd: Cmd, attr: &mut L, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let mut bytes = AttrBytes([0; ATTR_BYTES]);
    attr.put(&mut bytes.0);
    let result = bpf(cmd, &mut bytes.0[..L::SIZE]);
    *attr = L::get(&bytes.0);
    result
}

/// Room for any attr, aligned as `union bpf_attr` is.
#[repr(align(8))]
pub(super) struct AttrBytes(pub(super) [u8; ATTR_BYTES]);

fn map_create(map: &MapCreate<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let mut attr = MapCreateAttr {
        map_type: map.map_type.0,
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: map.max_entries,
        map_flags: map.map_flags,
        inner_map_fd: optional(map.inner_map_fd),
        numa_node: map.numa_node,
        map_name: map.map_name.0,
        map_ifindex: map.map_ifindex,
        btf_fd: optional(map.btf_fd),
        btf_key_type_id: map.btf_key_type_id,
        btf_value_type_id: map.btf_value_type_id,
        btf_vmlinux_value_type_id: map.btf_vmlinux_value_type_id,
        map_extra: map.map_extra,
        value_type_btf_obj_fd: map.value_type_btf_obj_fd.map_or(0, |fd| fd.0),
        map_token_fd: map.map_token_fd.map_or(0, |fd| fd.0),
        excl_prog_hash: input(map.excl_prog_hash),
        excl_prog_hash_size: count(map.excl_prog_hash)?,
    };
    call(Cmd::MAP_CREATE, &mut attr, bpf)
}

fn prog_load(prog: &mut ProgLoad<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    // The kernel would read behind the end of the slice.
    if prog.fd_array_cnt as usize > prog.fd_array.len() {
        return Err(Errno::EFAULT);
    }
    let license = c_string(prog.license)?;
    let mut attr = ProgLoadAttr {
        prog_type: prog.prog_type.0,
        insn_cnt: records(prog.insns, 8)?,
        insns: input(prog.insns),
        license: string(&license),
        log_level: prog.log_level,
        log_size: count(prog.log_buf)?,
        log_buf: output(prog.log_buf),
        kern_version: prog.kern_version,
        prog_flags: prog.prog_flags,
        prog_name: prog.prog_name.0,
        prog_ifindex: prog.prog_ifindex,
        expected_attach_type: prog.expected_attach_type.0,
        prog_btf_fd: optional(prog.prog_btf_fd),
        func_info_rec_size: prog.func_info_rec_size,
        func_info: input(prog.func_info),
        func_info_cnt: records(prog.func_info, prog.func_info_rec_size)?,
        line_info_rec_size: prog.line_info_rec_size,
        line_info: input(prog.line_info),
        line_info_cnt: records(prog.line_info, prog.line_info_rec_size)?,
        attach_btf_id: prog.attach_btf_id,
        attach_fd: optional(prog.attach_fd),
        core_relo_cnt: records(prog.core_relos, prog.core_relo_rec_size)?,
        fd_array: input(prog.fd_array),
        core_relos: input(prog.core_relos),
        core_relo_rec_size: prog.core_relo_rec_size,
        log_true_size: 0,
        prog_token_fd: prog.prog_token_fd.map_or(0, |fd| fd.0),
        fd_array_cnt: prog.fd_array_cnt,
        signature: input(prog.signature),
        signature_size: count(prog.signature)?,
        keyring_id: prog.keyring_id,
    };
    let result = call(Cmd::PROG_LOAD, &mut attr, bpf);
    prog.log_true_size = attr.log_true_size;
    result
}

fn object_path(
    cmd: Cmd,
    pathname: &str,
    bpf_fd: Fd,
    path_fd: Option<Fd>,
    file_flags: u32,
    bpf: Bpf<'_>,
) -> Result<u32, Errno> {
    let pathname = c_string(pathname)?;
    let mut attr = ObjAttr {
        pathname: string(&pathname),
        bpf_fd: number(bpf_fd),
        file_flags,
        path_fd: path_fd.map_or(0, |fd| fd.0),
    };
    call(cmd, &mut attr, bpf)
}

fn prog_attach(cmd: Cmd, attach: &ProgAttach, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let mut attr = ProgAttachAttr {
        target: target(attach.target),
        attach_bpf_fd: optional(attach.attach_bpf_fd),
        attach_type: attach.attach_type.0,
        attach_flags: attach.attach_flags,
        replace_bpf_fd: optional(attach.replace_bpf_fd),
        relative: attach.relative,
        expected_revision: attach.expected_revision,
    };
    call(cmd, &mut attr, bpf)
}

/// Outputs are set after success and after `ENOSPC`, which means that the packet came back cut.
fn test_run(run: &mut TestRun<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let mut attr = TestRunAttr {
        prog_fd: number(run.prog_fd),
        retval: 0,
        data_size_in: count(run.data_in)?,
        data_size_out: count(run.data_out)?,
        data_in: input(run.data_in),
        data_out: output(run.data_out),
        repeat: run.repeat,
        duration: 0,
        ctx_size_in: count(run.ctx_in)?,
        ctx_size_out: count(run.ctx_out)?,
        ctx_in: input(run.ctx_in),
        ctx_out: output(run.ctx_out),
        flags: run.flags,
        cpu: run.cpu,
        batch_size: run.batch_size,
    };
    let result = call(Cmd::PROG_TEST_RUN, &mut attr, bpf);
    if matches!(result, Ok(_) | Err(Errno::ENOSPC)) {
        run.retval = attr.retval;
        run.data_size_out = attr.data_size_out;
        run.ctx_size_out = attr.ctx_size_out;
        run.duration = attr.duration;
    }
    result
}

/// The arrays share one count, so it is the shortest array's unless the caller asks for less.
fn prog_query(query: &mut ProgQuery<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let arrays =
        [&*query.prog_ids, &*query.prog_attach_flags, &*query.link_ids, &*query.link_attach_flags];
    let shortest = arrays.iter().map(|ids| ids.len()).filter(|len| *len > 0).min();
    let room = shortest.map_or(0, |len| u32::try_from(len).unwrap_or(u32::MAX));
    let mut attr = QueryAttr {
        target: target(query.target),
        attach_type: query.attach_type.0,
        query_flags: query.query_flags,
        attach_flags: 0,
        prog_ids: output(query.prog_ids),
        count: if shortest.is_some() { room.min(query.count) } else { query.count },
        prog_attach_flags: output(query.prog_attach_flags),
        link_ids: output(query.link_ids),
        link_attach_flags: output(query.link_attach_flags),
        revision: 0,
    };
    let result = call(Cmd::PROG_QUERY, &mut attr, bpf);
    query.attach_flags = attr.attach_flags;
    query.count = attr.count;
    query.revision = attr.revision;
    result
}

/// Longest name that `BPF_TASK_FD_QUERY` gives, a path, with its zero byte.
const TASK_FD_NAME_BYTES: usize = 4096;

fn task_fd(pid: u32, fd: u32, flags: u32, out: &mut TaskFd, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let mut buf = vec![0; TASK_FD_NAME_BYTES];
    let buf_len = count(&buf)?;
    let mut attr =
        TaskFdAttr { pid, fd, flags, buf_len, buf: output(&mut buf), ..TaskFdAttr::default() };
    let result = call(Cmd::TASK_FD_QUERY, &mut attr, bpf)?;
    buf.truncate(attr.buf_len as usize);
    *out = TaskFd {
        buf,
        prog_id: attr.prog_id,
        fd_type: attr.fd_type,
        probe_offset: attr.probe_offset,
        probe_addr: attr.probe_addr,
    };
    Ok(result)
}

fn lookup_batch(cmd: Cmd, batch: &mut LookupBatch<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let attr = BatchAttr {
        in_batch: batch.in_batch.map_or(0, input),
        out_batch: output(batch.out_batch),
        keys: output(batch.keys),
        values: output(batch.values),
        map_fd: number(batch.map_fd),
        ..flagged(batch.elem_flags, batch.flags)
    };
    counted(cmd, attr, batch.count, bpf)
}

fn flagged(elem_flags: u64, flags: u64) -> BatchAttr {
    BatchAttr { elem_flags, flags, ..BatchAttr::default() }
}

/// A batch: `done` says how many, before and, whatever the result, afterwards.
fn counted(cmd: Cmd, attr: BatchAttr, done: &mut u32, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let mut attr = BatchAttr { count: *done, ..attr };
    let result = call(cmd, &mut attr, bpf);
    *done = attr.count;
    result
}

/// The address of what the kernel reads; null where there is nothing.
pub(super) fn input<T>(slice: &[T]) -> u64 {
    if slice.is_empty() { 0 } else { slice.as_ptr().expose_provenance() as u64 }
}

/// The address of what the kernel writes; null where there is no room.
pub(super) fn output<T>(slice: &mut [T]) -> u64 {
    if slice.is_empty() { 0 } else { slice.as_mut_ptr().expose_provenance() as u64 }
}

/// The address of a string, which may be empty.
pub(super) fn string(text: &CString) -> u64 {
    text.as_ptr().expose_provenance() as u64
}

/// A string for the kernel; a zero byte within it is no string at all.
pub(super) fn c_string(text: &str) -> Result<CString, Errno> {
    CString::new(text).map_err(|_| Errno::EINVAL)
}

/// A slice's length as the attr has it.
pub(super) fn count<T>(slice: &[T]) -> Result<u32, Errno> {
    u32::try_from(slice.len()).map_err(|_| Errno::E2BIG)
}

/// How many records of `bytes` bytes `slice` is; a part of a record is invalid.
fn records(slice: &[u8], bytes: u32) -> Result<u32, Errno> {
    match (slice.len(), bytes as usize) {
        (0, _) => Ok(0),
        (_, 0) => Err(Errno::EINVAL),
        (len, bytes) if len % bytes == 0 => u32::try_from(len / bytes).map_err(|_| Errno::E2BIG),
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn number(fd: Fd) -> u32 {
    fd.0.cast_unsigned()
}

fn optional(fd: Option<Fd>) -> u32 {
    fd.map_or(0, number)
}

pub(super) fn target(target: Target) -> u32 {
    match target {
        Target::None => 0,
        Target::Fd(fd) => number(fd),
        Target::Ifindex(ifindex) => ifindex,
    }
}
