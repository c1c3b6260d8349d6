//! One instruction as `llvm-objdump` 19 prints it, when it is not told which processor.
//!
//! LLVM's decoder is not Linux's: it ignores some fields that must be zero (the immediate of
//! register forms, everything but the offset of `goto`), insists on others (the offset of
//! arithmetic), knows r11, and without `--mcpu` prints 32-bit loads with `r` registers and knows
//! no 32-bit atomic operation but the addition. Found by comparing all opcodes with variants of
//! all fields.

use super::operator;
use crate::{Insn, code};

/// How immediates, offsets and distances are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Immediates {
    /// `0x10`, `-0x1`: the default since LLVM 17.
    #[default]
    Hex,
    /// `16`, `-1`: older versions, and `--no-print-imm-hex`.
    Decimal,
}

/// The text of the instruction at the start of `slots`; `None` is LLVM's `<unknown>`.
///
/// Of jumps this is all but the target in angle brackets, which [`super::Section`] adds.
///
/// ```
/// use skep_isa::disasm::{Immediates, llvm_insn};
/// use skep_isa::Insn;
///
/// let insn = Insn::new(0x61, 2, 10, -8, 0);
/// assert_eq!(llvm_insn(&[insn], Immediates::Hex).as_deref(), Some("r2 = *(u32 *)(r10 - 0x8)"));
/// ```
pub fn llvm_insn(slots: &[Insn], immediates: Immediates) -> Option<String> {
    let (&insn, rest) = slots.split_first()?;
    let text = Text { insn, immediates };
    match insn.opcode & 0x07 {
        code::LD => text.load_constant_or_packet(rest),
        code::LDX => text.load(),
        code::ST => text.store_imm(),
        code::STX => text.store_reg(),
        code::ALU | code::ALU64 => text.arithmetic(),
        _ => text.jump(),
    }
}

#[derive(Clone, Copy)]
struct Text {
    insn: Insn,
    immediates: Immediates,
}

impl Text {
    fn arithmetic(self) -> Option<String> {
        let Insn { opcode, off, imm, .. } = self.insn;
        let letter = operator::letter(self.insn);
        let is_reg = opcode & code::X != 0;
        let wide = opcode & 0x07 == code::ALU64;
        let dst = register(letter, self.insn.dst)?;
        match opcode & 0xf0 {
            code::NEG => return (!is_reg).then(|| format!("{dst} = -{dst}")),
            code::END => {
                let dst = register('r', self.insn.dst)?;
                let known = matches!(imm, 16 | 32 | 64) && !(wide && is_reg);
                let name = operator::swap(self.insn);
                return known.then(|| format!("{dst} = {name}{imm} {dst}"));
            }
            code::MOV if is_reg && off != 0 => return self.special_move(&dst),
            code::DIV | code::MOD if matches!(off, 0 | code::OFF_SIGNED) => {}
            _ if off != 0 => return None,
            _ => {}
        }
        let operator = operator::alu(self.insn)?;
        let src = if is_reg { register(letter, self.insn.src)? } else { self.number(imm.into()) };
        Some(format!("{dst} {operator}= {src}"))
    }

    /// A move that sign-extends or changes the address space.
    fn special_move(self, dst: &str) -> Option<String> {
        let wide = self.insn.opcode & 0x07 == code::ALU64;
        let src = register(operator::letter(self.insn), self.insn.src)?;
        match self.insn.off {
            8 | 16 => {}
            32 if wide => {}
            code::OFF_ADDR_SPACE_CAST if wide => {
                let spaces = self.insn.imm as u32;
                let to = self.number((spaces >> 16).into());
                let from = self.number((spaces & 0xffff).into());
                return Some(format!("{dst} = addr_space_cast({src}, {to}, {from})"));
            }
            _ => return None,
        }
        Some(format!("{dst} = (s{}){src}", self.insn.off))
    }

    fn jump(self) -> Option<String> {
        let Insn { opcode, off, imm, .. } = self.insn;
        let wide = opcode & 0x07 == code::JMP;
        let is_reg = opcode & code::X != 0;
        let short = self.distance(off.into());
        if let Some(condition) = operator::condition(self.insn) {
            let letter = operator::letter(self.insn);
            let dst = register(letter, self.insn.dst)?;
            let src =
                if is_reg { register(letter, self.insn.src)? } else { self.number(imm.into()) };
            return Some(format!("if {dst} {condition} {src} goto {short}"));
        }
        match opcode & 0xf0 {
            code::JA if wide && !is_reg => Some(format!("goto {short}")),
            code::JA if !is_reg => Some(format!("gotol {}", self.distance(imm.into()))),
            code::CALL if wide && is_reg => {
                Some(format!("callx {}", register('r', self.insn.dst)?))
            }
            code::CALL if wide => Some(format!("call {}", self.number(imm.into()))),
            code::EXIT if wide && !is_reg && imm == 0 => Some("exit".to_owned()),
            code::JCOND if wide && !is_reg => Some(format!("may_goto {short}")),
            _ => None,
        }
    }

