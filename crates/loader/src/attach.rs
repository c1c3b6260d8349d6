//! Attaching programs: one file per attach kind.

pub mod xdp;
