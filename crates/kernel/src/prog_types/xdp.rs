//! `BPF_PROG_TYPE_XDP`: a frame as it arrives at a device.

use std::cell::Cell;
use std::mem::offset_of;

use skep_isa::Size;
use skep_uapi::{Errno, TestRun, XdpAction};
use skep_verifier::{Access, Context, Field, FieldKind, Place};

use super::{Rules, Structure, context_in, put, put_word, word};
use crate::UserKernel;
use crate::helpers;
use crate::memory::{Memory, Span};
use crate::net::dev::LOOPBACK;
use crate::prog::{Ctx, Prog};

/// The context as it really is: where the frame lies in its buffer.
///
/// The program reaches the fields through pointers, the helpers through the cells.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct XdpBuff {
    data: Cell<u64>,
    data_end: Cell<u64>,
    data_meta: Cell<u64>,
    /// The buffer's first byte.
    hard_start: u64,
    /// Behind the last byte that the frame may grow to.
    hard_end: u64,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
    /// Where `bpf_redirect` sent the frame; 0: nowhere.
    redirect: Cell<u32>,
}

/// For the kernel's BTF.
pub(crate) const STRUCTURE: Structure = Structure {
    name: "xdp_buff",
    bytes: size_of::<XdpBuff>(),
    members: &[
        ("data", offset_of!(XdpBuff, data), 8),
        ("data_end", offset_of!(XdpBuff, data_end), 8),
        ("data_meta", offset_of!(XdpBuff, data_meta), 8),
        ("data_hard_start", offset_of!(XdpBuff, hard_start), 8),
        ("data_hard_end", offset_of!(XdpBuff, hard_end), 8),
        ("ingress_ifindex", offset_of!(XdpBuff, ingress_ifindex), 4),
        ("rx_queue_index", offset_of!(XdpBuff, rx_queue_index), 4),
        ("egress_ifindex", offset_of!(XdpBuff, egress_ifindex), 4),
    ],
};

/// Bytes before an arriving frame (`XDP_PACKET_HEADROOM`).
pub(crate) const HEADROOM: usize = 256;
/// Bytes of the headroom that the kernel keeps for itself (`struct xdp_frame`).
const FRAME_INFO: u64 = 40;
/// Bytes of an Ethernet header: no frame is shorter.
const ETH_HLEN: u64 = 14;
/// A driver's buffer, and its end that holds the list of a packet's other pieces.
const BUFFER: usize = 4096;
const TAILROOM: usize = 320;
/// The longest metadata, and what its length is a multiple of.
const META_MAX: u64 = 252;
const META_ALIGN: u64 = 4;
/// What a test run takes beyond the first buffer: 17 pages (`MAX_SKB_FRAGS`).
const FRAGS_MAX: usize = 17 * BUFFER;

/// The rules for XDP programs.
pub(crate) static RULES: Rules = Rules {
    context: Context { name: "xdp_md", size: 24, fields: &FIELDS },
    returns: None,
    packet: Some(Access::ReadWrite),
    legacy_packet_loads: false,
    helpers: &[
        helpers::map::HELPERS,
        helpers::time::HELPERS,
        helpers::cpu::HELPERS,
        helpers::random::HELPERS,
        helpers::trace::HELPERS,
        helpers::task::HELPERS,
        helpers::csum::HELPERS,
        helpers::xdp::HELPERS,
    ],
    linux_helpers: &[
        1, 2, 3, 5, 6, 7, 8, 12, 14, 15, 16, 17, 22, 23, 25, 28, 35, 37, 42, 44, 51, 54, 55, 65,
        69, 80, 84, 85, 86, 87, 88, 89, 93, 94, 99, 100, 105, 106, 109, 110, 112, 113, 114, 115,
        117, 118, 120, 123, 125, 130, 131, 132, 133, 134, 136, 137, 138, 139, 140, 141, 148, 149,
        153, 154, 156, 157, 158, 160, 163, 164, 165, 169, 170, 171, 172, 175, 176, 177, 178, 180,
        181, 182, 188, 189, 190, 191, 194, 195, 196, 197, 198, 199, 200, 201, 202, 203, 204, 205,
        206, 207, 208, 209, 210, 211,
    ],
    test_run,
};

