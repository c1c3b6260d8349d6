//! The engines: kernels and both interpreters, each from a case to what came out.

use skep_isa::{Imm64, Insn, Size};
use skep_uapi::{Command, Errno, Fd, Kernel, MapCreate, MapType, ProgLoad, ProgType, TestRun};
use skep_vm::checked::{self, Access, Args, Machine, Memory, Program, Reason, Stop, Value};
use skep_vm::interp::{Code, CodeError, Function, Stack};

use super::case::{After, Case};
use super::wrap::{WORDS, assemble_case, function_starts, slots, state_after, value_before};

/// Bytes of stack of the main program: the words of the case, and its saved registers.
const STACK_BYTES: usize = 120;
/// The header before the packet: a socket filter's offsets begin behind it.
const ETHERNET: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
/// Instructions that a case may take, for the checked interpreter.
const BUDGET: u64 = 1_000_000;

/// Runs a case on a kernel, through PROG_TEST_RUN.
pub(crate) fn on_kernel(kernel: &dyn Kernel, case: &Case) -> Result<After, String> {
    let errno = |what: &'static str| move |errno: Errno| format!("{what}: {errno}");
    let map = MapCreate {
        map_type: MapType::ARRAY,
        key_size: 4,
        value_size: 8 * WORDS as u32,
        max_entries: 1,
        ..MapCreate::default()
    };
    let map = Opened(kernel, kernel.map_create(map).map_err(errno("map"))?);
    let key = [0; 4];
    let before = bytes(&value_before(&case.before));
    kernel.map_update(map.1, &key, &before, 0).map_err(errno("update"))?;

    let insns = slots(&assemble_case(case)?, |off| Imm64::MapValue { fd: map.1.0, off });
    let prog = match load(kernel, &insns) {
        Ok(fd) => Opened(kernel, fd),
        Err(refusal) => return refusal.after(),
    };

    let data_in = [&ETHERNET, case.packet.as_deref().unwrap_or(&[0; 64])].concat();
    let mut run = TestRun { prog_fd: prog.1, data_in: &data_in, ..TestRun::default() };
    // The command borrows what it fills, and gives the return value back in it.
    let mut command = Command::ProgTestRun(std::mem::take(&mut run));
    kernel.bpf(&mut command).map_err(errno("test run"))?;
    let Command::ProgTestRun(run) = command else { unreachable!("it was one") };
    let mut value = vec![0; 8 * WORDS];
    kernel.map_lookup(map.1, &key, &mut value, 0).map_err(errno("lookup"))?;
    Ok(outcome(&words(&value), run.retval.into()))
}

/// Loads a socket filter, which may do all that the cases do.
pub(crate) fn load(kernel: &dyn Kernel, insns: &[Insn]) -> Result<Fd, Refusal> {
    let insns: Vec<u8> = insns.iter().flat_map(|insn| insn.to_le_bytes()).collect();
    let mut log = vec![0; 1 << 16];
    let load = ProgLoad {
        prog_type: ProgType::SOCKET_FILTER,
        insns: &insns,
        license: "GPL",
        log_level: 1,
        log_buf: &mut log,
        ..ProgLoad::default()
    };
    kernel.prog_load(load).map_err(|errno| {
        let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
        let log = String::from_utf8_lossy(&log[..end]).into_owned();
        Refusal { errno, log }
    })
}

/// A kernel's answer to a program that it does not take.
pub(crate) struct Refusal {
    pub(crate) errno: Errno,
    pub(crate) log: String,
}

impl Refusal {
    /// Whether the log complains of the encoding, not of what the program does.
    pub(crate) fn is_of_encoding(&self) -> bool {
        let complaints = [
            "reserved fields",
            "unknown opcode",
            "is invalid",
            "invalid bpf_ld_imm64",
            "unrecognized bpf_ld_imm64",
            "invalid atomic",
            "may_goto imm",
        ];
        complaints.iter().any(|complaint| self.last_line().contains(complaint))
    }

    /// The reason: the last line of the log before the statistics.
    pub(crate) fn last_line(&self) -> &str {
        self.log.lines().rfind(|line| !line.starts_with("processed")).unwrap_or_default()
    }

