//! Whether files may have lost a name since the last look, without looking at each.

#![expect(unsafe_code, reason = "inotify has no safe interface in the standard library")]

use std::ffi::CString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Files under observation. Linux tells of a name's end before `unlink` and `rename` return.
#[derive(Debug)]
pub(crate) struct Watch {
    /// None where the user has no inotify instance left.
    inotify: Option<File>,
    /// Something is not observed, so everything may have changed, always.
    blind: AtomicBool,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        // SAFETY: takes flags only.
        let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if fd < 0 {
            return Watch { inotify: None, blind: AtomicBool::new(true) };
        }
        // SAFETY: the call has just returned this descriptor, and nobody else knows it.
        let inotify = unsafe { File::from_raw_fd(fd) };
        Watch { inotify: Some(inotify), blind: AtomicBool::new(false) }
    }

    /// Observes a file for as long as it is there. The limit of what a user may observe only makes
    /// [`Watch::changed`] say yes more often.
    pub(crate) fn add(&self, file: &File) {
        let Some(inotify) = &self.inotify else { return };
        let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let path = path.expect("a number has no zero byte");
        // The number of names is an attribute.
        // SAFETY: `path` is a string with a zero byte at its end, and outlives the call.
        let watch =
            unsafe { libc::inotify_add_watch(inotify.as_raw_fd(), path.as_ptr(), libc::IN_ATTRIB) };
        if watch < 0 {
            self.blind.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a file may have lost a name since this was last asked.
    pub(crate) fn changed(&self) -> bool {
        let mut changed = self.blind.load(Ordering::Relaxed);
        let Some(mut inotify) = self.inotify.as_ref() else { return true };
        // Which files the events are about is of no interest: they are rare.
        let mut events = [0; 4096];
        loop {
            match inotify.read(&mut events) {
                Ok(1..) => changed = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return changed,
            }
        }
    }
}
