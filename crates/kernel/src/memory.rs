//! Memory that programs reach through raw pointers while others read and write it.
//!
//! Values of maps and packets lie here. Programs store to them with plain machine instructions,
//! as in Linux, and nothing orders two programs or a program and user space. Therefore nobody in
//! this crate makes a `&[u8]` of such memory: this module copies in and out, word by word through
//! relaxed atomics, so that an aligned word is never torn and no assumption of the compiler is
//! broken on our side of the race.

#![expect(unsafe_code, reason = "memory shared with running programs is reached by raw pointers")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use skep_uapi::Errno;

/// Zeroed memory at a stable, page-aligned address, given back when dropped.
#[derive(Debug)]
pub(crate) struct Memory {
    base: NonNull<u8>,
    bytes: usize,
    /// What other processes can be given, if there is anything.
    file: Option<OwnedFd>,
}

// SAFETY: the memory is owned by this value alone, and all access goes through atomics or
// through running programs, which may be on any thread.
unsafe impl Send for Memory {}
// SAFETY: shared access goes through atomics or through running programs, as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Reserves `bytes` bytes, all zero. Pages are committed when they are first written, so a
    /// large, sparsely used map costs what it holds.
    pub(crate) fn zeroed(bytes: usize) -> Result<Memory, Errno> {
        let bytes = bytes.max(1);
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: a new anonymous mapping at an address of the system's choice aliases nothing.
        let at = unsafe { libc::mmap(core::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            return Err(Errno::ENOMEM);
        }
        let base = NonNull::new(at.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Memory { base, bytes, file: None })
    }

    /// As [`Memory::zeroed`], behind a file that other processes can map.
    pub(crate) fn shareable(bytes: usize) -> Result<Memory, Errno> {
        let bytes = bytes.max(1);
        let file = sealed_file(bytes)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let (flags, fd) = (libc::MAP_SHARED | libc::MAP_NORESERVE, file.as_raw_fd());
        // SAFETY: a new mapping at an address of the system's choice aliases nothing, and a file
        // that is sealed against shrinking stays behind it.
        let at = unsafe { libc::mmap(core::ptr::null_mut(), bytes, protection, flags, fd, 0) };
        if at == libc::MAP_FAILED {
            return Err(Errno::ENOMEM);
        }
        let base = NonNull::new(at.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Memory { base, bytes, file: Some(file) })
    }

    /// The file behind the memory, for stores too or for loads only.
    pub(crate) fn file(&self, writable: bool) -> Result<OwnedFd, Errno> {
        let file = self.file.as_ref().ok_or(Errno::EOPNOTSUPP)?;
        let opened = match writable {
            true => file.try_clone(),
            // Opened anew: a copy could be mapped for stores as well.
            false => File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).map(OwnedFd::from),
        };
        opened.map_err(|error| Errno::from_io(&error))
    }

    /// Bytes, as asked for (at least one).
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// How many bytes there are from an address on, if it is in here.
    pub(crate) fn left_at(&self, address: u64) -> Option<u64> {
        let base = self.base.as_ptr().expose_provenance() as u64;
        let offset = address.checked_sub(base)?;
        (self.bytes as u64).checked_sub(offset).filter(|left| *left > 0)
    }

    /// A part of the memory.
    ///
    /// # Panics
    /// If the part is not within the memory: offsets come from checked indices.
    pub(crate) fn span(&self, offset: usize, len: usize) -> Span<'_> {
        let end = offset.checked_add(len).expect("offsets are below the size of the memory");
        assert!(end <= self.bytes, "span {offset}+{len} is outside of {} bytes", self.bytes);
        // SAFETY: `offset` is at most `bytes`, so the result is within the mapping or at its end.
        let at = unsafe { self.base.add(offset) };
        Span { at, len, _memory: core::marker::PhantomData }
    }

    /// The 64-bit cell at a multiple of eight.
    ///
    /// # Panics
    /// If the cell is misaligned or not within the memory.
    pub(crate) fn cell(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8), "cell at {offset} is misaligned");
        let span = self.span(offset, 8);
        // SAFETY: in bounds and aligned (checked above), mapped for as long as `self` lives, and
        // whoever else reaches the cell does so through atomics.
        unsafe { AtomicU64::from_ptr(span.at.as_ptr().cast()) }
    }
}

