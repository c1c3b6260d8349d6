//! Memory accesses.

use skep_isa::{AtomicOp, Operand, Reg, Size};
use skep_uapi::Errno;

use super::alu::MAX_VAR_OFF;
use super::stack::{Direction, StackPointer};
use super::{Access, Checker, Result};
use crate::bounds::Bounds;
use crate::env::{self, Field, FieldKind};
use crate::liveness::fetches;
use crate::state::{Kind, RegState};

/// An access by an instruction.
#[derive(Clone, Copy)]
struct Place {
    reg: Reg,
    held: RegState,
    off: i16,
    size: Size,
    direction: Direction,
}

impl Checker<'_> {
    pub(super) fn load(
        &mut self,
        size: Size,
        signed: bool,
        dst: Reg,
        src: Reg,
        off: i16,
    ) -> Result<()> {
        let held = self.read(src)?;
        self.check_writable(dst)?;
        let place = Place { reg: src, held, off, size, direction: Direction::Read };
        let loaded = self.load_from(place, signed)?;
        self.write(dst, loaded)
    }

    pub(super) fn load_acquire(&mut self, size: Size, dst: Reg, src: Reg, off: i16) -> Result<()> {
        let held = self.read(src)?;
        self.check_writable(dst)?;
        let place = Place { reg: src, held, off, size, direction: Direction::Read };
        self.check_atomic(place, "loads from")?;
        let loaded = self.load_from(place, false)?;
        self.write(dst, loaded)
    }

    pub(super) fn store(&mut self, size: Size, dst: Reg, off: i16, src: Operand) -> Result<()> {
        let value = self.read_operand(src)?;
        let held = self.read(dst)?;
        let value = match src {
            // A copy on the stack is known to be equal.
            Operand::Reg(reg) if matches!(held.kind, Kind::Stack(_)) && size == Size::Dw => {
                self.relate(reg)
            }
            _ => value,
        };
        if let Operand::Reg(reg) = src
            && value.is_null()
        {
            // Bytes of stack are known to be zero only because it is.
            self.need(1 << reg.number());
        }
        let place = Place { reg: dst, held, off, size, direction: Direction::Write };
        self.store_to(place, &value)
    }

    pub(super) fn store_release(&mut self, size: Size, dst: Reg, off: i16, src: Reg) -> Result<()> {
        let value = self.read(src)?;
        let held = self.read(dst)?;
        let place = Place { reg: dst, held, off, size, direction: Direction::Write };
        self.check_atomic(place, "stores into")?;
        if value.is_null() {
            self.need(1 << src.number());
        }
        self.store_to(place, &value)
    }

    pub(super) fn atomic(
        &mut self,
        size: Size,
        op: AtomicOp,
        dst: Reg,
        off: i16,
        src: Reg,
    ) -> Result<()> {
        self.read(src)?;
        let held = self.read(dst)?;
        if op == AtomicOp::Cmpxchg {
            self.read(Reg::R0)?;
        }
        let place = Place { reg: dst, held, off, size, direction: Direction::Read };
        self.check_atomic(place, "stores into")?;
        let loaded = self.load_from(place, false)?;
        let place = Place { direction: Direction::Write, ..place };
        self.store_to(place, &RegState::UNINIT)?;
        match op {
            AtomicOp::Cmpxchg => self.write(Reg::R0, loaded),
            _ if fetches(op) => self.write(src, loaded),
            _ => Ok(()),
        }
    }

    /// The legacy packet loads: from the packet of the context in r6, into r0.
    pub(super) fn load_packet(&mut self, index: Option<Reg>) -> Result<()> {
        if !self.env.legacy_packet_loads {
            let message = "BPF_LD_[ABS|IND] instructions not allowed for this program type";
            return Err(self.reject(Errno::EINVAL, message));
        }
        if self.state.top() > 0 {
            // A load outside the packet ends the function, of which nobody knows what it returns.
            let message =
                "BPF_LD_[ABS|IND] instructions in functions are not supported by this verifier yet";
            return Err(self.reject(Errno::EOPNOTSUPP, message));
        }
        if self.env.returns.is_some_and(|range| range.min > 0 || range.max < 0) {
            let message = "BPF_LD_[ABS|IND] ends the program with 0, which it may not return";
            return Err(self.reject(Errno::EINVAL, message));
        }
        let context = self.read(Reg::R6)?;
        if context.kind != Kind::Ctx {
            let message = "at the time of BPF_LD_ABS|IND R6 != pointer to skb";
            return Err(self.reject(Errno::EINVAL, message));
        }
        self.check_ctx_pointer(Reg::R6, &context)?;
        if let Some(reg) = index {
            let held = self.read(reg)?;
            if held.kind != Kind::Scalar {
                let message =
                    format!("R{} type={} expected=scalar", reg.number(), held.kind.name());
                return Err(self.reject(Errno::EACCES, message));
            }
        }
        self.clobber_caller_saved();
        self.write(Reg::R0, RegState::scalar(Bounds::UNKNOWN))
    }

    fn load_from(&mut self, place: Place, signed: bool) -> Result<RegState> {
        let Place { reg, held, off, size, direction } = place;
        let unknown = RegState::scalar(Bounds::loaded(size, signed));
        match held.kind {
            Kind::Ctx => self.load_ctx(place, signed),
            Kind::Stack(frame) => {
                self.check_alignment(place, "stack ")?;
                let pointer = StackPointer { frame: frame.into(), reg: reg.number(), held };
                let bytes = size.bytes() as i64;
                let extent =
                    self.stack_extent(pointer, off.into(), bytes, direction, Errno::EACCES)?;
                self.set_access(Access::Other)?;
                self.load_stack(&extent, size, signed)
            }
            Kind::Value(map) => {
                self.check_region(place)?;
                Ok(self.constant_in(map, place, signed).unwrap_or(unknown))
            }
            _ => {
                self.check_region(place)?;
                Ok(unknown)
            }
        }
    }

    /// Stores what a register holds, or, if that is nothing, some number.
    fn store_to(&mut self, place: Place, value: &RegState) -> Result<()> {
        let Place { reg, held, off, size, direction } = place;
        match held.kind {
            Kind::Ctx => self.store_ctx(place),
            Kind::Stack(frame) => {
                self.check_alignment(place, "stack ")?;
                let pointer = StackPointer { frame: frame.into(), reg: reg.number(), held };
                let bytes = size.bytes() as i64;
                let extent =
                    self.stack_extent(pointer, off.into(), bytes, direction, Errno::EACCES)?;
                self.set_access(Access::Other)?;
                self.store_stack(&extent, size, value)
            }
            _ => self.check_region(place),
        }
    }

    /// Everything but context and stack: a range of bytes with one rule.
    fn check_region(&mut self, place: Place) -> Result<()> {
        let Place { reg, held, off, size, direction } = place;
        self.check_memory((reg, &held), off.into(), size.bytes() as i64, direction)?;
        self.set_access(Access::Other)
    }

    /// Whether `size` bytes at `off` from a pointer to a map value or a packet may be accessed.
    pub(super) fn check_memory(
        &mut self,
        (reg, held): (Reg, &RegState),
        off: i64,
        size: i64,
        direction: Direction,
    ) -> Result<()> {
        match held.kind {
            Kind::Value(map) => self.check_value(map, (reg, held), off, size, direction),
            Kind::Packet | Kind::PacketMeta => self.check_packet((reg, held), off, size, direction),
            kind => {
                let message = format!("R{} invalid mem access '{}'", reg.number(), kind.name());
                Err(self.reject(Errno::EACCES, message))
            }
        }
    }

    fn check_value(
        &mut self,
        map: u16,
        (reg, held): (Reg, &RegState),
        off: i64,
        size: i64,
        direction: Direction,
    ) -> Result<()> {
        let map = &self.program.maps[usize::from(map)];
        let total = i64::from(map.value_size);
        let off = i64::from(held.off) + off;
        let number = reg.number();
        let denied = match (direction, map.access) {
            (Direction::Read, env::Access::Write) => Some("read from map forbidden"),
            (Direction::Write, env::Access::Read) => Some("write into map forbidden"),
            _ => None,
        };
        if let Some(denied) = denied {
            let message = format!("{denied}, value_size={total} off={off} size={size}");
            return Err(self.reject(Errno::EACCES, message));
        }
        let (smin, umax) = (held.var.whole.smin, held.var.whole.umax);
        let outside = |start: i64, which: &str| {
            format!(
                "invalid access to map value, value_size={total} off={start} size={size}\n\
                 R{number} {which} value is outside of the allowed memory range"
            )
        };
        let fits = |start: i64| start >= 0 && start + size <= total && size >= 0;
        let message = match () {
            () if smin < 0 && (smin <= -MAX_VAR_OFF || smin + off < 0) => negative_index(number),
            // All sums below are of numbers below 2^31 then.
            () if smin >= MAX_VAR_OFF || umax >= MAX_VAR_OFF as u64 => unbounded(number),
            () if !fits(smin + off) => outside(smin + off, "min"),
            () if !fits(umax as i64 + off) => outside(umax as i64 + off, "max"),
            () => return Ok(()),
        };
        Err(self.reject(Errno::EACCES, message))
    }

    fn check_packet(
        &mut self,
        (reg, held): (Reg, &RegState),
        off: i64,
        size: i64,
        direction: Direction,
    ) -> Result<()> {
        let number = reg.number();
        match (self.env.packet, direction) {
            (Some(env::Access::ReadWrite), _)
            | (Some(env::Access::Read), Direction::Read)
            | (Some(env::Access::Write), Direction::Write) => {}
            (_, Direction::Write) => {
                return Err(self.reject(Errno::EACCES, "cannot write into packet"));
            }
            (_, Direction::Read) => {
                return Err(self.reject(Errno::EACCES, "cannot read from packet"));
            }
        }
        if held.var.whole.smin < 0 {
            return Err(self.reject(Errno::EACCES, negative_index(number)));
        }
        // The range was found with the variable part in mind: it counts from behind that.
        let off = i64::from(held.off) + off;
        if off < 0 || size < 0 || off + size > i64::from(held.range) {
            let (id, range) = (held.id, held.range);
            let message = format!(
                "invalid access to packet, off={off} size={size}, R{number}(id={id},off={off},r={range})\n\
                 R{number} offset is outside of the packet"
            );
            return Err(self.reject(Errno::EACCES, message));
        }
        Ok(())
    }

    /// What a load from a map that nobody can change yields, if the place is known.
    fn constant_in(&self, map: u16, place: Place, signed: bool) -> Option<RegState> {
        let bytes = self.program.maps[usize::from(map)].constant.as_ref()?;
        let var = place.held.var.value()? as i64;
        let start = usize::try_from(i64::from(place.held.off) + i64::from(place.off) + var).ok()?;
        let part = bytes.get(start..start + place.size.bytes())?;
        let mut word = [0; 8];
        let value = if cfg!(target_endian = "little") {
            word[..part.len()].copy_from_slice(part);
            u64::from_le_bytes(word)
        } else {
            word[8 - part.len()..].copy_from_slice(part);
            u64::from_be_bytes(word)
        };
        let known = Bounds::constant(value);
        let extend = signed && place.size != Size::Dw;
        Some(RegState::scalar(if extend { known.sign_extend(place.size.bits()) } else { known }))
    }

    fn load_ctx(&mut self, place: Place, signed: bool) -> Result<RegState> {
        let (index, field) = self.ctx_field(place)?;
        let whole = place.size == field.size;
        let byte = place.off as u32 - field.offset;
        let may_be_narrow = field.narrow && field.kind == FieldKind::Scalar;
        if !whole && !may_be_narrow {
            return Err(self.invalid_ctx_access(place));
        }
        let kind = match field.kind {
            FieldKind::Scalar => {
                self.set_access(Access::Ctx { field: index, byte })?;
                return Ok(RegState::scalar(Bounds::loaded(place.size, signed)));
            }
            _ if signed => return Err(self.invalid_ctx_access(place)),
            FieldKind::PacketStart => Kind::Packet,
            FieldKind::PacketEnd => Kind::PacketEnd,
            FieldKind::PacketMeta => Kind::PacketMeta,
        };
        self.set_access(Access::Ctx { field: index, byte })?;
        Ok(RegState::pointer(kind))
    }

    fn store_ctx(&mut self, place: Place) -> Result<()> {
        let (index, field) = self.ctx_field(place)?;
        if !field.writable || place.size != field.size || field.kind != FieldKind::Scalar {
            return Err(self.invalid_ctx_access(place));
        }
        self.set_access(Access::Ctx { field: index, byte: 0 })
    }

    /// The field that holds the accessed bytes, all of them.
    fn ctx_field(&mut self, place: Place) -> Result<(usize, Field)> {
        self.check_ctx_pointer(place.reg, &place.held)?;
        let fields = self.env.context.fields;
        let size = place.size.bytes() as u32;
        let start = u32::try_from(place.off).ok().filter(|start| start % size == 0);
        let found = start.and_then(|start| {
            let holds = |field: &Field| {
                field.offset <= start && start + size <= field.offset + field.size.bytes() as u32
            };
            fields.iter().position(holds)
        });
        match found {
            Some(index) => Ok((index, fields[index])),
            None => Err(self.invalid_ctx_access(place)),
        }
    }

    /// A context is used with the offset that the instruction states, and no other.
    pub(super) fn check_ctx_pointer(&self, reg: Reg, held: &RegState) -> Result<()> {
        let number = reg.number();
        let message = match held.var.value() {
            None => format!("variable ctx access var_off={} disallowed", held.var.tnum),
            Some(0) if held.off == 0 => return Ok(()),
            Some(_) => {
                let off = held.off;
                format!("dereference of modified ctx ptr R{number} off={off} disallowed")
            }
        };
        Err(self.reject(Errno::EACCES, message))
    }

    fn invalid_ctx_access(&self, place: Place) -> crate::Rejection {
        let (off, size) = (place.off, place.size.bytes());
        let message = format!("invalid bpf_context access off={off} size={size}");
        self.reject(Errno::EACCES, message)
    }

    /// Records what memory this instruction accesses: fixups need it to be the same on all paths.
    fn set_access(&mut self, access: Access) -> Result<()> {
        match self.accesses[self.insn].replace(access) {
            Some(before) if before != access => {
                Err(self.reject(Errno::EINVAL, "same insn cannot be used with different pointers"))
            }
            _ => Ok(()),
        }
    }

    fn check_alignment(&self, place: Place, what: &str) -> Result<()> {
        let Place { held, off, size, .. } = place;
        let constant = Bounds::constant((i64::from(held.off) + i64::from(off)) as u64);
        let address = held.var.tnum.add(constant.tnum);
        let below = size.bytes() as u64 - 1;
        if (address.value | address.mask) & below == 0 {
            return Ok(());
        }
        let var = match held.var.value() {
            Some(value) => (value as i64).to_string(),
            None => held.var.tnum.to_string(),
        };
        let (held, bytes) = (held.off, size.bytes());
        let message = format!("misaligned {what}access off {var}+{held}+{off} size {bytes}");
        Err(self.reject(Errno::EACCES, message))
    }

    /// Atomic accesses are aligned, and to memory that the program shares with somebody.
    fn check_atomic(&self, place: Place, what: &str) -> Result<()> {
        let kind = place.held.kind;
        match kind {
            Kind::Ctx | Kind::Packet | Kind::PacketMeta => {
                let (number, kind) = (place.reg.number(), kind.name());
                let message = format!("BPF_ATOMIC {what} R{number} {kind} is not allowed");
                Err(self.reject(Errno::EACCES, message))
            }
            Kind::Value(_) => self.check_alignment(place, "value "),
            Kind::Stack(_) => self.check_alignment(place, "stack "),
            _ => self.check_alignment(place, ""),
        }
    }
}

fn negative_index(reg: u8) -> String {
    format!("R{reg} min value is negative, either use unsigned index or do a if (index >=0) check.")
}

fn unbounded(reg: u8) -> String {
    format!("R{reg} unbounded memory access, make sure to bounds check any such access")
}
