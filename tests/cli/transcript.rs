//! Transcripts of the nouns: the same words and the same answers on every kernel.
//!
//! A file `tests/cli/NAME.txt` holds commands, each behind `$ skep `, and what they print, as the
//! other golden files do. Every command is a process of its own, and what they share is in
//! `{bpf}`: on Linux a BPF file system of the test's own, on the user-space kernel, which lives in
//! its server, any directory. Without a server that kernel ends with its process, so there a
//! command runs as the last line of a batch, behind all those before it that went well. What
//! differs by machine and kernel (ids, times, sizes of code) is taken out.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::golden;

/// Where the commands of one transcript run.
pub(crate) struct Place<'a> {
    /// A BPF file system, or a directory in one.
    pub(crate) bpf: String,
    /// A directory for files.
    pub(crate) tmp: &'a Path,
    /// A network namespace for the commands that run on Linux.
    pub(crate) netns: Option<&'a str>,
}

/// Plays `tests/cli/NAME.txt` on each kernel of this machine.
pub(crate) fn check(name: &str, netns: Option<&dyn Fn() -> Result<Netns, String>>) {
    skep_tests::on_every_kernel(&format!("cli {name}"), |subject| {
        let tmp = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(tmp.path().join("packet"), [0; 64]).expect("the directory is writable");
        let place = |bpf, netns| Place { bpf, tmp: tmp.path(), netns };
        if subject.name == "remote user" {
            let dir = tmp.path().join("bpf");
            std::fs::create_dir(&dir).expect("the directory is writable");
            let dir = dir.to_str().expect("the path of a temporary directory is text").to_owned();
            let mut server = Each { place: place(dir, None), kernel: "user" };
            return golden::compare(name, &mut server);
        }
        if subject.name != "linux" {
            return golden::compare(name, &mut UserKernel::new(place("/sys/fs/bpf".into(), None)));
        }
        let netns = match netns.map(|make| make()).transpose() {
            Ok(netns) => netns,
            Err(reason) => return skep_tests::not_run(&format!("cli {name} on linux"), &reason),
        };
        let bpffs = subject.bpffs();
        let dir = bpffs.path("").trim_end_matches('/').to_owned();
        let netns = netns.as_ref().map(|netns| netns.0.as_str());
        golden::compare(name, &mut Each { place: place(dir, netns), kernel: "linux" });
    });
}

/// Something that runs the commands of a golden file.
pub(crate) trait Runner {
    /// What one command prints, in the form of the golden files.
    fn run(&mut self, command: &str) -> String;
}

/// Every command is a process of its own; the user-space kernel is in a server.
struct Each<'a> {
    place: Place<'a>,
    kernel: &'a str,
}

impl Runner for Each<'_> {
    fn run(&mut self, command: &str) -> String {
        let words = self.place.words(command);
        let mut skep = self.place.command(&skep_tests::skep());
        let output = skep.args(["--kernel", self.kernel]).args(words).output();
        self.place.shown(&output.expect("skep can be started"))
    }
}

impl Drop for Each<'_> {
    /// What is attached without a link would keep the server.
    fn drop(&mut self) {
        if self.kernel == "user" {
            let _ = self.place.command(&skep_tests::skep()).args(["kernel", "stop"]).output();
        }
    }
}

/// The commands so far that went well, and what they printed.
struct UserKernel<'a> {
    place: Place<'a>,
    batch: String,
    printed: String,
}

impl<'a> UserKernel<'a> {
    fn new(place: Place<'a>) -> UserKernel<'a> {
        UserKernel { place, batch: String::new(), printed: String::new() }
    }

    fn batch(&self, options: &[&str], batch: &str) -> Output {
        let mut skep = self.place.command(&skep_tests::skep());
        skep.args(["--kernel", "user"]).args(options).args(["batch", "-"]);
        let mut child = skep
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("skep can be started");
        let mut stdin = child.stdin.take().expect("it was asked for");
        stdin.write_all(batch.as_bytes()).expect("skep reads its input to the end");
        drop(stdin);
        child.wait_with_output().expect("skep ends")
    }
}

impl Runner for UserKernel<'_> {
    fn run(&mut self, command: &str) -> String {
        let words = self.place.words(command);
        if let Some(words) = words.strip_prefix(&["-j".to_owned()]) {
            let output = self.batch(&["-j"], &format!("{}{}\n", self.batch, words.join(" ")));
            let text = self.place.shown(&output);
            // Of all that a batch tells in JSON, the answer to the last command.
            let last = text.rsplit("\"output\":").next().unwrap_or_default();
            return last.replacen("}]\n", "\n", 1);
        }
        let batch = format!("{}{}\n", self.batch, words.join(" "));
        let output = self.batch(&[], &batch);
        let text = self.place.shown(&output);
        let text = text.replacen(&format!("processed {} commands\n", batch.lines().count()), "", 1);
        let printed = text.strip_prefix(&self.printed).map(str::to_owned);
        let printed = printed.unwrap_or_else(|| format!("not what came before:\n{text}"));
        if output.status.success() {
            self.batch = batch;
            self.printed = text;
        }
        printed
    }
}

