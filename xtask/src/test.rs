//! All checks in one go: what `make test` and `make lint` call.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};

/// Formatting, lints, and the rules of the house.
pub(crate) fn lint(root: &Path) -> Result<ExitCode> {
    let mut report = Report::default();
    lint_stages(root, &mut report)?;
    report.stage(root, "tidy", &["xtask", "tidy"])?;
    Ok(report.end())
}

/// Everything: formatting, lints, examples in the documentation, random inputs, tests.
pub(crate) fn all(root: &Path) -> Result<ExitCode> {
    let mut report = Report::default();
    lint_stages(root, &mut report)?;
    report.stage(root, "doc tests", &["test", "--quiet", "--locked", "--workspace", "--doc"])?;
    let fuzz = ["run", "--quiet", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"];
    report.stage(root, "fuzz", &[&fuzz[..], &["--", "--share", "100"]].concat())?;
    if has(root, "nextest") {
        let tests = ["nextest", "run", "--locked", "--workspace", "--profile", "report"];
        report.stage(root, "tests", &tests)?;
        report.read_junit(root);
    } else {
        let tests = ["test", "--locked", "--workspace", "--no-fail-fast", "--all-targets", "--"];
        report.stage(root, "tests", &[&tests[..], &["--show-output"]].concat())?;
    }
    Ok(report.end())
}

fn lint_stages(root: &Path, report: &mut Report) -> Result<()> {
    if has(root, "fmt") {
        report.stage(root, "formatting", &["fmt", "--all", "--check"])?;
    } else {
        report.not_run.push("formatting: cargo has no fmt".into());
    }
    if has(root, "clippy") {
        let clippy = ["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--"];
        report.stage(root, "clippy", &[&clippy[..], &["-D", "warnings"]].concat())?;
    } else {
        report.not_run.push("clippy: cargo has no clippy".into());
    }
    Ok(())
}

/// Whether cargo knows a command.
fn has(root: &Path, command: &str) -> bool {
    let output = Command::new("cargo").current_dir(root).args([command, "--version"]).output();
    output.is_ok_and(|output| output.status.success())
}

/// What is said at the end.
#[derive(Default)]
struct Report {
    failed: Vec<String>,
    /// `NAME: REASON` of what this machine cannot run.
    not_run: Vec<String>,
    /// nextest's own last words.
    summary: Option<String>,
    /// What `cargo test` says of each file of tests, added up.
    results: Results,
}

impl Report {
    /// Runs cargo, shows what it says, and keeps what the end of the report needs of it.
    fn stage(&mut self, root: &Path, name: &str, cargo: &[&str]) -> Result<()> {
        println!("== {name}: cargo {}", cargo.join(" "));
        // Both outputs of the runner in one pipe, so that their order is kept.
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let mut child = Command::new("cargo")
            .current_dir(root)
            .args(cargo)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .context("cannot start cargo")?;
        for line in BufReader::new(reader).lines() {
            let line = line?;
            println!("{line}");
            self.keep(&line);
        }
        if !child.wait()?.success() {
            self.failed.push(name.to_owned());
        }
        Ok(())
    }

    fn keep(&mut self, line: &str) {
        let line = line.trim();
        if let Some(test) = line.strip_prefix("not run: ") {
            self.not_run.push(test.to_owned());
        } else if line.starts_with("Summary [") {
            self.summary = Some(line.to_owned());
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.results.add(result);
        }
    }

    /// What passing tests said: nextest does not show it.
    fn read_junit(&mut self, root: &Path) {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
        let path = root.join(target).join("nextest/report/report.xml");
        let Ok(report) = std::fs::read_to_string(path) else { return };
        for line in report.lines() {
            if let Some((_, test)) = line.split_once("not run: ") {
                let test = test.split("</").next().unwrap_or_default();
                let plain = test.replace("&quot;", "\"").replace("&apos;", "'");
                let plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
                self.not_run.push(plain);
            }
        }
    }

    fn end(mut self) -> ExitCode {
        self.not_run.sort();
        self.not_run.dedup();
        println!("== end");
        for test in &self.not_run {
            println!("not run: {test}");
        }
        for stage in &self.failed {
            println!("failed: {stage}");
        }
        println!("{} not run on this machine", self.not_run.len());
        match &self.summary {
            Some(summary) => println!("{summary}"),
            None => println!("{}", self.results),
        }
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[derive(Default)]
struct Results {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Results {
    /// Adds `ok. 3 passed; 0 failed; 0 ignored; 0 measured; ...`.
    fn add(&mut self, result: &str) {
        let counts = result.split(". ").nth(1).unwrap_or_default();
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Results {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Results { passed, failed, ignored } = self;
        let word = if *failed == 0 { "ok" } else { "FAILED" };
        write!(f, "test result: {word}. {passed} passed; {failed} failed; {ignored} ignored")
    }
}

#[cfg(test)]
mod tests {
    use super::Results;

    #[test]
    fn results_add_up() {
        let mut results = Results::default();
        results
            .add("ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        assert_eq!(results.to_string(), "test result: ok. 3 passed; 0 failed; 1 ignored");
        results.add("FAILED. 1 passed; 2 failed; 0 ignored; 0 measured");
        assert_eq!(results.to_string(), "test result: FAILED. 4 passed; 2 failed; 1 ignored");
    }
}
