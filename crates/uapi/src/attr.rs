//! `union bpf_attr` and [`Command`], both ways: the only place where slices become pointers and
//! pointers become slices.
//!
//! [`encode`] is what a kernel behind bpf(2) needs; `decode` is what a bpf(2) in front of a kernel
//! needs. `layout` holds the structs of the header.

mod encode;
mod encode_info;
mod encode_link;
mod layout;

use layout::*;

pub use encode::encode;

use crate::{Command, LinkDetail};

/// Bytes of the attr that [`encode`] makes of a command: up to its last field.
pub fn size(command: &Command<'_>) -> usize {
    match command {
        Command::MapCreate(_) => MapCreateAttr::SIZE,
        Command::MapLookupElem { .. }
        | Command::MapLookupAndDeleteElem { .. }
        | Command::MapUpdateElem { .. } => ElemAttr::SIZE,
        Command::MapDeleteElem { .. } => DeleteAttr::SIZE,
        Command::MapGetNextKey { .. } => NextKeyAttr::SIZE,
        Command::ProgLoad(_) => ProgLoadAttr::SIZE,
        Command::ObjPin { .. } | Command::ObjGet { .. } => ObjAttr::SIZE,
        Command::ProgAttach(_) | Command::ProgDetach(_) => ProgAttachAttr::SIZE,
        Command::ProgTestRun(_) => TestRunAttr::SIZE,
        Command::ProgGetNextId { .. }
        | Command::MapGetNextId { .. }
        | Command::BtfGetNextId { .. }
        | Command::LinkGetNextId { .. } => NextIdAttr::SIZE,
        Command::ProgGetFdById { .. }
        | Command::MapGetFdById { .. }
        | Command::BtfGetFdById { .. } => FdByIdAttr::SIZE,
        Command::ObjGetInfoByFd { .. } => InfoAttr::SIZE,
        Command::ProgQuery(_) => QueryAttr::SIZE,
        Command::RawTracepointOpen { .. } => RawTracepointAttr::SIZE,
        Command::BtfLoad { .. } => BtfLoadAttr::SIZE,
        Command::TaskFdQuery { .. } => TaskFdAttr::SIZE,
        Command::MapLookupBatch(_)
        | Command::MapLookupAndDeleteBatch(_)
        | Command::MapUpdateBatch { .. }
        | Command::MapDeleteBatch { .. } => BatchAttr::SIZE,
        Command::LinkCreate(link) => LINK_DETAIL + link_detail_size(&link.detail),
        Command::LinkUpdate { .. } => LinkUpdateAttr::SIZE,
        Command::LinkGetFdById { .. }
        | Command::MapFreeze { .. }
        | Command::EnableStats { .. }
        | Command::LinkDetach { .. } => OneAttr::SIZE,
        Command::IterCreate { .. } | Command::TokenCreate { .. } => TwoAttr::SIZE,
        Command::ProgBindMap { .. } => BindMapAttr::SIZE,
        Command::ProgStreamReadByFd { .. } => StreamReadAttr::SIZE,
    }
}

fn link_detail_size(detail: &LinkDetail<'_>) -> usize {
    match detail {
        LinkDetail::None | LinkDetail::TargetBtfId(_) => TargetBtfDetail::SIZE,
        LinkDetail::Iter { .. } => IterDetail::SIZE,
        LinkDetail::PerfEvent { .. } => PerfEventDetail::SIZE,
        LinkDetail::KprobeMulti { .. } => KprobeMultiDetail::SIZE,
        LinkDetail::Tracing { .. } => TracingDetail::SIZE,
        LinkDetail::Netfilter { .. } => NetfilterDetail::SIZE,
        LinkDetail::Relative { .. } => RelativeDetail::SIZE,
        LinkDetail::UprobeMulti { .. } => UprobeMultiDetail::SIZE,
    }
}
