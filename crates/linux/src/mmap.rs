//! Memory of maps and perf events in the process.

#![expect(unsafe_code, reason = "maps and unmaps memory")]

use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use skep_uapi::{Access, Area, Errno, Fd, Grant, Mapping};

use crate::{descriptors, files};

pub(crate) fn map(fd: Fd, area: Area) -> Result<Mapping, Errno> {
    let descriptor = descriptors::get(fd)?;
    let offset = libc::off_t::try_from(area.offset).map_err(|_| Errno::EINVAL)?;
    let writable = area.access == Access::ReadWrite;
    let access = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
    let file = descriptor.file.as_raw_fd();
    // SAFETY: the address is the kernel's choice, so no memory in use is replaced.
    let base =
        unsafe { libc::mmap(ptr::null_mut(), area.len, access, libc::MAP_SHARED, file, offset) };
    if base == libc::MAP_FAILED {
        return Err(files::last_errno());
    }
    let base = NonNull::new(base.cast::<u8>()).ok_or(Errno::ENOMEM)?;
    let owner = Box::new(Pages { base: base.as_ptr().expose_provenance(), len: area.len });
    // SAFETY: `len` bytes are mapped at a page's start until `owner` is dropped, and the pointer
    // goes nowhere else.
    Ok(unsafe { Mapping::new(base, area.len, writable, owner) })
}

/// A copy of the descriptor: whoever gets it may do with the memory what may be done through the
/// descriptor itself, and no more. Linux maps nothing through one that is open for reading only
/// (`EINVAL`, seen on 6.18), so there is none that could only be read.
pub(crate) fn grant(fd: Fd, area: Area) -> Result<Grant, Errno> {
    let memory = files::duplicate(fd)?;
    // Linux itself counts who has mapped it.
    Ok(Grant { memory, offset: area.offset, len: area.len, hold: Box::new(()) })
}

/// Unmaps when dropped.
struct Pages {
    base: usize,
    len: usize,
}

impl Drop for Pages {
    fn drop(&mut self) {
        let base = ptr::with_exposed_provenance_mut(self.base);
        // SAFETY: mapped by `map`, and `Mapping`, the only user, is being dropped.
        unsafe { libc::munmap(base, self.len) };
    }
}
