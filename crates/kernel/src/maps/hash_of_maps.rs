//! `BPF_MAP_TYPE_HASH_OF_MAPS`: maps by key.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use skep_uapi::Errno;
use skep_uapi::flags::elem;

use super::inner::Template;
use super::{Map, Spec, Storage, check_update_flags, hash};
use crate::memory::{Memory, Span};

/// Maps by key.
#[derive(Debug)]
pub(crate) struct HashOfMaps {
    template: Template,
    buckets: Box<[RwLock<Bucket>]>,
    seed: RandomState,
    used: AtomicU32,
    max_entries: u32,
}

/// Keys with their maps.
type Bucket = Vec<(Box<[u8]>, Arc<Map>)>;

/// More buckets than this are of no use: who changes such a map is user space alone.
const BUCKETS_MAX: u32 = 1 << 16;

/// What Linux refuses to create.
pub(super) fn check(spec: &Spec) -> Result<(), Errno> {
    hash::check(spec)?;
    if spec.value_size == 4 { Ok(()) } else { Err(Errno::EINVAL) }
}

impl HashOfMaps {
    pub(super) fn new(spec: &Spec, template: Template) -> HashOfMaps {
        let buckets = spec.max_entries.min(BUCKETS_MAX).next_power_of_two();
        HashOfMaps {
            template,
            buckets: (0..buckets).map(|_| RwLock::default()).collect(),
            seed: RandomState::new(),
            used: AtomicU32::new(0),
            max_entries: spec.max_entries,
        }
    }

    fn place_of(&self, key: &[u8]) -> usize {
        self.seed.hash_one(key) as usize & (self.buckets.len() - 1)
    }

    fn read_bucket<T>(&self, place: usize, look: impl FnOnce(&Bucket) -> T) -> Option<T> {
        let bucket = self.buckets.get(place)?;
        Some(look(&bucket.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Changes a bucket; what it gives back may end, outside of the lock.
    fn change<T>(&self, key: &[u8], change: impl FnOnce(&mut Bucket) -> T) -> T {
        let bucket = &self.buckets[self.place_of(key)];
        change(&mut bucket.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes room for one more entry.
    fn take_room(&self) -> Result<(), Errno> {
        let more = |used: u32| (used < self.max_entries).then_some(used + 1);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| Errno::E2BIG)
    }

    /// The first key at a place or behind it.
    fn first_key_from(&self, place: usize) -> Option<Box<[u8]>> {
        let first = |place| self.read_bucket(place, |bucket| bucket.first().map(|e| e.0.clone()));
        (place..self.buckets.len()).find_map(|place| first(place).flatten())
    }
}

impl Storage for HashOfMaps {
    fn template(&self) -> Option<&Template> {
        Some(&self.template)
    }

    fn inner(&self, key: &[u8]) -> Option<Arc<Map>> {
        let found = |bucket: &Bucket| bucket.iter().find(|e| *e.0 == *key).map(|e| e.1.clone());
        self.read_bucket(self.place_of(key), found)?
    }

    fn put(
        &self,
        key: &[u8],
        find: &dyn Fn() -> Result<Arc<Map>, Errno>,
        flags: u64,
    ) -> Result<(), Errno> {
        let inner = find()?;
        check_update_flags(flags)?;
        let before =
            self.change(key, |bucket| match bucket.iter_mut().find(|entry| *entry.0 == *key) {
                Some(_) if flags == elem::NOEXIST => Err(Errno::EEXIST),
                Some(entry) => Ok(Some(core::mem::replace(&mut entry.1, inner))),
                None if flags == elem::EXIST => Err(Errno::ENOENT),
                None => {
                    self.take_room()?;
                    bucket.push((key.into(), inner));
                    Ok(None)
                }
            });
        before.map(drop)
    }

    fn lookup(&self, _key: &[u8], _cpu: u32) -> Option<Span<'_>> {
        None
    }

    fn update(&self, _key: &[u8], _value: &[u8], _flags: u64, _cpu: u32) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let removed = self.change(key, |bucket| {
            let at = bucket.iter().position(|entry| *entry.0 == *key)?;
            Some(bucket.swap_remove(at))
        });
        removed.ok_or(Errno::ENOENT)?;
        self.used.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    fn read(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno> {
        let inner = self.inner(key).ok_or(Errno::ENOENT)?;
        into.copy_from_slice(&inner.id.number().to_ne_bytes());
        Ok(())
    }

    fn write(&self, _key: &[u8], _value: &[u8], _flags: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    /// An unknown key is before all others.
    fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno> {
        let behind = key.and_then(|key| {
            let place = self.place_of(key);
            self.read_bucket(place, |bucket| {
                let at = bucket.iter().position(|entry| *entry.0 == *key)?;
                Some((place, bucket.get(at + 1).map(|entry| entry.0.clone())))
            })?
        });
        let next = match behind {
            Some((_, Some(next))) => Some(next),
            Some((place, None)) => self.first_key_from(place + 1),
            None => self.first_key_from(0),
        };
        into.copy_from_slice(&next.ok_or(Errno::ENOENT)?);
        Ok(())
    }

    fn entries_at(&self, place: u32) -> Option<Vec<Vec<u8>>> {
        self.read_bucket(place as usize, |bucket| bucket.iter().map(|e| e.0.to_vec()).collect())
    }

    fn values(&self) -> Option<&Memory> {
        None
    }
}
