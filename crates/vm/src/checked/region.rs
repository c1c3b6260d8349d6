//! One piece of memory that a program can reach, and how it is read and written.
//!
//! The unsafe code of the checked interpreter is here: it turns an offset that was checked
//! against the region's length into an access.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use skep_isa::{AtomicOp, Size};

use super::value::RegionId;
use crate::raw::{self, Atomic};

/// What programs may do with a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Loads only.
    Read,
    /// Stores only.
    Write,
    /// Loads and stores.
    ReadWrite,
}

/// A region: a name for messages, what it allows, what it is made of.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) access: Access,
    pub(super) content: Content,
}

/// What a region is made of.
#[derive(Debug)]
pub(super) enum Content {
    /// Bytes.
    Bytes(Bytes),
    /// Fields that the host loads and stores.
    Context {
        /// Bytes that programs see.
        len: usize,
    },
    /// Nothing: the pointer stands for an object.
    Handle,
}

/// Bytes in the host's memory.
///
/// Atomics because the region's owner and other programs may change live memory at any time,
/// and because it lets a region be written through a shared reference.
#[derive(Debug)]
pub(super) struct Bytes {
    start: NonNull<u8>,
    len: usize,
    /// Holds the memory if it is the region's own. (A `Box` would claim to be the only way to it.)
    _owned: Option<Vec<AtomicU64>>,
    /// Origins of the pointers that lie in the region, by word; empty where pointers that are
    /// stored become numbers.
    origins: Box<[Option<RegionId>]>,
    /// Which bytes of each word were written, where that is known.
    written: Option<Box<[u8]>>,
}

