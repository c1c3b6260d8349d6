//! The kernel's dialect beside what Linux and bpftool printed, and read back by the assembler.

use proptest::prelude::*;
use skep_isa::disasm::{
    Immediates, Names, NoNames, Opcodes, kernel_insn, kernel_program, llvm_insn,
};
use skep_isa::{Insn, Op, assemble, decode};

/// Every line of the file is bytes and the text that Linux 6.18 logged for them.
#[test]
fn the_verifier_log_of_linux() {
    struct Helpers;
    impl Names for Helpers {
        fn helper(&self, imm: i32) -> Option<String> {
            let names = [(5, "bpf_ktime_get_ns"), (7, "bpf_get_prandom_u32")];
            names.iter().find(|(number, _)| *number == imm).map(|(_, name)| (*name).to_owned())
        }
    }
    let log = include_str!("data/linux-log.txt");
    for line in log.lines().filter(|line| !line.starts_with('#')) {
        let (hex, expected) = line.split_once(' ').expect("bytes, then text");
        assert_eq!(kernel_insn(&slots_of_hex(hex), 0, &Helpers), expected.trim(), "{hex}");
    }
}

/// The file is what bpftool 7.1 printed; all that it knows by name is in it.
#[test]
fn bpftool_prog_dump_xlated_opcodes() {
    struct InFile<'a>(&'a str);
    impl Names for InFile<'_> {
        fn helper(&self, imm: i32) -> Option<String> {
            self.find(|line| line.strip_suffix(&format!("#{imm}"))?.split("call ").nth(1))
        }
        fn function(&self, slot: usize) -> Option<String> {
            self.find(|line| {
                let at: usize = line.split(':').next()?.trim().parse().ok()?;
                let (distance, name) = line.split("call pc+").nth(1)?.split_once('#')?;
                (at + 1 + distance.parse::<usize>().ok()? == slot).then_some(name)
            })
        }
    }
    impl InFile<'_> {
        fn find<'s>(&'s self, part: impl Fn(&'s str) -> Option<&'s str>) -> Option<String> {
            self.0.lines().find_map(part).map(str::to_owned)
        }
    }
    let dump = include_str!("data/xlated.txt");
    let is_bytes = |line: &&str| line.starts_with("       ") && !line.contains(':');
    let hex: String = dump.lines().filter(is_bytes).flat_map(|line| line.split(' ')).collect();
    let ours = kernel_program(&slots_of_hex(&hex), &InFile(dump), Opcodes::Shown);
    // bpftool puts the name of each function before it.
    let mut theirs = dump.lines().filter(|line| line.starts_with(' '));
    for line in ours.lines() {
        assert_eq!(Some(line), theirs.next());
    }
    assert_eq!(theirs.next(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// What the disassemblers print assembles to the same slots, wherever they print all of it.
    #[test]
    fn listings_assemble(
        opcode in any::<u8>(),
        regs in (0u8..11, prop_oneof![Just(0u8), 0u8..11]),
        off in prop_oneof![Just(0i16), Just(1), Just(8), any::<i16>()],
        imm in prop_oneof![Just(0i32), Just(0x41), Just(0xf1), Just(0x100), Just(16), any::<i32>()],
        high in prop_oneof![Just(0i32), any::<i32>()],
    ) {
        let slots = [Insn::new(opcode, regs.0, regs.1, off, imm), Insn::new(0, 0, 0, 0, high)];
        let Ok(op) = decode(&slots) else { return Ok(()) };
        let slots = &slots[..op.slots()];
        if !kernel_text_is_ambiguous(op) {
            let text = kernel_insn(slots, 0, &NoNames);
            let (_, statement) = text.split_once(' ').expect("an opcode, then text");
            check_assembles(statement, slots)?;
        }
        if let (Some(text), false) = (llvm_insn(slots, Immediates::Hex), llvm_text_is_ambiguous(op)) {
            check_assembles(&text, slots)?;
        }
    }
}

fn check_assembles(text: &str, slots: &[Insn]) -> Result<(), TestCaseError> {
    let assembly = assemble(text, &|_| None);
    let assembly = assembly.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
    prop_assert_eq!(&assembly.insns[..], slots, "{}", text);
    Ok(())
}

/// Linux prints a small 64-bit constant as it prints a move; maps by an id that is no part of the
/// program as loaded; kernel functions by name alone.
fn kernel_text_is_ambiguous(op: Op) -> bool {
    use skep_isa::{Callee, Imm64};
    match op {
        Op::LoadImm64 { imm: Imm64::Value(value), .. } => i32::try_from(value).is_ok(),
        Op::LoadImm64 { imm, .. } => !matches!(imm, Imm64::Func(_) | Imm64::MapIdx(_)),
        Op::Call(Callee::Kfunc { .. }) => true,
        // The number of a helper is printed signed.
        Op::Call(Callee::Helper(number)) => i32::try_from(number).is_err(),
        _ => false,
    }
}

/// LLVM leaves out the immediate of indexed packet loads, half of what is not a plain 64-bit
/// constant, and the kind of calls; it takes ordered accesses for additions.
fn llvm_text_is_ambiguous(op: Op) -> bool {
    use skep_isa::Imm64;
    match op {
        Op::LoadImm64 { imm: Imm64::Value(_), .. } => false,
        Op::LoadInd { imm, .. } => imm != 0,
        Op::Atomic { size, .. } => size == skep_isa::Size::W,
        Op::LoadImm64 { .. } | Op::Call(_) => true,
        Op::LoadAcquire { .. } | Op::StoreRelease { .. } => true,
        _ => false,
    }
}

fn slots_of_hex(hex: &str) -> Vec<Insn> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal digits");
    let bytes: Vec<u8> =
        hex.as_bytes().chunks(2).map(|two| (digit(two[0]) << 4 | digit(two[1])) as u8).collect();
    bytes.chunks_exact(8).map(|slot| Insn::from_le_bytes(slot.try_into().expect("8"))).collect()
}
