//! What a command is given: the session's kernel and the way to say something.

use std::cell::OnceCell;
use std::sync::Arc;

use anyhow::bail;
use skep_uapi::{Kernel, Machine};

use crate::kernel::{self, Choice, Chosen, Which};
use crate::output::Output;

/// What one command is given.
pub(crate) struct Context<'a> {
    pub(crate) session: &'a Session,
    pub(crate) output: Output,
}

/// What the commands of one process share: the kernel, chosen when the first command needs it.
pub(crate) struct Session {
    choice: Option<Choice>,
    trace: bool,
    batch: bool,
    chosen: OnceCell<Chosen>,
}

impl Session {
    /// A session of one command.
    pub(crate) fn new(choice: Option<Choice>, trace: bool) -> Session {
        Session { choice, trace, batch: false, chosen: OnceCell::new() }
    }

    /// A session of several commands, which an object of the user-space kernel may outlive.
    pub(crate) fn batch(&self) -> Session {
        Session { choice: self.choice, trace: self.trace, batch: true, chosen: OnceCell::new() }
    }

    fn chosen(&self) -> &Chosen {
        self.chosen.get_or_init(|| kernel::choose(self.choice.unwrap_or_default(), self.trace))
    }
}

impl Context<'_> {
    /// The kernel, for a command that is done when it ends.
    pub(crate) fn kernel(&self) -> &Arc<dyn Kernel> {
        &self.session.chosen().kernel
    }

    /// The kernel, for a command (`map create`) whose effect must outlive it, or that shows what
    /// others left. The user-space kernel ends with the process, so there such a command makes
    /// sense in a batch only.
    pub(crate) fn lasting_kernel(&self, command: &str) -> anyhow::Result<&Arc<dyn Kernel>> {
        let chosen = self.session.chosen();
        if chosen.which == Which::User && !self.session.batch {
            bail!(
                "`skep {command}` needs a kernel that outlives the command, and the user-space \
                 kernel ends with it; use `skep run` for one program, `skep batch FILE` for \
                 several commands, or --kernel linux"
            );
        }
        Ok(&chosen.kernel)
    }

    /// The simulated machine that the kernel runs.
    pub(crate) fn machine(&self, command: &str) -> anyhow::Result<&Arc<dyn Machine>> {
        self.lasting_kernel(command)?;
        match &self.session.chosen().machine {
            Some(machine) => Ok(machine),
            None => bail!(
                "`skep {command}` is for virtual devices, and the devices of {} are real ones; use \
                 --kernel user, or make devices with `ip link add` and send packets there",
                self.which().title()
            ),
        }
    }

    /// Which kernel it is.
    pub(crate) fn which(&self) -> Which {
        self.session.chosen().which
    }

    /// The kernel for a run of one program: a private one in user space, unless another one was
    /// named.
    pub(crate) fn private_kernel(&self) -> Chosen {
        let choice = match self.session.choice {
            Some(Choice::Linux) => Choice::Linux,
            _ => Choice::User,
        };
        kernel::choose(choice, self.session.trace)
    }
}
