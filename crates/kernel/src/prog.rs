//! Programs: loaded, verified, run. This is where the verifier and the interpreter meet.

#![expect(unsafe_code, reason = "the one place that runs programs: what it runs is `Verified`")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use skep_isa::Size;
use skep_uapi::{AttachType, Errno, Name, ProgInfo, ProgType};
use skep_vm::interp::{Code, Stack};

use crate::UserKernel;
use crate::btf::BtfObject;
use crate::cpu::{Copies, Lease, Scratch};
use crate::helpers;
use crate::id::Id;
use crate::maps::Map;
use crate::memory::{Memory, Span};
use crate::prog_types::socket_filter::Packet;
use crate::prog_types::xdp::XdpBuff;

/// A loaded program.
#[derive(Debug)]
pub(crate) struct Prog {
    pub(crate) id: Id<Prog>,
    pub(crate) name: Name,
    pub(crate) prog_type: ProgType,
    pub(crate) expected_attach_type: AttachType,
    pub(crate) tag: [u8; 8],
    pub(crate) gpl: bool,
    /// The instructions that run, with maps by id, as `bpf_prog_info` shows them.
    pub(crate) xlated: Vec<u8>,
    pub(crate) verified_insns: u32,
    /// Nanoseconds since boot.
    pub(crate) load_time: u64,
    pub(crate) debug: DebugInfo,
    code: Code,
    /// The maps that the instructions refer to, in the order of first use. The addresses in
    /// `code` are of these: they must live as long as it does.
    pub(crate) maps: Vec<Arc<Map>>,
    /// Maps that only share the program's life: `BPF_PROG_BIND_MAP`, `fd_array_cnt`.
    bound: Mutex<Vec<Arc<Map>>>,
    stats: Stats,
}

/// What the compiler said about a program.
#[derive(Debug, Default)]
pub(crate) struct DebugInfo {
    pub(crate) btf: Option<Arc<BtfObject>>,
    /// Records as they came, of the sizes that this kernel knows.
    pub(crate) func_info: Vec<u8>,
    pub(crate) line_info: Vec<u8>,
}

#[derive(Debug, Default)]
struct Stats {
    run_cnt: AtomicU64,
    run_time_ns: AtomicU64,
}

/// Run statistics are kept while there is one of these.
#[derive(Debug)]
pub(crate) struct StatsOn(pub(crate) Arc<AtomicU64>);

/// What a program runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ctx<'a> {
    /// A frame, and the buffer that it lies in.
    Xdp(&'a XdpBuff, &'a Memory),
    /// A packet at a socket.
    Skb(&'a Packet<'a>),
}

/// One run: what the helpers see.
pub(crate) struct Run<'a> {
    pub(crate) kernel: &'a UserKernel,
    /// The maps of the program.
    maps: &'a [Arc<Map>],
    /// The maps that were found in others. They may be taken out there while the program uses them.
    found: Vec<Arc<Map>>,
    pub(crate) cpu: u32,
    pub(crate) ctx: Ctx<'a>,
    /// Where the stack is.
    stack: core::ops::Range<u64>,
    pub(crate) copies: &'a mut Copies,
}

/// What came of repeated runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Of the last run.
    pub(crate) retval: u32,
    pub(crate) mean_ns: u32,
}

/// A program's parts, before it has an id.
pub(crate) struct Parts {
    pub(crate) name: Name,
    pub(crate) prog_type: ProgType,
    pub(crate) expected_attach_type: AttachType,
    pub(crate) tag: [u8; 8],
    pub(crate) gpl: bool,
    pub(crate) xlated: Vec<u8>,
    pub(crate) verified_insns: u32,
    pub(crate) debug: DebugInfo,
    pub(crate) code: Code,
    pub(crate) maps: Vec<Arc<Map>>,
    pub(crate) bound: Vec<Arc<Map>>,
}

