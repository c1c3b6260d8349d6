//! What must hold for every program, and how that is found out.

use std::sync::Arc;
use std::time::Instant;

use skep_isa::disasm::{NoNames, Opcodes, kernel_program};
use skep_isa::{Insn, decode, encode};
use skep_kernel::{Config, UserKernel, checked};
use skep_linux::Linux;
use skep_uapi::{Errno, ProgType};

use super::kernels::{Outcome, World};
use super::sketch::Sketch;
use super::tally::{Tally, without_numbers};
use super::{calls, generate, mutate};
use crate::random::Random;

/// Instructions that an accepted program may take in the checked interpreter.
const BUDGET: u64 = 4_000_000;
/// Failures after which a run ends.
const FAILURES_MAX: u64 = 10;

/// What the user-space kernel accepts runs in the checked interpreter without a fault, and ends in
/// the same state there as in the fast one.
pub fn verified_never_faults(programs: u64, seed: u64) -> bool {
    run("verified_never_faults", None, programs, seed)
}

/// Beside that, Linux ends in the same state for every program that it accepts too.
pub fn verdict_equals_linux(programs: u64, seed: u64) -> bool {
    if let Err(errno) = Linux::permitted() {
        println!("not run: verdict_equals_linux on linux: bpf(2): {errno}");
        return true;
    }
    match World::new(Arc::new(Linux::new())) {
        Ok(linux) => run("verdict_equals_linux", Some(linux), programs, seed),
        Err(errno) => {
            println!("not run: verdict_equals_linux on linux: its maps: {errno}");
            true
        }
    }
}

fn run(name: &str, linux: Option<World>, programs: u64, seed: u64) -> bool {
    let kernel = Arc::new(UserKernel::new(Config { cpus: 1, ..Config::default() }));
    let user = World::new(kernel.clone()).expect("the maps are ones that the kernel has");
    let kernels = Kernels { user, kernel, linux };
    let mut tally = Tally::new(kernels.linux.is_some());
    let begin = Instant::now();
    let mut failures = 0;
    for number in 0..programs {
        let seed = seed.wrapping_add(number);
        let program = Program::new(seed);
        if programs == 1 {
            // Somebody looks at this very program.
            program.show();
        }
        if let Err(failure) = kernels.check(&program, &mut tally) {
            failures += 1;
            kernels.report(program, failure);
            if failures == FAILURES_MAX {
                break;
            }
        }
    }
    println!(
        "{name}: {} programs in {:.1} s, {} compared, {} left out because \
         they look at addresses, at stack that they have not written or at the machine, {failures} \
         failures",
        tally.programs,
        begin.elapsed().as_secs_f64(),
        tally.compared,
        tally.by_chance,
    );
    print!("{tally}");
    failures == 0
}

/// A sketch, and what happens to its slots afterwards.
struct Program {
    seed: u64,
    sketch: Sketch,
    changed: bool,
    /// Where the numbers come from that say which slots are changed; none are without.
    slots_changed: Option<Random>,
}

impl Program {
    fn new(seed: u64) -> Program {
        let mut random = Random::new(seed);
        let mut sketch = generate::sketch(&mut random);
        let (items, slots) = match random.below(10) {
            0..=2 => (1 + random.below(2), false),
            3 => (0, true),
            _ => (0, false),
        };
        for _ in 0..items {
            mutate::item(&mut sketch, &mut random);
        }
        let slots_changed = slots.then_some(random);
        Program { seed, sketch, changed: items > 0 || slots, slots_changed }
    }

    fn slots(&self) -> Option<Vec<Insn>> {
        let mut slots = self.sketch.slots()?;
        if let Some(random) = &self.slots_changed {
            mutate::slot(&mut slots, &mut random.clone());
        }
        Some(slots)
    }
}

impl Program {
    fn show(&self) {
        let slots = self.slots().unwrap_or_default();
        let text = kernel_program(&slots, &NoNames, Opcodes::Hidden);
        println!("{:?}\n{text}", self.sketch.prog_type);
    }
}

struct Kernels {
    user: World,
    /// The same kernel as that of `user`.
    kernel: Arc<UserKernel>,
    linux: Option<World>,
}

/// A property that does not hold.
enum Failure {
    RoundTrip(usize),
    Fault(String),
    Engines(String),
    Linux(String),
    Errno(&'static str, Errno),
}

/// Whether the outcomes of a program can be the same at all.
enum Compared {
    Yes,
    /// The program looks at addresses, at stack that it has not written, or at the machine.
    No,
}

impl Kernels {
    /// Tries one program. The checked interpreter goes first: what it faults at would take this
    /// process along.
    fn check(&self, program: &Program, tally: &mut Tally) -> Result<(), Failure> {
        let Some(slots) = program.slots() else { return Ok(()) };
        round_trip(&slots)?;
        let (prog_type, frame) = (program.sketch.prog_type, &program.sketch.frame);
        let user = self.user.load(prog_type, &slots);
        let linux = self.linux.as_ref().map(|linux| linux.load(prog_type, &slots));
        tally.programs += 1;
        let accepted = if program.changed { &mut tally.changed } else { &mut tally.valid };
        accepted.count(user.is_ok(), linux.as_ref().map(Result::is_ok));
        let (reasons, refusal) = match (&user, &linux) {
            (Ok(_), Some(Err(refusal))) => (&mut tally.only_linux, Some(refusal)),
            (Err(refusal), Some(Ok(_))) => (&mut tally.only_user, Some(refusal)),
            (Err(refusal), _) if !program.changed => (&mut tally.generated, Some(refusal)),
            _ => (&mut tally.generated, None),
        };
        if let Some(refusal) = refusal {
            let reason = without_numbers(&refusal.0);
            reasons.entry(reason).or_insert((0, program.seed)).0 += 1;
        }
        let result = match user {
            Ok(fd) => {
                tally.count(&slots);
                let linux = linux.as_ref().and_then(|linux| linux.as_ref().ok().copied());
                let result = match program.changed && asks_the_machine(&slots) {
                    true => self.checked(prog_type, &slots, frame).map(|_| Compared::No),
                    false => self.compare(prog_type, &slots, frame, fd, linux),
                };
                tally.by_chance += u64::from(matches!(result, Ok(Compared::No)));
                tally.compared += u64::from(matches!(result, Ok(Compared::Yes)));
                self.user.close(fd);
                result.map(drop)
            }
            Err(_) => Ok(()),
        };
        if let (Some(world), Some(Ok(fd))) = (&self.linux, linux) {
            world.close(fd);
        }
        result
    }