impl Bytes {
    /// Memory of the region's own.
    pub(super) fn from_slice(bytes: &[u8]) -> Bytes {
        let word = |chunk: &[u8]| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            AtomicU64::new(u64::from_ne_bytes(word))
        };
        let owned: Vec<AtomicU64> = bytes.chunks(8).map(word).collect();
        let start = NonNull::from(owned.as_slice()).cast();
        let (len, origins) = (bytes.len(), Box::default());
        Bytes { start, len, _owned: Some(owned), origins, written: None }
    }

    /// Zeros in which pointers keep their origin: a stack frame.
    pub(super) fn frame(len: usize) -> Bytes {
        let origins = vec![None; len.div_ceil(8)].into();
        let written = Some(vec![0; len.div_ceil(8)].into());
        Bytes { origins, written, ..Bytes::from_slice(&vec![0; len]) }
    }

    /// Memory of somebody else's.
    ///
    /// # Safety
    /// The bytes are readable and writable for as long as the result lives; what else uses them
    /// at the same time bears with it.
    pub(super) unsafe fn live(start: NonNull<u8>, len: usize) -> Bytes {
        Bytes { start, len, _owned: None, origins: Box::default(), written: None }
    }

    /// Bytes that there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether an atomic access of `size` at `offset` would be aligned in the host's memory.
    pub(super) fn is_aligned(&self, offset: usize, size: Size) -> bool {
        self.address(offset, size).is_multiple_of(size.bytes() as u64)
    }

    /// Whether what a load gives is open: bytes that nobody wrote, or a part of a pointer.
    pub(super) fn is_open(&self, offset: usize, size: Size) -> bool {
        let whole = size == Size::Dw && offset.is_multiple_of(8);
        let unwritten = self.written.as_ref().is_some_and(|written| {
            (offset..offset + size.bytes()).any(|at| written[at / 8] & 1 << (at % 8) == 0)
        });
        unwritten || (!whole && self.has_origin(offset, size))
    }

    /// Whether a pointer lies here, or a part of one.
    pub(super) fn has_origin(&self, offset: usize, size: Size) -> bool {
        let words = offset / 8..(offset + size.bytes()).div_ceil(8);
        self.origins.get(words).unwrap_or_default().iter().any(Option::is_some)
    }

    /// Whether pointers that are stored keep their origin.
    pub(super) fn keeps_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Loads a number, zero-extended, and the origin if it is a whole pointer.
    pub(super) fn load(&self, offset: usize, size: Size) -> (u64, Option<RegionId>) {
        let base = self.address(offset, size);
        let bits = match size {
            // SAFETY: `address` saw that the bytes are in the region, which is readable.
            Size::B => u64::from(unsafe { raw::load::<u8>(base, 0) }),
            // SAFETY: as above.
            Size::H => u64::from(unsafe { raw::load::<u16>(base, 0) }),
            // SAFETY: as above.
            Size::W => u64::from(unsafe { raw::load::<u32>(base, 0) }),
            // SAFETY: as above.
            Size::Dw => unsafe { raw::load::<u64>(base, 0) },
        };
        let whole = size == Size::Dw && offset.is_multiple_of(8);
        let origin = self.origins.get(offset / 8).copied().flatten().filter(|_| whole);
        (bits, origin)
    }

    /// Stores the low bytes of a number, with its origin if it is a whole pointer.
    pub(super) fn store(&mut self, offset: usize, size: Size, bits: u64, origin: Option<RegionId>) {
        let base = self.address(offset, size);
        match size {
            // SAFETY: `address` saw that the bytes are in the region, which is writable.
            Size::B => unsafe { raw::store(base, 0, bits as u8) },
            // SAFETY: as above.
            Size::H => unsafe { raw::store(base, 0, bits as u16) },
            // SAFETY: as above.
            Size::W => unsafe { raw::store(base, 0, bits as u32) },
            // SAFETY: as above.
            Size::Dw => unsafe { raw::store(base, 0, bits) },
        }
        self.forget_origins(offset, size.bytes());
        if let Some(written) = &mut self.written {
            (offset..offset + size.bytes()).for_each(|at| written[at / 8] |= 1 << (at % 8));
        }
        if size == Size::Dw
            && offset.is_multiple_of(8)
            && let Some(place) = self.origins.get_mut(offset / 8)
        {
            *place = origin;
        }
    }

    /// A read-modify-write of 4 or 8 bytes, aligned; the old value, zero-extended. `expected` is
    /// what a compare-exchange compares with.
    pub(super) fn atomic(
        &mut self,
        offset: usize,
        size: Size,
        op: AtomicOp,
        operand: u64,
        expected: u64,
    ) -> u64 {
        assert!(self.is_aligned(offset, size), "atomics are aligned");
        let base = self.address(offset, size);
        self.forget_origins(offset, size.bytes());
        let order = Ordering::SeqCst;
        macro_rules! apply {
            ($int:ident) => {{
                // SAFETY: the bytes are in the region and aligned, as seen above.
                let cell = unsafe { <$int>::at(base, 0) };
                let operand = operand as $int;
                u64::from(match op {
                    AtomicOp::Add { .. } => cell.fetch_add(operand, order),
                    AtomicOp::Or { .. } => cell.fetch_or(operand, order),
                    AtomicOp::And { .. } => cell.fetch_and(operand, order),
                    AtomicOp::Xor { .. } => cell.fetch_xor(operand, order),
                    AtomicOp::Xchg => cell.swap(operand, order),
                    AtomicOp::Cmpxchg => <$int>::compare_exchange(cell, expected as $int, operand),
                })
            }};
        }
        if size == Size::Dw { apply!(u64) } else { apply!(u32) }
    }

    /// Copies bytes out.
    pub(super) fn read(&self, offset: usize, into: &mut [u8]) {
        for (i, byte) in into.iter_mut().enumerate() {
            *byte = self.load(offset + i, Size::B).0 as u8;
        }
    }

    /// Copies bytes in.
    pub(super) fn write(&mut self, offset: usize, from: &[u8]) {
        for (i, &byte) in from.iter().enumerate() {
            self.store(offset + i, Size::B, u64::from(byte), None);
        }
    }

    /// Pointers that are overwritten in part are none any more.
    fn forget_origins(&mut self, offset: usize, len: usize) {
        let words = offset / 8..(offset + len).div_ceil(8).min(self.origins.len());
        if let Some(places) = self.origins.get_mut(words) {
            places.fill(None);
        }
    }

    /// The host's address of `size` bytes at `offset`, which the caller checked to be inside.
    fn address(&self, offset: usize, size: Size) -> u64 {
        let inside = offset.checked_add(size.bytes()).is_some_and(|end| end <= self.len);
        assert!(inside, "accesses are checked against the region before");
        self.start.as_ptr().expose_provenance() as u64 + offset as u64
    }
}
