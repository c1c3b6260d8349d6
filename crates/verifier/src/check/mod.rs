//! The check proper: follows every path through the program with what is known of each value.
//!
//! This file walks; what instructions of a kind may do, and do to the state, is in the files beside
//! it: `alu`, `mem` (with `stack`), `branch`, `call`.

mod alu;
mod branch;
mod call;
mod mem;
mod stack;

use skep_isa::disasm::kernel_insn;
use skep_isa::{AluOp, Callee, Cond, Op, Operand, Reg, Width};
use skep_uapi::Errno;

use crate::backtrack::{Effect, Needs, Step, mark_precise};
use crate::bounds::Bounds;
use crate::cfg::{Cfg, target};
use crate::env::{Env, Program};
use crate::liveness::Regs;
use crate::log::{Log, LogNames, ShowFrame, Shown};
use crate::state::{Frame, Kind, RegState, State};
use crate::states::{Parent, States, Verdict, finish, fork};
use crate::verified::{Rejection, Stats};

/// What the check found out beyond that nothing can go wrong.
pub(crate) struct Checked {
    /// By slot, what memory its access is to.
    pub(crate) accesses: Vec<Option<Access>>,
    /// By function, bytes of its own stack that are used.
    pub(crate) stack_bytes: Vec<usize>,
}

/// The memory that an instruction accesses, the same on all paths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// The context, in the field of this index, from this byte of it.
    Ctx { field: usize, byte: u32 },
    /// Anything else: needs no rewriting.
    Other,
}

/// Follows every path of a program of good shape. `stats` says how far it came, also if it fails.
pub(crate) fn check(
    program: &Program<'_>,
    env: &Env<'_>,
    (cfg, live): (&Cfg, Vec<Regs>),
    log: &mut Log,
    stats: &mut Stats,
) -> Result<Checked, Rejection> {
    let mut checker = Checker::new(program, env, (cfg, live), log);
    let result = checker.run();
    *stats = checker.stats();
    result.map(|()| checker.finish())
}

/// A walk over all paths: the point it is at, and what is still to be followed.
struct Checker<'a> {
    program: &'a Program<'a>,
    env: &'a Env<'a>,
    cfg: &'a Cfg,
    log: &'a mut Log,
    /// The point on the path.
    insn: usize,
    state: State,
    parent: Parent,
    /// The instructions of the path since its last checkpoint, the one at hand included.
    history: Vec<Step>,
    /// Other points to go on from.
    pending: Vec<Pending>,
    states: States,
    last_id: u32,
    progress: Progress,
    touched: Touched,
    /// Length of the log before the walk.
    log_start: usize,
    /// Index of the source line logged last.
    last_line: Option<usize>,
    accesses: Vec<Option<Access>>,
    stack_bytes: Vec<usize>,
}

/// A continuation that was not taken yet.
struct Pending {
    from: usize,
    insn: usize,
    state: State,
    parent: Parent,
    history: Vec<Step>,
    /// Length of the log when it was left behind.
    log: usize,
}

/// Work done, in all and up to the last checkpoint.
#[derive(Default)]
struct Progress {
    insns: usize,
    jumps: usize,
    insns_at_checkpoint: usize,
    jumps_at_checkpoint: usize,
}

/// What the instruction at hand read or wrote, for the log.
#[derive(Default)]
struct Touched {
    regs: u16,
    slots: u64,
}

/// Where a path goes after an instruction.
enum Next {
    Insn(usize),
    End,
}

/// After so many instructions without a checkpoint there is one, wherever the path is: whoever goes
/// back along the path for what a number rests on goes no further than to where it was asked before.
const LONG_HISTORY: usize = 1024;

type Result<T, E = Rejection> = core::result::Result<T, E>;

