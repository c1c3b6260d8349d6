//! C becomes bytecode, and `skep disasm` prints what `llvm-objdump -d` prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use skep_tests::{not_run, root, skep};

const CLANG: &str = "clang-19";
const OBJDUMP: &str = "llvm-objdump-19";

#[test]
fn foo_compiled_without_optimisation() {
    let name = "bytecode::foo_compiled_without_optimisation";
    let Some(tools) = Tools::found(name) else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let source = dir.path().join("foo.c");
    fs::write(&source, "int foo(void *ctx) { return ctx ? 0 : 1; }\n").expect("a file");
    let object = dir.path().join("foo.o");
    assert!(tools.compile(&source, &object, &["-O0"]), "clang takes the lecture's function");
    let listing = tools.assert_equal(&object, "foo.c");
    // A function on the stack of its own, as -O0 leaves it.
    assert!(listing.contains("<foo>:"), "{listing}");
    assert!(listing.contains("*(u64 *)(r10 - "), "{listing}");
    assert!(listing.trim_end().ends_with("exit"), "{listing}");
}

/// Every C source of the tests and examples, at each level of optimisation, for each instruction
/// set version.
#[test]
fn every_source_at_every_level_for_every_cpu() {
    let name = "bytecode::every_source_at_every_level_for_every_cpu";
    let Some(tools) = Tools::found(name) else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let object = dir.path().join("x.o");
    let (mut equal, mut refused) = (0, Vec::new());
    for source in sources() {
        for level in ["-O0", "-O1", "-O2"] {
            for cpu in ["v1", "v2", "v3", "v4"] {
                let what = format!("{} {level} -mcpu={cpu}", source.display());
                if tools.compile(&source, &object, &[level, &format!("-mcpu={cpu}")]) {
                    tools.assert_equal(&object, &what);
                    equal += 1;
                } else {
                    // Old instruction sets cannot express every source, and -O0 inlines nothing.
                    refused.push(what);
                }
            }
        }
    }
    eprintln!("{equal} objects disassembled as LLVM does; clang refused {}", refused.len());
    assert!(equal >= 100, "only {equal} objects; clang refused {refused:#?}");
}

/// The committed objects, which need no compiler.
#[test]
fn every_committed_object() {
    let Some(tools) = Tools::found("bytecode::every_committed_object") else { return };
    let objects = files(".o");
    assert!(objects.len() >= 10, "{objects:?}");
    for object in objects {
        tools.assert_equal(&object, &object.display().to_string());
    }
}

/// Says that the tools are there.
struct Tools;

impl Tools {
    fn found(test: &str) -> Option<Tools> {
        for tool in [CLANG, OBJDUMP] {
            if Command::new(tool).arg("--version").output().is_err() {
                not_run(test, &format!("{tool} is not installed"));
                return None;
            }
        }
        Some(Tools)
    }

    /// Whether clang makes an object of the source.
    fn compile(&self, source: &Path, object: &Path, flags: &[&str]) -> bool {
        let mut clang = Command::new(CLANG);
        clang.args(["-target", "bpf", "-g", "-w", "-nostdinc", "-I"]).arg(root().join("include"));
        clang.args(flags).arg("-c").arg(source).arg("-o").arg(object);
        clang.output().expect("clang has just run").status.success()
    }

    /// Compares line for line and gives the listing.
    fn assert_equal(&self, object: &Path, what: &str) -> String {
        let mut listing = String::new();
        for options in [&[][..], &["--no-print-imm-hex"]] {
            let theirs = text(Command::new(OBJDUMP).arg("-d").args(options).arg(object));
            listing = text(Command::new(skep()).arg("disasm").args(options).arg(object));
            let difference = theirs.lines().zip(listing.lines()).find(|(a, b)| a != b);
            assert_eq!(difference, None, "{what}: llvm-objdump, skep");
            assert_eq!(theirs, listing, "{what}");
        }
        listing
    }
}

fn text(command: &mut Command) -> String {
    let output = command.output().expect("the tool can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn sources() -> Vec<PathBuf> {
    files(".bpf.c")
}

/// The files of the examples and the tests whose name ends so.
fn files(end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root().join("examples"), root().join("tests")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).expect("the directory is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
