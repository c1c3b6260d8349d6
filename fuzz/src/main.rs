//! Random inputs for what reads bytes of strangers, and random programs for the kernels.
//!
//! `cargo run --release -- [TARGET]... [--seed N] [--inputs N | --share N]`; all targets unless
//! some are named. A target has as many inputs as it is worth by default; `--share 50` gives each
//! the fiftieth part of that. A run is a function of its seed. What breaks a target is written to
//! `found/`, and a seed for the next run if it stays there; programs are named by their seed.
//!
//! In reading order: this file, `targets` (what is fed), `readers`, `attr`, `wire` and
//! `program` (the properties), `mutate` (nearly valid bytes), `random`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod attr;
mod mutate;
mod program;
mod random;
mod readers;
mod targets;
mod wire;

// The modules of a binary cannot be imported: the reader of captures is built here once more.
#[expect(dead_code, reason = "nothing is written here")]
#[path = "../../crates/cli/src/new_file.rs"]
mod new_file;
#[expect(dead_code, reason = "captures come from memory here")]
#[path = "../../crates/cli/src/packets.rs"]
mod packets;

use targets::{TARGETS, Target};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("fuzz: {message}");
            return ExitCode::FAILURE;
        }
    };
    let mut is_sound = true;
    for target in TARGETS.iter().filter(|target| options.wants(target)) {
        let inputs = options.inputs.unwrap_or(target.inputs / options.share.max(1));
        is_sound &= target.run(inputs, options.seed);
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Options {
    targets: Vec<String>,
    /// As many for each target, rather than a share of its own number.
    inputs: Option<u64>,
    share: u64,
    seed: u64,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options { targets: Vec::new(), inputs: None, share: 1, seed: 1 };
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().ok_or(format!("{word} needs a number"))?;
                value.parse().map_err(|_| format!("{word} needs a number, found {value}"))
            };
            match word.as_str() {
                "--inputs" => options.inputs = Some(number()?),
                "--share" => options.share = number()?,
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
