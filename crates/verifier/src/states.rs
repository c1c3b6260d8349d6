//! The states that were looked at, and when another one need not be.
//!
//! A path that reaches a checkpoint with a state contained in one whose paths have all been
//! followed to the end without fault cannot fault either: it ends there. "Contained" leaves out
//! registers that no path from there reads (`liveness`) and stack slots that none of the paths
//! followed has read, which is recorded here while they are followed.
//!
//! A state that equals one of its own path, whose paths are not yet all at their end, is a loop
//! without progress.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::backtrack::{Needs, Step};
use crate::liveness::{CALLER_SAVED, Regs};
use crate::state::{Byte, Frame, Kind, RegState, SLOT_BYTES, Slot, State};
use crate::verified::Stats;

/// Bit per slot of a frame.
pub(crate) type Slots = u64;

/// A checkpoint: a state kept at a point where paths may meet.
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    /// Paths from here that have not come to their end.
    branches: Cell<usize>,
    /// Slots by frame that a path from here read before it overwrote them.
    reads: RefCell<Vec<Slots>>,
    /// Numbers by frame that a path from here rested on: see `backtrack`.
    precise: RefCell<Vec<Needs>>,
    /// The instructions from the parent to here.
    history: Vec<Step>,
    /// How often a state was compared with this one in vain, less three times the successes.
    misses: Cell<i32>,
    parent: RefCell<Option<Rc<Checkpoint>>>,
}

impl Drop for Checkpoint {
    /// Frees a chain of parents without recursion: it may be as long as the program's run.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(checkpoint) = next {
            next = Rc::into_inner(checkpoint).and_then(|last| last.parent.take());
        }
    }
}

impl Checkpoint {
    pub(crate) fn history(&self) -> &[Step] {
        &self.history
    }

    pub(crate) fn parent(&self) -> Parent {
        self.parent.borrow().clone()
    }

    /// Marks numbers as precise. Of `needed`, what is left is new here; `false` if nothing is.
    pub(crate) fn mark_precise(&self, needed: &mut [Needs]) -> bool {
        let mut precise = self.precise.borrow_mut();
        let frames = self.state.frames.iter().zip(precise.iter_mut());
        let mut any = false;
        for ((frame, precise), needs) in frames.zip(needed) {
            let numbers = frame.find(|reg| reg.kind == Kind::Scalar);
            needs.regs &= numbers.regs;
            needs.slots &= numbers.slots;
            needs.regs &= !precise.regs;
            needs.slots &= !precise.slots;
            precise.regs |= needs.regs;
            precise.slots |= needs.slots;
            any |= *needs != Needs::default();
        }
        any
    }
}

/// The path being followed: its last checkpoint, if any.
pub(crate) type Parent = Option<Rc<Checkpoint>>;

/// What a checkpoint says of a state that reaches it.
pub(crate) enum Verdict {
    /// It is contained in a state known to be safe, which rests on these numbers.
    Safe(Vec<Needs>),
    /// It equals a state of its own path: there is no progress.
    Loop(Rc<Checkpoint>),
    /// It has to be looked at; `in_loop` if a state of its own path is kept here.
    Unknown { in_loop: bool },
}

/// All checkpoints, by slot.
pub(crate) struct States {
    at: Vec<Vec<Rc<Checkpoint>>>,
    live: Vec<Regs>,
    kept: usize,
    stats: Stats,
}

impl States {
    /// None yet, for a program with these live registers by slot.
    pub(crate) fn new(live: Vec<Regs>) -> States {
        let at = live.iter().map(|_| Vec::new()).collect();
        States { at, live, kept: 0, stats: Stats::default() }
    }

    /// How many checkpoints there were.
    pub(crate) fn stats(&self) -> Stats {
        self.stats
    }

    /// Compares a state with those kept at `insn`.
    pub(crate) fn visit(&mut self, insn: usize, state: &State, parent: &Parent) -> Verdict {
        let mut in_loop = false;
        let kept = &self.at[insn];
        for checkpoint in kept {
            if !same_calls(&checkpoint.state, state) {
                continue;
            }
            if checkpoint.branches.get() > 0 {
                in_loop = true;
                if self.equal(insn, &checkpoint.state, state) {
                    return Verdict::Loop(Rc::clone(checkpoint));
                }
            } else if self.contains(insn, checkpoint, state) {
                checkpoint.misses.set(checkpoint.misses.get() - HIT_WORTH);
                for (frame, slots) in checkpoint.reads.borrow().iter().enumerate() {
                    mark_read(state, parent, frame, *slots);
                }
                return Verdict::Safe(checkpoint.precise.borrow().clone());
            }
            checkpoint.misses.set(checkpoint.misses.get() + 1);
        }
        Verdict::Unknown { in_loop }
    }

