//! Whether anything is left in a kernel.

use skep_uapi::{BtfInfo, Command, Errno, Fd, Kernel, Machine};

/// Whether there is no program, map, link or type information of a user's in a kernel, and no
/// device but the one that every machine has. Such a kernel is as good as a new one.
///
/// A kernel that does not answer is not called empty.
pub fn is_empty(kernel: &dyn Kernel, machine: Option<&dyn Machine>) -> bool {
    let none = |command: &mut Command<'_>| kernel.bpf(command) == Err(Errno::ENOENT);
    let (start_id, mut id) = (0, 0);
    none(&mut Command::ProgGetNextId { start_id, next_id: &mut id })
        && none(&mut Command::MapGetNextId { start_id, next_id: &mut id })
        && none(&mut Command::LinkGetNextId { start_id, next_id: &mut id })
        && has_only_own_types(kernel)
        && machine.is_none_or(|machine| machine.devices().len() <= 1)
}

fn has_only_own_types(kernel: &dyn Kernel) -> bool {
    let mut start_id = 0;
    loop {
        let mut next_id = 0;
        match kernel.bpf(&mut Command::BtfGetNextId { start_id, next_id: &mut next_id }) {
            Err(errno) => return errno == Errno::ENOENT,
            Ok(_) if !is_own(kernel, next_id) => return false,
            Ok(_) => start_id = next_id,
        }
    }
}

fn is_own(kernel: &dyn Kernel, btf_id: u32) -> bool {
    let opened = kernel.bpf(&mut Command::BtfGetFdById { btf_id, open_flags: 0 });
    let Ok(fd) = opened.map(Fd::from_result) else { return false };
    let info = kernel.btf_info(fd, BtfInfo::default());
    kernel.close(fd);
    info.is_ok_and(|info| info.kernel_btf)
}
