//! Virtual CPUs. A run leases one and has it for itself until it ends, so per-CPU values need no
//! more care than in Linux, where a program cannot be moved either.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};

use skep_vm::interp::Stack;

use crate::memory::Memory;

/// The CPUs of a kernel.
#[derive(Debug)]
pub(crate) struct Cpus {
    cpus: Box<[Mutex<Scratch>]>,
    gate: Gate,
}

/// What a run borrows from its CPU.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) stack: Stack,
    pub(crate) copies: Copies,
    /// The buffer of an arriving frame.
    pub(crate) frame: Option<Memory>,
}

/// Room for a helper's copies of keys and values: kept, because a run is shorter than an allocation.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// One CPU, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    number: u32,
    scratch: MutexGuard<'a, Scratch>,
    // Dropped after the CPU, in the order of the fields: only then is there something to wake for.
    _freed: Freed<'a>,
}

/// Where those wait who found every CPU busy.
#[derive(Debug, Default)]
struct Gate {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    freed: Condvar,
}

#[derive(Debug)]
struct Freed<'a>(&'a Gate);

thread_local! {
    /// The CPU that this thread had last: it is tried first, so that a thread stays where it was.
    /// Only a hint, which is why it may serve every kernel of the process.
    static LAST: Cell<u32> = const { Cell::new(0) };
}

impl Cpus {
    /// So many CPUs, at least one.
    pub(crate) fn new(count: u32) -> Cpus {
        let cpus = (0..count.max(1)).map(|_| Mutex::default()).collect();
        Cpus { cpus, gate: Gate::default() }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.cpus.len()).expect("made of a u32")
    }

    /// A free CPU; waits for one if all are busy.
    pub(crate) fn lease(&self) -> Lease<'_> {
        if let Some(lease) = self.try_any() {
            return lease;
        }
        let mut lock = self.gate.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.gate.waiting.fetch_add(1, Ordering::SeqCst);
        let lease = loop {
            if let Some(lease) = self.try_any() {
                break lease;
            }
            lock = self.gate.freed.wait(lock).unwrap_or_else(PoisonError::into_inner);
        };
        self.gate.waiting.fetch_sub(1, Ordering::SeqCst);
        lease
    }

    fn try_any(&self) -> Option<Lease<'_>> {
        let (count, last) = (self.count(), LAST.get());
        let (number, scratch) =
            (0..count).map(|i| (last + i) % count).find_map(|number| {
                match self.cpus[number as usize].try_lock() {
                    Ok(scratch) => Some((number, scratch)),
                    Err(TryLockError::Poisoned(scratch)) => Some((number, scratch.into_inner())),
                    Err(TryLockError::WouldBlock) => None,
                }
            })?;
        LAST.set(number);
        Some(Lease { number, scratch, _freed: Freed(&self.gate) })
    }
}

impl Lease<'_> {
    /// The CPU's number, from 0.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// What the run may use.
    pub(crate) fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }
}

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            // Under the lock: whoever waits has either not looked yet or is already asleep.
            let _lock = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn a_cpu_has_one_tenant() {
        let cpus = Cpus::new(2);
        let tenants = [AtomicU32::new(0), AtomicU32::new(0)];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let lease = cpus.lease();
                        let here = &tenants[lease.number() as usize];
                        assert_eq!(here.fetch_add(1, Ordering::SeqCst), 0);
                        here.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
