//! What a command is given: the session's kernel and the way to say something.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use skep_uapi::{Kernel, Machine};

use crate::kernel::{self, Choice, Chosen, Home, Which};
use crate::output::Output;

/// What one command is given.
pub(crate) struct Context<'a> {
    pub(crate) session: &'a Session,
    pub(crate) output: Output,
}

/// What the commands of one process share: the kernel, chosen when the first command needs it.
pub(crate) struct Session {
    choice: Choice,
    trace: bool,
    /// Several commands on one kernel: in user space that is one of their own.
    batch: bool,
    chosen: OnceCell<Chosen>,
}

impl Session {
    /// A session of one command.
    pub(crate) fn new(choice: Choice, trace: bool) -> Session {
        Session { choice, trace, batch: false, chosen: OnceCell::new() }
    }

    /// A session of several commands.
    pub(crate) fn batch(&self) -> Session {
        Session {
            choice: self.choice.clone(),
            batch: true,
            ..Session::new(Choice::Auto, self.trace)
        }
    }

    fn chosen(&self) -> anyhow::Result<&Chosen> {
        if let Some(chosen) = self.chosen.get() {
            return Ok(chosen);
        }
        let home = if self.batch { Home::Private } else { Home::Shared };
        let chosen = kernel::choose(&self.choice, home, self.trace)?;
        Ok(self.chosen.get_or_init(|| chosen))
    }
}

impl Context<'_> {
    /// The kernel. What a command leaves in it is there for the next one: the one in user space
    /// lives in the user's server, or, in a batch, as long as the batch.
    pub(crate) fn kernel(&self) -> anyhow::Result<&Arc<dyn Kernel>> {
        Ok(&self.session.chosen()?.kernel)
    }

    /// The simulated machine that the kernel runs.
    pub(crate) fn machine(&self, command: &str) -> anyhow::Result<&Arc<dyn Machine>> {
        let chosen = self.session.chosen()?;
        match &chosen.machine {
            Some(machine) => Ok(machine),
            None => bail!(
                "`skep {command}` is for virtual devices, and the devices of {} are real ones; use \
                 --kernel user, or make devices with `ip link add` and send packets there",
                chosen.which.title()
            ),
        }
    }

    /// Which kernel it is.
    pub(crate) fn which(&self) -> anyhow::Result<Which> {
        Ok(self.session.chosen()?.which)
    }

    /// The kernel for a run of one program: a private one in user space, unless another one was
    /// named.
    pub(crate) fn private_kernel(&self) -> anyhow::Result<Chosen> {
        let choice = match &self.session.choice {
            Choice::Auto => &Choice::User,
            named => named,
        };
        kernel::choose(choice, Home::Private, self.session.trace)
    }

    /// The socket that was named by `--kernel unix:PATH`.
    pub(crate) fn socket(&self) -> Option<&Path> {
        match &self.session.choice {
            Choice::Socket(path) => Some(path),
            _ => None,
        }
    }
}
