//! The main job, shown: one XDP program from C source to map dump, on two kernels.
//!
//! Everything is done by the release build of `skep`, as a user would do it. Nothing is installed,
//! nothing asks for more rights than the caller has; what they do not allow is said.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::objects;

mod attach;
mod compare;
mod skep;

use skep::{Kernel, Skep};

/// Shows the four parts; fails where the two kernels differ.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let stage = Stage {
        skep: Skep::built(root)?,
        objects: Objects::prepare(root, scratch.path())?,
        pings: PathBuf::from("examples/xdp-counter/ping.pcap"),
    };
    count(&stage)?;
    reject(&stage);
    let comparison = compare::show(&stage)?;
    match &comparison.not_asked {
        None => attach::show(&stage, scratch.path())?,
        Some(_) => println!("(d) attaching to a real interface is not shown: it needs Linux"),
    }
    Ok(if comparison.do_agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the parts are shown with.
struct Stage {
    skep: Skep,
    objects: Objects,
    pings: PathBuf,
}

/// The objects: fresh from the compiler where there is one, else as committed.
struct Objects {
    folder: PathBuf,
    compiler: Option<String>,
}

impl Objects {
    fn prepare(root: &Path, scratch: &Path) -> Result<Objects> {
        let compiler = objects::newest_clang();
        for recipe in objects::recipes(root)?.iter().filter(|recipe| recipe.is_example(root)) {
            let bytes = match &compiler {
                Some(clang) => recipe.compile(root, clang)?,
                None => std::fs::read(recipe.committed())?,
            };
            std::fs::write(scratch.join(recipe.object()), bytes)?;
        }
        Ok(Objects { folder: scratch.to_path_buf(), compiler })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.bpf.o"))
    }

    fn origin(&self) -> String {
        match &self.compiler {
            Some(clang) => format!("compiled just now by {clang}"),
            None => "committed objects: no clang here".to_owned(),
        }
    }
}

fn heading(letter: char, text: &str) {
    println!("({letter}) {text}");
}

/// The counter, in the old style and in the new.
fn count(stage: &Stage) -> Result<()> {
    heading('a', &format!("a packet counter, {}", stage.objects.origin()));
    println!("xdp-simple.bpf.o, `struct bpf_map_def SEC(\"maps\")`:");
    let old = stage.skep.disasm(&stage.objects.path("xdp-simple"))?;
    let new = stage.skep.disasm(&stage.objects.path("xdp-counter"))?;
    old.iter().for_each(|insn| println!("{insn}"));
    if old == new {
        println!("xdp-counter.bpf.o, `SEC(\".maps\")`: the same {} instructions", new.len());
    } else {
        println!("xdp-counter.bpf.o, `SEC(\".maps\")`:");
        new.iter().for_each(|insn| println!("{insn}"));
    }
    println!("$ skep run xdp-simple.bpf.o --pcap {}", stage.pings.display());
    let words = stage.skep.run_in_words(&stage.objects.path("xdp-simple"), &stage.pings)?;
    words.iter().for_each(|line| println!("  {line}"));
    println!("$ skep --json run xdp-counter.bpf.o --pcap {}", stage.pings.display());
    let run = stage.skep.run(Kernel::User, &stage.objects.path("xdp-counter"), &stage.pings)?;
    println!("  {}", run.in_one_line());
    Ok(())
}

/// The counter without its null check.
fn reject(stage: &Stage) {
    heading('b', "the same without its null check");
    let object = stage.objects.path("no-null-check");
    match stage.skep.run(Kernel::User, &object, &stage.pings) {
        Ok(_) => println!("  the user-space kernel accepts it, which is wrong"),
        Err(words) => words.text.lines().for_each(|line| println!("  {line}")),
    }
    match stage.skep.run(Kernel::Linux, &object, &stage.pings) {
        Ok(_) => println!("  Linux accepts it"),
        Err(words) if words.is_no_permission() => println!("  Linux: not asked: {}", words.line()),
        Err(words) => println!("  Linux says: {}", words.line()),
    }
}
