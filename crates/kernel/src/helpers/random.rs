//! Random numbers.

use super::{Helper, number, plain};

pub(crate) const HELPERS: &[Helper] =
    &[plain(number::GET_PRANDOM_U32, "get_prandom_u32", |run, _| {
        u64::from(run.kernel.clock.random() as u32)
    })];