    /// Keeps a copy of `state` as a checkpoint, the last one of the path from now on.
    pub(crate) fn keep(
        &mut self,
        insn: usize,
        state: &mut State,
        parent: &mut Parent,
        history: &mut Vec<Step>,
    ) {
        let mut copy = state.clone();
        drop_single_ids(&mut copy);
        let checkpoint = Rc::new(Checkpoint {
            reads: RefCell::new(vec![0; copy.frames.len()]),
            precise: RefCell::new(vec![Needs::default(); copy.frames.len()]),
            history: core::mem::take(history),
            state: copy,
            branches: Cell::new(1),
            misses: Cell::new(0),
            parent: RefCell::new(parent.take()),
        });
        *parent = Some(Rc::clone(&checkpoint));
        state.frames.iter_mut().for_each(|frame| frame.written = 0);
        let kept = &mut self.at[insn];
        let before = kept.len();
        kept.retain(|kept| kept.misses.get() <= MISSES_BEFORE_EVICTION);
        kept.push(checkpoint);
        self.kept = self.kept + kept.len() - before;
        self.stats.states += 1;
        self.stats.peak_states = self.stats.peak_states.max(self.kept);
        self.stats.most_states_at_insn = self.stats.most_states_at_insn.max(kept.len());
    }

    /// Whether every concrete state that `new` stands for is one that the checkpoint stands for,
    /// as far as the paths from there can tell.
    fn contains(&self, insn: usize, old: &Checkpoint, new: &State) -> bool {
        let (reads, precise) = (old.reads.borrow(), old.precise.borrow());
        let mut ids = Ids::default();
        old.state.frames.iter().zip(&new.frames).enumerate().all(|(index, (old, frame))| {
            let live = self.live_in(insn, new, index);
            let Needs { regs, slots } = precise[index];
            let mut pairs = old.regs.iter().zip(&frame.regs).enumerate();
            pairs.all(|(number, (old, new))| {
                live >> number & 1 == 0
                    || contains_value(old, new, regs >> number & 1 == 1, &mut ids)
            }) && (0..old.stack.len()).all(|number| {
                let precise = slots >> number & 1 == 1;
                reads[index] >> number & 1 == 0
                    || contains_slot(old.slot(number), frame.slot(number), precise, &mut ids)
            })
        })
    }

    /// Whether two states are the same in all that a path may read.
    fn equal(&self, insn: usize, old: &State, new: &State) -> bool {
        let mut ids = Ids::default();
        old.frames.iter().zip(&new.frames).enumerate().all(|(index, (old, new_frame))| {
            let live = self.live_in(insn, new, index);
            let new = new_frame;
            let regs = old.regs.iter().zip(&new.regs).enumerate();
            let mut regs = regs.filter(|(number, _)| live >> number & 1 == 1);
            regs.all(|(_, (old, new))| equal_reg(old, new, &mut ids))
                && equal_stack(old, new, &mut ids)
        })
    }

    /// The registers of a frame that are live when the innermost one is at `insn`.
    fn live_in(&self, insn: usize, state: &State, frame: usize) -> Regs {
        match state.frames.get(frame + 1) {
            None => self.live[insn],
            Some(callee) => self.live[callee.callsite + 1] & !CALLER_SAVED,
        }
    }
}

/// A checkpoint that was compared in vain this often more than it paid off is dropped.
const MISSES_BEFORE_EVICTION: i32 = 64;
/// Misses that a success makes up for.
const HIT_WORTH: i32 = 64;

/// A path has got a second continuation, which will be followed later.
pub(crate) fn fork(parent: &Parent) {
    if let Some(checkpoint) = parent {
        checkpoint.branches.set(checkpoint.branches.get() + 1);
    }
}

/// A path has come to its end: every checkpoint all of whose paths have is now known to be safe.
pub(crate) fn finish(parent: &Parent) {
    let mut next = parent.clone();
    while let Some(checkpoint) = next {
        let left = checkpoint.branches.get() - 1;
        checkpoint.branches.set(left);
        if left > 0 {
            return;
        }
        next = checkpoint.parent.borrow().clone();
    }
}

