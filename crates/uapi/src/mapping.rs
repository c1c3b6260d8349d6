//! Memory shared with a kernel.

#![expect(unsafe_code, reason = "memory that somebody else writes is reached through raw pointers")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::os::fd::OwnedFd;

/// Mapped memory of a kernel object: rings, arenas, mmapable arrays.
///
/// Others write it at any time, so it is reached through atomic cells only, never through a
/// plain reference. Dropping it unmaps.
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
    writable: bool,
    _owner: Box<dyn Send + Sync>,
}

// SAFETY: all access goes through atomics, and the owner is itself `Send`.
unsafe impl Send for Mapping {}
// SAFETY: all access goes through atomics, and the owner is itself `Sync`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Wraps `len` bytes at `base` that stay mapped until `owner` is dropped.
    ///
    /// # Safety
    /// The memory is mapped readable (and writable, if `writable`) for as long as `owner` lives,
    /// `base` is aligned to eight bytes, and nobody makes a reference to it that is not atomic.
    pub unsafe fn new(
        base: NonNull<u8>,
        len: usize,
        writable: bool,
        owner: Box<dyn Send + Sync>,
    ) -> Mapping {
        Mapping { base, len, writable, _owner: owner }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no memory.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether stores are allowed.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The 32-bit cell at `offset`, for loads; `None` outside or where misaligned.
    pub fn load_u32(&self, offset: usize, order: Ordering) -> Option<u32> {
        let at = self.at(offset, 4)?;
        // SAFETY: `at` is in bounds, aligned, mapped, and only reached through atomics (`new`).
        Some(unsafe { AtomicU32::from_ptr(at.cast().as_ptr()) }.load(order))
    }

    /// The 64-bit cell at `offset`, for loads; `None` outside or where misaligned.
    pub fn load_u64(&self, offset: usize, order: Ordering) -> Option<u64> {
        let at = self.at(offset, 8)?;
        // SAFETY: `at` is in bounds, aligned, mapped, and only reached through atomics (`new`).
        Some(unsafe { AtomicU64::from_ptr(at.cast().as_ptr()) }.load(order))
    }

    /// Stores to the 64-bit cell at `offset`; `None` outside, where misaligned, or read-only.
    pub fn store_u64(&self, offset: usize, value: u64, order: Ordering) -> Option<()> {
        let at = self.writable.then(|| self.at(offset, 8))??;
        // SAFETY: `at` is in bounds, aligned, mapped writable, and only reached through atomics.
        unsafe { AtomicU64::from_ptr(at.cast().as_ptr()) }.store(value, order);
        Some(())
    }

    /// Copies bytes out, each loaded on its own; `None` outside.
    pub fn copy_to(&self, offset: usize, into: &mut [u8]) -> Option<()> {
        let from = self.at(offset, into.len())?;
        for (i, byte) in into.iter_mut().enumerate() {
            // SAFETY: `i` is below the length that `at` has checked.
            let cell = unsafe { from.add(i) };
            // SAFETY: in bounds and mapped; bytes need no alignment; only reached through atomics.
            *byte = unsafe { AtomicU8::from_ptr(cell.as_ptr()) }.load(Ordering::Relaxed);
        }
        Some(())
    }

    /// Copies bytes in, each stored on its own; `None` outside or read-only.
    pub fn copy_from(&self, offset: usize, from: &[u8]) -> Option<()> {
        let into = self.writable.then(|| self.at(offset, from.len()))??;
        for (i, byte) in from.iter().enumerate() {
            // SAFETY: `i` is below the length that `at` has checked.
            let cell = unsafe { into.add(i) };
            // SAFETY: in bounds and mapped writable; only reached through atomics.
            unsafe { AtomicU8::from_ptr(cell.as_ptr()) }.store(*byte, Ordering::Relaxed);
        }
        Some(())
    }

    fn at(&self, offset: usize, bytes: usize) -> Option<NonNull<u8>> {
        let end = offset.checked_add(bytes)?;
        let aligned = !matches!(bytes, 4 | 8) || offset.is_multiple_of(bytes);
        // SAFETY: `offset` is at most `len`, so the result is within or one past the mapping.
        (end <= self.len && aligned).then(|| unsafe { self.base.add(offset) })
    }
}

/// Memory of a kernel object for another process to map.
pub struct Grant {
    /// What to map. It cannot be made shorter, and lets nobody write who could not before.
    pub memory: OwnedFd,
    /// Where the area begins in it, a multiple of the page size.
    pub offset: u64,
    /// Bytes that may be used.
    pub len: usize,
    /// To be kept for as long as the other process may use the memory.
    pub hold: Box<dyn Send + Sync>,
}

impl core::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mapping").field("len", &self.len).field("writable", &self.writable).finish()
    }
}
