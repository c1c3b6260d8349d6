//! Maps: what all types share, and the trait that each type answers.

pub(crate) mod array;
pub(crate) mod array_of_maps;
pub(crate) mod batch;
pub(crate) mod hash;
pub(crate) mod hash_of_maps;
mod hash_table;
pub(crate) mod inner;
pub(crate) mod mmap;
pub(crate) mod percpu_array;
pub(crate) mod percpu_hash;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use skep_uapi::flags::{elem, map as flag};
use skep_uapi::{Errno, MapCreate, MapInfo, MapType, Name};

use skep_verifier::Access;

use self::inner::Template;
use crate::btf::BtfObject;
use crate::id::Id;
use crate::memory::{Memory, Span};

/// A map: its description and its storage.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) id: Id<Map>,
    pub(crate) spec: Spec,
    pub(crate) name: Name,
    /// Types of key and value.
    pub(crate) btf: Option<MapBtf>,
    pub(crate) storage: Box<dyn Storage>,
    /// Commands and mappings of user space that write at present, or [`FROZEN`]. One number, so
    /// that nobody begins to write between the last look at it and the freezing.
    writers: AtomicU32,
}

/// User space does not write any more.
const FROZEN: u32 = u32::MAX;

/// User space writes to a map, by a command or a mapping: while this lives, the map cannot be
/// frozen, and so no verifier takes its values for constants.
#[derive(Debug)]
pub(crate) struct Writer(Arc<Map>);

/// What a map was created as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) map_type: MapType,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) flags: u32,
}

/// The BTF of a map's keys and values.
#[derive(Clone, Debug)]
pub(crate) struct MapBtf {
    pub(crate) object: Arc<BtfObject>,
    pub(crate) key_type_id: u32,
    pub(crate) value_type_id: u32,
}

/// How one map type keeps its entries.
///
/// `key` and `value` slices have exactly the sizes of the map. Operations of programs get the CPU
/// that they run on. Any number of threads may call at the same time.
pub(crate) trait Storage: Send + Sync + core::fmt::Debug {
    /// Of a map of maps: what the maps in it are like.
    fn template(&self) -> Option<&Template> {
        None
    }
    /// Of a map of maps: the one under `key`.
    fn inner(&self, _key: &[u8]) -> Option<Arc<Map>> {
        None
    }
    /// User space stores the map that `find` gives into a map of maps.
    fn put(
        &self,
        _key: &[u8],
        _find: &dyn Fn() -> Result<Arc<Map>, Errno>,
        _flags: u64,
    ) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }
    /// The value under `key`, as a program sees it; of a map of maps, see [`Storage::inner`].
    fn lookup(&self, key: &[u8], cpu: u32) -> Option<Span<'_>>;
    /// A program stores a value.
    fn update(&self, key: &[u8], value: &[u8], flags: u64, cpu: u32) -> Result<(), Errno>;
    /// Deletes an entry, for programs and user space alike.
    fn delete(&self, key: &[u8]) -> Result<(), Errno>;
    /// User space reads a value.
    fn read(&self, key: &[u8], into: &mut [u8]) -> Result<(), Errno>;
    /// User space stores a value.
    fn write(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno>;
    /// The key after `key`.
    fn next_key(&self, key: Option<&[u8]>, into: &mut [u8]) -> Result<(), Errno>;
    /// Reads and deletes in one step.
    fn take(&self, _key: &[u8], _into: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }
    /// The memory of all values side by side, if programs may address values directly.
    fn direct(&self) -> Option<&Arc<Memory>> {
        None
    }
    /// The keys at one place of a walk in batches, `None` behind the last place.
    fn entries_at(&self, place: u32) -> Option<Vec<Vec<u8>>>;
    /// The memory that values lie in.
    fn values(&self) -> Option<&Memory>;
}

