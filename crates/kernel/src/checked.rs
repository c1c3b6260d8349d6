//! Runs bytecode that nobody verified, on the maps and helpers of a kernel, in the checked
//! interpreter: what the verifier would have to refuse becomes a [`Fault`].
//!
//! A helper gets copies of what its prototype lets it read, and what it writes is copied back, so
//! it meets the very addresses that the verifier would have promised it.
//!
//! ```
//! use skep_isa::Insn;
//! use skep_kernel::{UserKernel, checked};
//! use skep_uapi::ProgType;
//!
//! // r0 = 2; exit
//! let insns = [Insn::new(0xb7, 0, 0, 0, 2), Insn::new(0x95, 0, 0, 0, 0)];
//! let run = checked::Run { prog_type: ProgType::XDP, insns: &insns, maps: &[], budget: 100 };
//! let outcome = checked::run(&UserKernel::default(), run, &[0; 64])?;
//! assert_eq!((outcome.retval, outcome.frame.len()), (2, 64));
//! assert!(!outcome.by_chance);
//! # Ok::<(), checked::Error>(())
//! ```

#![expect(unsafe_code, reason = "lends the memory of maps and packets to the checked interpreter")]

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;

use skep_isa::{Imm64, Insn, Size};
use skep_uapi::{Errno, Fd, ProgType};
use skep_verifier::{Access as MapAccess, Arg, FieldKind, HelperFlags, Returns};
use skep_vm::checked::{
    Access, Args, Fault, Host, Machine, Memory as Regions, Program, Reason, RegionId, Stop, Value,
};

use crate::UserKernel;
use crate::helpers::{self, Helper};
use crate::load;
use crate::maps::Map;
use crate::memory::{Memory, Span};
use crate::net::dev::LOOPBACK;
use crate::prog::{self, Ctx};
use crate::prog_types::socket_filter::Packet;
use crate::prog_types::xdp::{self, Arrival, Frame};
use crate::prog_types::{self, Rules};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What the program believes to be.
    pub prog_type: ProgType,
    /// Its slots. Maps are named by descriptor, or by index into `maps`.
    pub insns: &'a [Insn],
    /// Descriptors of maps (`fd_array`).
    pub maps: &'a [Fd],
    /// The most instructions to run.
    pub budget: u64,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the program returned.
    pub retval: u32,
    /// All of r0.
    pub r0: u64,
    /// The metadata before the frame.
    pub meta: Vec<u8>,
    /// The frame as it is now.
    pub frame: Vec<u8>,
    /// How often each slot was run.
    pub counts: Vec<u64>,
    /// Whether the outcome may differ on another machine because the program used an address as
    /// a number, or stack that it had not written. (What helpers say of the time, the CPU and the
    /// like is not counted.)
    pub by_chance: bool,
}

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program did what no program may do.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The program did not end.
    #[error("expected an end within {0} instructions: raise the budget or bound the loop")]
    Budget(u64),
    /// This kernel has no programs of the type.
    #[error("expected a program type that this kernel has, found {0}")]
    Type(ProgType),
    /// The machine is not able to.
    #[error("cannot run: {0}")]
    Errno(#[from] Errno),
}

/// Runs a program once on a frame.
pub fn run(kernel: &UserKernel, run: Run<'_>, frame: &[u8]) -> Result<Outcome, Error> {
    let rules = prog_types::rules(run.prog_type).ok_or(Error::Type(run.prog_type))?;
    if run.prog_type == ProgType::XDP {
        let (bytes, hard_end) = xdp::buffer_for(frame.len());
        let memory = Memory::zeroed(bytes)?;
        let arrival = Arrival { ifindex: LOOPBACK, queue: 0 };
        let arrived = Frame::new(&memory, hard_end, frame, 0, arrival);
        let mut outcome = on(kernel, rules, run, Ctx::Xdp(arrived.buff(), &memory))?;
        outcome.meta = arrived.meta();
        outcome.frame = arrived.bytes();
        return Ok(outcome);
    }
    let packet = Packet::from_frame(frame)?;
    let mut outcome = on(kernel, rules, run, Ctx::Skb(&packet))?;
    outcome.frame = frame.to_vec();
    Ok(outcome)
}

