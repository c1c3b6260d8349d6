//! Every other request of the seam.

use std::ffi::OsString;
use std::time::Duration;

use skep_uapi::{Access, Area, Fd, Netlink, Open, PerfEvent, PerfRequest, SocketOption};

use super::part::{Part, Visit, choices, parts};
use super::primitive::{Reader, Writer};
use super::room::Lender;
use crate::Error;

/// A request that is no bpf(2) command. Descriptors of the host travel beside the message.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "fields are those of the methods that the variants are named for")]
pub enum Call<'a> {
    /// The first message of a connection.
    Hello {
        magic: [u8; 8],
        version: u32,
    },
    /// Adds a socket to the connection, so that two threads need not wait for each other.
    Channel,
    /// Closes every descriptor of the connection.
    Bye,
    Close {
        fd: Fd,
    },
    Open(Open<'a>),
    Adopt,
    Read {
        fd: Fd,
        len: u32,
    },
    Write {
        fd: Fd,
        from: &'a [u8],
    },
    List {
        dir: &'a str,
    },
    Mkdir {
        dir: &'a str,
    },
    Remove {
        path: &'a str,
    },
    PerfEventOpen(PerfEvent<'a>),
    PerfEventIoctl {
        fd: Fd,
        request: PerfRequest,
    },
    SocketOption {
        fd: Fd,
        option: SocketOption<'a>,
    },
    Netlink(Netlink<'a>),
    Mmap {
        fd: Fd,
        area: Area,
    },
    Ready {
        fd: Fd,
    },
    Spawn {
        argv: Vec<OsString>,
    },
    PossibleCpus,
    AddDevice {
        name: &'a str,
        mtu: u32,
    },
    Devices,
    Receive {
        ifindex: u32,
        frame: &'a [u8],
    },
    Transmitted {
        ifindex: u32,
    },
    Advance {
        by: Duration,
    },
}

/// Writes a request.
pub fn write_call(call: &Call<'_>, to: &mut Writer) {
    call.write(to);
}

/// The request that a message holds.
pub fn read_call(mut message: Reader<'_>) -> Result<Call<'_>, Error> {
    let call = Call::read(&mut message, &mut Lender::none())?;
    message.end()?;
    Ok(call)
}

choices!(Call as Call<'a>, "request" {
    0 => Hello { magic, version },
    1 => Channel {},
    2 => Close { fd },
    3 => Open { 0: what },
    4 => Adopt {},
    5 => Read { fd, len },
    6 => Write { fd, from },
    7 => List { dir },
    8 => Mkdir { dir },
    9 => Remove { path },
    10 => PerfEventOpen { 0: event },
    11 => PerfEventIoctl { fd, request },
    12 => SocketOption { fd, option },
    13 => Netlink { 0: request },
    14 => Mmap { fd, area },
    15 => Ready { fd },
    16 => Spawn { argv },
    17 => PossibleCpus {},
    18 => AddDevice { name, mtu },
    19 => Devices {},
    20 => Receive { ifindex, frame },
    21 => Transmitted { ifindex },
    22 => Advance { by },
    23 => Bye {},
});

parts!(Area as Area { in { offset, len, access } both {} });

choices!(Access as Access, "kind of access" {
    0 => Read {},
    1 => ReadWrite {},
});

choices!(Open as Open<'a>, "kind of file" {
    0 => File { path, write },
    1 => Directory { 0: path },
    2 => Cgroup { 0: path },
    3 => Netns { 0: path },
    4 => Pidfd { 0: pid },
});

parts!(PerfEvent as PerfEvent<'a> {
    in {
        kind, config, sample, by_frequency, sample_type, wakeup_events, name, offset, pid, cpu,
    }
    both {}
});

choices!(PerfRequest as PerfRequest, "request to a perf event" {
    0 => Enable {},
    1 => Disable {},
    2 => SetBpf { 0: prog },
});

choices!(SocketOption as SocketOption<'a>, "socket option" {
    0 => AttachBpf { 0: prog },
    1 => AttachFilter { 0: insns },
    2 => DetachFilter {},
});

choices!(Netlink as Netlink<'a>, "netlink request" {
    0 => XdpSet { ifindex, prog, expected, flags },
    1 => Links {},
    2 => LinkByName { 0: name },
});
