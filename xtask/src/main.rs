//! Chores of the workspace: `cargo xtask CHORE`, one file per chore.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "chores talk to who runs them")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

mod demo;
mod headers;
mod objects;
mod test;
mod tidy;

const USAGE: &str = "usage: cargo xtask CHORE

  demo      show the main job, with the release build of skep
  headers   write the generated C headers in include/ from the tables of skep-uapi
  objects   rebuild the committed BPF objects from the C beside them, with the pinned compiler
  tidy      check the rules of the house: floors, unsafe list, sizes, words, paths in pages
  lint      formatting, clippy, tidy
  test      lint, then every test and every example of the documentation";

fn main() -> ExitCode {
    let chore: Vec<String> = std::env::args().skip(1).collect();
    match run(&chore.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &[&str]) -> Result<ExitCode> {
    match chore {
        ["demo"] => return demo::run(&root()),
        ["headers"] => headers::write(&root())?,
        ["objects"] => objects::rebuild(&root())?,
        ["tidy"] => return tidy::run(&root()),
        ["lint"] => return test::lint(&root()),
        ["test"] => return test::all(&root()),
        [] | ["help" | "--help" | "-h"] => println!("{USAGE}"),
        _ => bail!("no chore is called `{}`\n\n{USAGE}", chore.join(" ")),
    }
    Ok(ExitCode::SUCCESS)
}

/// The workspace, wherever the chore is called.
fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace").to_path_buf()
}
