//! The shape of a program: instructions, functions and the jumps between them.
//!
//! Everything here looks at single instructions and edges; nothing knows values. What passes has
//! only jumps to instructions of the same function, no end to fall off and no instruction that
//! nothing leads to.

use skep_isa::{Callee, DecodeError, Imm64, Insn, Op, decode};
use skep_uapi::Errno;

use crate::env::{Limits, Map, Program};
use crate::verified::Rejection;

/// A decoded program with its functions and edges.
pub(crate) struct Cfg {
    /// By slot; `None` for the second slot of a `ld_imm64`.
    pub(crate) ops: Vec<Option<Op>>,
    /// First slot of each function, ascending; the main program is the first.
    pub(crate) starts: Vec<usize>,
    /// Slots at which paths may meet: where states are compared.
    pub(crate) prune_points: Vec<bool>,
}

impl Cfg {
    /// Decodes a program and checks its shape, in Linux's order: instructions, functions, jumps,
    /// reachability.
    pub(crate) fn build(program: &Program<'_>, limits: &Limits) -> Result<Cfg, Rejection> {
        let count = program.insns.len();
        if count == 0 || count > limits.insns {
            let message = format!("program has {count} slots, expected 1 to {}", limits.insns);
            return Err(reject(0, Errno::E2BIG, message));
        }
        check_inner(program.maps)?;
        // What is in a map of maps is described behind the program's own.
        let of_maps = program.maps.iter().filter(|map| map.inner.is_some()).count();
        if program.maps.len() - of_maps > MAX_MAPS {
            let message =
                format!("The total number of maps per program has reached the limit of {MAX_MAPS}");
            return Err(reject(0, Errno::E2BIG, message));
        }
        let ops = decode_all(program)?;
        let starts = functions(&ops)?;
        let mut cfg = Cfg { ops, starts, prune_points: vec![false; count] };
        cfg.check_jumps()?;
        cfg.check_reachable()?;
        Ok(cfg)
    }

    /// The function that a slot belongs to.
    pub(crate) fn subprog_of(&self, insn: usize) -> usize {
        self.starts.partition_point(|start| *start <= insn) - 1
    }

    /// The function that begins at a slot.
    pub(crate) fn subprog_at(&self, start: usize) -> Option<usize> {
        self.starts.binary_search(&start).ok()
    }

    /// The slot behind a function.
    pub(crate) fn end_of(&self, subprog: usize) -> usize {
        self.starts.get(subprog + 1).copied().unwrap_or(self.ops.len())
    }

    /// The next slots within the function: a fall-through first, then a jump's target.
    pub(crate) fn successors(&self, insn: usize) -> [Option<usize>; 2] {
        let Some(op) = self.ops[insn] else { return [None, None] };
        let next = insn + op.slots();
        match op {
            Op::Exit => [None, None],
            Op::Jump { off, .. } => [None, target(insn, off)],
            Op::Branch { off, .. } | Op::MayGoto { off } => [Some(next), target(insn, off.into())],
            _ => [Some(next), None],
        }
    }

    /// Jumps stay in their function, and each function ends with one or with an exit.
    fn check_jumps(&self) -> Result<(), Rejection> {
        for (insn, op) in self.ops.iter().enumerate() {
            let Some(op) = op else { continue };
            let subprog = self.subprog_of(insn);
            let range = self.starts[subprog]..self.end_of(subprog);
            if let Some(off) = jump_offset(op) {
                match target(insn, off).filter(|target| range.contains(target)) {
                    None => {
                        let to = insn as i64 + 1 + i64::from(off);
                        let message = format!("jump out of range from insn {insn} to {to}");
                        return Err(reject(insn, Errno::EINVAL, message));
                    }
                    Some(target) if self.ops[target].is_none() => {
                        let message =
                            format!("jump into the middle of ldimm64 insn {}", target - 1);
                        return Err(reject(insn, Errno::EINVAL, message));
                    }
                    Some(_) => {}
                }
            }
            let last = insn + op.slots() == range.end;
            if last && !matches!(op, Op::Exit | Op::Jump { .. }) {
                let message = "last insn is not an exit or jmp".to_owned();
                return Err(reject(insn, Errno::EINVAL, message));
            }
        }
        Ok(())
    }

    /// Walks every edge from the first slot, calls included, and marks where paths may meet.
    fn check_reachable(&mut self) -> Result<(), Rejection> {
        let mut reached = vec![false; self.ops.len()];
        let mut waiting = vec![0];
        while let Some(insn) = waiting.pop() {
            if core::mem::replace(&mut reached[insn], true) {
                continue;
            }
            let [next, jump] = self.successors(insn);
            waiting.extend(next.into_iter().chain(jump));
            if let Some(jump) = jump {
                self.prune_points[jump] = true;
                self.prune_points[insn] |= next.is_some();
            }
            if let Some(Op::Call(Callee::Local(off))) = self.ops[insn] {
                waiting.extend(target(insn, off));
                self.prune_points[insn] = true;
                self.prune_points[insn + 1] = true;
            }
        }
        let dead = (0..reached.len()).find(|&insn| !reached[insn] && self.ops[insn].is_some());
        match dead {
            Some(insn) => Err(reject(insn, Errno::EINVAL, format!("unreachable insn {insn}"))),
            None => Ok(()),
        }
    }
}