const FIELDS: [Field; 5] = [
    pointer("data", 0, FieldKind::PacketStart, offset_of!(XdpBuff, data)),
    pointer("data_end", 4, FieldKind::PacketEnd, offset_of!(XdpBuff, data_end)),
    pointer("data_meta", 8, FieldKind::PacketMeta, offset_of!(XdpBuff, data_meta)),
    number("ingress_ifindex", 12, offset_of!(XdpBuff, ingress_ifindex)),
    number("rx_queue_index", 16, offset_of!(XdpBuff, rx_queue_index)),
];

const fn pointer(name: &'static str, offset: u32, kind: FieldKind, at: usize) -> Field {
    let real = Place { offset: at as i16, size: Size::Dw };
    Field { name, offset, size: Size::W, kind, writable: false, narrow: false, real }
}

const fn number(name: &'static str, offset: u32, at: usize) -> Field {
    let real = Place { offset: at as i16, size: Size::W };
    let kind = FieldKind::Scalar;
    Field { name, offset, size: Size::W, kind, writable: false, narrow: false, real }
}

/// A frame in its buffer, before and after a run.
#[derive(Debug)]
pub(crate) struct Frame<'m> {
    memory: &'m Memory,
    buff: XdpBuff,
}

impl<'m> Frame<'m> {
    /// Puts a frame into a buffer of [`buffer_for`] bytes; its first `meta` bytes are metadata.
    pub(crate) fn new(
        memory: &'m Memory,
        hard_end: usize,
        bytes: &[u8],
        meta: usize,
        arrival: Arrival,
    ) -> Frame<'m> {
        memory.span(HEADROOM - meta, bytes.len()).store(bytes);
        let base = memory.span(0, 0).address();
        let buff = XdpBuff {
            data: Cell::new(base + HEADROOM as u64),
            data_end: Cell::new(base + (HEADROOM - meta + bytes.len()) as u64),
            data_meta: Cell::new(base + (HEADROOM - meta) as u64),
            hard_start: base,
            hard_end: base + hard_end as u64,
            ingress_ifindex: arrival.ifindex,
            rx_queue_index: arrival.queue,
            egress_ifindex: 0,
            redirect: Cell::new(0),
        };
        Frame { memory, buff }
    }

    pub(crate) fn buff(&self) -> &XdpBuff {
        &self.buff
    }

    /// The frame as it is now, without its metadata.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.between(self.buff.data.get(), self.buff.data_end.get())
    }

    /// The metadata before the frame.
    pub(crate) fn meta(&self) -> Vec<u8> {
        self.between(self.buff.data_meta.get(), self.buff.data.get())
    }

    /// The metadata and the frame as they are now.
    fn with_meta(&self) -> Vec<u8> {
        self.between(self.buff.data_meta.get(), self.buff.data_end.get())
    }

    fn between(&self, start: u64, end: u64) -> Vec<u8> {
        let mut bytes = vec![0; (end - start) as usize];
        self.memory.span((start - self.buff.hard_start) as usize, bytes.len()).load(&mut bytes);
        bytes
    }
}

/// Where a frame arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) ifindex: u32,
    pub(crate) queue: u32,
}

/// Bytes of a buffer for an arriving frame, and where it may grow to.
pub(crate) fn buffer_for(frame: usize) -> (usize, usize) {
    let bytes = (HEADROOM + frame + TAILROOM).next_multiple_of(BUFFER);
    (bytes, bytes - TAILROOM)
}

impl XdpBuff {
    /// The address of the context, for programs.
    pub(crate) fn address(&self) -> u64 {
        core::ptr::from_ref(self).expose_provenance() as u64
    }

