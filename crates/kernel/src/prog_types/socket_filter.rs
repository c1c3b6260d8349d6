//! `BPF_PROG_TYPE_SOCKET_FILTER`: how much of a packet a socket gets.

use std::cell::Cell;
use std::mem::offset_of;

use skep_isa::Size;
use skep_uapi::{Errno, TestRun};
use skep_verifier::{Context, Field, FieldKind, Place};

use super::{Rules, Structure, context_in, put, put_word, word};
use crate::UserKernel;
use crate::helpers;
use crate::net::dev::LOOPBACK;
use crate::prog::{Ctx, Prog};

/// The context as it really is: the fields of a packet that a filter may see.
///
/// The program reaches the fields through pointers, the helpers through the packet's bytes.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct SkBuff {
    len: u32,
    pkt_type: u32,
    mark: u32,
    queue_mapping: u32,
    /// In network order.
    protocol: u32,
    vlan_present: u32,
    vlan_tci: u32,
    vlan_proto: u32,
    priority: u32,
    ingress_ifindex: u32,
    ifindex: u32,
    tc_index: u32,
    /// Scratch words, which the filter may change.
    cb: [Cell<u32>; 5],
    hash: u32,
    napi_id: u32,
    gso_segs: u32,
    gso_size: u32,
}

/// A packet for a filter: its fields, and its bytes from the network header on.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) skb: SkBuff,
    /// The link header, which is not part of the packet any more.
    pub(crate) mac: &'a [u8],
    pub(crate) bytes: &'a [u8],
}

/// For the kernel's BTF.
pub(crate) const STRUCTURE: Structure = Structure {
    name: "sk_buff",
    bytes: size_of::<SkBuff>(),
    members: &[
        ("len", offset_of!(SkBuff, len), 4),
        ("pkt_type", offset_of!(SkBuff, pkt_type), 4),
        ("mark", offset_of!(SkBuff, mark), 4),
        ("queue_mapping", offset_of!(SkBuff, queue_mapping), 4),
        ("protocol", offset_of!(SkBuff, protocol), 4),
        ("priority", offset_of!(SkBuff, priority), 4),
        ("ifindex", offset_of!(SkBuff, ifindex), 4),
        ("hash", offset_of!(SkBuff, hash), 4),
    ],
};

/// Bytes of an Ethernet header.
const ETH_HLEN: usize = 14;
/// The longest packet of a test run: a page, less what the kernel needs around it.
const PACKET_MAX: usize = 3712;

/// The rules for socket filters.
pub(crate) static RULES: Rules = Rules {
    context: Context { name: "__sk_buff", size: 192, fields: &FIELDS },
    returns: None,
    packet: None,
    legacy_packet_loads: true,
    helpers: &[
        helpers::map::HELPERS,
        helpers::time::HELPERS,
        helpers::cpu::HELPERS,
        helpers::random::HELPERS,
        helpers::trace::HELPERS,
        helpers::task::HELPERS,
        helpers::skb::HELPERS,
    ],
    linux_helpers: &[
        1, 2, 3, 5, 6, 7, 8, 12, 14, 15, 16, 17, 22, 25, 26, 35, 37, 42, 46, 47, 55, 68, 80, 87,
        88, 89, 93, 94, 105, 106, 109, 112, 113, 114, 115, 117, 118, 120, 122, 123, 125, 130, 131,
        132, 133, 134, 136, 137, 138, 139, 140, 141, 148, 149, 153, 154, 156, 157, 158, 160, 164,
        165, 169, 170, 171, 172, 175, 176, 177, 178, 180, 181, 182, 191, 194, 195, 196, 197, 198,
        199, 200, 201, 202, 203, 208, 209, 210, 211,
    ],
    test_run,
};

const CB: usize = offset_of!(SkBuff, cb);