/// A file of whole pages that nobody can make shorter or longer: where one is shrunk, whoever has
/// mapped it is killed. Its mode lets no other user open it for stores.
fn sealed_file(bytes: usize) -> Result<OwnedFd, Errno> {
    const PAGE: usize = 4096;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: takes a text that ends with a zero, and a number.
    let fd = unsafe { libc::memfd_create(c"skep-map".as_ptr(), flags) };
    if fd < 0 {
        return Err(Errno::from_io(&io::Error::last_os_error()));
    }
    // SAFETY: the call has just returned this descriptor, and nobody else knows it.
    let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let whole_pages = bytes.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)? as u64;
    file.set_len(whole_pages).map_err(|error| Errno::from_io(&error))?;
    file.set_permissions(Permissions::from_mode(0o400)).map_err(|error| Errno::from_io(&error))?;
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: takes numbers, and the file is open.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
        return Err(Errno::from_io(&io::Error::last_os_error()));
    }
    Ok(file.into())
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that `zeroed` made; spans borrow `self`, and programs that
        // hold addresses keep the map, and so this value, alive.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// A piece of shared memory that may be loaded and stored for `'a`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    at: NonNull<u8>,
    len: usize,
    _memory: core::marker::PhantomData<&'a Memory>,
}

impl<'a> Span<'a> {
    /// A piece of memory that a program passed to a helper.
    ///
    /// # Safety
    /// `len` bytes at `address` are valid for loads, and for stores if any is made, for `'a`,
    /// and are reached by others through raw pointers or atomics only.
    pub(crate) unsafe fn from_program(address: u64, len: usize) -> Span<'a> {
        // A null pointer comes with no bytes (`Arg::MemReadOrNull`), and is then never followed.
        let at: *mut u8 = core::ptr::with_exposed_provenance_mut(address as usize);
        let at = NonNull::new(at).unwrap_or(NonNull::dangling());
        Span { at, len, _memory: core::marker::PhantomData }
    }

    /// The address, for programs.
    pub(crate) fn address(self) -> u64 {
        self.at.as_ptr().expose_provenance() as u64
    }

    /// The first byte.
    pub(crate) fn pointer(self) -> NonNull<u8> {
        self.at
    }

    /// Bytes.
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// Copies the first `into.len()` bytes out.
    ///
    /// # Panics
    /// If there are not so many.
    pub(crate) fn load(self, into: &mut [u8]) {
        assert!(into.len() <= self.len, "load of {} from {} bytes", into.len(), self.len);
        let mut at = 0;
        while at < into.len() {
            at += match self.step(at, into.len()) {
                8 => {
                    // SAFETY: `step` found eight aligned bytes within the span at `at`.
                    let word = unsafe { self.cell::<AtomicU64>(at) }.load(Ordering::Relaxed);
                    put(into, at, &word.to_ne_bytes())
                }
                4 => {
                    // SAFETY: `step` found four aligned bytes within the span at `at`.
                    let word = unsafe { self.cell::<AtomicU32>(at) }.load(Ordering::Relaxed);
                    put(into, at, &word.to_ne_bytes())
                }
                _ => {
                    // SAFETY: `at` is below `into.len()`, which is at most the span's length.
                    let byte = unsafe { self.cell::<AtomicU8>(at) }.load(Ordering::Relaxed);
                    put(into, at, &[byte])
                }
            };
        }
    }

    /// Copies `from` to the first bytes.
    ///
    /// # Panics
    /// If there are not so many.
    pub(crate) fn store(self, from: &[u8]) {
        assert!(from.len() <= self.len, "store of {} to {} bytes", from.len(), self.len);
        let mut at = 0;
        while at < from.len() {
            at += match self.step(at, from.len()) {
                8 => {
                    let word = u64::from_ne_bytes(take(from, at));
                    // SAFETY: `step` found eight aligned bytes within the span at `at`.
                    unsafe { self.cell::<AtomicU64>(at) }.store(word, Ordering::Relaxed);
                    8
                }
                4 => {
                    let word = u32::from_ne_bytes(take(from, at));
                    // SAFETY: `step` found four aligned bytes within the span at `at`.
                    unsafe { self.cell::<AtomicU32>(at) }.store(word, Ordering::Relaxed);
                    4
                }
                _ => {
                    // SAFETY: `at` is below `from.len()`, which is at most the span's length.
                    unsafe { self.cell::<AtomicU8>(at) }.store(from[at], Ordering::Relaxed);
                    1
                }
            };
        }
    }

    /// Whether the first bytes equal `other`.
    pub(crate) fn equals(self, other: &[u8]) -> bool {
        if other.len() > self.len {
            return false;
        }
        let mut at = 0;
        while at < other.len() {
            let step = self.step(at, other.len());
            let same = match step {
                8 => {
                    // SAFETY: `step` found eight aligned bytes within the span at `at`.
                    let word = unsafe { self.cell::<AtomicU64>(at) }.load(Ordering::Relaxed);
                    word == u64::from_ne_bytes(take(other, at))
                }
                4 => {
                    // SAFETY: `step` found four aligned bytes within the span at `at`.
                    let word = unsafe { self.cell::<AtomicU32>(at) }.load(Ordering::Relaxed);
                    word == u32::from_ne_bytes(take(other, at))
                }
                _ => {
                    // SAFETY: `at` is below `other.len()`, which is at most the span's length.
                    let byte = unsafe { self.cell::<AtomicU8>(at) }.load(Ordering::Relaxed);
                    byte == other[at]
                }
            };
            if !same {
                return false;
            }
            at += step;
        }
        true
    }

    /// Sets every byte to zero.
    pub(crate) fn clear(self) {
        const ZEROS: [u8; 256] = [0; 256];
        let mut at = 0;
        while at < self.len {
            let n = ZEROS.len().min(self.len - at);
            self.part(at, n).store(&ZEROS[..n]);
            at += n;
        }
    }

    /// A part of the span.
    ///
    /// # Panics
    /// If the part is not within the span.
    pub(crate) fn part(self, offset: usize, len: usize) -> Span<'a> {
        assert!(offset <= self.len && len <= self.len - offset, "part is outside of its span");
        // SAFETY: `offset` is at most the span's length.
        let at = unsafe { self.at.add(offset) };
        Span { at, len, _memory: core::marker::PhantomData }
    }

    /// The widest step, 8, 4 or 1, that is aligned at `at` and ends by `end`.
    fn step(self, at: usize, end: usize) -> usize {
        let address = self.at.as_ptr() as usize + at;
        let left = end - at;
        match () {
            () if left >= 8 && address.is_multiple_of(8) => 8,
            () if left >= 4 && address.is_multiple_of(4) => 4,
            () => 1,
        }
    }

    /// The atomic cell at `at`.
    ///
    /// # Safety
    /// The cell lies within the span and is aligned for `T`, an atomic integer.
    unsafe fn cell<T>(self, at: usize) -> &'a T {
        // SAFETY: the caller keeps `at` within the span.
        let cell = unsafe { self.at.add(at) };
        // SAFETY: in bounds and aligned by the caller's word, alive for `'a` by the span's; an
        // atomic may be shared with whoever else writes the memory.
        unsafe { cell.cast::<T>().as_ref() }
    }
}

fn put(into: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    into[at..at + bytes.len()].copy_from_slice(bytes);
    bytes.len()
}

fn take<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    from[at..at + N].try_into().expect("a range of N bytes is N bytes long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_exact_at_every_alignment() {
        let memory = Memory::zeroed(64).unwrap();
        let bytes: Vec<u8> = (1..=40).collect();
        for offset in 0..16 {
            for len in 0..=40 {
                memory.span(0, 64).clear();
                memory.span(offset, len).store(&bytes[..len]);
                let mut whole = [0; 64];
                memory.span(0, 64).load(&mut whole);
                assert_eq!(&whole[offset..offset + len], &bytes[..len]);
                assert_eq!(whole.iter().filter(|b| **b != 0).count(), len);
                assert!(memory.span(offset, len).equals(&bytes[..len]));
                assert!(len == 0 || !memory.span(offset, len).equals(&vec![0; len]));
            }
        }
    }
}
