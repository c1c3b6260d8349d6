//! bpf(2): every command, and the checks that Linux makes before it looks at the object.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use skep_uapi::flags::{elem, map as map_flag};
use skep_uapi::{Command, Errno, Fd, Info, MapCreate, Name, ProgQuery, TestRun};

use crate::fd::{MapAccess, Object};
use crate::files::OpenFile;
use crate::maps::{self, Map, MapBtf, Writer};
use crate::prog::StatsOn;
use crate::{UserKernel, btf, link, load, prog_types, support};

/// Answers one command.
#[expect(clippy::too_many_lines, reason = "one flat match over the commands")]
pub(crate) fn bpf(kernel: &UserKernel, command: &mut Command<'_>) -> Result<u32, Errno> {
    support::command(command.cmd())?;
    match command {
        Command::MapCreate(create) => map_create(kernel, create),
        Command::MapLookupElem { map_fd, key, value, flags } => {
            map_lookup(kernel, *map_fd, key, value, *flags)
        }
        Command::MapUpdateElem { map_fd, key, value, flags } => {
            map_update(kernel, *map_fd, key, value, *flags)
        }
        Command::MapDeleteElem { map_fd, key } => {
            let map = writable(kernel, *map_fd)?;
            map.storage.delete(map.key(key)?)?;
            Ok(0)
        }
        Command::MapGetNextKey { map_fd, key, next_key } => {
            let map = readable(kernel, *map_fd)?;
            let key = key.map(|key| map.key(key)).transpose()?;
            let room = next_key.get_mut(..map.spec.key_size as usize).ok_or(Errno::EFAULT)?;
            map.storage.next_key(key, room)?;
            Ok(0)
        }
        Command::MapLookupAndDeleteElem { map_fd, key, value, flags } => {
            map_take(kernel, *map_fd, key, value, *flags)
        }
        Command::MapFreeze { map_fd } => map_freeze(kernel, *map_fd),
        Command::MapLookupBatch(batch) => {
            maps::batch::lookup(&*readable(kernel, batch.map_fd)?, kernel.cpus.count(), batch)
        }
        Command::MapLookupAndDeleteBatch(batch) => {
            readable(kernel, batch.map_fd)?;
            let map = writable(kernel, batch.map_fd)?;
            maps::batch::take(&map, kernel.cpus.count(), batch)
        }
        Command::MapUpdateBatch { map_fd, keys, values, count, elem_flags, flags: _ } => {
            let map = writable(kernel, *map_fd)?;
            let cpus = kernel.cpus.count();
            let write = |key: &[u8], value: &[u8]| map_write(kernel, &map, key, value, *elem_flags);
            maps::batch::update(&map, cpus, keys, values, count, *elem_flags, write)
        }
        Command::MapDeleteBatch { map_fd, keys, count, elem_flags, flags: _ } => {
            let map = writable(kernel, *map_fd)?;
            maps::batch::delete(&map, keys, count, *elem_flags)
        }
        Command::ProgLoad(load) => kernel.fds.open(Object::Prog(load::load(kernel, load)?)),
        Command::ProgTestRun(test) => test_run(kernel, test),
        Command::ProgBindMap { prog_fd, map_fd, flags } => {
            bind_map(kernel, *prog_fd, *map_fd, *flags)
        }
        // No program type of this kernel is attached without a link, or prints to a stream.
        Command::ProgAttach(_) | Command::ProgDetach(_) => Err(Errno::EINVAL),
        Command::ProgQuery(query) => prog_query(query),
        Command::ProgStreamReadByFd { prog_fd, stream_id, .. } => {
            kernel.fds.prog(*prog_fd)?;
            if matches!(*stream_id, 1 | 2) { Ok(0) } else { Err(Errno::ENOENT) }
        }
        Command::ObjPin { pathname, bpf_fd, path_fd, file_flags } => {
            obj_pin(kernel, pathname, *bpf_fd, *path_fd, *file_flags)
        }
        Command::ObjGet { pathname, path_fd, file_flags } => {
            check_path_flag(*path_fd, *file_flags)?;
            let path = path_of(kernel, pathname, *path_fd)?;
            let object = match kernel.pins.covers(&path) {
                true => kernel.pins.get(&path, access_flags(*file_flags))?,
                false => return Err(no_object(kernel, &path)),
            };
            kernel.fds.open(object)
        }
        Command::ProgGetNextId { start_id, next_id } => {
            **next_id = kernel.progs.next_after(*start_id)?;
            Ok(0)
        }
        Command::MapGetNextId { start_id, next_id } => {
            **next_id = kernel.maps.next_after(*start_id)?;
            Ok(0)
        }
        Command::BtfGetNextId { start_id, next_id } => {
            **next_id = kernel.btfs.next_after(*start_id)?;
            Ok(0)
        }
        Command::LinkGetNextId { start_id, next_id } => {
            **next_id = kernel.links.next_after(*start_id)?;
            Ok(0)
        }
        Command::ProgGetFdById { prog_id, open_flags } => {
            no_flags(*open_flags)?;
            kernel.fds.open(Object::Prog(kernel.progs.get(*prog_id)?))
        }
        Command::MapGetFdById { map_id, open_flags } => {
            let access = MapAccess::from_flags(*open_flags)?;
            kernel.fds.open(Object::Map(kernel.maps.get(*map_id)?, access))
        }
        Command::BtfGetFdById { btf_id, open_flags } => {
            no_flags(*open_flags)?;
            kernel.fds.open(Object::Btf(kernel.btfs.get(*btf_id)?))
        }
        Command::LinkGetFdById { link_id } => {
            kernel.fds.open(Object::Link(kernel.links.get(*link_id)?))
        }
        Command::ObjGetInfoByFd { bpf_fd, info } => info_by_fd(kernel, *bpf_fd, info),
        Command::BtfLoad { btf, log_level, log_buf, log_true_size, flags, token_fd } => {
            if *flags != 0 || token_fd.is_some() {
                return Err(Errno::EINVAL);
            }
            let loaded = btf::load(&kernel.btfs, btf, *log_level, log_buf, log_true_size)?;
            kernel.fds.open(Object::Btf(loaded))
        }
        Command::LinkCreate(create) => kernel.fds.open(Object::Link(link::create(kernel, create)?)),
        Command::LinkUpdate { link_fd, new_fd, flags, old_fd } => {
            link_update(kernel, *link_fd, *new_fd, *flags, *old_fd)
        }
        Command::LinkDetach { link_fd } => {
            kernel.fds.link(*link_fd)?.detach();
            Ok(0)
        }
        Command::IterCreate { link_fd, flags } => {
            no_flags(*flags)?;
            kernel.fds.link(*link_fd)?;
            Err(Errno::EINVAL)
        }
        Command::EnableStats { kind } => enable_stats(kernel, *kind),
        // No program type of this kernel attaches to tracepoints or perf events.
        Command::RawTracepointOpen { prog_fd, .. } => {
            kernel.fds.prog(*prog_fd)?;
            Err(Errno::EINVAL)
        }
        Command::TaskFdQuery { .. } => Err(Errno::ENOTSUPP),
        Command::TokenCreate { flags, bpffs_fd } => {
            no_flags(*flags)?;
            kernel.fds.get(*bpffs_fd)?;
            Err(Errno::EINVAL)
        }
    }
}

