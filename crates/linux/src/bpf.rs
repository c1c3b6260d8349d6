//! bpf(2).

#![expect(unsafe_code, reason = "makes the system call and takes over the descriptors it returns")]

use std::ffi::c_long;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use skep_uapi::{Cmd, Command, Errno, Fd, Info, MapInfo, MapType, attr};

use crate::descriptors::{self, Descriptor, MapSizes, Object};
use crate::files;

/// How often PROG_LOAD is tried when Linux interrupts the verifier for a pending signal.
const LOAD_ATTEMPTS: u32 = 5;

/// Makes the call, after checking what Linux cannot check.
pub(crate) fn bpf(command: &mut Command<'_>) -> Result<u32, Errno> {
    // Holding the entry keeps the number from being reused during the call.
    let _held = enough_room(command)?;
    let attempts = if command.cmd() == Cmd::PROG_LOAD { LOAD_ATTEMPTS } else { 1 };
    let mut result = attr::encode(command, &mut syscall);
    for _ in 1..attempts {
        if result != Err(Errno::EAGAIN) {
            break;
        }
        result = attr::encode(command, &mut syscall);
    }
    let result = result?;
    if !command.returns_fd() {
        return Ok(result);
    }
    let fd = Fd::from_result(result);
    // SAFETY: the command has just returned this descriptor, and nobody else knows it.
    let file = unsafe { OwnedFd::from_raw_fd(fd.0) };
    let object = match command {
        Command::MapCreate(map) => {
            Object::Map(map_sizes(map.map_type, map.key_size, map.value_size)?)
        }
        Command::MapGetFdById { .. } => map_object(&file)?,
        Command::ProgLoad(_) | Command::ProgGetFdById { .. } => Object::Prog,
        Command::BtfLoad { .. } | Command::BtfGetFdById { .. } => Object::Btf,
        Command::LinkCreate(_) | Command::LinkGetFdById { .. } => Object::Link,
        Command::RawTracepointOpen { .. } => Object::Link,
        Command::ObjGet { .. } => classify(&file)?,
        _ => Object::Other,
    };
    descriptors::keep(file, object);
    Ok(result)
}

/// Takes over a descriptor of the caller's, whatever it is.
pub(crate) fn adopt(file: OwnedFd) -> Result<Fd, Errno> {
    let object = classify(&file)?;
    Ok(descriptors::keep(file, object))
}

/// Loads type information of no bytes: whoever has CAP_BPF is told that it is invalid, everyone
/// else is refused first. So nothing is made, and unprivileged BPF, which cannot load a program
/// with a map of most types, does not count as permission.
pub(crate) fn permitted() -> Result<(), Errno> {
    let (log_buf, log_true_size) = (&mut [][..], &mut 0);
    let (log_level, flags) = (0, 0);
    let mut command =
        Command::BtfLoad { btf: &[], log_level, log_buf, log_true_size, flags, token_fd: None };
    match attr::encode(&mut command, &mut syscall) {
        Err(errno @ (Errno::EPERM | Errno::EACCES | Errno::ENOSYS)) => Err(errno),
        _ => Ok(()),
    }
}

fn syscall(cmd: Cmd, attr: &mut [u8]) -> Result<u32, Errno> {
    let (number, size) = (c_long::from(cmd.0), attr.len());
    // SAFETY: `attr` is a union bpf_attr of `size` bytes. `encode` promises that its pointers are
    // good for as many bytes as it says; for what it does not say, `enough_room` has compared
    // the slices with the map's sizes, and the struct with the kind of the object.
    let result = unsafe { libc::syscall(libc::SYS_bpf, number, attr.as_mut_ptr(), size) };
    u32::try_from(result).map_err(|_| files::last_errno())
}

