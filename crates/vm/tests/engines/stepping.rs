//! What a debugger, a test runner and a kernel need of the checked interpreter.

use std::ptr::NonNull;

use skep_isa::{Imm64, Reg, Size};
use skep_vm::checked::{
    Access, Args, CallFrame, Host, Machine, Memory, Program, Reason, RegionId, Stop, Value,
};

use super::engines::{Surroundings, insns};

fn machine(program: &Program) -> Machine<'_> {
    Machine::new(program, Memory::new(), Value::number(3))
}

#[test]
fn steps_show_registers_and_counts() {
    let program = Program::new(&insns("r0 = r1\nr0 += 1\nif r0 != 5 goto -2\nexit"));
    let mut machine = machine(&program);
    assert_eq!(machine.reg(Reg::R0), None);
    assert_eq!(machine.step(&mut Surroundings), Ok(None));
    assert_eq!((machine.insn(), machine.reg(Reg::R0)), (1, Some(Value::number(3))));
    assert_eq!(machine.run(&mut Surroundings, 100), Ok(Stop::Exited(5)));
    assert_eq!(machine.counts(), [1, 2, 2, 1]);
    assert_eq!(machine.step(&mut Surroundings), Ok(Some(5)), "an ended run stays ended");
    assert_eq!(machine.counts(), [1, 2, 2, 1]);
}

#[test]
fn breakpoints_stop_and_go_on() {
    let program = Program::new(&insns("r0 = 3\nr0 += -1\nif r0 != 0 goto -2\nexit"));
    let mut machine = machine(&program);
    machine.set_breakpoint(1);
    for left in [3, 2, 1] {
        assert_eq!(machine.run(&mut Surroundings, 100), Ok(Stop::Breakpoint(1)));
        assert_eq!(machine.reg(Reg::R0), Some(Value::number(left)));
    }
    assert!(machine.clear_breakpoint(1));
    assert!(!machine.clear_breakpoint(1));
    assert_eq!(machine.run(&mut Surroundings, 1), Ok(Stop::Budget));
    assert_eq!(machine.run(&mut Surroundings, 100), Ok(Stop::Exited(0)));
}

#[test]
fn a_fault_can_be_repaired() {
    let program = Program::new(&insns("r0 = 1\nr0 += r2\nexit"));
    let mut machine = machine(&program);
    let fault = machine.run(&mut Surroundings, 100).expect_err("r2 was not written");
    assert_eq!((fault.insn, fault.reason), (1, Reason::Uninitialised(Reg::R2)));
    assert_eq!(machine.reg(Reg::R0), Some(Value::number(1)), "the instruction did nothing");
    machine.set_reg(Reg::R2, Value::number(41));
    assert_eq!(machine.run(&mut Surroundings, 100), Ok(Stop::Exited(42)));
}

#[test]
fn frames_show_the_calls() {
    let program = Program::new(&insns("call f\nexit\nf: r0 = 1\ncall g\nexit\ng: r0 = 2\nexit"));
    let mut machine = machine(&program);
    machine.set_breakpoint(5);
    assert_eq!(machine.run(&mut Surroundings, 100), Ok(Stop::Breakpoint(5)));
    let frames: Vec<CallFrame> = machine.frames().collect();
    let at: Vec<(usize, usize)> = frames.iter().map(|frame| (frame.function, frame.insn)).collect();
    assert_eq!(at, [(5, 5), (2, 3), (0, 0)]);
    assert_eq!(Some(frames[0].fp), machine.reg(Reg::FP));
    let stack = frames[2].fp.region().and_then(|region| machine.memory.name(region));
    assert_eq!(stack, Some("stack of frame 0"));
}

/// A context with one field, the start of a packet that helper 1 moves; map 7 is a handle, its
/// value read-only.
struct Packets {
    packet: RegionId,
    bytes: Vec<u8>,
}

impl Packets {
    fn add_packet(bytes: &mut Vec<u8>, memory: &mut Memory) -> RegionId {
        let start = NonNull::new(bytes.as_mut_ptr()).expect("vectors are never null");
        // SAFETY: nothing grows the vector, and it outlives the machine in every test.
        unsafe { memory.add_live("packet", start, bytes.len(), Access::ReadWrite) }
    }
}

