//! Arithmetic, on numbers and on pointers.

use skep_isa::{AluOp, Imm64, Operand, Reg, Size, Swap, Width};
use skep_uapi::Errno;

use super::{Checker, Result, number};
use crate::bounds::Bounds;
use crate::state::{Kind, RegState};

/// Offsets of pointers stay below this (`BPF_MAX_VAR_OFF`), so that no sum of two can overflow.
pub(crate) const MAX_VAR_OFF: i64 = 1 << 29;

impl Checker<'_> {
    pub(super) fn alu(&mut self, width: Width, op: AluOp, dst: Reg, src: Operand) -> Result<()> {
        if op == AluOp::Mov {
            return self.mov(width, dst, src);
        }
        let right = self.read_operand(src)?;
        let left = self.read(dst)?;
        self.check_writable(dst)?;
        self.check_immediate(width, op, src)?;
        let result = match (left.kind.is_pointer(), right.kind.is_pointer()) {
            (false, false) => {
                let var = left.var.alu(width, op, right.var);
                let (id, off) = distance(width, op, &left, &right).unwrap_or((0, 0));
                RegState { id, off, ..RegState::scalar(var) }
            }
            // The distance of two pointers, whatever they point to, is a number, and so is any
            // difference of lower halves.
            (left, right) if op == AluOp::Sub && (width == Width::W32 || left && right) => {
                RegState::scalar(number(&RegState::UNINIT, width))
            }
            (true, true) => {
                let message = format!("R{} pointer {} pointer prohibited", dst.number(), sign(op));
                return Err(self.reject(Errno::EACCES, message));
            }
            (true, false) => {
                if let Operand::Reg(by) = src {
                    self.need(1 << by.number());
                }
                self.move_pointer(width, op, (dst, left), right, dst)?
            }
            (false, true) => {
                let Operand::Reg(pointer) = src else { return Ok(()) };
                if op == AluOp::Sub {
                    let number = dst.number();
                    let message = format!("R{number} tried to subtract pointer from scalar");
                    return Err(self.reject(Errno::EACCES, message));
                }
                self.need(1 << dst.number());
                self.move_pointer(width, op, (pointer, right), left, dst)?
            }
        };
        self.write(dst, result)
    }

    fn check_immediate(&self, width: Width, op: AluOp, src: Operand) -> Result<()> {
        let Operand::Imm(imm) = src else { return Ok(()) };
        let bits = if width == Width::W64 { 64 } else { 32 };
        match op {
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if !(0..bits).contains(&imm) => {
                Err(self.reject(Errno::EINVAL, format!("invalid shift {imm}")))
            }
            AluOp::Div | AluOp::Sdiv | AluOp::Mod | AluOp::Smod if imm == 0 => {
                Err(self.reject(Errno::EINVAL, "div by zero"))
            }
            _ => Ok(()),
        }
    }

    fn mov(&mut self, width: Width, dst: Reg, src: Operand) -> Result<()> {
        let held = self.read_operand(src)?;
        self.check_writable(dst)?;
        let result = match (width, src) {
            (Width::W64, Operand::Reg(reg)) => self.relate(reg),
            (Width::W64, Operand::Imm(_)) => held,
            (Width::W32, Operand::Imm(imm)) => RegState::constant(u64::from(imm as u32)),
            (Width::W32, Operand::Reg(reg)) if held.kind == Kind::Scalar => {
                // An id that the number gets here serves nothing if the copy is another number.
                let small = held.var.whole.umax <= u64::from(u32::MAX);
                let held = if small { self.relate(reg) } else { held };
                held.truncate(Size::W)
            }
            (Width::W32, Operand::Reg(_)) => RegState::scalar(number(&held, width)),
        };
        self.write(dst, result)
    }

    pub(super) fn neg(&mut self, width: Width, dst: Reg) -> Result<()> {
        let held = self.read(dst)?;
        let var = Bounds::constant(0).alu(width, AluOp::Sub, number(&held, Width::W64));
        self.write(dst, RegState::scalar(var))
    }

    pub(super) fn movsx(&mut self, width: Width, from: Size, dst: Reg, src: Reg) -> Result<()> {
        let held = self.read(src)?;
        let extended = number(&held, Width::W64).sign_extend(from.bits());
        let var = match width {
            Width::W64 => extended,
            Width::W32 => extended.zero_extend(32),
        };
        self.write(dst, RegState::scalar(var))
    }

    pub(super) fn swap(&mut self, kind: Swap, bits: u8, dst: Reg) -> Result<()> {
        let held = self.read(dst)?;
        let swaps = match kind {
            Swap::ToLe => cfg!(target_endian = "big"),
            Swap::ToBe => cfg!(target_endian = "little"),
            Swap::Bswap => true,
        };
        let bits = u32::from(bits);
        let var = match held.kind {
            Kind::Scalar if swaps => held.var.swap_bytes(bits),
            Kind::Scalar if bits == 64 => held.var,
            Kind::Scalar => held.var.zero_extend(bits),
            _ => Bounds::UNKNOWN,
        };
        self.write(dst, RegState::scalar(var))
    }

    pub(super) fn load_imm64(&mut self, dst: Reg, imm: Imm64) -> Result<()> {
        let held = match imm {
            Imm64::Value(value) => RegState::constant(value),
            Imm64::MapIdx(index) => RegState::pointer(Kind::Map(index as u16)),
            Imm64::MapIdxValue { index, off } => {
                RegState { off: off as i32, ..RegState::pointer(Kind::Value(index as u16)) }
            }
            _ => return Err(self.reject(Errno::EINVAL, "unresolved ld_imm64")),
        };
        self.write(dst, held)
    }

    /// `pointer op by`, for `dst`: only a distance may be added or subtracted.
    fn move_pointer(
        &mut self,
        width: Width,
        op: AluOp,
        (reg, pointer): (Reg, RegState),
        by: RegState,
        dst: Reg,
    ) -> Result<RegState> {
        self.check_pointer_operation(width, op, (reg, pointer), dst)?;
        self.check_distance(&pointer, &by)?;
        let moved = match (op, by.var.value()) {
            (AluOp::Add, Some(distance)) => constant_move(pointer, distance as i64),
            (AluOp::Sub, Some(distance)) => {
                constant_move(pointer, (distance as i64).wrapping_neg())
            }
            _ => None,
        };
        let moved = match moved {
            Some(moved) => moved,
            None => {
                let var = pointer.var.alu(Width::W64, op, by.var);
                // The new variable part is nobody else's, and nothing was compared with it yet.
                let id = if pointer.kind.is_packet() { self.new_id() } else { pointer.id };
                RegState { var, id, range: 0, ..pointer }
            }
        };
        self.check_offset(&moved)?;
        Ok(moved)
    }

    fn check_pointer_operation(
        &self,
        width: Width,
        op: AluOp,
        (reg, pointer): (Reg, RegState),
        dst: Reg,
    ) -> Result<()> {
        let (number, kind) = (reg.number(), pointer.kind.name());
        let to = dst.number();
        let message = match (op, pointer.kind) {
            _ if width == Width::W32 => format!("R{to} 32-bit pointer arithmetic prohibited"),
            (_, Kind::ValueOrNull(_) | Kind::MapOrNull(_)) => {
                format!("R{number} pointer arithmetic on {kind} prohibited, null-check it first")
            }
            (_, Kind::Map(_) | Kind::PacketEnd) => {
                format!("R{number} pointer arithmetic on {kind} prohibited")
            }
            (AluOp::Sub, Kind::Stack(_)) => {
                format!("R{to} subtraction from stack pointer prohibited")
            }
            (AluOp::Add | AluOp::Sub, _) => return Ok(()),
            (AluOp::And | AluOp::Or | AluOp::Xor, _) => {
                format!("R{to} bitwise operator {} on pointer prohibited", sign(op))
            }
            _ => format!("R{to} pointer arithmetic with {} operator prohibited", sign(op)),
        };
        Err(self.reject(Errno::EACCES, message))
    }

    /// A distance is known to be far from overflowing anything.
    fn check_distance(&self, pointer: &RegState, by: &RegState) -> Result<()> {
        let kind = pointer.kind.name();
        let (min, max) = (by.var.whole.smin, by.var.whole.smax);
        let message = match by.var.value().map(|value| value as i64) {
            Some(value) if value <= -MAX_VAR_OFF || value >= MAX_VAR_OFF => {
                format!("math between {kind} pointer and {value} is not allowed")
            }
            None if min == i64::MIN => {
                format!(
                    "math between {kind} pointer and register with unbounded min value is not allowed"
                )
            }
            None if min <= -MAX_VAR_OFF || (max >= MAX_VAR_OFF && min < 0 && max == i64::MAX) => {
                format!("value {min} makes {kind} pointer be out of bounds")
            }
            _ => return Ok(()),
        };
        Err(self.reject(Errno::EINVAL, message))
    }

    /// The sum of the parts of an offset is far from overflowing too.
    fn check_offset(&self, pointer: &RegState) -> Result<()> {
        let kind = pointer.kind.name();
        let off = i64::from(pointer.off);
        let min = pointer.var.whole.smin;
        let message = match () {
            () if off <= -MAX_VAR_OFF || off >= MAX_VAR_OFF => {
                format!("{kind} pointer offset {off} is not allowed")
            }
            () if min == i64::MIN => {
                format!(
                    "math between {kind} pointer and register with unbounded min value is not allowed"
                )
            }
            () if min <= -MAX_VAR_OFF => {
                format!("value {min} makes {kind} pointer be out of bounds")
            }
            () => return Ok(()),
        };
        Err(self.reject(Errno::EINVAL, message))
    }
}

/// The pointer moved by a constant; `None` if the constant part of its offset cannot take it.
fn constant_move(pointer: RegState, distance: i64) -> Option<RegState> {
    let off = i64::from(pointer.off).checked_add(distance)?;
    Some(RegState { off: i32::try_from(off).ok()?, ..pointer })
}

/// The relation of a number to others after a constant was added or subtracted, if it has any
/// still. As in Linux, one such step is followed.
fn distance(width: Width, op: AluOp, left: &RegState, right: &RegState) -> Option<(u32, i32)> {
    let by = right.var.value()? as i64;
    let by = match op {
        AluOp::Add => by,
        AluOp::Sub => by.checked_neg()?,
        _ => return None,
    };
    let is_first = left.id != 0 && left.off == 0 && width == Width::W64;
    if is_first { Some((left.id, i32::try_from(by).ok()?)) } else { None }
}

/// The operation as the log writes it.
const fn sign(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div => "/=",
        AluOp::Sdiv => "s/=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Mod => "%=",
        AluOp::Smod => "s%=",
        AluOp::Xor => "^=",
        AluOp::Mov => "=",
        AluOp::Arsh => "s>>=",
    }
}
