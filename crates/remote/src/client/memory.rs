//! Memory of the kernel behind the socket, in this process.

#![expect(unsafe_code, reason = "maps and unmaps memory")]

use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};

use rustix::fs::{FileType, SealFlags, fcntl_get_seals, fstat};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use skep_uapi::{Access, Area, Errno, Mapping};

/// Maps what the server has sent: `len` bytes at `offset`, of the `area` that was asked for.
pub(super) fn map(memory: &OwnedFd, offset: u64, len: usize, area: Area) -> Result<Mapping, Errno> {
    if len == 0 || len > area.len || !cannot_shrink(memory, offset, len)? {
        return Err(Errno::EPROTO);
    }
    let writable = area.access == Access::ReadWrite;
    let access = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
    let (at, flags) = (ptr::null_mut(), MapFlags::SHARED);
    // SAFETY: the address is the system's choice, so no memory in use is replaced.
    let base = unsafe { mmap(at, len, access, flags, memory, offset) }.map_err(host)?;
    let base = NonNull::new(base.cast::<u8>()).ok_or(Errno::ENOMEM)?;
    let owner = Box::new(Pages { base: base.as_ptr().expose_provenance(), len });
    // SAFETY: `len` bytes are mapped at a page's start until `owner` is dropped, what is behind
    // them does not shrink, and the pointer goes nowhere else.
    Ok(unsafe { Mapping::new(base, len, writable, owner) })
}

/// Whether the bytes stay there, whatever the server does: a file must be sealed and long enough.
/// The memory of one of Linux's objects is no file.
fn cannot_shrink(memory: &OwnedFd, offset: u64, len: usize) -> Result<bool, Errno> {
    let stat = fstat(memory).map_err(host)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let end = offset.checked_add(len as u64).ok_or(Errno::EPROTO)?;
            let is_sealed = fcntl_get_seals(memory).map_err(host)?.contains(SealFlags::SHRINK);
            Ok(is_sealed && u64::try_from(stat.st_size).is_ok_and(|size| size >= end))
        }
        FileType::Unknown => Ok(true),
        _ => Ok(false),
    }
}

fn host(errno: rustix::io::Errno) -> Errno {
    Errno(errno.raw_os_error())
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
        let unmapped = unsafe { munmap(base, self.len) };
        debug_assert!(unmapped.is_ok(), "what is mapped can be unmapped");
    }
}
