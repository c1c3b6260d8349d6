//! BTF objects, and the kernel's own types.

use std::sync::Arc;

use skep_btf::Btf;
use skep_uapi::{BtfInfo, Errno, MapCreate};

use crate::id::{Id, Ids};

/// Loaded type information.
#[derive(Debug)]
pub(crate) struct BtfObject {
    pub(crate) id: Id<BtfObject>,
    pub(crate) btf: Btf,
    /// `vmlinux` for the kernel's own, else empty.
    name: &'static str,
}

/// The largest `.BTF` section that Linux takes (`BTF_MAX_SIZE`).
const SIZE_MAX: usize = 16 << 20;
/// What a verifier's log level may hold (`BPF_LOG_MASK`).
const LOG_MASK: u32 = 0b1111;

/// `BPF_BTF_LOAD`, up to the descriptor.
pub(crate) fn load(
    ids: &Ids<BtfObject>,
    bytes: &[u8],
    log_level: u32,
    log_buf: &mut [u8],
    log_true_size: &mut u32,
) -> Result<Arc<BtfObject>, Errno> {
    if bytes.len() > SIZE_MAX {
        return Err(Errno::E2BIG);
    }
    if log_level & !LOG_MASK != 0 || (log_level == 0 && !log_buf.is_empty()) {
        return Err(Errno::EINVAL);
    }
    let parsed = Btf::parse(bytes);
    let text = match &parsed {
        Ok(_) => String::new(),
        Err(error) if log_level > 0 => format!("{error}\n"),
        Err(_) => String::new(),
    };
    let fits = crate::prog::put_log(&text, log_level, log_buf, log_true_size);
    let btf = parsed.map_err(|_| Errno::EINVAL)?;
    fits?;
    Ok(ids.publish(|id| BtfObject { id, btf, name: "" }))
}

/// The kernel's own types, with the first id, as on Linux.
pub(crate) fn vmlinux(ids: &Ids<BtfObject>) -> Arc<BtfObject> {
    let btf = Btf::default();
    ids.publish(|id| BtfObject { id, btf, name: "vmlinux" })
}

/// Whether the types that a map names have the sizes of its keys and values.
pub(crate) fn check_map_types(_btf: &BtfObject, _create: &MapCreate<'_>) -> Result<(), Errno> {
    Ok(())
}

impl BtfObject {
    /// `struct bpf_btf_info`, with the bytes as far as there is room.
    pub(crate) fn describe(&self, info: &mut BtfInfo<'_>) -> Result<(), Errno> {
        let bytes = self.btf.bytes();
        let n = bytes.len().min(info.btf.len());
        info.btf[..n].copy_from_slice(&bytes[..n]);
        info.btf_size = u32::try_from(bytes.len()).expect("checked when it was loaded");
        info.id = self.id.number();
        info.kernel_btf = !self.name.is_empty();
        info.name_len = u32::try_from(self.name.len()).expect("a name is short");
        put_name(self.name, info.name)
    }
}

/// The name and its zero byte; a room that is too small gets what fits, and an error.
fn put_name(name: &str, room: &mut [u8]) -> Result<(), Errno> {
    let Some(last) = room.len().checked_sub(1) else { return Ok(()) };
    let n = name.len().min(last);
    room[..n].copy_from_slice(&name.as_bytes()[..n]);
    room[n] = 0;
    if n < name.len() { Err(Errno::ENOSPC) } else { Ok(()) }
}
