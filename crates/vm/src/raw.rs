//! Loads, stores and atomics at the addresses that registers hold.
//!
//! Every function has the same contract: the address is that of memory which the program may
//! use in this way now, because the verifier said so of the instruction. Nothing here checks.

use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// Where the access goes.
#[inline(always)]
fn pointer<T>(base: u64, off: i16) -> *mut T {
    ptr::with_exposed_provenance_mut(base.wrapping_add(i64::from(off) as u64) as usize)
}

/// Loads; the address may be unaligned.
///
/// # Safety
/// The bytes at `base + off` are readable.
#[inline(always)]
pub(crate) unsafe fn load<T: Copy>(base: u64, off: i16) -> T {
    // SAFETY: the caller's promise; `read_unaligned` asks for no alignment.
    unsafe { pointer::<T>(base, off).read_unaligned() }
}

/// Stores; the address may be unaligned.
///
/// # Safety
/// The bytes at `base + off` are writable.
#[inline(always)]
pub(crate) unsafe fn store<T>(base: u64, off: i16, value: T) {
    // SAFETY: the caller's promise; `write_unaligned` asks for no alignment.
    unsafe { pointer::<T>(base, off).write_unaligned(value) }
}

/// The integers that atomics work on.
pub(crate) trait Atomic: Copy {
    /// The standard library's atomic of that size.
    type Cell: 'static;

    /// The cell at `base + off`.
    ///
    /// # Safety
    /// The bytes at `base + off` are readable and writable, aligned to their size, and not
    /// accessed otherwise than by programs and atomics for as long as the result lives.
    unsafe fn at<'a>(base: u64, off: i16) -> &'a Self::Cell;
    /// A load with acquire order.
    fn load_acquire(cell: &Self::Cell) -> Self;
    /// A store with release order.
    fn store_release(cell: &Self::Cell, value: Self);
    /// Exchanges if equal; the old value either way.
    fn compare_exchange(cell: &Self::Cell, expected: Self, new: Self) -> Self;
}

macro_rules! atomic {
    ($($int:ident $cell:ident),*) => { $(
        impl Atomic for $int {
            type Cell = $cell;

            #[inline(always)]
            unsafe fn at<'a>(base: u64, off: i16) -> &'a $cell {
                // SAFETY: the caller's promise is what `from_ptr` asks for.
                unsafe { $cell::from_ptr(pointer(base, off)) }
            }

            #[inline(always)]
            fn load_acquire(cell: &$cell) -> $int {
                cell.load(Ordering::Acquire)
            }

            #[inline(always)]
            fn store_release(cell: &$cell, value: $int) {
                cell.store(value, Ordering::Release);
            }

            #[inline(always)]
            fn compare_exchange(cell: &$cell, expected: $int, new: $int) -> $int {
                let order = Ordering::SeqCst;
                cell.compare_exchange(expected, new, order, order).unwrap_or_else(|old| old)
            }
        }
    )* };
}
atomic!(u8 AtomicU8, u16 AtomicU16, u32 AtomicU32, u64 AtomicU64);
