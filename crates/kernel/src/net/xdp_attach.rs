//! Who may put an XDP program on a device: the rules of Linux 6.18, by link and by netlink.
//!
//! A device has a place for a native and one for a generic program, of which one may be taken. An
//! attachment that names no mode is native, but generic on the loopback device, which has no
//! native mode.

use std::sync::Arc;

use skep_uapi::{AttachType, Errno, NetError, xdp_flags};

use super::dev::{Attached, Device, LOOPBACK};
use crate::prog::Prog;

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By the driver: before the kernel makes a packet of its own of the frame.
    Native,
    /// By the network stack.
    Generic,
}

/// A wish to attach, exchange or detach by netlink.
#[derive(Debug)]
pub(crate) struct Wish {
    /// None: detach.
    pub(crate) prog: Option<Arc<Prog>>,
    /// With `XDP_FLAGS_REPLACE`: what must be there, or that nothing must be.
    pub(crate) expected: Option<Option<Arc<Prog>>>,
    pub(crate) flags: u32,
}

const MODES: u32 = xdp_flags::SKB_MODE | xdp_flags::DRV_MODE | xdp_flags::HW_MODE;

impl Mode {
    /// The mode that flags ask for on a device. Hardware is not there.
    pub(crate) fn from_flags(flags: u32, device: &Device) -> Result<Mode, Errno> {
        match flags & MODES {
            xdp_flags::SKB_MODE => Ok(Mode::Generic),
            xdp_flags::DRV_MODE if device.ifindex == LOOPBACK => Err(Errno::EOPNOTSUPP),
            xdp_flags::DRV_MODE => Ok(Mode::Native),
            0 if device.ifindex == LOOPBACK => Ok(Mode::Generic),
            0 => Ok(Mode::Native),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// The flags of a link: at most one mode.
pub(crate) fn check_link_flags(flags: u32) -> Result<(), Errno> {
    let one_mode = (flags & MODES).count_ones() <= 1;
    if flags & !MODES != 0 || !one_mode { Err(Errno::EINVAL) } else { Ok(()) }
}

/// Attaches a link. Whatever is there already is in the way.
pub(crate) fn by_link(device: &Device, new: Attached) -> Result<(), Errno> {
    check_prog(new.prog()).map_err(|refused| refused.errno)?;
    device.change(|there| match there {
        None => Ok(Some(new)),
        Some(other) if other.mode() != new.mode() => Err(Errno::EEXIST),
        Some(_) => Err(Errno::EBUSY),
    })
}

/// Exchanges the program of the link that is attached.
pub(crate) fn exchange(device: &Device, new: &Arc<Prog>) {
    let done: Result<(), core::convert::Infallible> = device.change(|there| {
        Ok(match there {
            Some(Attached::Link { link, mode, .. }) => {
                Some(Attached::Link { link: link.clone(), prog: new.clone(), mode: *mode })
            }
            other => other.cloned(),
        })
    });
    let Ok(()) = done;
}

/// Attaches, exchanges or detaches by netlink.
pub(crate) fn by_netlink(device: &Device, wish: Wish) -> Result<(), NetError> {
    let Wish { prog, expected, flags } = wish;
    let mode = match (Mode::from_flags(flags, device), &prog) {
        (Ok(mode), _) => mode,
        // Nothing can be there to detach.
        (Err(_), None) => return Ok(()),
        (Err(errno), Some(_)) => return Err(errno.into()),
    };
    device.change(|there| {
        let here = there.filter(|attached| attached.mode() == mode);
        if let Some(Attached::Link { .. }) = here {
            return Err(refuse(Errno::EBUSY, "Can't replace active BPF XDP link"));
        }
        if let Some(expected) = expected {
            let same = match (&expected, here) {
                (Some(expected), Some(here)) => Arc::ptr_eq(expected, here.prog()),
                (expected, here) => expected.is_none() && here.is_none(),
            };
            if !same {
                return Err(refuse(Errno::EEXIST, "Active program does not match expected"));
            }
        }
        let Some(prog) = prog else {
            return Ok(there.filter(|attached| attached.mode() != mode).cloned());
        };
        if there.is_some() && here.is_none() {
            let text = "Native and generic XDP can't be active at the same time";
            return Err(refuse(Errno::EEXIST, text));
        }
        if here.is_some() && flags & xdp_flags::UPDATE_IF_NOEXIST != 0 {
            return Err(refuse(Errno::EBUSY, "XDP program already attached"));
        }
        check_prog(&prog)?;
        Ok(Some(Attached::Netlink { prog, mode }))
    })
}

/// Programs for the ends of redirections are not for devices.
fn check_prog(prog: &Prog) -> Result<(), NetError> {
    let text = match prog.expected_attach_type {
        AttachType::XDP_DEVMAP => "BPF_XDP_DEVMAP programs can not be attached to a device",
        AttachType::XDP_CPUMAP => "BPF_XDP_CPUMAP programs can not be attached to a device",
        _ => return Ok(()),
    };
    Err(refuse(Errno::EINVAL, text))
}

fn refuse(errno: Errno, text: &str) -> NetError {
    NetError { errno, extack: Some(text.to_owned()) }
}