/// Slots of a frame were read: every checkpoint of the path since they were overwritten has to
/// compare them.
pub(crate) fn mark_read(state: &State, parent: &Parent, frame: usize, slots: Slots) {
    let mut left = slots & !state.frames.get(frame).map_or(0, |frame| frame.written);
    let mut next = parent.clone();
    while let Some(checkpoint) = next {
        let Some(written) = checkpoint.state.frames.get(frame).map(|frame| frame.written) else {
            return;
        };
        let mut reads = checkpoint.reads.borrow_mut();
        left &= !reads[frame];
        if left == 0 {
            return;
        }
        reads[frame] |= left;
        left &= !written;
        next = checkpoint.parent.borrow().clone();
    }
}

/// Both are in the same function, called by the same calls.
fn same_calls(old: &State, new: &State) -> bool {
    let calls = |state: &State| state.frames.len();
    calls(old) == calls(new)
        && old.frames.iter().zip(&new.frames).all(|(old, new)| old.callsite == new.callsite)
}

fn contains_reg(old: &RegState, new: &RegState, ids: &mut Ids) -> bool {
    match old.kind {
        Kind::Uninit => true,
        Kind::Packet | Kind::PacketMeta => {
            old.kind == new.kind
                && old.off == new.off
                && old.range <= new.range
                && old.var.includes(&new.var)
                && ids.maps(old.id, new.id)
        }
        // The distance of a number that is related to none does not matter.
        kind => {
            kind == new.kind
                && (old.off == new.off || kind == Kind::Scalar && old.id == 0)
                && old.var.includes(&new.var)
                && ids.maps(old.id, new.id)
        }
    }
}

fn equal_reg(old: &RegState, new: &RegState, ids: &mut Ids) -> bool {
    old.kind == Kind::Uninit && new.kind == Kind::Uninit
        || contains_reg(old, new, ids) && old.range == new.range && old.var == new.var
}

/// As [`contains_reg`], but any number is as good as another if none matters.
fn contains_value(old: &RegState, new: &RegState, is_precise: bool, ids: &mut Ids) -> bool {
    if old.kind == Kind::Scalar && !is_precise {
        return new.kind == Kind::Scalar;
    }
    contains_reg(old, new, ids)
}

fn contains_slot(old: &Slot, new: &Slot, is_precise: bool, ids: &mut Ids) -> bool {
    let spilled = old.spill_bytes();
    if spilled > 0 {
        let same = spilled == new.spill_bytes()
            && contains_value(&old.spilled, &new.spilled, is_precise, ids);
        if !same {
            return false;
        }
    }
    (spilled..SLOT_BYTES).all(|byte| match old.bytes[byte] {
        Byte::Zero => new.bytes[byte] == Byte::Zero,
        // Read as some number: whatever is there is one.
        Byte::Invalid | Byte::Misc | Byte::Spill => true,
    })
}

fn equal_stack(old: &Frame, new: &Frame, ids: &mut Ids) -> bool {
    (0..old.stack.len().max(new.stack.len())).all(|number| {
        let (old, new) = (old.slot(number), new.slot(number));
        let spilled = old.spill_bytes() > 0;
        old.bytes == new.bytes && (!spilled || equal_reg(&old.spilled, &new.spilled, ids))
    })
}

/// An id that only one register has relates it to nothing.
fn drop_single_ids(state: &mut State) {
    let mut ids: Vec<u32> = state.values_mut().map(|reg| reg.id).filter(|id| *id != 0).collect();
    ids.sort_unstable();
    let single = |id: u32| {
        let first = ids.partition_point(|other| *other < id);
        ids.get(first + 1) != Some(&id)
    };
    for reg in state.values_mut() {
        if reg.id != 0 && single(reg.id) {
            reg.id = 0;
        }
    }
}

/// Which ids of one state stand for which of another.
#[derive(Default)]
struct Ids(Vec<(u32, u32)>);

impl Ids {
    /// Whether what is related by `old` is related by `new` too. That `new` relates more does not
    /// matter: it only means fewer concrete states.
    fn maps(&mut self, old: u32, new: u32) -> bool {
        if old == 0 {
            return true;
        }
        if new == 0 {
            return false;
        }
        match self.0.iter().find(|(from, _)| *from == old) {
            Some((_, to)) => *to == new,
            None => {
                self.0.push((old, new));
                true
            }
        }
    }
}
