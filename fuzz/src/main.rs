//! Random inputs for what reads bytes of strangers: nothing may panic, nothing may hang.
//!
//! `cargo run --release -- [TARGET]... [--inputs N] [--seed N]`; all targets unless some are named.
//! A run is a function of its seed. What breaks a target is written to `found/`, and a seed for the
//! next run if it stays there.

#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

mod attr;
mod mutate;
mod targets;

use mutate::Random;
use targets::{TARGETS, Target};

/// An input that takes longer than this counts as a hang: most take microseconds.
const TOO_LONG: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("fuzz: {message}");
            return ExitCode::FAILURE;
        }
    };
    // The report names the input; the panics' own messages would only drown it.
    std::panic::set_hook(Box::new(|_| {}));
    let mut is_sound = true;
    for target in TARGETS.iter().filter(|target| options.wants(target)) {
        is_sound &= run(target, &options);
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Options {
    targets: Vec<String>,
    inputs: u64,
    seed: u64,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options { targets: Vec::new(), inputs: 1_000_000, seed: 1 };
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().ok_or(format!("{word} needs a number"))?;
                value.parse().map_err(|_| format!("{word} needs a number, found {value}"))
            };
            match word.as_str() {
                "--inputs" => options.inputs = number()?,
                "--seed" => options.seed = number()?,
                name if TARGETS.iter().any(|target| target.name == name) => {
                    options.targets.push(word);
                }
                _ => {
                    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                    return Err(format!("no target `{word}`; there are {}", names.join(", ")));
                }
            }
        }
        Ok(options)
    }

    fn wants(&self, target: &Target) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target.name)
    }
}

/// Feeds one target; whether it took everything well.
fn run(target: &Target, options: &Options) -> bool {
    let seeds = (target.seeds)(&root());
    let mut random = Random::new(options.seed);
    let begin = Instant::now();
    let mut taken = 0_u64;
    let mut longest = Duration::ZERO;
    for _ in 0..options.inputs {
        let input = mutate::input(&seeds, &mut random);
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.take)(&input)));
        let time = start.elapsed();
        longest = longest.max(time);
        match outcome {
            Ok(is_taken) if time < TOO_LONG => taken += u64::from(is_taken),
            Ok(_) => return report(target, &input, &format!("took {} s", time.as_secs_f64())),
            Err(_) => return report(target, &input, "panicked"),
        }
    }
    println!(
        "{}: {} inputs from {} seeds in {:.1} s, {taken} of them valid, none above {:.1} ms",
        target.name,
        options.inputs,
        seeds.len(),
        begin.elapsed().as_secs_f64(),
        longest.as_secs_f64() * 1e3
    );
    true
}

/// Keeps the input that broke the target.
fn report(target: &Target, input: &[u8], what: &str) -> bool {
    let found = root().join("fuzz/found");
    let sum = input.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(*byte));
    let path = found.join(format!("{}-{sum:016x}", target.name));
    let kept = std::fs::create_dir_all(&found).and_then(|()| std::fs::write(&path, input));
    match kept {
        Ok(()) => println!("{}: {what}: {}", target.name, path.display()),
        Err(error) => println!("{}: {what}; the input could not be kept: {error}", target.name),
    }
    false
}

/// The workspace around this one.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
