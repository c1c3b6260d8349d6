//! `skep prog`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::tools;
use crate::transcript::{self, Place, same_as_bpftool, skep};

const COUNTER: &str = "examples/xdp-counter/xdp-counter.bpf.o";

#[test]
fn transcript() {
    transcript::check("prog", None);
}

/// Every program of every object of the examples and tests that Linux takes.
#[test]
fn programs_of_objects_equal_bpftool() {
    const NAME: &str = "prog programs_of_objects_equal_bpftool";
    if !tools::is_installed("bpftool", NAME) {
        return;
    }
    skep_tests::on_linux_alone(NAME, "bpftool knows Linux only", |subject| {
        let bpffs = subject.bpffs();
        let pins = tools::load_all(&bpffs);
        let place = Place { bpf: bpffs.path(""), tmp: Path::new("."), netns: None };
        assert!(pins.programs.len() > 10, "the objects have programs");
        for program in &pins.programs {
            let same = |before: &[&str], behind: &[&str]| {
                let words = [before, &["pinned", program], behind].concat();
                same_as_bpftool(&place, &words);
            };
            same(&["prog", "show"], &[]);
            same(&["-j", "prog", "show"], &[]);
            // Each dump reads all symbols of the kernel, so not all combinations are tried.
            same(&["prog", "dump", "xlated"], &[]);
            same(&["prog", "dump", "xlated"], &["linum"]);
            same(&["-j", "prog", "dump", "xlated"], &["opcodes"]);
            same(&["-p", "prog", "dump", "xlated"], &["linum"]);
        }
    });
}

/// The image is what the kernel gave, to the byte.
#[test]
fn images_equal_bpftool() {
    const NAME: &str = "prog images_equal_bpftool";
    if !tools::is_installed("bpftool", NAME) {
        return;
    }
    skep_tests::on_linux_alone(NAME, "bpftool knows Linux only", |subject| {
        let bpffs = subject.bpffs();
        let tmp = tempfile::tempdir().expect("a temporary directory");
        let place = Place { bpf: bpffs.path(""), tmp: tmp.path(), netns: None };
        let pin = bpffs.path("counter");
        skep(&place, "linux", &format!("prog load {COUNTER} {pin}"));
        let [ours, theirs] = ["ours", "theirs"].map(|name| tmp.path().join(name));
        let words = format!("prog dump xlated pinned {pin} file");
        skep(&place, "linux", &format!("{words} {}", ours.display()));
        let mut bpftool = place.command(Path::new("bpftool"));
        let status = bpftool.args(words.split(' ')).arg(&theirs).status();
        assert!(status.is_ok_and(|status| status.success()));
        let read = |path| std::fs::read(path).expect("it was written");
        assert_eq!(read(&ours), read(&theirs));
    });
}

