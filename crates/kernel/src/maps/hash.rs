//! `BPF_MAP_TYPE_HASH`.

use skep_uapi::Errno;

use super::hash_table::{HashTable, Replace};
use super::{Spec, Storage};
use crate::memory::{Memory, Span};

pub(super) use super::hash_table::check;

/// One value per key, the same for every CPU.
#[derive(Debug)]
pub(crate) struct Hash {
    table: HashTable,
}

impl Hash {
    pub(super) fn new(spec: &Spec, _cpus: u32) -> Result<Hash, Errno> {
        Ok(Hash { table: HashTable::new(spec, spec.value_size as usize)? })
    }
}

impl Storage for Hash {
    fn lookup(&self, key: &[u8], _cpu: u32) -> Option<Span<'_>> {
        self.table.find(key).map(|slot| self.table.value(slot))
    }

    fn update(&self, key: &[u8], value: &[u8], flags: u64, _cpu: u32) -> Result<(), Errno> {
        self.write(key, value, flags)
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
        self.table.store(key, flags, Replace::NewSlot, |slot, _| slot.store(value))
    }

    fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno> {
        self.table.next_key(key, into)
    }

    fn take(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno> {
        self.table.remove(key, |value| value.load(into))
    }

    fn entries_at(&self, place: u32) -> Option<Vec<Vec<u8>>> {
        self.table.keys_in_bucket(place)
    }

    fn values(&self) -> Option<&Memory> {
        Some(self.table.slots())
    }
}