/// The names that Linux takes: letters, digits, `_` and `.`, ended by a zero byte.
pub(crate) fn check_name(name: &Name) -> Result<(), Errno> {
    let text = name.as_bytes();
    let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    if text.len() == name.0.len() || !text.iter().all(legal) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

fn no_flags(flags: u32) -> Result<(), Errno> {
    if flags == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}

/// `BPF_F_PATH_FD` says that there is a directory; the rest says what may be done.
fn access_flags(file_flags: u32) -> u32 {
    file_flags & !map_flag::PATH_FD
}

fn map_create(kernel: &UserKernel, create: &MapCreate<'_>) -> Result<u32, Errno> {
    let typed = create.btf_key_type_id != 0 || create.btf_value_type_id != 0;
    // The last three are for types that this kernel does not have.
    let foreign = create.btf_vmlinux_value_type_id != 0
        || create.map_extra != 0
        || create.map_flags & (map_flag::VTYPE_BTF_OBJ_FD | map_flag::TOKEN_FD) != 0;
    // A key without a value has no type, as seen on 6.18.
    if foreign || (create.btf_key_type_id != 0 && create.btf_value_type_id == 0) {
        return Err(Errno::EINVAL);
    }
    let access = MapAccess::from_flags(create.map_flags & (map_flag::RDONLY | map_flag::WRONLY))?;
    support::map_type(create.map_type)?;
    if create.map_ifindex != 0 {
        // Only some types could be on hardware, and there is none.
        return Err(Errno::EINVAL);
    }
    let inner = || Ok(kernel.fds.map(create.inner_map_fd.ok_or(Errno::EINVAL)?)?.0);
    let storage = maps::storage(create, kernel.cpus.count(), &inner)?;
    check_name(&create.map_name)?;
    let btf = if typed { Some(map_btf(kernel, create)?) } else { None };
    let map = kernel.maps.publish(|id| Map::new(id, create, btf, storage));
    kernel.fds.open(Object::Map(map, access))
}

/// The BTF of a map: the types must have the sizes of key and value.
fn map_btf(kernel: &UserKernel, create: &MapCreate<'_>) -> Result<MapBtf, Errno> {
    let object = kernel.fds.btf(create.btf_fd.unwrap_or_default())?;
    btf::check_map_types(&object, create)?;
    Ok(MapBtf {
        object,
        key_type_id: create.btf_key_type_id,
        value_type_id: create.btf_value_type_id,
    })
}

/// A map that user space may read through this descriptor.
fn readable(kernel: &UserKernel, fd: Fd) -> Result<Arc<Map>, Errno> {
    let (map, access) = kernel.fds.map(fd)?;
    if access.read { Ok(map) } else { Err(Errno::EPERM) }
}

/// A map that user space may write through this descriptor, for as long as the result lives.
fn writable(kernel: &UserKernel, fd: Fd) -> Result<Writer, Errno> {
    let (map, access) = kernel.fds.map(fd)?;
    if access.write { map.write() } else { Err(Errno::EPERM) }
}

impl Map {
    /// The part of a slice that is a key. Memory that ends too early cannot be read.
    fn key<'k>(&self, key: &'k [u8]) -> Result<&'k [u8], Errno> {
        key.get(..self.spec.key_size as usize).ok_or(Errno::EFAULT)
    }
}

