//! Instructions as Linux's verifier log and `bpftool prog dump xlated` print them.
//!
//! The text is that of Linux 6.18's log. bpftool 7.1 prints the same, but knows no instruction
//! that is newer than itself; for those (sign extension, bswap, gotol, load-acquire ...) this
//! prints what the log prints.

use core::fmt::Write as _;

use super::operator;
use crate::{Insn, code};

/// The names of what instructions refer to. Every answer may be `None`; the number is printed
/// then.
pub trait Names {
    /// The helper, or kernel address, in the immediate of a call: `bpf_map_lookup_elem`.
    fn helper(&self, imm: i32) -> Option<String> {
        let _ = imm;
        None
    }

    /// The function of the program that begins at this slot.
    fn function(&self, slot: usize) -> Option<String> {
        let _ = slot;
        None
    }

    /// A kernel function by BTF id and index into `fd_array`.
    fn kfunc(&self, btf_id: u32, fd_idx: i16) -> Option<String> {
        let _ = (btf_id, fd_idx);
        None
    }

    /// What a `ld_imm64` loads. Without an answer it is `map[id:5]`, `map[id:5][0]+8`,
    /// `subprog[+3]` or a number, as bpftool prints it; bpf(2) gives ids in place of descriptors.
    fn imm64(&self, first: Insn, high: i32) -> Option<String> {
        let _ = (first, high);
        None
    }
}

/// No names at all.
#[derive(Clone, Copy, Debug)]
pub struct NoNames;

impl Names for NoNames {}

/// Whether the bytes of each instruction follow it on a line of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcodes {
    /// `bpftool prog dump xlated`.
    Hidden,
    /// `bpftool prog dump xlated opcodes`.
    Shown,
}

/// A whole program, one instruction a line.
///
/// ```
/// use skep_isa::disasm::{NoNames, Opcodes, kernel_program};
/// use skep_isa::Insn;
///
/// let slots = [Insn::new(0x79, 0, 10, -8, 0), Insn::new(0x95, 0, 0, 0, 0)];
/// let text = kernel_program(&slots, &NoNames, Opcodes::Hidden);
/// assert_eq!(text, "   0: (79) r0 = *(u64 *)(r10 -8)\n   1: (95) exit\n");
/// ```
pub fn kernel_program(slots: &[Insn], names: &dyn Names, opcodes: Opcodes) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < slots.len() {
        let text = kernel_insn(slots, at, names);
        writeln!(out, "{at:4}: {text}").expect("writing to a string does not fail");
        if opcodes == Opcodes::Shown {
            writeln!(out, "       {}", kernel_opcodes(&slots[at..]))
                .expect("writing to a string does not fail");
        }
        at += len(&slots[at..]);
    }
    out
}

/// The instruction at slot `at`: `(b7) r0 = 0`.
pub fn kernel_insn(slots: &[Insn], at: usize, names: &dyn Names) -> String {
    let Some(&insn) = slots.get(at) else { return String::new() };
    let text = match insn.opcode & 0x07 {
        code::LD => load_constant_or_packet(insn, slots.get(at + 1), names),
        code::LDX => load(insn),
        code::ST => store_imm(insn),
        code::STX => store_reg(insn),
        code::ALU | code::ALU64 => arithmetic(insn),
        _ => jump(insn, at, names),
    };
    match text {
        Some(text) => format!("({:02x}) {text}", insn.opcode),
        None => format!("BUG_{:02x}", insn.opcode),
    }
}