fn on(
    kernel: &UserKernel,
    rules: &'static Rules,
    run: Run<'_>,
    ctx: Ctx<'_>,
) -> Result<Outcome, Error> {
    let program = Program::new(run.insns);
    let mut lease = kernel.cpus.lease();
    let cpu = lease.number();
    let copies = &mut lease.scratch().copies;
    let mut regions = Regions::new();
    let ctx_region = regions.add_context(rules.context.name, rules.context.size as usize);
    let mut surroundings = Surroundings {
        rules,
        kernel,
        run: prog::Run::unverified(kernel, cpu, ctx, copies),
        fds: run.maps,
        ctx_region,
        packet: None,
        handles: HashMap::new(),
        live: HashMap::new(),
        maps: Vec::new(),
    };
    surroundings.place_packet(&mut regions);
    let mut machine = Machine::new(&program, regions, Value::pointer(ctx_region, 0));
    match machine.run(&mut surroundings, run.budget)? {
        Stop::Exited(r0) => {
            let counts = machine.counts().to_vec();
            let by_chance = machine.memory.is_by_chance();
            let (retval, meta, frame) = (r0 as u32, Vec::new(), Vec::new());
            Ok(Outcome { retval, r0, meta, frame, counts, by_chance })
        }
        Stop::Breakpoint(_) | Stop::Budget => Err(Error::Budget(run.budget)),
    }
}

/// Everything around a program in the checked interpreter.
struct Surroundings<'a> {
    rules: &'static Rules,
    kernel: &'a UserKernel,
    run: prog::Run<'a>,
    fds: &'a [Fd],
    ctx_region: RegionId,
    /// The packet's region, and the address of its first byte.
    packet: Option<(RegionId, u64)>,
    /// The maps that stand behind handles.
    handles: HashMap<RegionId, Arc<Map>>,
    /// Regions of values that were given out, by address.
    live: HashMap<u64, RegionId>,
    /// Keeps every map, and so the live regions, until the run is over.
    maps: Vec<Arc<Map>>,
}

impl Host for Surroundings<'_> {
    fn call(&mut self, number: u32, args: &Args, regions: &mut Regions) -> Result<Value, Reason> {
        let found = self.rules.helpers.iter().copied().flatten().find(|h| h.number == number);
        let helper = found.ok_or_else(|| refusal(number, "not for programs of this type"))?;
        let mut call = Call { helper, raw: [0; 5], copies: Vec::new(), map: None };
        for at in 0..helper.prototype.args.len() {
            call.take(self, at, args, regions)?;
        }
        let r0 = (helper.call)(&mut self.run, call.raw);
        call.give_back(regions)?;
        if helper.prototype.flags.contains(HelperFlags::CHANGES_PACKET) {
            self.place_packet(regions);
        }
        match (helper.prototype.returns, &call.map) {
            (Returns::MapValueOrNull, Some(map)) if r0 != 0 => {
                let size = map.spec.value_size as usize;
                Ok(Value::pointer(self.value_at(map, r0, size, regions), 0))
            }
            _ => Ok(Value::number(r0)),
        }
    }

    fn load_ctx(&mut self, offset: u32, size: Size, _regions: &mut Regions) -> Option<Value> {
        let bytes = size.bytes() as u32;
        let field = self.rules.context.fields.iter().find(|field| {
            let end = field.offset + field.size.bytes() as u32;
            (field.offset..end).contains(&offset) && offset + bytes <= end
        })?;
        let whole = field.offset == offset && size == field.size;
        let bits = self.context_field(field.real.offset, field.real.size);
        match field.kind {
            FieldKind::Scalar if whole || field.narrow => {
                let shifted = bits >> (8 * (offset - field.offset));
                Some(Value::number(shifted & (u64::MAX >> (64 - size.bits()))))
            }
            FieldKind::PacketStart | FieldKind::PacketEnd | FieldKind::PacketMeta if whole => {
                let (region, start) = self.packet?;
                Some(Value::pointer(region, bits - start))
            }
            _ => None,
        }
    }

    fn store_ctx(
        &mut self,
        offset: u32,
        size: Size,
        value: Value,
        regions: &mut Regions,
    ) -> Option<()> {
        let fields = self.rules.context.fields;
        let field = fields.iter().find(|f| f.offset == offset && f.size == size && f.writable)?;
        if value.region().is_some() {
            regions.set_by_chance();
        }
        let span = self.context_span(field.real.offset, field.real.size);
        span.store(&value.bits().to_le_bytes()[..field.real.size.bytes()]);
        Some(())
    }

    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64> {
        match self.run.ctx {
            Ctx::Skb(packet) if self.rules.legacy_packet_loads => packet.load(offset, size),
            _ => None,
        }
    }

    fn resolve(&mut self, imm: Imm64, regions: &mut Regions) -> Option<Value> {
        let by_index = |index: i32| self.fds.get(usize::try_from(index).ok()?).copied();
        let (fd, value_at) = match imm {
            Imm64::MapFd(fd) => (Fd(fd), None),
            Imm64::MapValue { fd, off } => (Fd(fd), Some(off)),
            Imm64::MapIdx(index) => (by_index(index)?, None),
            Imm64::MapIdxValue { index, off } => (by_index(index)?, Some(off)),
            _ => return None,
        };
        let (map, _) = self.kernel.fds.map(fd).ok()?;
        // What is found in a map of maps has no handle that this interpreter knows.
        if map.spec.is_of_maps() {
            return None;
        }
        let map = self.keep(map);
        let Some(offset) = value_at else { return Some(self.handle_of(&map, regions)) };
        // Direct addresses are of the one value of a map with one entry.
        let memory = map.storage.direct().filter(|_| map.spec.max_entries == 1)?;
        let (address, size) = (memory.span(0, 0).address(), map.spec.value_size);
        let region = self.value_at(&map, address, size as usize, regions);
        (offset < size).then(|| Value::pointer(region, u64::from(offset)))
    }
}

