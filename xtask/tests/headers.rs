//! Our C headers against the compiler, and against the system's own where they are installed.

#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The one compiler whose warnings and objects we pin.
const CLANG: &str = "clang-19";
const SYSTEM_HEADERS: &str = "/usr/include";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace").to_path_buf()
}

/// Says which test could not run and why, where the runner of all tests counts it.
fn not_run(test: &str, reason: &str) {
    eprintln!("not run: {test}: {reason}");
}

fn has_clang() -> bool {
    Command::new(CLANG).arg("--version").output().is_ok()
}

/// Ours alone.
fn our_flags() -> Vec<String> {
    vec!["-nostdinc".into(), format!("-I{}", root().join("include").display())]
}

/// Compiler flags that find the system's C headers, if they are installed.
fn system_flags() -> Option<Vec<String>> {
    let arch = std::env::consts::ARCH;
    let usr = Path::new(SYSTEM_HEADERS);
    let multiarch = usr.join(format!("{arch}-linux-gnu"));
    let asm = [&multiarch, usr].into_iter().find(|dir| dir.join("asm/types.h").exists())?;
    // Some of them include the C library's, which ask for the machine.
    let flags = vec![format!("-D__{arch}__"), format!("-I{}", asm.display())];
    usr.join("linux/bpf.h").exists().then_some(flags)
}

/// Compiles C text to BPF assembler text; the compiler's words if it has any.
fn compile(source: &str, flags: &[String], target: &str) -> Result<String, String> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(dir.path().join("source.c"), source).expect("a writable directory");
    let output = Command::new(CLANG)
        .current_dir(&dir)
        .args(["-target", target, "-O2", "-Wall", "-Wextra", "-S", "-o", "-"])
        .args(flags)
        .arg("source.c")
        .output()
        .expect("the compiler starts");
    let words = String::from_utf8_lossy(&output.stderr);
    if words.is_empty() {
        Ok(String::from_utf8_lossy(&output.stdout).into())
    } else {
        Err(words.into())
    }
}

/// Every header of `include/`, as programs name them.
fn header_names() -> Vec<String> {
    let mut names = vec!["stdint.h".to_owned()];
    for folder in ["asm", "bpf", "linux"] {
        let entries = std::fs::read_dir(root().join("include").join(folder)).expect("a folder");
        for entry in entries {
            let name = entry.expect("an entry").file_name();
            names.push(format!("{folder}/{}", name.to_string_lossy()));
        }
    }
    names.sort();
    names
}

#[test]
fn each_header_compiles_alone_and_all_together() {
    if !has_clang() {
        return not_run("each_header_compiles_alone_and_all_together", "no clang-19");
    }
    let ours = our_flags();
    let mut all = String::new();
    for name in header_names() {
        let one = format!("#include <{name}>\n#include <{name}>\nint x;\n");
        compile(&one, &ours, "bpf").unwrap_or_else(|words| panic!("{name} alone: {words}"));
        writeln!(all, "#include <{name}>").expect("a String takes everything");
    }
    for target in ["bpf", "bpfeb"] {
        compile(&format!("{all}int x;\n"), &ours, target).unwrap_or_else(|words| panic!("{words}"));
    }
}

#[test]
fn printk_takes_any_number_of_arguments() {
    if !has_clang() {
        return not_run("printk_takes_any_number_of_arguments", "no clang-19");
    }
    for arguments in 0..=12 {
        let values: String = (0..arguments).map(|value| format!(", {value}")).collect();
        let source = format!(
            "#include <bpf/bpf_helpers.h>\nSEC(\"xdp\") int f(void *ctx)\n\
             {{\n\t(void)ctx;\n\treturn bpf_printk(\"x\"{values});\n}}\n"
        );
        let asm = compile(&source, &our_flags(), "bpf").expect("it compiles");
        let helper = if arguments <= 3 { "call 6\n" } else { "call 177\n" };
        assert!(asm.contains(helper), "{arguments} arguments: expected {helper}in\n{asm}");
    }
}

#[test]
fn layouts_equal_the_systems() {
    let (true, Some(system)) = (has_clang(), system_flags()) else {
        return not_run("layouts_equal_the_systems", "no clang-19, or no linux-libc-dev");
    };
    let source = include_str!("layouts.c");
    let ours = compile(source, &our_flags(), "bpf").expect("ours compile");
    let theirs = compile(source, &system, "bpf").expect("the system's compile");
    assert_eq!(ours, theirs);
}

#[test]
fn numbers_equal_the_systems() {
    let (true, Some(system)) = (has_clang(), system_flags()) else {
        return not_run("numbers_equal_the_systems", "no clang-19, or no linux-libc-dev");
    };
    let mut source = String::new();
    let mut compared = 0;
    for header in header_names().into_iter().filter(|name| name.starts_with("linux/")) {
        let Ok(theirs) = std::fs::read_to_string(Path::new(SYSTEM_HEADERS).join(&header)) else {
            continue;
        };
        // The numbers of <linux/bpf.h> are a header of their own here.
        let mut ours = read_header(&header);
        if header == "linux/bpf.h" {
            ours += &read_header("linux/bpf_numbers.h");
        }
        writeln!(source, "#include <{header}>").expect("a String takes everything");
        for name in constants(&ours).into_iter().filter(|name| has_word(&theirs, name)) {
            writeln!(source, "unsigned long long value_of_{name} = (unsigned long long)({name});")
                .expect("a String takes everything");
            compared += 1;
        }
    }
    assert!(compared > 400, "only {compared} constants found");
    let ours = compile(&source, &our_flags(), "bpf").expect("ours compile");
    let theirs = compile(&source, &system, "bpf").expect("the system's compile");
    for (our, their) in ours.lines().zip(theirs.lines()) {
        assert_eq!(our, their);
    }
}

fn read_header(name: &str) -> String {
    std::fs::read_to_string(root().join("include").join(name)).expect("a header of ours")
}

/// Names of the object-like macros with a value and of the enumerators.
fn constants(header: &str) -> Vec<String> {
    let is_constant =
        |name: &&str| name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let mut names = Vec::new();
    for line in header.lines() {
        if let Some(rest) = line.strip_prefix("#define ") {
            let mut words = rest.split(' ');
            let name = words.next().filter(is_constant);
            names.extend(name.filter(|_| words.next().is_some_and(|value| !value.is_empty())));
        } else if let Some(rest) = line.strip_prefix('\t') {
            let items = rest.split(" /*").next().unwrap_or_default();
            let items =
                items.split(',').map(|item| item.split(" =").next().unwrap_or_default().trim());
            names.extend(
                items.filter(|name| !name.is_empty() && name.contains('_')).filter(is_constant),
            );
        }
    }
    let mut names: Vec<String> = names.into_iter().map(String::from).collect();
    names.sort();
    names.dedup();
    // The number of known items grows with every kernel; the rest are not numbers.
    let is_number = |name: &String| {
        !name.contains("MAX_BPF") && !name.contains("_MAX_ID") && !name.starts_with("SKEP_")
    };
    names.into_iter().filter(is_number).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|found| found == word)
}
