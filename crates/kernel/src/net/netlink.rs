//! Route netlink, as far as BPF needs it.

use skep_uapi::{Errno, Fd, NetError, NetLink, Netlink, ProgType, Reply, xdp_flags};

use super::dev::Device;
use super::xdp_attach::{self, Mode, Wish};
use crate::UserKernel;

/// `XDP_ATTACHED_DRV` and `XDP_ATTACHED_SKB` of `<linux/if_link.h>`.
const ATTACHED_DRV: u8 = 1;
const ATTACHED_SKB: u8 = 2;
/// No program, where a descriptor is expected.
const NO_FD: Fd = Fd(-1);

/// Answers one request.
pub(crate) fn request(kernel: &UserKernel, request: Netlink<'_>) -> Result<Reply, NetError> {
    match request {
        Netlink::XdpSet { ifindex, prog, expected, flags } => {
            xdp_set(kernel, ifindex, prog, expected, flags)?;
            Ok(Reply::Done)
        }
        Netlink::Links => {
            Ok(Reply::Links(kernel.net.all().iter().map(|device| describe(device)).collect()))
        }
        Netlink::LinkByName(name) => {
            let all = kernel.net.all();
            let device = all.iter().find(|device| device.name == name).ok_or(Errno::ENODEV)?;
            Ok(Reply::Links(vec![describe(device)]))
        }
    }
}

fn xdp_set(
    kernel: &UserKernel,
    ifindex: u32,
    prog: Option<Fd>,
    expected: Option<Fd>,
    flags: u32,
) -> Result<(), NetError> {
    const KNOWN: u32 = xdp_flags::UPDATE_IF_NOEXIST
        | xdp_flags::SKB_MODE
        | xdp_flags::DRV_MODE
        | xdp_flags::HW_MODE
        | xdp_flags::REPLACE;
    if ifindex == 0 {
        return Err(Errno::EINVAL.into());
    }
    let device = kernel.net.device(ifindex).ok_or(Errno::ENODEV)?;
    let modes = flags & (xdp_flags::SKB_MODE | xdp_flags::DRV_MODE | xdp_flags::HW_MODE);
    if flags & !KNOWN != 0 || modes.count_ones() > 1 {
        return Err(Errno::EINVAL.into());
    }
    let xdp_prog = |fd: Fd| match fd {
        NO_FD => Ok(None),
        fd => match kernel.fds.prog(fd)? {
            prog if prog.prog_type == ProgType::XDP => Ok(Some(prog)),
            _ => Err(Errno::EINVAL),
        },
    };
    let prog = xdp_prog(prog.unwrap_or(NO_FD))?;
    // Without the flag Linux does not look at what is expected.
    let expected = match (flags & xdp_flags::REPLACE != 0, expected) {
        (false, _) => None,
        (true, None) => return Err(Errno::EINVAL.into()),
        (true, Some(fd)) => Some(xdp_prog(fd)?),
    };
    xdp_attach::by_netlink(&device, Wish { prog, expected, flags })
}

fn describe(device: &Device) -> NetLink {
    let xdp = device.xdp_mode_and_id().map(|(mode, id)| match mode {
        Mode::Native => (ATTACHED_DRV, id),
        Mode::Generic => (ATTACHED_SKB, id),
    });
    NetLink { ifindex: device.ifindex, name: device.name.clone(), xdp: xdp.into_iter().collect() }
}
