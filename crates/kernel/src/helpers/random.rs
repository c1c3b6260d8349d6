//! Random numbers.

use super::number;

use super::{Helper, plain};

pub(crate) const HELPERS: &[Helper] =
    &[plain(number::GET_PRANDOM_U32, "get_prandom_u32", |run, _| {
        u64::from(run.kernel.clock.random() as u32)
    })];
