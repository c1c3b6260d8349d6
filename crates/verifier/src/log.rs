//! The log: what was looked at, in the form of Linux 6.18.

use core::fmt::{self, Write as _};

use skep_isa::disasm::{Names, kernel_insn};
use skep_isa::{Imm64, Insn, Op, decode};

use crate::bounds::Number;
use crate::cfg::Cfg;
use crate::env::{Env, Map, Program};
use crate::liveness::Regs;
use crate::state::{Byte, Frame, Kind, RegState, Slot, State};

/// The log level and text of one verification.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// `log_level` of `BPF_PROG_LOAD`: bit 0 the path that was rejected, bit 1 every path,
    /// bit 2 statistics.
    pub level: u32,
    /// What was logged so far.
    pub text: String,
}

impl Log {
    /// The path at hand is wanted.
    pub(crate) fn paths(&self) -> bool {
        self.level & 3 != 0
    }

    /// Every path is wanted, also those without fault.
    pub(crate) fn all_paths(&self) -> bool {
        self.level & 2 != 0
    }

    /// Appends a line.
    pub(crate) fn line(&mut self, line: impl fmt::Display) {
        if self.level != 0 {
            self.append(format_args!("{line}\n"));
        }
    }

    pub(crate) fn append(&mut self, text: impl fmt::Display) {
        write!(self.text, "{text}").expect("a String takes everything");
    }

    /// The functions, and what registers are live before each instruction.
    pub(crate) fn shape(&mut self, program: &Program<'_>, env: &Env<'_>, cfg: &Cfg, live: &[Regs]) {
        if !self.all_paths() {
            return;
        }
        for (index, start) in cfg.starts.iter().enumerate() {
            self.append(format_args!("func#{index} @{start}\n"));
        }
        self.append("Live regs before insn:\n");
        let names = LogNames { program, env };
        for (insn, live) in live.iter().enumerate().filter(|(insn, _)| cfg.ops[*insn].is_some()) {
            let shown =
                |reg: u32| if live >> reg & 1 == 1 { char::from_digit(reg, 10) } else { None };
            let live: String = (0..10).map(|reg| shown(reg).unwrap_or('.')).collect();
            let text = kernel_insn(program.insns, insn, &names);
            self.append(format_args!("{insn:7}: {live} {text}\n"));
        }
    }

    /// The stack that each function uses, among the statistics.
    pub(crate) fn stack(&mut self, stack_bytes: &[usize]) {
        if self.level & 4 != 0 {
            let bytes: Vec<String> = stack_bytes.iter().map(usize::to_string).collect();
            self.append(format_args!("stack depth {}\n", bytes.join("+")));
        }
    }

    /// Goes on in the line before.
    pub(crate) fn join(&mut self) {
        if self.text.ends_with('\n') {
            self.text.pop();
            self.text.push(' ');
        }
    }

    /// Appends to the line before, which was an instruction's, what it changed.
    pub(crate) fn effect(&mut self, effect: impl fmt::Display) {
        if self.text.ends_with('\n') {
            self.text.pop();
        }
        let column = self.text.len() - self.text.rfind('\n').map_or(0, |newline| newline + 1);
        // Linux aligns to column 40, and behind that to every eighth, at least four further.
        let pad = (column + 5).max(40).next_multiple_of(8) - column - 2;
        self.append(format_args!("{:pad$};{effect}\n", ""));
    }
}

/// The names that the log gives to what instructions refer to.
pub(crate) struct LogNames<'a> {
    pub(crate) program: &'a Program<'a>,
    pub(crate) env: &'a Env<'a>,
}

impl Names for LogNames<'_> {
    fn helper(&self, imm: i32) -> Option<String> {
        (self.env.helper_name)(imm as u32).map(helper_name)
    }

    /// A map by its name: it has no address, and Linux's says nothing.
    fn imm64(&self, first: Insn, high: i32) -> Option<String> {
        let Ok(Op::LoadImm64 { imm, .. }) = decode(&[first, Insn::new(0, 0, 0, 0, high)]) else {
            return None;
        };
        let name = |index: i32| self.program.maps.get(index as usize).map(|map| map.name.as_str());
        match imm {
            Imm64::MapIdx(index) => Some(format!("map[{}]", name(index)?)),
            Imm64::MapIdxValue { index, off } => Some(format!("map_value[{}]+{off}", name(index)?)),
            _ => None,
        }
    }
}