impl Host for Packets {
    fn call(&mut self, helper: u32, args: &Args, memory: &mut Memory) -> Result<Value, Reason> {
        if helper != 1 {
            return Err(Reason::Helper { helper, message: "no such helper".to_owned() });
        }
        let mut key = [0; 2];
        memory.read(args.get(1)?, &mut key)?;
        memory.revoke(self.packet);
        self.bytes[0] = key[0];
        self.packet = Packets::add_packet(&mut self.bytes, memory);
        Ok(Value::number(0))
    }

    fn load_ctx(&mut self, offset: u32, size: Size, _: &mut Memory) -> Option<Value> {
        (offset == 4 && size == Size::W).then(|| Value::pointer(self.packet, 0))
    }

    fn resolve(&mut self, imm: Imm64, memory: &mut Memory) -> Option<Value> {
        match imm {
            Imm64::MapIdx(7) => Some(Value::pointer(memory.add_handle("map 7"), 0)),
            Imm64::MapIdxValue { index: 7, off } => {
                let value = memory.add_bytes("value of map 7", &[5; 8], Access::Read);
                Some(Value::pointer(value, off.into()))
            }
            _ => None,
        }
    }
}

fn check(text: &str, expect: Result<u64, &str>) {
    let program = Program::new(&insns(text));
    let mut memory = Memory::new();
    let mut bytes = vec![1, 2, 3, 4];
    let packet = Packets::add_packet(&mut bytes, &mut memory);
    let ctx = memory.add_context("xdp_md", 24);
    let mut host = Packets { packet, bytes };
    let mut machine = Machine::new(&program, memory, Value::pointer(ctx, 0));
    let stop = machine.run(&mut host, 100);
    let outcome = stop.map_err(|fault| fault.to_string());
    assert_eq!(outcome, expect.map(Stop::Exited).map_err(str::to_owned), "in {text}");
}

#[test]
fn context_fields_are_the_hosts() {
    check("r2 = *(u32 *)(r1 + 4)\nr0 = *(u16 *)(r2 + 1)\nexit", Ok(0x0302));
    check(
        "r2 = *(u64 *)(r1 + 4)",
        Err("insn 0: load of 8 bytes at #2+4: xdp_md has no such field at offset 4"),
    );
    check(
        "*(u32 *)(r1 + 4) = 1",
        Err("insn 0: store of 4 bytes at #2+4: xdp_md has no such field at offset 4"),
    );
    check(
        "r2 = *(u32 *)(r1 + 24)",
        Err("insn 0: load of 4 bytes at #2+24: expected offsets 0 to 24 of xdp_md, found 24 to 28"),
    );
}

#[test]
fn a_packet_that_moved_leaves_stale_pointers() {
    let start = "r6 = r1\nr7 = *(u32 *)(r6 + 4)\n*(u8 *)(r10 - 1) = 0\n*(u8 *)(r10 - 2) = 9\n\
                 r1 = r10\nr1 += -2\nr2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\ncall 1";
    check(&format!("{start}\nr7 = *(u32 *)(r6 + 4)\nr0 = *(u8 *)(r7 + 0)\nexit"), Ok(9));
    check(
        &format!("{start}\nr0 = *(u8 *)(r7 + 0)\nexit"),
        Err("insn 11: load of 1 byte at #1+0: region #1 is gone"),
    );
    check("r1 = 0\ncall 1", Err("insn 1: load of 2 bytes at 0x0: the address is null"));
    check("call 2", Err("insn 0: helper 2: no such helper"));
}

#[test]
fn maps_are_handles_and_their_values_memory() {
    check("r1 = map_value[idx:7]+4 ll\nr0 = *(u16 *)(r1 + 2)\nexit", Ok(0x0505));
    check(
        "r1 = map_value[idx:7]+0 ll\n*(u8 *)(r1 + 0) = 1",
        Err("insn 2: store of 1 byte at #4+0: value of map 7 may not be written"),
    );
    check(
        "r1 = map[idx:7] ll\nr0 = *(u8 *)(r1 + 0)",
        Err("insn 2: load of 1 byte at #4+0: map 7 is a handle: it can be passed to helpers only"),
    );
}
