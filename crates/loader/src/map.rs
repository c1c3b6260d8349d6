//! Maps.

use std::sync::Arc;

use skep_uapi::{Command, Errno, Kernel, MapCreate, MapInfo, MapType};

use crate::ids::{self, ById, Ids};
use crate::{BtfObject, Error, Handle, ObjectKind};

/// A map, open.
#[derive(Debug)]
pub struct Map {
    handle: Handle,
    info: MapInfo,
    cpus: usize,
}

impl Map {
    /// Creates a map.
    pub fn create(kernel: &Arc<dyn Kernel>, map: MapCreate<'_>) -> Result<Map, Error> {
        let name = map.map_name;
        let MapCreate { map_type, key_size, value_size, max_entries, map_flags, .. } = map;
        let handle = Handle::from_command(kernel, &mut Command::MapCreate(map));
        let handle = handle.map_err(|errno| Error::CreateMap {
            map: name.to_string(),
            shape: format!(
                "{map_type}, key {key_size} bytes, value {value_size} bytes, {max_entries} \
                 entries, flags {map_flags:#x}"
            ),
            errno,
        })?;
        Map::from_handle(handle)
    }

    /// Opens the map with this id.
    pub fn from_id(kernel: &Arc<dyn Kernel>, id: u32) -> Result<Map, Error> {
        let mut command = Command::MapGetFdById { map_id: id, open_flags: 0 };
        let handle = Handle::from_command(kernel, &mut command)
            .map_err(Error::failed(format!("open map id {id}")))?;
        Map::from_handle(handle)
    }

    /// Opens the map behind a pin.
    pub fn from_pin(kernel: &Arc<dyn Kernel>, path: &str) -> Result<Map, Error> {
        Map::from_handle(Handle::from_pin(kernel, path)?.expect(path, ObjectKind::Map)?)
    }

    /// Takes over a descriptor of a map.
    pub fn from_handle(handle: Handle) -> Result<Map, Error> {
        let kernel = handle.kernel();
        let info = kernel.map_info(handle.fd()).map_err(Error::failed("describe the map"))?;
        let cpus = if is_per_cpu(info.map_type) {
            let cpus = kernel.possible_cpus().map_err(Error::failed("count the CPUs"))?;
            cpus as usize
        } else {
            1
        };
        Ok(Map { handle, info, cpus })
    }

    /// Every map that the kernel holds.
    pub fn all(kernel: &Arc<dyn Kernel>) -> Ids<Map> {
        Ids::new(kernel)
    }

    /// Every map of this name, which is cut as the kernel's names are.
    pub fn by_name(kernel: &Arc<dyn Kernel>, name: &str) -> Result<Vec<Map>, Error> {
        let wanted = skep_uapi::Name::cut(name);
        let named = |map: &Result<Map, Error>| match map {
            Ok(map) => map.info.name == wanted,
            Err(_) => true,
        };
        Map::all(kernel).filter(named).collect()
    }

    /// The descriptor.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What the kernel says about it. None of it changes while the map lives.
    pub fn info(&self) -> &MapInfo {
        &self.info
    }

    /// Name and id, for messages.
    pub fn title(&self) -> String {
        match self.info.name.is_empty() {
            true => format!("id {}", self.info.id),
            false => format!("{} (id {})", self.info.name, self.info.id),
        }
    }

    /// Bytes of a key.
    pub fn key_bytes(&self) -> usize {
        self.info.key_size as usize
    }

    /// Bytes of a value as user space reads and writes it: of a per-CPU map the slots of all
    /// possible CPUs together.
    pub fn value_bytes(&self) -> usize {
        self.slot_bytes() * self.cpus
    }

    /// Whether every possible CPU has a value of its own.
    pub fn is_per_cpu(&self) -> bool {
        is_per_cpu(self.info.map_type)
    }

    /// Whether its elements can be listed, with values that are data: queues and rings have no
    /// keys, and the values of other types are descriptors that a kernel does not give back.
    pub fn is_listable(&self) -> bool {
        matches!(
            self.info.map_type,
            MapType::HASH
                | MapType::ARRAY
                | MapType::PERCPU_HASH
                | MapType::PERCPU_ARRAY
                | MapType::LRU_HASH
                | MapType::LRU_PERCPU_HASH
                | MapType::LPM_TRIE
        )
    }

    /// Slots of a value: the possible CPUs for a per-CPU map, else 1.
    pub fn slots(&self) -> usize {
        self.cpus
    }

    /// Bytes from one slot of a value to the next: in per-CPU maps a multiple of eight.
    pub fn slot_bytes(&self) -> usize {
        let bytes = self.info.value_size as usize;
        if is_per_cpu(self.info.map_type) { bytes.next_multiple_of(8) } else { bytes }
    }

