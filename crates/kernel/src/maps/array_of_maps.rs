//! `BPF_MAP_TYPE_ARRAY_OF_MAPS`: maps by index. An index may have none.

use std::sync::{Arc, PoisonError, RwLock};

use skep_uapi::Errno;
use skep_uapi::flags::{elem, map as flag};

use super::inner::Template;
use super::{Map, Spec, Storage, array, index, next_index};
use crate::memory::{Memory, Span};

/// Maps by index.
#[derive(Debug)]
pub(crate) struct ArrayOfMaps {
    template: Template,
    slots: Box<[RwLock<Option<Arc<Map>>>]>,
}

/// What Linux refuses to create.
pub(super) fn check(spec: &Spec) -> Result<(), Errno> {
    array::check_shape(spec, flag::NUMA_NODE | flag::RDONLY | flag::WRONLY)?;
    if spec.value_size == 4 { Ok(()) } else { Err(Errno::EINVAL) }
}

impl ArrayOfMaps {
    pub(super) fn new(spec: &Spec, template: Template) -> Result<ArrayOfMaps, Errno> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(spec.max_entries as usize).map_err(|_| Errno::ENOMEM)?;
        slots.resize_with(spec.max_entries as usize, RwLock::default);
        Ok(ArrayOfMaps { template, slots: slots.into() })
    }

    /// Exchanges what is in a slot. What was there may end with the result.
    fn exchange(&self, key: &[u8], with: Option<Arc<Map>>) -> Result<Option<Arc<Map>>, Errno> {
        let slot = self.slots.get(index(key) as usize).ok_or(Errno::E2BIG)?;
        let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
        Ok(core::mem::replace(&mut *slot, with))
    }
}

impl Storage for ArrayOfMaps {
    fn template(&self) -> Option<&Template> {
        Some(&self.template)
    }

    fn inner(&self, key: &[u8]) -> Option<Arc<Map>> {
        let slot = self.slots.get(index(key) as usize)?;
        slot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(
        &self,
        key: &[u8],
        find: &dyn Fn() -> Result<Arc<Map>, Errno>,
        flags: u64,
    ) -> Result<(), Errno> {
        if flags != elem::ANY {
            return Err(Errno::EINVAL);
        }
        if index(key) as usize >= self.slots.len() {
            return Err(Errno::E2BIG);
        }
        self.exchange(key, Some(find()?)).map(drop)
    }

    fn lookup(&self, _key: &[u8], _cpu: u32) -> Option<Span<'_>> {
        None
    }

    fn update(&self, _key: &[u8], _value: &[u8], _flags: u64, _cpu: u32) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        self.exchange(key, None)?.map(drop).ok_or(Errno::ENOENT)
    }

    fn read(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno> {
        let inner = self.inner(key).ok_or(Errno::ENOENT)?;
        into.copy_from_slice(&inner.id.number().to_ne_bytes());
        Ok(())
    }

    fn write(&self, _key: &[u8], _value: &[u8], _flags: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno> {
        let entries = u32::try_from(self.slots.len()).expect("as many as max_entries");
        next_index(key, entries, into)
    }

    fn entries_at(&self, place: u32) -> Option<Vec<Vec<u8>>> {
        ((place as usize) < self.slots.len()).then(|| vec![place.to_ne_bytes().to_vec()])
    }

    fn values(&self) -> Option<&Memory> {
        None
    }
}
