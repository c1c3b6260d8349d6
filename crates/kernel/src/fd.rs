//! The descriptor table: the lowest free number first, from 3, as a process has it on Linux.

use std::sync::{Arc, PoisonError, RwLock};

use skep_uapi::{Errno, Fd};

use crate::btf::BtfObject;
use crate::files::OpenFile;
use crate::link::Link;
use crate::maps::Map;
use crate::prog::{Prog, StatsOn};

/// What a descriptor stands for. Each holds a reference to its object.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Map(Arc<Map>, MapAccess),
    Prog(Arc<Prog>),
    Btf(Arc<BtfObject>),
    Link(Arc<Link>),
    File(Arc<OpenFile>),
    /// Keeps run statistics on: see `BPF_ENABLE_STATS`.
    Stats(#[expect(dead_code, reason = "it acts when it is dropped")] Arc<StatsOn>),
}

/// What may be done with a map through a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MapAccess {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// The open descriptors of a kernel.
#[derive(Debug, Default)]
pub(crate) struct Fds {
    slots: RwLock<Vec<Option<Object>>>,
}

/// The first number: 0 to 2 are the standard streams of whoever calls.
const FIRST: usize = 3;
/// How many descriptors may be open.
const LIMIT: usize = 1 << 20;

impl Fds {
    /// Opens a descriptor; the result is its number.
    pub(crate) fn open(&self, object: Object) -> Result<u32, Errno> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let free = slots.iter().position(Option::is_none).unwrap_or(slots.len());
        if free >= LIMIT {
            return Err(Errno::EMFILE);
        }
        if free == slots.len() {
            slots.push(Some(object));
        } else {
            slots[free] = Some(object);
        }
        Ok(u32::try_from(free + FIRST).expect("LIMIT is below 2^31"))
    }

    /// Closes a descriptor. Its object may end with it, outside of the table's lock.
    pub(crate) fn close(&self, fd: Fd) {
        let closed = {
            let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
            slot(fd).and_then(|slot| slots.get_mut(slot)?.take())
        };
        drop(closed);
    }

    /// What a descriptor stands for; `EBADF` if it is not open.
    pub(crate) fn get(&self, fd: Fd) -> Result<Object, Errno> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let object = slot(fd).and_then(|slot| slots.get(slot)?.clone());
        object.ok_or(Errno::EBADF)
    }

    /// A map, whatever may be done with it; `EINVAL` for anything else.
    pub(crate) fn map(&self, fd: Fd) -> Result<(Arc<Map>, MapAccess), Errno> {
        match self.get(fd)? {
            Object::Map(map, access) => Ok((map, access)),
            _ => Err(Errno::EINVAL),
        }
    }

    /// A program; `EINVAL` for anything else.
    pub(crate) fn prog(&self, fd: Fd) -> Result<Arc<Prog>, Errno> {
        match self.get(fd)? {
            Object::Prog(prog) => Ok(prog),
            _ => Err(Errno::EINVAL),
        }
    }

    /// A BTF object; `EINVAL` for anything else.
    pub(crate) fn btf(&self, fd: Fd) -> Result<Arc<BtfObject>, Errno> {
        match self.get(fd)? {
            Object::Btf(btf) => Ok(btf),
            _ => Err(Errno::EINVAL),
        }
    }

    /// A link; `EINVAL` for anything else.
    pub(crate) fn link(&self, fd: Fd) -> Result<Arc<Link>, Errno> {
        match self.get(fd)? {
            Object::Link(link) => Ok(link),
            _ => Err(Errno::EINVAL),
        }
    }

    /// A file; `EINVAL` for anything else.
    pub(crate) fn file(&self, fd: Fd) -> Result<Arc<OpenFile>, Errno> {
        match self.get(fd)? {
            Object::File(file) => Ok(file),
            _ => Err(Errno::EINVAL),
        }
    }
}

fn slot(fd: Fd) -> Option<usize> {
    usize::try_from(fd.0).ok()?.checked_sub(FIRST)
}

impl MapAccess {
    pub(crate) const ALL: MapAccess = MapAccess { read: true, write: true };

    /// By `BPF_F_RDONLY` and `BPF_F_WRONLY`; both together, or any other flag, are refused.
    pub(crate) fn from_flags(flags: u32) -> Result<MapAccess, Errno> {
        use skep_uapi::flags::map::{RDONLY, WRONLY};
        match flags {
            0 => Ok(MapAccess::ALL),
            RDONLY => Ok(MapAccess { read: true, write: false }),
            WRONLY => Ok(MapAccess { read: false, write: true }),
            _ => Err(Errno::EINVAL),
        }
    }
}
