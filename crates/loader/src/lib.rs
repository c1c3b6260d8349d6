//! Loads objects into any kernel, attaches and reads them.
//!
//! What it is: what stands between an [`Object`](skep_obj::Object) and a running program, and the
//! owned handles of what a kernel holds. Everything works over `Arc<dyn Kernel>`. What it is not:
//! a kernel, or the choice of one; it never makes a system call and does not know whom it talks to.
//!
//! In reading order: `handle` (a descriptor that closes itself), `ids` (what a kernel holds),
//! `map`, `prog`, `link`, `btf`, `load` (the main path: object to programs) with `create` (a map
//! of an object) and `relocate` (maps into instructions), `pins` (what is undone on failure),
//! `attach` (one file per attach kind), `rejection` (a verifier's log, read), `error`.
//!
//! ```
//! use std::sync::Arc;
//! use skep_loader::{Error, Loader};
//! use skep_obj::Object;
//! use skep_uapi::Kernel;
//!
//! /// Loads every program of an object and returns how many elements its first map has.
//! fn elements(kernel: &Arc<dyn Kernel>, object: &Object) -> Result<usize, Error> {
//!     let loaded = Loader::new(kernel).load(object)?;
//!     let Some(map) = loaded.maps.first() else { return Ok(0) };
//!     let mut found = 0;
//!     for key in map.map.keys() {
//!         key?;
//!         found += 1;
//!     }
//!     Ok(found)
//! }
//! # let _ = elements;
//! ```

#![forbid(unsafe_code)]

pub mod attach;
mod btf;
mod create;
mod error;
mod handle;
mod ids;
mod link;
mod load;
mod map;
mod pins;
mod prog;
mod rejection;
mod relocate;

pub use btf::{BtfFacts, BtfObject};
pub use error::Error;
pub use handle::{Handle, ObjectKind};
pub use ids::Ids;
pub use link::Link;
pub use load::{Loaded, LoadedMap, LoadedProg, Loader, Warning};
pub use map::{Keys, Map};
pub use prog::{Ksym, Prog, ProgFacts, TestInput, TestOutcome};
pub use rejection::Rejection;