    fn load_constant_or_packet(self, rest: &[Insn]) -> Option<String> {
        let imm = self.insn.imm;
        let size = operator::size(self.insn);
        match (self.insn.opcode & 0xe0, self.insn.opcode & 0x18) {
            (code::IMM, code::DW) if self.insn.off == 0 => {
                let dst = register('r', self.insn.dst)?;
                let high = rest.first()?.imm;
                if self.insn.src != 0 {
                    let kind = self.number(self.insn.src.into());
                    let low = self.number(i64::from(imm as u32));
                    return Some(format!("ld_pseudo\t{dst}, {kind}, {low}"));
                }
                let value = i64::from(high) << 32 | i64::from(imm as u32);
                Some(format!("{dst} = {} ll", self.number(value)))
            }
            (_, code::DW) => None,
            (code::ABS, _) => Some(format!("r0 = *({size} *)skb[{}]", self.number(imm.into()))),
            (code::IND, _) => {
                Some(format!("r0 = *({size} *)skb[{}]", register('r', self.insn.src)?))
            }
            _ => None,
        }
    }

    fn load(self) -> Option<String> {
        let size = match self.insn.opcode & 0xe0 {
            code::MEM => operator::size(self.insn),
            code::MEMSX => operator::signed_size(self.insn)?,
            _ => return None,
        };
        let dst = register('r', self.insn.dst)?;
        Some(format!("{dst} = *({size} *)({})", self.address(self.insn.src)?))
    }

    fn store_imm(self) -> Option<String> {
        if self.insn.opcode & 0xe0 != code::MEM {
            return None;
        }
        let (size, imm) = (operator::size(self.insn), self.number(self.insn.imm.into()));
        Some(format!("*({size} *)({}) = {imm}", self.address(self.insn.dst)?))
    }

    fn store_reg(self) -> Option<String> {
        let size = operator::size(self.insn);
        let address = self.address(self.insn.dst)?;
        let src = register('r', self.insn.src)?;
        match (self.insn.opcode & 0xe0, size) {
            (code::MEM, _) => Some(format!("*({size} *)({address}) = {src}")),
            (code::ATOMIC, "u64") => self.atomic(&address, &src),
            (code::ATOMIC, "u32") if self.insn.imm & 0xf0 == 0 => {
                Some(format!("lock *(u32 *)({address}) += {src}"))
            }
            _ => None,
        }
    }

    /// Only the low eight bits of the operation count here, of those without result the upper
    /// four of these.
    fn atomic(self, address: &str, src: &str) -> Option<String> {
        let low = self.insn.imm & 0xff;
        match low {
            code::XCHG => return Some(format!("{src} = xchg_64({address}, {src})")),
            code::CMPXCHG => return Some(format!("r0 = cmpxchg_64({address}, r0, {src})")),
            _ => {}
        }
        let (operator, name) = operator::atomic(low & 0xf0)?;
        if low & 0x0f == code::FETCH {
            return Some(format!("{src} = atomic_fetch_{name}((u64 *)({address}), {src})"));
        }
        Some(format!("lock *(u64 *)({address}) {operator}= {src}"))
    }

    /// `r10 - 0x8`.
    fn address(self, base: u8) -> Option<String> {
        let off = self.insn.off;
        let sign = if off < 0 { '-' } else { '+' };
        let off = self.number(off.unsigned_abs().into());
        Some(format!("{} {sign} {off}", register('r', base)?))
    }

    /// `+0x1`.
    fn distance(self, slots: i64) -> String {
        let plus = if slots < 0 { "" } else { "+" };
        format!("{plus}{}", self.number(slots))
    }

    fn number(self, number: i64) -> String {
        match self.immediates {
            Immediates::Decimal => number.to_string(),
            Immediates::Hex if number < 0 => format!("-{:#x}", number.unsigned_abs()),
            Immediates::Hex => format!("{number:#x}"),
        }
    }
}

/// LLVM's registers end at r11.
fn register(letter: char, number: u8) -> Option<String> {
    (number <= 11).then(|| format!("{letter}{number}"))
}