/// Creates the storage, after the checks that Linux makes for the type. `inner` gives the map that
/// a map of maps is created over.
pub(crate) fn storage(
    create: &MapCreate<'_>,
    cpus: u32,
    inner: &dyn Fn() -> Result<Arc<Map>, Errno>,
) -> Result<Box<dyn Storage>, Errno> {
    let spec = Spec::new(create);
    let numa_node = numa_node(create);
    Ok(match create.map_type {
        MapType::ARRAY => {
            array::check(&spec)?;
            check_numa_node(numa_node)?;
            Box::new(array::Array::new(&spec)?)
        }
        MapType::PERCPU_ARRAY => {
            percpu_array::check(&spec, numa_node)?;
            Box::new(percpu_array::PercpuArray::new(&spec, cpus)?)
        }
        MapType::HASH => {
            hash::check(&spec)?;
            check_numa_node(numa_node)?;
            Box::new(hash::Hash::new(&spec, cpus)?)
        }
        MapType::PERCPU_HASH => {
            percpu_hash::check(&spec, numa_node)?;
            Box::new(percpu_hash::PercpuHash::new(&spec, cpus)?)
        }
        MapType::ARRAY_OF_MAPS => {
            array_of_maps::check(&spec)?;
            check_numa_node(numa_node)?;
            Box::new(array_of_maps::ArrayOfMaps::new(&spec, Template::of(&*inner()?)?)?)
        }
        MapType::HASH_OF_MAPS => {
            hash_of_maps::check(&spec)?;
            check_numa_node(numa_node)?;
            Box::new(hash_of_maps::HashOfMaps::new(&spec, Template::of(&*inner()?)?))
        }
        _ => return Err(Errno::EINVAL),
    })
}

/// The NUMA node that a caller wants. Linux reads the field only with its flag.
fn numa_node(create: &MapCreate<'_>) -> Option<u32> {
    (create.map_flags & flag::NUMA_NODE != 0).then_some(create.numa_node)
}

/// This machine has one node.
fn check_numa_node(node: Option<u32>) -> Result<(), Errno> {
    match node {
        None | Some(0 | u32::MAX) => Ok(()),
        Some(_) => Err(Errno::EINVAL),
    }
}

/// Whether the access flags contradict each other.
fn access_flags_ok(flags: u32) -> bool {
    let both = |a: u32, b: u32| flags & (a | b) == a | b;
    !both(flag::RDONLY, flag::WRONLY) && !both(flag::RDONLY_PROG, flag::WRONLY_PROG)
}

/// The largest per-CPU value (`PCPU_MIN_UNIT_SIZE`).
const PERCPU_VALUE_MAX: u64 = 32 << 10;

fn check_percpu_value(value_size: u32) -> Result<(), Errno> {
    if u64::from(value_size).next_multiple_of(8) > PERCPU_VALUE_MAX {
        return Err(Errno::E2BIG);
    }
    Ok(())
}

/// The flags of an update, by the rule that all four types share: one of `BPF_ANY`,
/// `BPF_NOEXIST`, `BPF_EXIST`. `BPF_F_LOCK` needs a value with a spin lock, which no map here has.
fn check_update_flags(flags: u64) -> Result<(), Errno> {
    if flags > elem::EXIST { Err(Errno::EINVAL) } else { Ok(()) }
}

/// The index in an array's key.
fn index(key: &[u8]) -> u32 {
    u32::from_ne_bytes(key.try_into().expect("the keys of an array are four bytes"))
}

/// The next key of an array of `max_entries`.
fn next_index(key: Option<&[u8]>, max_entries: u32, into: &mut [u8]) -> Result<(), Errno> {
    let next = match key.map(index) {
        Some(at) if at < max_entries => at + 1,
        _ => 0,
    };
    if next == max_entries {
        return Err(Errno::ENOENT);
    }
    into.copy_from_slice(&next.to_ne_bytes());
    Ok(())
}

impl Spec {
    fn new(create: &MapCreate<'_>) -> Spec {
        Spec {
            map_type: create.map_type,
            key_size: create.key_size,
            value_size: create.value_size,
            max_entries: create.max_entries,
            flags: create.map_flags,
        }
    }

    /// Whether every CPU has values of its own.
    pub(crate) fn is_percpu(&self) -> bool {
        matches!(self.map_type, MapType::PERCPU_ARRAY | MapType::PERCPU_HASH)
    }

