//! Which kernel: this is the only place that knows both.

use std::io::{self, Write as _};
use std::sync::Arc;

use clap::ValueEnum;
use skep_kernel::UserKernel;
use skep_linux::Linux;
use skep_uapi::{Kernel, Machine, Traced};

/// What `--kernel` and `SKEP_KERNEL` take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// Linux where the process may use bpf(2), else the kernel in user space
    #[default]
    Auto,
    /// The Linux that the process stands on
    Linux,
    /// A kernel in user space, which ends with the process
    User,
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

/// Makes the kernel; `auto` says on stderr which one it took, and why.
pub(crate) fn choose(choice: Choice, trace: bool) -> Chosen {
    let chosen = match choice {
        Choice::Linux => linux(),
        Choice::User => user(),
        Choice::Auto => match Linux::permitted() {
            Ok(()) => linux(),
            Err(errno) => {
                say(&format!("using the user-space kernel: Linux refuses bpf(2): {errno}"));
                user()
            }
        },
    };
    if !trace {
        return chosen;
    }
    let traced = Traced::new(Arc::clone(&chosen.kernel), Box::new(io::stderr()));
    Chosen { kernel: Arc::new(traced), ..chosen }
}

fn linux() -> Chosen {
    Chosen { kernel: Arc::new(Linux::new()), which: Which::Linux, machine: None }
}

fn user() -> Chosen {
    let kernel = Arc::new(UserKernel::default());
    let machine: Arc<dyn Machine> = Arc::clone(&kernel) as _;
    Chosen { kernel, which: Which::User, machine: Some(machine) }
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
