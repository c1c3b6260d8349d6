//! Objects outlive the commands that make them: the user-space kernel lives in a server, as an
//! ordinary user has it, every command a process of its own.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, geteuid, kill_process};
use skep_linux::Linux;
use skep_tests::not_run;

use crate::home::{Home, ORDINARY, as_every_user, ends, ordinary};

#[test]
fn one_command_loads_another_attaches_a_third_feeds() {
    as_every_user("service::one_command_loads_another_attaches_a_third_feeds", |user| {
        user.ok("prog load xdp-counter.bpf.o counter pinmaps .");
        let shown = user.ok("prog show pinned counter");
        assert!(shown.starts_with("1: xdp  name count_packets"), "{shown}");
        assert_eq!(user.ok("prog show"), shown);
        user.ok("net attach xdp pinned counter dev lo");
        let fed = user.ok("dev feed lo ping.pcap");
        assert!(fed.contains("XDP_PASS"), "{fed}");
        let packets = fed.split_whitespace().nth(1).expect("the packets are counted");
        let dump = user.ok("--json map dump pinned my_map");
        let counts = dump.split("\"formatted\"").skip(1);
        let count = |text: &str| {
            let after = text.split("\"value\":").nth(1).expect("an element has a value");
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            after[..end].parse::<u64>().expect("it is a number")
        };
        assert_eq!(counts.map(count).sum::<u64>().to_string(), packets, "{dump}");

        // The attachment alone keeps the program, and the program its map.
        fs::remove_file(user.path("counter")).expect("it is a file of the user's");
        fs::remove_file(user.path("my_map")).expect("it is a file of the user's");
        assert_eq!(user.ok("prog show").lines().count(), shown.lines().count());
        assert!(user.ok("map show").starts_with("1: array"));
        user.ok("net detach xdp dev lo");
        assert_eq!((user.ok("prog show"), user.ok("map show")), <_>::default());
    });
}

#[test]
fn a_removed_pin_is_gone_before_the_next_answer() {
    as_every_user("service::a_removed_pin_is_gone_before_the_next_answer", |user| {
        user.ok("map create keep type array key 4 value 4 entries 1 name keep");
        for id in 2..12 {
            user.ok("map create pin type array key 4 value 4 entries 1 name m");
            assert!(user.ok(&format!("map show id {id}")).contains("name m"));
            fs::rename(user.path("pin"), user.path("moved")).expect("it is a file of the user's");
            user.ok("map show pinned moved");
            fs::copy(user.path("moved"), user.path("copy")).expect("it can be read");
            user.fails("map show pinned copy");
            fs::remove_file(user.path("moved")).expect("it is a file of the user's");
            let said = user.fails(&format!("map show id {id}"));
            assert!(said.contains("ENOENT"), "{said}");
        }
    });
}

#[test]
fn the_server_ends_when_nothing_is_left() {
    as_every_user("service::the_server_ends_when_nothing_is_left", |user| {
        user.ok("map create pin type array key 4 value 4 entries 1 name m");
        ends(user.server(), || fs::remove_file(user.path("pin")).expect("it is the user's"));
        assert!(user.ok("kernel status").starts_with("no kernel is served at "));
        user.ok("map show");
    });
}

