//! Times that a kernel counts from its start, on this process's clock.

use std::cell::OnceCell;
use std::time::{Duration, Instant, SystemTime};

use skep_uapi::Kernel;

/// When a kernel was started, as exactly as a question needs it.
///
/// The kernel tells its uptime in hundredths of a second, cut off, and time passes until it is
/// read. So an estimate of the start is late by some milliseconds, never early, and the earliest of
/// many is the best. Most questions are for seconds, and one quick estimate answers them; only
/// where that falls just behind the beginning of a second is it worth looking for the moment at
/// which the uptime goes on.
pub(crate) struct BootClock<'k> {
    kernel: &'k dyn Kernel,
    quick: Option<SystemTime>,
    exact: OnceCell<Option<SystemTime>>,
}

/// A step of the uptime.
const STEP: Duration = Duration::from_millis(10);

impl<'k> BootClock<'k> {
    pub(crate) fn of(kernel: &'k dyn Kernel) -> BootClock<'k> {
        BootClock { kernel, quick: estimate(kernel), exact: OnceCell::new() }
    }

    /// The time at which so much had passed since the start; exact to the second.
    pub(crate) fn at(&self, since_start: Duration) -> Option<SystemTime> {
        let at = self.quick?.checked_add(since_start)?;
        let behind_second = at.duration_since(SystemTime::UNIX_EPOCH).ok()?.subsec_nanos();
        // Twice a step leaves as much again for a process that had to wait.
        if Duration::from_nanos(behind_second.into()) > 2 * STEP {
            return Some(at);
        }
        let exact = self.exact.get_or_init(|| earliest(self.kernel));
        (*exact)?.checked_add(since_start)
    }
}

/// The earliest of the estimates during a step and a bit.
fn earliest(kernel: &dyn Kernel) -> Option<SystemTime> {
    let begun = Instant::now();
    let mut best = estimate(kernel)?;
    while begun.elapsed() < STEP + STEP / 10 {
        best = best.min(estimate(kernel)?);
    }
    Some(best)
}

fn estimate(kernel: &dyn Kernel) -> Option<SystemTime> {
    let uptime = kernel.file("/proc/uptime").ok()?;
    let seconds: f64 = std::str::from_utf8(&uptime).ok()?.split(' ').next()?.parse().ok()?;
    SystemTime::now().checked_sub(Duration::try_from_secs_f64(seconds).ok()?)
}
