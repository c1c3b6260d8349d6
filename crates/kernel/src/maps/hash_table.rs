//! The table under both hash maps: chains of slots that are reused but never given back.
//!
//! Look-ups take no lock, updates take one per group of buckets. A program may keep the address of
//! a value for as long as it runs, while somebody else deletes the entry: the slot is reused at
//! once, and the program then sees the next entry's value, as in Linux. The address stays valid
//! for as long as the map lives.
//!
//! A look-up may stand on a slot while it moves to another chain. Every chain therefore ends in
//! the number of its bucket: a walk that ends in another bucket's number starts again.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use skep_uapi::Errno;
use skep_uapi::flags::{elem, map as flag};

use super::{Spec, access_flags_ok, check_update_flags};
use crate::memory::{Memory, Span};

/// Entries by key.
#[derive(Debug)]
pub(super) struct HashTable {
    buckets: Memory,
    bucket_mask: u64,
    slots: Memory,
    layout: Layout,
    free: Mutex<FreeSlots>,
    used: AtomicU32,
    max_entries: u32,
    groups: Box<[Mutex<()>]>,
}

/// A slot: the link to the next one of the chain, the hash, the key, the value.
#[derive(Clone, Copy, Debug)]
struct Layout {
    key_size: usize,
    value_at: usize,
    value_bytes: usize,
    bytes: usize,
}

/// A slot's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u64);

#[derive(Debug)]
struct FreeSlots {
    /// Slots that were in use; the last one freed is the first to be reused.
    returned: Vec<Slot>,
    /// The first slot that was never used.
    fresh: u64,
    count: u64,
}

const HASH_AT: usize = 8;
const KEY_AT: usize = 16;
/// Set in a link that ends a chain; the other bits are the bucket.
const END: u64 = 1 << 63;
/// Locks of a table: enough that threads seldom meet.
const GROUPS: u64 = 64;
/// Slots beyond `max_entries`, for replacements under way: an update of an existing entry fills a
/// new slot before it frees the old one. Each group of buckets has at most one under way.
const SPARE: u64 = GROUPS;

/// The largest key and value together: what Linux can allocate at once, less its own header.
const ENTRY_MAX: u64 = (4 << 20) - 512;
/// Linux refuses more bucket heads, of 16 bytes each, than 32 bits can count the bytes of.
const BUCKETS_MAX: u64 = u32::MAX as u64 / 16;

/// What Linux refuses to create, for both kinds of hash maps.
pub(super) fn check(spec: &Spec) -> Result<(), Errno> {
    const FLAGS: u32 = flag::NO_PREALLOC
        | flag::NUMA_NODE
        | flag::RDONLY
        | flag::WRONLY
        | flag::RDONLY_PROG
        | flag::WRONLY_PROG
        | flag::ZERO_SEED;
    if spec.flags & !FLAGS != 0 || !access_flags_ok(spec.flags) {
        return Err(Errno::EINVAL);
    }
    if spec.max_entries == 0 || spec.key_size == 0 || spec.value_size == 0 {
        return Err(Errno::EINVAL);
    }
    if u64::from(spec.key_size) + u64::from(spec.value_size) > ENTRY_MAX {
        return Err(Errno::E2BIG);
    }
    Ok(())
}

impl HashTable {
    /// A table whose slots hold `value_bytes`, which for per-CPU maps are those of all CPUs.
    pub(super) fn new(spec: &Spec, value_bytes: usize) -> Result<HashTable, Errno> {
        let bucket_count = u64::from(spec.max_entries).next_power_of_two();
        if bucket_count > BUCKETS_MAX {
            return Err(Errno::E2BIG);
        }
        let layout = Layout::new(spec.key_size as usize, value_bytes);
        let slot_count = u64::from(spec.max_entries) + SPARE;
        let bytes = u64::checked_mul(slot_count, layout.bytes as u64).ok_or(Errno::ENOMEM)?;
        let table = HashTable {
            buckets: Memory::zeroed(bytes_of(bucket_count)?)?,
            bucket_mask: bucket_count - 1,
            slots: Memory::zeroed(usize::try_from(bytes).map_err(|_| Errno::ENOMEM)?)?,
            layout,
            free: Mutex::new(FreeSlots { returned: Vec::new(), fresh: 0, count: slot_count }),
            used: AtomicU32::new(0),
            max_entries: spec.max_entries,
            groups: (0..GROUPS.min(bucket_count)).map(|_| Mutex::new(())).collect(),
        };
        Ok(table)
    }

