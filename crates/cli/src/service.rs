//! `skep kernel`: the server that the user-space kernel lives in between commands.
//!
//! Nobody has to start it: a noun on the user-space kernel does, and it ends by itself when nothing
//! is left in it.

mod status;

use std::env;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use rustix::process::{geteuid, setsid};
use skep_kernel::{Config, Pinning, UserKernel};
use skep_linux::Linux;
use skep_remote::{Client, Error, Options, Place, Stop, is_empty, serve};
use skep_uapi::{Kernel, Machine};

use crate::context::Context;
use crate::kernel::told;
use crate::output::Form;
use crate::words::Usage;

/// The server that the user-space kernel lives in: status, run, stop
#[derive(ClapArgs, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// In which form to answer.
    pub(crate) fn form(&self) -> Form {
        match self.command {
            Command::Status(form) | Command::Stop(form) => form,
            Command::Run(_) => Form::default(),
        }
    }
}

/// What may stand behind the noun.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Whether a server runs, and what is in its kernel
    Status(Form),
    /// Serve a kernel in the foreground, until stopped
    Run(Run),
    /// End the server and all that is in a user-space kernel
    Stop(Form),
}

/// Serve a kernel in the foreground, until stopped
#[derive(ClapArgs, Debug)]
pub(crate) struct Run {
    /// The kernel to serve
    #[arg(long, value_enum, default_value_t = Over::User)]
    over: Over,
    /// Where to serve it, rather than where `--kernel user` looks
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// How many CPUs the user-space kernel has, rather than as many as may be used
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    cpus: Option<u32>,
    /// Another user to let in, who may then do there what the server's own user may, and read and
    /// write the same files
    #[arg(long, value_name = "UID", requires = "socket")]
    admit: Vec<u32>,
    /// The socket is stdin, and the server ends when nothing is left
    #[arg(long, hide = true, conflicts_with_all = ["socket", "over", "cpus"])]
    on_demand: bool,
}

/// What can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Over {
    /// A kernel in user space
    User,
    /// The Linux that the process stands on
    Linux,
}

/// How long a server that was started on demand stays with nothing in it: a chain of commands
/// meets the same one.
const LINGER: Duration = Duration::from_secs(1);

pub(crate) fn run(context: &Context<'_>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Status(_) => status::status(context),
        Command::Stop(_) => status::stop(context),
        Command::Run(run) if run.on_demand => on_demand(),
        Command::Run(run) => foreground(run),
    }
}

/// Starts the user's server on a socket that is bound already: a process of its own, which keeps
/// nothing of this one's terminal, directory and streams.
pub(crate) fn start(listener: UnixListener) -> io::Result<()> {
    // Whoever waits for the end of a pipe of ours must not wait for the server.
    let _ = Linux::keep_descriptors();
    let mut server = Process::new(env::current_exe()?);
    server.args(["kernel", "run", "--on-demand"]).current_dir("/").env_remove("SKEP_KERNEL");
    server.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).stderr(Stdio::null());
    server.spawn().map(drop)
}

fn on_demand() -> anyhow::Result<()> {
    let place = Place::of_user().map_err(told)?;
    let listener = UnixListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    if listener.local_addr()?.as_pathname() != Some(&*place.socket()) {
        bail!(Usage("--on-demand expects the user's socket as stdin; leave it out".into()));
    }
    let nothing = fs::File::open("/dev/null").context("cannot open /dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    // Fails where this process leads a session already, which is as well.
    let _ = setsid();
    let kernel = user(None);
    let options = ending_when_empty(place, &kernel);
    serve_as_own(&listener, kernel, options)
}

/// The server ends once its kernel has been empty for a while.
fn ending_when_empty(place: Place, kernel: &Arc<UserKernel>) -> Options {
    let usual = Options::default();
    let empty_since = Arc::new(Mutex::new(None::<Instant>));
    let (kernel, machine) = (Arc::clone(kernel), Arc::clone(kernel));
    let came = Arc::clone(&empty_since);
    Options {
        machine: Some(machine),
        patience: LINGER,
        admit: Box::new(move |peer| {
            *came.lock().unwrap_or_else(PoisonError::into_inner) = None;
            (usual.admit)(peer)
        }),
        is_idle: Some(Box::new(move || {
            let mut since = empty_since.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_empty(&*kernel, Some(&*kernel)) {
                *since = None;
                return false;
            }
            since.get_or_insert_with(Instant::now).elapsed() >= LINGER
        })),
        before_end: Box::new(move |listener| place.leave(listener)),
        ..Options::default()
    }
}

fn foreground(run: &Run) -> anyhow::Result<()> {
    if run.over == Over::Linux && run.socket.is_none() {
        bail!(Usage("a server over Linux needs a socket of its own: --socket PATH".into()));
    }
    let listener = match &run.socket {
        Some(path) => listen(path, if run.admit.is_empty() { 0o600 } else { 0o666 })?,
        None => Place::of_user().and_then(|place| place.listen()).map_err(told)?,
    };
    let (own, admitted) = (geteuid().as_raw(), run.admit.clone());
    let admit =
        Box::new(move |peer: skep_remote::Peer| peer.uid == own || admitted.contains(&peer.uid));
    match run.over {
        Over::Linux => {
            let options = Options { admit, ..Options::default() };
            serve_as_own(&listener, Arc::new(Linux::new()), options)
        }
        Over::User => {
            let kernel = user(run.cpus);
            let machine: Arc<dyn Machine> = Arc::clone(&kernel) as _;
            let options = Options { admit, machine: Some(machine), ..Options::default() };
            serve_as_own(&listener, kernel, options)
        }
    }
}

/// A kernel whose pins are files, as the pins of Linux are.
fn user(cpus: Option<u32>) -> Arc<UserKernel> {
    let usual = Config::default();
    let cpus = cpus.unwrap_or(usual.cpus);
    Arc::new(UserKernel::new(Config { cpus, pinning: Pinning::Files, ..usual }))
}

fn serve_as_own(
    listener: &UnixListener,
    kernel: Arc<dyn Kernel>,
    options: Options,
) -> anyhow::Result<()> {
    // Whoever asks the socket for its owner finds this process, not the one that bound it.
    rustix::net::listen(listener, 128).context("cannot listen")?;
    let stop = Stop::new().map_err(told)?;
    serve(listener, kernel, options, &stop).map_err(told)
}

/// A socket anywhere, in place of one that nobody serves any more.
fn listen(path: &Path, mode: u32) -> anyhow::Result<UnixListener> {
    let what = || format!("cannot make the socket {}", path.display());
    match Client::connect(path) {
        Err(Error::Connect { source, .. }) => match source.kind() {
            io::ErrorKind::NotFound => {}
            io::ErrorKind::ConnectionRefused => fs::remove_file(path).with_context(what)?,
            _ => return Err(source).with_context(what),
        },
        _ => Err(told(Error::InUse { path: path.to_owned() }))?,
    }
    let listener = UnixListener::bind(path).with_context(what)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(what)?;
    Ok(listener)
}
