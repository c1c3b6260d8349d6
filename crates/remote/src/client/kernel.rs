//! The seam, call by call.

use std::borrow::Cow;
use std::os::fd::OwnedFd;

use skep_uapi::{
    Area, Child, Command, Entry, Errno, Fd, Kernel, Mapping, NetError, Netlink, Open, PerfEvent,
    PerfRequest, Reply, SocketOption,
};

use super::{Client, memory};
use crate::Error;
use crate::wire::part::{Part, read};
use crate::wire::{COMMAND, Call, Reader, read_outputs, write_command};

impl Kernel for Client {
    fn bpf(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        match command {
            Command::ObjPin { pathname, bpf_fd, path_fd: None, file_flags } => {
                let (bpf_fd, path_fd, file_flags) = (*bpf_fd, None, *file_flags);
                let pathname = &*absolute(pathname);
                self.command(&mut Command::ObjPin { pathname, bpf_fd, path_fd, file_flags })
            }
            Command::ObjGet { pathname, path_fd: None, file_flags } => {
                let (path_fd, file_flags) = (None, *file_flags);
                let pathname = &*absolute(pathname);
                self.command(&mut Command::ObjGet { pathname, path_fd, file_flags })
            }
            command => self.command(command),
        }
    }

    /// Where the connection is lost, it is closed already.
    fn close(&self, fd: Fd) {
        let _ = self.done(&Call::Close { fd });
    }

    fn open(&self, what: Open<'_>) -> Result<Fd, Errno> {
        let path = match what {
            Open::File { path, .. }
            | Open::Directory(path)
            | Open::Cgroup(path)
            | Open::Netns(path) => absolute(path),
            Open::Pidfd(_) => Cow::Borrowed(""),
        };
        self.value(&Call::Open(match what {
            Open::File { write, .. } => Open::File { path: &path, write },
            Open::Directory(_) => Open::Directory(&path),
            Open::Cgroup(_) => Open::Cgroup(&path),
            Open::Netns(_) => Open::Netns(&path),
            Open::Pidfd(pid) => Open::Pidfd(pid),
        }))
    }

    fn adopt(&self, fd: OwnedFd) -> Result<Fd, Errno> {
        self.call(&Call::Adopt, Some(&fd), |answer, _| read(answer)).map_err(|error| error.errno)
    }

    fn read(&self, fd: Fd, into: &mut [u8]) -> Result<usize, Errno> {
        let len = u32::try_from(into.len()).unwrap_or(u32::MAX);
        let taken = self.call(&Call::Read { fd, len }, None, |answer, _| {
            let bytes: &[u8] = read(answer)?;
            let (size, most) = (bytes.len(), into.len());
            let room = into.get_mut(..size);
            let room = room.ok_or(Error::TooLarge { what: "bytes read", size, most })?;
            room.copy_from_slice(bytes);
            Ok(size)
        });
        taken.map_err(|error| error.errno)
    }

    fn write(&self, fd: Fd, from: &[u8]) -> Result<usize, Errno> {
        self.value::<u32>(&Call::Write { fd, from }).map(|written| written as usize)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>, Errno> {
        self.value(&Call::List { dir: &absolute(dir) })
    }

    fn mkdir(&self, dir: &str) -> Result<(), Errno> {
        self.done(&Call::Mkdir { dir: &absolute(dir) })
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        self.done(&Call::Remove { path: &absolute(path) })
    }

    fn perf_event_open(&self, event: &PerfEvent<'_>) -> Result<Fd, Errno> {
        self.value(&Call::PerfEventOpen(*event))
    }

    fn perf_event_ioctl(&self, fd: Fd, request: PerfRequest) -> Result<(), Errno> {
        self.done(&Call::PerfEventIoctl { fd, request })
    }

    fn socket_option(&self, fd: Fd, option: SocketOption<'_>) -> Result<(), Errno> {
        self.done(&Call::SocketOption { fd, option })
    }

    fn netlink(&self, request: Netlink<'_>) -> Result<Reply, NetError> {
        self.call(&Call::Netlink(request), None, |answer, _| read(answer))
    }

    fn mmap(&self, fd: Fd, area: Area) -> Result<Mapping, Errno> {
        let granted = self.call(&Call::Mmap { fd, area }, None, |answer, came| {
            Ok((read(answer)?, read(answer)?, came))
        });
        let (offset, len, granted) = granted.map_err(|error| error.errno)?;
        memory::map(&granted.ok_or(Errno::EPROTO)?, offset, len, area)
    }

    fn ready(&self, fd: Fd) -> Result<OwnedFd, Errno> {
        let came = self.call(&Call::Ready { fd }, None, |_, came| Ok(came));
        came.map_err(|error| error.errno)?.ok_or(Errno::EPROTO)
    }

    /// The child is the server's: it has the server's directory, environment and streams.
    fn spawn(&self, child: &Child<'_>) -> Result<Fd, Errno> {
        self.value(&Call::Spawn { argv: child.argv.to_vec() })
    }

    fn possible_cpus(&self) -> Result<u32, Errno> {
        self.value(&Call::PossibleCpus)
    }
}

impl Client {
    fn command(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        let answered = self.pool.with(|channel| {
            let message = channel.begin();
            COMMAND.write(message);
            write_command(command, message);
            channel.send(None)?;
            let mut answer = Reader::new(channel.receive()?.ok_or(Error::Lost(None))?);
            let errno: Errno = read(&mut answer)?;
            if answer.left() == 0 {
                return Ok(Err(errno));
            }
            let value: u32 = read(&mut answer)?;
            read_outputs(command, &mut answer)?;
            if command.returns_fd() && value > i32::MAX.cast_unsigned() {
                return Err(Error::TooLarge {
                    what: "as a descriptor",
                    size: value as usize,
                    most: i32::MAX as usize,
                });
            }
            Ok(if errno == Errno(0) { Ok(value) } else { Err(errno) })
        });
        answered.unwrap_or_else(|error| Err(error.errno()))
    }
}

/// The path seen from here, since the server has a directory of its own.
fn absolute(path: &str) -> Cow<'_, str> {
    if path.is_empty() || path.starts_with('/') {
        return Cow::Borrowed(path);
    }
    let here = std::env::current_dir().ok().map(|dir| dir.join(path).into_os_string());
    match here.map(std::ffi::OsString::into_string) {
        Some(Ok(path)) => Cow::Owned(path),
        // Whether the kernel knows it is for the kernel to say.
        _ => Cow::Borrowed(path),
    }
}
