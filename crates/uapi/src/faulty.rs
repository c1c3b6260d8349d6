//! A kernel whose n-th call fails: what callers do then is a test of theirs.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    Area, Child, Command, Entry, Errno, Fd, Grant, Kernel, Mapping, NetError, Netlink, Open,
    PerfEvent, PerfRequest, Reply, SocketOption,
};

/// A wrapper that answers the n-th call that may fail with an error number, without asking the
/// kernel behind it. [`Kernel::close`] cannot fail and does not count.
#[derive(Debug)]
pub struct Faulty<K> {
    kernel: K,
    fails: u64,
    errno: Errno,
    calls: AtomicU64,
}

impl<K: Kernel> Faulty<K> {
    /// Wraps `kernel`; call number `fails`, counted from zero, is answered with `errno`.
    pub fn new(kernel: K, fails: u64, errno: Errno) -> Faulty<K> {
        Faulty { kernel, fails, errno, calls: AtomicU64::new(0) }
    }

    /// How many calls there were. At most `fails` of them: nothing has failed.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn count(&self) -> Result<(), Errno> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if call == self.fails { Err(self.errno) } else { Ok(()) }
    }
}

impl<K: Kernel> Kernel for Faulty<K> {
    fn bpf(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        self.count()?;
        self.kernel.bpf(command)
    }

    fn close(&self, fd: Fd) {
        self.kernel.close(fd);
    }

    fn open(&self, what: Open<'_>) -> Result<Fd, Errno> {
        self.count()?;
        self.kernel.open(what)
    }

    fn adopt(&self, fd: OwnedFd) -> Result<Fd, Errno> {
        self.count()?;
        self.kernel.adopt(fd)
    }

    fn read(&self, fd: Fd, into: &mut [u8]) -> Result<usize, Errno> {
        self.count()?;
        self.kernel.read(fd, into)
    }

    fn write(&self, fd: Fd, from: &[u8]) -> Result<usize, Errno> {
        self.count()?;
        self.kernel.write(fd, from)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>, Errno> {
        self.count()?;
        self.kernel.list(dir)
    }

    fn mkdir(&self, dir: &str) -> Result<(), Errno> {
        self.count()?;
        self.kernel.mkdir(dir)
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        self.count()?;
        self.kernel.remove(path)
    }

    fn perf_event_open(&self, event: &PerfEvent<'_>) -> Result<Fd, Errno> {
        self.count()?;
        self.kernel.perf_event_open(event)
    }

    fn perf_event_ioctl(&self, fd: Fd, request: PerfRequest) -> Result<(), Errno> {
        self.count()?;
        self.kernel.perf_event_ioctl(fd, request)
    }

    fn socket_option(&self, fd: Fd, option: SocketOption<'_>) -> Result<(), Errno> {
        self.count()?;
        self.kernel.socket_option(fd, option)
    }

    fn netlink(&self, request: Netlink<'_>) -> Result<Reply, NetError> {
        self.count()?;
        self.kernel.netlink(request)
    }

    fn mmap(&self, fd: Fd, area: Area) -> Result<Mapping, Errno> {
        self.count()?;
        self.kernel.mmap(fd, area)
    }

    fn grant(&self, fd: Fd, area: Area) -> Result<Grant, Errno> {
        self.count()?;
        self.kernel.grant(fd, area)
    }

    fn ready(&self, fd: Fd) -> Result<OwnedFd, Errno> {
        self.count()?;
        self.kernel.ready(fd)
    }

    fn spawn(&self, child: &Child<'_>) -> Result<Fd, Errno> {
        self.count()?;
        self.kernel.spawn(child)
    }

    fn possible_cpus(&self) -> Result<u32, Errno> {
        self.count()?;
        self.kernel.possible_cpus()
    }
}