impl<'a> Checker<'a> {
    fn new(
        program: &'a Program<'a>,
        env: &'a Env<'a>,
        (cfg, live): (&'a Cfg, Vec<Regs>),
        log: &'a mut Log,
    ) -> Self {
        let mut frame = Frame::new(0, 0, 0);
        frame.regs[Reg::R1.index()] = RegState::pointer(Kind::Ctx);
        Checker {
            program,
            env,
            cfg,
            log_start: log.text.len(),
            log,
            insn: 0,
            state: State { frames: vec![frame] },
            parent: None,
            history: Vec::new(),
            pending: Vec::new(),
            states: States::new(live),
            last_id: 0,
            progress: Progress::default(),
            touched: Touched::default(),
            last_line: None,
            accesses: vec![None; cfg.ops.len()],
            stack_bytes: vec![0; cfg.starts.len()],
        }
    }

    fn run(&mut self) -> Result<()> {
        self.log_state();
        loop {
            self.count_insn()?;
            let next = if self.is_known()? { Next::End } else { self.step()? };
            match next {
                Next::Insn(insn) => self.insn = insn,
                Next::End => {
                    finish(&self.parent);
                    if !self.resume() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn finish(self) -> Checked {
        Checked { accesses: self.accesses, stack_bytes: self.stack_bytes }
    }

    fn stats(&self) -> Stats {
        Stats { processed: self.progress.insns, ..self.states.stats() }
    }

    fn count_insn(&mut self) -> Result<()> {
        self.progress.insns += 1;
        let processed = self.progress.insns;
        if processed > self.env.limits.processed {
            let message = format!("BPF program is too large. Processed {processed} insn");
            return Err(self.reject(Errno::E2BIG, message));
        }
        Ok(())
    }

    /// At a point where paths may meet: whether the rest of the path needs no look.
    fn is_known(&mut self) -> Result<bool> {
        if !self.cfg.prune_points[self.insn] {
            if self.history.len() >= LONG_HISTORY {
                self.keep_state();
            }
            return Ok(false);
        }
        match self.states.visit(self.insn, &self.state, &self.parent) {
            Verdict::Safe(needed) => {
                mark_precise(&self.cfg.ops, &self.history, &self.parent, needed);
                if self.log.all_paths() {
                    self.log.line(format_args!("{}: safe", self.insn));
                }
                Ok(true)
            }
            Verdict::Loop(old) => {
                let message = format!(
                    "infinite loop detected at insn {}\ncur state:{}\nold state:{}",
                    self.insn,
                    self.show(&self.state, Shown::All),
                    self.show(&old.state, Shown::All)
                );
                Err(self.reject(Errno::EINVAL, message))
            }
            Verdict::Unknown { in_loop } => {
                if self.is_worth_keeping(in_loop) {
                    self.keep_state();
                }
                Ok(false)
            }
        }
    }

    /// Makes the state at hand a checkpoint.
    fn keep_state(&mut self) {
        self.states.keep(self.insn, &mut self.state, &mut self.parent, &mut self.history);
        self.progress.insns_at_checkpoint = self.progress.insns;
        self.progress.jumps_at_checkpoint = self.progress.jumps;
    }

    /// A checkpoint costs as much as some instructions, and within a loop it seldom pays: Linux's
    /// thresholds.
    fn is_worth_keeping(&self, in_loop: bool) -> bool {
        let insns = self.progress.insns - self.progress.insns_at_checkpoint;
        let jumps = self.progress.jumps - self.progress.jumps_at_checkpoint;
        if in_loop { jumps >= 20 || insns >= 100 } else { jumps >= 2 && insns >= 8 }
    }

    /// Goes on where a path was left; `false` if there is none.
    fn resume(&mut self) -> bool {
        let Some(pending) = self.pending.pop() else {
            if !self.log.all_paths() {
                self.log.text.truncate(self.log_start);
            }
            return false;
        };
        self.insn = pending.insn;
        self.state = pending.state;
        self.parent = pending.parent;
        self.history = pending.history;
        if self.log.all_paths() {
            self.log_arrival(pending.from);
        } else if self.log.paths() {
            self.log.text.truncate(pending.log);
            self.log.join();
        }
        self.log_state();
        true
    }

    /// Leaves `state` at `insn` for later.
    fn leave(&mut self, insn: usize, state: State) -> Result<()> {
        let limit = self.env.limits.pending;
        if self.pending.len() >= limit {
            let message = format!("The sequence of {} jumps is too complex.", limit + 1);
            return Err(self.reject(Errno::E2BIG, message));
        }
        fork(&self.parent);
        let log = self.log.text.len();
        let (parent, history) = (self.parent.clone(), self.history.clone());
        self.pending.push(Pending { from: self.insn, insn, state, parent, history, log });
        Ok(())
    }

    fn step(&mut self) -> Result<Next> {
        let op = self.cfg.ops[self.insn].expect("the shape of the program was checked");
        self.touched = Touched::default();
        self.history.push(Step { insn: self.insn as u32, effect: Effect::None });
        self.log_insn();
        let next = self.perform(&op)?;
        if self.log.paths()
            && !matches!((&op, &next), (Op::Call(Callee::Local(_)), _) | (_, Next::End))
        {
            let shown = Shown::Only { regs: self.touched.regs, slots: self.touched.slots };
            let effect = self.show(&self.state, shown).to_string();
            if !effect.is_empty() && op != Op::Exit {
                self.log.effect(effect);
            }
        }
        Ok(next)
    }

    fn perform(&mut self, op: &Op) -> Result<Next> {
        let next = Next::Insn(self.insn + op.slots());
        match *op {
            Op::Alu { width, op, dst, src } => self.alu(width, op, dst, src)?,
            Op::Neg { width, dst } => self.neg(width, dst)?,
            Op::Movsx { width, from, dst, src } => self.movsx(width, from, dst, src)?,
            Op::Swap { kind, bits, dst } => self.swap(kind, bits, dst)?,
            Op::LoadImm64 { dst, imm } => self.load_imm64(dst, imm)?,
            Op::Load { size, signed, dst, src, off } => self.load(size, signed, dst, src, off)?,
            Op::LoadAcquire { size, dst, src, off } => self.load_acquire(size, dst, src, off)?,
            Op::Store { size, dst, off, src } => self.store(size, dst, off, src)?,
            Op::StoreRelease { size, dst, off, src } => self.store_release(size, dst, off, src)?,
            Op::Atomic { size, op, dst, off, src } => self.atomic(size, op, dst, off, src)?,
            Op::LoadAbs { .. } => self.load_packet(None)?,
            Op::LoadInd { src, .. } => self.load_packet(Some(src))?,
            Op::Jump { off, .. } => {
                self.progress.jumps += 1;
                return Ok(Next::Insn(self.target(off)));
            }
            Op::Branch { width, cond, dst, src, off } => {
                self.progress.jumps += 1;
                let to = self.target(off.into());
                return self.branch(branch::Test { width, cond, dst, src }, to);
            }
            Op::Call(callee) => {
                self.progress.jumps += 1;
                return self.call(callee);
            }
            Op::Exit => {
                self.progress.jumps += 1;
                return self.exit();
            }
            Op::AddrSpaceCast { .. } | Op::MayGoto { .. } => {
                return Err(self.reject(Errno::EOPNOTSUPP, "instruction not supported yet"));
            }
        }
        Ok(next)
    }

    fn target(&self, off: i32) -> usize {
        target(self.insn, off).expect("the shape of the program was checked")
    }

    /// What a register holds, which must be something.
    fn read(&mut self, reg: Reg) -> Result<RegState> {
        self.touched.regs |= 1 << reg.number();
        let held = *self.state.reg(reg);
        if held.kind == Kind::Uninit {
            return Err(self.reject(Errno::EACCES, format!("R{} !read_ok", reg.number())));
        }
        Ok(held)
    }

    /// What a second operand holds.
    fn read_operand(&mut self, src: Operand) -> Result<RegState> {
        match src {
            Operand::Reg(reg) => self.read(reg),
            Operand::Imm(imm) => Ok(RegState::constant(i64::from(imm) as u64)),
        }
    }

    fn write(&mut self, reg: Reg, held: RegState) -> Result<()> {
        self.check_writable(reg)?;
        self.touched.regs |= 1 << reg.number();
        self.state.frame_mut().regs[reg.index()] = held;
        Ok(())
    }

    fn check_writable(&self, reg: Reg) -> Result<()> {
        if reg == Reg::FP {
            return Err(self.reject(Errno::EACCES, "frame pointer is read only"));
        }
        Ok(())
    }

    /// An id that nothing has yet.
    fn new_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    /// Gives a number an id, so that a copy of it is known to be equal. As in Linux, a number at
    /// a distance from others is no longer related to them then.
    fn relate(&mut self, reg: Reg) -> RegState {
        let id = self.last_id + 1;
        let held = &mut self.state.frame_mut().regs[reg.index()];
        if held.kind == Kind::Scalar && held.off != 0 {
            held.id = 0;
            held.off = 0;
        }
        if held.kind == Kind::Scalar && held.id == 0 && held.var.value().is_none() {
            held.id = id;
            self.last_id = id;
        }
        self.state.frame().regs[reg.index()]
    }

    /// A number has been narrowed: so have those related to it.
    fn spread(state: &mut State, held: RegState) {
        if held.kind != Kind::Scalar || held.id == 0 {
            return;
        }
        for reg in state.values_mut() {
            if reg.kind == Kind::Scalar && reg.id == held.id {
                let distance = i64::from(reg.off) - i64::from(held.off);
                let constant = Bounds::constant(distance as u64);
                let mut var = held.var.alu(Width::W64, AluOp::Add, constant);
                reg.var.narrow(Width::W64, Cond::Eq, &mut var, true);
            }
        }
    }

    /// The check of this instruction rests on the numbers in these registers.
    fn need(&self, regs: Regs) {
        let top = self.state.top();
        let mut needed = vec![Needs::default(); top + 1];
        let is_number = |reg: &usize| self.state.frame().regs[*reg].kind == Kind::Scalar;
        let numbers = (0..Reg::COUNT).filter(is_number).fold(0, |set, reg| set | 1 << reg);
        needed[top].regs = regs & numbers;
        if needed[top].regs != 0 {
            self.mark_precise(needed);
        }
    }

    /// As [`Checker::need`], of a number spilled to a slot.
    fn need_slot(&self, frame: usize, slot: usize) {
        let mut needed = vec![Needs::default(); self.state.top() + 1];
        needed[frame].slots = 1 << slot;
        self.mark_precise(needed);
    }

    fn mark_precise(&self, needed: Vec<Needs>) {
        // The step at hand comes after what it rests on.
        let before = &self.history[..self.history.len() - 1];
        mark_precise(&self.cfg.ops, before, &self.parent, needed);
    }

    /// What the instruction at hand does to what `backtrack` follows.
    fn set_effect(&mut self, effect: Effect) {
        let step = self.history.last_mut().expect("the step at hand is there");
        step.effect = effect;
    }

    /// A rejection at this instruction; its message ends the log.
    fn reject(&self, errno: Errno, message: impl Into<String>) -> Rejection {
        Rejection { errno, insn: self.insn, message: message.into() }
    }
}

/// What the log tells of the walk.
impl Checker<'_> {
    /// The state at the next instruction.
    fn log_state(&mut self) {
        if self.log.paths() {
            let state = self.show(&self.state, Shown::All);
            let line = format!("{}:{state}", self.insn);
            self.log.line(line);
        }
    }

    /// That the walk has come here by another way than from the instruction before.
    fn log_arrival(&mut self, from: usize) {
        if self.log.all_paths() {
            let state = self.show(&self.state, Shown::All);
            let line = format!("\nfrom {from} to {}:{state}", self.insn);
            self.log.line(line);
        }
    }

    /// The innermost frame of a state, under a heading.
    fn log_frame(&mut self, heading: &str, state: &State) {
        if self.log.paths() {
            let lines = format!("{heading}\n{}", self.show(state, Shown::All));
            self.log.line(lines);
        }
    }

    fn show<'s>(&'s self, state: &'s State, shown: Shown) -> ShowFrame<'s> {
        ShowFrame { state, frame: state.top(), shown, maps: self.program.maps }
    }

    fn log_insn(&mut self) {
        if !self.log.paths() {
            return;
        }
        let lines = self.program.lines;
        let at = lines.partition_point(|line| line.insn as usize <= self.insn).checked_sub(1);
        if at != self.last_line {
            self.last_line = at;
            if let Some(line) = at.map(|at| &lines[at]) {
                let file = line.file.rsplit('/').next().unwrap_or(&line.file);
                let text = line.text.trim_start();
                self.log.append(format_args!("; {text} @ {file}:{}\n", line.line));
            }
        }
        self.log_insn_text();
    }

    fn log_insn_text(&mut self) {
        let names = LogNames { program: self.program, env: self.env };
        let text = kernel_insn(self.program.insns, self.insn, &names);
        self.log.append(format_args!("{}: {text}\n", self.insn));
    }
}

/// The number that a width sees of a register: all of a number; of a pointer, nothing is known.
fn number(held: &RegState, width: Width) -> Bounds {
    match (held.kind, width) {
        (Kind::Scalar, _) => held.var,
        (_, Width::W64) => Bounds::UNKNOWN,
        (_, Width::W32) => Bounds::UNKNOWN.zero_extend(32),
    }
}
