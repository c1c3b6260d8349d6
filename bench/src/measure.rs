//! How a program is measured: checked once, then both interpreters take turns.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};
use skep_isa::{Insn, Size};
use skep_vm::checked::{self, Args, Machine, Memory, Reason, Stop, Value};
use skep_vm::interp::{Code, Stack};

use crate::programs::Program;

/// Rounds that the medians are of.
pub const ROUNDS: usize = 9;

/// Instructions that a round runs at least, so that it lasts milliseconds.
const ROUND_INSNS: u64 = 3_000_000;

/// The most that an instruction may take, in nanoseconds.
pub const MAX_NS: f64 = 1.5;

/// The most that we may take, as a part of rbpf's time.
pub const MAX_RATIO: f64 = 0.5;

/// A program's figures.
pub struct Comparison {
    /// Name of the program.
    pub name: &'static str,
    /// Instructions that one run of it runs.
    pub insns: u64,
    /// Our nanoseconds an instruction.
    pub skep_ns: f64,
    /// rbpf's.
    pub rbpf_ns: f64,
    /// Whether the bounds hold for it.
    pub bounded: bool,
}

impl Comparison {
    /// Our time as a part of rbpf's.
    pub fn ratio(&self) -> f64 {
        self.skep_ns / self.rbpf_ns
    }

    /// Whether no bound is missed.
    pub fn within_bounds(&self) -> bool {
        !self.bounded || (self.skep_ns <= MAX_NS && self.ratio() <= MAX_RATIO)
    }
}

/// Measures one program.
pub fn compare(program: &Program) -> Result<Comparison, String> {
    let name = program.name;
    let (expect, insns) =
        run_checked(&program.insns).map_err(|error| format!("{name}: {error}"))?;
    let code = Code::new(&program.insns, &[]).map_err(|error| format!("{name}: {error}"))?;
    let mut stack = Stack::new();
    // SAFETY: it takes no input, and this very run was checked above.
    let mut skep = || unsafe { code.run(&mut Nothing, 0, &mut stack) };
    let bytes: Vec<u8> = program.insns.iter().flat_map(|insn| insn.to_le_bytes()).collect();
    let rbpf_vm =
        rbpf::EbpfVmNoData::new(Some(&bytes)).map_err(|e| format!("{name}: rbpf: {e}"))?;
    let mut rbpf = || rbpf_vm.execute_program().expect("it ran before");

    let found = rbpf_vm.execute_program().map_err(|error| format!("{name}: rbpf: {error}"))?;
    if [skep(), found] != [expect; 2] {
        return Err(format!("{name}: expected r0 {expect:#x}, found {:#x} and {found:#x}", skep()));
    }
    let repeat = ROUND_INSNS.div_ceil(insns);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(time_ns(repeat, &mut skep));
        times[1].push(time_ns(repeat, &mut rbpf));
    }
    let [skep_ns, rbpf_ns] = times.map(|times| median(times) / (repeat * insns) as f64);
    Ok(Comparison { name, insns, skep_ns, rbpf_ns, bounded: program.bounded })
}

/// r0, and how many instructions were run, from the checked interpreter.
fn run_checked(insns: &[Insn]) -> Result<(u64, u64), String> {
    let program = checked::Program::new(insns);
    let mut machine = Machine::new(&program, Memory::new(), Value::number(0));
    match machine.run(&mut Nothing, u64::MAX).map_err(|fault| fault.to_string())? {
        Stop::Exited(r0) => Ok((r0, machine.counts().iter().sum())),
        stop => Err(format!("expected an end, found {stop:?}")),
    }
}

fn time_ns(repeat: u64, run: &mut dyn FnMut() -> u64) -> f64 {
    let start = thread_cpu_ns();
    for _ in 0..repeat {
        black_box(run());
    }
    thread_cpu_ns() - start
}

fn thread_cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The programs have no surroundings.
struct Nothing;

impl skep_vm::Host for Nothing {
    fn call(&mut self, _: u32, _: [u64; 5]) -> u64 {
        0
    }

    fn load_packet(&mut self, _: i64, _: Size) -> Option<u64> {
        None
    }
}

impl checked::Host for Nothing {
    fn call(&mut self, helper: u32, _: &Args, _: &mut Memory) -> Result<Value, Reason> {
        Err(Reason::Helper { helper, message: "the programs call nothing".to_owned() })
    }
}
