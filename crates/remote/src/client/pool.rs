//! The sockets of a client: a call has one to itself while it lasts.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use skep_uapi::Errno;

use crate::Error;
use crate::channel::Channel;
use crate::wire::part::{Part, read};
use crate::wire::{CALL, Call, Reader, write_call};

/// How many sockets there are at most; the server has a limit too.
const CHANNELS_MAX: usize = 32;

/// Sockets that wait for calls.
#[derive(Debug)]
pub(super) struct Pool {
    /// The socket that was connected. It serves to add others, so it is never in use for long.
    first: Mutex<Channel>,
    channels: Mutex<Channels>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Channels {
    free: Vec<Channel>,
    /// How many there are, in use or not.
    count: usize,
}

impl Pool {
    pub(super) fn new(first: Channel) -> Pool {
        Pool { first: Mutex::new(first), channels: Mutex::default(), returned: Condvar::new() }
    }

    /// Makes a call on a socket of its own. After an error that socket is given up: what comes
    /// next on it may belong to the failed call.
    pub(super) fn with<T>(
        &self,
        call: impl FnOnce(&mut Channel) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut channel = self.take()?;
        let result = call(&mut channel);
        let mut channels = self.lock();
        match &result {
            Ok(_) => channels.free.push(channel),
            Err(_) => channels.count -= 1,
        }
        drop(channels);
        self.returned.notify_one();
        result
    }

    fn take(&self) -> Result<Channel, Error> {
        let mut channels = self.lock();
        loop {
            if let Some(channel) = channels.free.pop() {
                return Ok(channel);
            }
            if channels.count < CHANNELS_MAX {
                channels.count += 1;
                break;
            }
            channels = self.returned.wait(channels).unwrap_or_else(PoisonError::into_inner);
        }
        drop(channels);
        let added = self.add();
        if added.is_err() {
            self.lock().count -= 1;
            self.returned.notify_one();
        }
        added
    }

    /// Gives the server one end of a new pair of sockets.
    fn add(&self) -> Result<Channel, Error> {
        let (ours, theirs) =
            UnixStream::pair().map_err(|error| Error::host("make a pair of sockets", error))?;
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let message = first.begin();
        CALL.write(message);
        write_call(&Call::Channel, message);
        first.send(Some(&OwnedFd::from(theirs)))?;
        let answer = first.receive()?.ok_or(Error::Lost(None))?;
        match read(&mut Reader::new(answer))? {
            Errno(0) => Ok(Channel::new(ours)),
            errno => Err(Error::Refused(errno)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
