//! Links: attachments that have a life of their own.

use std::sync::Arc;

use skep_uapi::{Command, Errno, Kernel, LinkCreate, LinkInfo};

use crate::ids::{self, ById, Ids};
use crate::{Error, Handle, ObjectKind, Prog};

/// A link, open. Dropping the last handle of a link that is not pinned detaches it.
#[derive(Debug)]
pub struct Link {
    handle: Handle,
}

impl Link {
    /// Attaches a program; `doing` says it for messages, and costs something only there.
    pub(crate) fn create(
        kernel: &Arc<dyn Kernel>,
        link: LinkCreate<'_>,
        doing: impl FnOnce() -> String,
    ) -> Result<Link, Error> {
        let mut command = Command::LinkCreate(link);
        let handle = Handle::from_command(kernel, &mut command)
            .map_err(|errno| Error::Command { doing: doing(), errno })?;
        Ok(Link { handle })
    }

    /// Opens the link with this id.
    pub fn from_id(kernel: &Arc<dyn Kernel>, id: u32) -> Result<Link, Error> {
        let mut command = Command::LinkGetFdById { link_id: id };
        let handle = Handle::from_command(kernel, &mut command);
        Ok(Link { handle: handle.map_err(Error::failed(format!("open link id {id}")))? })
    }

    /// Opens the link behind a pin.
    pub fn from_pin(kernel: &Arc<dyn Kernel>, path: &str) -> Result<Link, Error> {
        Ok(Link::from_handle(Handle::from_pin(kernel, path)?.expect(path, ObjectKind::Link)?))
    }

    /// Takes over a descriptor of a link.
    pub fn from_handle(handle: Handle) -> Link {
        Link { handle }
    }

    /// Every link that the kernel holds.
    pub fn all(kernel: &Arc<dyn Kernel>) -> Ids<Link> {
        Ids::new(kernel)
    }

    /// The descriptor.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What the kernel says about it now: detaching and updating change it.
    pub fn info(&self) -> Result<LinkInfo, Error> {
        let info = self.handle.kernel().link_info(self.handle.fd());
        info.map_err(Error::failed("describe the link"))
    }

    /// Exchanges the program, provided that it is `old` where that is given.
    pub fn update(&self, new: &Prog, old: Option<&Prog>) -> Result<(), Error> {
        let mut command = Command::LinkUpdate {
            link_fd: self.handle.fd(),
            new_fd: new.handle().fd(),
            // BPF_F_REPLACE: the descriptor of the old program counts.
            flags: if old.is_some() { 1 << 2 } else { 0 },
            old_fd: old.map(|old| old.handle().fd()),
        };
        let done = self.handle.kernel().bpf(&mut command);
        done.map(drop).map_err(Error::failed("exchange the program of the link"))
    }

    /// Detaches the program; the link stays, with nothing attached.
    pub fn detach(&self) -> Result<(), Error> {
        let mut command = Command::LinkDetach { link_fd: self.handle.fd() };
        let done = self.handle.kernel().bpf(&mut command);
        done.map(drop).map_err(Error::failed("detach the link"))
    }

    /// Gives it a name in a BPF file system, so that it outlives its owner.
    pub fn pin(&self, path: &str) -> Result<(), Error> {
        self.handle.pin(path)
    }
}

impl ById for Link {
    const KIND: &'static str = "link";

    fn next_id(kernel: &dyn Kernel, start_id: u32) -> Result<u32, Errno> {
        ids::next_id(kernel, |next_id| Command::LinkGetNextId { start_id, next_id })
    }

    fn open(kernel: &Arc<dyn Kernel>, id: u32) -> Result<Link, Error> {
        Link::from_id(kernel, id)
    }
}
