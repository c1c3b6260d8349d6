//! `BPF_MAP_TYPE_ARRAY`: all values exist from the start, side by side.

use std::sync::Arc;

use skep_uapi::Errno;
use skep_uapi::flags::{elem, map as flag};

use super::{Spec, Storage, access_flags_ok, check_update_flags, index, next_index, stride};
use crate::memory::{Memory, Span};

/// Values by index.
#[derive(Debug)]
pub(crate) struct Array {
    memory: Arc<Memory>,
    value_size: usize,
    stride: usize,
    max_entries: u32,
}

const FLAGS: u32 = flag::NUMA_NODE
    | flag::RDONLY
    | flag::WRONLY
    | flag::RDONLY_PROG
    | flag::WRONLY_PROG
    | flag::MMAPABLE
    | flag::INNER_MAP;

/// What Linux refuses to create.
pub(super) fn check(spec: &Spec) -> Result<(), Errno> {
    check_shape(spec, FLAGS)?;
    if spec.value_size > i32::MAX as u32 { Err(Errno::E2BIG) } else { Ok(()) }
}

/// The checks of all kinds of arrays.
pub(super) fn check_shape(spec: &Spec, flags: u32) -> Result<(), Errno> {
    let sizes = spec.max_entries > 0 && spec.key_size == 4 && spec.value_size > 0;
    if !sizes || spec.flags & !flags != 0 || !access_flags_ok(spec.flags) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

impl Array {
    pub(super) fn new(spec: &Spec) -> Result<Array, Errno> {
        let stride = stride(spec.value_size);
        let bytes = stride.checked_mul(spec.max_entries as usize).ok_or(Errno::ENOMEM)?;
        let is_mapped = spec.flags & flag::MMAPABLE != 0;
        let memory = if is_mapped { Memory::shareable(bytes)? } else { Memory::zeroed(bytes)? };
        Ok(Array {
            memory: Arc::new(memory),
            value_size: spec.value_size as usize,
            stride,
            max_entries: spec.max_entries,
        })
    }

    fn value(&self, key: &[u8]) -> Option<Span<'_>> {
        let index = index(key);
        (index < self.max_entries)
            .then(|| self.memory.span(index as usize * self.stride, self.value_size))
    }
}

/// Where an update of an array goes: it can only be to an entry that exists.
pub(super) fn check_update<T>(slot: Option<T>, flags: u64) -> Result<T, Errno> {
    check_update_flags(flags)?;
    let slot = slot.ok_or(Errno::E2BIG)?;
    if flags == elem::NOEXIST { Err(Errno::EEXIST) } else { Ok(slot) }
}

impl Storage for Array {
    fn lookup(&self, key: &[u8], _cpu: u32) -> Option<Span<'_>> {
        self.value(key)
    }

    fn update(&self, key: &[u8], value: &[u8], flags: u64, _cpu: u32) -> Result<(), Errno> {
        self.write(key, value, flags)
    }

    fn delete(&self, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn read(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno> {
        self.value(key).ok_or(Errno::ENOENT)?.load(into);
        Ok(())
    }

    fn write(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        check_update(self.value(key), flags)?.store(value);
        Ok(())
    }

    fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno> {
        next_index(key, self.max_entries, into)
    }

    fn direct(&self) -> Option<&Arc<Memory>> {
        Some(&self.memory)
    }

    fn entries_at(&self, place: u32) -> Option<Vec<Vec<u8>>> {
        (place < self.max_entries).then(|| vec![place.to_ne_bytes().to_vec()])
    }

    fn values(&self) -> Option<&Memory> {
        Some(&self.memory)
    }
}
