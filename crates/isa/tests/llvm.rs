//! Our text beside that of LLVM's own tools: recorded, and where they are installed, of the moment.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test: it fails and reports")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};
use skep_isa::Insn;
use skep_isa::disasm::{ByteOrder, Immediates, Section, Symbol, llvm_insn};

const CLANG: &str = "clang-19";
const OBJDUMP: &str = "llvm-objdump-19";

/// Every line of the file is bytes and what LLVM printed for them.
#[test]
fn recorded_instructions() {
    let recorded = include_str!("data/llvm-text.txt");
    for line in recorded.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split(" | ").collect();
        let [hex, texts @ ..] = &columns[..] else { panic!("{line}") };
        let slot = |at: usize| u64::from_str_radix(&hex[at..at + 16], 16).unwrap().to_be_bytes();
        let starts = (0..hex.len()).step_by(16);
        let slots: Vec<Insn> = starts.map(|at| Insn::from_le_bytes(slot(at))).collect();
        let ours = [Immediates::Hex, Immediates::Decimal]
            .map(|immediates| llvm_insn(&slots, immediates).unwrap_or("<unknown>".to_owned()));
        assert_eq!(ours, texts, "{hex}");
    }
}

/// All that C makes of these, at every optimisation level, for every processor, in both orders.
#[test]
fn programs_compiled_from_c() {
    if !tools_installed("programs_compiled_from_c") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut compared = 0;
    let sources = ["packets", "arithmetic", "calls"];
    for source in sources {
        for (target, optimise, cpu, debug) in variants() {
            let c = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{source}.c"));
            let object = dir.path().join("x.o");
            let flags = ["-target", target, optimise, cpu, debug, "-Wno-everything", "-c"];
            run(Command::new(CLANG).args(flags).arg(&c).arg("-o").arg(&object));
            let what = format!("{source}.c {target} {optimise} {cpu} {debug}");
            compared += compare(&object, &what);
        }
    }
    println!("{compared} lines of compiled programs agree with {OBJDUMP}");
}

/// Slots that no compiler makes: every opcode with fields near valid ones, then random bytes,
/// zeros and a cut end.
#[test]
fn arbitrary_bytes() {
    if !tools_installed("arbitrary_bytes") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for seed in 1..=4 {
        let bytes = arbitrary(seed);
        let mut text = String::from(".text\nfirst:\n");
        for (index, byte) in bytes.iter().enumerate() {
            if index % 4099 == 4098 {
                writeln!(text, "label_{index}:").unwrap();
            }
            writeln!(text, ".byte {byte}").unwrap();
        }
        let (source, object) = (dir.path().join("x.s"), dir.path().join("x.o"));
        std::fs::write(&source, text).unwrap();
        let target = if seed.is_multiple_of(2) { "bpfeb" } else { "bpf" };
        let flags = ["-target", target, "-c", "-o"];
        run(Command::new(CLANG).args(flags).arg(&object).arg(&source));
        compared += compare(&object, &format!("seed {seed}"));
    }
    println!("{compared} lines of arbitrary bytes agree with {OBJDUMP}");
}

fn variants() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let mut variants = Vec::new();
    for optimise in ["-O0", "-O1", "-O2"] {
        for cpu in ["-mcpu=v1", "-mcpu=v2", "-mcpu=v3", "-mcpu=v4"] {
            variants.push(("bpf", optimise, cpu, "-g0"));
        }
    }
    variants.push(("bpf", "-O2", "-mcpu=v3", "-g"));
    variants.push(("bpfeb", "-O1", "-mcpu=v3", "-g0"));
    variants.push(("bpfeb", "-O2", "-mcpu=v4", "-g0"));
    variants
}

/// Compares both forms of the listing; the number of lines.
fn compare(object: &Path, what: &str) -> usize {
    let elf = std::fs::read(object).unwrap();
    let forms = [(Immediates::Hex, None), (Immediates::Decimal, Some("--no-print-imm-hex"))];
    let mut lines = 0;
    for (immediates, flag) in forms {
        let expected = run(Command::new(OBJDUMP).arg("-d").args(flag).arg(object));
        let expected: Vec<&str> = expected.lines().skip(2).collect();
        let ours = listing(&elf, immediates);
        let ours: Vec<&str> = ours.lines().collect();
        for (number, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
            assert_eq!(ours, expected, "{what}, line {number}, {immediates:?}");
        }
        assert_eq!(ours.len(), expected.len(), "{what}, {immediates:?}");
        lines += ours.len();
    }
    lines
}

/// The listing of an object without its two lines of heading.
fn listing(elf: &[u8], immediates: Immediates) -> String {
    let file = object::File::parse(elf).unwrap();
    let order = if file.is_little_endian() { ByteOrder::Little } else { ByteOrder::Big };
    let mut out = String::new();
    for section in file.sections().filter(|section| section.kind() == object::SectionKind::Text) {
        let symbols: Vec<Symbol<'_>> = file
            .symbols()
            .filter(|symbol| symbol.section_index() == Some(section.index()))
            .filter(|symbol| symbol.kind() != SymbolKind::Section)
            .map(|symbol| Symbol { offset: symbol.address(), name: symbol.name().unwrap() })
            .collect();
        let (name, bytes) = (section.name().unwrap(), section.data().unwrap());
        if !bytes.is_empty() {
            let section = Section { name, bytes, order, symbols: &symbols, immediates };
            write!(out, "\nDisassembly of section {name}:\n{section}").unwrap();
        }
    }
    out
}

fn arbitrary(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let offs = [0i16, 0, 0, 0, 1, 8, 16, 32, -1, i16::MIN, i16::MAX];
    let imms = [0i32, 0, 1, 16, 32, 64, 0x40, 0x41, 0x51, 0xa1, 0xe1, 0xf1, 0x101, -1, i32::MIN];
    let mut bytes = Vec::new();
    for opcode in (0..=255).chain(0..=255).chain(0..=255) {
        let (pick, regs) = (next(), next() as u8);
        let off = offs[(pick % offs.len() as u64) as usize];
        let imm = imms[((pick >> 16) % imms.len() as u64) as usize];
        bytes.extend_from_slice(&[opcode, if pick >> 40 & 1 == 0 { regs } else { regs & 0x9a }]);
        let big = seed.is_multiple_of(2);
        bytes.extend_from_slice(&if big { off.to_be_bytes() } else { off.to_le_bytes() });
        bytes.extend_from_slice(&if big { imm.to_be_bytes() } else { imm.to_le_bytes() });
    }
    for _ in 0..1000 {
        bytes.extend_from_slice(&next().to_le_bytes());
    }
    for _ in 0..40 {
        bytes.resize(bytes.len() + (next() % 40) as usize, 0);
        bytes.extend_from_slice(&next().to_le_bytes()[..(next() % 8) as usize]);
    }
    bytes.extend_from_slice(&[0x18, 1, 0, 0, 5, 0, 0, 0, 7]);
    bytes
}

/// Whether LLVM 19 is there; says so if not.
fn tools_installed(test: &str) -> bool {
    let missing = [CLANG, OBJDUMP]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    if let Some(tool) = missing {
        println!("not run: {test}: {tool} is not installed");
    }
    missing.is_none()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
