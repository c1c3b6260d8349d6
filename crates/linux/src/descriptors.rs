//! Which file descriptors came through the seam, and what stands behind each.
//!
//! bpf(2) writes a map's value to an address without being told how much room there is, so a
//! caller's slice must be compared with the map's sizes before every look-up. Asking the kernel
//! each time would double the time of a look-up, which is nearly all system call, and a number
//! read from a cache could by then stand for another map. So the table owns the descriptors: a number in it
//! cannot be closed by anyone else, and an operation that has taken its entry keeps the file open
//! until it is done.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, PoisonError, RwLock};

use skep_uapi::{Errno, Fd};

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Prog,
    Map(MapSizes),
    Btf,
    Link,
    /// A process that `spawn` has started and stopped.
    Child,
    Other,
}

/// How many bytes bpf(2) reads and writes for a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MapSizes {
    pub(crate) key: usize,
    /// All slots of a per-CPU value.
    pub(crate) value: usize,
    /// The place where a batch ended.
    pub(crate) place: usize,
}

/// An open file and what it is.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) file: OwnedFd,
    pub(crate) object: Object,
}

static TABLE: RwLock<BTreeMap<i32, Arc<Descriptor>>> = RwLock::new(BTreeMap::new());

/// The entry behind a number. The file stays open for as long as the entry is held.
pub(crate) fn get(fd: Fd) -> Result<Arc<Descriptor>, Errno> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    table.get(&fd.0).cloned().ok_or(Errno::EBADF)
}

/// The sizes of the map behind a number.
pub(crate) fn map(fd: Fd) -> Result<(Arc<Descriptor>, MapSizes), Errno> {
    let descriptor = get(fd)?;
    match descriptor.object {
        Object::Map(sizes) => Ok((descriptor, sizes)),
        _ => Err(Errno::EINVAL),
    }
}

/// Takes over an open file.
pub(crate) fn keep(file: OwnedFd, object: Object) -> Fd {
    let number = file.as_raw_fd();
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    table.insert(number, Arc::new(Descriptor { file, object }));
    Fd(number)
}

/// Closes a number of ours, once nobody uses it any more.
pub(crate) fn forget(fd: Fd) {
    let removed = TABLE.write().unwrap_or_else(PoisonError::into_inner).remove(&fd.0);
    // Closing may take long (a link's detachment), so the lock is no longer held here.
    drop(removed);
}