    fn after(&self) -> Result<After, String> {
        match self.errno {
            Errno::EINVAL | Errno::EACCES if self.is_of_encoding() => Ok(After::Refused),
            Errno::EINVAL | Errno::EACCES => Ok(After::Rejected),
            errno => Err(format!("load: {errno}: {}", self.log)),
        }
    }
}

/// A descriptor that is closed in the end.
struct Opened<'a>(&'a dyn Kernel, Fd);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.close(self.1);
    }
}

/// What both interpreters are given: a helper that gives 7, and a packet.
struct Surroundings<'a> {
    packet: &'a [u8],
    value: Option<Value>,
}

impl Surroundings<'_> {
    fn packet_bytes(&self, offset: i64, size: Size) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let bytes = self.packet.get(start..start.checked_add(size.bytes())?)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl skep_vm::Host for Surroundings<'_> {
    fn call(&mut self, _helper: u32, _args: [u64; 5]) -> u64 {
        7
    }

    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64> {
        self.packet_bytes(offset, size)
    }
}

impl checked::Host for Surroundings<'_> {
    fn call(&mut self, _: u32, _: &Args, _: &mut Memory) -> Result<Value, Reason> {
        Ok(Value::number(7))
    }

    fn load_packet(&mut self, offset: i64, size: Size) -> Option<u64> {
        self.packet_bytes(offset, size)
    }

    fn resolve(&mut self, imm: Imm64, _memory: &mut Memory) -> Option<Value> {
        match (imm, self.value?.target()?) {
            (Imm64::MapValue { off, .. }, (region, _)) => Some(Value::pointer(region, off.into())),
            _ => None,
        }
    }
}

/// Runs a case in the pre-decoded interpreter.
pub(crate) fn in_interp(case: &Case) -> Result<After, String> {
    let mut value = value_before(&case.before);
    let address = value.as_mut_ptr().expose_provenance() as u64;
    let insns = slots(&assemble_case(case)?, |off| Imm64::Value(address + u64::from(off)));
    let code = match Code::new(&insns, &functions(&insns)) {
        Ok(code) => code,
        Err(CodeError::Decode { .. }) => return Ok(After::Refused),
        Err(error) => return Err(error.to_string()),
    };
    let mut host = Surroundings { packet: case.packet.as_deref().unwrap_or_default(), value: None };
    // SAFETY: the data files hold programs that touch the words of their stack and nothing else,
    // which Linux's verifier confirms where the tests run on Linux; the wrapper around them
    // touches the value, which outlives the run and has as many words as it uses.
    let r0 = unsafe { code.run(&mut host, 0, &mut Stack::new()) };
    Ok(outcome(&value, r0))
}

/// Runs a case in the checked interpreter.
pub(crate) fn in_checked(case: &Case) -> Result<After, String> {
    let insns = slots(&assemble_case(case)?, |off| Imm64::MapValue { fd: 0, off });
    let mut memory = Memory::new();
    let before = bytes(&value_before(&case.before));
    let region = memory.add_bytes("state", &before, Access::ReadWrite);
    let ctx = Value::pointer(memory.add_context("context", 192), 0);
    let packet = case.packet.as_deref().unwrap_or_default();
    let mut host = Surroundings { packet, value: Some(Value::pointer(region, 0)) };
    let program = Program::new(&insns);
    let mut machine = Machine::new(&program, memory, ctx);
    match machine.run(&mut host, BUDGET) {
        Ok(Stop::Exited(r0)) => {
            let value = machine.memory.bytes(region).ok_or("the value is gone")?;
            Ok(outcome(&words(&value), r0))
        }
        Ok(stop) => Err(format!("{stop:?}")),
        Err(fault) if matches!(fault.reason, Reason::Decode(_)) => Ok(After::Refused),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Linux gives back only the low half of r0, so no case ends with more.
fn outcome(words: &[u64], r0: u64) -> After {
    state_after(words).map_or(After::Ends(r0), After::State)
}

fn functions(insns: &[Insn]) -> Vec<Function> {
    let starts = function_starts(insns);
    let ends = starts.iter().skip(1).copied().chain([insns.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| Function { start, end, stack_bytes: STACK_BYTES })
        .collect()
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("whole words"));
    bytes.chunks_exact(8).map(word).collect()
}
