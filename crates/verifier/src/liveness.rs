//! Which registers a path may still read: those that it may not have no part in comparing states.

use skep_isa::{AtomicOp, Callee, Op, Operand, Reg};

use crate::cfg::Cfg;
use crate::env::{Arg, Env};

/// A set of registers, bit per number.
pub(crate) type Regs = u16;

/// The arguments of a call.
const ARGS: Regs = 0b11_1110;
/// What a call leaves undefined or sets.
pub(crate) const CALLER_SAVED: Regs = 0b11_1111;

/// By slot, the registers that some path from there reads before it writes them.
pub(crate) fn live_registers(cfg: &Cfg, env: &Env<'_>) -> Vec<Regs> {
    let mut live: Vec<Regs> = vec![0; cfg.ops.len()];
    let edges = edges_by_target(cfg);
    // A slot is looked at again only when one behind it has changed: once per register at most,
    // however the jumps go.
    let mut waiting: Vec<usize> = (0..cfg.ops.len()).collect();
    while let Some(insn) = waiting.pop() {
        let Some(op) = &cfg.ops[insn] else { continue };
        let after = cfg.successors(insn).into_iter().flatten().fold(0, |set, s| set | live[s]);
        let (reads, writes) = effects(op, env);
        let before = reads | after & !writes;
        if live[insn] != before {
            live[insn] = before;
            let first = edges.partition_point(|(target, _)| *target < insn);
            let here = edges[first..].iter().take_while(|(target, _)| *target == insn);
            waiting.extend(here.map(|(_, source)| *source));
        }
    }
    live
}

/// Every step from a slot to the next within a function, as target and source.
fn edges_by_target(cfg: &Cfg) -> Vec<(usize, usize)> {
    let from = |source| cfg.successors(source).into_iter().flatten().map(move |to| (to, source));
    let mut edges: Vec<_> = (0..cfg.ops.len()).flat_map(from).collect();
    edges.sort_unstable();
    edges
}

/// What an instruction reads and what it overwrites.
fn effects(op: &Op, env: &Env<'_>) -> (Regs, Regs) {
    use skep_isa::AluOp::Mov;
    match *op {
        Op::Alu { op: Mov, dst, src, .. } => (operand(src), bit(dst)),
        Op::Alu { dst, src, .. } => (bit(dst) | operand(src), bit(dst)),
        Op::Neg { dst, .. } | Op::Swap { dst, .. } => (bit(dst), bit(dst)),
        Op::Movsx { dst, src, .. } | Op::AddrSpaceCast { dst, src, .. } => (bit(src), bit(dst)),
        Op::LoadImm64 { dst, .. } => (0, bit(dst)),
        Op::Load { dst, src, .. } | Op::LoadAcquire { dst, src, .. } => (bit(src), bit(dst)),
        Op::Store { dst, src, .. } => (bit(dst) | operand(src), 0),
        Op::StoreRelease { dst, src, .. } => (bit(dst) | bit(src), 0),
        Op::Atomic { op: AtomicOp::Cmpxchg, dst, src, .. } => {
            (bit(dst) | bit(src) | bit(Reg::R0), bit(Reg::R0))
        }
        Op::Atomic { op, dst, src, .. } => {
            (bit(dst) | bit(src), if fetches(op) { bit(src) } else { 0 })
        }
        Op::LoadAbs { .. } => (bit(Reg::R6), CALLER_SAVED),
        Op::LoadInd { src, .. } => (bit(Reg::R6) | bit(src), CALLER_SAVED),
        Op::Branch { dst, src, .. } => (bit(dst) | operand(src), 0),
        Op::Call(Callee::Helper(id)) => (helper_args(id, env), CALLER_SAVED),
        Op::Call(_) => (ARGS, CALLER_SAVED),
        Op::Exit => (bit(Reg::R0), 0),
        Op::Jump { .. } | Op::MayGoto { .. } => (0, 0),
    }
}

fn helper_args(id: u32, env: &Env<'_>) -> Regs {
    match (env.helper)(id) {
        Ok(prototype) => {
            let count = prototype.args.iter().take_while(|arg| **arg != Arg::None).count();
            ((1 << count) - 1) << 1
        }
        Err(_) => ARGS,
    }
}

/// Whether the register operand receives the old value.
pub(crate) const fn fetches(op: AtomicOp) -> bool {
    match op {
        AtomicOp::Add { fetch }
        | AtomicOp::Or { fetch }
        | AtomicOp::And { fetch }
        | AtomicOp::Xor { fetch } => fetch,
        AtomicOp::Xchg => true,
        AtomicOp::Cmpxchg => false,
    }
}

const fn bit(reg: Reg) -> Regs {
    1 << reg.number()
}

const fn operand(src: Operand) -> Regs {
    match src {
        Operand::Reg(reg) => bit(reg),
        Operand::Imm(_) => 0,
    }
}
