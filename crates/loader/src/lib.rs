//! Loads objects into any kernel, attaches and reads them.
//!
//! Placeholder doc; in reading order: `handle`, `map`, `prog`, `link`, `load`.

#![forbid(unsafe_code)]
