//! The only code of these tests that touches the API: a program, a 64-byte context, one helper
//! and one packet, for either interpreter.

use skep_isa::{Insn, Size, assemble};
use skep_vm::checked::{self, Access, Args, Machine, Memory, Program, Reason, Stop, Value};
use skep_vm::interp::{Code, Function, Stack};

/// Bytes of the context that r1 points to at entry.
pub(super) const CTX_BYTES: usize = 64;

/// Instructions a test program may run.
pub(super) const BUDGET: u64 = 100_000;

/// r0 and the context afterwards.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) r0: u64,
    pub(super) ctx: Vec<u8>,
}

/// Helpers add up their arguments and their number; packets are the bytes 0 to 63.
pub(super) struct Surroundings;

fn sum(helper: u32, args: impl Iterator<Item = u64>) -> u64 {
    args.fold(u64::from(helper), u64::wrapping_add)
}

fn packet(offset: i64, size: Size) -> Option<u64> {
    let start = usize::try_from(offset).ok()?;
    let packet: Vec<u8> = (0..64).collect();
    let bytes = packet.get(start..start.checked_add(size.bytes())?)?;
    Some(bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

impl skep_vm::Host for Surroundings {
    fn call(&mut self, helper: u32, args: [u64; 5]) -> u64 {
        sum(helper, args.into_iter())
    }

    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64> {
        packet(offset, size)
    }
}

impl checked::Host for Surroundings {
    fn call(&mut self, helper: u32, args: &Args, _: &mut Memory) -> Result<Value, Reason> {
        let args = (1..=5).map(|number| args.get(number).map(Value::bits));
        let args: Vec<u64> = args.collect::<Result<_, _>>()?;
        Ok(Value::number(sum(helper, args.into_iter())))
    }

    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64> {
        packet(offset, size)
    }
}

/// Assembles a program that calls helpers by number.
pub(super) fn insns(text: &str) -> Vec<Insn> {
    assemble(text, &|_| None).unwrap_or_else(|error| panic!("{error} in {text}")).insns
}

/// The checked interpreter; a fault as text.
pub(super) fn run_checked(insns: &[Insn]) -> Result<Outcome, String> {
    let program = Program::new(insns);
    let mut memory = Memory::new();
    let ctx = memory.add_bytes("ctx", &[0; CTX_BYTES], Access::ReadWrite);
    let mut machine = Machine::new(&program, memory, Value::pointer(ctx, 0));
    match machine.run(&mut Surroundings, BUDGET).map_err(|fault| fault.to_string())? {
        Stop::Exited(r0) => Ok(Outcome { r0, ctx: machine.memory.bytes(ctx).expect("kept") }),
        stop => Err(format!("{stop:?}")),
    }
}

/// The fast interpreter, on a program that the checked one ran without a fault.
pub(super) fn run_fast(insns: &[Insn], functions: &[Function]) -> Outcome {
    let code = Code::new(insns, functions).expect("it ran in the checked interpreter");
    let mut ctx = [0u64; CTX_BYTES / 8];
    let address = ctx.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: every access of this very run, on equal input, was checked in the other engine.
    let r0 = unsafe { code.run(&mut Surroundings, address, &mut Stack::new()) };
    Outcome { r0, ctx: ctx.iter().flat_map(|word| word.to_ne_bytes()).collect() }
}
