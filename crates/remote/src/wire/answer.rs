//! What answers other than those to commands are made of.

use skep_uapi::{Destination, Device, Entry, EntryKind, Errno, NetLink, Received, Reply};

use super::part::{Part, Visit, choices, parts};
use super::primitive::{Reader, Writer};
use super::room::Lender;
use crate::Error;

parts!(Entry as Entry { in { name, kind } both {} });

choices!(EntryKind as EntryKind, "kind of entry" {
    0 => Directory {},
    1 => File {},
    2 => Other {},
});

parts!(Device as Device { in { ifindex, name, mtu } both {} });

parts!(Received as Received { in { xdp, frame, to } both {} });

choices!(Destination as Destination, "destination" {
    0 => Dropped {},
    1 => Stack {},
    2 => Device { 0: ifindex },
});

choices!(Reply as Reply, "answer of netlink" {
    0 => Done {},
    1 => Links { 0: links },
});

parts!(NetLink as NetLink { in { ifindex, name, xdp } both {} });

/// What a server says first, to everybody who connects.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// Why there will be no connection, if it is not zero.
    pub(crate) errno: Errno,
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    /// Whether the kernel is a simulated machine.
    pub(crate) has_machine: bool,
}

parts!(Greeting as Greeting { in { errno, magic, version, has_machine } both {} });

impl<'a> Part<'a> for (u8, u32) {
    fn write(&self, to: &mut Writer) {
        to.u8(self.0);
        to.u32(self.1);
    }
    fn read(from: &mut Reader<'a>, _: &mut Lender<'a>) -> Result<(u8, u32), Error> {
        Ok((from.u8()?, from.u32()?))
    }
}
