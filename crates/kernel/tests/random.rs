//! Random programs: what our verifier accepts never faults in the checked interpreter, and both
//! interpreters do the same to the frame, the maps and the return value.
//!
//! `SKEP_RANDOM=COUNT` runs more than the default, `SKEP_SEED=NUMBER` another series.

use skep_isa::{Insn, assemble};
use skep_kernel::{ClockSource, Config, UserKernel, checked};
use skep_uapi::{
    Command, Errno, Fd, Helper, Kernel, MapCreate, MapType, ProgLoad, ProgType, TestRun,
};

const PROGRAMS: u64 = 2000;
const VALUE_BYTES: u32 = 32;
const BUDGET: u64 = 1_000_000;

#[test]
fn what_is_accepted_never_faults_and_both_engines_agree() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let count = number("SKEP_RANDOM").unwrap_or(PROGRAMS);
    let mut random = Random(number("SKEP_SEED").unwrap_or(1));
    let mut accepted = 0;
    for i in 0..count {
        let text = Writer::new(&mut random).program();
        let frame: Vec<u8> = (0..14 + random.below(100)).map(|_| random.next() as u8).collect();
        accepted += u64::from(check(&text, &frame, i));
    }
    println!("{accepted} of {count} accepted");
    assert!(accepted * 4 >= count, "only {accepted} of {count} programs were accepted");
}

/// Whether the program was accepted; if so, both engines must agree on it.
fn check(text: &str, frame: &[u8], i: u64) -> bool {
    let number = |name: &str| Helper::from_name(name).map(|helper| helper.0);
    let assembly = assemble(text, &number).unwrap_or_else(|error| panic!("{error} in {text}"));
    let verified = Machine::new();
    let Ok(prog) = verified.load(&assembly.insns) else { return false };
    let left = verified.run(prog, frame);
    let unverified = Machine::new();
    let right = unverified.run_checked(&assembly.insns, frame);
    let right = right.unwrap_or_else(|error| panic!("program {i}: {error} in\n{text}"));
    assert_eq!(left, right, "program {i}:\n{text}");
    assert_eq!(verified.values(), unverified.values(), "program {i}, maps:\n{text}");
    true
}

/// A kernel with an array and a hash, always the same.
struct Machine {
    kernel: UserKernel,
    maps: [Fd; 2],
}

impl Machine {
    fn new() -> Machine {
        let config =
            Config { cpus: 1, clock: ClockSource::Virtual, seed: Some(3), ..Config::default() };
        let kernel = UserKernel::new(config);
        let maps = [MapType::ARRAY, MapType::HASH].map(|map_type| {
            let create = MapCreate {
                map_type,
                key_size: 4,
                value_size: VALUE_BYTES,
                max_entries: 4,
                ..MapCreate::default()
            };
            let map = kernel.map_create(create).expect("a small map");
            kernel.map_update(map, &[1, 0, 0, 0], &[5; 32], 0).expect("there is room");
            map
        });
        Machine { kernel, maps }
    }

    fn load(&self, insns: &[Insn]) -> Result<Fd, Errno> {
        let insns: Vec<u8> = insns.iter().flat_map(|insn| insn.to_le_bytes()).collect();
        let (prog_type, license) = (ProgType::XDP, "GPL");
        let load = ProgLoad {
            prog_type,
            insns: &insns,
            license,
            fd_array: &self.fds(),
            ..Default::default()
        };
        self.kernel.prog_load(load)
    }

    fn run(&self, prog_fd: Fd, data_in: &[u8]) -> (u32, Vec<u8>) {
        let mut out = vec![0; 4096];
        let run = TestRun { prog_fd, data_in, data_out: &mut out, ..TestRun::default() };
        let mut command = Command::ProgTestRun(run);
        self.kernel.bpf(&mut command).expect("the frame is long enough");
        let Command::ProgTestRun(run) = command else { unreachable!("it was one") };
        let (retval, size) = (run.retval, run.data_size_out as usize);
        out.truncate(size);
        (retval, out)
    }

