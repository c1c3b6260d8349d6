//! Links: attachments that are objects. When the last descriptor or pin of a link goes, so does
//! its attachment; detached by force, the link stays and is attached to nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use skep_uapi::{
    AttachType, Errno, LinkCreate, LinkInfo, LinkInfoDetail, LinkType, ProgType, Target,
};

use crate::UserKernel;
use crate::id::Id;
use crate::net::dev::{Attached, Device};
use crate::net::xdp_attach::{self, Mode};
use crate::prog::Prog;

/// An attachment of an XDP program to a device: the one kind of link so far.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: Id<Link>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    prog: Arc<Prog>,
    /// Gone once the link is detached.
    device: Option<Arc<Device>>,
}

/// Takes a new program only if the old one is the given one.
const F_REPLACE: u32 = 1 << 2;

/// `BPF_LINK_CREATE`.
pub(crate) fn create(kernel: &UserKernel, create: &LinkCreate<'_>) -> Result<Arc<Link>, Errno> {
    let prog = kernel.fds.prog(create.fd)?;
    let attach_type = create.attach_type;
    match prog.prog_type {
        ProgType::XDP if attach_type == AttachType::XDP => xdp(kernel, prog, create),
        _ => Err(Errno::EINVAL),
    }
}

fn xdp(kernel: &UserKernel, prog: Arc<Prog>, create: &LinkCreate<'_>) -> Result<Arc<Link>, Errno> {
    let Target::Ifindex(ifindex) = create.target else { return Err(Errno::EINVAL) };
    xdp_attach::check_link_flags(create.flags)?;
    let device = kernel.net.device(ifindex).ok_or(Errno::EINVAL)?;
    let mode = Mode::from_flags(create.flags, &device)?;
    let state = State { prog: prog.clone(), device: Some(device.clone()) };
    // Found by others only once it is attached: one that cannot be has never been there.
    let link = Arc::new(Link { id: kernel.links.next(), state: Mutex::new(state) });
    let attached = Attached::Link { link: Arc::downgrade(&link), prog, mode };
    if let Err(refused) = xdp_attach::by_link(&device, attached) {
        // Not attached, so its end must not detach what is.
        link.lock().device = None;
        return Err(refused);
    }
    kernel.links.settle(link.id.number(), &link);
    Ok(link)
}

impl Link {
    /// `BPF_LINK_UPDATE`.
    pub(crate) fn update(
        self: &Arc<Link>,
        new: Arc<Prog>,
        flags: u32,
        old: Option<Arc<Prog>>,
    ) -> Result<(), Errno> {
        let mut state = self.lock();
        if flags & F_REPLACE != 0 && !old.is_some_and(|old| Arc::ptr_eq(&old, &state.prog)) {
            return Err(Errno::EPERM);
        }
        let device = state.device.clone().ok_or(Errno::ENOLINK)?;
        let same_kind = new.prog_type == state.prog.prog_type
            && new.expected_attach_type == state.prog.expected_attach_type;
        if !same_kind {
            return Err(Errno::EINVAL);
        }
        xdp_attach::exchange(&device, &new);
        state.prog = new;
        Ok(())
    }

    /// `BPF_LINK_DETACH`. Detaching twice is no error.
    pub(crate) fn detach(&self) {
        if let Some(device) = self.lock().device.take() {
            // By address: a link on its way out cannot be asked for its id any more.
            device.detach_link(|link| core::ptr::eq(link.as_ptr(), self));
        }
    }

    /// `struct bpf_link_info`.
    pub(crate) fn describe(&self) -> LinkInfo {
        let state = self.lock();
        LinkInfo {
            link_type: LinkType::XDP,
            id: self.id.number(),
            prog_id: state.prog.id.number(),
            detail: LinkInfoDetail::Xdp {
                ifindex: state.device.as_ref().map_or(0, |device| device.ifindex),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.detach();
    }
}

/// The old program that `BPF_LINK_UPDATE` names: with `BPF_F_REPLACE` only.
pub(crate) fn check_update_flags(flags: u32, has_old: bool) -> Result<(), Errno> {
    match flags {
        0 if has_old => Err(Errno::EINVAL),
        0 | F_REPLACE => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}
