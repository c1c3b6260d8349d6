//! A shared kernel is a kernel: wrappers take `Arc<dyn Kernel>` as they take any other.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::{
    Area, Child, Command, Entry, Errno, Fd, Grant, Kernel, Mapping, NetError, Netlink, Open,
    PerfEvent, PerfRequest, Reply, SocketOption,
};

impl<K: Kernel + ?Sized> Kernel for Arc<K> {
    fn bpf(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        (**self).bpf(command)
    }

    fn close(&self, fd: Fd) {
        (**self).close(fd);
    }

    fn open(&self, what: Open<'_>) -> Result<Fd, Errno> {
        (**self).open(what)
    }

    fn adopt(&self, fd: OwnedFd) -> Result<Fd, Errno> {
        (**self).adopt(fd)
    }

    fn read(&self, fd: Fd, into: &mut [u8]) -> Result<usize, Errno> {
        (**self).read(fd, into)
    }

    fn write(&self, fd: Fd, from: &[u8]) -> Result<usize, Errno> {
        (**self).write(fd, from)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>, Errno> {
        (**self).list(dir)
    }

    fn mkdir(&self, dir: &str) -> Result<(), Errno> {
        (**self).mkdir(dir)
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        (**self).remove(path)
    }

    fn perf_event_open(&self, event: &PerfEvent<'_>) -> Result<Fd, Errno> {
        (**self).perf_event_open(event)
    }

    fn perf_event_ioctl(&self, fd: Fd, request: PerfRequest) -> Result<(), Errno> {
        (**self).perf_event_ioctl(fd, request)
    }

    fn socket_option(&self, fd: Fd, option: SocketOption<'_>) -> Result<(), Errno> {
        (**self).socket_option(fd, option)
    }

    fn netlink(&self, request: Netlink<'_>) -> Result<Reply, NetError> {
        (**self).netlink(request)
    }

    fn mmap(&self, fd: Fd, area: Area) -> Result<Mapping, Errno> {
        (**self).mmap(fd, area)
    }

    fn grant(&self, fd: Fd, area: Area) -> Result<Grant, Errno> {
        (**self).grant(fd, area)
    }

    fn ready(&self, fd: Fd) -> Result<OwnedFd, Errno> {
        (**self).ready(fd)
    }

    fn spawn(&self, child: &Child<'_>) -> Result<Fd, Errno> {
        (**self).spawn(child)
    }

    fn possible_cpus(&self) -> Result<u32, Errno> {
        (**self).possible_cpus()
    }
}
