//! Pins made on the way, which are taken away again when the way ends early.

use std::sync::Arc;

use skep_uapi::{Errno, Kernel};

use crate::{Error, Handle};

/// The names given so far. Dropped without [`Pins::keep`], it removes them, the newest first.
pub(crate) struct Pins {
    kernel: Arc<dyn Kernel>,
    made: Vec<String>,
}

impl Pins {
    pub(crate) fn new(kernel: &Arc<dyn Kernel>) -> Pins {
        Pins { kernel: Arc::clone(kernel), made: Vec::new() }
    }

    /// Makes a directory, unless it is there.
    pub(crate) fn directory(&mut self, path: &str) -> Result<(), Error> {
        match self.kernel.mkdir(path) {
            Ok(()) => self.made.push(path.to_owned()),
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::Mkdir { path: path.to_owned(), errno }),
        }
        Ok(())
    }

    /// Pins an object.
    pub(crate) fn pin(&mut self, handle: &Handle, path: &str) -> Result<(), Error> {
        handle.pin(path)?;
        self.made.push(path.to_owned());
        Ok(())
    }

    /// All went well: the names stay.
    pub(crate) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            // Nobody is left to tell; what somebody else has removed meanwhile is gone anyhow.
            let _ = self.kernel.remove(path);
        }
    }
}
