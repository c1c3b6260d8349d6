//! `BPF_LINK_CREATE` from an attr: the attach type says what the detail is.

use super::decode::{Call, PATH_BYTES, fd, target, text, used};
use super::layout::*;
use super::memory::{Lent, c_str};
use crate::{AttachType, Command, Errno, LinkCreate, LinkDetail};

/// The detail of a program of type EXT, which has no attach type of its own, has the words of
/// [`LinkDetail::Relative`]: whoever answers knows the program's type and reads them as
/// `target_btf_id` and `cookie`.
pub(super) fn link_create(attr: &[u8], call: &mut Call<'_>) -> Result<u32, Errno> {
    let head = LinkCreateAttr::get(attr);
    let attach_type = AttachType(head.attach_type);
    let bytes = &attr[LINK_DETAIL..];
    // What is unused behind the longest detail must be zero, whatever the attach type.
    used::<UprobeMultiDetail>(bytes)?;
    match attach_type {
        AttachType::TRACE_ITER => {
            let IterDetail { iter_info, iter_info_len } = used(bytes)?;
            let iter_info = Lent::new(call.memory, iter_info, iter_info_len as usize, 1)?;
            ask(&head, LinkDetail::Iter { iter_info: &iter_info.bytes }, call)
        }
        AttachType::PERF_EVENT => {
            let PerfEventDetail { bpf_cookie } = used(bytes)?;
            ask(&head, LinkDetail::PerfEvent { bpf_cookie }, call)
        }
        AttachType::TRACE_KPROBE_MULTI | AttachType::TRACE_KPROBE_SESSION => {
            kprobe_multi(&head, &used(bytes)?, call)
        }
        AttachType::TRACE_UPROBE_MULTI | AttachType::TRACE_UPROBE_SESSION => {
            uprobe_multi(&head, &used(bytes)?, call)
        }
        AttachType::TRACE_FENTRY
        | AttachType::TRACE_FEXIT
        | AttachType::MODIFY_RETURN
        | AttachType::TRACE_RAW_TP
        | AttachType::LSM_MAC => {
            let TracingDetail { target_btf_id, cookie } = used(bytes)?;
            ask(&head, LinkDetail::Tracing { target_btf_id, cookie }, call)
        }
        AttachType::NETFILTER => {
            let NetfilterDetail { pf, hooknum, priority, flags } = used(bytes)?;
            ask(&head, LinkDetail::Netfilter { pf, hooknum, priority, flags }, call)
        }
        _ => {
            let RelativeDetail { relative, expected_revision } = used(bytes)?;
            let detail = match (relative, expected_revision) {
                (0, 0) => LinkDetail::None,
                _ => LinkDetail::Relative { relative, expected_revision },
            };
            ask(&head, detail, call)
        }
    }
}

fn ask(head: &LinkCreateAttr, detail: LinkDetail<'_>, call: &mut Call<'_>) -> Result<u32, Errno> {
    let attach_type = AttachType(head.attach_type);
    call.ask(&mut Command::LinkCreate(LinkCreate {
        fd: fd(head.fd),
        target: target(head.target, attach_type),
        attach_type,
        flags: head.flags,
        detail,
    }))
}

/// Bytes of a kernel symbol's name.
const SYMBOL_BYTES: usize = 511;
/// How many places one link takes (`MAX_KPROBE_MULTI_CNT`, `MAX_UPROBE_MULTI_CNT`).
const PLACES_MAX: u32 = 1 << 20;

fn kprobe_multi(
    head: &LinkCreateAttr,
    detail: &KprobeMultiDetail,
    call: &mut Call<'_>,
) -> Result<u32, Errno> {
    if detail.cnt > PLACES_MAX {
        return Err(Errno::E2BIG);
    }
    let memory = call.memory;
    let numbers = |address| {
        Ok::<_, Errno>(Lent::optional(memory, address, detail.cnt as usize, 8)?.numbers::<u64>())
    };
    let symbol = |address| text(c_str(memory, address, SYMBOL_BYTES)?);
    let syms: Vec<String> =
        numbers(detail.syms)?.into_iter().map(symbol).collect::<Result<_, Errno>>()?;
    let syms: Vec<&str> = syms.iter().map(String::as_str).collect();
    let (addrs, cookies) = (numbers(detail.addrs)?, numbers(detail.cookies)?);
    let flags = detail.flags;
    let detail = LinkDetail::KprobeMulti { flags, syms: &syms, addrs: &addrs, cookies: &cookies };
    ask(head, detail, call)
}

fn uprobe_multi(
    head: &LinkCreateAttr,
    detail: &UprobeMultiDetail,
    call: &mut Call<'_>,
) -> Result<u32, Errno> {
    if detail.cnt > PLACES_MAX {
        return Err(Errno::E2BIG);
    }
    let memory = call.memory;
    let numbers = |address| {
        Ok::<_, Errno>(Lent::optional(memory, address, detail.cnt as usize, 8)?.numbers::<u64>())
    };
    let path = text(c_str(memory, detail.path, PATH_BYTES)?)?;
    let offsets = numbers(detail.offsets)?;
    let (ref_ctr_offsets, cookies) = (numbers(detail.ref_ctr_offsets)?, numbers(detail.cookies)?);
    let detail = LinkDetail::UprobeMulti {
        path: &path,
        offsets: &offsets,
        ref_ctr_offsets: &ref_ctr_offsets,
        cookies: &cookies,
        flags: detail.flags,
        pid: detail.pid,
    };
    ask(head, detail, call)
}
