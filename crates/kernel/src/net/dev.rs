//! Network devices.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use skep_uapi::Errno;

use super::xdp_attach::Mode;
use crate::link::Link;
use crate::prog::Prog;

/// The devices of a machine. The loopback device is always there, with index 1.
#[derive(Debug)]
pub(crate) struct Net {
    devices: RwLock<BTreeMap<u32, Arc<Device>>>,
}

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) ifindex: u32,
    pub(crate) name: String,
    pub(crate) mtu: u32,
    /// The XDP program.
    xdp: RwLock<Option<Attached>>,
    /// Frames that left and were not taken yet.
    sent: Mutex<Vec<Vec<u8>>>,
}

/// An XDP program on a device.
#[derive(Clone, Debug)]
pub(crate) enum Attached {
    /// By a link, which takes it away when it ends.
    Link { link: Weak<Link>, prog: Arc<Prog>, mode: Mode },
    /// By netlink: stays until it is taken away.
    Netlink { prog: Arc<Prog>, mode: Mode },
}

/// The interface index of the loopback device, as in Linux.
pub(crate) const LOOPBACK: u32 = 1;
/// The longest interface name (`IFNAMSIZ`, less the zero byte).
const NAME_MAX: usize = 15;
/// The smallest MTU of an Ethernet device (`ETH_MIN_MTU`).
const MTU_MIN: u32 = 68;

impl Net {
    pub(crate) fn new() -> Net {
        let loopback = Device::new(LOOPBACK, "lo", 65_536);
        Net { devices: RwLock::new(BTreeMap::from([(LOOPBACK, Arc::new(loopback))])) }
    }

    /// Adds a device; the result is its index.
    pub(crate) fn add(&self, name: &str, mtu: u32) -> Result<u32, Errno> {
        let valid = !name.is_empty()
            && name.len() <= NAME_MAX
            && !matches!(name, "." | "..")
            && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace());
        if !valid || mtu < MTU_MIN {
            return Err(Errno::EINVAL);
        }
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        if devices.values().any(|device| device.name == name) {
            return Err(Errno::EEXIST);
        }
        let ifindex = devices.keys().next_back().map_or(LOOPBACK, |last| last + 1);
        devices.insert(ifindex, Arc::new(Device::new(ifindex, name, mtu)));
        Ok(ifindex)
    }

    /// The device with this index.
    pub(crate) fn device(&self, ifindex: u32) -> Option<Arc<Device>> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.get(&ifindex).cloned()
    }

    /// Every device, in the order of the indices.
    pub(crate) fn all(&self) -> Vec<Arc<Device>> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        devices.values().cloned().collect()
    }
}

impl Device {
    fn new(ifindex: u32, name: &str, mtu: u32) -> Device {
        let (xdp, sent) = (RwLock::default(), Mutex::default());
        Device { ifindex, name: name.to_owned(), mtu, xdp, sent }
    }

    /// The XDP program that runs on arriving frames.
    pub(crate) fn xdp_prog(&self) -> Option<Arc<Prog>> {
        let xdp = self.xdp.read().unwrap_or_else(PoisonError::into_inner);
        xdp.as_ref().map(|attached| attached.prog().clone())
    }

    /// The mode and the program's id of what is attached.
    pub(crate) fn xdp_mode_and_id(&self) -> Option<(Mode, u32)> {
        let xdp = self.xdp.read().unwrap_or_else(PoisonError::into_inner);
        xdp.as_ref().map(|attached| (attached.mode(), attached.prog().id.number()))
    }

    /// Changes what is attached, by a rule that sees what was. What was ends outside the lock.
    pub(crate) fn change<E>(
        &self,
        rule: impl FnOnce(Option<&Attached>) -> Result<Option<Attached>, E>,
    ) -> Result<(), E> {
        let before = {
            let mut xdp = self.xdp.write().unwrap_or_else(PoisonError::into_inner);
            let after = rule(xdp.as_ref())?;
            core::mem::replace(&mut *xdp, after)
        };
        drop(before);
        Ok(())
    }

    /// Takes the program of this link away.
    pub(crate) fn detach_link(&self, is_link: impl Fn(&Weak<Link>) -> bool) {
        let before = {
            let mut xdp = self.xdp.write().unwrap_or_else(PoisonError::into_inner);
            match &*xdp {
                Some(Attached::Link { link, .. }) if is_link(link) => xdp.take(),
                _ => None,
            }
        };
        drop(before);
    }

    /// A frame leaves.
    pub(crate) fn send(&self, frame: Vec<u8>) {
        self.lock_sent().push(frame);
    }

    /// Takes the frames that left.
    pub(crate) fn take_sent(&self) -> Vec<Vec<u8>> {
        core::mem::take(&mut *self.lock_sent())
    }

    fn lock_sent(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attached {
    pub(crate) fn prog(&self) -> &Arc<Prog> {
        match self {
            Attached::Link { prog, .. } | Attached::Netlink { prog, .. } => prog,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Attached::Link { mode, .. } | Attached::Netlink { mode, .. } => *mode,
        }
    }
}
