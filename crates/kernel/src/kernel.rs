//! The kernel itself: its parts, and the seam that it answers.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use skep_uapi::{
    Area, Child, Command, Device, Entry, Errno, Fd, Grant, Kernel, Machine, Mapping, NetError,
    Netlink, Open, PerfEvent, PerfRequest, Received, Reply, SocketOption,
};

use crate::btf::BtfObject;
use crate::clock::{Clock, ClockSource};
use crate::cpu::Cpus;
use crate::fd::{Fds, Object};
use crate::files::{self, OpenFile};
use crate::id::Ids;
use crate::link::Link;
use crate::maps::{self, Map};
use crate::net::{self, dev::Net};
use crate::pins::{self, Pins};
use crate::prog::Prog;
use crate::syscall;
use crate::task::Task;
use crate::trace::Trace;

/// What a kernel is made as.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How many CPUs there are, at least 1.
    pub cpus: u32,
    /// Where time comes from.
    pub clock: ClockSource,
    /// Where random numbers start. `None`: anew each time on real time, at a fixed place on
    /// virtual time.
    pub seed: Option<u64>,
    /// Where pins are.
    pub pinning: Pinning,
}

/// Where pins are: the names that keep objects alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// In a BPF file system of the kernel's own at [`UserKernel::BPFFS`], which nobody else sees
    /// and which ends with the kernel.
    Private,
    /// As files in any directory of the host that this process may write. Each takes a descriptor
    /// of this process. [`Kernel::list`], [`Kernel::mkdir`] and [`Kernel::remove`] act on the
    /// host's directories, but remove no file that is not a pin.
    Files,
}

impl Default for Config {
    /// As many CPUs as this process may use, on real time, with private pins.
    fn default() -> Config {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let cpus = u32::try_from(cpus).unwrap_or(1);
        Config { cpus, clock: ClockSource::Real, seed: None, pinning: Pinning::Private }
    }
}

/// A BPF kernel in this process: a [`Kernel`] and a [`Machine`].
///
/// Everything in it ends with it. Any number of threads may use it at the same time.
#[derive(Debug)]
pub struct UserKernel {
    // The table goes first: what it holds refers to the parts below.
    pub(crate) fds: Fds,
    pub(crate) pins: Pins,
    pub(crate) progs: Ids<Prog>,
    pub(crate) maps: Ids<Map>,
    pub(crate) btfs: Ids<BtfObject>,
    pub(crate) links: Ids<Link>,
    pub(crate) net: Net,
    pub(crate) cpus: Cpus,
    pub(crate) clock: Clock,
    pub(crate) task: Task,
    pub(crate) trace: Trace,
    /// How many want run statistics.
    pub(crate) stats_on: Arc<AtomicU64>,
    vmlinux: Arc<BtfObject>,
}

impl UserKernel {
    /// Where the BPF file system is, with [`Pinning::Private`]: pins go below it.
    pub const BPFFS: &'static str = pins::MOUNT;

    /// Boots a kernel: no programs, no maps, one device (`lo`).
    pub fn new(config: Config) -> UserKernel {
        let btfs = Ids::new();
        let vmlinux = crate::btf::vmlinux(&btfs);
        UserKernel {
            fds: Fds::default(),
            pins: Pins::new(config.pinning),
            progs: Ids::new(),
            maps: Ids::new(),
            btfs,
            links: Ids::new(),
            net: Net::new(),
            cpus: Cpus::new(config.cpus),
            clock: Clock::new(config.clock, config.seed),
            task: Task::new(config.clock),
            trace: Trace::default(),
            stats_on: Arc::default(),
            vmlinux,
        }
    }

    /// The kernel's own types.
    pub(crate) fn vmlinux_btf(&self) -> &[u8] {
        self.vmlinux.btf.bytes()
    }

    fn open_fd(&self, object: Object) -> Result<Fd, Errno> {
        self.fds.open(object).map(Fd::from_result)
    }
}

impl Default for UserKernel {
    fn default() -> UserKernel {
        UserKernel::new(Config::default())
    }
}

impl Kernel for UserKernel {
    fn bpf(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        if pins::matter_to(command) {
            self.pins.sweep();
        }
        syscall::bpf(self, command)
    }

