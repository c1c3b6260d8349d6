//! Which kernel: this is the only place that knows both.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use skep_kernel::UserKernel;
use skep_linux::Linux;
use skep_remote::{Client, Error, Place};
use skep_uapi::{Kernel, Machine, Traced};

use crate::service;

/// What `--kernel` and `SKEP_KERNEL` take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Linux where the process may use bpf(2), else the kernel in user space.
    #[default]
    Auto,
    /// The Linux that the process stands on.
    Linux,
    /// A kernel in user space.
    User,
    /// Whatever is served at a socket.
    Socket(PathBuf),
}

/// Where the kernel in user space lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In this process, and it ends with it.
    Private,
    /// In the user's server, which is started where there is none.
    Shared,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(word: &str) -> Result<Choice, String> {
        match word {
            "auto" => Ok(Choice::Auto),
            "linux" => Ok(Choice::Linux),
            "user" => Ok(Choice::User),
            _ => match word.strip_prefix("unix:") {
                Some(path) if !path.is_empty() => Ok(Choice::Socket(path.into())),
                _ => Err("expected auto, linux, user or unix:PATH".to_owned()),
            },
        }
    }
}

/// Which kernel it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The host's.
    Linux,
    /// The one in user space.
    User,
}

/// The kernel.
pub(crate) struct Chosen {
    pub(crate) kernel: Arc<dyn Kernel>,
    pub(crate) which: Which,
    /// The simulated machine, if it is one.
    pub(crate) machine: Option<Arc<dyn Machine>>,
}

/// Finds or makes the kernel; `auto` says on stderr which one it took, and why.
pub(crate) fn choose(choice: &Choice, home: Home, trace: bool) -> anyhow::Result<Chosen> {
    let chosen = match choice {
        Choice::Linux => linux(),
        Choice::User => user(home)?,
        Choice::Socket(path) => served(Client::connect(path).map_err(told)?),
        Choice::Auto => match Linux::permitted() {
            Ok(()) => linux(),
            Err(errno) => {
                say(&format!("using the user-space kernel: Linux refuses bpf(2): {errno}"));
                user(home)?
            }
        },
    };
    if !trace {
        return Ok(chosen);
    }
    let traced = Traced::new(Arc::clone(&chosen.kernel), Box::new(io::stderr()));
    Ok(Chosen { kernel: Arc::new(traced), ..chosen })
}

fn linux() -> Chosen {
    Chosen { kernel: Arc::new(Linux::new()), which: Which::Linux, machine: None }
}

fn user(home: Home) -> anyhow::Result<Chosen> {
    match home {
        Home::Private => {
            let kernel = Arc::new(UserKernel::default());
            let machine: Arc<dyn Machine> = Arc::clone(&kernel) as _;
            Ok(Chosen { kernel, which: Which::User, machine: Some(machine) })
        }
        Home::Shared => {
            let place = Place::of_user().map_err(told)?;
            Ok(served(place.connect_or_start(service::start).map_err(told)?))
        }
    }
}

/// Errors of the connection name their cause in their own message.
pub(crate) fn told(error: Error) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

/// Behind a socket, only the kernel in user space has a machine.
fn served(client: Client) -> Chosen {
    let has_machine = client.has_machine();
    let kernel = Arc::new(client);
    if has_machine {
        let machine: Arc<dyn Machine> = Arc::clone(&kernel) as _;
        Chosen { kernel, which: Which::User, machine: Some(machine) }
    } else {
        Chosen { kernel, which: Which::Linux, machine: None }
    }
}

/// A remark, which is lost where stderr is closed.
pub(crate) fn say(remark: &str) {
    let _ = writeln!(io::stderr(), "skep: {remark}");
}

impl Which {
    /// In words.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Which::Linux => "Linux",
            Which::User => "the user-space kernel",
        }
    }

    /// As `--kernel` has it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Which::Linux => "linux",
            Which::User => "user",
        }
    }
}