    fn run_checked(&self, insns: &[Insn], frame: &[u8]) -> Result<(u32, Vec<u8>), checked::Error> {
        let prog_type = ProgType::XDP;
        let run = checked::Run { prog_type, insns, maps: &self.maps, budget: BUDGET };
        let outcome = checked::run(&self.kernel, run, frame)?;
        Ok((outcome.retval, [outcome.meta, outcome.frame].concat()))
    }

    fn fds(&self) -> [i32; 2] {
        self.maps.map(|fd| fd.0)
    }

    fn values(&self) -> Vec<Option<[u8; 32]>> {
        let read = |map, key: u32| {
            let mut value = [0; 32];
            self.kernel.map_lookup(map, &key.to_ne_bytes(), &mut value, 0).ok().map(|()| value)
        };
        self.maps.iter().flat_map(|map| (0..8).map(|key| read(*map, key))).collect()
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// A number that is often at an edge.
    fn immediate(&mut self) -> i32 {
        let edges = [0, 1, -1, 2, 7, 8, 255, 256, i32::MAX, i32::MIN, 0x7fff, -8];
        if self.below(2) == 0 { self.one_of(&edges) } else { self.next() as i32 }
    }
}

/// Writes a program: r6 is the context, r7 and r8 the bounds of the packet, the others numbers.
/// Most of what it writes is right, some of it is not.
struct Writer<'r> {
    random: &'r mut Random,
    text: String,
    labels: u32,
    functions: u32,
}

const NUMBERS: [&str; 6] = ["0", "1", "2", "3", "4", "9"];
const SIZES: [(&str, i64); 4] = [("u8", 1), ("u16", 2), ("u32", 4), ("u64", 8)];

impl<'r> Writer<'r> {
    fn new(random: &'r mut Random) -> Writer<'r> {
        Writer { random, text: String::new(), labels: 0, functions: 0 }
    }

    fn program(mut self) -> String {
        self.line("r6 = r1");
        self.packet_pointers();
        for reg in ["0", "1", "2", "3", "4", "5", "9"] {
            let number = self.random.immediate();
            self.line(&format!("r{reg} = {number}"));
        }
        for slot in 1..=8 {
            self.line(&format!("*(u64 *)(r10 - {}) = {}", slot * 8, slot));
        }
        for _ in 0..2 + self.random.below(12) {
            self.statement(2);
        }
        self.number("0");
        self.line("exit");
        for function in 0..self.functions {
            self.function(function);
        }
        self.text
    }

    fn line(&mut self, line: &str) {
        self.text += line;
        self.text += "\n";
    }

    fn label(&mut self) -> String {
        self.labels += 1;
        format!("l{}", self.labels)
    }

    fn statement(&mut self, depth: u32) {
        match self.random.below(if depth > 0 { 14 } else { 9 }) {
            0..=2 => self.arithmetic(),
            3 => self.stack(),
            4 => self.packet_fixed(),
            5 => self.packet_variable(),
            6 => self.map_value(),
            7 => self.helper(),
            8 => self.adjust(),
            9 | 10 => self.branch(depth),
            11 => self.counted_loop(),
            12 => self.spill(),
            _ => self.call(),
        }
    }

    fn packet_pointers(&mut self) {
        self.line("r7 = *(u32 *)(r6 + 0)");
        self.line("r8 = *(u32 *)(r6 + 4)");
    }

    fn number_reg(&mut self) -> &'static str {
        self.random.one_of(&NUMBERS)
    }

    /// Makes a register a number, whatever it was.
    fn number(&mut self, reg: &str) {
        let number = self.random.immediate();
        self.line(&format!("r{reg} = {number}"));
    }

    fn arithmetic(&mut self) {
        let (dst, src) = (self.number_reg(), self.number_reg());
        let width = self.random.one_of(&["r", "w"]);
        let bits = if width == "r" { 64 } else { 32 };
        let immediate = self.random.immediate();
        let shift = self.random.below(bits);
        let op = self.random.one_of(&["+", "-", "*", "/", "%", "&", "|", "^", "s/", "s%"]);
        let line = match self.random.below(8) {
            0 => format!("{width}{dst} {} {shift}", self.random.one_of(&["<<=", ">>=", "s>>="])),
            1 => format!("{width}{dst} = -{width}{dst}"),
            2 => format!("{width}{dst} = {width}{src}"),
            3 => format!(
                "r{dst} = {} r{dst}",
                self.random.one_of(&["be16", "be32", "be64", "bswap32"])
            ),
            4 => format!("r{dst} = ({})r{src}", self.random.one_of(&["s8", "s16", "s32"])),
            5 if !(op.ends_with(['/', '%']) && immediate == 0) => {
                format!("{width}{dst} {op}= {immediate}")
            }
            _ => format!("{width}{dst} {op}= {width}{src}"),
        };
        self.line(&line);
    }