impl Place<'_> {
    /// The words behind `skep`, with this place's paths.
    fn words(&self, command: &str) -> Vec<String> {
        let words = command.split_whitespace().skip(1);
        let tmp = self.tmp.to_str().expect("the path of a temporary directory is text");
        words.map(|word| word.replace("{bpf}", &self.bpf).replace("{tmp}", tmp)).collect()
    }

    /// A command that runs here. With a network of its own it has processes of its own too, so
    /// that nobody sees what other tests hold for a moment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = match self.netns {
            Some(netns) => {
                let mut ip = Command::new("ip");
                ip.args(["netns", "exec", netns, "unshare", "--pid", "--fork", "--mount-proc"]);
                ip.arg(program);
                ip
            }
            None => Command::new(program),
        };
        command.current_dir(skep_tests::root()).env("NO_COLOR", "1").env_remove("SKEP_KERNEL");
        // A server of the user's own is none of the tests' business.
        command.env("XDG_RUNTIME_DIR", self.tmp);
        command.stdin(Stdio::null());
        command
    }

    /// In the form of the golden files, the same on every kernel.
    fn shown(&self, output: &Output) -> String {
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "! {line}");
        }
        if let Some(code @ 1..) = output.status.code() {
            let _ = writeln!(text, "= {code}");
        }
        let tmp = self.tmp.to_str().expect("the path of a temporary directory is text");
        let text = text.replace(&self.bpf, "{bpf}").replace(tmp, "{tmp}");
        // Which of the two has spoken is the only difference of a rejection.
        let rejected = |by| format!("was rejected by {by}");
        normal(&text.replace(&rejected("the user-space kernel"), &rejected("Linux")))
    }
}

/// What is left out, from one text to another: what only one kernel tells, or only in its way.
const LEFT_OUT: &[(&str, &str)] = &[
    ("stdin:", ": "),
    ("loaded_at ", "  "),
    ("\"loaded_at\":", ","),
    ("  memlock ", "B"),
    ("\"bytes_memlock\":", ","),
    ("  jited ", "B"),
    ("  not jited", ""),
    ("\"jited\":", ","),
    ("\"bytes_jited\":", ","),
];

/// Numbers that differ stand behind these.
const NUMBERS: &[&str] = &[
    " id ",
    "(id ",
    "[id:",
    "\"id\":",
    "btf_id ",
    "\"btf_id\":",
    " link ",
    " prog ",
    " map ",
    " btf ",
    "\"prog_id\":",
    "prog_ids ",
    "\"prog_ids\":[",
    "map_ids ",
    "  size ",
    "\"size\":",
    "\"map_ids\":[",
    "xlated ",
    "\"bytes_xlated\":",
    "duration: ",
    "duration (average): ",
    "\"duration\":",
];

fn normal(text: &str) -> String {
    let mut text = text.to_owned();
    for (from, to) in LEFT_OUT {
        while let Some(start) = text.find(from) {
            let behind = &text[start + from.len()..];
            let end = behind.find(to).map_or(text.len(), |at| start + from.len() + at + to.len());
            text.replace_range(start..end, "");
        }
    }
    for before in NUMBERS {
        let mut parts = text.split(before);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            out.push_str(before);
            out.push_str(&numbers(part));
        }
        text = out;
    }
    // An object's first line begins with its id.
    let line = |line: &str| match line.split_once(": ") {
        Some((id, _)) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{}\n", numbers(line))
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The list of numbers at the beginning as one `N`.
fn numbers(text: &str) -> String {
    let mut rest = text;
    while let Some(behind) = rest.strip_prefix(|c: char| c.is_ascii_digit()) {
        // A comma that no number follows is not the list's.
        let next =
            behind.strip_prefix(',').filter(|next| next.starts_with(|c: char| c.is_ascii_digit()));
        rest = next.unwrap_or(behind);
    }
    if rest.len() == text.len() { text.to_owned() } else { format!("N{rest}") }
}

/// A network namespace, deleted when dropped.
pub(crate) struct Netns(pub(crate) String);

impl Netns {
    /// Makes one, with nothing but a loopback device in it.
    pub(crate) fn new() -> Result<Netns, String> {
        // Tests of one process run side by side.
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let netns = Netns(format!("skep-cli-{}-{number}", std::process::id()));
        let output = Command::new("ip").args(["netns", "add", &netns.0]).output();
        let output = output.map_err(|error| format!("ip of iproute2: {error}"))?;
        if output.status.success() {
            return Ok(netns);
        }
        Err(format!("ip netns add: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).output();
    }
}

/// Runs commands in one process on the user-space kernel, all of which must go well; what they
/// print.
pub(crate) fn user_batch(options: &[&str], lines: &[&str]) -> String {
    let place = Place { bpf: "/sys/fs/bpf".into(), tmp: Path::new("."), netns: None };
    let output = UserKernel::new(place).batch(options, &lines.join("\n"));
    assert!(output.status.success(), "{lines:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that must go well; what it prints.
pub(crate) fn skep(place: &Place<'_>, kernel: &str, words: &str) -> String {
    let mut command = place.command(&skep_tests::skep());
    let output = command.args(["--kernel", kernel]).args(words.split(' ')).output();
    let output = output.expect("skep can be started");
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs the same words with bpftool and with us, and wants the same answer.
pub(crate) fn same_as_bpftool(place: &Place<'_>, words: &[&str]) {
    let run = |program: &Path, options: &[&str]| {
        let output = place.command(program).args(options).args(words).output();
        let output = output.expect("the tool can be started");
        assert!(output.status.success(), "{} {words:?}", program.display());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let theirs = run(Path::new("bpftool"), &[]);
    // It gives up in the middle of a value that it has no form for.
    if theirs.contains("(unsupported-kind") {
        return;
    }
    let ours = || run(&skep_tests::skep(), &["--kernel", "linux"]);
    // A process that waits between reading the uptime and the clock sees the start too late, and a
    // program loaded in the next second. That is chance, and does not happen again and again.
    let tries = if theirs.contains("loaded_at") { 5 } else { 1 };
    let ours = (1..tries).map(|_| ours()).find(|ours| *ours == theirs).unwrap_or_else(ours);
    assert_eq!(ours, theirs, "{words:?}");
}
