//! What is known at one point of one path: registers, stack slots, frames.

use skep_isa::{Reg, Size};

use crate::backtrack::Needs;
use crate::bounds::Bounds;

/// Bytes of a stack slot.
pub(crate) const SLOT_BYTES: usize = 8;

/// What a register holds, apart from the number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Nothing that may be read.
    Uninit,
    /// A number.
    Scalar,
    /// The context.
    Ctx,
    /// The end of the stack of this frame.
    Stack(u8),
    /// A map itself, by index.
    Map(u16),
    /// A value of a map.
    Value(u16),
    /// A value of a map, or null.
    ValueOrNull(u16),
    /// A map that was found in another, or null, by the index of what it is like.
    MapOrNull(u16),
    /// The packet.
    Packet,
    /// The metadata before the packet.
    PacketMeta,
    /// The byte behind the packet.
    PacketEnd,
}

impl Kind {
    /// Linux's word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Uninit => "?",
            Kind::Scalar => "scalar",
            Kind::Ctx => "ctx",
            Kind::Stack(_) => "fp",
            Kind::Map(_) => "map_ptr",
            Kind::Value(_) => "map_value",
            // As in Linux, where only the check tells them apart.
            Kind::ValueOrNull(_) | Kind::MapOrNull(_) => "map_value_or_null",
            Kind::Packet => "pkt",
            Kind::PacketMeta => "pkt_meta",
            Kind::PacketEnd => "pkt_end",
        }
    }

    pub(crate) const fn is_pointer(self) -> bool {
        !matches!(self, Kind::Uninit | Kind::Scalar)
    }

    /// Whether it points into a packet, or at its end.
    pub(crate) const fn is_packet(self) -> bool {
        matches!(self, Kind::Packet | Kind::PacketMeta | Kind::PacketEnd)
    }
}

/// What is known of a register, or of what was spilled from one.
///
/// A pointer is the base that its kind names, plus `off`, plus a number in `var`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RegState {
    pub(crate) kind: Kind,
    /// Constant part of a pointer's offset; of a number with an id, its distance from the number
    /// that the id stands for.
    pub(crate) off: i32,
    /// Scalars of one id are equal but for their distances; packet pointers of one id share `var`; nullable pointers of
    /// one id are null together. 0: related to nothing.
    pub(crate) id: u32,
    /// Of a packet pointer: bytes behind base and `var` that are known to be in the packet.
    pub(crate) range: u32,
    /// The number, or the variable part of a pointer's offset.
    pub(crate) var: Bounds,
}

impl RegState {
    pub(crate) const UNINIT: RegState = RegState::pointer(Kind::Uninit);

    /// A pointer to the base of its kind.
    pub(crate) const fn pointer(kind: Kind) -> RegState {
        RegState { kind, off: 0, id: 0, range: 0, var: Bounds::constant(0) }
    }

    pub(crate) const fn scalar(var: Bounds) -> RegState {
        RegState { kind: Kind::Scalar, off: 0, id: 0, range: 0, var }
    }

    pub(crate) const fn constant(value: u64) -> RegState {
        RegState::scalar(Bounds::constant(value))
    }

    /// The number in it, if it is a known number.
    pub(crate) fn value(&self) -> Option<u64> {
        if self.kind == Kind::Scalar { self.var.value() } else { None }
    }

    /// Whether it is the number 0, which is also the null pointer.
    pub(crate) fn is_null(&self) -> bool {
        self.value() == Some(0)
    }

    /// The low bytes of a number, as a store and a load of `size` keep them.
    pub(crate) fn truncate(&self, size: Size) -> RegState {
        if size == Size::Dw {
            return *self;
        }
        // A number that was small enough all along is still the same number.
        let same = self.var.whole.umax >> size.bits() == 0;
        let (id, off) = if same { (self.id, self.off) } else { (0, 0) };
        RegState { id, off, ..RegState::scalar(self.var.zero_extend(size.bits())) }
    }
}

/// What is known of a byte of stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Byte {
    /// Never written.
    Invalid,
    /// Part of a spilled register.
    Spill,
    /// Some number.
    Misc,
    /// Zero.
    Zero,
}

/// Eight bytes of stack, from the lowest address up.
///
/// A spill begins at the first byte; if it is shorter than the slot, the rest is something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot {
    pub(crate) bytes: [Byte; SLOT_BYTES],
    /// What was spilled, if the first byte says so; what its bytes hold, truncated.
    pub(crate) spilled: RegState,
}