    fn stack(&mut self) {
        let (size, bytes) = self.random.one_of(&SIZES);
        let reg = self.number_reg();
        // One past either end now and then.
        let slot = self.random.below(66) as i64 - 1;
        let offset = if self.random.below(4) == 0 { slot } else { slot / bytes * bytes };
        let line = match self.random.below(3) {
            0 => format!("r{reg} = *({size} *)(r10 - {offset})"),
            1 => format!("*({size} *)(r10 - {offset}) = {}", self.random.immediate()),
            _ => format!("*({size} *)(r10 - {offset}) = r{reg}"),
        };
        self.line(&line);
    }

    fn packet_fixed(&mut self) {
        let (out, checked) = (self.label(), 1 + self.random.below(40) as i64);
        let (size, bytes) = self.random.one_of(&SIZES);
        let slack = self.random.below(12) as i64 - 1;
        let offset = (checked - bytes - slack).max(0);
        let compare = self.random.one_of(&[">", ">", ">", ">="]);
        self.line(&format!("r1 = r7\nr1 += {checked}\nif r1 {compare} r8 goto {out}"));
        self.access("7", offset, size);
        self.line(&format!("{out}:"));
        self.number("1");
    }

    fn packet_variable(&mut self) {
        let (out, reg) = (self.label(), self.random.one_of(&["0", "2", "9"]));
        let (size, bytes) = self.random.one_of(&SIZES);
        let mask = self.random.one_of(&[7, 15, 63, 255, 0x7fff, 0xffff]);
        let checked = bytes + self.random.below(3) as i64 - 1;
        self.line(&format!("r{reg} &= {mask}\nr3 = r7\nr3 += r{reg}\nr4 = r3\nr4 += {checked}"));
        self.line(&format!("if r4 > r8 goto {out}"));
        self.access("3", 0, size);
        self.line(&format!("{out}:"));
        self.number("3");
        self.number("4");
    }

    /// A load, a store or an atomic through a pointer.
    fn access(&mut self, pointer: &str, offset: i64, size: &str) {
        let place = format!("*({size} *)(r{pointer} + {offset})");
        let line = match self.random.below(4) {
            0 => format!("{place} = {}", self.random.immediate()),
            1 => format!("{place} = r2"),
            2 if matches!(size, "u32" | "u64") && pointer == "0" => format!("lock {place} += r2"),
            _ => format!("r2 = {place}"),
        };
        self.line(&line);
    }

    fn map_value(&mut self) {
        let (out, map, key) = (self.label(), self.random.below(2), self.random.below(6));
        let (size, bytes) = self.random.one_of(&SIZES);
        let limit = i64::from(VALUE_BYTES) - bytes;
        let offset = (self.random.below(limit as u64 + 2) as i64) / bytes * bytes;
        self.line(&format!(
            "*(u32 *)(r10 - 4) = {key}\nr1 = map[idx:{map}] ll\nr2 = r10\nr2 += -4\n\
             call map_lookup_elem"
        ));
        if self.random.below(20) > 0 {
            self.line(&format!("if r0 == 0 goto {out}"));
        }
        self.line("r2 = 9");
        if self.random.below(3) == 0 {
            let mask = self.random.one_of(&[1, 7, 15, 31]);
            self.line(&format!("r9 &= {mask}\nr0 += r9"));
        }
        self.access("0", offset, size);
        self.line(&format!("{out}:"));
        for reg in ["0", "1", "2", "3", "4", "5"] {
            self.number(reg);
        }
    }

