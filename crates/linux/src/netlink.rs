//! Route netlink: XDP attached by netlink, and what is attached to which interface. Socket
//! options that concern BPF stand here too.

#![expect(unsafe_code, reason = "opens, sends on and receives from a socket")]

use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use skep_uapi::{Errno, Fd, NetError, NetLink, Netlink, Reply, SocketOption};

use crate::{descriptors, files};

/// Sends a request and reads everything that Linux answers.
pub(crate) fn request(request: Netlink<'_>) -> Result<Reply, NetError> {
    let socket = Socket::open()?;
    match request {
        Netlink::XdpSet { ifindex, prog, expected, flags } => {
            socket.ask(&xdp_set(ifindex, prog, expected, flags))?;
            Ok(Reply::Done)
        }
        Netlink::Links => Ok(Reply::Links(links(&socket.ask(&get_link(None))?))),
        Netlink::LinkByName(name) => Ok(Reply::Links(links(&socket.ask(&get_link(Some(name)))?))),
    }
}

pub(crate) fn socket_option(fd: Fd, option: SocketOption<'_>) -> Result<(), Errno> {
    let descriptor = descriptors::get(fd)?;
    let socket = &descriptor.file;
    match option {
        SocketOption::AttachBpf(prog) => {
            set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_BPF, &prog.0)
        }
        SocketOption::DetachFilter => {
            set_option(socket, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0)
        }
        SocketOption::AttachFilter(insns) => {
            let len = u16::try_from(insns.len() / 8).map_err(|_| Errno::EINVAL)?;
            let filter = insns.as_ptr().cast_mut().cast();
            let program = libc::sock_fprog { len, filter };
            set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
        }
    }
}

