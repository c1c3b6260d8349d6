//! What this kernel does and does not do, as data: a row for every command, map type, helper,
//! program type and attach type of Linux 6.18. `skep feature` and the compatibility table are
//! printed from it, and what has no support answers with its row's error number.

use skep_uapi::{AttachType, Cmd, Errno, MapType, ProgType};

use crate::helpers::{self, number as helper_number};

/// How far something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As in Linux.
    Supported,
    /// As in Linux but for this.
    Partial(&'static str),
    /// Answered with this error number.
    Unsupported(Errno),
}

/// A command.
pub fn of_command(cmd: Cmd) -> Support {
    match cmd {
        Cmd::MAP_CREATE => {
            Support::Partial("no spin locks, kptrs or other special fields in values")
        }
        Cmd::PROG_TEST_RUN => {
            Support::Partial("no live frames; frames beyond 3520 bytes are read only")
        }
        Cmd::LINK_CREATE | Cmd::LINK_UPDATE => Support::Partial("XDP links only"),
        Cmd::PROG_STREAM_READ_BY_FD => {
            Support::Partial("programs have no way to print to a stream")
        }
        Cmd::PROG_ATTACH | Cmd::PROG_DETACH | Cmd::PROG_QUERY => {
            Support::Unsupported(Errno::EINVAL)
        }
        Cmd::RAW_TRACEPOINT_OPEN | Cmd::ITER_CREATE | Cmd::TOKEN_CREATE => {
            Support::Unsupported(Errno::EINVAL)
        }
        Cmd::TASK_FD_QUERY => Support::Unsupported(Errno::ENOTSUPP),
        Cmd(number) if number <= Cmd::PROG_STREAM_READ_BY_FD.0 => Support::Supported,
        _ => Support::Unsupported(Errno::EINVAL),
    }
}

/// A map type.
pub fn of_map_type(map_type: MapType) -> Support {
    match map_type {
        MapType::ARRAY | MapType::HASH | MapType::PERCPU_ARRAY | MapType::PERCPU_HASH => {
            Support::Partial("no spin locks, kptrs or other special fields in values")
        }
        MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS => Support::Supported,
        _ => Support::Unsupported(Errno::EINVAL),
    }
}

/// A program type.
pub fn of_prog_type(prog_type: ProgType) -> Support {
    match prog_type {
        ProgType::XDP => Support::Partial("no fragments, no redirection through maps"),
        ProgType::SOCKET_FILTER => Support::Partial("test runs only: this machine has no sockets"),
        _ => Support::Unsupported(Errno::EINVAL),
    }
}

/// An attach type.
pub fn of_attach_type(attach_type: AttachType) -> Support {
    match attach_type {
        AttachType::XDP => Support::Supported,
        _ => Support::Unsupported(Errno::EINVAL),
    }
}

/// A helper.
pub fn of_helper(number: u32) -> Support {
    match helpers::by_number(number) {
        Some(_) if number == helper_number::TRACE_PRINTK => {
            Support::Partial("strings are read from the program's stack and maps only")
        }
        Some(_) => Support::Supported,
        None => Support::Unsupported(Errno::EINVAL),
    }
}

/// Whether a command can be asked for at all. Those that answer the same error for every target
/// are asked all the same: they check their descriptors first, as Linux does.
pub(crate) fn command(cmd: Cmd) -> Result<(), Errno> {
    match of_command(cmd) {
        Support::Unsupported(errno) if cmd.name().is_none() => Err(errno),
        _ => Ok(()),
    }
}

/// Whether there are maps of a type.
pub(crate) fn map_type(map_type: MapType) -> Result<(), Errno> {
    match of_map_type(map_type) {
        Support::Unsupported(errno) => Err(errno),
        _ => Ok(()),
    }
}
