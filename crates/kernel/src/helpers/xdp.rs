//! Helpers that move the bounds of a frame.

use skep_uapi::{Errno, XdpAction};
use skep_verifier::{Arg, HelperFlags, Returns};

use super::{Helper, failure, number, result, row, span_of};
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
    row(
        number::XDP_LOAD_BYTES,
        "xdp_load_bytes",
        &[Arg::Ctx, Arg::Scalar, Arg::MemWrite, Arg::Size],
        Returns::Scalar,
        HelperFlags::NONE,
        load_bytes,
    ),
    row(
        number::XDP_STORE_BYTES,
        "xdp_store_bytes",
        &[Arg::Ctx, Arg::Scalar, Arg::MemRead, Arg::Size],
        Returns::Scalar,
        HelperFlags::NONE,
        store_bytes,
    ),
    row(
        number::REDIRECT,
        "redirect",
        &[Arg::Scalar, Arg::Scalar],
        Returns::Scalar,
        HelperFlags::NONE,
        redirect,
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

/// Where this fails the room stays as it was, unlike that of `bpf_skb_load_bytes` (seen on 6.18).
fn load_bytes(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let room = span_of(args[2], args[3] as u32 as usize);
    on_frame(run, |buff, memory| {
        let found = buff.part(memory, args[1] as u32, args[3] as u32)?;
        let mut bytes = vec![0; room.len()];
        found.load(&mut bytes);
        room.store(&bytes);
        Ok(())
    })
}

fn store_bytes(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let from = span_of(args[2], args[3] as u32 as usize);
    on_frame(run, |buff, memory| {
        let to = buff.part(memory, args[1] as u32, args[3] as u32)?;
        let mut bytes = vec![0; from.len()];
        from.load(&mut bytes);
        to.store(&bytes);
        Ok(())
    })
}

/// Says where the frame goes, if the program then returns what this returns.
fn redirect(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let (ifindex, flags) = (args[0] as u32, args[1]);
    match run.ctx {
        Ctx::Xdp(buff, _) if flags == 0 => {
            buff.redirect_to(ifindex);
            u64::from(XdpAction::REDIRECT.0)
        }
        _ => u64::from(XdpAction::ABORTED.0),
    }
}
