//! Helpers about the current task: the process that called the kernel.

use skep_verifier::{Arg, HelperFlags, Returns};

use super::{Helper, number, plain, row, span_of};
use crate::prog::Run;

pub(crate) const HELPERS: &[Helper] = &[
    plain(number::GET_CURRENT_PID_TGID, "get_current_pid_tgid", |run, _| {
        run.kernel.task.pid_tgid()
    }),
    plain(number::GET_CURRENT_UID_GID, "get_current_uid_gid", |run, _| run.kernel.task.uid_gid()),
    row(
        number::GET_CURRENT_COMM,
        "get_current_comm",
        &[Arg::MemWrite, Arg::Size],
        Returns::Scalar,
        HelperFlags::NONE,
        comm,
    ),
];

/// The name, cut so that a zero byte ends it, and zeros behind it.
fn comm(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let room = span_of(args[0], args[1] as u32 as usize);
    room.clear();
    let name = run.kernel.task.comm().as_bytes();
    let n = name.len().min(room.len().saturating_sub(1));
    room.store(&name[..n]);
    0
}
