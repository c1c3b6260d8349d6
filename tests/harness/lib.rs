//! Harness of the end to end tests: every file on every kernel.

mod binary;

pub use binary::{root, skep};
