//! Helpers that tell the time.

use super::{Helper, number, plain};

pub(crate) const HELPERS: &[Helper] = &[
    plain(number::KTIME_GET_NS, "ktime_get_ns", |run, _| run.kernel.clock.monotonic()),
    plain(number::KTIME_GET_BOOT_NS, "ktime_get_boot_ns", |run, _| run.kernel.clock.boottime()),
    plain(number::KTIME_GET_COARSE_NS, "ktime_get_coarse_ns", |run, _| {
        run.kernel.clock.monotonic_coarse()
    }),
    plain(number::KTIME_GET_TAI_NS, "ktime_get_tai_ns", |run, _| run.kernel.clock.tai()),
    plain(number::JIFFIES64, "jiffies64", |run, _| run.kernel.clock.jiffies()),
];
