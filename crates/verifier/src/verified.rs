//! The result: what may run, or why not.

use core::fmt;

use skep_isa::Insn;
use skep_uapi::Errno;

use crate::cfg::Cfg;

/// A program that was verified, ready to run: the only thing that a kernel runs at full speed.
///
/// Only [`crate::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Verified {
    pub(crate) insns: Vec<Insn>,
    pub(crate) subprogs: Vec<Subprog>,
    pub(crate) stats: Stats,
}

impl Verified {
    /// The instructions to run: context accesses rewritten to where the fields really are, maps
    /// still as indices, helpers by number.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// The functions, the main program first, ascending by first slot.
    pub fn subprogs(&self) -> &[Subprog] {
        &self.subprogs
    }

    /// What it took.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}

/// A function of a verified program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subprog {
    /// First slot, in [`Verified::insns`].
    pub start: usize,
    /// Slot behind the last.
    pub end: usize,
    /// Bytes of stack that it uses itself, a multiple of eight.
    pub stack_bytes: usize,
}

/// What verification took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stats {
    /// Instructions processed over all paths.
    pub processed: usize,
    /// States kept for pruning.
    pub states: usize,
    /// States kept at the same time, at most.
    pub peak_states: usize,
    /// States kept at one instruction at the same time, at most.
    pub most_states_at_insn: usize,
}

impl fmt::Display for Stats {
    /// The last line of Linux's log. `mark_read` is not counted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { processed, states, peak_states, most_states_at_insn } = self;
        write!(
            f,
            "processed {processed} insns (limit 1000000) max_states_per_insn {most_states_at_insn} \
             total_states {states} peak_states {peak_states} mark_read 0"
        )
    }
}

/// Why a program may not run. The log tells the way there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("insn {insn}: {message}")]
pub struct Rejection {
    /// What bpf(2) returns.
    pub errno: Errno,
    /// The slot at which the rule was broken, in the program as it came.
    pub insn: usize,
    /// The rule and the value that broke it, in Linux's words where it has some. A second line, and
    /// further ones, say more of the value.
    pub message: String,
}

/// The functions of a program with the stack that each uses.
pub(crate) fn subprogs(cfg: &Cfg, stack_bytes: &[usize]) -> Vec<Subprog> {
    let subprog = |(index, bytes): (usize, &usize)| Subprog {
        start: cfg.starts[index],
        end: cfg.end_of(index),
        stack_bytes: bytes.next_multiple_of(8),
    };
    stack_bytes.iter().enumerate().map(subprog).collect()
}
