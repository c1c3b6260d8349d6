//! The seam: what every kernel answers, and what the owner of a simulated machine needs besides.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::{
    BtfInfo, Command, Errno, Fd, Grant, Info, LinkInfo, MapCreate, MapInfo, Mapping, NetError,
    Netlink, PerfEvent, PerfRequest, ProgInfo, ProgLoad, Reply, SocketOption, TestRun,
};

/// A kernel, as BPF programs' owners see one: the host's Linux, the user-space one, or one behind
/// a socket.
///
/// Descriptors are the kernel's own numbers; whoever gets one closes it. Everything that reads or
/// changes the running system goes through here, so that what stands above runs on any kernel.
pub trait Kernel: Send + Sync {
    /// bpf(2): a new descriptor, a length, or zero; outputs go to the `&mut` fields of the command.
    ///
    /// The command is lent, not given, so that a wrapper can look at the outputs afterwards.
    fn bpf(&self, command: &mut Command<'_>) -> Result<u32, Errno>;
    /// Closes a descriptor. An unknown one is ignored, as close(2) in a destructor would.
    fn close(&self, fd: Fd);
    /// Opens something that is no BPF object.
    fn open(&self, what: Open<'_>) -> Result<Fd, Errno>;
    /// Takes over a descriptor of the caller's, such as a socket.
    fn adopt(&self, fd: OwnedFd) -> Result<Fd, Errno>;
    /// Reads: iterators, `trace_pipe`, fdinfo, sysfs files.
    fn read(&self, fd: Fd, into: &mut [u8]) -> Result<usize, Errno>;
    /// Writes: tracefs control files.
    fn write(&self, fd: Fd, from: &[u8]) -> Result<usize, Errno>;
    /// The entries of a directory: bpffs, tracefs.
    fn list(&self, dir: &str) -> Result<Vec<Entry>, Errno>;
    /// Makes a directory.
    fn mkdir(&self, dir: &str) -> Result<(), Errno>;
    /// Removes a file, a pin or an empty directory.
    fn remove(&self, path: &str) -> Result<(), Errno>;
    /// perf_event_open(2).
    fn perf_event_open(&self, event: &PerfEvent<'_>) -> Result<Fd, Errno>;
    /// ioctl(2) on a perf event.
    fn perf_event_ioctl(&self, fd: Fd, request: PerfRequest) -> Result<(), Errno>;
    /// setsockopt(2), for the options that concern BPF.
    fn socket_option(&self, fd: Fd, option: SocketOption<'_>) -> Result<(), Errno>;
    /// Route netlink: XDP attached by netlink, tc, dumps.
    fn netlink(&self, request: Netlink<'_>) -> Result<Reply, NetError>;
    /// Maps a descriptor's memory.
    fn mmap(&self, fd: Fd, area: Area) -> Result<Mapping, Errno>;
    /// What [`Kernel::mmap`] would map, for another process to map: what a server gives to its
    /// client. `EOPNOTSUPP` from a kernel whose memory is behind no descriptor of the host.
    fn grant(&self, _fd: Fd, _area: Area) -> Result<Grant, Errno> {
        Err(Errno::EOPNOTSUPP)
    }
    /// A host descriptor to wait on with epoll, beside signals and children.
    fn ready(&self, fd: Fd) -> Result<OwnedFd, Errno>;
    /// Starts a child that stops before exec. The first write to its descriptor lets it go on; a
    /// read waits for its end and gives its exit status as four bytes, in the host's byte order.
    fn spawn(&self, child: &Child<'_>) -> Result<Fd, Errno>;
    /// How many CPUs the kernel may ever have: the slots of a per-CPU value.
    fn possible_cpus(&self) -> Result<u32, Errno>;

    /// The whole content of a file, such as `/sys/kernel/btf/vmlinux`.
    fn file(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let fd = self.open(Open::File { path, write: false })?;
        let mut content = Vec::new();
        let mut chunk = vec![0; 1 << 16];
        let result = loop {
            match self.read(fd, &mut chunk) {
                Ok(0) => break Ok(content),
                Ok(n) => content.extend_from_slice(&chunk[..n]),
                Err(Errno::EINTR) => {}
                Err(errno) => break Err(errno),
            }
        };
        self.close(fd);
        result
    }

    /// [`Command::MapCreate`], with the result as a descriptor.
    fn map_create(&self, map: MapCreate<'_>) -> Result<Fd, Errno> {
        self.bpf(&mut Command::MapCreate(map)).map(Fd::from_result)
    }

    /// [`Command::ProgLoad`], with the result as a descriptor. The log stays in the caller's
    /// buffer; to learn its true size, use [`Kernel::bpf`].
    fn prog_load(&self, prog: ProgLoad<'_>) -> Result<Fd, Errno> {
        self.bpf(&mut Command::ProgLoad(prog)).map(Fd::from_result)
    }

    /// [`Command::MapLookupElem`].
    fn map_lookup(
        &self,
        map_fd: Fd,
        key: &[u8],
        value: &mut [u8],
        flags: u64,
    ) -> Result<(), Errno> {
        self.bpf(&mut Command::MapLookupElem { map_fd, key, value, flags }).map(drop)
    }

    /// [`Command::MapUpdateElem`].
    fn map_update(&self, map_fd: Fd, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.bpf(&mut Command::MapUpdateElem { map_fd, key, value, flags }).map(drop)
    }

    /// [`Command::MapDeleteElem`].
    fn map_delete(&self, map_fd: Fd, key: &[u8]) -> Result<(), Errno> {
        self.bpf(&mut Command::MapDeleteElem { map_fd, key }).map(drop)
    }

    /// [`Command::MapGetNextKey`]; `Ok(false)` at the end.
    fn map_next_key(
        &self,
        map_fd: Fd,
        key: Option<&[u8]>,
        next_key: &mut [u8],
    ) -> Result<bool, Errno> {
        match self.bpf(&mut Command::MapGetNextKey { map_fd, key, next_key }) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// [`Command::ProgTestRun`], with the outputs in what comes back. `ENOSPC` is success here:
    /// the packet was cut to the room that there was.
    fn prog_test_run<'a>(&self, run: TestRun<'a>) -> Result<TestRun<'a>, Errno> {
        let mut command = Command::ProgTestRun(run);
        match (self.bpf(&mut command), command) {
            (Ok(_) | Err(Errno::ENOSPC), Command::ProgTestRun(run)) => Ok(run),
            (result, _) => Err(result.err().unwrap_or(Errno::EINVAL)),
        }
    }

    /// [`Command::ObjGetInfoByFd`] of a program, with the room that `room` lends.
    fn prog_info<'a>(&self, prog_fd: Fd, room: ProgInfo<'a>) -> Result<ProgInfo<'a>, Errno> {
        let info = Info::Prog(Box::new(room));
        let mut command = Command::ObjGetInfoByFd { bpf_fd: prog_fd, info };
        self.bpf(&mut command)?;
        match command {
            Command::ObjGetInfoByFd { info: Info::Prog(info), .. } => Ok(*info),
            _ => Err(Errno::EINVAL),
        }
    }

    /// [`Command::ObjGetInfoByFd`] of a map.
    fn map_info(&self, map_fd: Fd) -> Result<MapInfo, Errno> {
        let info = Info::Map(MapInfo::default());
        let mut command = Command::ObjGetInfoByFd { bpf_fd: map_fd, info };
        self.bpf(&mut command)?;
        match command {
            Command::ObjGetInfoByFd { info: Info::Map(info), .. } => Ok(info),
            _ => Err(Errno::EINVAL),
        }
    }

    /// [`Command::ObjGetInfoByFd`] of type information, with the room that `room` lends.
    fn btf_info<'a>(&self, btf_fd: Fd, room: BtfInfo<'a>) -> Result<BtfInfo<'a>, Errno> {
        let mut command = Command::ObjGetInfoByFd { bpf_fd: btf_fd, info: Info::Btf(room) };
        self.bpf(&mut command)?;
        match command {
            Command::ObjGetInfoByFd { info: Info::Btf(info), .. } => Ok(info),
            _ => Err(Errno::EINVAL),
        }
    }

    /// [`Command::ObjGetInfoByFd`] of a link.
    fn link_info(&self, link_fd: Fd) -> Result<LinkInfo, Errno> {
        let info = Info::Link(LinkInfo::default());
        let mut command = Command::ObjGetInfoByFd { bpf_fd: link_fd, info };
        self.bpf(&mut command)?;
        match command {
            Command::ObjGetInfoByFd { info: Info::Link(info), .. } => Ok(info),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// What the owner of a simulated machine can do with it. Linux does not answer this.
pub trait Machine: Send + Sync {
    /// Adds a network device and returns its interface index.
    fn add_device(&self, name: &str, mtu: u32) -> Result<u32, Errno>;
    /// The devices, in the order of their index.
    fn devices(&self) -> Vec<Device>;
    /// A frame arrives at a device and takes the way it would take in Linux.
    fn receive(&self, ifindex: u32, frame: &[u8]) -> Result<Received, Errno>;
    /// Takes the frames that left through a device since the last call.
    fn transmitted(&self, ifindex: u32) -> Result<Vec<Vec<u8>>, Errno>;
    /// Lets virtual time pass; a kernel on real time answers `EINVAL`.
    fn advance(&self, by: Duration) -> Result<(), Errno>;
}

/// A device of a simulated machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Interface index, from 1.
    pub ifindex: u32,
    /// Interface name.
    pub name: String,
    /// Largest payload of a frame, in bytes.
    pub mtu: u32,
}

/// What became of a frame that arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// What the XDP program returned, if one is attached.
    pub xdp: Option<u32>,
    /// The frame as it was handed on, if it was: to the stack, or to a device.
    pub frame: Option<Vec<u8>>,
    /// Where the frame went.
    pub to: Destination,
}

/// Where a frame went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere.
    #[default]
    Dropped,
    /// To the network stack.
    Stack,
    /// Out through the device with this interface index.
    Device(u32),
}

/// Something to open that is no BPF object.
#[derive(Clone, Copy, Debug)]
pub enum Open<'a> {
    /// A file of proc, sysfs or tracefs.
    File {
        /// Absolute path.
        path: &'a str,
        /// For writing only, else for reading only.
        write: bool,
    },
    /// A directory, to be used as `path_fd`.
    Directory(&'a str),
    /// A cgroup directory.
    Cgroup(&'a str),
    /// A network namespace file.
    Netns(&'a str),
    /// A process.
    Pidfd(u32),
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name within the directory.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
}

/// Kind of a directory's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file; in a BPF file system, a pin.
    File,
    /// Anything else.
    Other,
}

/// The part of a descriptor's memory to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Offset in bytes, a multiple of the page size.
    pub offset: u64,
    /// Length in bytes.
    pub len: usize,
    /// What may be done with it.
    pub access: Access,
}

/// What may be done with mapped memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Loads only.
    Read,
    /// Loads and stores.
    ReadWrite,
}

/// A child process to start.
#[derive(Clone, Debug)]
pub struct Child<'a> {
    /// Program and arguments.
    pub argv: &'a [OsString],
}
