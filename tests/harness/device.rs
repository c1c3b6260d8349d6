//! A network interface of the test's own: on Linux in a network namespace of its own.

use std::env;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::remote::{remote_linux, remote_user};
use crate::{Subject, linux, not_run, user};

/// Set in the process that runs a test inside its namespace.
const INSIDE: &str = "SKEP_TEST_NETNS";

/// Runs `test` on each kernel with the index of an interface that nobody else uses.
///
/// A network namespace belongs to a thread, and moving one there takes unsafe code. So on Linux
/// the test's program is started once more, inside the namespace, with `name` as the only test;
/// `name` must be the test's full path.
pub fn on_every_kernel_with_device(name: &str, test: impl Fn(&Subject, u32)) {
    if env::var_os(INSIDE).is_some() {
        let subject = linux(name).expect("it was there outside");
        let ifindex = index_of(DEVICE).expect("the outer process has made it");
        test(&subject, ifindex);
        drop(subject);
        return test(&remote_linux(), ifindex);
    }
    if linux(name).is_some() {
        match Netns::new() {
            Ok(netns) => netns.run(name),
            Err(reason) => not_run(&format!("{name} on linux"), &reason),
        }
    }
    for subject in [user(), remote_user()] {
        let ifindex = subject.add_device(DEVICE);
        test(&subject, ifindex);
    }
}

const DEVICE: &str = "skep0";

fn index_of(device: &str) -> Option<u32> {
    std::fs::read_to_string(format!("/sys/class/net/{device}/ifindex")).ok()?.trim().parse().ok()
}

/// A network namespace with the two ends of a veth pair, deleted when dropped.
struct Netns(String);

impl Netns {
    fn new() -> Result<Netns, String> {
        // `cargo test` runs all tests of a file in one process.
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let netns = Netns(format!("skep-test-{}-{number}", std::process::id()));
        let name = netns.0.as_str();
        ip(&["netns", "add", name])?;
        let pair = ["type", "veth", "peer", "name", "skep1"];
        ip(&[&["-n", name, "link", "add", DEVICE][..], &pair[..]].concat())?;
        ip(&["-n", name, "link", "set", DEVICE, "up"])?;
        ip(&["-n", name, "link", "set", "skep1", "up"])?;
        Ok(netns)
    }

    fn run(&self, test: &str) {
        let program = env::current_exe().expect("the path of the test's own program");
        let output = Command::new("ip")
            .args(["netns", "exec", &self.0])
            .arg(program)
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .expect("ip has just run");
        let Output { status, stdout, stderr } = output;
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(stdout.contains("1 passed"), "{test} on linux: {status}\n{stdout}\n{stderr}");
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("ip of iproute2: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("ip {}: {words}", arguments.join(" ")))
}