    fn compare(
        &self,
        prog_type: ProgType,
        slots: &[Insn],
        frame: &[u8],
        fd: skep_uapi::Fd,
        linux_fd: Option<skep_uapi::Fd>,
    ) -> Result<Compared, Failure> {
        let Some(checked) = self.checked(prog_type, slots, frame)? else { return Ok(Compared::No) };
        let fast = self.user.run(fd, frame).map_err(|errno| Failure::Errno("user", errno))?;
        if checked != fast {
            return Err(Failure::Engines(difference(&checked, &fast)));
        }
        if let (Some(world), Some(fd)) = (&self.linux, linux_fd) {
            let linux = world.run(fd, frame).map_err(|errno| Failure::Errno("linux", errno))?;
            if linux != fast {
                return Err(Failure::Linux(difference(&fast, &linux)));
            }
        }
        Ok(Compared::Yes)
    }

    fn checked(
        &self,
        prog_type: ProgType,
        slots: &[Insn],
        frame: &[u8],
    ) -> Result<Option<Outcome>, Failure> {
        let errno = |errno| Failure::Errno("user", errno);
        self.user.reset().map_err(errno)?;
        let run = checked::Run { prog_type, insns: slots, maps: self.user.maps(), budget: BUDGET };
        match checked::run(&self.kernel, run, frame) {
            Ok(outcome) => {
                if outcome.by_chance {
                    return Ok(None);
                }
                let frame = match prog_type {
                    ProgType::XDP => [outcome.meta, outcome.frame].concat(),
                    // A test run gives out a header of zeros, which the socket's packet has lost.
                    _ => [&[0; 14], &frame[14..]].concat(),
                };
                let maps = self.user.contents().map_err(errno)?;
                Ok(Some(Outcome { retval: outcome.retval, frame, maps }))
            }
            Err(error) => Err(Failure::Fault(error.to_string())),
        }
    }

    /// Says what failed, with as little of the program as fails in the same way.
    fn report(&self, mut program: Program, failure: Failure) {
        let kind = std::mem::discriminant(&failure);
        let mut failure = failure;
        let mut chunk = program.sketch.items.len() / 2;
        while chunk > 0 {
            let before = program.sketch.items.len();
            let mut at = 0;
            while at < program.sketch.items.len() {
                let end = (at + chunk).min(program.sketch.items.len());
                let kept = program.sketch.items.clone();
                program.sketch.items.drain(at..end);
                match self.check(&program, &mut Tally::new(false)) {
                    Err(found) if std::mem::discriminant(&found) == kind => failure = found,
                    _ => {
                        program.sketch.items = kept;
                        at = end;
                    }
                }
            }
            // What could not go alone may go now that others have gone.
            if program.sketch.items.len() == before {
                chunk /= 2;
            }
        }
        println!("--seed {}: {failure}", program.seed);
        program.show();
    }
}

/// Whether a program that was changed may use what only one machine says at one time. (Those that
/// were not changed throw it away.)
fn asks_the_machine(slots: &[Insn]) -> bool {
    let helpers = calls::UNLIKE.map(|helper| Insn::new(0x85, 0, 0, 0, helper.0 as i32));
    slots.iter().any(|insn| helpers.contains(insn))
}

/// What decodes encodes to the same slots.
fn round_trip(slots: &[Insn]) -> Result<(), Failure> {
    let mut at = 0;
    while at < slots.len() {
        let Ok(op) = decode(&slots[at..]) else {
            at += 1;
            continue;
        };
        let encoded = encode(op).map_err(|_| Failure::RoundTrip(at))?;
        if *encoded != slots[at..at + op.slots()] {
            return Err(Failure::RoundTrip(at));
        }
        at += op.slots();
    }
    Ok(())
}

fn difference(left: &Outcome, right: &Outcome) -> String {
    if left.retval != right.retval {
        return format!("retval {:#x}, {:#x}", left.retval, right.retval);
    }
    if left.frame != right.frame {
        return format!("frame {:02x?}, {:02x?}", left.frame, right.frame);
    }
    for (map, (left, right)) in left.maps.iter().zip(&right.maps).enumerate() {
        for key in left.keys().chain(right.keys()) {
            if left.get(key) != right.get(key) {
                let (left, right) = (left.get(key), right.get(key));
                return format!("map {map} key {key:02x?}: {left:02x?}, {right:02x?}");
            }
        }
    }
    "none".to_owned()
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::RoundTrip(slot) => write!(f, "slot {slot} does not encode as it decodes"),
            Failure::Fault(fault) => write!(f, "accepted, but: {fault}"),
            Failure::Engines(what) => write!(f, "checked and fast interpreter differ: {what}"),
            Failure::Linux(what) => write!(f, "the user-space kernel and Linux differ: {what}"),
            Failure::Errno(kernel, errno) => write!(f, "{kernel} cannot run it: {errno}"),
        }
    }
}