/// A helper's name as the log writes it: `bpf_map_lookup_elem`.
pub(crate) fn helper_name(name: &str) -> String {
    if name.starts_with("bpf_") { name.to_owned() } else { format!("bpf_{name}") }
}

/// Which parts of a frame are shown.
#[derive(Clone, Copy)]
pub(crate) enum Shown {
    /// Every register and slot that holds something.
    All,
    /// Registers and slots with these bits.
    Only { regs: u16, slots: u64 },
}

/// A frame as the log shows it: ` R1=ctx() R10=fp0`.
pub(crate) struct ShowFrame<'a> {
    pub(crate) state: &'a State,
    pub(crate) frame: usize,
    pub(crate) shown: Shown,
    pub(crate) maps: &'a [Map],
}

impl fmt::Display for ShowFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frame = &self.state.frames[self.frame];
        let (regs, slots) = match self.shown {
            Shown::All => (u16::MAX, u64::MAX),
            Shown::Only { regs, slots } => (regs, slots),
        };
        if self.frame > 0 {
            write!(f, " frame{}:", self.frame)?;
        }
        let shown = |(number, reg): &(usize, &RegState)| {
            regs >> number & 1 == 1 && reg.kind != Kind::Uninit
        };
        for (number, reg) in frame.regs.iter().enumerate().filter(shown) {
            write!(f, " R{number}={}", self.reg(reg))?;
        }
        self.stack(frame, slots, f)
    }
}

impl ShowFrame<'_> {
    fn reg<'r>(&'r self, reg: &'r RegState) -> ShowReg<'r> {
        ShowReg { reg, frame: self.frame, maps: self.maps }
    }

    fn stack(&self, frame: &Frame, slots: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, slot) in frame.stack.iter().enumerate() {
            let shown = slots >> number & 1 == 1 && *slot != Slot::INVALID;
            if shown && slot.bytes.iter().any(|byte| *byte != Byte::Invalid) {
                write!(f, " fp-{}=", (number + 1) * 8)?;
                self.slot(slot, f)?;
            }
        }
        Ok(())
    }

    /// From the highest byte down, a spilled register in place of its bytes.
    fn slot(&self, slot: &Slot, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in slot.bytes.iter().rev() {
            match byte {
                Byte::Invalid => f.write_char('?')?,
                Byte::Misc => f.write_char('m')?,
                Byte::Zero => f.write_char('0')?,
                Byte::Spill => return write!(f, "{}", self.reg(&slot.spilled)),
            }
        }
        Ok(())
    }
}

/// A register as the log shows it, in the frame that runs: `pkt(off=8,r=8)`.
struct ShowReg<'a> {
    reg: &'a RegState,
    frame: usize,
    maps: &'a [Map],
}

impl fmt::Display for ShowReg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reg = self.reg;
        if let Some(value) = reg.value() {
            return write!(f, "{}", Number::Signed(value as i64));
        }
        f.write_str(reg.kind.name())?;
        if let Kind::Stack(frame) = reg.kind {
            if usize::from(frame) != self.frame {
                write!(f, "[{frame}]")?;
            }
            if reg.var.value() == Some(0) {
                return write!(f, "{}", reg.off);
            }
        }
        f.write_char('(')?;
        for (index, attribute) in self.attributes().iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{attribute}")?;
        }
        f.write_char(')')
    }
}

impl ShowReg<'_> {
    fn attributes(&self) -> Vec<String> {
        let reg = self.reg;
        let mut attributes = Vec::new();
        let is_number = reg.kind == Kind::Scalar;
        match reg.off {
            _ if reg.id == 0 => {}
            off if is_number && off != 0 => attributes.push(format!("id={}{off:+}", reg.id)),
            _ => attributes.push(format!("id={}", reg.id)),
        }
        if let Kind::Map(index)
        | Kind::MapOrNull(index)
        | Kind::Value(index)
        | Kind::ValueOrNull(index) = reg.kind
            && let Some(map) = self.maps.get(usize::from(index))
        {
            if !map.name.is_empty() {
                attributes.push(format!("map={}", map.name));
            }
            attributes.push(format!("ks={},vs={}", map.key_size, map.value_size));
        }
        if reg.off != 0 && !is_number {
            attributes.push(format!("off={}", reg.off));
        }
        if matches!(reg.kind, Kind::Packet | Kind::PacketMeta) {
            attributes.push(format!("r={}", reg.range));
        }
        let ranges = reg.var.to_string();
        if reg.var.value() != Some(0) && !ranges.is_empty() {
            attributes.push(ranges);
        }
        attributes
    }
}