    fn close(&self, fd: Fd) {
        self.fds.close(fd);
    }

    fn open(&self, what: Open<'_>) -> Result<Fd, Errno> {
        let file = match what {
            Open::File { path, write } => files::open(self, path, write)?,
            Open::Directory(path) => {
                self.list(path)?;
                OpenFile::Directory(path.to_owned())
            }
            // This machine has no cgroups, no further network namespaces and no processes.
            Open::Cgroup(_) | Open::Netns(_) => return Err(Errno::ENOENT),
            Open::Pidfd(_) => return Err(Errno::ESRCH),
        };
        self.open_fd(Object::File(Arc::new(file)))
    }

    /// A descriptor of the host's means nothing here.
    fn adopt(&self, _fd: OwnedFd) -> Result<Fd, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn read(&self, fd: Fd, into: &mut [u8]) -> Result<usize, Errno> {
        self.fds.file(fd)?.read(self, into)
    }

    /// No file of this kernel can be written.
    fn write(&self, fd: Fd, _from: &[u8]) -> Result<usize, Errno> {
        self.fds.file(fd)?;
        Err(Errno::EBADF)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>, Errno> {
        match self.pins.covers(dir) {
            true => self.pins.list(dir),
            false => files::list(dir),
        }
    }

    fn mkdir(&self, dir: &str) -> Result<(), Errno> {
        match self.pins.covers(dir) {
            true => self.pins.mkdir(dir),
            false => Err(Errno::EPERM),
        }
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        match self.pins.covers(path) {
            true => self.pins.remove(path),
            false if files::open(self, path, false).is_ok() => Err(Errno::EPERM),
            false => Err(Errno::ENOENT),
        }
    }

    /// This machine has no events.
    fn perf_event_open(&self, _event: &PerfEvent<'_>) -> Result<Fd, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn perf_event_ioctl(&self, fd: Fd, _request: PerfRequest) -> Result<(), Errno> {
        self.fds.get(fd)?;
        Err(Errno::EOPNOTSUPP)
    }

    /// This machine has no sockets.
    fn socket_option(&self, fd: Fd, _option: SocketOption<'_>) -> Result<(), Errno> {
        self.fds.get(fd)?;
        Err(Errno::EOPNOTSUPP)
    }

    fn netlink(&self, request: Netlink<'_>) -> Result<Reply, NetError> {
        self.pins.sweep();
        net::netlink::request(self, request)
    }

    fn mmap(&self, fd: Fd, area: Area) -> Result<Mapping, Errno> {
        let (map, access) = self.fds.map(fd)?;
        maps::mmap::map_memory(&map, access, area)
    }

    fn grant(&self, fd: Fd, area: Area) -> Result<Grant, Errno> {
        let (map, access) = self.fds.map(fd)?;
        maps::mmap::grant(&map, access, area)
    }

    /// Nothing here is waited for.
    fn ready(&self, fd: Fd) -> Result<OwnedFd, Errno> {
        self.fds.get(fd)?;
        Err(Errno::EOPNOTSUPP)
    }

    fn spawn(&self, _child: &Child<'_>) -> Result<Fd, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn possible_cpus(&self) -> Result<u32, Errno> {
        Ok(self.cpus.count())
    }
}

impl Machine for UserKernel {
    fn add_device(&self, name: &str, mtu: u32) -> Result<u32, Errno> {
        self.net.add(name, mtu)
    }

    fn devices(&self) -> Vec<Device> {
        let describe = |device: &Arc<net::dev::Device>| Device {
            ifindex: device.ifindex,
            name: device.name.clone(),
            mtu: device.mtu,
        };
        self.net.all().iter().map(describe).collect()
    }

    fn receive(&self, ifindex: u32, frame: &[u8]) -> Result<Received, Errno> {
        self.pins.sweep();
        net::receive(self, ifindex, frame)
    }

    fn transmitted(&self, ifindex: u32) -> Result<Vec<Vec<u8>>, Errno> {
        Ok(self.net.device(ifindex).ok_or(Errno::ENODEV)?.take_sent())
    }

    fn advance(&self, by: Duration) -> Result<(), Errno> {
        self.clock.advance(by)
    }
}
