//! Mapped arrays: the caller reaches the values themselves.

#![expect(unsafe_code, reason = "hands out the memory of a map, which the mapping keeps alive")]

use std::sync::Arc;

use skep_uapi::flags::map as flag;
use skep_uapi::{Access, Area, Errno, Mapping};

use super::{Map, Writer};
use crate::fd::MapAccess;
use crate::memory::Memory;

/// Bytes of a page, which offsets are multiples of.
const PAGE: usize = 4096;

/// Keeps a mapping's memory, and the map from being frozen while it can be written.
struct Owner {
    _memory: Arc<Memory>,
    _writer: Option<Writer>,
}

/// Maps a part of an array that was created with `BPF_F_MMAPABLE`.
pub(crate) fn map_memory(map: &Arc<Map>, access: MapAccess, area: Area) -> Result<Mapping, Errno> {
    if map.spec.flags & flag::MMAPABLE == 0 {
        return Err(Errno::ENOTSUPP);
    }
    let memory = map.storage.direct().ok_or(Errno::ENOTSUPP)?.clone();
    let writable = area.access == Access::ReadWrite;
    if writable && !access.write || !access.read {
        return Err(Errno::EPERM);
    }
    let writer = writable.then(|| map.clone().write()).transpose()?;
    let offset = usize::try_from(area.offset).map_err(|_| Errno::EINVAL)?;
    let end = offset.checked_add(area.len).ok_or(Errno::EINVAL)?;
    if area.len == 0 || !offset.is_multiple_of(PAGE) || end > memory.len().next_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    // Whole pages are mapped; what is behind the last value is not to be relied on.
    let len = area.len.min(memory.len().saturating_sub(offset));
    let base = memory.span(offset, len).pointer();
    let owner = Owner { _memory: memory, _writer: writer };
    // SAFETY: `len` bytes at `base` are within the memory, which the owner keeps; pages and so
    // `base` are aligned; everybody reaches values through atomics or from programs.
    Ok(unsafe { Mapping::new(base, len, writable, Box::new(owner)) })
}
