//! Helpers on packets at sockets.

use skep_uapi::Errno;
use skep_verifier::{Arg, HelperFlags, Returns};

use super::{Helper, failure, number, row, span_of};
use crate::prog::{Ctx, Run};

pub(crate) const HELPERS: &[Helper] = &[
    row(
        number::SKB_LOAD_BYTES,
        "skb_load_bytes",
        &[Arg::Ctx, Arg::Scalar, Arg::MemWrite, Arg::Size],
        Returns::Scalar,
        HelperFlags::NONE,
        load_bytes,
    ),
    row(
        number::SKB_LOAD_BYTES_RELATIVE,
        "skb_load_bytes_relative",
        &[Arg::Ctx, Arg::Scalar, Arg::MemWrite, Arg::Size, Arg::Scalar],
        Returns::Scalar,
        HelperFlags::NONE,
        load_bytes_relative,
    ),
];

/// Offsets beyond this are refused before the packet is looked at.
const OFFSET_MAX: u32 = 0xffff;
/// `BPF_HDR_START_MAC` and `BPF_HDR_START_NET`.
const START_MAC: u64 = 0;
const START_NET: u64 = 1;

/// What cannot be read fails, and the room is cleared: the program takes it for filled.
fn load_bytes(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let Ctx::Skb(packet) = run.ctx else { return failure(Errno::EFAULT) };
    load(packet.bytes, args)
}

fn load_bytes_relative(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let Ctx::Skb(packet) = run.ctx else { return failure(Errno::EFAULT) };
    match args[4] {
        START_NET => load(packet.bytes, args),
        START_MAC => load(&[packet.mac, packet.bytes].concat(), args),
        _ => load(&[], args),
    }
}

fn load(bytes: &[u8], args: [u64; 5]) -> u64 {
    let (offset, len) = (args[1] as u32, args[3] as u32 as usize);
    let room = span_of(args[2], len);
    let from = offset as usize;
    match bytes.get(from..from + len).filter(|_| offset <= OFFSET_MAX) {
        Some(found) => {
            room.store(found);
            0
        }
        None => {
            room.clear();
            failure(Errno::EFAULT)
        }
    }
}
