//! Helpers that tell where a program runs.

use skep_verifier::{HelperFlags, Range, Returns};

use super::{Helper, number, plain, row};

/// What a CPU's number is at most, as far as programs may rely on it. Linux tells its verifier how
/// many there are; here it is only sure that the number is no negative one in any width.
const CPU_MAX: i64 = i32::MAX as i64;

pub(crate) const HELPERS: &[Helper] = &[
    row(
        number::GET_SMP_PROCESSOR_ID,
        "get_smp_processor_id",
        &[],
        Returns::Range(Range { min: 0, max: CPU_MAX }),
        HelperFlags::NONE,
        |run, _| u64::from(run.cpu),
    ),
    // This machine has one memory node.
    plain(number::GET_NUMA_NODE_ID, "get_numa_node_id", |_, _| 0),
];
