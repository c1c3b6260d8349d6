//! Loads from the stack and stores to it.

use core::ops::Range;

use skep_isa::Size;
use skep_uapi::Errno;

use super::{Checker, Result};
use crate::backtrack::Effect;
use crate::bounds::Bounds;
use crate::state::{Byte, Kind, RegState, SLOT_BYTES, slot_of};
use crate::states::mark_read;

/// Bytes of a frame's stack.
pub(super) const STACK_BYTES: i64 = 512;

/// Bytes of a frame's stack that an access may touch.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    /// The frame.
    pub(super) frame: usize,
    /// Offsets from its end, all negative.
    pub(super) bytes: Range<i64>,
    /// Whether all of them are touched: the offset is known.
    pub(super) exact: bool,
}

/// What a range of stack is checked for, as the messages name it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Direction {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Direction::Read => "read from",
            Direction::Write => "write to",
        }
    }
}

/// A pointer into a stack, and where it was found.
#[derive(Clone, Copy)]
pub(super) struct StackPointer {
    pub(super) frame: usize,
    pub(super) reg: u8,
    pub(super) held: RegState,
}

impl Checker<'_> {
    /// The bytes that `size` bytes at `off` from the pointer may be, if they are stack.
    pub(super) fn stack_extent(
        &mut self,
        pointer: StackPointer,
        off: i64,
        size: i64,
        direction: Direction,
        errno: Errno,
    ) -> Result<Extent> {
        let StackPointer { frame, reg, held } = pointer;
        let (words, var) = (direction.words(), held.var);
        let off = i64::from(held.off) + off;
        let exact = var.value().is_some();
        let (min, max) = (var.whole.smin, var.whole.smax);
        // Far offsets are refused before they are added to anything.
        if min <= -super::alu::MAX_VAR_OFF || max >= super::alu::MAX_VAR_OFF {
            let message = format!("invalid unbounded variable-offset {words} stack R{reg}");
            return Err(self.reject(errno, message));
        }
        let bytes = off + min..off + max + size;
        let outside = bytes.start < -STACK_BYTES || bytes.start >= 0 || bytes.end > 0;
        if outside || size < 0 {
            let errno = if exact || direction == Direction::Write { errno } else { Errno::EINVAL };
            let message = if exact {
                format!("invalid {words} stack R{reg} off={} size={size}", bytes.start)
            } else {
                format!(
                    "invalid variable-offset {words} stack R{reg} var_off={} off={off} size={size}",
                    var.tnum
                )
            };
            return Err(self.reject(errno, message));
        }
        let used = -bytes.start as usize;
        let subprog = self.state.frames[frame].subprog;
        self.stack_bytes[subprog] = self.stack_bytes[subprog].max(used);
        Ok(Extent { frame, bytes, exact })
    }

    /// What a load yields.
    pub(super) fn load_stack(
        &mut self,
        extent: &Extent,
        size: Size,
        signed: bool,
    ) -> Result<RegState> {
        self.read_stack(extent);
        self.touch_slot(extent.frame, slot_of(extent.bytes.start).0);
        let unknown = RegState::scalar(Bounds::loaded(size, signed));
        if !extent.exact {
            return Ok(unknown);
        }
        let (number, start) = slot_of(extent.bytes.start);
        self.set_effect(Effect::Stack { frame: extent.frame, slot: number });
        let slot = *self.state.frames[extent.frame].slot(number);
        let spilled = slot.spill_bytes();
        if start < spilled && slot.spilled.kind != Kind::Scalar {
            let whole = size == Size::Dw && spilled == SLOT_BYTES;
            return match whole {
                true => Ok(slot.spilled),
                false => Err(self.reject(Errno::EACCES, "invalid size of register fill")),
            };
        }
        let bytes = &slot.bytes[start..start + size.bytes()];
        // The first bytes of a number are its lowest in one byte order only.
        let is_low = size.bytes() == spilled || cfg!(target_endian = "little");
        if start == 0 && size.bytes() <= spilled && is_low {
            return Ok(match signed {
                false => slot.spilled.truncate(size),
                true => RegState::scalar(slot.spilled.var.sign_extend(size.bits())),
            });
        }
        if bytes.iter().all(|byte| *byte == Byte::Zero) {
            return Ok(RegState::constant(0));
        }
        Ok(unknown)
    }

    /// Stores what a register holds, or, if that is nothing, some number.
    pub(super) fn store_stack(
        &mut self,
        extent: &Extent,
        size: Size,
        held: &RegState,
    ) -> Result<()> {
        if held.kind.is_pointer() {
            if size != Size::Dw {
                return Err(self.reject(Errno::EACCES, "invalid size of register spill"));
            }
            // A pointer to a frame's stack must not outlive the frame.
            if matches!(held.kind, Kind::Stack(_)) && extent.frame != self.state.top() {
                let message = "cannot spill pointers to stack into stack frame of the caller";
                return Err(self.reject(Errno::EINVAL, message));
            }
        }
        if !extent.exact {
            self.clobber_stack(extent);
            return Ok(());
        }
        let (number, start) = slot_of(extent.bytes.start);
        self.set_effect(Effect::Stack { frame: extent.frame, slot: number });
        self.touch_slot(extent.frame, number);
        let frame = &mut self.state.frames[extent.frame];
        let slot = frame.slot_mut(number);
        if start == 0 && held.kind != Kind::Uninit {
            slot.spill(*held, size);
        } else if held.is_null() {
            slot.fill(start, size.bytes(), Byte::Zero);
        } else {
            slot.fill(start, size.bytes(), Byte::Misc);
        }
        if size == Size::Dw {
            frame.written |= 1 << number;
        }
        Ok(())
    }

    /// Some of these bytes, or all, have been overwritten with anything.
    pub(super) fn clobber_stack(&mut self, extent: &Extent) {
        for off in extent.bytes.clone() {
            let (number, place) = slot_of(off);
            self.touch_slot(extent.frame, number);
            let frame = &mut self.state.frames[extent.frame];
            frame.slot_mut(number).fill(place, 1, Byte::Misc);
        }
    }

    /// Some of these bytes have been read, or all.
    pub(super) fn read_stack(&mut self, extent: &Extent) {
        let mut slots = 0;
        for off in extent.bytes.clone() {
            slots |= 1 << slot_of(off).0;
        }
        mark_read(&self.state, &self.parent, extent.frame, slots);
    }

    fn touch_slot(&mut self, frame: usize, number: usize) {
        if frame == self.state.top() {
            self.touched.slots |= 1 << number;
        }
    }
}
