//! `<linux/bpf.h>` in Rust, and the seam between those who use a BPF kernel and those who are one.
//!
//! What it is: the numbers and layouts of the interface, bpf(2) as a value ([`Command`]), and the
//! traits that a kernel ([`Kernel`]) and a simulated machine ([`Machine`]) answer. What it is not:
//! an implementation of any of it; nothing here makes a system call.
//!
//! In reading order: `kernel` (the seam), `command`, `info`, `numbers`, `helpers`, `flags`, `fd`,
//! `errno`, `netlink`, `event`, `mapping`; `attr` (`union bpf_attr` both ways); kernels around a
//! kernel: `trace` (prints every command), `faulty` (fails the n-th call), `shared` (an `Arc`).
//!
//! ```
//! use skep_uapi::{Command, Errno, Fd, Kernel, MapCreate, MapType, Name};
//!
//! /// Works on any kernel.
//! fn counter(kernel: &dyn Kernel) -> Result<Fd, Errno> {
//!     kernel.map_create(MapCreate {
//!         map_type: MapType::ARRAY,
//!         key_size: 4,
//!         value_size: 8,
//!         max_entries: 1,
//!         map_name: Name::cut("counter"),
//!         ..MapCreate::default()
//!     })
//! }
//! # let _ = counter;
//! assert_eq!(MapType::ARRAY.name(), Some("BPF_MAP_TYPE_ARRAY"));
//! ```

#![deny(unsafe_code)]

pub mod attr;
mod command;
mod errno;
mod event;
mod faulty;
mod fd;
pub mod flags;
mod helpers;
mod info;
mod kernel;
mod mapping;
mod netlink;
mod numbers;
mod shared;
mod trace;

pub use command::{
    Command, LinkCreate, LinkDetail, LookupBatch, MapCreate, ProgAttach, ProgLoad, ProgQuery,
    Target, TaskFd, TestRun,
};
pub use errno::Errno;
pub use event::{PerfEvent, PerfRequest, SocketOption};
pub use faulty::Faulty;
pub use fd::{Fd, NAME_BYTES, Name};
pub use helpers::{Helper, Signature};
pub use info::{BtfInfo, Info, LinkInfo, LinkInfoDetail, MapInfo, PerfEventLink, ProgInfo};
pub use kernel::{
    Access, Area, Child, Destination, Device, Entry, EntryKind, Kernel, Machine, Open, Received,
};
pub use mapping::{Grant, Mapping};
pub use netlink::{NetError, NetLink, Netlink, Reply, xdp_flags};
pub use numbers::{AttachType, Cmd, LinkType, MapType, ProgType, XdpAction};
pub use trace::Traced;