fn map_lookup(
    kernel: &UserKernel,
    fd: Fd,
    key: &[u8],
    value: &mut [u8],
    flags: u64,
) -> Result<u32, Errno> {
    let map = readable(kernel, fd)?;
    // `BPF_F_LOCK` needs a value with a spin lock, which no map of this kernel has.
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let size = map.spec.user_value_size(kernel.cpus.count());
    let room = value.get_mut(..size).ok_or(Errno::EFAULT)?;
    map.storage.read(map.key(key)?, room)?;
    Ok(0)
}

fn map_update(
    kernel: &UserKernel,
    fd: Fd,
    key: &[u8],
    value: &[u8],
    flags: u64,
) -> Result<u32, Errno> {
    let map = writable(kernel, fd)?;
    if flags & elem::F_LOCK != 0 {
        return Err(Errno::EINVAL);
    }
    let size = map.spec.user_value_size(kernel.cpus.count());
    let value = value.get(..size).ok_or(Errno::EFAULT)?;
    map_write(kernel, &map, map.key(key)?, value, flags)?;
    Ok(0)
}

/// Stores a value; for a map of maps it is the descriptor of one.
fn map_write(
    kernel: &UserKernel,
    map: &Map,
    key: &[u8],
    value: &[u8],
    flags: u64,
) -> Result<(), Errno> {
    let Some(template) = map.storage.template() else {
        return map.storage.write(key, value, flags);
    };
    let fd = i32::from_ne_bytes(value.try_into().map_err(|_| Errno::EFAULT)?);
    let find = || {
        let (inner, _) = kernel.fds.map(Fd(fd))?;
        template.check(&inner).map(|()| inner)
    };
    map.storage.put(key, &find, flags)
}

fn map_take(
    kernel: &UserKernel,
    fd: Fd,
    key: &[u8],
    value: &mut [u8],
    flags: u64,
) -> Result<u32, Errno> {
    if flags & !elem::F_LOCK != 0 {
        return Err(Errno::EINVAL);
    }
    readable(kernel, fd)?;
    let map = writable(kernel, fd)?;
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let size = map.spec.user_value_size(kernel.cpus.count());
    let room = value.get_mut(..size).ok_or(Errno::EFAULT)?;
    map.storage.take(map.key(key)?, room)?;
    Ok(0)
}

fn map_freeze(kernel: &UserKernel, fd: Fd) -> Result<u32, Errno> {
    let (map, access) = kernel.fds.map(fd)?;
    if !access.write {
        return Err(Errno::EPERM);
    }
    map.freeze()?;
    Ok(0)
}

fn test_run(kernel: &UserKernel, test: &mut TestRun<'_>) -> Result<u32, Errno> {
    let prog = kernel.fds.prog(test.prog_fd)?;
    let rules = prog_types::rules(prog.prog_type).ok_or(Errno::ENOTSUPP)?;
    (rules.test_run)(kernel, &prog, test)?;
    Ok(0)
}

