//! The descriptors of one connection: its own numbers, each standing for one of the kernel's.

use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rustix::event::epoll;
use skep_uapi::{Errno, Fd, Kernel, MapType, ProgInfo, ProgType};

/// The first number: 0 to 2 are the standard streams of whoever calls.
const FIRST: usize = 3;

/// An open descriptor of the kernel's. It is closed once nothing uses it any more, so that a
/// number that one thread closes cannot come to mean something else for another in mid-call.
pub(super) struct Descriptor {
    kernel: Arc<dyn Kernel>,
    pub(super) fd: Fd,
    kind: OnceLock<Kind>,
    waiting: OnceLock<Waiting>,
}

/// What a descriptor stands for, as far as the meaning of a request depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Map { map_type: MapType, value_size: usize },
    Prog(ProgType),
    Other,
}

/// What a client waits on, in place of the kernel's own descriptor.
struct Waiting {
    source: OwnedFd,
    epoll: OwnedFd,
}

/// The table of a connection; everything in it is closed with it.
pub(super) struct Descriptors {
    kernel: Arc<dyn Kernel>,
    slots: RwLock<Vec<Option<Arc<Descriptor>>>>,
    most: usize,
}

impl Descriptors {
    pub(super) fn new(kernel: Arc<dyn Kernel>, most: usize) -> Descriptors {
        Descriptors { kernel, slots: RwLock::default(), most }
    }

    /// Takes over a descriptor of the kernel's; the result is the connection's number for it, the
    /// lowest free one.
    pub(super) fn open(&self, fd: Fd) -> Result<Fd, Errno> {
        let descriptor = Arc::new(Descriptor {
            kernel: self.kernel.clone(),
            fd,
            kind: OnceLock::new(),
            waiting: OnceLock::new(),
        });
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let free = slots.iter().position(Option::is_none).unwrap_or(slots.len());
        if free >= self.most {
            return Err(Errno::EMFILE);
        }
        if free == slots.len() {
            slots.push(Some(descriptor));
        } else {
            slots[free] = Some(descriptor);
        }
        Ok(Fd(i32::try_from(free + FIRST).expect("tables are small")))
    }

    pub(super) fn get(&self, fd: Fd) -> Option<Arc<Descriptor>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(slot(fd)?)?.clone()
    }

    pub(super) fn close(&self, fd: Fd) {
        let closed = {
            let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
            slot(fd).and_then(|slot| slots.get_mut(slot)?.take())
        };
        // Closing may take long (a link's detachment), so the lock is no longer held here.
        drop(closed);
    }

    pub(super) fn close_all(&self) {
        let closed =
            std::mem::take(&mut *self.slots.write().unwrap_or_else(PoisonError::into_inner));
        drop(closed);
    }
}

fn slot(fd: Fd) -> Option<usize> {
    usize::try_from(fd.0).ok()?.checked_sub(FIRST)
}

impl Descriptor {
    /// What it stands for; the kernel is asked once, when it first matters.
    pub(super) fn kind(&self) -> Kind {
        *self.kind.get_or_init(|| {
            if let Ok(map) = self.kernel.map_info(self.fd) {
                Kind::Map { map_type: map.map_type, value_size: map.value_size as usize }
            } else if let Ok(prog) = self.kernel.prog_info(self.fd, ProgInfo::default()) {
                Kind::Prog(prog.prog_type)
            } else {
                Kind::Other
            }
        })
    }

    /// The host's descriptor that becomes readable when this one does. It stays here.
    pub(super) fn source(&self) -> Result<&OwnedFd, Errno> {
        self.waiting().map(|waiting| &waiting.source)
    }

    /// A descriptor to be given away: it can be waited on and nothing else.
    pub(super) fn waiter(&self) -> Result<OwnedFd, Errno> {
        let waiting = self.waiting()?;
        waiting.epoll.try_clone().map_err(|error| Errno::from_io(&error))
    }

    fn waiting(&self) -> Result<&Waiting, Errno> {
        if let Some(waiting) = self.waiting.get() {
            return Ok(waiting);
        }
        let source = self.kernel.ready(self.fd)?;
        let host = |errno: rustix::io::Errno| Errno(errno.raw_os_error());
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(host)?;
        let (data, events) = (epoll::EventData::new_u64(0), epoll::EventFlags::IN);
        epoll::add(&epoll, &source, data, events).map_err(host)?;
        Ok(self.waiting.get_or_init(|| Waiting { source, epoll }))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        self.kernel.close(self.fd);
    }
}
