//! `skep kernel status` and `skep kernel stop`.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use skep_btf::Value;
use skep_remote::{Client, Place};
use skep_uapi::{Command, Errno, Kernel};

use crate::context::Context;
use crate::kernel::{Which, told};

/// How long a server may take to end.
const END: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// A server that runs.
struct Running {
    pid: Pid,
    client: Client,
}

pub(super) fn status(context: &Context<'_>) -> anyhow::Result<()> {
    let socket = socket(context)?;
    let path = socket.display().to_string();
    let Some(server) = Running::find(&socket)? else {
        if context.output.is_json() {
            let fields = [("running", Value::Bool(false)), ("socket", path.as_str().into())];
            return context.output.json(Value::object(fields));
        }
        return context.output.text(&format!("no kernel is served at {path}\n"));
    };
    let which = if server.client.has_machine() { Which::User } else { Which::Linux };
    let [progs, maps, links] = server.counts()?;
    let cpus = server.client.possible_cpus().context("cannot ask for the CPUs")?;
    let pid = server.pid.as_raw_pid().cast_unsigned();
    if context.output.is_json() {
        return context.output.json(Value::object([
            ("running", Value::Bool(true)),
            ("socket", path.as_str().into()),
            ("pid", pid.into()),
            ("kernel", which.word().into()),
            ("cpus", cpus.into()),
            ("progs", progs.into()),
            ("maps", maps.into()),
            ("links", links.into()),
        ]));
    }
    context.output.text(&format!(
        "{} is served at {path} by process {pid}\n{cpus} CPUs, {progs} programs, {maps} maps, \
         {links} links\n",
        which.title()
    ))
}

/// Whoever wants no server may be told that there was none, but that is no failure.
pub(super) fn stop(context: &Context<'_>) -> anyhow::Result<()> {
    let socket = socket(context)?;
    let Some(Running { pid, client }) = Running::find(&socket)? else {
        return tell(context, None);
    };
    let what = || format!("cannot stop process {}", pid.as_raw_pid());
    let process = pidfd_open(pid, PidfdFlags::empty()).with_context(what)?;
    drop(client);
    pidfd_send_signal(&process, Signal::TERM).with_context(what)?;
    let mut fds = [PollFd::new(&process, PollFlags::IN)];
    let ended = poll(&mut fds, Some(&END)).with_context(what)?;
    anyhow::ensure!(ended > 0, "process {} does not end; kill it", pid.as_raw_pid());
    tell(context, Some(pid))
}

fn tell(context: &Context<'_>, stopped: Option<Pid>) -> anyhow::Result<()> {
    let pid = stopped.map(|pid| pid.as_raw_pid().cast_unsigned());
    if context.output.is_json() {
        let pid = pid.map_or(Value::Null, Value::from);
        return context.output.json(Value::object([("stopped", pid)]));
    }
    match pid {
        Some(pid) => context.output.text(&format!("stopped process {pid}\n")),
        None => context.output.text("no kernel is served\n"),
    }
}

fn socket(context: &Context<'_>) -> anyhow::Result<PathBuf> {
    match context.socket() {
        Some(path) => Ok(path.to_owned()),
        None => Ok(Place::of_user().map_err(told)?.socket()),
    }
}

impl Running {
    /// None: there is nobody.
    fn find(socket: &std::path::Path) -> anyhow::Result<Option<Running>> {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        let stream = match UnixStream::connect(socket) {
            Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => return Ok(None),
            other => other.with_context(|| format!("cannot reach {}", socket.display()))?,
        };
        let pid = socket_peercred(&stream).context("cannot ask who serves")?.pid;
        Ok(Some(Running { pid, client: Client::new(stream).map_err(told)? }))
    }

    /// How many programs, maps and links there are.
    fn counts(&self) -> anyhow::Result<[u64; 3]> {
        let progs = self.count(|start_id, next_id| Command::ProgGetNextId { start_id, next_id })?;
        let maps = self.count(|start_id, next_id| Command::MapGetNextId { start_id, next_id })?;
        let links = self.count(|start_id, next_id| Command::LinkGetNextId { start_id, next_id })?;
        Ok([progs, maps, links])
    }

    fn count(&self, ask: impl Fn(u32, &mut u32) -> Command<'_>) -> anyhow::Result<u64> {
        let (mut count, mut id) = (0, 0);
        loop {
            let mut next = 0;
            match self.client.bpf(&mut ask(id, &mut next)) {
                Ok(_) => (count, id) = (count + 1, next),
                Err(Errno::ENOENT) => return Ok(count),
                Err(errno) => return Err(errno).context("cannot count objects"),
            }
        }
    }
}
