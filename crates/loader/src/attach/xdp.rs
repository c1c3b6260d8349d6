//! XDP: by link, which its owner holds, or by netlink, which stays until it is taken away.

use std::sync::Arc;

use skep_uapi::{
    AttachType, Errno, Kernel, LinkCreate, NetLink, Netlink, Reply, Target, xdp_flags,
};

use crate::{Error, Link, Prog};

/// Where in the receive path the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// In the driver where it can, else in generic mode.
    #[default]
    Best,
    /// In the stack, on any device (`xdpgeneric`).
    Generic,
    /// In the driver (`xdp`).
    Driver,
    /// On the device (`xdpoffload`).
    Offload,
}

/// What may be attached already.
#[derive(Clone, Copy, Debug, Default)]
pub enum Replace<'a> {
    /// Nothing.
    #[default]
    Nothing,
    /// Anything, or nothing.
    Anything,
    /// Exactly this program.
    Only(&'a Prog),
}

/// Attaches by link.
pub fn link(prog: &Prog, ifindex: u32, mode: Mode) -> Result<Link, Error> {
    let link = LinkCreate {
        fd: prog.handle().fd(),
        target: Target::Ifindex(ifindex),
        attach_type: AttachType::XDP,
        flags: mode.flags(),
        ..LinkCreate::default()
    };
    Link::create(prog.handle().kernel(), link, || attaching(prog, ifindex))
}

/// Attaches by netlink, as `ip link set dev D xdp` does.
pub fn netlink(prog: &Prog, ifindex: u32, mode: Mode, replace: Replace<'_>) -> Result<(), Error> {
    let (expected, extra) = match replace {
        Replace::Nothing => (None, xdp_flags::UPDATE_IF_NOEXIST),
        Replace::Anything => (None, 0),
        Replace::Only(old) => (Some(old.handle().fd()), xdp_flags::REPLACE),
    };
    let flags = mode.flags() | extra;
    let request = Netlink::XdpSet { ifindex, prog: Some(prog.handle().fd()), expected, flags };
    ask(prog.handle().kernel(), request, || attaching(prog, ifindex)).map(drop)
}

/// Detaches what was attached by netlink in this mode.
pub fn detach(kernel: &Arc<dyn Kernel>, ifindex: u32, mode: Mode) -> Result<(), Error> {
    let request = Netlink::XdpSet { ifindex, prog: None, expected: None, flags: mode.flags() };
    ask(kernel, request, || format!("detach XDP from interface {ifindex}")).map(drop)
}

/// Every interface, with the XDP programs attached to it.
pub fn interfaces(kernel: &Arc<dyn Kernel>) -> Result<Vec<NetLink>, Error> {
    match ask(kernel, Netlink::Links, || "list the network interfaces".to_owned())? {
        Reply::Links(links) => Ok(links),
        Reply::Done => Ok(Vec::new()),
    }
}

/// The interface with this name.
pub fn interface(kernel: &Arc<dyn Kernel>, name: &str) -> Result<NetLink, Error> {
    let doing = || format!("find the network interface {name}");
    match ask(kernel, Netlink::LinkByName(name), doing)? {
        Reply::Links(mut links) if !links.is_empty() => Ok(links.swap_remove(0)),
        _ => Err(Error::Command { doing: doing(), errno: Errno::ENODEV }),
    }
}

fn ask(
    kernel: &Arc<dyn Kernel>,
    request: Netlink<'_>,
    doing: impl FnOnce() -> String,
) -> Result<Reply, Error> {
    kernel.netlink(request).map_err(|answer| Error::Netlink { doing: doing(), answer })
}

fn attaching(prog: &Prog, ifindex: u32) -> String {
    format!("attach XDP program {} to interface {ifindex}", prog.title())
}

impl Mode {
    const fn flags(self) -> u32 {
        match self {
            Mode::Best => 0,
            Mode::Generic => xdp_flags::SKB_MODE,
            Mode::Driver => xdp_flags::DRV_MODE,
            Mode::Offload => xdp_flags::HW_MODE,
        }
    }
}
