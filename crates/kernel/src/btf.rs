//! BTF objects, and the kernel's own types.

use std::sync::Arc;

use skep_btf::{Btf, Data, Error, Kind};
use skep_uapi::{BtfInfo, Errno, MapCreate, MapType};

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
    let parsed = check(bytes);
    let text = match &parsed {
        Err((_, words)) if log_level > 0 => format!("{words}\n"),
        _ => String::new(),
    };
    let fits = crate::prog::put_log(&text, log_level, log_buf, log_true_size);
    let btf = parsed.map_err(|(errno, _)| errno)?;
    fits?;
    Ok(ids.publish(|id| BtfObject { id, btf, name: "" }))
}

/// Reads the types and judges them as Linux does; a refusal comes with words for the log.
fn check(bytes: &[u8]) -> Result<Btf, (Errno, String)> {
    let btf = Btf::parse(bytes).map_err(|error| match error {
        Error::Version { .. } => (Errno::ENOTSUPP, error.to_string()),
        _ => (Errno::EINVAL, error.to_string()),
    })?;
    // A reader may ignore the flags of a newer format. A kernel must not.
    if let Some(flags @ 1..) = bytes.get(FLAGS_AT) {
        return Err((Errno::ENOTSUPP, format!("unsupported flags {flags:#x}")));
    }
    for (id, ty) in btf.types() {
        if let Data::Int(int) = &ty.data
            && u32::from(int.bit_offset) + u32::from(int.bits) > int.size * 8
        {
            let words = format!("[{id}] INT has {} bits in {} bytes", int.bits, int.size);
            return Err((Errno::EINVAL, words));
        }
    }
    Ok(btf)
}

/// Where the header has its flags.
const FLAGS_AT: usize = 3;

/// The kernel's own types, with the first id, as on Linux.
pub(crate) fn vmlinux(ids: &Ids<BtfObject>) -> Arc<BtfObject> {
    let btf = crate::vmlinux::build();
    ids.publish(|id| BtfObject { id, btf, name: "vmlinux" })
}

/// Whether the types that a map names have the sizes of its keys and values.
pub(crate) fn check_map_types(object: &BtfObject, create: &MapCreate<'_>) -> Result<(), Errno> {
    let btf = &object.btf;
    let (key, value) = (create.btf_key_type_id, create.btf_value_type_id);
    let sized = |id: u32, bytes: u32| btf.size_of(id) == Some(u64::from(bytes));
    let is_array = matches!(create.map_type, MapType::ARRAY | MapType::PERCPU_ARRAY);
    let key_ok = match key {
        // The one value of global data has no key type, and is a section.
        0 => {
            let section = btf.ty(value).is_some_and(|ty| ty.kind() == Kind::Datasec);
            create.map_type == MapType::ARRAY && create.max_entries == 1 && section
        }
        key => sized(key, create.key_size) && (!is_array || is_plain_int(btf, key)),
    };
    if key_ok && sized(value, create.value_size) { Ok(()) } else { Err(Errno::EINVAL) }
}

/// An integer without bit offset: what an index can be.
fn is_plain_int(btf: &Btf, id: u32) -> bool {
    match btf.ty(btf.resolve(id)).map(|ty| &ty.data) {
        Some(Data::Int(int)) => int.bit_offset == 0 && u32::from(int.bits) == int.size * 8,
        _ => false,
    }
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
