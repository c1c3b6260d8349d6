//! Mapped arrays: the caller reaches the values themselves.

#![expect(unsafe_code, reason = "hands out the memory of a map, which the mapping keeps alive")]

use std::sync::Arc;

use skep_uapi::flags::map as flag;
use skep_uapi::{Access, Area, Errno, Grant, Mapping};

use super::{Map, Writer};
use crate::fd::MapAccess;
use crate::memory::Memory;

/// Bytes of a page, which offsets are multiples of.
const PAGE: usize = 4096;

/// A part of a map's memory that may be used by who holds this. It keeps the memory, and the map
/// from being frozen while it can be written.
struct Part {
    memory: Arc<Memory>,
    offset: usize,
    len: usize,
    writer: Option<Writer>,
}

/// Maps a part of an array that was created with `BPF_F_MMAPABLE`.
pub(crate) fn map_memory(map: &Arc<Map>, access: MapAccess, area: Area) -> Result<Mapping, Errno> {
    let part = part(map, access, area)?;
    let (base, len) = (part.memory.span(part.offset, part.len).pointer(), part.len);
    let writable = part.writer.is_some();
    // SAFETY: `len` bytes at `base` are within the memory, which the part keeps; pages and so
    // `base` are aligned; everybody reaches values through atomics or from programs.
    Ok(unsafe { Mapping::new(base, len, writable, Box::new(part)) })
}

/// The same part, for another process to map.
pub(crate) fn grant(map: &Arc<Map>, access: MapAccess, area: Area) -> Result<Grant, Errno> {
    let part = part(map, access, area)?;
    let memory = part.memory.file(part.writer.is_some())?;
    Ok(Grant { memory, offset: part.offset as u64, len: part.len, hold: Box::new(part) })
}

fn part(map: &Arc<Map>, access: MapAccess, area: Area) -> Result<Part, Errno> {
    if map.spec.flags & flag::MMAPABLE == 0 {
        return Err(Errno::ENOTSUPP);
    }
    let memory = map.storage.direct().ok_or(Errno::ENOTSUPP)?.clone();
    let writable = area.access == Access::ReadWrite;
    // Through a descriptor for one of both, nothing is mapped (seen on 6.18).
    match (access.read, access.write) {
        (true, true) => {}
        (true, false) if !writable => return Err(Errno::EINVAL),
        _ => return Err(Errno::EACCES),
    }
    let writer = writable.then(|| map.clone().write()).transpose()?;
    let offset = usize::try_from(area.offset).map_err(|_| Errno::EINVAL)?;
    let end = offset.checked_add(area.len).ok_or(Errno::EINVAL)?;
    if area.len == 0 || !offset.is_multiple_of(PAGE) || end > memory.len().next_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    // Whole pages are mapped; what is behind the last value is not to be relied on.
    let len = area.len.min(memory.len().saturating_sub(offset));
    Ok(Part { memory, offset, len, writer })
}
