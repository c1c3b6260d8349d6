//! Requests that Linux answers over route netlink.

use crate::{Errno, Fd};

/// A request.
#[derive(Clone, Copy, Debug)]
pub enum Netlink<'a> {
    /// `RTM_SETLINK` with `IFLA_XDP`: attaches, exchanges or (without `prog`) detaches.
    XdpSet {
        /// The interface.
        ifindex: u32,
        /// The program, or none to detach.
        prog: Option<Fd>,
        /// With `XDP_FLAGS_REPLACE`: the program that must be there.
        expected: Option<Fd>,
        /// `XDP_FLAGS_*`.
        flags: u32,
    },
    /// `RTM_GETLINK`: every interface, with what is attached.
    Links,
    /// `RTM_GETLINK`: one interface by name.
    LinkByName(&'a str),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, with nothing to say.
    Done,
    /// Interfaces.
    Links(Vec<NetLink>),
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetLink {
    /// Interface index.
    pub ifindex: u32,
    /// Interface name.
    pub name: String,
    /// XDP programs: mode (`XDP_ATTACHED_DRV`, `_SKB`, `_HW`) and id.
    pub xdp: Vec<(u8, u32)>,
}

/// A refusal, with the kernel's own words where it has some.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{errno}{}", extack.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct NetError {
    /// The error number.
    pub errno: Errno,
    /// The extended acknowledgement's text.
    pub extack: Option<String>,
}

impl From<Errno> for NetError {
    fn from(errno: Errno) -> Self {
        NetError { errno, extack: None }
    }
}

/// Flags of an XDP attachment by netlink (`XDP_FLAGS_*` of `<linux/if_link.h>`).
#[expect(missing_docs, reason = "names are those of linux/if_link.h")]
pub mod xdp_flags {
    pub const UPDATE_IF_NOEXIST: u32 = 1 << 0;
    pub const SKB_MODE: u32 = 1 << 1;
    pub const DRV_MODE: u32 = 1 << 2;
    pub const HW_MODE: u32 = 1 << 3;
    pub const REPLACE: u32 = 1 << 4;
}
