//! A descriptor that closes itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use skep_uapi::{Command, Errno, Fd, Kernel};

use crate::Error;

/// An open descriptor of a kernel, closed when dropped.
pub struct Handle {
    kernel: Arc<dyn Kernel>,
    fd: Fd,
}

/// What kind of object a descriptor is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A program.
    Prog,
    /// A map.
    Map,
    /// A link.
    Link,
}

impl Handle {
    /// Takes over a descriptor.
    pub fn new(kernel: &Arc<dyn Kernel>, fd: Fd) -> Handle {
        Handle { kernel: Arc::clone(kernel), fd }
    }

    /// Opens a pin, whatever it holds.
    pub fn from_pin(kernel: &Arc<dyn Kernel>, path: &str) -> Result<Handle, Error> {
        let mut command = Command::ObjGet { pathname: path, path_fd: None, file_flags: 0 };
        Handle::from_command(kernel, &mut command).map_err(Error::failed(format!("open {path}")))
    }

    /// Runs a command whose result is a descriptor.
    pub(crate) fn from_command(
        kernel: &Arc<dyn Kernel>,
        command: &mut Command<'_>,
    ) -> Result<Handle, Errno> {
        let fd = kernel.bpf(command).map(Fd::from_result)?;
        Ok(Handle::new(kernel, fd))
    }

    /// The descriptor, which stays this handle's.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// The kernel that it is of.
    pub fn kernel(&self) -> &Arc<dyn Kernel> {
        &self.kernel
    }

    /// Gives the object a name in a BPF file system.
    pub fn pin(&self, path: &str) -> Result<(), Error> {
        let mut command =
            Command::ObjPin { pathname: path, bpf_fd: self.fd, path_fd: None, file_flags: 0 };
        let done = self.kernel.bpf(&mut command).map(drop);
        done.map_err(|errno| Error::Pin { path: path.to_owned(), errno })
    }

    /// What kind of object it is.
    ///
    /// The info command cannot tell: Linux fills the layout of whatever object it finds. What
    /// the descriptor's own file says can, and each kind names itself there by a field.
    pub fn kind(&self) -> Result<ObjectKind, Error> {
        let fields = self.fdinfo();
        // A link's file names its program's type too, so the link comes first.
        if fields.contains_key("link_type") {
            return Ok(ObjectKind::Link);
        } else if fields.contains_key("prog_type") {
            return Ok(ObjectKind::Prog);
        } else if fields.contains_key("map_type") {
            return Ok(ObjectKind::Map);
        }
        self.kind_by_info()
    }

    /// What the descriptor's own file says, by field (`memlock`, `frozen`); nothing on a kernel
    /// without such files.
    pub fn fdinfo(&self) -> BTreeMap<String, String> {
        let text = self.kernel.file(&format!("/proc/self/fdinfo/{}", self.fd)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }

    /// A kernel without fdinfo files checks that the wanted info is the object's own kind.
    fn kind_by_info(&self) -> Result<ObjectKind, Error> {
        let (kernel, fd) = (&self.kernel, self.fd);
        if kernel.map_info(fd).is_ok() {
            Ok(ObjectKind::Map)
        } else if kernel.prog_info(fd, skep_uapi::ProgInfo::default()).is_ok() {
            Ok(ObjectKind::Prog)
        } else {
            let known = kernel.link_info(fd).map(|_| ObjectKind::Link);
            known.map_err(Error::failed(format!("tell the kind of descriptor {fd}")))
        }
    }

    /// Fails unless the object behind a pin is of this kind.
    pub(crate) fn expect(self, path: &str, expected: ObjectKind) -> Result<Handle, Error> {
        let found = self.kind()?;
        if found == expected {
            return Ok(self);
        }
        let (expected, found) = (expected.word(), found.word().to_owned());
        Err(Error::Kind { path: path.to_owned(), expected, found })
    }
}

impl ObjectKind {
    /// The word that tools use.
    pub const fn word(self) -> &'static str {
        match self {
            ObjectKind::Prog => "prog",
            ObjectKind::Map => "map",
            ObjectKind::Link => "link",
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.kernel.close(self.fd);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.fd).finish()
    }
}