#[test]
fn first_uses_at_once_make_one_server() {
    as_every_user("service::first_uses_at_once_make_one_server", |user| {
        let first = |n: u32| {
            let line = format!("map create pin{n} type array key 4 value 4 entries 1 name m{n}");
            let words: Vec<&str> = line.split(' ').collect();
            let mut skep = user.command(&words);
            skep.stderr(Stdio::piped()).spawn().expect("skep can be started")
        };
        let all: Vec<Child> = (0..8).map(first).collect();
        for one in all {
            let output = one.wait_with_output().expect("skep ends");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let status = user.ok("kernel status");
        assert!(status.contains(" 8 maps,"), "{status}");
    });
}

/// A pipe or a lock that its starter inherited would else be held for as long as it lives.
#[test]
fn the_server_holds_nothing_of_its_starter() {
    let user = Home::of(geteuid().as_raw());
    let line = "map create pin type array key 4 value 4 entries 1 name m";
    let skep = user.command(&line.split(' ').collect::<Vec<_>>());
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("exec 7>held; exec \"$0\" \"$@\"");
    shell.arg(skep.get_program()).args(skep.get_args()).current_dir(user.path(""));
    shell.envs(skep.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert!(shell.status().expect("sh can be started").success());
    let fds = fs::read_dir(format!("/proc/{}/fd", user.server().as_raw_pid()));
    let held = fds.expect("the server runs").filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    assert!(!held.into_iter().any(|path| path.ends_with("held")));
}

#[test]
fn another_user_is_refused() {
    let Some(user) = ordinary() else {
        return not_run("service::another_user_is_refused", "only root can become another user");
    };
    user.ok("map create pin type array key 4 value 4 entries 1 name m");
    let own = Home::of(0);
    own.ok("map create pin type array key 4 value 4 entries 1 name m");
    // Even root is another user, whom no directory keeps out.
    for (who, whose) in [(&own, &user), (&user, &own)] {
        let socket = whose.path("skep/kernel");
        let said = who.fails(&format!("--kernel unix:{} map show", socket.display()));
        assert!(said.contains("refuse") || said.contains("ermission denied"), "{said}");
    }
    assert!(user.ok("map show").contains("name m"));
}

#[test]
fn a_killed_server_is_replaced() {
    as_every_user("service::a_killed_server_is_replaced", |user| {
        user.ok("map create pin type array key 4 value 4 entries 1 name m");
        let server = user.server();
        ends(server, || kill_process(server, Signal::KILL).expect("it is the user's"));
        assert_eq!(user.ok("map show"), "");
        let said = user.fails("map show pinned pin");
        assert!(said.contains("another kernel has made this pin"), "{said}");
        fs::remove_file(user.path("pin")).expect("it is a file of the user's");
        user.ok("map create pin type array key 4 value 4 entries 1 name m");
        user.ok("map show pinned pin");
    });
}

#[test]
fn stop_ends_all() {
    as_every_user("service::stop_ends_all", |user| {
        assert_eq!(user.ok("kernel stop"), "no kernel is served\n");
        user.ok("map create pin type array key 4 value 4 entries 1 name m");
        let server = user.server();
        let said = user.ok("kernel stop");
        assert_eq!(said, format!("stopped process {}\n", server.as_raw_pid()));
        assert_eq!(user.ok("kernel stop"), "no kernel is served\n");
    });
}

/// Root shares Linux with one other user, who may not use bpf(2) himself.
#[test]
fn a_server_over_linux_lets_in_whom_it_is_told_to() {
    let name = "service::a_server_over_linux_lets_in_whom_it_is_told_to";
    let Some(user) = ordinary() else {
        return not_run(name, "only root can become another user");
    };
    if let Err(errno) = Linux::permitted() {
        return not_run(name, &format!("Linux refuses bpf(2): {errno}"));
    }
    let root = Home::of(0);
    let socket = user.path("shared");
    let socket = socket.to_str().expect("the path of a temporary directory is text");
    let line = format!("kernel run --over linux --socket {socket} --admit {ORDINARY}");
    let words: Vec<&str> = line.split(' ').collect();
    let mut server = root.command(&words).spawn().expect("skep can be started");
    let deadline = Instant::now() + Duration::from_secs(30);
    while root.ok(&format!("--kernel unix:{socket} kernel status")).starts_with("no kernel") {
        assert!(Instant::now() < deadline, "the server does not come");
        thread::yield_now();
    }
    let status = user.ok(&format!("--kernel unix:{socket} kernel status"));
    assert!(status.starts_with("Linux is served at "), "{status}");
    // A kernel of one's own has no such types.
    let types = user.ok(&format!("--kernel unix:{socket} btf show"));
    assert!(types.starts_with("1: name [vmlinux]"), "{types}");
    let said = user.fails(&format!("--kernel unix:{socket} dev list"));
    assert!(said.contains("the devices of Linux are real ones"), "{said}");
    root.ok(&format!("--kernel unix:{socket} kernel stop"));
    server.wait().expect("it was started here");
}

/// Generous, since other tests share the machine, and unoptimized code is not measured.
#[test]
fn a_command_takes_milliseconds() {
    let most = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 20 });
    let user = Home::of(geteuid().as_raw());
    user.ok("map create pin type array key 4 value 4 entries 1 name m");
    let time = || {
        let begin = Instant::now();
        user.ok("map lookup pinned pin key 0 0 0 0");
        begin.elapsed()
    };
    let mut times: Vec<Duration> = (0..31).map(|_| time()).collect();
    times.sort();
    let median = times[times.len() / 2];
    println!("a command from start to exit: {median:?}");
    assert!(median < most, "a command takes {median:?}");
}
