//! Runs the commands of a golden file and compares.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::transcript::Runner;

/// Runs the commands of `tests/cli/NAME.txt` and compares what they print.
pub(crate) fn check(name: &str) {
    let tmp = tempfile::tempdir().expect("a temporary directory can be made");
    compare(name, &mut Shell(tmp.path()));
}

/// The same, with whatever runs the commands.
pub(crate) fn compare(name: &str, runner: &mut dyn Runner) {
    let path = skep_tests::root().join(format!("tests/cli/{name}.txt"));
    let golden = fs::read_to_string(&path).expect("the golden file is there");
    let mut found = String::new();
    for line in golden.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            // Writing to a String cannot fail.
            let _ = writeln!(found, "$ {command}\n{}", runner.run(command));
        } else if line.starts_with("# ") {
            let _ = writeln!(found, "{line}");
        }
    }
    let found = format!("{}\n", found.trim_end());
    if std::env::var_os("SKEP_BLESS").is_some() {
        fs::write(&path, found).expect("the golden file can be written");
    } else if found != golden {
        panic!("{}: {}", path.display(), first_difference(&golden, &found));
    }
}

/// Runs commands in a shell, with this temporary directory.
struct Shell<'a>(&'a Path);

impl Runner for Shell<'_> {
    fn run(&mut self, command: &str) -> String {
        run(command, self.0)
    }
}

/// What one command prints, in the form of the golden files.
fn run(command: &str, tmp: &Path) -> String {
    let tmp = tmp.display().to_string();
    let skep = skep_tests::skep();
    let dir = skep.parent().expect("a program lies in a directory").to_owned();
    let command = command.replace("{tmp}", &tmp).replace("{bin}", &dir.display().to_string());
    let output = Command::new("sh")
        .arg("-c")
        .arg(&command)
        .current_dir(skep_tests::root())
        .env("PATH", path_beginning_with(dir))
        .env("LC_ALL", "C")
        .env("XDG_RUNTIME_DIR", &tmp)
        .env_remove("SKEP_KERNEL")
        .stdin(Stdio::null())
        .output()
        .expect("the command can be started");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let _ = writeln!(text, "! {line}");
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => {
            let _ = writeln!(text, "= {code}");
        }
        None => text.push_str("= killed\n"),
    }
    without_times(&text.replace(&tmp, "{tmp}"))
}

/// `skep` is found before whatever else the machine has under this name.
fn path_beginning_with(dir: PathBuf) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = [dir].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(dirs).expect("no directory of PATH holds a colon")
}

/// Times differ from run to run, so they become `T` and `N`.
fn without_times(text: &str) -> String {
    let text = replace(text, " packets in ", " ms, ", "T");
    let text = replace(&text, " ms, ", " packets/s", "N");
    let text = replace(&text, "\"time_ns\":", ",", "T");
    replace(&text, "\"packets_per_second\":", ",", "N")
}

/// Puts `letter` for what stands between two markers in one line, wherever that is a number.
fn replace(text: &str, before: &str, after: &str, letter: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(before);
        match part.split_once(after) {
            Some((number, rest)) if number.trim().parse::<f64>().is_ok() => {
                out.extend([letter, after, rest]);
            }
            _ => out.push_str(part),
        }
    }
    out
}

fn first_difference(golden: &str, found: &str) -> String {
    let pairs = golden.lines().zip(found.lines()).enumerate();
    let differs = pairs.into_iter().find(|(_, (golden, found))| golden != found);
    let (at, expect, is) = match differs {
        Some((index, (golden, found))) => (index + 1, golden, found),
        None => {
            let lines = golden.lines().count().min(found.lines().count());
            let end = "the end";
            let next = |text: &'_ str| text.lines().nth(lines).map(str::to_owned);
            let (golden, found) = (next(golden), next(found));
            return format!(
                "line {}: expected {}, found {}",
                lines + 1,
                golden.unwrap_or_else(|| end.to_owned()),
                found.unwrap_or_else(|| end.to_owned())
            );
        }
    };
    format!("line {at}: expected\n  {expect}\nfound\n  {is}\nall that was found:\n{found}")
}
