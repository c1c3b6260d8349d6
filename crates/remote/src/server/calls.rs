//! Answers to everything that is no bpf(2) command.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use skep_uapi::{Child, Errno, Fd, Kernel, Machine, NetError, Open};

use super::session::Session;
use super::translate::Translation;
use crate::wire::part::Part;
use crate::wire::{Call, Writer};

/// How many bytes one read gives; a longer one is shortened, as any kernel may.
const READ_BYTES_MAX: usize = 1 << 20;

/// Answers one call: writes to `to`, and gives a descriptor to be sent along.
pub(super) fn answer(
    session: &Arc<Session>,
    call: Call<'_>,
    came: Option<OwnedFd>,
    stream: &UnixStream,
    to: &mut Writer,
) -> Result<Option<OwnedFd>, NetError> {
    let kernel = &*session.served.kernel;
    match call {
        // A connection says hello once.
        Call::Hello { .. } => return Err(Errno::EPROTO.into()),
        Call::Channel => session.add(UnixStream::from(came.ok_or(Errno::EBADF)?))?,
        Call::Bye => session.release(),
        Call::Close { fd } => session.descriptors.close(fd),
        Call::Open(what) => open(session, what)?.write(to),
        Call::Adopt => own(session, kernel.adopt(came.ok_or(Errno::EBADF)?)?)?.write(to),
        Call::Read { fd, len } => read(session, fd, len as usize, stream, to)?,
        Call::Write { fd, from } => {
            let mut translation = Translation::new(&session.descriptors);
            length(kernel.write(translation.fd(fd), from)?).write(to);
        }
        Call::List { dir } => kernel.list(dir)?.write(to),
        Call::Mkdir { dir } => kernel.mkdir(dir)?,
        Call::Remove { path } => kernel.remove(path)?,
        Call::PerfEventOpen(event) => own(session, kernel.perf_event_open(&event)?)?.write(to),
        Call::PerfEventIoctl { fd, request } => {
            let mut translation = Translation::new(&session.descriptors);
            let request = translation.perf_request(request);
            kernel.perf_event_ioctl(translation.fd(fd), request)?;
        }
        Call::SocketOption { fd, option } => {
            let mut translation = Translation::new(&session.descriptors);
            let option = translation.socket_option(option);
            kernel.socket_option(translation.fd(fd), option)?;
        }
        Call::Netlink(request) => {
            let mut translation = Translation::new(&session.descriptors);
            kernel.netlink(translation.netlink(request))?.write(to);
        }
        Call::Mmap { fd, area } => {
            let mut translation = Translation::new(&session.descriptors);
            let grant = kernel.grant(translation.fd(fd), area)?;
            session.hold(grant.hold)?;
            grant.offset.write(to);
            grant.len.write(to);
            return Ok(Some(grant.memory));
        }
        Call::Ready { fd } => {
            let descriptor = session.descriptors.get(fd).ok_or(Errno::EBADF)?;
            return Ok(Some(descriptor.waiter()?));
        }
        Call::Spawn { argv } => own(session, kernel.spawn(&Child { argv: &argv })?)?.write(to),
        Call::PossibleCpus => kernel.possible_cpus()?.write(to),
        Call::AddDevice { .. }
        | Call::Devices
        | Call::Receive { .. }
        | Call::Transmitted { .. }
        | Call::Advance { .. } => {
            let machine = session.served.machine.as_deref().ok_or(Errno::EOPNOTSUPP)?;
            simulate(machine, call, to)?;
        }
    }
    Ok(None)
}

fn simulate(machine: &dyn Machine, call: Call<'_>, to: &mut Writer) -> Result<(), Errno> {
    match call {
        Call::AddDevice { name, mtu } => machine.add_device(name, mtu)?.write(to),
        Call::Devices => machine.devices().write(to),
        Call::Receive { ifindex, frame } => machine.receive(ifindex, frame)?.write(to),
        Call::Transmitted { ifindex } => machine.transmitted(ifindex)?.write(to),
        Call::Advance { by } => machine.advance(by)?,
        _ => return Err(Errno::EOPNOTSUPP),
    }
    Ok(())
}

fn open(session: &Session, what: Open<'_>) -> Result<Fd, Errno> {
    own(session, session.served.kernel.open(what)?)
}

fn own(session: &Session, fd: Fd) -> Result<Fd, Errno> {
    session.descriptors.open(fd)
}

fn read(
    session: &Session,
    fd: Fd,
    len: usize,
    stream: &UnixStream,
    to: &mut Writer,
) -> Result<(), Errno> {
    let mut translation = Translation::new(&session.descriptors);
    let kernel_fd = translation.fd(fd);
    // Where reading may block, the client's end has to be seen too: it would leave this thread
    // and everything that the connection holds behind.
    if let Some(Ok(source)) = session.descriptors.get(fd).as_deref().map(|fd| fd.source()) {
        wait(source, stream)?;
    }
    let mut bytes = vec![0; len.min(READ_BYTES_MAX)];
    let read = session.served.kernel.read(kernel_fd, &mut bytes)?;
    (&bytes[..read.min(bytes.len())]).write(to);
    Ok(())
}

/// Waits until `source` can be read; `ECANCELED` if the client goes first.
fn wait(source: &OwnedFd, stream: &UnixStream) -> Result<(), Errno> {
    let closed = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    let mut fds = [
        PollFd::from_borrowed_fd(source.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::RDHUP),
    ];
    loop {
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Errno(error.raw_os_error())),
            Ok(_) if fds[1].revents().intersects(closed) => return Err(Errno::ECANCELED),
            Ok(_) => return Ok(()),
        }
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
