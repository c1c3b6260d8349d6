//! `BPF_LINK_CREATE` as an attr: one head, and a detail by attach type.

use std::ffi::CString;

use super::encode::{AttrBytes, Bpf, c_string, count, input, number, string, target};
use super::layout::*;
use crate::{Cmd, Errno, LinkCreate, LinkDetail};

pub(super) fn link_create(link: &LinkCreate<'_>, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let head = LinkCreateAttr {
        fd: number(link.fd),
        target: target(link.target),
        attach_type: link.attach_type.0,
        flags: link.flags,
    };
    match link.detail {
        LinkDetail::None => call(&head, &TargetBtfDetail::default(), bpf),
        LinkDetail::TargetBtfId(target_btf_id) => {
            call(&head, &TargetBtfDetail { target_btf_id }, bpf)
        }
        LinkDetail::Iter { iter_info } => {
            let iter_info_len = count(iter_info)?;
            call(&head, &IterDetail { iter_info: input(iter_info), iter_info_len }, bpf)
        }
        LinkDetail::PerfEvent { bpf_cookie } => call(&head, &PerfEventDetail { bpf_cookie }, bpf),
        LinkDetail::KprobeMulti { flags, syms, addrs, cookies } => {
            kprobe_multi(&head, flags, syms, addrs, cookies, bpf)
        }
        LinkDetail::Tracing { target_btf_id, cookie } => {
            call(&head, &TracingDetail { target_btf_id, cookie }, bpf)
        }
        LinkDetail::Netfilter { pf, hooknum, priority, flags } => {
            call(&head, &NetfilterDetail { pf, hooknum, priority, flags }, bpf)
        }
        LinkDetail::Relative { relative, expected_revision } => {
            call(&head, &RelativeDetail { relative, expected_revision }, bpf)
        }
        LinkDetail::UprobeMulti { path, offsets, ref_ctr_offsets, cookies, flags, pid } => {
            let cnt = count(offsets)?;
            same_length(cnt, ref_ctr_offsets)?;
            same_length(cnt, cookies)?;
            let path = c_string(path)?;
            let detail = UprobeMultiDetail {
                path: string(&path),
                offsets: input(offsets),
                ref_ctr_offsets: input(ref_ctr_offsets),
                cookies: input(cookies),
                cnt,
                flags,
                pid,
            };
            call(&head, &detail, bpf)
        }
    }
}

fn call<L: Layout>(head: &LinkCreateAttr, detail: &L, bpf: Bpf<'_>) -> Result<u32, Errno> {
    let mut bytes = AttrBytes([0; ATTR_BYTES]);
    head.put(&mut bytes.0);
    detail.put(&mut bytes.0[LINK_DETAIL..]);
    bpf(Cmd::LINK_CREATE, &mut bytes.0[..LINK_DETAIL + L::SIZE])
}

fn kprobe_multi(
    head: &LinkCreateAttr,
    flags: u32,
    syms: &[&str],
    addrs: &[u64],
    cookies: &[u64],
    bpf: Bpf<'_>,
) -> Result<u32, Errno> {
    let cnt = count(syms)?.max(count(addrs)?);
    same_length(cnt, syms)?;
    same_length(cnt, addrs)?;
    same_length(cnt, cookies)?;
    let names = syms.iter().map(|name| c_string(name)).collect::<Result<Vec<CString>, _>>()?;
    let pointers: Vec<u64> = names.iter().map(string).collect();
    let detail = KprobeMultiDetail {
        flags,
        cnt,
        syms: input(&pointers),
        addrs: input(addrs),
        cookies: input(cookies),
    };
    call(head, &detail, bpf)
}

/// One count stands for all arrays, so the kernel would read behind the end of a shorter one.
fn same_length<T>(cnt: u32, array: &[T]) -> Result<(), Errno> {
    if array.is_empty() || count(array)? == cnt { Ok(()) } else { Err(Errno::EINVAL) }
}
