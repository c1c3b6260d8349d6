//! Helpers that tell where a program runs.

use super::{Helper, number, plain};

pub(crate) const HELPERS: &[Helper] = &[
    plain(number::GET_SMP_PROCESSOR_ID, "get_smp_processor_id", |run, _| u64::from(run.cpu)),
    // This machine has one memory node.
    plain(number::GET_NUMA_NODE_ID, "get_numa_node_id", |_, _| 0),
];