impl Slot {
    pub(crate) const INVALID: Slot =
        Slot { bytes: [Byte::Invalid; SLOT_BYTES], spilled: RegState::UNINIT };

    /// Bytes of the spilled register that are there.
    pub(crate) fn spill_bytes(&self) -> usize {
        self.bytes.iter().take_while(|byte| **byte == Byte::Spill).count()
    }

    /// The spilled register, if there is one.
    pub(crate) fn spilled_mut(&mut self) -> Option<&mut RegState> {
        (self.bytes[0] == Byte::Spill).then_some(&mut self.spilled)
    }

    /// Overwrites some bytes; what is left of a spilled register becomes some number.
    pub(crate) fn fill(&mut self, start: usize, len: usize, with: Byte) {
        for byte in &mut self.bytes {
            if *byte == Byte::Spill {
                *byte = Byte::Misc;
            }
        }
        self.bytes[start..start + len].fill(with);
    }

    /// Spills the low bytes of a register.
    pub(crate) fn spill(&mut self, reg: RegState, size: Size) {
        self.fill(0, size.bytes(), Byte::Spill);
        self.spilled = reg.truncate(size);
    }
}

/// One function being run.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The call that it returns behind; 0 for the main program.
    pub(crate) callsite: usize,
    /// Index of the function.
    pub(crate) subprog: usize,
    pub(crate) regs: [RegState; Reg::COUNT],
    /// Slots from the frame pointer down, as far as any was written.
    pub(crate) stack: Vec<Slot>,
    /// Bit per slot: wholly overwritten since the last checkpoint.
    pub(crate) written: u64,
}

impl Frame {
    pub(crate) fn new(index: usize, callsite: usize, subprog: usize) -> Frame {
        let mut regs = [RegState::UNINIT; Reg::COUNT];
        regs[Reg::FP.index()] = RegState::pointer(Kind::Stack(index as u8));
        Frame { callsite, subprog, regs, stack: Vec::new(), written: 0 }
    }

    /// The slot with this number, counted from the frame pointer down.
    pub(crate) fn slot(&self, number: usize) -> &Slot {
        self.stack.get(number).unwrap_or(&Slot::INVALID)
    }

    pub(crate) fn slot_mut(&mut self, number: usize) -> &mut Slot {
        if self.stack.len() <= number {
            self.stack.resize(number + 1, Slot::INVALID);
        }
        &mut self.stack[number]
    }

    /// The registers and slots whose contents answer to `wanted`.
    pub(crate) fn find(&self, wanted: impl Fn(&RegState) -> bool) -> Needs {
        let mut found = Needs::default();
        for (number, _) in self.regs.iter().enumerate().filter(|(_, reg)| wanted(reg)) {
            found.regs |= 1 << number;
        }
        let spilled = |slot: &Slot| slot.bytes[0] == Byte::Spill && wanted(&slot.spilled);
        for (number, _) in self.stack.iter().enumerate().filter(|(_, slot)| spilled(slot)) {
            found.slots |= 1 << number;
        }
        found
    }

    /// Registers and spilled registers.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut RegState> {
        let spilled = self.stack.iter_mut().filter_map(Slot::spilled_mut);
        self.regs.iter_mut().chain(spilled)
    }
}

/// What is known at one point: the frames from the main program in.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) frames: Vec<Frame>,
}

impl State {
    /// Index of the frame that runs.
    pub(crate) fn top(&self) -> usize {
        self.frames.len() - 1
    }

    pub(crate) fn frame(&self) -> &Frame {
        &self.frames[self.top()]
    }

    pub(crate) fn frame_mut(&mut self) -> &mut Frame {
        let top = self.top();
        &mut self.frames[top]
    }

    pub(crate) fn reg(&self, reg: Reg) -> &RegState {
        &self.frame().regs[reg.index()]
    }

    /// Registers and spilled registers of all frames.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut RegState> {
        self.frames.iter_mut().flat_map(Frame::values_mut)
    }
}

/// The slot of a byte of stack and its place there, for an offset in `-512..0`.
pub(crate) const fn slot_of(off: i64) -> (usize, usize) {
    let below = (-off) as usize;
    let slot = (below - 1) / SLOT_BYTES;
    (slot, (slot + 1) * SLOT_BYTES - below)
}
