//! Pins: names that keep objects alive, in one of the two places that a kernel is made with.

mod bpffs;
mod files;
mod watch;

use skep_uapi::{Command, Entry, Errno};

use crate::fd::{MapAccess, Object};
use crate::kernel::Pinning;
use bpffs::Bpffs;
use files::PinFiles;

pub(crate) use bpffs::MOUNT;

/// The pins of a kernel.
#[derive(Debug)]
pub(crate) enum Pins {
    /// In a file system of the kernel's own.
    Private(Bpffs),
    /// In directories of the host.
    Files(PinFiles),
}

impl Pins {
    pub(crate) fn new(pinning: Pinning) -> Pins {
        match pinning {
            Pinning::Private => Pins::Private(Bpffs::default()),
            Pinning::Files => Pins::Files(PinFiles::new()),
        }
    }

    /// Whether a path is one that pins may be at.
    pub(crate) fn covers(&self, path: &str) -> bool {
        match self {
            Pins::Private(_) => Bpffs::covers(path),
            Pins::Files(_) => !crate::files::covers(path),
        }
    }

    /// Gives an object a name.
    pub(crate) fn pin(&self, path: &str, object: Object) -> Result<(), Errno> {
        match self {
            Pins::Private(bpffs) => bpffs.pin(path, object),
            Pins::Files(files) => files.pin(path, object),
        }
    }

    /// The object behind a name. `flags` say what may be done with it.
    pub(crate) fn get(&self, path: &str, flags: u32) -> Result<Object, Errno> {
        let access = MapAccess::from_flags(flags)?;
        let object = match self {
            Pins::Private(bpffs) => bpffs.get(path)?,
            Pins::Files(files) => files.get(path, access)?,
        };
        match object {
            Object::Map(map, _) => Ok(Object::Map(map, access)),
            // A link is always opened for both (seen on 6.18); programs take either flag.
            Object::Link(_) if access != MapAccess::ALL => Err(Errno::EINVAL),
            object => Ok(object),
        }
    }

    /// Where the pins are now, a path a line, where they may be in any directory.
    pub(crate) fn paths(&self) -> Result<String, Errno> {
        match self {
            Pins::Private(_) => Err(Errno::ENOENT),
            Pins::Files(files) => Ok(files.paths()),
        }
    }

    /// The entries of a directory.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>, Errno> {
        match self {
            Pins::Private(bpffs) => bpffs.list(path),
            Pins::Files(_) => files::list(path),
        }
    }

    /// Makes a directory.
    pub(crate) fn mkdir(&self, path: &str) -> Result<(), Errno> {
        match self {
            Pins::Private(bpffs) => bpffs.mkdir(path),
            Pins::Files(_) => files::mkdir(path),
        }
    }

    /// Removes a pin or an empty directory.
    pub(crate) fn remove(&self, path: &str) -> Result<(), Errno> {
        match self {
            Pins::Private(bpffs) => bpffs.remove(path),
            Pins::Files(files) => files.remove(path),
        }
    }

    /// Lets go of what was unpinned by others than this kernel: by `rm`.
    pub(crate) fn sweep(&self) {
        if let Pins::Files(files) = self {
            files.sweep();
        }
    }
}

/// Whether a command's answer can tell whether there is a pin. A command that is given the
/// descriptors of all that it is about cannot: these keep their objects themselves.
pub(crate) fn matter_to(command: &Command<'_>) -> bool {
    !matches!(
        command,
        Command::MapLookupElem { .. }
            | Command::MapUpdateElem { .. }
            | Command::MapDeleteElem { .. }
            | Command::MapGetNextKey { .. }
            | Command::MapLookupAndDeleteElem { .. }
            | Command::MapLookupBatch(_)
            | Command::MapLookupAndDeleteBatch(_)
            | Command::MapUpdateBatch { .. }
            | Command::MapDeleteBatch { .. }
            | Command::MapFreeze { .. }
            | Command::ObjGetInfoByFd { .. }
            | Command::ProgTestRun(_)
    )
}