const FIELDS: [Field; 21] = [
    number("len", 0, offset_of!(SkBuff, len)),
    number("pkt_type", 4, offset_of!(SkBuff, pkt_type)),
    number("mark", 8, offset_of!(SkBuff, mark)),
    number("queue_mapping", 12, offset_of!(SkBuff, queue_mapping)),
    number("protocol", 16, offset_of!(SkBuff, protocol)),
    number("vlan_present", 20, offset_of!(SkBuff, vlan_present)),
    number("vlan_tci", 24, offset_of!(SkBuff, vlan_tci)),
    number("vlan_proto", 28, offset_of!(SkBuff, vlan_proto)),
    number("priority", 32, offset_of!(SkBuff, priority)),
    number("ingress_ifindex", 36, offset_of!(SkBuff, ingress_ifindex)),
    number("ifindex", 40, offset_of!(SkBuff, ifindex)),
    number("tc_index", 44, offset_of!(SkBuff, tc_index)),
    scratch("cb[0]", 48, CB),
    scratch("cb[1]", 52, CB + 4),
    scratch("cb[2]", 56, CB + 8),
    scratch("cb[3]", 60, CB + 12),
    scratch("cb[4]", 64, CB + 16),
    number("hash", 68, offset_of!(SkBuff, hash)),
    number("napi_id", 84, offset_of!(SkBuff, napi_id)),
    number("gso_segs", 164, offset_of!(SkBuff, gso_segs)),
    number("gso_size", 176, offset_of!(SkBuff, gso_size)),
];

const fn number(name: &'static str, offset: u32, at: usize) -> Field {
    let real = Place { offset: at as i16, size: Size::W };
    let kind = FieldKind::Scalar;
    Field { name, offset, size: Size::W, kind, writable: false, narrow: true, real }
}

const fn scratch(name: &'static str, offset: u32, at: usize) -> Field {
    Field { writable: true, ..number(name, offset, at) }
}

impl SkBuff {
    /// The address of the context, for programs.
    pub(crate) fn address(&self) -> u64 {
        core::ptr::from_ref(self).expose_provenance() as u64
    }
}

/// A load relative to a header that is before the packet (`SKF_NET_OFF`, `SKF_LL_OFF`).
const NET_OFF: i64 = -0x10_0000;
const LL_OFF: i64 = -0x20_0000;

