//! The stack that chains of calls need.

use skep_isa::{Callee, Op};
use skep_uapi::Errno;

use crate::cfg::{Cfg, target};
use crate::env::Limits;
use crate::verified::Rejection;

/// Each frame takes a multiple of this, as Linux's JIT has it.
const FRAME_ALIGN: usize = 16;

/// Checks that no chain of calls needs more stack than there is. `stack_bytes` says what each
/// function uses itself. A function that may call itself makes a chain that is too long.
pub(crate) fn check_stack_depth(
    cfg: &Cfg,
    stack_bytes: &[usize],
    limits: &Limits,
) -> Result<(), Rejection> {
    let calls = calls(cfg);
    let mut waiting =
        vec![Chain { subprog: 0, insn: 0, frames: 1, bytes: frame_bytes(stack_bytes[0]) }];
    let mut deepest = vec![(0, 0); stack_bytes.len()];
    while let Some(chain) = waiting.pop() {
        let Chain { subprog, insn, frames, bytes } = chain;
        if bytes > limits.stack_bytes {
            let message = format!("combined stack size of {frames} calls is {bytes}. Too large");
            return Err(Rejection { errno: Errno::EACCES, insn, message });
        }
        if frames > limits.frames {
            let message = format!("the call stack of {frames} frames is too deep !");
            return Err(Rejection { errno: Errno::E2BIG, insn, message });
        }
        // Only a chain that is longer in some way than those before has anything new below it.
        let (most_frames, most_bytes) = deepest[subprog];
        if frames <= most_frames && bytes <= most_bytes {
            continue;
        }
        deepest[subprog] = (frames.max(most_frames), bytes.max(most_bytes));
        waiting.extend(calls[subprog].iter().map(|&(insn, callee)| Chain {
            subprog: callee,
            insn,
            frames: frames + 1,
            bytes: bytes + frame_bytes(stack_bytes[callee]),
        }));
    }
    Ok(())
}

/// A chain of calls: its innermost function, the call that led there, what it takes.
struct Chain {
    subprog: usize,
    insn: usize,
    frames: usize,
    bytes: usize,
}

fn frame_bytes(used: usize) -> usize {
    used.next_multiple_of(FRAME_ALIGN)
}

/// By function, its calls: the slot and the function called.
fn calls(cfg: &Cfg) -> Vec<Vec<(usize, usize)>> {
    let mut calls = vec![Vec::new(); cfg.starts.len()];
    for (insn, op) in cfg.ops.iter().enumerate() {
        if let Some(Op::Call(Callee::Local(off))) = *op {
            let callee = target(insn, off).and_then(|start| cfg.subprog_at(start));
            calls[cfg.subprog_of(insn)].extend(callee.map(|callee| (insn, callee)));
        }
    }
    calls
}
