//! The Linux that the process stands on, as a [`Kernel`].
//!
//! What it is: every request of the seam as the system call that Linux has for it. What it is
//! not: a loader, or a second opinion; Linux's answers and error numbers come back as they are.
//!
//! In reading order: `descriptors` (which numbers are ours, and what stands behind them), `bpf`,
//! `files`, `netlink`, `perf_event`, `mmap`, `spawn`.
//!
//! ```
//! use skep_linux::Linux;
//! use skep_uapi::Kernel;
//!
//! let linux = Linux::new();
//! assert!(linux.possible_cpus()? > 0);
//! // An ordinary user may not use bpf(2); nothing else of the seam depends on it.
//! println!("bpf(2) may be used: {}", Linux::permitted().is_ok());
//! # Ok::<(), skep_uapi::Errno>(())
//! ```

#![deny(unsafe_code)]

mod bpf;
mod descriptors;
mod files;
mod mmap;
mod netlink;
mod perf_event;
mod spawn;

use std::os::fd::OwnedFd;

use skep_uapi::{
    Area, Child, Command, Entry, Errno, Fd, Grant, Kernel, Mapping, NetError, Netlink, Open,
    PerfEvent, PerfRequest, Reply, SocketOption,
};

/// The host's kernel.
///
/// Its descriptors are the process's own file descriptors, but only those that came through this
/// seam: any other number is answered with `EBADF` (or ignored, by [`Kernel::close`]), so that
/// safe code cannot close, or have the kernel write through, what belongs to somebody else. All
/// values of this type share one table of them, as they share one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux(());

impl Linux {
    /// The host's kernel.
    pub fn new() -> Linux {
        Linux(())
    }

    /// Whether the process may use bpf(2), and if not, what Linux answers: `EPERM` to an ordinary
    /// user, `ENOSYS` where the kernel has no BPF. Has no side effect.
    pub fn permitted() -> Result<(), Errno> {
        bpf::permitted()
    }

    /// Keeps this process's descriptors, except the standard streams, from the programs that it
    /// starts from now on, also those that it has inherited itself.
    pub fn keep_descriptors() -> Result<(), Errno> {
        files::keep_descriptors()
    }
}

impl Kernel for Linux {
    fn bpf(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        bpf::bpf(command)
    }

    fn close(&self, fd: Fd) {
        descriptors::forget(fd);
    }

    fn open(&self, what: Open<'_>) -> Result<Fd, Errno> {
        files::open(what)
    }

    fn adopt(&self, fd: OwnedFd) -> Result<Fd, Errno> {
        bpf::adopt(fd)
    }

    fn read(&self, fd: Fd, into: &mut [u8]) -> Result<usize, Errno> {
        files::read(fd, into)
    }

    fn write(&self, fd: Fd, from: &[u8]) -> Result<usize, Errno> {
        files::write(fd, from)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>, Errno> {
        files::list(dir)
    }

    fn mkdir(&self, dir: &str) -> Result<(), Errno> {
        files::mkdir(dir)
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        files::remove(path)
    }

    fn perf_event_open(&self, event: &PerfEvent<'_>) -> Result<Fd, Errno> {
        perf_event::open(event)
    }

    fn perf_event_ioctl(&self, fd: Fd, request: PerfRequest) -> Result<(), Errno> {
        perf_event::request(fd, request)
    }

    fn socket_option(&self, fd: Fd, option: SocketOption<'_>) -> Result<(), Errno> {
        netlink::socket_option(fd, option)
    }

    fn netlink(&self, request: Netlink<'_>) -> Result<Reply, NetError> {
        netlink::request(request)
    }

    fn mmap(&self, fd: Fd, area: Area) -> Result<Mapping, Errno> {
        mmap::map(fd, area)
    }

    fn grant(&self, fd: Fd, area: Area) -> Result<Grant, Errno> {
        mmap::grant(fd, area)
    }

    fn ready(&self, fd: Fd) -> Result<OwnedFd, Errno> {
        files::duplicate(fd)
    }

    fn spawn(&self, child: &Child<'_>) -> Result<Fd, Errno> {
        spawn::spawn(child)
    }

    fn possible_cpus(&self) -> Result<u32, Errno> {
        files::possible_cpus()
    }
}
