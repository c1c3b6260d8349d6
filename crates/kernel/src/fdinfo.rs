//! What a descriptor's own file says (`/proc/self/fdinfo/N`): some facts stand nowhere else.
//!
//! The fields, their order and their names are those of Linux 6.18, as far as this kernel knows
//! them; memory is not charged to anybody, so `memlock` is missing.

use skep_uapi::{Errno, Fd, LinkInfo, MapInfo, ProgInfo};

use crate::UserKernel;
use crate::fd::Object;

/// Where the files are.
pub(crate) const DIR: &str = "/proc/self/fdinfo/";

/// The content of the file of the descriptor with this number.
pub(crate) fn text(kernel: &UserKernel, number: &str) -> Result<String, Errno> {
    let number: i32 = number.parse().map_err(|_| Errno::ENOENT)?;
    let object = kernel.fds.get(Fd(number)).map_err(|_| Errno::ENOENT)?;
    let own = match &object {
        Object::Map(map, _) => {
            let mut info = MapInfo::default();
            map.describe(&mut info);
            let frozen = u32::from(map.is_frozen());
            fields(&[
                ("map_type", &info.map_type.0),
                ("key_size", &info.key_size),
                ("value_size", &info.value_size),
                ("max_entries", &info.max_entries),
                ("map_flags", &format!("{:#x}", info.map_flags)),
                ("map_extra", &format!("{:#x}", info.map_extra)),
                ("map_id", &info.id),
                ("frozen", &frozen),
            ])
        }
        Object::Prog(prog) => {
            let mut info = ProgInfo::default();
            prog.describe(&mut info);
            fields(&[
                ("prog_type", &info.prog_type.0),
                ("prog_jited", &0),
                ("prog_tag", &format!("{:016x}", u64::from_be_bytes(info.tag))),
                ("prog_id", &info.id),
                ("run_time_ns", &info.run_time_ns),
                ("run_cnt", &info.run_cnt),
                ("recursion_misses", &info.recursion_misses),
                ("verified_insns", &info.verified_insns),
            ])
        }
        Object::Link(link) => {
            let LinkInfo { link_type, id, prog_id, .. } = link.describe();
            fields(&[("link_type", &link_type), ("link_id", &id), ("prog_id", &prog_id)])
        }
        Object::Btf(btf) => fields(&[("btf_id", &btf.id.number())]),
        Object::File(_) | Object::Stats(_) => String::new(),
    };
    Ok(fields(&[("pos", &0), ("flags", &"02000002")]) + &own)
}

fn fields(fields: &[(&str, &dyn core::fmt::Display)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}:\t{value}\n")).collect()
}
