//! Programs and what the verifier says of them, one file a topic.
//!
//! A case begins with `== name`, settings in brackets behind it: the program type (`xdp` is not
//! said; see `tables`), `log 2` for the log of every path, `other license`, `insns` for the
//! instructions to run. Then come the program and, behind a line `--`, the verdict with the log
//! that Linux would print for the level (1 tells of a rejected path only).
//!
//! `SKEP_BLESS=1` writes what is said today into the files.

mod large;
mod tables;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use skep_isa::disasm::{NoNames, Opcodes, kernel_program};
use skep_isa::{Assembly, SymbolKind, assemble};
use skep_verifier::{License, Line, Log, Program, verify};

/// A program with its settings and the verdict expected.
struct Case<'t> {
    name: &'t str,
    settings: Vec<&'t str>,
    program: String,
    expected: String,
}

impl<'t> Case<'t> {
    fn parse(text: &'t str) -> Case<'t> {
        let (head, body) = text.split_once('\n').expect("a case has a program");
        let (name, settings) = match head.split_once(" [") {
            Some((name, rest)) => (name, rest.trim_end_matches(']').split(", ").collect()),
            None => (head, Vec::new()),
        };
        let (program, expected) = body.split_once("--\n").unwrap_or((body, ""));
        Case {
            name,
            settings,
            program: program.to_owned(),
            expected: expected.trim_end().to_owned(),
        }
    }

    fn has(&self, setting: &str) -> bool {
        self.settings.contains(&setting)
    }
}

/// What the verifier says of a case, as the files have it.
fn verdict(case: &Case<'_>) -> String {
    let mut program = match assemble(&case.program, &tables::helper_number) {
        Ok(program) => program,
        Err(error) => return format!("does not assemble: {error}"),
    };
    let maps = tables::maps();
    resolve(&mut program, &maps);
    let program_type = ["skb", "small", "verdict"].into_iter().find(|name| case.has(name));
    let env = tables::env(program_type.unwrap_or("xdp")).expect("the type is in the tables");
    let mut log = Log { level: if case.has("log 2") { 2 } else { 1 }, ..Log::default() };
    let license = if case.has("other license") { License::Other } else { License::Gpl };
    let functions = program.labels.iter().map(|(name, slot)| (*slot as u32, name.clone()));
    let result = verify(
        &Program {
            insns: &program.insns,
            maps: &maps,
            license,
            lines: &if case.has("lines") { lines(case, &program) } else { Vec::new() },
            functions: &functions.collect::<Vec<_>>(),
        },
        &env,
        &mut log,
    );
    let mut text = match &result {
        Ok(_) => "accepted\n".to_owned(),
        Err(error) => format!("{:?} at {}\n", error.errno, error.insn),
    };
    text.push_str(&log.text);
    if let (Ok(verified), true) = (&result, case.has("insns")) {
        for subprog in verified.subprogs() {
            writeln!(text, "{subprog:?}").expect("a String takes everything");
        }
        text.push_str(&kernel_program(verified.insns(), &NoNames, Opcodes::Hidden));
    }
    text.trim_end().to_owned()
}

/// Puts the indices of maps in place of their names.
fn resolve(program: &mut Assembly, maps: &[skep_verifier::Map]) {
    for symbol in &program.symbols {
        let index = maps.iter().position(|map| map.name == symbol.name);
        let insn = &mut program.insns[symbol.slot];
        insn.imm = index.unwrap_or_else(|| panic!("no map {}", symbol.name)) as i32;
        insn.src = if symbol.kind == SymbolKind::Map { 5 } else { 6 };
    }
}

/// Every instruction on the line that it is written on.
fn lines(case: &Case<'_>, program: &Assembly) -> Vec<Line> {
    let line = |(insn, line): (usize, &usize)| Line {
        insn: insn as u32,
        file: "dir/test.c".to_owned(),
        line: *line as u32,
        column: 1,
        text: format!("\t{}", case.program.lines().nth(line - 1).unwrap_or("").trim()),
    };
    program.lines.iter().enumerate().map(line).collect()
}

/// Checks a file of cases, or writes what they yield into it.
fn check(path: &Path) -> Result<usize, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let (intro, cases) = text.split_once("== ").ok_or("no case")?;
    let (mut blessed, mut wrong) = (intro.to_owned(), String::new());
    let cases: Vec<_> = cases.split("\n== ").map(Case::parse).collect();
    for case in &cases {
        let found = verdict(case);
        let settings = match case.settings.join(", ") {
            none if none.is_empty() => none,
            some => format!(" [{some}]"),
        };
        let Case { name, program, expected, .. } = case;
        write!(blessed, "== {name}{settings}\n{program}--\n{found}\n\n")
            .expect("a String takes everything");
        if found != *expected {
            write!(wrong, "{}: {name}\nexpected {expected}\nfound {found}\n", path.display())
                .expect("a String takes everything");
        }
    }
    if std::env::var_os("SKEP_BLESS").is_some() {
        fs::write(path, blessed.trim_end().to_owned() + "\n").map_err(|error| error.to_string())?;
        return Ok(cases.len());
    }
    if wrong.is_empty() { Ok(cases.len()) } else { Err(wrong) }
}

#[test]
fn every_program_has_its_verdict() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let (mut cases, mut wrong) = (0, String::new());
    for file in files {
        match check(&file) {
            Ok(count) => cases += count,
            Err(text) => wrong += &text,
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{cases} programs have their verdict");
}
