//! How many connections there are, and word of each one that ends.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use crate::Error;

/// Counts connections.
pub(super) struct Live {
    count: Mutex<usize>,
    changed: Condvar,
    /// Readable once a connection has ended.
    pub(super) ended: OwnedFd,
}

/// A connection that counts until this is dropped.
pub(super) struct Guard(Arc<Live>);

impl Live {
    pub(super) fn new() -> Result<Arc<Live>, Error> {
        let ended = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Error::host("make an event descriptor", error))?;
        Ok(Arc::new(Live { count: Mutex::default(), changed: Condvar::new(), ended }))
    }

    /// Counts one more.
    pub(super) fn begin(self: &Arc<Self>) -> Guard {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Guard(self.clone())
    }

    pub(super) fn count(&self) -> usize {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is none, at most for `most`.
    pub(super) fn wait(&self, most: Duration) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(count, most, |count| *count > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Forgets that connections have ended.
    pub(super) fn clear(&self) {
        // Nothing to read: none has.
        let _ = rustix::io::read(&self.ended, &mut [0; 8]);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.changed.notify_all();
        // Full: it is readable already.
        let _ = rustix::io::write(&self.0.ended, &1_u64.to_ne_bytes());
    }
}