/// Machine code is shown as bytes where a kernel has some, and is missed where it has none.
#[test]
fn machine_code_is_shown_or_missed() {
    skep_tests::on_every_kernel("prog machine_code_is_shown_or_missed", |subject| {
        let bpffs = subject.bpffs();
        let place = Place { bpf: bpffs.path(""), tmp: Path::new("."), netns: None };
        if subject.name == "linux" {
            let pin = bpffs.path("counter");
            skep(&place, "linux", &format!("prog load {COUNTER} {pin}"));
            let text = skep(&place, "linux", &format!("prog dump jited pinned {pin}"));
            let bytes = text.lines().filter_map(|line| line.split_once(": "));
            let bytes = bytes.map(|(_, bytes)| bytes.split(' ').count()).sum::<usize>();
            let shown = skep(&place, "linux", &format!("prog show pinned {pin}"));
            assert!(shown.contains(&format!("  jited {bytes}B  ")), "{shown}\n{text}");
            return;
        }
        let line = format!(
            "printf 'prog load {COUNTER} /sys/fs/bpf/x\\nprog dump jited pinned /sys/fs/bpf/x\\n' \
             | \"$0\" --kernel user batch -"
        );
        let output =
            place.command(Path::new("sh")).arg("-c").arg(line).arg(skep_tests::skep()).output();
        let output = output.expect("a shell can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("count_packets (id 1) has no machine code"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    });
}

/// Scene 6: what `prog load` asks of the kernel, feature probes apart.
#[test]
fn loading_is_one_load_and_one_pin() {
    skep_tests::on_every_kernel("prog loading_is_one_load_and_one_pin", |subject| {
        let bpffs = subject.bpffs();
        let linux = subject.name == "linux";
        let pin = if linux { bpffs.path("test") } else { "/sys/fs/bpf/test".to_owned() };
        let place = Place { bpf: bpffs.path(""), tmp: Path::new("."), netns: None };
        let traced = if linux {
            let mut skep = place.command(&skep_tests::skep());
            let words = ["--kernel", "linux", "--trace-bpf", "prog", "load", COUNTER, &pin];
            skep.args(words).output()
        } else {
            let line = format!(
                "echo prog load {COUNTER} {pin} | \"$0\" --kernel user --trace-bpf batch -"
            );
            place.command(Path::new("sh")).arg("-c").arg(line).arg(skep_tests::skep()).output()
        };
        let traced = traced.expect("skep can be started");
        let text = String::from_utf8_lossy(&traced.stderr);
        assert!(traced.status.success(), "{text}");
        let count = |command: &str| text.matches(command).count();
        assert_eq!((count("BPF_PROG_LOAD"), count("BPF_OBJ_PIN")), (1, 1), "{text}");
        if linux {
            let names: Vec<_> = subject.list(&bpffs.path("")).expect("it is mounted");
            assert!(names.iter().any(|entry| entry.name == "test"), "{names:?}");
        }
    });
}

/// What programs print is read back, line by line, and in JSON as strings.
#[test]
fn what_programs_print_is_read_back() {
    const NAME: &str = "prog what_programs_print_is_read_back";
    skep_tests::on_every_kernel(NAME, |subject| match (subject.name, subject.trace_pipe()) {
        ("user", _) => tracelog_of_a_batch(),
        ("linux", Ok(pipe)) => tracelog_on_linux(pipe.tracefs().expect("Linux has a tracefs")),
        ("linux", Err(reason)) => skep_tests::not_run(&format!("{NAME} on linux"), &reason),
        // The command has no kernel behind a socket of the test's.
        _ => {}
    });
}

fn tracelog_of_a_batch() {
    let run = "prog run tests/cli/print.s data_in README.md";
    for option in ["", "-j"] {
        let line = format!("printf '{run}\\n{run}\\nprog tracelog\\n' | \"$0\" {option} batch -");
        let place = Place { bpf: String::new(), tmp: Path::new("."), netns: None };
        let mut shell = place.command(Path::new("sh"));
        shell.arg("-c").arg(line).arg(skep_tests::skep()).env("SKEP_KERNEL", "user");
        let output = shell.output().expect("a shell can be started");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.matches("bpf_trace_printk: hi 7").count(), 2, "{text}");
        let ends = if option == "-j" { "hi 7\"" } else { "hi 7\n" };
        assert_eq!(text.matches(ends).count(), 2, "{text}");
    }
}

/// On Linux the log has no end: it is read as far as the lines that are awaited. A mount that only
/// this `skep` sees puts the test's own buffer in the place of the machine's.
fn tracelog_on_linux(tracefs: &Path) {
    let place = Place { bpf: String::new(), tmp: Path::new("."), netns: None };
    for option in ["", "-j"] {
        skep(&place, "linux", "prog run tests/cli/print.s data_in README.md");
        let script = "mount --bind \"$1\" /sys/kernel/tracing && exec \"$0\" $2 prog tracelog";
        let mut child = place
            .command(Path::new("unshare"))
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .arg(skep_tests::skep())
            .arg(tracefs)
            .arg(option)
            .env("SKEP_KERNEL", "linux")
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare can be started");
        let out = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let end =
            if option == "-j" { "bpf_trace_printk: hi 7\"" } else { "bpf_trace_printk: hi 7" };
        let found = out.lines().map_while(Result::ok).any(|line| line.ends_with(end));
        // It reads on until it is stopped, unless it has failed already.
        let _ = child.kill();
        let status = child.wait();
        assert!(found, "{status:?}");
    }
}
