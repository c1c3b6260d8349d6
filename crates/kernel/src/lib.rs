//! A BPF kernel in user space: no root, no Linux BPF, the same answers.
//!
//! What it is: bpf(2), maps, helpers, program types and attachments behind the seam of
//! [`skep_uapi`], answering as Linux 6.18 answers a caller with CAP_BPF, CAP_PERFMON,
//! CAP_NET_ADMIN and CAP_SYS_ADMIN. It runs only what the verifier accepted, on virtual CPUs, in
//! this process; everything ends with the [`UserKernel`]. What it is not: a loader (it is given
//! what bpf(2) is given), or a sandbox for whoever calls it. What it does not do is in
//! [`support`].
//!
//! In reading order:
//! - `kernel` (the parts, and the traits that it answers), `syscall` (every command);
//! - objects: `id`, `fd`, `pins`, `btf` and `vmlinux`, `link`;
//! - programs: `load` (the checks around the verifier), `debug_info`, `prog` (runs them);
//! - what programs meet: `prog_types`, `helpers`, `maps`, `memory` (how it is shared);
//! - the machine: `cpu`, `clock`, `task`, `net`, `files`, `fdinfo`, `trace`;
//! - `support` (what is and is not done), `checked` (runs unverified bytecode).
//!
//! ```
//! use skep_kernel::UserKernel;
//! use skep_uapi::{Kernel, MapCreate, MapType};
//!
//! let kernel = UserKernel::default();
//! let map = kernel.map_create(MapCreate {
//!     map_type: MapType::HASH,
//!     key_size: 4,
//!     value_size: 8,
//!     max_entries: 16,
//!     ..MapCreate::default()
//! })?;
//! kernel.map_update(map, &[1, 0, 0, 0], &7_u64.to_ne_bytes(), 0)?;
//! let mut value = [0; 8];
//! kernel.map_lookup(map, &[1, 0, 0, 0], &mut value, 0)?;
//! assert_eq!(u64::from_ne_bytes(value), 7);
//! # Ok::<(), skep_uapi::Errno>(())
//! ```

#![deny(unsafe_code)]

mod btf;
pub mod checked;
mod clock;
mod cpu;
mod debug_info;
mod fd;
mod fdinfo;
mod files;
mod helpers;
mod id;
mod kernel;
mod link;
mod load;
mod maps;
mod memory;
mod net;
mod pins;
mod prog;
mod prog_types;
pub mod support;
mod syscall;
mod task;
mod trace;
mod vmlinux;

pub use clock::ClockSource;
pub use kernel::{Config, Pinning, UserKernel};
