//! `union bpf_attr` and [`Command`], both ways: the only place where slices become pointers and
//! pointers become slices.
//!
//! [`encode`] is what a kernel behind bpf(2) needs; [`decode`], or [`call`], is what a bpf(2) in
//! front of a kernel needs. `layout` holds the structs of the header, `memory` copies what their
//! pointers point to; the files beside these two are named for the half that they hold.

mod decode;
mod decode_info;
mod decode_link;
mod encode;
mod encode_info;
mod encode_link;
mod layout;
mod memory;

use layout::*;

pub use decode::{Object, decode};
pub use encode::encode;
pub use memory::{Memory, OwnMemory};

use crate::{BtfInfo, Command, Errno, Fd, Kernel, LinkDetail, MapInfo, MapType, ProgInfo};

/// bpf(2) in front of `kernel`: a command's number and its attr, with pointers into `memory`.
///
/// Costs up to four more commands where the attr does not say how long a key, a value or an info
/// struct is.
pub fn call(
    kernel: &dyn Kernel,
    memory: &dyn Memory,
    cmd: u32,
    attr: &mut [u8],
) -> Result<u32, Errno> {
    let objects = |fd| object(kernel, fd);
    decode(cmd, attr, memory, &objects, &mut |command| kernel.bpf(command))
}

/// What a descriptor is: every kernel answers a question about another kind with an error.
fn object(kernel: &dyn Kernel, fd: Fd) -> Result<Object, Errno> {
    match kernel.map_info(fd) {
        Ok(map) => return Ok(map_object(&map, kernel.possible_cpus()?)),
        Err(Errno::EBADF | Errno::EBADFD) => return Err(Errno::EBADF),
        Err(_) => {}
    }
    if kernel.prog_info(fd, ProgInfo::default()).is_ok() {
        Ok(Object::Prog)
    } else if kernel.link_info(fd).is_ok() {
        Ok(Object::Link)
    } else if kernel.btf_info(fd, BtfInfo::default()).is_ok() {
        Ok(Object::Btf)
    } else {
        Ok(Object::Other)
    }
}

fn map_object(map: &MapInfo, cpus: u32) -> Object {
    Object::Map {
        key: map.key_size as usize,
        value: value_bytes(map.map_type, map.value_size, cpus),
        place: place_bytes(map.map_type, map.key_size),
    }
}

/// Bytes of a value in user space: a per-CPU map's has a slot, rounded up to eight bytes, for
/// each possible CPU.
pub fn value_bytes(map_type: MapType, value_size: u32, cpus: u32) -> usize {
    let value = value_size as usize;
    match map_type {
        MapType::PERCPU_HASH
        | MapType::LRU_PERCPU_HASH
        | MapType::PERCPU_ARRAY
        | MapType::PERCPU_CGROUP_STORAGE => value.next_multiple_of(8) * cpus as usize,
        _ => value,
    }
}

/// Bytes of the place where a batch ended: hash maps give a bucket's number, others a key.
pub fn place_bytes(map_type: MapType, key_size: u32) -> usize {
    match map_type {
        MapType::HASH
        | MapType::LRU_HASH
        | MapType::PERCPU_HASH
        | MapType::LRU_PERCPU_HASH
        | MapType::HASH_OF_MAPS => size_of::<u32>(),
        _ => (key_size as usize).max(size_of::<u32>()),
    }
}

/// Bytes of the attr that [`encode`] makes of a command: up to its last field.
pub fn size(command: &Command<'_>) -> usize {
    match command {
        Command::MapCreate(_) => MapCreateAttr::SIZE,
        Command::MapLookupElem { .. }
        | Command::MapLookupAndDeleteElem { .. }
        | Command::MapUpdateElem { .. } => ElemAttr::SIZE,
        Command::MapDeleteElem { .. } => DeleteAttr::SIZE,
        Command::MapGetNextKey { .. } => NextKeyAttr::SIZE,
        Command::ProgLoad(_) => ProgLoadAttr::SIZE,
        Command::ObjPin { .. } | Command::ObjGet { .. } => ObjAttr::SIZE,
        Command::ProgAttach(_) | Command::ProgDetach(_) => ProgAttachAttr::SIZE,
        Command::ProgTestRun(_) => TestRunAttr::SIZE,
        Command::ProgGetNextId { .. }
        | Command::MapGetNextId { .. }
        | Command::BtfGetNextId { .. }
        | Command::LinkGetNextId { .. } => NextIdAttr::SIZE,
        Command::ProgGetFdById { .. }
        | Command::MapGetFdById { .. }
        | Command::BtfGetFdById { .. } => FdByIdAttr::SIZE,
        Command::ObjGetInfoByFd { .. } => InfoAttr::SIZE,
        Command::ProgQuery(_) => QueryAttr::SIZE,
        Command::RawTracepointOpen { .. } => RawTracepointAttr::SIZE,
        Command::BtfLoad { .. } => BtfLoadAttr::SIZE,
        Command::TaskFdQuery { .. } => TaskFdAttr::SIZE,
        Command::MapLookupBatch(_)
        | Command::MapLookupAndDeleteBatch(_)
        | Command::MapUpdateBatch { .. }
        | Command::MapDeleteBatch { .. } => BatchAttr::SIZE,
        Command::LinkCreate(link) => LINK_DETAIL + link_detail_size(&link.detail),
        Command::LinkUpdate { .. } => LinkUpdateAttr::SIZE,
        Command::LinkGetFdById { .. }
        | Command::MapFreeze { .. }
        | Command::EnableStats { .. }
        | Command::LinkDetach { .. } => OneAttr::SIZE,
        Command::IterCreate { .. } | Command::TokenCreate { .. } => TwoAttr::SIZE,
        Command::ProgBindMap { .. } => BindMapAttr::SIZE,
        Command::ProgStreamReadByFd { .. } => StreamReadAttr::SIZE,
    }
}

fn link_detail_size(detail: &LinkDetail<'_>) -> usize {
    match detail {
        LinkDetail::None | LinkDetail::TargetBtfId(_) => TargetBtfDetail::SIZE,
        LinkDetail::Iter { .. } => IterDetail::SIZE,
        LinkDetail::PerfEvent { .. } => PerfEventDetail::SIZE,
        LinkDetail::KprobeMulti { .. } => KprobeMultiDetail::SIZE,
        LinkDetail::Tracing { .. } => TracingDetail::SIZE,
        LinkDetail::Netfilter { .. } => NetfilterDetail::SIZE,
        LinkDetail::Relative { .. } => RelativeDetail::SIZE,
        LinkDetail::UprobeMulti { .. } => UprobeMultiDetail::SIZE,
    }
}
