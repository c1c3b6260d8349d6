//! The command line: what a user types and sees, as golden text.
//!
//! A file of `tests/cli/` holds commands, each behind `$ `, and below each what it prints: stdout,
//! then stderr with `! ` before each line, then `= N` where the exit status is not 0. Commands run
//! in the root of the project; `{tmp}` is a fresh directory, shared by the commands of a file, and
//! `{bin}` the one that `skep` lies in.
//! The nouns (`prog`, `map`, `link`, `net`, `btf`, `tree`) run on every kernel: see `transcript`.
//! `SKEP_BLESS=1` writes what is seen into the files.

mod btf;
mod golden;
mod link;
mod map;
mod net;
mod prog;
mod tools;
mod transcript;
mod tree;

use golden::check;

#[test]
fn disasm() {
    check("disasm");
}

#[test]
fn asm() {
    check("asm");
}

#[test]
fn batch() {
    check("batch");
}

/// Linux has no virtual devices, and says so.
#[test]
fn dev() {
    check("dev");
}

#[test]
fn usage() {
    check("usage");
}

#[test]
fn pcap() {
    check("pcap");
}

#[test]
fn run() {
    check("run");
}

/// C is compiled, so these need a compiler.
#[test]
fn compile() {
    if tools::is_installed("clang-19", "compile") {
        check("compile");
    }
}
