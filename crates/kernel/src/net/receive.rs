//! A frame arrives: the way from a device through its XDP program to wherever it goes.

use skep_uapi::{Destination, Errno, Received, XdpAction};

use crate::UserKernel;
use crate::cpu::Scratch;
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
    let Scratch { stack, copies, frame: buffer } = lease.scratch();
    let (bytes, hard_end) = xdp::buffer_for(frame.len());
    let memory = match buffer.take().filter(|memory| memory.len() == bytes) {
        Some(memory) => memory,
        None => Memory::zeroed(bytes)?,
    };
    let arriving = Frame::new(&memory, hard_end, frame, 0, Arrival { ifindex, queue: 0 });
    let ctx = Ctx::Xdp(arriving.buff(), &memory);
    let retval = prog.run(kernel, cpu, (stack, copies), ctx);
    let (frame, to) = match xdp::action(retval) {
        XdpAction::PASS => (Some(arriving.bytes()), Destination::Stack),
        XdpAction::TX => {
            let frame = arriving.bytes();
            device.send(frame.clone());
            (Some(frame), Destination::Device(ifindex))
        }
        XdpAction::REDIRECT => redirect(kernel, &arriving),
        _ => (None, Destination::Dropped),
    };
    *buffer = Some(memory);
    Ok(Received { xdp: Some(retval), frame, to })
}

/// Out through the device that the program chose, if there is one.
fn redirect(kernel: &UserKernel, frame: &Frame<'_>) -> (Option<Vec<u8>>, Destination) {
    let chosen = frame.buff().redirected().and_then(|ifindex| kernel.net.device(ifindex));
    let Some(device) = chosen else { return (None, Destination::Dropped) };
    let frame = frame.bytes();
    device.send(frame.clone());
    (Some(frame), Destination::Device(device.ifindex))
}
