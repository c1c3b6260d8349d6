//! What a kernel holds, by id.

use std::marker::PhantomData;
use std::sync::Arc;

use skep_uapi::{Command, Errno, Kernel};

use crate::Error;

/// Every object of one kind that a kernel holds, in the order of ids.
///
/// One that vanishes between two calls is left out. After an error nothing more comes.
pub struct Ids<T> {
    kernel: Arc<dyn Kernel>,
    last: u32,
    ended: bool,
    kind: PhantomData<fn() -> T>,
}

/// A kind of object that has ids.
pub(crate) trait ById: Sized {
    /// For messages.
    const KIND: &'static str;
    /// The smallest id above `start_id`.
    fn next_id(kernel: &dyn Kernel, start_id: u32) -> Result<u32, Errno>;
    /// Opens one.
    fn open(kernel: &Arc<dyn Kernel>, id: u32) -> Result<Self, Error>;
}

impl<T> Ids<T> {
    pub(crate) fn new(kernel: &Arc<dyn Kernel>) -> Ids<T> {
        Ids { kernel: Arc::clone(kernel), last: 0, ended: false, kind: PhantomData }
    }
}

impl<T: ById> Iterator for Ids<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Result<T, Error>> {
        while !self.ended {
            match T::next_id(&*self.kernel, self.last) {
                Ok(id) => self.last = id,
                Err(Errno::ENOENT) => break,
                Err(errno) => {
                    self.ended = true;
                    let doing = format!("list {}s", T::KIND);
                    return Some(Err(Error::Command { doing, errno }));
                }
            }
            match T::open(&self.kernel, self.last) {
                Err(error) if error.errno() == Some(Errno::ENOENT) => {}
                other => return Some(other),
            }
        }
        self.ended = true;
        None
    }
}

/// Runs one of the commands that give the next id.
pub(crate) fn next_id(
    kernel: &dyn Kernel,
    command: impl FnOnce(&mut u32) -> Command<'_>,
) -> Result<u32, Errno> {
    let mut id = 0;
    kernel.bpf(&mut command(&mut id))?;
    Ok(id)
}
