//! Type information that a kernel holds.

use std::sync::Arc;

use skep_uapi::{BtfInfo, Command, Errno, Kernel};

use crate::ids::{self, ById, Ids};
use crate::{Error, Handle};

/// Type information that a kernel holds, open.
#[derive(Debug)]
pub struct BtfObject {
    handle: Handle,
}

/// What a kernel says about type information that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BtfFacts {
    /// Its id.
    pub id: u32,
    /// `vmlinux`, a module's name, or nothing.
    pub name: String,
    /// Bytes of the section.
    pub bytes: usize,
    /// Whether it is the kernel's own or a module's.
    pub kernel: bool,
}

impl BtfObject {
    /// Loads type information; a refusal comes with the kernel's log.
    pub fn load(kernel: &Arc<dyn Kernel>, btf: &[u8]) -> Result<BtfObject, (Errno, String)> {
        let load = |log_level, log_buf: &mut [u8]| {
            let mut log_true_size = 0;
            let log_true_size = &mut log_true_size;
            let (flags, token_fd) = (0, None);
            let mut command =
                Command::BtfLoad { btf, log_level, log_buf, log_true_size, flags, token_fd };
            Handle::from_command(kernel, &mut command)
        };
        match load(0, &mut []) {
            Ok(handle) => Ok(BtfObject { handle }),
            // Without the right to load there is nothing to be learnt from a second try.
            Err(errno @ (Errno::EPERM | Errno::ENOSYS)) => Err((errno, String::new())),
            Err(errno) => {
                let mut log = vec![0; 1 << 16];
                match load(1, &mut log) {
                    Ok(handle) => Ok(BtfObject { handle }),
                    Err(_) => Err((errno, crate::rejection::text(&log))),
                }
            }
        }
    }

    /// Opens the type information with this id.
    pub fn from_id(kernel: &Arc<dyn Kernel>, id: u32) -> Result<BtfObject, Error> {
        let mut command = Command::BtfGetFdById { btf_id: id, open_flags: 0 };
        let handle = Handle::from_command(kernel, &mut command);
        Ok(BtfObject { handle: handle.map_err(Error::failed(format!("open BTF id {id}")))? })
    }

    /// Everything of the kind that the kernel holds.
    pub fn all(kernel: &Arc<dyn Kernel>) -> Ids<BtfObject> {
        Ids::new(kernel)
    }

    /// The descriptor.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What the kernel says about it.
    pub fn facts(&self) -> Result<BtfFacts, Error> {
        let mut name = [0; 64];
        let info = self.info(BtfInfo { name: &mut name, ..BtfInfo::default() })?;
        let (id, bytes, kernel) = (info.id, info.btf_size as usize, info.kernel_btf);
        Ok(BtfFacts { id, name: crate::rejection::text(&name), bytes, kernel })
    }

    /// The types.
    pub fn types(&self) -> Result<skep_btf::Btf, Error> {
        let info = self.info(BtfInfo::default())?;
        let id = info.id;
        let mut btf = vec![0; info.btf_size as usize];
        self.info(BtfInfo { btf: &mut btf, ..BtfInfo::default() })?;
        skep_btf::Btf::parse(&btf).map_err(|source| Error::Btf { id, source })
    }

    fn info<'a>(&self, room: BtfInfo<'a>) -> Result<BtfInfo<'a>, Error> {
        let info = self.handle.kernel().btf_info(self.handle.fd(), room);
        info.map_err(Error::failed("describe the type information"))
    }
}

impl ById for BtfObject {
    const KIND: &'static str = "btf";

    fn next_id(kernel: &dyn Kernel, start_id: u32) -> Result<u32, Errno> {
        ids::next_id(kernel, |next_id| Command::BtfGetNextId { start_id, next_id })
    }

    fn open(kernel: &Arc<dyn Kernel>, id: u32) -> Result<BtfObject, Error> {
        BtfObject::from_id(kernel, id)
    }
}