impl Surroundings<'_> {
    /// One of each map for the whole run: a handle is an address.
    fn keep(&mut self, map: Arc<Map>) -> Arc<Map> {
        if !self.maps.iter().any(|kept| Arc::ptr_eq(kept, &map)) {
            self.maps.push(map.clone());
        }
        map
    }

    fn handle_of(&mut self, map: &Arc<Map>, regions: &mut Regions) -> Value {
        let known = self.handles.iter().find(|(_, known)| Arc::ptr_eq(known, map));
        let region = known.map(|(region, _)| *region).unwrap_or_else(|| {
            let region = regions.add_handle(&map.name.to_string());
            self.handles.insert(region, map.clone());
            region
        });
        Value::pointer(region, 0)
    }

    /// The region of a value of a map.
    fn value_at(
        &mut self,
        map: &Map,
        address: u64,
        size: usize,
        regions: &mut Regions,
    ) -> RegionId {
        let access = match load::view(map).access {
            MapAccess::Read => Access::Read,
            MapAccess::Write => Access::Write,
            MapAccess::ReadWrite => Access::ReadWrite,
        };
        *self.live.entry(address).or_insert_with(|| {
            let name = format!("value of map {}", map.name);
            // SAFETY: a value of the map, which `maps` keeps until after the regions are gone;
            // everybody reaches values through atomics or from programs.
            unsafe { regions.add_live(&name, pointer(address), size, access) }
        })
    }

    /// Gives the packet a region of its present bounds; pointers from before are stale.
    fn place_packet(&mut self, regions: &mut Regions) {
        let Ctx::Xdp(buff, _) = self.run.ctx else { return };
        if let Some((old, _)) = self.packet.take() {
            regions.revoke(old);
        }
        let (meta, _, end) = buff.bounds();
        let len = (end - meta) as usize;
        // SAFETY: the frame lies in the memory of the context, which outlives the run; the only
        // others to use it are helpers, in between.
        let region = unsafe { regions.add_live("packet", pointer(meta), len, Access::ReadWrite) };
        self.packet = Some((region, meta));
    }

    fn context_field(&self, offset: i16, size: Size) -> u64 {
        let mut bytes = [0; 8];
        self.context_span(offset, size).load(&mut bytes[..size.bytes()]);
        u64::from_le_bytes(bytes)
    }

    fn context_span(&self, offset: i16, size: Size) -> Span<'_> {
        let address = self.run.ctx.address().wrapping_add_signed(i64::from(offset));
        // SAFETY: a field of the context by the table of its type, whose offsets are those of
        // the structure that the context is; the fields that are stored to are cells.
        unsafe { Span::from_program(address, size.bytes()) }
    }
}

/// A call of a helper under way.
struct Call {
    helper: &'static Helper,
    raw: [u64; 5],
    copies: Vec<Copied>,
    map: Option<Arc<Map>>,
}

/// A memory argument: words, so that it is aligned for anything.
struct Copied {
    words: Vec<u64>,
    /// Where the first so many bytes go back to, if the helper fills them.
    back: Option<(Value, usize)>,
}

/// The most that a helper is let read or write at once.
const MEMORY_MAX: u64 = 1 << 24;

