//! The data files of this folder on every engine; `README.md` beside them tells their form.

#![expect(clippy::print_stdout, reason = "tests report what they ran")]

mod case;
mod engines;
mod fields;
mod wrap;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use case::{After, Case};
use skep_isa::Insns;
use skep_kernel::UserKernel;
use skep_linux::Linux;

#[test]
fn linux() {
    let Some(linux) = permitted_linux(&format!("{} cases", all_cases().len())) else { return };
    if std::env::var_os("SKEP_BLESS").is_some() {
        bless(&linux);
    }
    run("linux", |case| match &case.not_on_linux {
        Some(reason) => Verdict::NotRun(reason.clone()),
        None => Verdict::Ran(engines::on_kernel(&linux, case)),
    });
}

#[test]
fn user_space_kernel() {
    let kernel = UserKernel::default();
    run("the user-space kernel", |case| match &case.not_on_linux {
        Some(reason) => Verdict::NotRun(format!("as Linux: {reason}")),
        None => match engines::on_kernel(&kernel, case) {
            // It says of itself what its verifier does not know.
            Err(reason) if reason.contains("not supported by this verifier yet") => {
                Verdict::NotRun(reason)
            }
            result => Verdict::Ran(result),
        },
    });
}

#[test]
fn interp() {
    run("the interpreter", |case| match case.after {
        After::Rejected => Verdict::NotRun("a verifier's matter".to_owned()),
        _ => Verdict::Ran(engines::in_interp(case)),
    });
}

#[test]
fn checked() {
    run("the checked interpreter", |case| match case.after {
        After::Rejected => Verdict::NotRun("a verifier's matter".to_owned()),
        _ => Verdict::Ran(engines::in_checked(case)),
    });
}

/// Every opcode, every atomic operation and every sign extension is in some case.
#[test]
fn the_cases_cover_the_instruction_set() {
    let mut seen = BTreeSet::new();
    for case in all_cases() {
        let assembly = wrap::assemble_case(&case).unwrap_or_else(|error| panic!("{error}"));
        seen.extend(
            Insns::new(&assembly.insns)
                .filter_map(|(slot, op)| op.ok().map(|_| fields::variant(assembly.insns[slot]))),
        );
    }
    let missing: Vec<String> =
        fields::variants().difference(&seen).map(|variant| format!("{variant:x?}")).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

/// What became of a case on an engine.
enum Verdict {
    /// It came out so, or something that is no result went wrong.
    Ran(Result<After, String>),
    /// The engine cannot run it, for this reason.
    NotRun(String),
}

/// Runs every case, says how many ran, names the others, and fails with all that differ.
fn run(engine: &str, run: impl Fn(&Case) -> Verdict) {
    let cases = all_cases();
    let (mut ran, mut failures) = (0, Vec::new());
    for case in &cases {
        match run(case) {
            Verdict::NotRun(reason) => {
                println!("not run on {engine}: {} {}: {reason}", case.place, one_line(case));
            }
            Verdict::Ran(result) => {
                ran += 1;
                if result.as_ref() != Ok(&case.after) {
                    let found = result.map_or_else(|error| error, |after| after.to_string());
                    let (place, body) = (&case.place, one_line(case));
                    let expected = &case.after;
                    failures
                        .push(format!("{place} {body}\n  expected {expected}\n  found {found}"));
                }
            }
        }
    }
    println!("conformance on {engine}: {ran} of {} cases ran", cases.len());
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
}

/// Linux, if bpf(2) may be used; says what does not run if not.
fn permitted_linux(what: &str) -> Option<Linux> {
    match Linux::permitted() {
        Ok(()) => Some(Linux::new()),
        Err(errno) => {
            println!("not run on linux: {what}: bpf(2) may not be used ({errno})");
            None
        }
    }
}

fn all_cases() -> Vec<Case> {
    let files = case::data_files(folder());
    let cases: Vec<Case> =
        files.iter().flat_map(|file| case::read(file)).filter_map(Result::ok).collect();
    assert!(!cases.is_empty(), "no cases in {}", folder().display());
    cases
}

/// Writes what Linux answers into the data files.
fn bless(linux: &Linux) {
    for file in case::data_files(folder()) {
        let mut text = String::new();
        for line in case::read(&file) {
            let line = match line {
                Ok(case) if case.not_on_linux.is_some() => case.with_after(&case.after),
                Ok(case) => {
                    let after = engines::on_kernel(linux, &case);
                    let after = after.unwrap_or_else(|error| panic!("{}: {error}", case.place));
                    case.with_after(&after)
                }
                Err(text) => text,
            };
            text.push_str(&line);
            text.push('\n');
        }
        fs::write(&file, text).expect("a data file can be written");
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance"))
}

fn one_line(case: &Case) -> String {
    case.body.replace('\n', ";")
}
