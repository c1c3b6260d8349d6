//! `BPF_MAP_TYPE_PERCPU_HASH`.

use skep_uapi::Errno;

use super::hash_table::{self, Entry, HashTable, Replace};
use super::{Spec, Storage, check_percpu_value, stride};
use crate::memory::{Memory, Span};

/// A value for every CPU under each key.
#[derive(Debug)]
pub(crate) struct PercpuHash {
    table: HashTable,
    stride: usize,
}

/// What Linux refuses to create.
pub(super) fn check(spec: &Spec, numa_node: Option<u32>) -> Result<(), Errno> {
    if numa_node.is_some() {
        return Err(Errno::EINVAL);
    }
    hash_table::check(spec)?;
    check_percpu_value(spec.value_size)
}

impl PercpuHash {
    pub(super) fn new(spec: &Spec, cpus: u32) -> Result<PercpuHash, Errno> {
        let stride = stride(spec.value_size);
        Ok(PercpuHash { table: HashTable::new(spec, stride * cpus as usize)?, stride })
    }

    fn of_cpu<'a>(&self, values: Span<'a>, cpu: u32) -> Span<'a> {
        values.part(cpu as usize * self.stride, self.stride)
    }
}

impl Storage for PercpuHash {
    fn lookup(&self, key: &[u8], cpu: u32) -> Option<Span<'_>> {
        self.table.find(key).map(|slot| self.of_cpu(self.table.value(slot), cpu))
    }

    /// Stores the value of one CPU; in a new entry those of the others are zero.
    fn update(&self, key: &[u8], value: &[u8], flags: u64, cpu: u32) -> Result<(), Errno> {
        self.table.store(key, flags, Replace::InPlace, |values, entry| {
            if entry == Entry::New {
                values.clear();
            }
            self.of_cpu(values, cpu).store(value);
        })
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        self.table.remove(key, |_| {})
    }

    fn read(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno> {
        let slot = self.table.find(key).ok_or(Errno::ENOENT)?;
        self.table.value(slot).load(into);
        Ok(())
    }

    fn write(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.table.store(key, flags, Replace::InPlace, |values, _| values.store(value))
    }

    fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno> {
        self.table.next_key(key, into)
    }

    fn take(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno> {
        self.table.remove(key, |values| values.load(into))
    }

    fn entries_at(&self, place: u32) -> Option<Vec<Vec<u8>>> {
        self.table.keys_in_bucket(place)
    }

    fn values(&self) -> Option<&Memory> {
        Some(self.table.slots())
    }
}