impl Prog {
    /// Publishes a program. Only [`crate::load`] makes parts, out of what the verifier accepted.
    pub(crate) fn publish(kernel: &UserKernel, parts: Parts) -> Arc<Prog> {
        let load_time = kernel.clock.boottime();
        kernel.progs.publish(|id| Prog {
            id,
            name: parts.name,
            prog_type: parts.prog_type,
            expected_attach_type: parts.expected_attach_type,
            tag: parts.tag,
            gpl: parts.gpl,
            xlated: parts.xlated,
            verified_insns: parts.verified_insns,
            load_time,
            debug: parts.debug,
            code: parts.code,
            maps: parts.maps,
            bound: Mutex::new(parts.bound),
            stats: Stats::default(),
        })
    }

    /// Runs once on a CPU.
    pub(crate) fn run(
        &self,
        kernel: &UserKernel,
        cpu: u32,
        (stack, copies): (&mut Stack, &mut Copies),
        ctx: Ctx<'_>,
    ) -> u32 {
        let (maps, addresses) = (&self.maps, stack.addresses());
        let mut run = Run { kernel, maps, found: Vec::new(), cpu, ctx, stack: addresses, copies };
        if kernel.stats_on.load(Ordering::Relaxed) == 0 {
            return self.enter(&mut run, stack);
        }
        let start = Instant::now();
        let retval = self.enter(&mut run, stack);
        let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.stats.run_cnt.fetch_add(1, Ordering::Relaxed);
        self.stats.run_time_ns.fetch_add(took, Ordering::Relaxed);
        retval
    }

    /// Runs `repeat` times (at least once), each time on the context that `next` gives.
    pub(crate) fn run_repeatedly<'c>(
        &self,
        kernel: &UserKernel,
        mut lease: Lease<'_>,
        repeat: u32,
        next: impl Fn() -> Ctx<'c>,
    ) -> Outcome {
        let repeat = repeat.max(1);
        let cpu = lease.number();
        let Scratch { stack, copies, .. } = lease.scratch();
        let start = Instant::now();
        let mut retval = 0;
        for _ in 0..repeat {
            retval = self.run(kernel, cpu, (&mut *stack, &mut *copies), next());
        }
        let mean = start.elapsed().as_nanos() / u128::from(repeat);
        Outcome { retval, mean_ns: u32::try_from(mean).unwrap_or(u32::MAX) }
    }

    /// Ties a map's life to the program's.
    pub(crate) fn bind(&self, map: Arc<Map>) {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.maps.iter().chain(&*bound).any(|known| Arc::ptr_eq(known, &map));
        if !known {
            bound.push(map);
        }
    }

    /// `struct bpf_prog_info`, with its arrays as far as there is room.
    pub(crate) fn describe(&self, info: &mut ProgInfo<'_>) {
        let count = |len: usize| u32::try_from(len).expect("a program has below 2^32 of anything");
        info.prog_type = self.prog_type;
        info.id = self.id.number();
        info.tag = self.tag;
        info.name = self.name;
        info.gpl_compatible = self.gpl;
        info.load_time = self.load_time;
        info.verified_insns = self.verified_insns;
        info.xlated_prog_len = count(self.xlated.len());
        copy(&self.xlated, info.xlated_prog_insns);
        let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<u32> = self.maps.iter().chain(&*bound).map(|map| map.id.number()).collect();
        info.nr_map_ids = count(ids.len());
        copy(&ids, info.map_ids);
        info.btf_id = self.debug.btf.as_ref().map_or(0, |btf| btf.id.number());
        info.func_info_rec_size = FUNC_INFO_BYTES as u32;
        info.nr_func_info = count(self.debug.func_info.len() / FUNC_INFO_BYTES);
        copy(&self.debug.func_info, info.func_info);
        info.line_info_rec_size = LINE_INFO_BYTES as u32;
        info.nr_line_info = count(self.debug.line_info.len() / LINE_INFO_BYTES);
        copy(&self.debug.line_info, info.line_info);
        // One function's tag stands for all: functions are not tagged on their own here.
        info.nr_prog_tags = 1;
        copy(&[self.tag], info.prog_tags);
        info.run_cnt = self.stats.run_cnt.load(Ordering::Relaxed);
        info.run_time_ns = self.stats.run_time_ns.load(Ordering::Relaxed);
    }

    fn enter(&self, run: &mut Run<'_>, stack: &mut Stack) -> u32 {
        let ctx = run.ctx.address();
        // SAFETY: `code` was translated from the instructions of a `Verified`, for the rules of
        // this program's type: the context at `ctx` is of that type, `run` answers the helpers
        // of those rules, and the addresses in the code are of `maps`, which `self` keeps.
        let r0 = unsafe { self.code.run(run, ctx, stack) };
        r0 as u32
    }
}

