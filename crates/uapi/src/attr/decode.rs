//! The bytes of `union bpf_attr` as a command, and the command's outputs back into them.

use super::decode_info::info;
use super::decode_link::link_create;
use super::layout::*;
use super::memory::{Lent, Memory, c_str};
use crate::{
    AttachType, Cmd, Command, Errno, Fd, LookupBatch, MapCreate, MapType, Name, ProgAttach,
    ProgLoad, ProgQuery, ProgType, Target, TaskFd, TestRun,
};

/// What a descriptor stands for, as far as the meaning of an attr depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the objects")]
pub enum Object {
    Prog,
    /// Bytes of a key, of a value (all slots of a per-CPU one), and of a place between batches.
    Map {
        key: usize,
        value: usize,
        place: usize,
    },
    Btf,
    Link,
    Other,
}

/// One bpf(2) call: who asks, and whom.
pub(super) struct Call<'c> {
    pub(super) memory: &'c dyn Memory,
    objects: &'c dyn Fn(Fd) -> Result<Object, Errno>,
    answer: &'c mut dyn FnMut(&mut Command<'_>) -> Result<u32, Errno>,
}

/// Bytes that an attr may have (`PAGE_SIZE`).
const SIZE_MAX: usize = 4096;

/// Has `answer` answer the command in `attr`, whose pointers point into `memory`.
///
/// Sizes are as Linux takes them: what a shorter attr lacks is zero; what a longer one has beyond
/// `union bpf_attr` must be zero (`E2BIG`), as must what a command does not use (`EINVAL`).
/// `objects` says what a descriptor is, where the attr does not say how long a key, a value or an
/// info struct is.
pub fn decode(
    cmd: u32,
    attr: &mut [u8],
    memory: &dyn Memory,
    objects: &dyn Fn(Fd) -> Result<Object, Errno>,
    answer: &mut dyn FnMut(&mut Command<'_>) -> Result<u32, Errno>,
) -> Result<u32, Errno> {
    let beyond = attr.get(ATTR_BYTES..).unwrap_or_default();
    if attr.len() > SIZE_MAX || beyond.iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let size = attr.len().min(ATTR_BYTES);
    let mut bytes = [0; ATTR_BYTES];
    bytes[..size].copy_from_slice(&attr[..size]);
    let result = command(Cmd(cmd), &mut bytes, &mut Call { memory, objects, answer });
    attr[..size].copy_from_slice(&bytes[..size]);
    result
}

fn command(cmd: Cmd, attr: &mut [u8], call: &mut Call<'_>) -> Result<u32, Errno> {
    match cmd {
        Cmd::MAP_CREATE => map_create(&used(attr)?, call),
        Cmd::MAP_LOOKUP_ELEM | Cmd::MAP_LOOKUP_AND_DELETE_ELEM => lookup(cmd, &used(attr)?, call),
        Cmd::MAP_UPDATE_ELEM => update(&used(attr)?, call),
        Cmd::MAP_DELETE_ELEM => delete(&used(attr)?, call),
        Cmd::MAP_GET_NEXT_KEY => next_key(&used(attr)?, call),
        Cmd::PROG_LOAD => changed(attr, call, prog_load),
        Cmd::OBJ_PIN | Cmd::OBJ_GET => object_path(cmd, &used(attr)?, call),
        Cmd::PROG_ATTACH => prog_attach(&used(attr)?, Command::ProgAttach, call),
        Cmd::PROG_DETACH => prog_attach(&used(attr)?, Command::ProgDetach, call),
        Cmd::PROG_TEST_RUN => changed(attr, call, test_run),
        Cmd::PROG_GET_NEXT_ID
        | Cmd::MAP_GET_NEXT_ID
        | Cmd::BTF_GET_NEXT_ID
        | Cmd::LINK_GET_NEXT_ID => changed(attr, call, |attr, call| next_id(cmd, attr, call)),
        Cmd::PROG_GET_FD_BY_ID => {
            let OneAttr { number: prog_id } = used(attr)?;
            call.ask(&mut Command::ProgGetFdById { prog_id, open_flags: 0 })
        }
        Cmd::MAP_GET_FD_BY_ID => {
            let FdByIdAttr { id: map_id, open_flags, .. } = used(attr)?;
            call.ask(&mut Command::MapGetFdById { map_id, open_flags })
        }
        Cmd::BTF_GET_FD_BY_ID => {
            let BtfFdByIdAttr { id: btf_id, open_flags, .. } = used(attr)?;
            call.ask(&mut Command::BtfGetFdById { btf_id, open_flags })
        }
        Cmd::OBJ_GET_INFO_BY_FD => changed(attr, call, info),
        Cmd::PROG_QUERY => changed(attr, call, prog_query),
        Cmd::RAW_TRACEPOINT_OPEN => raw_tracepoint(&used(attr)?, call),
        Cmd::BTF_LOAD => changed(attr, call, btf_load),
        Cmd::TASK_FD_QUERY => changed(attr, call, task_fd),
        Cmd::MAP_LOOKUP_BATCH | Cmd::MAP_LOOKUP_AND_DELETE_BATCH => {
            changed(attr, call, |attr, call| lookup_batch(cmd, attr, call))
        }
        Cmd::MAP_UPDATE_BATCH => changed(attr, call, update_batch),
        Cmd::MAP_DELETE_BATCH => changed(attr, call, delete_batch),
        Cmd::LINK_CREATE => link_create(attr, call),
        Cmd::PROG_STREAM_READ_BY_FD => stream_read(&used(attr)?, call),
        _ => numbers_only(cmd, attr, call),
    }
}

/// The commands whose attr is two to four numbers.
fn numbers_only(cmd: Cmd, attr: &[u8], call: &mut Call<'_>) -> Result<u32, Errno> {
    let one = || used::<OneAttr>(attr).map(|attr| attr.number);
    let two = || used::<TwoAttr>(attr).map(|attr| (attr.first, attr.second));
    let mut command = match cmd {
        Cmd::MAP_FREEZE => Command::MapFreeze { map_fd: fd(one()?) },
        Cmd::LINK_GET_FD_BY_ID => Command::LinkGetFdById { link_id: one()? },
        Cmd::LINK_DETACH => Command::LinkDetach { link_fd: fd(one()?) },
        Cmd::ENABLE_STATS => Command::EnableStats { kind: one()? },
        Cmd::ITER_CREATE => {
            let (link_fd, flags) = two()?;
            Command::IterCreate { link_fd: fd(link_fd), flags }
        }
        Cmd::TOKEN_CREATE => {
            let (flags, bpffs_fd) = two()?;
            Command::TokenCreate { flags, bpffs_fd: fd(bpffs_fd) }
        }
        Cmd::PROG_BIND_MAP => {
            let BindMapAttr { prog_fd, map_fd, flags } = used(attr)?;
            Command::ProgBindMap { prog_fd: fd(prog_fd), map_fd: fd(map_fd), flags }
        }
        Cmd::LINK_UPDATE => {
            let LinkUpdateAttr { link_fd, new_fd, flags, old_fd } = used(attr)?;
            let old_fd = optional(old_fd);
            Command::LinkUpdate { link_fd: fd(link_fd), new_fd: fd(new_fd), flags, old_fd }
        }
        _ => return Err(Errno::EINVAL),
    };
    call.ask(&mut command)
}

impl Call<'_> {
    pub(super) fn ask(&mut self, command: &mut Command<'_>) -> Result<u32, Errno> {
        (self.answer)(command)
    }

    pub(super) fn object(&self, fd: Fd) -> Result<Object, Errno> {
        (self.objects)(fd)
    }

    /// Bytes of the map's key, value and place.
    fn map(&self, map_fd: u32) -> Result<(usize, usize, usize), Errno> {
        match (self.objects)(fd(map_fd))? {
            Object::Map { key, value, place } => Ok((key, value, place)),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// The fields of a command; what lies behind them must be zero.
pub(super) fn used<L: Layout>(attr: &[u8]) -> Result<L, Errno> {
    match attr[L::SIZE..].iter().all(|byte| *byte == 0) {
        true => Ok(L::get(attr)),
        false => Err(Errno::EINVAL),
    }
}

/// A command that changes its fields; they go back whatever the result.
fn changed<L: Layout>(
    attr: &mut [u8],
    call: &mut Call<'_>,
    with: impl FnOnce(&mut L, &mut Call<'_>) -> Result<u32, Errno>,
) -> Result<u32, Errno> {
    let mut fields = used::<L>(attr)?;
    let result = with(&mut fields, call);
    fields.put(attr);
    result
}

fn map_create(attr: &MapCreateAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let hash = Lent::new(call.memory, attr.excl_prog_hash, attr.excl_prog_hash_size as usize, 1)?;
    let map = MapCreate {
        map_type: MapType(attr.map_type),
        key_size: attr.key_size,
        value_size: attr.value_size,
        max_entries: attr.max_entries,
        map_flags: attr.map_flags,
        inner_map_fd: optional(attr.inner_map_fd),
        numa_node: attr.numa_node,
        map_name: Name(attr.map_name),
        map_ifindex: attr.map_ifindex,
        btf_fd: optional(attr.btf_fd),
        btf_key_type_id: attr.btf_key_type_id,
        btf_value_type_id: attr.btf_value_type_id,
        btf_vmlinux_value_type_id: attr.btf_vmlinux_value_type_id,
        map_extra: attr.map_extra,
        value_type_btf_obj_fd: optional(attr.value_type_btf_obj_fd.cast_unsigned()),
        map_token_fd: optional(attr.map_token_fd.cast_unsigned()),
        excl_prog_hash: &hash.bytes,
    };
    call.ask(&mut Command::MapCreate(map))
}

fn lookup(cmd: Cmd, attr: &ElemAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (key_bytes, value_bytes, _) = call.map(attr.map_fd)?;
    let key = Lent::new(call.memory, attr.key, 1, key_bytes)?;
    let mut room = Lent::new(call.memory, attr.value, 1, value_bytes)?;
    let (map_fd, key, value, flags) = (fd(attr.map_fd), &key.bytes, &mut room.bytes, attr.flags);
    let result = call.ask(&mut match cmd {
        Cmd::MAP_LOOKUP_ELEM => Command::MapLookupElem { map_fd, key, value, flags },
        _ => Command::MapLookupAndDeleteElem { map_fd, key, value, flags },
    })?;
    room.give_back()?;
    Ok(result)
}

fn update(attr: &ElemAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (key_bytes, value_bytes, _) = call.map(attr.map_fd)?;
    let key = Lent::new(call.memory, attr.key, 1, key_bytes)?;
    let value = Lent::new(call.memory, attr.value, 1, value_bytes)?;
    let (map_fd, key, value, flags) = (fd(attr.map_fd), &key.bytes, &value.bytes, attr.flags);
    call.ask(&mut Command::MapUpdateElem { map_fd, key, value, flags })
}

fn delete(attr: &DeleteAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (key_bytes, ..) = call.map(attr.map_fd)?;
    let key = Lent::new(call.memory, attr.key, 1, key_bytes)?;
    call.ask(&mut Command::MapDeleteElem { map_fd: fd(attr.map_fd), key: &key.bytes })
}

fn next_key(attr: &NextKeyAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (key_bytes, ..) = call.map(attr.map_fd)?;
    let key = Lent::optional(call.memory, attr.key, 1, key_bytes)?;
    let mut room = Lent::new(call.memory, attr.next_key, 1, key_bytes)?;
    let result = call.ask(&mut Command::MapGetNextKey {
        map_fd: fd(attr.map_fd),
        key: (attr.key != 0).then_some(&key.bytes),
        next_key: &mut room.bytes,
    })?;
    room.give_back()?;
    Ok(result)
}

/// Bytes of a license that Linux reads.
const LICENSE_BYTES: usize = 127;

fn prog_load(attr: &mut ProgLoadAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let memory = call.memory;
    let records = |address, count: u32, bytes: u32| {
        Lent::new(memory, address, count as usize, bytes as usize)
    };
    let license = c_str(memory, attr.license, LICENSE_BYTES)?;
    let insns = records(attr.insns, attr.insn_cnt, 8)?;
    let mut log = records(attr.log_buf, attr.log_size, 1)?;
    let func_info = records(attr.func_info, attr.func_info_cnt, attr.func_info_rec_size)?;
    let line_info = records(attr.line_info, attr.line_info_cnt, attr.line_info_rec_size)?;
    let core_relos = records(attr.core_relos, attr.core_relo_cnt, attr.core_relo_rec_size)?;
    let fd_array = records(attr.fd_array, attr.fd_array_cnt, 4)?.numbers::<i32>();
    let signature = records(attr.signature, attr.signature_size, 1)?;
    let mut command = Command::ProgLoad(ProgLoad {
        prog_type: ProgType(attr.prog_type),
        insns: &insns.bytes,
        license: &String::from_utf8_lossy(&license),
        log_level: attr.log_level,
        log_buf: &mut log.bytes,
        kern_version: attr.kern_version,
        prog_flags: attr.prog_flags,
        prog_name: Name(attr.prog_name),
        prog_ifindex: attr.prog_ifindex,
        expected_attach_type: AttachType(attr.expected_attach_type),
        prog_btf_fd: optional(attr.prog_btf_fd),
        func_info: &func_info.bytes,
        func_info_rec_size: attr.func_info_rec_size,
        line_info: &line_info.bytes,
        line_info_rec_size: attr.line_info_rec_size,
        attach_btf_id: attr.attach_btf_id,
        attach_fd: optional(attr.attach_fd),
        core_relos: &core_relos.bytes,
        core_relo_rec_size: attr.core_relo_rec_size,
        fd_array: &fd_array,
        fd_array_cnt: attr.fd_array_cnt,
        log_true_size: 0,
        prog_token_fd: optional(attr.prog_token_fd.cast_unsigned()),
        signature: &signature.bytes,
        keyring_id: attr.keyring_id,
    });
    let result = call.ask(&mut command);
    if let Command::ProgLoad(prog) = &command {
        attr.log_true_size = prog.log_true_size;
    }
    log.give_back()?;
    result
}

/// Bytes of a path without its zero.
pub(super) const PATH_BYTES: usize = 4095;

pub(super) fn text(bytes: Vec<u8>) -> Result<String, Errno> {
    String::from_utf8(bytes).map_err(|_| Errno::EINVAL)
}

fn object_path(cmd: Cmd, attr: &ObjAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let pathname = &text(c_str(call.memory, attr.pathname, PATH_BYTES)?)?;
    let (path_fd, file_flags) = (optional(attr.path_fd.cast_unsigned()), attr.file_flags);
    call.ask(&mut match (cmd, attr.bpf_fd) {
        (Cmd::OBJ_PIN, bpf_fd) => {
            Command::ObjPin { pathname, bpf_fd: fd(bpf_fd), path_fd, file_flags }
        }
        (_, 0) => Command::ObjGet { pathname, path_fd, file_flags },
        _ => return Err(Errno::EINVAL),
    })
}

fn prog_attach(
    attr: &ProgAttachAttr,
    command: fn(ProgAttach) -> Command<'static>,
    call: &mut Call<'_>,
) -> Result<u32, Errno> {
    let attach_type = AttachType(attr.attach_type);
    call.ask(&mut command(ProgAttach {
        target: target(attr.target, attach_type),
        attach_bpf_fd: optional(attr.attach_bpf_fd),
        attach_type,
        attach_flags: attr.attach_flags,
        replace_bpf_fd: optional(attr.replace_bpf_fd),
        relative: attr.relative,
        expected_revision: attr.expected_revision,
    }))
}

fn test_run(attr: &mut TestRunAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let lend = |address, bytes: u32| Lent::new(call.memory, address, bytes as usize, 1);
    let data_in = lend(attr.data_in, attr.data_size_in)?;
    let mut data_out = lend(attr.data_out, attr.data_size_out)?;
    let ctx_in = lend(attr.ctx_in, attr.ctx_size_in)?;
    let mut ctx_out = lend(attr.ctx_out, attr.ctx_size_out)?;
    let mut command = Command::ProgTestRun(TestRun {
        prog_fd: fd(attr.prog_fd),
        data_in: &data_in.bytes,
        data_out: &mut data_out.bytes,
        ctx_in: &ctx_in.bytes,
        ctx_out: &mut ctx_out.bytes,
        repeat: attr.repeat,
        flags: attr.flags,
        cpu: attr.cpu,
        batch_size: attr.batch_size,
        ..TestRun::default()
    });
    let result = call.ask(&mut command);
    if let (Ok(_) | Err(Errno::ENOSPC), Command::ProgTestRun(run)) = (result, &command) {
        attr.retval = run.retval;
        attr.data_size_out = run.data_size_out;
        attr.ctx_size_out = run.ctx_size_out;
        attr.duration = run.duration;
    }
    data_out.give_back()?;
    ctx_out.give_back()?;
    result
}

fn next_id(cmd: Cmd, attr: &mut NextIdAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (start_id, next_id) = (attr.start_id, &mut attr.next_id);
    call.ask(&mut match cmd {
        Cmd::PROG_GET_NEXT_ID => Command::ProgGetNextId { start_id, next_id },
        Cmd::MAP_GET_NEXT_ID => Command::MapGetNextId { start_id, next_id },
        Cmd::BTF_GET_NEXT_ID => Command::BtfGetNextId { start_id, next_id },
        _ => Command::LinkGetNextId { start_id, next_id },
    })
}

fn prog_query(attr: &mut QueryAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let attach_type = AttachType(attr.attach_type);
    let lend = |address| Lent::optional(call.memory, address, attr.count as usize, 4);
    let mut lent = [
        lend(attr.prog_ids)?,
        lend(attr.prog_attach_flags)?,
        lend(attr.link_ids)?,
        lend(attr.link_attach_flags)?,
    ];
    let [mut prog_ids, mut prog_flags, mut link_ids, mut link_flags] =
        lent.each_ref().map(Lent::numbers::<u32>);
    let mut command = Command::ProgQuery(ProgQuery {
        target: target(attr.target, attach_type),
        attach_type,
        query_flags: attr.query_flags,
        prog_ids: &mut prog_ids,
        prog_attach_flags: &mut prog_flags,
        link_ids: &mut link_ids,
        link_attach_flags: &mut link_flags,
        attach_flags: 0,
        count: attr.count,
        revision: 0,
    });
    let result = call.ask(&mut command);
    if let (Ok(_) | Err(Errno::ENOSPC), Command::ProgQuery(query)) = (result, &command) {
        attr.attach_flags = query.attach_flags;
        attr.count = query.count;
        attr.revision = query.revision;
    }
    for (lent, numbers) in lent.iter_mut().zip([prog_ids, prog_flags, link_ids, link_flags]) {
        lent.give_back_numbers(&numbers)?;
    }
    result
}

fn raw_tracepoint(attr: &RawTracepointAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let name = match attr.name {
        0 => None,
        address => Some(text(c_str(call.memory, address, 127)?)?),
    };
    let (prog_fd, cookie) = (fd(attr.prog_fd), attr.cookie);
    call.ask(&mut Command::RawTracepointOpen { name: name.as_deref(), prog_fd, cookie })
}

fn btf_load(attr: &mut BtfLoadAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let btf = Lent::new(call.memory, attr.btf, attr.btf_size as usize, 1)?;
    let mut log = Lent::new(call.memory, attr.log_buf, attr.log_size as usize, 1)?;
    let result = call.ask(&mut Command::BtfLoad {
        btf: &btf.bytes,
        log_level: attr.log_level,
        log_buf: &mut log.bytes,
        log_true_size: &mut attr.log_true_size,
        flags: attr.flags,
        token_fd: optional(attr.token_fd.cast_unsigned()),
    });
    log.give_back()?;
    result
}

fn task_fd(attr: &mut TaskFdAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let mut room = Lent::new(call.memory, attr.buf, attr.buf_len as usize, 1)?;
    let mut out = TaskFd::default();
    let TaskFdAttr { pid, fd, flags, .. } = *attr;
    let result = call.ask(&mut Command::TaskFdQuery { pid, fd, flags, out: &mut out })?;
    attr.buf_len = u32::try_from(out.buf.len()).map_err(|_| Errno::E2BIG)?;
    attr.prog_id = out.prog_id;
    attr.fd_type = out.fd_type;
    attr.probe_offset = out.probe_offset;
    attr.probe_addr = out.probe_addr;
    put_text(&mut room, &out.buf)?;
    Ok(result)
}

/// Gives a text and its zero byte back; `ENOSPC` if it had to be cut.
pub(super) fn put_text(room: &mut Lent<'_>, text: &[u8]) -> Result<(), Errno> {
    let Some(most) = room.bytes.len().checked_sub(1) else { return Ok(()) };
    let cut = text.len().min(most);
    room.bytes[..cut].copy_from_slice(&text[..cut]);
    room.bytes[cut] = 0;
    room.give_back()?;
    if cut < text.len() { Err(Errno::ENOSPC) } else { Ok(()) }
}

fn lookup_batch(cmd: Cmd, attr: &mut BatchAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (key_bytes, value_bytes, place_bytes) = call.map(attr.map_fd)?;
    let memory = call.memory;
    let in_batch = Lent::optional(memory, attr.in_batch, 1, place_bytes)?;
    let mut out_batch = Lent::new(memory, attr.out_batch, 1, place_bytes)?;
    let mut keys = Lent::new(memory, attr.keys, attr.count as usize, key_bytes)?;
    let mut values = Lent::new(memory, attr.values, attr.count as usize, value_bytes)?;
    let batch = LookupBatch {
        map_fd: fd(attr.map_fd),
        in_batch: (attr.in_batch != 0).then_some(&in_batch.bytes),
        out_batch: &mut out_batch.bytes,
        keys: &mut keys.bytes,
        values: &mut values.bytes,
        count: &mut attr.count,
        elem_flags: attr.elem_flags,
        flags: attr.flags,
    };
    let result = call.ask(&mut match cmd {
        Cmd::MAP_LOOKUP_BATCH => Command::MapLookupBatch(batch),
        _ => Command::MapLookupAndDeleteBatch(batch),
    });
    for lent in [out_batch, keys, values] {
        lent.give_back()?;
    }
    result
}

fn update_batch(attr: &mut BatchAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (key_bytes, value_bytes, _) = call.map(attr.map_fd)?;
    let keys = Lent::new(call.memory, attr.keys, attr.count as usize, key_bytes)?;
    let values = Lent::new(call.memory, attr.values, attr.count as usize, value_bytes)?;
    call.ask(&mut Command::MapUpdateBatch {
        map_fd: fd(attr.map_fd),
        keys: &keys.bytes,
        values: &values.bytes,
        count: &mut attr.count,
        elem_flags: attr.elem_flags,
        flags: attr.flags,
    })
}

fn delete_batch(attr: &mut BatchAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let (key_bytes, ..) = call.map(attr.map_fd)?;
    let keys = Lent::new(call.memory, attr.keys, attr.count as usize, key_bytes)?;
    call.ask(&mut Command::MapDeleteBatch {
        map_fd: fd(attr.map_fd),
        keys: &keys.bytes,
        count: &mut attr.count,
        elem_flags: attr.elem_flags,
        flags: attr.flags,
    })
}

fn stream_read(attr: &StreamReadAttr, call: &mut Call<'_>) -> Result<u32, Errno> {
    let mut room = Lent::new(call.memory, attr.stream_buf, attr.stream_buf_len as usize, 1)?;
    let (prog_fd, stream_id) = (fd(attr.prog_fd), attr.stream_id);
    let stream_buf = &mut room.bytes;
    let result = call.ask(&mut Command::ProgStreamReadByFd { prog_fd, stream_id, stream_buf })?;
    room.give_back()?;
    Ok(result)
}

pub(super) fn fd(number: u32) -> Fd {
    Fd(number.cast_signed())
}

fn optional(number: u32) -> Option<Fd> {
    (number != 0).then(|| fd(number))
}

/// Whether the word is an interface or a descriptor is a matter of the attach type. Where a
/// descriptor makes no sense, zero is none.
pub(super) fn target(word: u32, attach_type: AttachType) -> Target {
    match (attach_type, word) {
        (
            AttachType::XDP
            | AttachType::TCX_INGRESS
            | AttachType::TCX_EGRESS
            | AttachType::NETKIT_PRIMARY
            | AttachType::NETKIT_PEER,
            ifindex,
        ) => Target::Ifindex(ifindex),
        (_, 0) => Target::None,
        (_, number) => Target::Fd(fd(number)),
    }
}