fn bind_map(kernel: &UserKernel, prog: Fd, map: Fd, flags: u32) -> Result<u32, Errno> {
    no_flags(flags)?;
    let prog = kernel.fds.prog(prog)?;
    prog.bind(kernel.fds.map(map)?.0);
    Ok(0)
}

/// Only targets that this kernel does not have can be asked.
fn prog_query(_query: &ProgQuery<'_>) -> Result<u32, Errno> {
    Err(Errno::EINVAL)
}

fn obj_pin(
    kernel: &UserKernel,
    pathname: &str,
    fd: Fd,
    path_fd: Option<Fd>,
    file_flags: u32,
) -> Result<u32, Errno> {
    if access_flags(file_flags) != 0 {
        return Err(Errno::EINVAL);
    }
    check_path_flag(path_fd, file_flags)?;
    // An unknown descriptor gives EINVAL here, unlike elsewhere (seen on 6.18).
    let object = match kernel.fds.get(fd).map_err(|_| Errno::EINVAL)? {
        object @ (Object::Map(..) | Object::Prog(_) | Object::Link(_)) => object,
        Object::Btf(_) | Object::File(_) | Object::Stats(_) => return Err(Errno::EINVAL),
    };
    let path = path_of(kernel, pathname, path_fd)?;
    if !kernel.pins.covers(&path) {
        return Err(Errno::EPERM);
    }
    kernel.pins.pin(&path, object)?;
    Ok(0)
}

/// A directory is given together with its flag.
fn check_path_flag(path_fd: Option<Fd>, file_flags: u32) -> Result<(), Errno> {
    if path_fd.is_some() && file_flags & map_flag::PATH_FD == 0 {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// The absolute path: `pathname` may be relative to a directory.
fn path_of(kernel: &UserKernel, pathname: &str, path_fd: Option<Fd>) -> Result<String, Errno> {
    if pathname.is_empty() {
        return Err(Errno::ENOENT);
    }
    let Some(fd) = path_fd.filter(|_| !pathname.starts_with('/')) else {
        return Ok(pathname.to_owned());
    };
    match kernel.fds.get(fd)? {
        Object::File(file) => match &*file {
            OpenFile::Directory(base) => Ok(format!("{base}/{pathname}")),
            _ => Err(Errno::ENOTDIR),
        },
        _ => Err(Errno::ENOTDIR),
    }
}

/// Why a path where no pin can be has no object.
fn no_object(kernel: &UserKernel, path: &str) -> Errno {
    match crate::files::open(kernel, path, false) {
        Ok(_) | Err(Errno::EISDIR) => Errno::EACCES,
        Err(errno) => errno,
    }
}

fn info_by_fd(kernel: &UserKernel, fd: Fd, info: &mut Info<'_>) -> Result<u32, Errno> {
    // Unlike elsewhere, a descriptor that is not open gives EBADFD (seen on 6.18).
    let object = kernel.fds.get(fd).map_err(|_| Errno::EBADFD)?;
    match (object, info) {
        (Object::Prog(prog), Info::Prog(info)) => prog.describe(info),
        (Object::Map(map, _), Info::Map(info)) => map.describe(info),
        (Object::Btf(btf), Info::Btf(info)) => btf.describe(info)?,
        (Object::Link(link), Info::Link(info)) => *info = link.describe(),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn link_update(
    kernel: &UserKernel,
    link_fd: Fd,
    new_fd: Fd,
    flags: u32,
    old_fd: Option<Fd>,
) -> Result<u32, Errno> {
    link::check_update_flags(flags, old_fd.is_some())?;
    let link = kernel.fds.link(link_fd)?;
    let new = kernel.fds.prog(new_fd)?;
    let old = old_fd.map(|fd| kernel.fds.prog(fd)).transpose()?;
    link.update(new, flags, old)?;
    Ok(0)
}

/// `BPF_STATS_RUN_TIME`, the only kind that there is.
const STATS_RUN_TIME: u32 = 0;

fn enable_stats(kernel: &UserKernel, kind: u32) -> Result<u32, Errno> {
    if kind != STATS_RUN_TIME {
        return Err(Errno::EINVAL);
    }
    kernel.stats_on.fetch_add(1, Ordering::Relaxed);
    kernel.fds.open(Object::Stats(Arc::new(StatsOn(kernel.stats_on.clone()))))
}