/// Refuses slices that are shorter than what Linux will read or write for this map, and
/// descriptions of another kind of object than the descriptor's.
fn enough_room(command: &Command<'_>) -> Result<Option<Arc<Descriptor>>, Errno> {
    match command {
        Command::MapLookupElem { map_fd, key, value, .. }
        | Command::MapLookupAndDeleteElem { map_fd, key, value, .. } => {
            fits(*map_fd, |map| key.len() >= map.key && value.len() >= map.value)
        }
        Command::MapUpdateElem { map_fd, key, value, .. } => {
            fits(*map_fd, |map| key.len() >= map.key && value.len() >= map.value)
        }
        Command::MapDeleteElem { map_fd, key } => fits(*map_fd, |map| key.len() >= map.key),
        Command::MapGetNextKey { map_fd, key, next_key } => fits(*map_fd, |map| {
            key.is_none_or(|key| key.len() >= map.key) && next_key.len() >= map.key
        }),
        Command::MapLookupBatch(batch) | Command::MapLookupAndDeleteBatch(batch) => {
            fits(batch.map_fd, |map| {
                holds(batch.keys, map.key, *batch.count)
                    && holds(batch.values, map.value, *batch.count)
                    && batch.out_batch.len() >= map.place
                    && batch.in_batch.is_none_or(|token| token.len() >= map.place)
            })
        }
        Command::MapUpdateBatch { map_fd, keys, values, count, .. } => {
            fits(*map_fd, |map| holds(keys, map.key, **count) && holds(values, map.value, **count))
        }
        Command::MapDeleteBatch { map_fd, keys, count, .. } => {
            fits(*map_fd, |map| holds(keys, map.key, **count))
        }
        Command::ObjGetInfoByFd { bpf_fd, info } => {
            // The one command for which Linux has this number for what is no descriptor.
            let descriptor = descriptors::get(*bpf_fd).map_err(|_| Errno::EBADFD)?;
            let same_kind = matches!(
                (info, descriptor.object),
                (Info::Prog(_), Object::Prog)
                    | (Info::Map(_), Object::Map(_))
                    | (Info::Btf(_), Object::Btf)
                    | (Info::Link(_), Object::Link)
            );
            if same_kind { Ok(Some(descriptor)) } else { Err(Errno::EINVAL) }
        }
        _ => Ok(None),
    }
}

fn fits(fd: Fd, room: impl Fn(&MapSizes) -> bool) -> Result<Option<Arc<Descriptor>>, Errno> {
    let (descriptor, sizes) = descriptors::map(fd)?;
    if room(&sizes) { Ok(Some(descriptor)) } else { Err(Errno::EFAULT) }
}

/// Whether `slice` holds `count` elements of `bytes` bytes.
fn holds(slice: &[u8], bytes: usize, count: u32) -> bool {
    bytes.checked_mul(count as usize).is_some_and(|bytes| slice.len() >= bytes)
}

fn map_sizes(map_type: MapType, key_size: u32, value_size: u32) -> Result<MapSizes, Errno> {
    Ok(MapSizes {
        key: key_size as usize,
        value: attr::value_bytes(map_type, value_size, files::possible_cpus()?),
        place: attr::place_bytes(map_type, key_size),
    })
}

fn map_object(file: &OwnedFd) -> Result<Object, Errno> {
    let bpf_fd = Fd(file.as_raw_fd());
    let mut command = Command::ObjGetInfoByFd { bpf_fd, info: Info::Map(MapInfo::default()) };
    attr::encode(&mut command, &mut syscall)?;
    match command {
        Command::ObjGetInfoByFd { info: Info::Map(map), .. } => {
            Ok(Object::Map(map_sizes(map.map_type, map.key_size, map.value_size)?))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// What a file is, by the name that the kernel gives it. Without /proc it is `Other`, for which
/// every command that needs to know its sizes is refused.
fn classify(file: &OwnedFd) -> Result<Object, Errno> {
    let name = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default();
    match name.to_str() {
        Some("anon_inode:bpf-map") => map_object(file),
        Some("anon_inode:bpf-prog") => Ok(Object::Prog),
        Some("anon_inode:btf") => Ok(Object::Btf),
        Some("anon_inode:bpf_link" | "anon_inode:bpf-link") => Ok(Object::Link),
        _ => Ok(Object::Other),
    }
}