    /// The value under `key`, if there is one.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.lookup_flags(key, 0)
    }

    /// [`Map::lookup`] with `BPF_F_LOCK` or a CPU in the high half.
    pub fn lookup_flags(&self, key: &[u8], flags: u64) -> Result<Option<Vec<u8>>, Error> {
        self.check_key(key)?;
        let mut value = vec![0; self.value_bytes()];
        let found = self.handle.kernel().map_lookup(self.handle.fd(), key, &mut value, flags);
        self.unless_absent(found, "look up a key in").map(|found| found.then_some(value))
    }

    /// Stores a value; `flags` are those of [`skep_uapi::flags::elem`].
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Error> {
        self.check_key(key)?;
        let expected = self.value_bytes();
        if value.len() != expected {
            return Err(Error::ValueSize { map: self.title(), expected, found: value.len() });
        }
        let done = self.handle.kernel().map_update(self.handle.fd(), key, value, flags);
        done.map_err(|errno| self.failed("update", errno))
    }

    /// Deletes an entry; whether there was one.
    pub fn delete(&self, key: &[u8]) -> Result<bool, Error> {
        self.check_key(key)?;
        let done = self.handle.kernel().map_delete(self.handle.fd(), key);
        self.unless_absent(done, "delete a key of")
    }

    /// Takes an entry out; for queues and stacks `key` is empty.
    pub fn lookup_and_delete(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.check_key(key)?;
        let mut value = vec![0; self.value_bytes()];
        let map_fd = self.handle.fd();
        let mut command =
            Command::MapLookupAndDeleteElem { map_fd, key, value: &mut value, flags: 0 };
        let done = self.handle.kernel().bpf(&mut command).map(drop);
        self.unless_absent(done, "take a key out of").map(|found| found.then_some(value))
    }

    /// The key after `key`: the first one for none, or for a key that is not there.
    pub fn next_key(&self, key: Option<&[u8]>) -> Result<Option<Vec<u8>>, Error> {
        let mut next_key = vec![0; self.key_bytes()];
        let found = self.handle.kernel().map_next_key(self.handle.fd(), key, &mut next_key);
        let found = found.map_err(|errno| self.failed("list the keys of", errno))?;
        Ok(found.then_some(next_key))
    }

    /// The keys.
    pub fn keys(&self) -> Keys<'_> {
        Keys { map: self, last: None, ended: false, left: u64::from(self.info.max_entries) }
    }

    /// From now on user space cannot write it.
    pub fn freeze(&self) -> Result<(), Error> {
        let mut command = Command::MapFreeze { map_fd: self.handle.fd() };
        let done = self.handle.kernel().bpf(&mut command);
        done.map(drop).map_err(|errno| self.failed("freeze", errno))
    }

    /// Gives it a name in a BPF file system.
    pub fn pin(&self, path: &str) -> Result<(), Error> {
        self.handle.pin(path)
    }

    /// The type information that it was created with.
    pub fn btf(&self) -> Result<Option<skep_btf::Btf>, Error> {
        match self.info.btf_id {
            0 => Ok(None),
            id => BtfObject::from_id(self.handle.kernel(), id)?.types().map(Some),
        }
    }

    fn check_key(&self, key: &[u8]) -> Result<(), Error> {
        let (expected, found) = (self.key_bytes(), key.len());
        if found == expected {
            return Ok(());
        }
        Err(Error::KeySize { map: self.title(), expected, found })
    }

    fn unless_absent(&self, done: Result<(), Errno>, doing: &str) -> Result<bool, Error> {
        match done {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(self.failed(doing, errno)),
        }
    }

    fn failed(&self, doing: &str, errno: Errno) -> Error {
        Error::Element { doing: doing.to_owned(), map: self.title(), errno }
    }
}

impl ById for Map {
    const KIND: &'static str = "map";

    fn next_id(kernel: &dyn Kernel, start_id: u32) -> Result<u32, Errno> {
        ids::next_id(kernel, |next_id| Command::MapGetNextId { start_id, next_id })
    }

    fn open(kernel: &Arc<dyn Kernel>, id: u32) -> Result<Map, Error> {
        Map::from_id(kernel, id)
    }
}

/// The keys of a map.
///
/// Deleting the key just returned is safe. A hash map that others change may show a key twice, or
/// start anew; the walk ends after as many keys as the map can hold, so that it ends.
#[derive(Debug)]
pub struct Keys<'a> {
    map: &'a Map,
    last: Option<Vec<u8>>,
    ended: bool,
    left: u64,
}

impl Iterator for Keys<'_> {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Result<Vec<u8>, Error>> {
        if self.ended || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let next = self.map.next_key(self.last.as_deref()).transpose();
        match &next {
            Some(Ok(key)) => self.last = Some(key.clone()),
            _ => self.ended = true,
        }
        next
    }
}

const fn is_per_cpu(map_type: MapType) -> bool {
    matches!(
        map_type,
        MapType::PERCPU_HASH
            | MapType::PERCPU_ARRAY
            | MapType::LRU_PERCPU_HASH
            | MapType::PERCPU_CGROUP_STORAGE
    )
}