fn set_option<T>(socket: &OwnedFd, level: c_int, name: c_int, value: &T) -> Result<(), Errno> {
    let (socket, value) = (socket.as_raw_fd(), (&raw const *value).cast());
    let bytes = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` is readable for `bytes`; a sock_fprog in it points to as many instructions
    // as it says.
    let result = unsafe { libc::setsockopt(socket, level, name, value, bytes) };
    if result < 0 { Err(files::last_errno()) } else { Ok(()) }
}

/// `<linux/netlink.h>` and `<linux/rtnetlink.h>`.
const HEADER_BYTES: usize = 16;
const LINK_BYTES: usize = 16;
const SEQUENCE: u32 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_MULTI: u16 = 0x2;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLA_F_NESTED: u16 = 1 << 15;
const NLMSGERR_ATTR_MSG: u16 = 1;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_SETLINK: u16 = 19;
/// `<linux/if_link.h>`.
const IFLA_IFNAME: u16 = 3;
const IFLA_XDP: u16 = 43;
const IFLA_XDP_FD: u16 = 1;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_FLAGS: u16 = 3;
const IFLA_XDP_PROG_ID: u16 = 4;
/// `IFLA_XDP_DRV_PROG_ID`, `_SKB_`, `_HW_`: in the order of the modes `XDP_ATTACHED_DRV` to `_HW`.
const IFLA_XDP_MODE_PROG_ID: [u16; 3] = [5, 6, 7];
const IFLA_XDP_EXPECTED_FD: u16 = 8;

fn xdp_set(ifindex: u32, prog: Option<Fd>, expected: Option<Fd>, flags: u32) -> Vec<u8> {
    let mut xdp = Vec::new();
    // A negative descriptor detaches.
    attribute(&mut xdp, IFLA_XDP_FD, &prog.map_or(-1, |fd| fd.0).to_ne_bytes());
    if flags != 0 {
        attribute(&mut xdp, IFLA_XDP_FLAGS, &flags.to_ne_bytes());
    }
    if let Some(expected) = expected {
        attribute(&mut xdp, IFLA_XDP_EXPECTED_FD, &expected.0.to_ne_bytes());
    }
    let mut body = link_header(ifindex);
    attribute(&mut body, IFLA_XDP | NLA_F_NESTED, &xdp);
    message(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &body)
}

fn get_link(name: Option<&str>) -> Vec<u8> {
    let mut body = link_header(0);
    match name {
        Some(name) => {
            let mut text = name.as_bytes().to_vec();
            text.push(0);
            attribute(&mut body, IFLA_IFNAME, &text);
            message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, &body)
        }
        None => message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &body),
    }
}

/// `struct ifinfomsg`, with nothing but the interface's index.
fn link_header(ifindex: u32) -> Vec<u8> {
    let mut header = vec![0; LINK_BYTES];
    header[4..8].copy_from_slice(&ifindex.to_ne_bytes());
    header
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(HEADER_BYTES + body.len()).expect("a request has a few hundred bytes");
    let mut message = len.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(SEQUENCE.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(body);
    message
}

fn attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // Only an interface's name has a length that the caller chooses; Linux refuses one that has
    // been cut, as it would the whole one.
    let value = &value[..value.len().min(usize::from(u16::MAX) - 4)];
    to.extend((value.len() as u16 + 4).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

/// Attributes: kind, without its flag bits, and value.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, kind) = (u16_at(bytes, 0)?, u16_at(bytes, 2)?);
        let value = bytes.get(4..usize::from(len))?;
        bytes = bytes.get(usize::from(len).next_multiple_of(4)..).unwrap_or_default();
        Some((kind & 0x3fff, value))
    })
}

/// The interfaces in the bodies of `RTM_NEWLINK` messages.
fn links(bodies: &[Vec<u8>]) -> Vec<NetLink> {
    bodies.iter().filter_map(|body| link(body)).collect()
}

fn link(body: &[u8]) -> Option<NetLink> {
    let mut link = NetLink { ifindex: u32_at(body, 4)?, ..NetLink::default() };
    for (kind, value) in attributes(body.get(LINK_BYTES..)?) {
        match kind {
            IFLA_IFNAME => {
                let name = value.strip_suffix(&[0]).unwrap_or(value);
                link.name = String::from_utf8_lossy(name).into_owned();
            }
            IFLA_XDP => link.xdp = xdp_programs(value),
            _ => {}
        }
    }
    Some(link)
}

/// Mode and id of each program. Kernels before 4.19 tell one mode and one id only.
fn xdp_programs(nest: &[u8]) -> Vec<(u8, u32)> {
    let (mut programs, mut attached, mut only) = (Vec::new(), 0, None);
    for (kind, value) in attributes(nest) {
        match kind {
            IFLA_XDP_ATTACHED => attached = value.first().copied().unwrap_or(0),
            IFLA_XDP_PROG_ID => only = u32_at(value, 0),
            _ => {
                let mode = IFLA_XDP_MODE_PROG_ID.iter().position(|id| *id == kind);
                if let (Some(mode), Some(id)) = (mode, u32_at(value, 0)) {
                    programs.push((mode as u8 + 1, id));
                }
            }
        }
    }
    if let (true, 1..=3, Some(id)) = (programs.is_empty(), attached, only) {
        programs.push((attached, id));
    }
    programs
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A route netlink socket that asks for the kernel's words with every refusal.
struct Socket(OwnedFd);

/// Longer than any message of a dump, which Linux keeps below 32 KiB.
const RECEIVE_BYTES: usize = 1 << 16;

impl Socket {
    fn open() -> Result<Socket, Errno> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: takes three numbers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
        if fd < 0 {
            return Err(files::last_errno());
        }
        // SAFETY: the call has just returned this descriptor, and nobody else knows it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // A kernel that is too old for these says less, but works.
        let _ = set_option(&socket, libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, &1);
        let _ = set_option(&socket, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, &1);
        Ok(Socket(socket))
    }

    /// Sends a message and returns the bodies of the `RTM_NEWLINK` messages that answer it.
    fn ask(&self, message: &[u8]) -> Result<Vec<Vec<u8>>, NetError> {
        let fd = self.0.as_raw_fd();
        // SAFETY: `message` is readable for its length, and `self` keeps the socket open.
        files::uninterrupted(|| unsafe {
            libc::send(fd, message.as_ptr().cast(), message.len(), 0)
        })?;
        let mut bodies = Vec::new();
        let mut room = vec![0; RECEIVE_BYTES];
        loop {
            // SAFETY: `room` is writable for its length, and `self` keeps the socket open.
            let received = files::uninterrupted(|| unsafe {
                libc::recv(fd, room.as_mut_ptr().cast(), room.len(), 0)
            })?;
            if answers(&room[..received], &mut bodies)? {
                return Ok(bodies);
            }
        }
    }
}

/// Collects bodies; `true` once the answer is complete.
fn answers(mut bytes: &[u8], bodies: &mut Vec<Vec<u8>>) -> Result<bool, NetError> {
    let broken = NetError::from(Errno::EPROTO);
    while !bytes.is_empty() {
        let len = u32_at(bytes, 0).ok_or(broken.clone())? as usize;
        let kind = u16_at(bytes, 4).ok_or(broken.clone())?;
        let flags = u16_at(bytes, 6).ok_or(broken.clone())?;
        let body = bytes.get(HEADER_BYTES..len).ok_or(broken.clone())?;
        match kind {
            NLMSG_ERROR | NLMSG_DONE => return acknowledged(body, kind, flags).map(|()| true),
            RTM_NEWLINK => bodies.push(body.to_vec()),
            _ => {}
        }
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// Zero is success. Behind the number stands the header of the request, then the kernel's words.
fn acknowledged(body: &[u8], kind: u16, flags: u16) -> Result<(), NetError> {
    let number = u32_at(body, 0).unwrap_or(0).cast_signed();
    if number == 0 || (kind == NLMSG_DONE && flags & NLM_F_MULTI != 0 && number > 0) {
        return Ok(());
    }
    let words = if kind == NLMSG_ERROR { 4 + HEADER_BYTES } else { 4 };
    let extack = (flags & NLM_F_ACK_TLVS != 0)
        .then(|| attributes(body.get(words..).unwrap_or_default()))
        .and_then(|mut attributes| attributes.find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG))
        .map(|(_, text)| String::from_utf8_lossy(text.strip_suffix(&[0]).unwrap_or(text)).into());
    Err(NetError { errno: Errno(-number), extack })
}
