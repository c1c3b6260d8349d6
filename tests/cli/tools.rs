//! The tools that we compare with, where they are installed.

use std::path::PathBuf;
use std::process::{Command, Output};

/// `skep disasm` beside `llvm-objdump -d`, for every object of the examples.
#[test]
fn disasm_equals_llvm_objdump() {
    const OBJDUMP: &str = "llvm-objdump-19";
    if !is_installed(OBJDUMP, "disasm_equals_llvm_objdump") {
        return;
    }
    let objects = objects();
    assert!(objects.len() > 3, "the examples have objects");
    for object in objects {
        for options in [&["-d"][..], &["-d", "--no-print-imm-hex"], &["-d", "-j", "xdp"]] {
            let theirs = output(Command::new(OBJDUMP).args(options).arg(&object));
            let mut skep = Command::new(skep_tests::skep());
            let ours = output(skep.arg("disasm").args(&options[1..]).arg(&object));
            // LLVM only warns where no section has the name.
            if ours.status.success() {
                let (ours, theirs) = (text(&ours.stdout), text(&theirs.stdout));
                assert_eq!(ours, theirs, "{} {options:?}", object.display());
            } else {
                assert!(options.contains(&"-j"), "{}", text(&ours.stderr));
                assert!(text(&theirs.stderr).contains("not found"), "{}", object.display());
            }
        }
    }
}

/// `skep btf dump file` beside bpftool's, as text and as JSON.
#[test]
fn btf_dump_equals_bpftool() {
    if !is_installed("bpftool", "btf_dump_equals_bpftool") {
        return;
    }
    for object in objects() {
        for options in [&[][..], &["-j"], &["-p"]] {
            let words = ["btf", "dump", "file"];
            let theirs = output(Command::new("bpftool").args(options).args(words).arg(&object));
            if !theirs.status.success() {
                // An object that was compiled without types has none to show.
                continue;
            }
            let mut skep = Command::new(skep_tests::skep());
            let ours = output(skep.args(options).args(words).arg(&object));
            let name = object.display();
            assert_eq!(text(&ours.stdout), text(&theirs.stdout), "{name} {options:?}");
        }
    }
}

/// What [`load_all`] has pinned.
pub(crate) struct Pins {
    pub(crate) programs: Vec<String>,
    pub(crate) maps: Vec<String>,
}

/// Loads every object that Linux takes, each into directories of its own.
pub(crate) fn load_all(bpffs: &skep_tests::Bpffs<'_>) -> Pins {
    let mut pins = Pins { programs: Vec::new(), maps: Vec::new() };
    for (number, object) in objects().into_iter().enumerate() {
        // Has a map that is shared by its name, in the one BPF file system of the machine.
        if object.ends_with("map-kinds.bpf.o") {
            continue;
        }
        let [programs, maps] =
            ["programs", "maps"].map(|kind| bpffs.path(&format!("{kind}{number}")));
        let mut skep = Command::new(skep_tests::skep());
        skep.args(["--kernel", "linux", "prog", "loadall"]).arg(&object);
        skep.args([&programs, "pinmaps", &maps]);
        // Some are made to be refused.
        if output(&mut skep).status.success() {
            pins.programs.extend(paths(&programs));
            pins.maps.extend(paths(&maps));
        }
    }
    pins
}

/// The files of a directory.
fn paths(dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the directory was made").flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

/// The objects of the examples and the tests, as paths below the root.
fn objects() -> Vec<PathBuf> {
    let root = skep_tests::root();
    let mut found = Vec::new();
    let mut dirs = vec![root.join("examples"), root.join("tests")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).expect("the directory is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "o") {
                found.push(path.strip_prefix(&root).expect("it lies below").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn output(command: &mut Command) -> Output {
    command.current_dir(skep_tests::root()).output().expect("the tool can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a tool is there; if not, the test that wants it is named.
pub(crate) fn is_installed(tool: &str, test: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        skep_tests::not_run(test, &format!("{tool} is not installed"));
    }
    found
}
