//! `BPF_MAP_TYPE_PERCPU_ARRAY`: an array of values for every CPU.

use skep_uapi::Errno;
use skep_uapi::flags::map as flag;

use super::array::{check_shape, check_update};
use super::{Spec, Storage, check_percpu_value, index, next_index, stride};
use crate::memory::{Memory, Span};

/// Values by CPU and index. Those of one CPU lie side by side, so that CPUs share no cache line.
#[derive(Debug)]
pub(crate) struct PercpuArray {
    memory: Memory,
    stride: usize,
    max_entries: u32,
    cpus: u32,
}

const FLAGS: u32 = flag::RDONLY | flag::WRONLY | flag::RDONLY_PROG | flag::WRONLY_PROG;

/// What Linux refuses to create.
pub(super) fn check(spec: &Spec, numa_node: Option<u32>) -> Result<(), Errno> {
    check_shape(spec, FLAGS)?;
    if numa_node.is_some() {
        return Err(Errno::EINVAL);
    }
    check_percpu_value(spec.value_size)
}

impl PercpuArray {
    pub(super) fn new(spec: &Spec, cpus: u32) -> Result<PercpuArray, Errno> {
        let stride = stride(spec.value_size);
        let bytes = stride
            .checked_mul(spec.max_entries as usize)
            .and_then(|bytes| bytes.checked_mul(cpus as usize))
            .ok_or(Errno::ENOMEM)?;
        Ok(PercpuArray {
            memory: Memory::zeroed(bytes)?,
            stride,
            max_entries: spec.max_entries,
            cpus,
        })
    }

    fn index(&self, key: &[u8]) -> Option<u32> {
        Some(index(key)).filter(|index| *index < self.max_entries)
    }

    fn value(&self, index: u32, cpu: u32) -> Span<'_> {
        let slot = cpu as usize * self.max_entries as usize + index as usize;
        self.memory.span(slot * self.stride, self.stride)
    }
}

impl Storage for PercpuArray {
    fn lookup(&self, key: &[u8], cpu: u32) -> Option<Span<'_>> {
        self.index(key).map(|index| self.value(index, cpu))
    }

    fn update(&self, key: &[u8], value: &[u8], flags: u64, cpu: u32) -> Result<(), Errno> {
        let index = check_update(self.index(key), flags)?;
        self.value(index, cpu).store(value);
        Ok(())
    }

    fn delete(&self, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn read(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno> {
        let index = self.index(key).ok_or(Errno::ENOENT)?;
        for (cpu, slot) in (0..self.cpus).zip(into.chunks_exact_mut(self.stride)) {
            self.value(index, cpu).load(slot);
        }
        Ok(())
    }

    fn write(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let index = check_update(self.index(key), flags)?;
        for (cpu, slot) in (0..self.cpus).zip(value.chunks_exact(self.stride)) {
            // The bytes between values come and go with them, as seen on Linux.
            self.value(index, cpu).store(slot);
        }
        Ok(())
    }

    fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno> {
        next_index(key, self.max_entries, into)
    }

    fn entries_at(&self, place: u32) -> Option<Vec<Vec<u8>>> {
        (place < self.max_entries).then(|| vec![place.to_ne_bytes().to_vec()])
    }

    fn values(&self) -> Option<&Memory> {
        Some(&self.memory)
    }
}