/// Bytes of `struct bpf_func_info` and `struct bpf_line_info`.
pub(crate) const FUNC_INFO_BYTES: usize = 8;
pub(crate) const LINE_INFO_BYTES: usize = 16;

fn copy<T: Copy>(from: &[T], into: &mut [T]) {
    let n = from.len().min(into.len());
    into[..n].copy_from_slice(&from[..n]);
}

impl<'a> Run<'a> {
    /// The run of a program that was not loaded, in the checked interpreter. Its stack is not
    /// one that a helper could read by address.
    pub(crate) fn unverified(
        kernel: &'a UserKernel,
        cpu: u32,
        ctx: Ctx<'a>,
        copies: &'a mut Copies,
    ) -> Run<'a> {
        Run { kernel, maps: &[], found: Vec::new(), cpu, ctx, stack: 0..0, copies }
    }

    /// Keeps a map until the run ends; the result is its handle.
    pub(crate) fn keep(&mut self, map: Arc<Map>) -> u64 {
        let handle = helpers::handle(&map);
        if !self.found.iter().any(|kept| Arc::ptr_eq(kept, &map)) {
            self.found.push(map);
        }
        handle
    }

    /// Copies up to `max` bytes from an address that is only a number: of the stack or of the
    /// maps of the program, and nothing if it is elsewhere.
    pub(crate) fn read_memory(&self, address: u64, max: usize) -> Vec<u8> {
        let stack = self.stack.contains(&address).then(|| self.stack.end - address);
        let in_map = || {
            let memories = self.maps.iter().chain(&self.found).map(|map| map.storage.values());
            memories.flatten().find_map(|memory| memory.left_at(address))
        };
        let Some(left) = stack.or_else(in_map) else { return Vec::new() };
        let mut bytes = vec![0; max.min(usize::try_from(left).unwrap_or(max))];
        // SAFETY: `address` and so many bytes behind it are in the stack of this run or in the
        // memory of one of its maps; both outlive the copy.
        unsafe { Span::from_program(address, bytes.len()) }.load(&mut bytes);
        bytes
    }
}

impl skep_vm::Host for Run<'_> {
    fn call(&mut self, helper: u32, args: [u64; 5]) -> u64 {
        match helpers::by_number(helper) {
            Some(found) => (found.call)(self, args),
            // The verifier accepts only helpers of the table.
            None => 0,
        }
    }

    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64> {
        match self.ctx {
            Ctx::Skb(packet) => packet.load(offset, size),
            Ctx::Xdp(..) => None,
        }
    }
}

impl Ctx<'_> {
    /// The address that a program gets in r1.
    pub(crate) fn address(&self) -> u64 {
        match self {
            Ctx::Xdp(buff, _) => buff.address(),
            Ctx::Skb(packet) => packet.skb.address(),
        }
    }
}

impl Drop for StatsOn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the end of a log is kept when the room is too small.
const LOG_FIXED: u32 = 1 << 3;

/// Copies a log and its zero byte out: all of it, or its end (its start with `BPF_LOG_FIXED`) and
/// `ENOSPC`. The true size counts the zero byte. No room at all means that no log is wanted.
pub(crate) fn put_log(
    text: &str,
    log_level: u32,
    log_buf: &mut [u8],
    log_true_size: &mut u32,
) -> Result<(), Errno> {
    if log_level == 0 {
        return Ok(());
    }
    *log_true_size = u32::try_from(text.len() + 1).unwrap_or(u32::MAX);
    let Some(room) = log_buf.len().checked_sub(1) else { return Ok(()) };
    let text = text.as_bytes();
    let n = text.len().min(room);
    let kept = match log_level & LOG_FIXED {
        0 => &text[text.len() - n..],
        _ => &text[..n],
    };
    log_buf[..n].copy_from_slice(kept);
    log_buf[n] = 0;
    if n < text.len() { Err(Errno::ENOSPC) } else { Ok(()) }
}
