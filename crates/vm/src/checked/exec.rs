//! One instruction of the checked interpreter: everything is checked before anything is changed.

use skep_isa::{AluOp, AtomicOp, Callee, Imm64, Op, Operand, Reg, Size, Width};

use super::fault::{AccessKind, BadAccess, Problem, Reason};
use super::machine::Machine;
use super::value::{Value, alu_reveals, branch_reveals};
use super::{Args, Host};
use crate::alu::{movsx, neg, sign_extend, swap, taken};

/// Where control goes after an instruction.
pub(super) enum Next {
    /// To this slot.
    Insn(usize),
    /// Into the function at this slot.
    Call(usize),
    /// Back to the caller.
    Return,
    /// The program ended with this r0.
    End(u64),
}

impl Machine<'_> {
    /// Does the instruction at hand, but for frames and the next slot, which are the caller's.
    pub(super) fn execute(&mut self, host: &mut dyn Host) -> Result<Next, Reason> {
        let op = self.program.op(self.insn)?;
        match op {
            Op::Alu { width, op, dst, src } => {
                // A move does not read its destination, which may not have been written.
                let old = if op == AluOp::Mov { Value::default() } else { self.get(dst)? };
                let src = self.operand(src)?;
                self.reveal(alu_reveals(width, op, old, src));
                self.set(dst, old.alu(width, op, src))?;
            }
            Op::Neg { width, dst } => self.set_number(dst, neg(width, self.bits(dst)?))?,
            Op::Movsx { width, from, dst, src } => {
                self.set_number(dst, movsx(width, from, self.bits(src)?))?;
            }
            Op::Swap { kind, bits, dst } => {
                self.set_number(dst, swap(kind, bits, self.bits(dst)?))?;
            }
            Op::LoadImm64 { dst, imm } => self.load_imm64(dst, imm, host)?,
            Op::Load { size, signed, dst, src, off } => {
                self.check_writable(dst)?;
                let mut value = self.load(self.at(src, off)?, size, host)?;
                if signed {
                    value = Value::number(sign_extend(size, value.bits()));
                }
                self.set(dst, value)?;
            }
            Op::Store { size, dst, off, src } => {
                let (at, value) = (self.at(dst, off)?, self.operand(src)?);
                self.store(at, size, value, host)?;
            }
            Op::Atomic { size, op, dst, off, src } => self.atomic(size, op, dst, off, src)?,
            Op::LoadAcquire { size, dst, src, off } => {
                self.check_writable(dst)?;
                let value = self.memory.load_acquire(self.at(src, off)?, size)?;
                self.set(dst, value)?;
            }
            Op::StoreRelease { size, dst, off, src } => {
                self.memory.store_release(self.at(dst, off)?, size, self.get(src)?)?;
            }
            Op::LoadAbs { size, imm } => return self.load_packet(imm, size, host),
            Op::LoadInd { size, src, imm } => {
                let offset = imm.wrapping_add(self.bits(src)? as i32);
                return self.load_packet(offset, size, host);
            }
            Op::Jump { off, .. } => return self.jump(off),
            Op::Branch { width, cond, dst, src, off } => {
                let (dst, src) = (self.get(dst)?, self.operand(src)?);
                self.reveal(branch_reveals(width, cond, dst, src));
                if taken(width, cond, dst.bits(), src.bits()) {
                    return self.jump(off.into());
                }
            }
            Op::MayGoto { off } if self.loops == 0 => return self.jump(off.into()),
            Op::MayGoto { .. } => self.loops -= 1,
            Op::Call(Callee::Helper(helper)) => self.call_helper(helper, host)?,
            Op::Call(Callee::Local(off)) => {
                self.check_depth()?;
                return Ok(Next::Call(self.program.target(self.insn, off)?));
            }
            Op::Call(Callee::Kfunc { .. }) => {
                return Err(Reason::Unsupported("a call of a kfunc"));
            }
            Op::Call(Callee::Reg(_)) => return Err(Reason::Unsupported("a call of a register")),
            Op::AddrSpaceCast { .. } => return Err(Reason::Unsupported("an address space cast")),
            Op::Exit if self.is_outermost() => return Ok(Next::End(self.bits(Reg::R0)?)),
            Op::Exit => return Ok(Next::Return),
        }
        Ok(Next::Insn(self.insn + op.slots()))
    }

    fn get(&self, reg: Reg) -> Result<Value, Reason> {
        self.reg(reg).ok_or(Reason::Uninitialised(reg))
    }

    /// A register used as a number, which an address should not be.
    fn bits(&self, reg: Reg) -> Result<u64, Reason> {
        let value = self.get(reg)?;
        self.reveal(value.region().is_some());
        Ok(value.bits())
    }

    /// Notes that where something lies in memory makes a difference from here on.
    fn reveal(&self, is_address: bool) {
        if is_address {
            self.memory.set_by_chance();
        }
    }

    fn operand(&self, src: Operand) -> Result<Value, Reason> {
        match src {
            Operand::Reg(reg) => self.get(reg),
            Operand::Imm(imm) => Ok(Value::number(i64::from(imm) as u64)),
        }
    }

    /// The address that a register and an offset give.
    fn at(&self, base: Reg, off: i16) -> Result<Value, Reason> {
        let off = Value::number(i64::from(off) as u64);
        Ok(self.get(base)?.alu(Width::W64, AluOp::Add, off))
    }

    fn set(&mut self, reg: Reg, value: Value) -> Result<(), Reason> {
        self.check_writable(reg)?;
        self.set_reg(reg, value);
        Ok(())
    }

    fn set_number(&mut self, reg: Reg, bits: u64) -> Result<(), Reason> {
        self.set(reg, Value::number(bits))
    }

    fn check_writable(&self, reg: Reg) -> Result<(), Reason> {
        if reg == Reg::FP { Err(Reason::FramePointer) } else { Ok(()) }
    }

    fn jump(&self, off: i32) -> Result<Next, Reason> {
        self.program.target(self.insn, off).map(Next::Insn)
    }

    fn load_imm64(&mut self, dst: Reg, imm: Imm64, host: &mut dyn Host) -> Result<(), Reason> {
        self.check_writable(dst)?;
        let value = match imm {
            Imm64::Value(bits) => Value::number(bits),
            // The handle that the fast interpreter uses too.
            Imm64::Func(off) => Value::number(self.program.target(self.insn, off)? as u64),
            _ => host.resolve(imm, &mut self.memory).ok_or(Reason::Unresolved(imm))?,
        };
        self.set(dst, value)
    }

    fn load(&mut self, at: Value, size: Size, host: &mut dyn Host) -> Result<Value, Reason> {
        let kind = AccessKind::Load;
        let Some(offset) = self.memory.context_at(at, size.bytes(), kind)? else {
            return Ok(self.memory.load(at, size)?);
        };
        let value = host.load_ctx(offset, size, &mut self.memory);
        value.ok_or_else(|| self.no_field(at, size, kind))
    }

    fn store(
        &mut self,
        at: Value,
        size: Size,
        value: Value,
        host: &mut dyn Host,
    ) -> Result<(), Reason> {
        let kind = AccessKind::Store;
        let Some(offset) = self.memory.context_at(at, size.bytes(), kind)? else {
            return Ok(self.memory.store(at, size, value)?);
        };
        let stored = host.store_ctx(offset, size, value, &mut self.memory);
        stored.ok_or_else(|| self.no_field(at, size, kind))
    }

    fn no_field(&self, at: Value, size: Size, kind: AccessKind) -> Reason {
        let name = at.region().and_then(|region| self.memory.name(region));
        let region = name.unwrap_or("context").to_owned();
        let offset = at.target().map_or(0, |(_, offset)| offset);
        BadAccess::new(kind, size.bytes(), at, Problem::NoField { region, offset }).into()
    }

    fn atomic(
        &mut self,
        size: Size,
        op: AtomicOp,
        dst: Reg,
        off: i16,
        src: Reg,
    ) -> Result<(), Reason> {
        let result = match op {
            AtomicOp::Add { fetch }
            | AtomicOp::Or { fetch }
            | AtomicOp::And { fetch }
            | AtomicOp::Xor { fetch } => fetch.then_some(src),
            AtomicOp::Xchg => Some(src),
            AtomicOp::Cmpxchg => Some(Reg::R0),
        };
        if let Some(reg) = result {
            self.check_writable(reg)?;
        }
        let expected = if op == AtomicOp::Cmpxchg { self.get(Reg::R0)? } else { Value::default() };
        let operand = self.get(src)?;
        let old = self.memory.atomic(self.at(dst, off)?, size, op, operand, expected)?;
        result.map_or(Ok(()), |reg| self.set(reg, old))
    }

    /// A legacy load, which needs the context in r6 and loses r1 to r5 as a call does.
    fn load_packet(&mut self, at: i32, size: Size, host: &mut dyn Host) -> Result<Next, Reason> {
        self.get(Reg::R6)?;
        let Some(value) = host.load_packet(at.into(), size) else {
            self.set_number(Reg::R0, 0)?;
            return Ok(if self.is_outermost() { Next::End(0) } else { Next::Return });
        };
        self.lose_arguments();
        self.set_number(Reg::R0, value)?;
        Ok(Next::Insn(self.insn + 1))
    }

    fn call_helper(&mut self, helper: u32, host: &mut dyn Host) -> Result<(), Reason> {
        let [_, r1, r2, r3, r4, r5, ..] = self.regs;
        let result = host.call(helper, &Args([r1, r2, r3, r4, r5]), &mut self.memory)?;
        self.lose_arguments();
        self.set(Reg::R0, result)
    }

    fn lose_arguments(&mut self) {
        self.regs[Reg::R1.index()..=Reg::R5.index()].fill(None);
    }
}
