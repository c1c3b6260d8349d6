//! Attaching programs: one file per attach kind.

pub mod query;
pub mod xdp;
