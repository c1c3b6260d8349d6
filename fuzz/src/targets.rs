//! What is fed, named by the property that is tried.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::attr;
use crate::mutate;
use crate::program;
use crate::random::Random;
use crate::readers;
use crate::wire;

pub struct Target {
    pub name: &'static str,
    /// Inputs of a whole run.
    pub inputs: u64,
    pub kind: Kind,
}

pub enum Kind {
    /// Takes bytes that are nearly one of the seeds; whether they were valid. Panics if the
    /// property does not hold.
    Bytes { seeds: fn(&Path) -> Vec<Vec<u8>>, take: fn(&[u8]) -> bool },
    /// Makes so many programs from a seed on; whether the property holds for all of them.
    Programs(fn(u64, u64) -> bool),
}

pub const TARGETS: &[Target] = &[
    bytes("decode_roundtrip", readers::objects, readers::decode_roundtrip),
    bytes("elf_open", readers::objects, readers::elf_open),
    bytes("btf_parse", readers::btf, readers::btf_parse),
    bytes("pcap_read", readers::captures, readers::pcap_read),
    bytes("attr_decode", |_| attr::seeds(), attr::attr_decode),
    bytes("wire_decode", |_| wire::seeds(), wire::wire_decode),
    bytes("server_answers", |_| wire::seeds(), wire::server_answers),
    programs("verified_never_faults", program::verified_never_faults),
    programs("verdict_equals_linux", program::verdict_equals_linux),
];

const fn bytes(
    name: &'static str,
    seeds: fn(&Path) -> Vec<Vec<u8>>,
    take: fn(&[u8]) -> bool,
) -> Target {
    Target { name, inputs: 1_000_000, kind: Kind::Bytes { seeds, take } }
}

const fn programs(name: &'static str, run: fn(u64, u64) -> bool) -> Target {
    Target { name, inputs: 100_000, kind: Kind::Programs(run) }
}

/// An input that takes longer than this counts as a hang: most take microseconds.
const TOO_LONG: Duration = Duration::from_secs(2);

impl Target {
    /// Feeds the target; whether it took everything well.
    pub fn run(&self, inputs: u64, seed: u64) -> bool {
        let (seeds, take) = match self.kind {
            Kind::Programs(run) => return run(inputs, seed),
            Kind::Bytes { seeds, take } => (seeds(&root()), take),
        };
        // The report names the input; the panic's own message would only repeat it.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let is_sound = self.feed(&seeds, take, inputs, seed);
        std::panic::set_hook(hook);
        is_sound
    }

    fn feed(&self, seeds: &[Vec<u8>], take: fn(&[u8]) -> bool, inputs: u64, seed: u64) -> bool {
        let mut random = Random::new(seed);
        let begin = Instant::now();
        let mut taken = 0_u64;
        let mut longest = Duration::ZERO;
        for _ in 0..inputs {
            let input = mutate::input(seeds, &mut random);
            let start = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| take(&input)));
            let time = start.elapsed();
            longest = longest.max(time);
            match outcome {
                Ok(is_taken) if time < TOO_LONG => taken += u64::from(is_taken),
                Ok(_) => return self.keep(&input, &format!("took {} s", time.as_secs_f64())),
                Err(_) => return self.keep(&input, "panicked"),
            }
        }
        println!(
            "{}: {inputs} inputs from {} seeds in {:.1} s, {taken} of them valid, none above \
             {:.1} ms",
            self.name,
            seeds.len(),
            begin.elapsed().as_secs_f64(),
            longest.as_secs_f64() * 1e3
        );
        true
    }

    /// Keeps the input that broke the target.
    fn keep(&self, input: &[u8], what: &str) -> bool {
        let found = root().join("fuzz/found");
        let sum = input.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(*byte));
        let path = found.join(format!("{}-{sum:016x}", self.name));
        let kept = std::fs::create_dir_all(&found).and_then(|()| std::fs::write(&path, input));
        match kept {
            Ok(()) => println!("{}: {what}: {}", self.name, path.display()),
            Err(error) => println!("{}: {what}; the input could not be kept: {error}", self.name),
        }
        false
    }
}

/// The workspace around this one.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