    /// Whether entries have an index for a key, and batches cannot delete them.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self.map_type, MapType::ARRAY | MapType::PERCPU_ARRAY | MapType::ARRAY_OF_MAPS)
    }

    /// Whether what is in it are maps.
    pub(crate) fn is_of_maps(&self) -> bool {
        matches!(self.map_type, MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS)
    }

    /// What programs may do with a value.
    pub(crate) fn access(&self) -> Access {
        match self.flags & (flag::RDONLY_PROG | flag::WRONLY_PROG) {
            flag::RDONLY_PROG => Access::Read,
            flag::WRONLY_PROG => Access::Write,
            _ => Access::ReadWrite,
        }
    }

    /// Bytes of a value as user space sees it.
    pub(crate) fn user_value_size(&self, cpus: u32) -> usize {
        match self.is_percpu() {
            true => stride(self.value_size) * cpus as usize,
            false => self.value_size as usize,
        }
    }
}

/// Bytes from one value to the next: values begin at multiples of eight.
fn stride(value_size: u32) -> usize {
    (value_size as usize).next_multiple_of(8)
}

impl Map {
    pub(crate) fn new(
        id: Id<Map>,
        create: &MapCreate<'_>,
        btf: Option<MapBtf>,
        storage: Box<dyn Storage>,
    ) -> Map {
        let spec = Spec::new(create);
        Map { id, spec, name: create.map_name, btf, storage, writers: AtomicU32::new(0) }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.writers.load(Ordering::SeqCst) == FROZEN
    }

    /// User space begins to write, unless the map is frozen.
    pub(crate) fn write(self: Arc<Map>) -> Result<Writer, Errno> {
        let more = |writers: u32| writers.checked_add(1).filter(|writers| *writers < FROZEN);
        match self.writers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more) {
            Ok(_) => Ok(Writer(self)),
            Err(_) => Err(Errno::EPERM),
        }
    }

    /// From now on user space cannot write. A second freeze is refused with `EPERM`: a frozen map
    /// cannot be written, seen on 6.18.
    pub(crate) fn freeze(&self) -> Result<(), Errno> {
        match self.writers.compare_exchange(0, FROZEN, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => Ok(()),
            Err(FROZEN) => Err(Errno::EPERM),
            Err(_) => Err(Errno::EBUSY),
        }
    }

    /// Whether nobody can change the values any more: neither programs nor user space.
    pub(crate) fn is_constant(&self) -> bool {
        self.is_frozen() && self.spec.flags & flag::RDONLY_PROG != 0
    }

    /// `struct bpf_map_info`.
    pub(crate) fn describe(&self, info: &mut MapInfo) {
        *info = MapInfo {
            map_type: self.spec.map_type,
            id: self.id.number(),
            key_size: self.spec.key_size,
            value_size: self.spec.value_size,
            max_entries: self.spec.max_entries,
            // How user space may use a descriptor is the descriptor's property, not the map's.
            map_flags: self.spec.flags & !(flag::RDONLY | flag::WRONLY),
            name: self.name,
            btf_id: self.btf.as_ref().map_or(0, |btf| btf.object.id.number()),
            btf_key_type_id: self.btf.as_ref().map_or(0, |btf| btf.key_type_id),
            btf_value_type_id: self.btf.as_ref().map_or(0, |btf| btf.value_type_id),
            ..MapInfo::default()
        };
    }
}

impl core::ops::Deref for Writer {
    type Target = Map;
    fn deref(&self) -> &Map {
        &self.0
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.writers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Ids;

    #[test]
    fn nobody_writes_while_a_map_is_frozen() {
        let map_type = MapType::ARRAY;
        let sizes = MapCreate { key_size: 4, value_size: 8, ..MapCreate::default() };
        let create = MapCreate { map_type, max_entries: 1, ..sizes };
        let values = storage(&create, 1, &|| Err(Errno::EBADF)).unwrap();
        let map = Ids::new().publish(|id| Map::new(id, &create, None, values));
        let writers = [map.clone().write().unwrap(), map.clone().write().unwrap()];
        assert_eq!(map.freeze(), Err(Errno::EBUSY));
        drop(writers);
        assert_eq!(map.freeze(), Ok(()));
        assert_eq!(map.clone().write().map(drop), Err(Errno::EPERM));
        assert_eq!(map.freeze(), Err(Errno::EPERM));
    }
}
