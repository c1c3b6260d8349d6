//! Time and randomness: the only two things that could make a run differ from the last one.

#![expect(unsafe_code, reason = "clock_gettime(2) fills a structure behind a pointer")]

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use skep_uapi::Errno;

/// Where a kernel's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClockSource {
    /// The host's clocks.
    #[default]
    Real,
    /// Stands still until [`skep_uapi::Machine::advance`]; runs repeat exactly.
    Virtual,
}

/// The clocks and random numbers of one kernel.
#[derive(Debug)]
pub(crate) struct Clock {
    source: ClockSource,
    /// Nanoseconds of virtual time since the kernel was made.
    now: AtomicU64,
    /// State of the random numbers.
    random: AtomicU64,
}

/// Timer interrupts a second, as Linux is commonly built (`CONFIG_HZ`).
const HZ: u64 = 250;
/// Linux starts its count of ticks five minutes before it wraps at 32 bits.
const INITIAL_JIFFIES: u64 = (300 * HZ as u32).wrapping_neg() as u64;

impl Clock {
    /// Without a seed, virtual time uses a fixed one and real time a different one each time.
    pub(crate) fn new(source: ClockSource, seed: Option<u64>) -> Clock {
        let seed = seed.unwrap_or_else(|| match source {
            ClockSource::Virtual => 0,
            ClockSource::Real => RandomState::new().hash_one(0),
        });
        Clock { source, now: AtomicU64::new(0), random: AtomicU64::new(seed) }
    }

    /// Nanoseconds since boot without the time asleep (`CLOCK_MONOTONIC`).
    pub(crate) fn monotonic(&self) -> u64 {
        self.read(libc::CLOCK_MONOTONIC)
    }

    /// Nanoseconds since boot (`CLOCK_BOOTTIME`).
    pub(crate) fn boottime(&self) -> u64 {
        self.read(libc::CLOCK_BOOTTIME)
    }

    /// Monotonic nanoseconds as of the last tick.
    pub(crate) fn monotonic_coarse(&self) -> u64 {
        self.read(libc::CLOCK_MONOTONIC_COARSE)
    }

    /// International atomic time in nanoseconds.
    pub(crate) fn tai(&self) -> u64 {
        self.read(libc::CLOCK_TAI)
    }

    /// Ticks.
    pub(crate) fn jiffies(&self) -> u64 {
        INITIAL_JIFFIES + self.monotonic() / (1_000_000_000 / HZ)
    }

    /// Lets virtual time pass; real time does not obey.
    pub(crate) fn advance(&self, by: Duration) -> Result<(), Errno> {
        if self.source == ClockSource::Real {
            return Err(Errno::EINVAL);
        }
        let by = u64::try_from(by.as_nanos()).map_err(|_| Errno::EINVAL)?;
        self.now.fetch_add(by, Ordering::Relaxed);
        Ok(())
    }

    /// The next random number.
    pub(crate) fn random(&self) -> u64 {
        // splitmix64: the state is a counter, so that threads never see the same number twice.
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.random.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn read(&self, clock: libc::clockid_t) -> u64 {
        if self.source == ClockSource::Virtual {
            return self.now.load(Ordering::Relaxed);
        }
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a place for the one structure that the call fills.
        let result = unsafe { libc::clock_gettime(clock, &mut time) };
        assert_eq!(result, 0, "the clocks that are read here exist on every Linux");
        time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_time_moves_when_told_and_random_numbers_repeat() {
        let clock = Clock::new(ClockSource::Virtual, Some(7));
        assert_eq!(clock.monotonic(), 0);
        clock.advance(Duration::from_micros(3)).unwrap();
        assert_eq!((clock.monotonic(), clock.boottime()), (3000, 3000));
        let again = Clock::new(ClockSource::Virtual, Some(7));
        assert_eq!(clock.random(), again.random());
        assert_ne!(clock.random(), clock.random());
    }

    #[test]
    fn real_time_passes_alone() {
        let clock = Clock::new(ClockSource::Real, None);
        assert_eq!(clock.advance(Duration::from_secs(1)), Err(Errno::EINVAL));
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before && before > 0);
    }
}