    /// Where the frame is: metadata, start, end.
    pub(crate) fn bounds(&self) -> (u64, u64, u64) {
        (self.data_meta.get(), self.data.get(), self.data_end.get())
    }

    /// `bpf_xdp_adjust_head`: moves the start of the frame, and the metadata with it.
    pub(crate) fn adjust_head(&self, memory: &Memory, by: i32) -> Result<(), Errno> {
        let meta = self.data.get() - self.data_meta.get();
        let data = self.data.get().wrapping_add_signed(i64::from(by));
        if data < self.hard_start + FRAME_INFO + meta || data + ETH_HLEN > self.data_end.get() {
            return Err(Errno::EINVAL);
        }
        if meta > 0 {
            let mut bytes = vec![0; meta as usize];
            self.span(memory, self.data_meta.get(), meta).load(&mut bytes);
            self.span(memory, data - meta, meta).store(&bytes);
        }
        self.data_meta.set(data - meta);
        self.data.set(data);
        Ok(())
    }

    /// `bpf_xdp_adjust_tail`: moves the end of the frame. What it gains is zero.
    pub(crate) fn adjust_tail(&self, memory: &Memory, by: i32) -> Result<(), Errno> {
        let end = self.data_end.get().wrapping_add_signed(i64::from(by));
        if end > self.hard_end || end < self.data.get() + ETH_HLEN {
            return Err(Errno::EINVAL);
        }
        if by > 0 {
            self.span(memory, self.data_end.get(), u64::from(by.unsigned_abs())).clear();
        }
        self.data_end.set(end);
        Ok(())
    }

    /// `bpf_xdp_adjust_meta`: moves the start of the metadata.
    pub(crate) fn adjust_meta(&self, by: i32) -> Result<(), Errno> {
        let meta = self.data_meta.get().wrapping_add_signed(i64::from(by));
        if meta < self.hard_start + FRAME_INFO || meta > self.data.get() {
            return Err(Errno::EINVAL);
        }
        let length = self.data.get() - meta;
        if !length.is_multiple_of(META_ALIGN) || length > META_MAX {
            return Err(Errno::EACCES);
        }
        self.data_meta.set(meta);
        Ok(())
    }

    /// The device that `bpf_redirect` chose last.
    pub(crate) fn redirected(&self) -> Option<u32> {
        Some(self.redirect.get()).filter(|ifindex| *ifindex != 0)
    }

    /// Chooses a device.
    pub(crate) fn redirect_to(&self, ifindex: u32) {
        self.redirect.set(ifindex);
    }

    /// A part of the frame, for `bpf_xdp_load_bytes` and its kin.
    pub(crate) fn part<'m>(
        &self,
        memory: &'m Memory,
        offset: u32,
        len: u32,
    ) -> Result<Span<'m>, Errno> {
        const MAX: u32 = 0xffff;
        if offset > MAX || len > MAX {
            return Err(Errno::EFAULT);
        }
        let start = self.data.get() + u64::from(offset);
        if start + u64::from(len) > self.data_end.get() {
            return Err(Errno::EINVAL);
        }
        Ok(self.span(memory, start, u64::from(len)))
    }

    fn span<'m>(&self, memory: &'m Memory, address: u64, len: u64) -> Span<'m> {
        memory.span((address - self.hard_start) as usize, len as usize)
    }
}

const F_XDP_LIVE_FRAMES: u32 = 1 << 1;
/// Offsets in `struct xdp_md`.
const MD_DATA: usize = 0;
const MD_DATA_END: usize = 4;
const MD_DATA_META: usize = 8;
const MD_INGRESS: usize = 12;
const MD_QUEUE: usize = 16;
const MD_EGRESS: usize = 20;

