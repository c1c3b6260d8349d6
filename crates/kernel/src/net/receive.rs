//! A frame arrives: the way from a device through its XDP program to wherever it goes.

use skep_uapi::{Destination, Errno, Received, XdpAction};

use crate::UserKernel;
use crate::memory::Memory;
use crate::prog::Ctx;
use crate::prog_types::xdp::{self, Arrival, Frame};

/// Bytes of an Ethernet header: less is no frame.
const ETH_HLEN: usize = 14;

/// Lets a frame arrive at a device.
pub(crate) fn receive(kernel: &UserKernel, ifindex: u32, frame: &[u8]) -> Result<Received, Errno> {
    let device = kernel.net.device(ifindex).ok_or(Errno::ENODEV)?;
    if frame.len() < ETH_HLEN {
        return Err(Errno::EINVAL);
    }
    let Some(prog) = device.xdp_prog() else {
        let frame = Some(frame.to_vec());
        return Ok(Received { xdp: None, frame, to: Destination::Stack });
    };
    let mut lease = kernel.cpus.lease();
    let cpu = lease.number();
    let scratch = lease.scratch();
    let (bytes, hard_end) = xdp::buffer_for(frame.len());
    let memory = match scratch.frame.take().filter(|memory| memory.len() == bytes) {
        Some(memory) => memory,
        None => Memory::zeroed(bytes)?,
    };
    let arriving = Frame::new(&memory, hard_end, frame, 0, Arrival { ifindex, queue: 0 });
    let ctx = Ctx::Xdp(arriving.buff(), &memory);
    let retval = prog.run(kernel, cpu, &mut scratch.stack, ctx);
    let (frame, to) = match xdp::action(retval) {
        XdpAction::PASS => (Some(arriving.bytes()), Destination::Stack),
        XdpAction::TX => {
            let frame = arriving.bytes();
            device.send(frame.clone());
            (Some(frame), Destination::Device(ifindex))
        }
        // A redirection needs a helper that says where to, which this kernel does not have.
        _ => (None, Destination::Dropped),
    };
    scratch.frame = Some(memory);
    Ok(Received { xdp: Some(retval), frame, to })
}