    fn helper(&mut self) {
        let map = self.random.below(2);
        let key = self.random.below(6);
        let text = match self.random.below(5) {
            0 => "call ktime_get_ns".to_owned(),
            1 => "call get_prandom_u32".to_owned(),
            2 => format!(
                "*(u32 *)(r10 - 4) = {key}\nr1 = map[idx:{map}] ll\nr2 = r10\nr2 += -4\nr3 = r10\n\
                 r3 += -64\nr4 = {}\ncall map_update_elem",
                self.random.below(4)
            ),
            3 => format!(
                "*(u32 *)(r10 - 4) = {key}\nr1 = map[idx:{map}] ll\nr2 = r10\nr2 += -4\n\
                 call map_delete_elem"
            ),
            _ => format!(
                "r1 = r6\nr2 = {}\nr3 = r10\nr3 += -{}\nr4 = {}\ncall xdp_load_bytes",
                self.random.below(70),
                self.random.one_of(&[8, 16, 24, 64]),
                self.random.below(17)
            ),
        };
        self.line(&text);
        for reg in ["1", "2", "3", "4", "5"] {
            self.number(reg);
        }
    }

    fn adjust(&mut self) {
        let by = self.random.below(60) as i64 - 30;
        let helper = self.random.one_of(&["head", "tail", "meta"]);
        self.line(&format!("r1 = r6\nr2 = {by}\ncall xdp_adjust_{helper}"));
        if self.random.below(20) > 0 {
            self.packet_pointers();
        }
        for reg in ["1", "2", "3", "4", "5"] {
            self.number(reg);
        }
    }

    fn branch(&mut self, depth: u32) {
        let (out, reg) = (self.label(), self.number_reg());
        let width = self.random.one_of(&["r", "w"]);
        let compare =
            self.random.one_of(&["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"]);
        let other = match self.random.below(2) {
            0 => self.random.immediate().to_string(),
            _ => format!("{width}{}", self.number_reg()),
        };
        self.line(&format!("if {width}{reg} {compare} {other} goto {out}"));
        for _ in 0..1 + self.random.below(3) {
            self.statement(depth - 1);
        }
        self.line(&format!("{out}:"));
    }

    fn counted_loop(&mut self) {
        let (again, times) = (self.label(), 1 + self.random.below(3));
        self.line(&format!("r5 = {times}\n*(u64 *)(r10 - 72) = r5\n{again}:"));
        self.statement(0);
        self.line(&format!(
            "r5 = *(u64 *)(r10 - 72)\nr5 += -1\n*(u64 *)(r10 - 72) = r5\nif r5 != 0 goto {again}"
        ));
    }

    /// A pointer goes to the stack and comes back.
    fn spill(&mut self) {
        let (out, pointer) = (self.label(), self.random.one_of(&["7", "8", "6", "10"]));
        self.line(&format!("*(u64 *)(r10 - 80) = r{pointer}\nr3 = *(u64 *)(r10 - 80)"));
        match pointer {
            "7" => {
                self.line(&format!("r4 = r3\nr4 += 4\nif r4 > r8 goto {out}"));
                self.access("3", 0, "u32");
            }
            "10" => self.access("3", -8, "u64"),
            _ => {}
        }
        self.line(&format!("{out}:"));
        self.number("3");
        self.number("4");
    }

    fn call(&mut self) {
        let function =
            if self.functions < 2 { self.functions } else { self.random.below(2) as u32 };
        self.functions = self.functions.max(function + 1);
        for reg in ["1", "2"] {
            self.number(reg);
        }
        self.line(&format!("call f{function}"));
        for reg in ["1", "2", "3", "4", "5"] {
            self.number(reg);
        }
    }

    /// A function of two numbers.
    fn function(&mut self, number: u32) {
        self.line(&format!("f{number}:\nr0 = r1\n*(u64 *)(r10 - 8) = r2"));
        let (width, out) = (self.random.one_of(&["r", "w"]), self.label());
        let immediate = self.random.immediate();
        self.line(&format!("if {width}1 s> {immediate} goto {out}\n{width}0 += {width}2"));
        self.line(&format!("{out}:\nr1 = *(u64 *)(r10 - 8)\nr0 ^= r1\nexit"));
    }
}