/// The bytes of the instruction at the start of `slots`, as they lie in memory.
pub fn kernel_opcodes(slots: &[Insn]) -> String {
    let bytes = slots.iter().take(len(slots)).flat_map(|slot| slot.to_le_bytes());
    let bytes: Vec<String> = bytes.map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// Slots of the instruction at the start.
fn len(slots: &[Insn]) -> usize {
    slots.first().map_or(1, |first| if first.is_wide() { 2.min(slots.len()) } else { 1 })
}

fn arithmetic(insn: Insn) -> Option<String> {
    let Insn { opcode, dst, src, off, imm } = insn;
    let letter = operator::letter(insn);
    let is_reg = opcode & code::X != 0;
    match (opcode & 0xf0, off) {
        (code::NEG, _) => return Some(format!("{letter}{dst} = -{letter}{dst}")),
        (code::END, _) => return Some(format!("r{dst} = {}{imm} r{dst}", operator::swap(insn))),
        (code::MOV, code::OFF_ADDR_SPACE_CAST) if is_reg && opcode & 0x07 == code::ALU64 => {
            let (to, from) = ((imm as u32) >> 16, imm as u32 & 0xffff);
            return Some(format!("r{dst} = addr_space_cast(r{src}, {to}, {from})"));
        }
        (code::MOV, 8 | 16 | 32) if is_reg => {
            return Some(format!("{letter}{dst} = (s{off}){letter}{src}"));
        }
        _ => {}
    }
    let operator = operator::alu(insn)?;
    let src = if is_reg { format!("{letter}{src}") } else { imm.to_string() };
    Some(format!("{letter}{dst} {operator}= {src}"))
}

fn jump(insn: Insn, at: usize, names: &dyn Names) -> Option<String> {
    let Insn { opcode, dst, src, off, imm } = insn;
    let wide = opcode & 0x07 == code::JMP;
    if let Some(condition) = operator::condition(insn) {
        let letter = operator::letter(insn);
        let src =
            if opcode & code::X != 0 { format!("{letter}{src}") } else { format!("{imm:#x}") };
        return Some(format!("if {letter}{dst} {condition} {src} goto pc{off:+}"));
    }
    match (opcode & 0xf0, wide) {
        (code::JA, true) => Some(format!("goto pc{off:+}")),
        (code::JA, false) => Some(format!("gotol pc{imm:+}")),
        (code::JCOND, true) => Some(format!("may_goto pc{off:+}")),
        (code::CALL, true) => Some(call(insn, at, names)),
        (code::EXIT, true) => Some("exit".to_owned()),
        _ => None,
    }
}

fn call(insn: Insn, at: usize, names: &dyn Names) -> String {
    let Insn { opcode, dst, src, off, imm } = insn;
    let unknown = || "unknown".to_owned();
    match src {
        _ if opcode & code::X != 0 => format!("callx r{dst}"),
        code::CALL_LOCAL => {
            // A loaded program has the distance in `off`, and the function's index in `imm`.
            let distance = if off == 0 { imm } else { off.into() };
            let target = (at as i64 + 1 + i64::from(distance)).try_into();
            match target.ok().and_then(|slot| names.function(slot)) {
                Some(name) => format!("call pc{distance:+}#{name}"),
                None => format!("call pc{distance:+}"),
            }
        }
        code::CALL_KFUNC => {
            let name = names.kfunc(imm as u32, off).unwrap_or_else(|| "kernel-function".to_owned());
            format!("call {name}#{imm}")
        }
        _ => format!("call {}#{imm}", names.helper(imm).unwrap_or_else(unknown)),
    }
}

fn load_constant_or_packet(insn: Insn, second: Option<&Insn>, names: &dyn Names) -> Option<String> {
    let Insn { opcode, dst, src, imm, .. } = insn;
    let size = operator::size(insn);
    match (opcode & 0xe0, opcode & 0x18) {
        (code::IMM, code::DW) => {
            let high = second?.imm;
            let value = names.imm64(insn, high).unwrap_or_else(|| imm64(insn, high));
            Some(format!("r{dst} = {value}"))
        }
        (_, code::DW) => None,
        (code::ABS, _) => Some(format!("r0 = *({size} *)skb[{imm}]")),
        (code::IND, _) => Some(format!("r0 = *({size} *)skb[r{src} + {imm}]")),
        _ => None,
    }
}

fn imm64(first: Insn, high: i32) -> String {
    let low = first.imm;
    let off = high as u32;
    match first.src {
        code::IMM_MAP_FD => format!("map[id:{low}]"),
        code::IMM_MAP_VALUE => format!("map[id:{low}][0]+{off}"),
        code::IMM_FUNC => format!("subprog[{low:+}]"),
        code::IMM_MAP_IDX => format!("map[idx:{low}]"),
        code::IMM_MAP_IDX_VALUE => format!("map[idx:{low}]+{off}"),
        _ => format!("{:#x}", u64::from(off) << 32 | u64::from(low as u32)),
    }
}

fn load(insn: Insn) -> Option<String> {
    let Insn { opcode, dst, src, off, .. } = insn;
    let size = match opcode & 0xe0 {
        code::MEM => operator::size(insn),
        code::MEMSX => operator::signed_size(insn)?,
        _ => return None,
    };
    Some(format!("r{dst} = *({size} *)(r{src} {off:+})"))
}

fn store_imm(insn: Insn) -> Option<String> {
    let Insn { opcode, dst, off, imm, .. } = insn;
    let size = operator::size(insn);
    (opcode & 0xe0 == code::MEM).then(|| format!("*({size} *)(r{dst} {off:+}) = {imm}"))
}

fn store_reg(insn: Insn) -> Option<String> {
    let Insn { opcode, dst, src, off, imm } = insn;
    let size = operator::size(insn);
    let address = format!("({size} *)(r{dst} {off:+})");
    match opcode & 0xe0 {
        code::MEM => return Some(format!("*{address} = r{src}")),
        code::ATOMIC => {}
        _ => return None,
    }
    let wide = match size {
        "u64" => "64",
        "u32" => "",
        _ if matches!(imm, code::LOAD_ACQ | code::STORE_REL) => "",
        _ => return None,
    };
    Some(match imm {
        code::LOAD_ACQ => format!("r{dst} = load_acquire(({size} *)(r{src} {off:+}))"),
        code::STORE_REL => format!("store_release({address}, r{src})"),
        code::XCHG => format!("r{src} = atomic{wide}_xchg({address}, r{src})"),
        code::CMPXCHG => format!("r0 = atomic{wide}_cmpxchg({address}, r0, r{src})"),
        _ => {
            let (operator, name) = operator::atomic(imm)?;
            if imm & code::FETCH == 0 {
                format!("lock *{address} {operator}= r{src}")
            } else {
                format!("r{src} = atomic{wide}_fetch_{name}({address}, r{src})")
            }
        }
    })
}
