//! A user with a directory of his own, in which the server of his user-space kernel lives.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, geteuid, pidfd_open};
use skep_tests::{not_run, root};

/// The user that root becomes to be an ordinary one.
pub(crate) const ORDINARY: u32 = 65534;

/// A user's directory. The server in it is stopped in the end.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    skep: PathBuf,
    uid: u32,
}

/// Runs `test` as this process's user, and where that is root as an ordinary user too.
pub(crate) fn as_every_user(name: &str, test: impl Fn(&Home)) {
    test(&Home::of(geteuid().as_raw()));
    match ordinary() {
        Some(home) => test(&home),
        None => not_run(&format!("{name} as another user"), "only root can become another user"),
    }
}

/// The home of an ordinary user, who is not this process's.
pub(crate) fn ordinary() -> Option<Home> {
    geteuid().is_root().then(|| Home::of(ORDINARY))
}

impl Home {
    /// With the program, an object and a capture in it, since the user may not read where this
    /// process has them.
    pub(crate) fn of(uid: u32) -> Home {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home { skep: dir.path().join("program"), dir, uid };
        // By another process: a child of a test beside this one could have the new file open for
        // writing, and then nobody may execute it.
        let copied = Command::new("cp").arg(skep_tests::skep()).arg(&home.skep).status();
        assert!(copied.expect("cp can be started").success(), "the program can be copied");
        for file in ["xdp-counter.bpf.o", "ping.pcap"] {
            let from = root().join("examples/xdp-counter").join(file);
            fs::copy(from, home.dir.path().join(file)).expect("the examples are committed");
        }
        chown(home.dir.path(), Some(uid), Some(uid)).expect("only root asks for another user");
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command of the user's on his user-space kernel, in his directory.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut skep = Command::new(&self.skep);
        skep.args(words).current_dir(self.dir.path()).env("SKEP_KERNEL", "user");
        skep.env("XDG_RUNTIME_DIR", self.dir.path()).stdin(Stdio::null());
        if self.uid != geteuid().as_raw() {
            skep.uid(self.uid).gid(self.uid);
        }
        skep
    }

    /// What a line, split at blanks, does.
    pub(crate) fn output(&self, line: &str) -> Output {
        let words: Vec<&str> = line.split(' ').collect();
        self.command(&words).output().expect("skep can be started")
    }

    /// What a command prints, which must go well.
    pub(crate) fn ok(&self, line: &str) -> String {
        let output = self.output(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{line}: {said}");
        String::from_utf8(output.stdout).expect("skep prints text")
    }

    /// What a command that must fail says.
    pub(crate) fn fails(&self, line: &str) -> String {
        let output = self.output(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).expect("skep says text")
    }

    /// The server's process.
    pub(crate) fn server(&self) -> Pid {
        let status = self.ok("kernel status --json");
        let after = status.split("\"pid\":").nth(1).expect("a server runs");
        let digits = after.trim_start().split(|c: char| !c.is_ascii_digit()).next();
        let pid = digits.and_then(|digits| digits.parse().ok()).and_then(Pid::from_raw);
        pid.expect("the status has the number of a process")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A test that has failed must not hide that by panicking here.
        let _ = self.command(&["kernel", "stop"]).output();
    }
}

/// Waits until a process has ended.
pub(crate) fn ends(pid: Pid, act: impl FnOnce()) {
    let process = pidfd_open(pid, PidfdFlags::empty()).expect("the process runs");
    act();
    let mut fds = [PollFd::new(&process, PollFlags::IN)];
    let most = Timespec { tv_sec: 30, tv_nsec: 0 };
    assert_eq!(poll(&mut fds, Some(&most)), Ok(1), "the process goes on");
}
