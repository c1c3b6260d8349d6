//! Helpers that move the bounds of a frame.

use skep_uapi::Errno;
use skep_verifier::{Arg, HelperFlags, Returns};

use super::{Helper, failure, number, result, row};
use crate::memory::Memory;
use crate::prog::{Ctx, Run};
use crate::prog_types::xdp::XdpBuff;

pub(crate) const HELPERS: &[Helper] = &[
    adjust(number::XDP_ADJUST_HEAD, "xdp_adjust_head", |run, args| {
        on_frame(run, |buff, memory| buff.adjust_head(memory, args[1] as i32))
    }),
    adjust(number::XDP_ADJUST_TAIL, "xdp_adjust_tail", |run, args| {
        on_frame(run, |buff, memory| buff.adjust_tail(memory, args[1] as i32))
    }),
    adjust(number::XDP_ADJUST_META, "xdp_adjust_meta", |run, args| {
        on_frame(run, |buff, _| buff.adjust_meta(args[1] as i32))
    }),
    row(
        number::XDP_GET_BUFF_LEN,
        "xdp_get_buff_len",
        &[Arg::Ctx],
        Returns::Scalar,
        HelperFlags::NONE,
        buff_len,
    ),
];

const fn adjust(
    number: u32,
    name: &'static str,
    call: fn(&mut Run<'_>, [u64; 5]) -> u64,
) -> Helper {
    let args = &[Arg::Ctx, Arg::Scalar];
    row(number, name, args, Returns::Scalar, HelperFlags::CHANGES_PACKET, call)
}

fn on_frame(run: &mut Run<'_>, change: impl FnOnce(&XdpBuff, &Memory) -> Result<(), Errno>) -> u64 {
    match run.ctx {
        Ctx::Xdp(buff, memory) => result(change(buff, memory)),
        Ctx::Skb(_) => failure(Errno::EINVAL),
    }
}

fn buff_len(run: &mut Run<'_>, _args: [u64; 5]) -> u64 {
    match run.ctx {
        Ctx::Xdp(buff, _) => {
            let (_, data, end) = buff.bounds();
            end - data
        }
        Ctx::Skb(_) => failure(Errno::EINVAL),
    }
}
