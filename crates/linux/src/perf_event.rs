//! perf_event_open(2) and its ioctls.

#![expect(unsafe_code, reason = "makes the system calls")]

use std::ffi::{CString, c_ulong};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use skep_uapi::{Errno, Fd, PerfEvent, PerfRequest};

use crate::descriptors::{self, Object};
use crate::files;

pub(crate) fn open(event: &PerfEvent<'_>) -> Result<Fd, Errno> {
    let name = event.name.map(CString::new).transpose().map_err(|_| Errno::EINVAL)?;
    let mut attr = Attr {
        kind: event.kind,
        size: size_of::<Attr>() as u32,
        config: event.config,
        sample: event.sample,
        sample_type: event.sample_type,
        flags: if event.by_frequency { FREQ } else { 0 },
        wakeup_events: event.wakeup_events,
        config1: name.as_ref().map_or(0, |name| name.as_ptr().expose_provenance() as u64),
        config2: event.offset,
        ..Attr::default()
    };
    let pid = event.pid.map_or(Ok(-1), libc::pid_t::try_from).map_err(|_| Errno::EINVAL)?;
    let cpu = event.cpu.map_or(Ok(-1), i32::try_from).map_err(|_| Errno::EINVAL)?;
    let (group, flags) = (-1, FD_CLOEXEC);
    // SAFETY: `attr` is a perf_event_attr of the size it says, and its string outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_perf_event_open, &raw mut attr, pid, cpu, group, flags) };
    let fd = i32::try_from(result).ok().filter(|fd| *fd >= 0).ok_or_else(files::last_errno)?;
    // SAFETY: the call has just returned this descriptor, and nobody else knows it.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(descriptors::keep(file, Object::Other))
}

pub(crate) fn request(fd: Fd, request: PerfRequest) -> Result<(), Errno> {
    let descriptor = descriptors::get(fd)?;
    let (number, argument) = match request {
        PerfRequest::Enable => (ENABLE, 0),
        PerfRequest::Disable => (DISABLE, 0),
        PerfRequest::SetBpf(prog) => (SET_BPF, prog.0),
    };
    // SAFETY: these three requests take a number, not a pointer.
    let result = unsafe { libc::ioctl(descriptor.file.as_raw_fd(), number, argument) };
    if result < 0 { Err(files::last_errno()) } else { Ok(()) }
}

/// `PERF_EVENT_IOC_*`.
const ENABLE: c_ulong = 0x2400;
const DISABLE: c_ulong = 0x2401;
const SET_BPF: c_ulong = 0x4004_2408;

/// `PERF_FLAG_FD_CLOEXEC`.
const FD_CLOEXEC: c_ulong = 1 << 3;

/// The `freq` bit of `perf_event_attr`'s flags.
const FREQ: u64 = 1 << 10;

/// `struct perf_event_attr` as of `PERF_ATTR_SIZE_VER7`.
#[repr(C)]
#[derive(Default)]
struct Attr {
    kind: u32,
    size: u32,
    config: u64,
    sample: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved_2: u16,
    aux_sample_size: u32,
    reserved_3: u32,
    sig_data: u64,
}