/// `BPF_PROG_TEST_RUN`. A frame longer than a buffer runs with its first piece, as on Linux.
fn test_run(kernel: &UserKernel, prog: &Prog, test: &mut TestRun<'_>) -> Result<(), Errno> {
    if test.flags & F_XDP_LIVE_FRAMES != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if test.flags != 0 || test.batch_size != 0 {
        return Err(Errno::EINVAL);
    }
    let context = context_in::<24>(test, Errno::E2BIG)?;
    let given = test.data_in.len();
    let mut linear_max = given;
    let mut meta = 0;
    let mut arrival = Arrival { ifindex: LOOPBACK, queue: 0 };
    if let Some(md) = &context {
        (meta, linear_max, arrival) = read_context(kernel, md, given)?;
    }
    if given < meta + ETH_HLEN as usize {
        return Err(Errno::EINVAL);
    }
    let linear = linear_max.min(BUFFER - HEADROOM - TAILROOM + meta);
    if given - linear > FRAGS_MAX {
        return Err(Errno::ENOMEM);
    }
    let (first, rest) = test.data_in.split_at(linear);
    let lease = kernel.cpus.lease();
    let memory = Memory::zeroed(BUFFER)?;
    let frame = Frame::new(&memory, BUFFER - TAILROOM, first, meta, arrival);
    // Every repetition begins with the pointers of the first, on the bytes of the last.
    let start = frame.buff.bounds();
    let outcome = prog.run_repeatedly(kernel, lease, test.repeat, || {
        frame.buff.data_meta.set(start.0);
        frame.buff.data.set(start.1);
        frame.buff.data_end.set(start.2);
        Ctx::Xdp(&frame.buff, &memory)
    });
    let mut out = frame.with_meta();
    out.extend_from_slice(rest);
    test.retval = outcome.retval;
    test.duration = outcome.mean_ns;
    finish(&frame.buff, &out, context, test)
}

/// Metadata, the end of the first piece, and the place of arrival that a context asks for.
fn read_context(
    kernel: &UserKernel,
    md: &[u8; 24],
    given: usize,
) -> Result<(usize, usize, Arrival), Errno> {
    let (data, end) = (word(md, MD_DATA) as usize, word(md, MD_DATA_END) as usize);
    let (ifindex, queue) = (word(md, MD_INGRESS), word(md, MD_QUEUE));
    let meta_ok =
        data.is_multiple_of(META_ALIGN as usize) && data <= HEADROOM - FRAME_INFO as usize;
    let shape_ok = word(md, MD_DATA_META) == 0 && word(md, MD_EGRESS) == 0 && data <= end;
    if !meta_ok || !shape_ok || end > given {
        return Err(Errno::EINVAL);
    }
    if ifindex == 0 {
        return match queue {
            0 => Ok((data, end, Arrival { ifindex: LOOPBACK, queue: 0 })),
            _ => Err(Errno::EINVAL),
        };
    }
    kernel.net.device(ifindex).ok_or(Errno::ENODEV)?;
    // A device of this machine has one queue.
    if queue > 0 { Err(Errno::EINVAL) } else { Ok((data, end, Arrival { ifindex, queue })) }
}

fn finish(
    buff: &XdpBuff,
    out: &[u8],
    context: Option<[u8; 24]>,
    test: &mut TestRun<'_>,
) -> Result<(), Errno> {
    test.data_size_out = u32::try_from(out.len()).expect("a frame is below 2^32 bytes");
    let mut result = match test.data_out.is_empty() {
        true => Ok(()),
        false => put(out, test.data_out),
    };
    if let (Some(mut md), true, false) = (context, result.is_ok(), test.ctx_out.is_empty()) {
        let (meta, data, end) = buff.bounds();
        put_word(&mut md, MD_DATA, (data - meta) as u32);
        put_word(&mut md, MD_DATA_END, (end - meta) as u32);
        put_word(&mut md, MD_DATA_META, 0);
        test.ctx_size_out = 24;
        result = put(&md, test.ctx_out);
    }
    result
}

/// What becomes of a frame: anything unknown aborts.
pub(crate) fn action(retval: u32) -> XdpAction {
    match XdpAction(retval) {
        action if action.name().is_some() => action,
        _ => XdpAction::ABORTED,
    }
}
