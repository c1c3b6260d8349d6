//! Calls and returns.

use skep_isa::{Callee, Reg, Size};
use skep_uapi::Errno;

use super::alu::MAX_VAR_OFF;
use super::stack::{Direction, StackPointer};
use super::{Checker, Next, Result};
use crate::bounds::Bounds;
use crate::cfg::target;
use crate::env::{Access, Arg, HelperFlags, License, Map, NoHelper, Prototype, Range, Returns};
use crate::log::helper_name;
use crate::state::{Byte, Frame, Kind, RegState, slot_of};

const ARGS: [Reg; 5] = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];

/// The types of pointer that memory arguments take, as Linux lists them.
const MEMORY_KINDS: &str =
    "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";

impl Checker<'_> {
    pub(super) fn call(&mut self, callee: Callee) -> Result<Next> {
        match callee {
            Callee::Helper(id) => {
                self.call_helper(id)?;
                Ok(Next::Insn(self.insn + 1))
            }
            Callee::Local(off) => self.call_function(off),
            Callee::Kfunc { .. } | Callee::Reg(_) => {
                Err(self.reject(Errno::EOPNOTSUPP, "call not supported by this verifier yet"))
            }
        }
    }

    /// Return from a function, or the end of the program.
    pub(super) fn exit(&mut self) -> Result<Next> {
        if self.state.top() == 0 {
            self.check_result()?;
            return Ok(Next::End);
        }
        let result = *self.state.reg(Reg::R0);
        self.touched.regs |= 1;
        if matches!(result.kind, Kind::Stack(_)) {
            let message = "cannot return stack pointer to the caller";
            return Err(self.reject(Errno::EINVAL, message));
        }
        let returning = self.log.paths().then(|| self.state.clone());
        let callee = self.state.frames.pop().expect("there is more than one frame");
        self.state.frame_mut().regs[Reg::R0.index()] = result;
        let next = callee.callsite + 1;
        if let Some(returning) = returning {
            self.log_frame("returning from callee:", &returning);
            let caller = self.state.clone();
            self.log_frame(&format!("to caller at {next}:"), &caller);
            let from = core::mem::replace(&mut self.insn, next);
            self.log_arrival(from);
        }
        Ok(Next::Insn(next))
    }

    /// What the main program leaves in r0.
    fn check_result(&mut self) -> Result<()> {
        let result = self.read(Reg::R0)?;
        let Some(Range { min, max }) = self.env.returns else { return Ok(()) };
        if result.kind != Kind::Scalar {
            let message = format!(
                "At program exit the register R0 is not a known value ({})",
                result.kind.name()
            );
            return Err(self.reject(Errno::EINVAL, message));
        }
        self.need(1);
        let found = result.var.whole;
        if found.smin < min || found.smax > max {
            let found = match (found.smin == i64::MIN, found.smax == i64::MAX) {
                (true, true) => "unknown scalar value".to_owned(),
                _ => format!("smin={} smax={}", found.smin, found.smax),
            };
            let message = format!(
                "At program exit the register R0 has {found} should have been in [{min}, {max}]"
            );
            return Err(self.reject(Errno::EINVAL, message));
        }
        Ok(())
    }

    fn call_function(&mut self, off: i32) -> Result<Next> {
        let start = target(self.insn, off).expect("the shape of the program was checked");
        let subprog = self.cfg.subprog_at(start).expect("a called slot begins a function");
        let depth = self.state.frames.len();
        if depth >= self.env.limits.frames {
            let message = format!("the call stack of {} frames is too deep", depth + 1);
            return Err(self.reject(Errno::E2BIG, message));
        }
        let mut frame = Frame::new(depth, self.insn, subprog);
        for reg in ARGS {
            frame.regs[reg.index()] = *self.state.reg(reg);
        }
        self.clobber_caller_saved();
        if self.log.paths() {
            let caller = self.state.clone();
            self.log_frame("caller:", &caller);
            self.state.frames.push(frame);
            let callee = self.state.clone();
            self.log_frame("callee:", &callee);
            self.insn = start;
            self.log_state();
        } else {
            self.state.frames.push(frame);
        }
        Ok(Next::Insn(start))
    }

    /// A call leaves nothing in r0 to r5.
    pub(super) fn clobber_caller_saved(&mut self) {
        for reg in [Reg::R0].into_iter().chain(ARGS) {
            self.state.frame_mut().regs[reg.index()] = RegState::UNINIT;
        }
    }

    fn call_helper(&mut self, id: u32) -> Result<()> {
        let prototype = self.prototype(id)?;
        let (map, has_key) = self.check_args(prototype)?;
        self.check_map_change(map, prototype)?;
        self.clobber_caller_saved();
        if prototype.flags.contains(HelperFlags::CHANGES_PACKET) {
            self.forget_packet();
        }
        let result = match prototype.returns {
            Returns::Void => RegState::UNINIT,
            Returns::Scalar => RegState::scalar(Bounds::UNKNOWN),
            Returns::Range(Range { min, max }) => RegState::scalar(Bounds::signed(min, max)),
            Returns::MapValueOrNull => {
                let Some(map) = map else {
                    let message =
                        format!("prototype of {} returns a value of no map", prototype.name);
                    return Err(self.reject(Errno::EFAULT, message));
                };
                if has_key && prototype.flags.contains(HelperFlags::FINDS_DENSE) {
                    self.touched.regs |= 1;
                    self.state.frame_mut().regs[0] = RegState::pointer(Kind::Value(map));
                    return Ok(());
                }
                let found = self.program.maps[usize::from(map)].inner;
                let kind = found.map_or(Kind::ValueOrNull(map), Kind::MapOrNull);
                let id = self.new_id();
                RegState { id, ..RegState::pointer(kind) }
            }
        };
        self.touched.regs |= 1;
        self.state.frame_mut().regs[Reg::R0.index()] = result;
        Ok(())
    }

    fn prototype(&self, id: u32) -> Result<&'static Prototype> {
        let name = match (self.env.helper_name)(id) {
            Some(name) => helper_name(name),
            None => "unknown".to_owned(),
        };
        match (self.env.helper)(id) {
            Ok(prototype) => {
                let gpl_only = prototype.flags.contains(HelperFlags::GPL_ONLY);
                if gpl_only && self.program.license != License::Gpl {
                    let message =
                        "cannot call GPL-restricted function from non-GPL compatible program";
                    return Err(self.reject(Errno::EINVAL, message));
                }
                Ok(prototype)
            }
            Err(NoHelper::Unknown) => {
                Err(self.reject(Errno::EINVAL, format!("invalid func {name}#{id}")))
            }
            Err(NoHelper::NotForThisType) => {
                let message = format!("program of this type cannot use helper {name}#{id}");
                Err(self.reject(Errno::EINVAL, message))
            }
            Err(NoHelper::NotHere) => {
                let message = format!("helper {name}#{id} is not supported by this kernel yet");
                Err(self.reject(Errno::EINVAL, message))
            }
        }
    }

    /// Checks the arguments in order; yields the map among them, and whether it is known to have
    /// the key.
    fn check_args(&mut self, prototype: &Prototype) -> Result<(Option<u16>, bool)> {
        let (mut map, mut has_key) = (None, false);
        for (index, (reg, arg)) in ARGS.into_iter().zip(prototype.args).enumerate() {
            if arg == Arg::None {
                break;
            }
            let held = self.read(reg)?;
            self.check_packet_arg(&held, arg, prototype)?;
            let expect = |condition: bool, what: &str| match condition {
                true => Ok(()),
                false => Err(self.wrong_type(reg, &held, what)),
            };
            match arg {
                // The caller may see addresses: any value that is there will do.
                Arg::None | Arg::Scalar => {}
                Arg::Ctx => {
                    expect(held.kind == Kind::Ctx, "ctx")?;
                    self.check_ctx_pointer(reg, &held)?;
                }
                Arg::ConstMapPtr(types) => {
                    map = Some(self.check_map_arg(reg, &held, types, prototype)?);
                }
                Arg::MapKey => {
                    let map = self.map_arg(map, prototype)?;
                    let (bytes, keys) = (map.key_size, map.max_entries);
                    let is_dense = map.dense && bytes == 4;
                    self.check_memory_arg(reg, &held, bytes, Direction::Read)?;
                    has_key = is_dense && self.constant_at(&held).is_some_and(|key| key < keys);
                }
                Arg::MapValue => {
                    let bytes = self.map_arg(map, prototype)?.value_size;
                    self.check_memory_arg(reg, &held, bytes, Direction::Read)?;
                }
                Arg::MapValueOut => {
                    let bytes = self.map_arg(map, prototype)?.value_size;
                    self.check_memory_arg(reg, &held, bytes, Direction::Write)?;
                }
                // Checked with their size, which is the next argument.
                Arg::MemRead | Arg::MemWrite => expect(is_memory(&held), MEMORY_KINDS)?,
                Arg::MemReadOrNull => {
                    expect(is_memory(&held) || held.is_null(), MEMORY_KINDS)?;
                    self.need(1 << reg.number());
                }
                Arg::Size | Arg::SizeOrZero => {
                    let before =
                        index.checked_sub(1).map(|before| (ARGS[before], prototype.args[before]));
                    self.check_size_arg(before, (reg, &held), arg)?;
                }
            }
        }
        Ok((map, has_key))
    }

    fn check_map_arg(
        &self,
        reg: Reg,
        held: &RegState,
        types: &[skep_uapi::MapType],
        prototype: &Prototype,
    ) -> Result<u16> {
        let Kind::Map(index) = held.kind else {
            return Err(self.wrong_type(reg, held, "map_ptr"));
        };
        let map = &self.program.maps[usize::from(index)];
        let map_type = map.map_type;
        let is_other = !types.is_empty() && !types.contains(&map_type);
        if is_other || map.inner.is_some() && !prototype.flags.contains(HelperFlags::FINDS_MAPS) {
            let name = prototype.name;
            let message = format!("cannot pass map_type {} into func bpf_{name}", map_type.0);
            return Err(self.reject(Errno::EINVAL, message));
        }
        Ok(index)
    }

    /// Not every helper may be handed a part of the packet.
    fn check_packet_arg(&self, held: &RegState, arg: Arg, prototype: &Prototype) -> Result<()> {
        let is_packet = matches!(held.kind, Kind::Packet | Kind::PacketMeta);
        let may = arg == Arg::Scalar || prototype.flags.contains(HelperFlags::TAKES_PACKET);
        if is_packet && !may {
            let message = "helper access to the packet is not allowed";
            return Err(self.reject(Errno::EACCES, message));
        }
        Ok(())
    }

    /// What programs may only read, helpers do not change for them either: constants in the map
    /// may have been taken for known.
    fn check_map_change(&self, map: Option<u16>, prototype: &Prototype) -> Result<()> {
        let Some(map) = map else { return Ok(()) };
        let is_read_only = self.program.maps[usize::from(map)].access == Access::Read;
        if is_read_only && prototype.flags.contains(HelperFlags::CHANGES_MAP) {
            return Err(self.reject(Errno::EACCES, "write into map forbidden"));
        }
        Ok(())
    }

    fn map_arg(&self, map: Option<u16>, prototype: &Prototype) -> Result<&Map> {
        match map {
            Some(map) => Ok(&self.program.maps[usize::from(map)]),
            None => {
                let message =
                    format!("prototype of {} has no map before a key or value", prototype.name);
                Err(self.reject(Errno::EFAULT, message))
            }
        }
    }

    /// Whether a helper may access `bytes` bytes behind a pointer.
    fn check_memory_arg(
        &mut self,
        reg: Reg,
        held: &RegState,
        bytes: u32,
        direction: Direction,
    ) -> Result<()> {
        if !is_memory(held) {
            return Err(self.wrong_type(reg, held, MEMORY_KINDS));
        }
        let Kind::Stack(frame) = held.kind else {
            return self.check_memory((reg, held), 0, bytes.into(), direction);
        };
        let pointer = StackPointer { frame: frame.into(), reg: reg.number(), held: *held };
        let extent = self.stack_extent(pointer, 0, bytes.into(), direction, Errno::EINVAL)?;
        match direction {
            Direction::Read => self.read_stack(&extent),
            // The helper may leave some of it as it was.
            Direction::Write => {
                self.read_stack(&extent);
                self.clobber_stack(&extent);
            }
        }
        Ok(())
    }

    /// The 4-byte number behind a pointer, if it points to a slot of stack with a known one.
    fn constant_at(&mut self, held: &RegState) -> Option<u32> {
        let Kind::Stack(frame) = held.kind else { return None };
        held.var.value().filter(|offset| *offset == 0)?;
        let (number, start) = slot_of(held.off.into());
        let frame = usize::from(frame);
        let slot = *self.state.frames[frame].slot(number);
        if slot.bytes.get(start..start + 4)?.iter().all(|byte| *byte == Byte::Zero) {
            return Some(0);
        }
        if start > 0 || slot.spill_bytes() != 4 {
            return None;
        }
        let value = slot.spilled.value()?;
        self.need_slot(frame, number);
        u32::try_from(value).ok()
    }

    /// Checks a size, and with it the memory argument before it.
    fn check_size_arg(
        &mut self,
        memory: Option<(Reg, Arg)>,
        (reg, held): (Reg, &RegState),
        arg: Arg,
    ) -> Result<()> {
        let number = reg.number();
        if held.kind != Kind::Scalar {
            return Err(self.wrong_type(reg, held, "scalar"));
        }
        self.need(1 << number);
        let sizes = held.var.whole;
        let message = match () {
            () if sizes.smin < 0 => {
                format!("R{number} min value is negative, either use unsigned or 'var &= const'")
            }
            () if sizes.umin == 0 && arg == Arg::Size => {
                format!("R{number} invalid zero-sized read: u64=[{},{}]", sizes.umin, sizes.umax)
            }
            () if sizes.umax >= MAX_VAR_OFF as u64 => format!(
                "R{number} unbounded memory access, use 'var &= const' or 'if (var < const)'"
            ),
            () => String::new(),
        };
        if !message.is_empty() {
            return Err(self.reject(Errno::EACCES, message));
        }
        let (memory, direction) = match memory {
            Some((memory, Arg::MemRead | Arg::MemReadOrNull)) => (memory, Direction::Read),
            Some((memory, Arg::MemWrite)) => (memory, Direction::Write),
            _ => return Err(self.reject(Errno::EFAULT, "prototype has a size without memory")),
        };
        let pointer = *self.state.reg(memory);
        if pointer.is_null() && sizes.umax == 0 {
            return Ok(());
        }
        self.check_memory_arg(memory, &pointer, sizes.umax as u32, direction)
    }

    fn wrong_type(&self, reg: Reg, held: &RegState, expected: &str) -> crate::Rejection {
        let (number, found) = (reg.number(), held.kind.name());
        let message = format!("R{number} type={found} expected={expected}");
        self.reject(Errno::EACCES, message)
    }

    /// The packet has moved: what pointed into it are numbers now.
    fn forget_packet(&mut self) {
        for held in self.state.values_mut() {
            if held.kind.is_packet() {
                *held = RegState::scalar(Bounds::loaded(Size::Dw, false));
            }
        }
    }
}

/// Whether a helper can be given it as memory.
fn is_memory(held: &RegState) -> bool {
    matches!(held.kind, Kind::Stack(_) | Kind::Packet | Kind::PacketMeta | Kind::Value(_))
}