impl<'a> Packet<'a> {
    /// A frame that arrived at the loopback device, past its link header.
    pub(crate) fn from_frame(frame: &'a [u8]) -> Result<Packet<'a>, Errno> {
        if frame.len() < ETH_HLEN || frame.len() > PACKET_MAX {
            return Err(Errno::EINVAL);
        }
        let (mac, bytes) = frame.split_at(ETH_HLEN);
        check_network_header(mac, bytes)?;
        let skb = SkBuff {
            len: u32::try_from(bytes.len()).expect("at most a page"),
            pkt_type: pkt_type(mac),
            protocol: u32::from(u16::from_ne_bytes([mac[12], mac[13]])),
            ifindex: LOOPBACK,
            ..SkBuff::default()
        };
        Ok(Packet { skb, mac, bytes })
    }

    /// A legacy load: the bytes at an offset, which may be relative to the network or the link
    /// header, in network order.
    pub(crate) fn load(&self, offset: i64, size: Size) -> Option<u64> {
        let bytes = self.at(offset, size.bytes())?;
        Some(bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }

    fn at(&self, offset: i64, len: usize) -> Option<&[u8]> {
        // The network header is where the packet begins.
        let (header, from) = match offset {
            0.. => (self.bytes, offset),
            NET_OFF..0 => (self.bytes, offset - NET_OFF),
            LL_OFF..NET_OFF => return self.at_link_header(offset - LL_OFF, len),
            _ => return None,
        };
        let from = usize::try_from(from).ok()?;
        header.get(from..from.checked_add(len)?)
    }

    fn at_link_header(&self, offset: i64, len: usize) -> Option<&[u8]> {
        let offset = usize::try_from(offset).ok()?;
        match offset.checked_sub(self.mac.len()) {
            Some(from) => self.bytes.get(from..from.checked_add(len)?),
            None => self.mac.get(offset..offset.checked_add(len)?),
        }
    }
}

const F_CHECKSUM_COMPLETE: u32 = 1 << 2;
/// Bytes of `struct __sk_buff`, and the offsets in it that a test run may set.
const SKB_BYTES: usize = 192;
const SKB_MARK: usize = 8;
const SKB_PRIORITY: usize = 32;
const SKB_INGRESS: usize = 36;
const SKB_IFINDEX: usize = 40;
const SKB_CB: usize = 48;
const SKB_TSTAMP: usize = 152;
const SKB_WIRE_LEN: usize = 160;
const SKB_GSO_SEGS: usize = 164;
const SKB_GSO_SIZE: usize = 176;
const SKB_HWTSTAMP: usize = 184;
/// The ranges of a context that must be zero.
const SKB_ZERO: [core::ops::Range<usize>; 6] =
    [0..8, 12..32, 44..48, 68..SKB_TSTAMP, 168..SKB_GSO_SIZE, 180..SKB_HWTSTAMP];
/// The most segments and bytes of a packet that is cut later (`GSO_MAX_SEGS`, `GSO_LEGACY_MAX_SIZE`).
const GSO_SEGS_MAX: u32 = 65_535;
const WIRE_LEN_MAX: u32 = 65_536;

/// `BPF_PROG_TEST_RUN`: the packet has left its link header behind, as at a socket.
fn test_run(kernel: &UserKernel, prog: &Prog, test: &mut TestRun<'_>) -> Result<(), Errno> {
    if test.flags & !F_CHECKSUM_COMPLETE != 0 || test.cpu != 0 || test.batch_size != 0 {
        return Err(Errno::EINVAL);
    }
    if test.data_in.len() < ETH_HLEN || test.data_in.len() > PACKET_MAX {
        return Err(Errno::EINVAL);
    }
    let context = context_in::<SKB_BYTES>(test, Errno::E2BIG)?;
    let mut packet = Packet::from_frame(test.data_in)?;
    if let Some(context) = &context {
        read_context(kernel, context, &mut packet.skb)?;
    }
    let lease = kernel.cpus.lease();
    let outcome = prog.run_repeatedly(kernel, lease, test.repeat, || Ctx::Skb(&packet));
    test.retval = outcome.retval;
    test.duration = outcome.mean_ns;
    // Linux puts a link header of zeros back before it gives the packet out.
    let mut out = vec![0; ETH_HLEN];
    out.extend_from_slice(packet.bytes);
    test.data_size_out = packet.skb.len + ETH_HLEN as u32;
    if !test.data_out.is_empty() {
        put(&out, test.data_out)?;
    }
    if let (Some(mut context), false) = (context, test.ctx_out.is_empty()) {
        write_context(&packet.skb, &mut context);
        test.ctx_size_out = SKB_BYTES as u32;
        put(&context, test.ctx_out)?;
    }
    Ok(())
}

/// A packet that says it is IP must have the whole header.
fn check_network_header(mac: &[u8], bytes: &[u8]) -> Result<(), Errno> {
    let need = match [mac[12], mac[13]] {
        [0x08, 0x00] => 20,
        [0x86, 0xdd] => 40,
        _ => 0,
    };
    if bytes.len() < need { Err(Errno::EINVAL) } else { Ok(()) }
}

/// How the loopback device, whose addresses are zero, takes a frame.
fn pkt_type(mac: &[u8]) -> u32 {
    const HOST: u32 = 0;
    const MULTICAST: u32 = 2;
    const OTHERHOST: u32 = 3;
    match &mac[..6] {
        [0, 0, 0, 0, 0, 0] => HOST,
        [first, ..] if first & 1 != 0 => MULTICAST,
        _ => OTHERHOST,
    }
}

fn read_context(
    kernel: &UserKernel,
    context: &[u8; SKB_BYTES],
    skb: &mut SkBuff,
) -> Result<(), Errno> {
    if SKB_ZERO.iter().any(|range| context[range.clone()].iter().any(|b| *b != 0)) {
        return Err(Errno::EINVAL);
    }
    let ifindex = word(context, SKB_IFINDEX);
    if ifindex != 0 {
        kernel.net.device(ifindex).ok_or(Errno::ENODEV)?;
        skb.ifindex = ifindex;
    }
    let (wire_len, gso_segs) = (word(context, SKB_WIRE_LEN), word(context, SKB_GSO_SEGS));
    let wire_len_ok = wire_len == 0 || (skb.len..=WIRE_LEN_MAX).contains(&wire_len);
    if !wire_len_ok || gso_segs > GSO_SEGS_MAX {
        return Err(Errno::EINVAL);
    }
    skb.mark = word(context, SKB_MARK);
    skb.priority = word(context, SKB_PRIORITY);
    skb.ingress_ifindex = word(context, SKB_INGRESS);
    skb.gso_segs = gso_segs;
    skb.gso_size = word(context, SKB_GSO_SIZE);
    for (i, cb) in skb.cb.iter().enumerate() {
        cb.set(word(context, SKB_CB + 4 * i));
    }
    Ok(())
}

fn write_context(skb: &SkBuff, context: &mut [u8; SKB_BYTES]) {
    put_word(context, SKB_IFINDEX, skb.ifindex);
    for (i, cb) in skb.cb.iter().enumerate() {
        put_word(context, SKB_CB + 4 * i, cb.get());
    }
    if word(context, SKB_WIRE_LEN) == 0 {
        put_word(context, SKB_WIRE_LEN, skb.len);
    }
}