impl Call {
    /// Makes of one argument what the helper expects.
    fn take(
        &mut self,
        around: &Surroundings<'_>,
        at: usize,
        args: &Args,
        regions: &mut Regions,
    ) -> Result<(), Reason> {
        let arg = self.helper.prototype.args[at];
        if arg == Arg::None {
            // What a helper does not declare it may still look at, as printk does.
            self.raw[at] = args.get(at as u8 + 1).map_or(0, Value::bits);
            return Ok(());
        }
        let value = args.get(at as u8 + 1)?;
        let number = self.helper.number;
        if arg == Arg::Scalar && value.region().is_some() {
            regions.set_by_chance();
        }
        self.raw[at] = match arg {
            Arg::None | Arg::Scalar => value.bits(),
            Arg::Size if value.bits() == 0 => return Err(refusal(number, "size is zero")),
            Arg::Size | Arg::SizeOrZero => value.bits(),
            Arg::Ctx if value == Value::pointer(around.ctx_region, 0) => around.run.ctx.address(),
            Arg::Ctx => return Err(refusal(number, "expected the context")),
            Arg::ConstMapPtr(_) => {
                let map = value.region().and_then(|region| around.handles.get(&region));
                let map = map.ok_or_else(|| refusal(number, "expected a map"))?;
                self.map = Some(map.clone());
                helpers::handle(map)
            }
            Arg::MapKey => self.copy_in(value, self.map_size(|map| map.spec.key_size)?, regions)?,
            Arg::MapValue => {
                self.copy_in(value, self.map_size(|map| map.spec.value_size)?, regions)?
            }
            Arg::MapValueOut => {
                self.copy_out(value, self.map_size(|map| map.spec.value_size)?, regions)?
            }
            Arg::MemReadOrNull if value == Value::number(0) => {
                // With a null pointer the size must be zero too.
                match args.get(at as u8 + 2)?.bits() {
                    0 => 0,
                    _ => return Err(refusal(number, "null with a size")),
                }
            }
            Arg::MemRead | Arg::MemReadOrNull => {
                self.copy_in(value, self.size_behind(args, at)?, regions)?
            }
            Arg::MemWrite => self.copy_out(value, self.size_behind(args, at)?, regions)?,
        };
        Ok(())
    }

    fn map_size(&self, size: impl Fn(&Map) -> u32) -> Result<usize, Reason> {
        let map = self.map.as_ref();
        let map = map.ok_or_else(|| refusal(self.helper.number, "expected a map before"))?;
        Ok(size(map) as usize)
    }

    /// The size argument behind a memory argument.
    fn size_behind(&self, args: &Args, at: usize) -> Result<usize, Reason> {
        match args.get(at as u8 + 2)?.bits() {
            size @ 0..=MEMORY_MAX => Ok(size as usize),
            _ => Err(refusal(self.helper.number, "size is too large")),
        }
    }

    fn copy_in(&mut self, from: Value, size: usize, regions: &Regions) -> Result<u64, Reason> {
        let mut bytes = vec![0; size];
        regions.read(from, &mut bytes)?;
        Ok(self.keep(&bytes, None))
    }

    /// Room for the helper to fill, once it is sure that it can be copied back.
    fn copy_out(&mut self, to: Value, size: usize, regions: &mut Regions) -> Result<u64, Reason> {
        let mut before = vec![0; size];
        if regions.read(to, &mut before).is_err() {
            // Write-only memory cannot be read; zeros tell whether it can be written.
            before.fill(0);
        }
        regions.write(to, &before)?;
        Ok(self.keep(&before, Some((to, size))))
    }

    fn keep(&mut self, bytes: &[u8], back: Option<(Value, usize)>) -> u64 {
        let mut words = vec![0; bytes.len().div_ceil(8)];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(whole);
        }
        let address = words.as_mut_ptr().expose_provenance() as u64;
        self.copies.push(Copied { words, back });
        address
    }

    fn give_back(&self, regions: &mut Regions) -> Result<(), Reason> {
        for Copied { words, back } in &self.copies {
            let Some((to, size)) = *back else { continue };
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            regions.write(to, &bytes[..size])?;
        }
        Ok(())
    }
}

fn refusal(helper: u32, message: &str) -> Reason {
    Reason::Helper { helper, message: message.to_owned() }
}

fn pointer(address: u64) -> NonNull<u8> {
    let at: *mut u8 = core::ptr::with_exposed_provenance_mut(address as usize);
    NonNull::new(at).expect("values and packets are not at address zero")
}
