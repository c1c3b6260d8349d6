//! Clients that are killed at any point of their work leave nothing in the server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, geteuid};
use skep_remote::{Place, is_empty};

use crate::home::Home;

/// How many cycles, unless `SKEP_CYCLES` says so.
const CYCLES: u32 = 40;
/// How many of a client's bpf(2) commands there may be before it is killed; more than it makes,
/// so that some live.
const COMMANDS: u64 = 12;

#[test]
fn killed_clients_leave_nothing() {
    let cycles = std::env::var("SKEP_CYCLES").ok().and_then(|count| count.parse().ok());
    let cycles = cycles.unwrap_or(CYCLES);
    let user = Home::of(geteuid().as_raw());
    user.ok("prog show");
    let server = user.server();
    // A connection keeps the server from ending.
    let place = Place::at(user.path("skep")).expect("the server's directory");
    let kernel = place.connect().expect("the server runs");

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut before = None;
    let mut killed = 0;
    for cycle in 0..cycles {
        killed += killed_at(&user, "prog load xdp-counter.bpf.o counter pinmaps .", &mut random);
        killed += killed_at(&user, "net attach xdp pinned counter dev lo", &mut random);
        clean(&user);
        // The first cycles bring what the server keeps: threads' stacks, room for messages.
        if cycle == cycles / 10 {
            before = Some(Held::of(server));
        }
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    // A request of a client that is dead may still be under way.
    while !is_empty(&kernel, Some(&kernel)) {
        assert!(Instant::now() < deadline, "{}", user.ok("tree"));
        clean(&user);
        thread::yield_now();
    }
    let (before, after) = (before.expect("there are cycles"), Held::of(server));
    println!("{cycles} cycles, {killed} clients killed: {before:?}, then {after:?}");
    assert!(after.descriptors <= before.descriptors + 2, "{before:?}, then {after:?}");
    assert!(after.memory_kib <= before.memory_kib + 2048, "{before:?}, then {after:?}");
}

/// Starts a command and kills it after some of its bpf(2) commands, unless it has ended by then;
/// how many were killed.
fn killed_at(user: &Home, line: &str, random: &mut Random) -> u32 {
    let words: Vec<&str> = ["--trace-bpf"].into_iter().chain(line.split(' ')).collect();
    let mut command = user.command(&words);
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut client = command.spawn().expect("skep can be started");
    let stderr = client.stderr.take().expect("it was asked for");
    let most = usize::try_from(random.next() % COMMANDS).expect("a small number");
    let lines = BufReader::new(stderr).lines().take(most);
    let seen = lines.map_while(Result::ok).count();
    client.kill().expect("it was not waited for");
    client.wait().expect("it was not waited for");
    u32::from(seen == most)
}

/// Takes away whatever the clients left, which may be nothing.
fn clean(user: &Home) {
    for pin in ["counter", "my_map"] {
        let _ = fs::remove_file(user.path(pin));
    }
    let _ = user.output("net detach xdp dev lo");
}

/// What a process holds.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    memory_kib: u64,
}

impl Held {
    fn of(pid: Pid) -> Held {
        let proc = format!("/proc/{}", pid.as_raw_pid());
        let descriptors = fs::read_dir(format!("{proc}/fd")).expect("the server runs").count();
        let status = fs::read_to_string(format!("{proc}/status")).expect("the server runs");
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        Held { descriptors, memory_kib: memory.expect("a process has memory") }
    }
}

/// Numbers without order, the same ones in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }
}