    /// The slot with this key. Takes no lock.
    pub(super) fn find(&self, key: &[u8]) -> Option<Slot> {
        let hash = hash(key);
        let bucket = self.bucket(hash);
        loop {
            let mut link = self.head(bucket).load(Ordering::Acquire);
            let end = loop {
                let Some(slot) = slot_of(link) else { break link };
                if self.has(slot, hash, key) {
                    return Some(slot);
                }
                link = self.next(slot).load(Ordering::Acquire);
            };
            if end == 0 || end == END | bucket {
                return None;
            }
        }
    }

    /// The value in a slot.
    pub(super) fn value(&self, slot: Slot) -> Span<'_> {
        self.slots.span(self.at(slot) + self.layout.value_at, self.layout.value_bytes)
    }

    /// Copies the key in a slot out.
    pub(super) fn key(&self, slot: Slot, into: &mut [u8]) {
        self.slots.span(self.at(slot) + KEY_AT, self.layout.key_size).load(into);
    }

    /// Stores under `key`, by the rule of `flags`: `replace` says whether an existing entry gets
    /// a new slot (so that whoever holds the old value keeps seeing it) or is stored to in place.
    pub(super) fn store(
        &self,
        key: &[u8],
        flags: u64,
        replace: Replace,
        fill: impl Fn(Span<'_>, Entry),
    ) -> Result<(), Errno> {
        check_update_flags(flags)?;
        let hash = hash(key);
        let bucket = self.bucket(hash);
        let _group = self.lock(bucket);
        let old = self.walk_to(bucket, hash, key);
        match (&old, flags) {
            (Some(_), elem::NOEXIST) => return Err(Errno::EEXIST),
            (None, elem::EXIST) => return Err(Errno::ENOENT),
            _ => {}
        }
        if let (Some(found), Replace::InPlace) = (&old, replace) {
            fill(self.value(found.slot), Entry::Existing);
            return Ok(());
        }
        if old.is_none() && !self.count_up() {
            return Err(Errno::E2BIG);
        }
        let new = self.allocate();
        self.slots.cell(self.at(new) + HASH_AT).store(hash, Ordering::Relaxed);
        self.slots.span(self.at(new) + KEY_AT, self.layout.key_size).store(key);
        fill(self.value(new), Entry::New);
        let first = match self.head(bucket).load(Ordering::Relaxed) {
            0 => END | bucket,
            link => link,
        };
        self.next(new).store(first, Ordering::Relaxed);
        self.head(bucket).store(new.0 + 1, Ordering::Release);
        if old.is_some() {
            // Found again: its predecessor may now be the new slot.
            self.unlink_behind(bucket, new, hash, key);
        }
        Ok(())
    }

    /// Takes an entry out; `last_look` may read its value before the slot can be reused.
    pub(super) fn remove(&self, key: &[u8], last_look: impl FnOnce(Span<'_>)) -> Result<(), Errno> {
        let hash = hash(key);
        let bucket = self.bucket(hash);
        let _group = self.lock(bucket);
        let found = self.walk_to(bucket, hash, key).ok_or(Errno::ENOENT)?;
        last_look(self.value(found.slot));
        self.unlink(bucket, found);
        self.used.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// The entry after `key` in the order of the buckets; the first, if that is absent.
    pub(super) fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno> {
        let mut from = 0;
        if let Some(key) = key {
            let hash = hash(key);
            let bucket = self.bucket(hash);
            let _group = self.lock(bucket);
            if let Some(found) = self.walk_to(bucket, hash, key) {
                if let Some(next) = slot_of(self.next(found.slot).load(Ordering::Acquire)) {
                    self.key(next, into);
                    return Ok(());
                }
                from = bucket + 1;
            }
        }
        for bucket in from..=self.bucket_mask {
            if self.head(bucket).load(Ordering::Acquire) & !END == 0 {
                continue;
            }
            let _group = self.lock(bucket);
            if let Some(slot) = slot_of(self.head(bucket).load(Ordering::Acquire)) {
                self.key(slot, into);
                return Ok(());
            }
        }
        Err(Errno::ENOENT)
    }

    /// The keys of one bucket at one moment, `None` behind the last bucket.
    pub(super) fn keys_in_bucket(&self, bucket: u32) -> Option<Vec<Vec<u8>>> {
        let bucket = u64::from(bucket);
        if bucket > self.bucket_mask {
            return None;
        }
        let _group = self.lock(bucket);
        let mut keys = Vec::new();
        let mut link = self.head(bucket).load(Ordering::Acquire);
        while let Some(slot) = slot_of(link) {
            let mut key = vec![0; self.layout.key_size];
            self.key(slot, &mut key);
            keys.push(key);
            link = self.next(slot).load(Ordering::Acquire);
        }
        Some(keys)
    }

    /// The memory of the slots.
    pub(super) fn slots(&self) -> &Memory {
        &self.slots
    }

    fn walk_to(&self, bucket: u64, hash: u64, key: &[u8]) -> Option<Found> {
        self.walk(None, self.head(bucket).load(Ordering::Acquire), hash, key)
    }

    fn walk(
        &self,
        mut before: Option<Slot>,
        mut link: u64,
        hash: u64,
        key: &[u8],
    ) -> Option<Found> {
        while let Some(slot) = slot_of(link) {
            if self.has(slot, hash, key) {
                return Some(Found { slot, before });
            }
            before = Some(slot);
            link = self.next(slot).load(Ordering::Acquire);
        }
        None
    }

    fn unlink_behind(&self, bucket: u64, new: Slot, hash: u64, key: &[u8]) {
        let link = self.next(new).load(Ordering::Acquire);
        let old = self.walk(Some(new), link, hash, key);
        self.unlink(bucket, old.expect("the entry was there, and the group is locked"));
    }

    fn unlink(&self, bucket: u64, found: Found) {
        let next = self.next(found.slot).load(Ordering::Acquire);
        match found.before {
            Some(before) => self.next(before).store(next, Ordering::Release),
            None => self.head(bucket).store(next, Ordering::Release),
        }
        self.free_slots().returned.push(found.slot);
    }

    /// Whether there is room for one more entry; counts it if so.
    fn count_up(&self) -> bool {
        let more = |used| (used < self.max_entries).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn allocate(&self) -> Slot {
        let mut free = self.free_slots();
        if let Some(slot) = free.returned.pop() {
            return slot;
        }
        // Entries are counted, and each group of buckets replaces one at a time, under its lock.
        assert!(free.fresh < free.count, "there are slots for every entry and replacement");
        free.fresh += 1;
        Slot(free.fresh - 1)
    }

    fn has(&self, slot: Slot, hash: u64, key: &[u8]) -> bool {
        let at = self.at(slot);
        self.slots.cell(at + HASH_AT).load(Ordering::Relaxed) == hash
            && self.slots.span(at + KEY_AT, self.layout.key_size).equals(key)
    }

    fn lock(&self, bucket: u64) -> MutexGuard<'_, ()> {
        let group = usize::try_from(bucket % self.groups.len() as u64).expect("below 64");
        self.groups[group].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free_slots(&self) -> MutexGuard<'_, FreeSlots> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bucket(&self, hash: u64) -> u64 {
        // The upper half: multiplication mixes upwards.
        (hash >> 32) & self.bucket_mask
    }

    fn head(&self, bucket: u64) -> &AtomicU64 {
        self.buckets.cell(bucket as usize * 8)
    }

    fn next(&self, slot: Slot) -> &AtomicU64 {
        self.slots.cell(self.at(slot))
    }

    fn at(&self, slot: Slot) -> usize {
        slot.0 as usize * self.layout.bytes
    }
}

/// What a link leads to: 0, the head of a bucket that was never used, and an end lead nowhere.
fn slot_of(link: u64) -> Option<Slot> {
    (link != 0 && link & END == 0).then(|| Slot(link - 1))
}

/// What a value is stored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A slot that still holds the bytes of its last use.
    New,
    /// An entry with a value.
    Existing,
}

/// Whether an update of an existing entry moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replace {
    /// To a new slot.
    NewSlot,
    /// It stays where it is.
    InPlace,
}

/// An entry within its chain.
struct Found {
    slot: Slot,
    before: Option<Slot>,
}

impl Layout {
    fn new(key_size: usize, value_bytes: usize) -> Layout {
        let value_at = (KEY_AT + key_size).next_multiple_of(8);
        let bytes = (value_at + value_bytes).next_multiple_of(8);
        Layout { key_size, value_at, value_bytes, bytes }
    }
}

fn bytes_of(buckets: u64) -> Result<usize, Errno> {
    usize::try_from(buckets * 8).map_err(|_| Errno::ENOMEM)
}

/// Mixes a key. The seed is fixed: keys come from the owner of the machine, and runs must repeat.
fn hash(key: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(MULTIPLIER);
        (product as u64) ^ (product >> 64) as u64
    };
    let mut words = key.chunks_exact(8);
    let mut hash = MULTIPLIER ^ key.len() as u64;
    for word in &mut words {
        hash = mix(hash, u64::from_ne_bytes(word.try_into().expect("chunks of eight")));
    }
    let mut rest = [0; 8];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(mix(hash, u64::from_ne_bytes(rest)), MULTIPLIER)
}