/// The slot that a jump or call at `insn` over `off` slots leads to, if it is not negative.
pub(crate) fn target(insn: usize, off: i32) -> Option<usize> {
    usize::try_from(insn as i64 + 1 + i64::from(off)).ok()
}

fn jump_offset(op: &Op) -> Option<i32> {
    match *op {
        Op::Jump { off, .. } => Some(off),
        Op::Branch { off, .. } | Op::MayGoto { off } => Some(off.into()),
        _ => None,
    }
}

fn decode_all(program: &Program<'_>) -> Result<Vec<Option<Op>>, Rejection> {
    let mut ops = vec![None; program.insns.len()];
    let mut insn = 0;
    while let Some(slots) = program.insns.get(insn..).filter(|slots| !slots.is_empty()) {
        let op = decode(slots).map_err(|error| reject(insn, Errno::EINVAL, explain(error)))?;
        check_known(program, insn, &op, slots)?;
        ops[insn] = Some(op);
        insn += op.slots();
    }
    Ok(ops)
}

/// Linux's words; then the decoder's, where they say more.
fn explain(error: DecodeError) -> String {
    let linux = error.linux_message();
    match error {
        DecodeError::Opcode(_) | DecodeError::Register { .. } => linux,
        _ => format!("{linux}: {error}"),
    }
}

/// What an instruction refers to is there, and the check knows its kind.
fn check_known(
    program: &Program<'_>,
    insn: usize,
    op: &Op,
    slots: &[Insn],
) -> Result<(), Rejection> {
    let map = |index: i32| {
        usize::try_from(index).ok().and_then(|index| program.maps.get(index)).ok_or_else(|| {
            let maps = program.maps.len();
            reject(insn, Errno::EINVAL, format!("map index {index} in a program of {maps} maps"))
        })
    };
    let unsupported = |what: &str| {
        Err(reject(insn, Errno::EOPNOTSUPP, format!("{what} not supported by this verifier yet")))
    };
    match *op {
        Op::LoadImm64 { imm: Imm64::MapIdx(index), .. } => map(index).map(|_| ()),
        Op::LoadImm64 { imm: Imm64::MapIdxValue { index, off }, .. } => {
            let map = map(index)?;
            if !map.direct_value {
                let message = "no direct value access support for this map type".to_owned();
                return Err(reject(insn, Errno::EINVAL, message));
            }
            if off >= map.value_size || off >= MAX_VALUE_OFF {
                let size = map.value_size;
                let message =
                    format!("invalid access to map value pointer, value_size={size} off={off}");
                return Err(reject(insn, Errno::EINVAL, message));
            }
            Ok(())
        }
        Op::LoadImm64 { imm: Imm64::MapFd(_) | Imm64::MapValue { .. }, .. } => {
            let message = "map descriptor in ld_imm64, expected an index: resolve it first";
            Err(reject(insn, Errno::EINVAL, message.to_owned()))
        }
        Op::LoadImm64 { imm: Imm64::BtfId { .. }, .. } => unsupported("kernel variables are"),
        Op::LoadImm64 { imm: Imm64::Func(_), .. } => unsupported("callbacks are"),
        Op::AddrSpaceCast { .. } => unsupported("address space casts are"),
        Op::MayGoto { .. } => unsupported("may_goto is"),
        Op::Call(Callee::Kfunc { .. }) => unsupported("calls of kernel functions are"),
        Op::Call(Callee::Reg(_)) => {
            let message = format!("unknown opcode {:02x}", slots[0].opcode);
            Err(reject(insn, Errno::EINVAL, message))
        }
        _ => Ok(()),
    }
}

/// The functions: the main program, and whatever is called.
fn functions(ops: &[Option<Op>]) -> Result<Vec<usize>, Rejection> {
    let mut starts = vec![0];
    for (insn, op) in ops.iter().enumerate() {
        let Some(Op::Call(Callee::Local(off))) = *op else { continue };
        let to = target(insn, off).filter(|&to| ops.get(to).is_some_and(Option::is_some));
        let Some(to) = to else {
            let to = insn as i64 + 1 + i64::from(off);
            return Err(reject(insn, Errno::EINVAL, format!("call to invalid destination {to}")));
        };
        starts.push(to);
    }
    starts.sort_unstable();
    starts.dedup();
    if starts.len() > MAX_SUBPROGS {
        return Err(reject(0, Errno::E2BIG, "too many subprograms".to_owned()));
    }
    Ok(starts)
}

/// What is in maps of maps must be described, and is found at run time only.
fn check_inner(maps: &[Map]) -> Result<(), Rejection> {
    let is_described = |map: &Map| match map.inner {
        Some(inner) => usize::from(inner) < maps.len() && !map.dense,
        None => true,
    };
    match maps.iter().find(|map| !is_described(map)) {
        None => Ok(()),
        Some(map) => {
            let message = format!("what is in map {} is not described", map.name);
            Err(reject(0, Errno::EFAULT, message))
        }
    }
}

/// Offsets of pointers stay below this.
const MAX_VALUE_OFF: u32 = 1 << 29;

/// `MAX_USED_MAPS`.
const MAX_MAPS: usize = 64;

/// `BPF_MAX_SUBPROGS`.
const MAX_SUBPROGS: usize = 256;

fn reject(insn: usize, errno: Errno, message: String) -> Rejection {
    Rejection { errno, insn, message }
}
