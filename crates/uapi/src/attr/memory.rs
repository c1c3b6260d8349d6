//! The memory that the pointers of an attr point into.

#![expect(unsafe_code, reason = "turns a caller's addresses into slices")]

use core::ptr;

use crate::Errno;

/// Somebody's memory, copied in and out as a kernel does it.
///
/// Copies, not slices: C callers pass overlapping buffers (the packet before and after a test
/// run, the key before and after a step), which no two Rust slices may be.
pub trait Memory {
    /// Copies from `address`; `EFAULT` where there is no such memory.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno>;
    /// Copies to `address`; `EFAULT` where there is no such memory.
    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno>;
}

/// The memory of this process, for callers in the same process such as a C ABI.
#[derive(Debug)]
pub struct OwnMemory(());

impl OwnMemory {
    /// This process's memory.
    ///
    /// # Safety
    /// For as long as the result is used, every pointer in an attr that is read with it is null
    /// or points to memory of the length that bpf(2) documents for it, readable or writable as it
    /// documents, and not accessed otherwise meanwhile.
    pub unsafe fn new() -> OwnMemory {
        OwnMemory(())
    }
}

impl Memory for OwnMemory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        let from = pointer(address, into.len())?;
        // SAFETY: whoever made the OwnMemory promises that an attr's pointers can be read.
        unsafe { ptr::copy(from.cast_const(), into.as_mut_ptr(), into.len()) };
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno> {
        let into = pointer(address, from.len())?;
        // SAFETY: whoever made the OwnMemory promises that an attr's pointers can be written.
        unsafe { ptr::copy(from.as_ptr(), into, from.len()) };
        Ok(())
    }
}

fn pointer(address: u64, bytes: usize) -> Result<*mut u8, Errno> {
    // Nothing is mapped at the lowest addresses, whatever a caller promises.
    if address < 4096 && bytes > 0 {
        return Err(Errno::EFAULT);
    }
    let address = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
    Ok(ptr::with_exposed_provenance_mut(address))
}

/// Longest slice that is copied for one pointer. Linux's own limits are below this.
const COPY_BYTES_MAX: usize = 1 << 30;
/// Bytes that are copied at once.
const COPY_BYTES: usize = 1 << 16;

/// What is read at an address, or will be written there.
pub(super) struct Lent<'m> {
    memory: &'m dyn Memory,
    address: u64,
    pub(super) bytes: Vec<u8>,
}

impl<'m> Lent<'m> {
    /// `count` elements of `bytes` bytes at `address`; none, if the address is null.
    pub(super) fn optional(
        memory: &'m dyn Memory,
        address: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Lent<'m>, Errno> {
        let count = if address == 0 { 0 } else { count };
        Lent::new(memory, address, count, bytes)
    }

    /// `count` elements of `bytes` bytes at `address`, which must be there unless there are none.
    pub(super) fn new(
        memory: &'m dyn Memory,
        address: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Lent<'m>, Errno> {
        let len = count.checked_mul(bytes).filter(|len| *len <= COPY_BYTES_MAX);
        let len = len.ok_or(Errno::E2BIG)?;
        let mut bytes = Vec::new();
        // Piece by piece, so that a length without memory behind it costs no memory here.
        while bytes.len() < len {
            let done = bytes.len();
            bytes.try_reserve(COPY_BYTES.min(len - done)).map_err(|_| Errno::ENOMEM)?;
            bytes.resize(done + COPY_BYTES.min(len - done), 0);
            let at = address.checked_add(done as u64).ok_or(Errno::EFAULT)?;
            memory.read(at, &mut bytes[done..])?;
        }
        Ok(Lent { memory, address, bytes })
    }

    /// Copies back. What nobody has changed is what was there before.
    pub(super) fn give_back(&self) -> Result<(), Errno> {
        if self.bytes.is_empty() { Ok(()) } else { self.memory.write(self.address, &self.bytes) }
    }

    /// The bytes as numbers.
    pub(super) fn numbers<T: super::layout::Field>(&self) -> Vec<T> {
        self.bytes.chunks_exact(T::SIZE).map(T::load).collect()
    }

    /// Copies numbers back.
    pub(super) fn give_back_numbers<T: super::layout::Field>(
        &mut self,
        numbers: &[T],
    ) -> Result<(), Errno> {
        for (to, number) in self.bytes.chunks_exact_mut(T::SIZE).zip(numbers) {
            number.store(to);
        }
        self.give_back()
    }
}

/// Reads a string that ends in a zero byte, of at most `most` bytes without it.
pub(super) fn c_str(memory: &dyn Memory, address: u64, most: usize) -> Result<Vec<u8>, Errno> {
    let mut text = Vec::new();
    loop {
        let at = address.checked_add(text.len() as u64).ok_or(Errno::EFAULT)?;
        let mut byte = [0];
        memory.read(at, &mut byte)?;
        match byte {
            [0] => return Ok(text),
            _ if text.len() == most => return Err(Errno::ENAMETOOLONG),
            [byte] => text.push(byte),
        }
    }
}
