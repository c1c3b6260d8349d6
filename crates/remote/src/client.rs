//! A kernel that is behind a socket.

mod kernel;
mod machine;
mod memory;
mod pool;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use skep_uapi::{Errno, NetError};

use self::pool::Pool;
use crate::Error;
use crate::channel::Channel;
use crate::wire::part::{Part, read};
use crate::wire::{CALL, Call, Greeting, MAGIC, Reader, VERSION, write_call};

/// How long a server may take to say what it is.
const GREETING: Duration = Duration::from_secs(10);

/// A kernel behind a Unix socket: a [`Kernel`](skep_uapi::Kernel), and a
/// [`Machine`](skep_uapi::Machine) where the kernel is a simulated one.
///
/// Any number of threads may use it at the same time; each call has a socket of its own while it
/// lasts. Descriptors belong to this value and end with it. Once the server is gone, every call
/// is answered with `ENOTCONN`, which no kernel gives.
#[derive(Debug)]
pub struct Client {
    pool: Pool,
    has_machine: bool,
}

impl Client {
    /// Connects to the server at `path`.
    pub fn connect(path: &Path) -> Result<Client, Error> {
        let stream = UnixStream::connect(path)
            .map_err(|source| Error::Connect { path: path.to_owned(), source })?;
        Client::new(stream)
    }

    /// Speaks to the server at the other end of `stream`.
    pub fn new(stream: UnixStream) -> Result<Client, Error> {
        let timeout = |most| {
            stream.set_read_timeout(most).map_err(|error| Error::host("prepare the socket", error))
        };
        timeout(Some(GREETING))?;
        let mut channel = Channel::new(
            stream.try_clone().map_err(|error| Error::host("prepare the socket", error))?,
        );
        let message = channel.receive()?.ok_or(Error::Lost(None))?;
        let greeting = greeting(message)?;
        timeout(None)?;
        let hello = channel.begin();
        CALL.write(hello);
        write_call(&Call::Hello { magic: MAGIC, version: VERSION }, hello);
        channel.send(None)?;
        Ok(Client { pool: Pool::new(channel), has_machine: greeting.has_machine })
    }

    /// Whether the kernel is a simulated machine, which has devices to add and packets to take.
    pub fn has_machine(&self) -> bool {
        self.has_machine
    }

    /// Makes a call and takes its answer apart.
    fn call<T>(
        &self,
        call: &Call<'_>,
        goes: Option<&OwnedFd>,
        take: impl FnOnce(&mut Reader<'_>, Option<OwnedFd>) -> Result<T, Error>,
    ) -> Result<T, NetError> {
        let answered = self.pool.with(|channel| {
            let message = channel.begin();
            CALL.write(message);
            write_call(call, message);
            channel.send(goes)?;
            channel.receive()?.ok_or(Error::Lost(None))?;
            let came = channel.take_descriptor();
            let mut answer = Reader::new(channel.both().0);
            let errno: Errno = read(&mut answer)?;
            if errno != Errno(0) {
                let extack = if answer.left() == 0 { None } else { read(&mut answer)? };
                return Ok(Err(NetError { errno, extack }));
            }
            let value = take(&mut answer, came)?;
            answer.end()?;
            Ok(Ok(value))
        });
        answered.unwrap_or_else(|error| Err(error.errno().into()))
    }

    /// A call whose answer is one value.
    fn value<T: for<'a> Part<'a>>(&self, call: &Call<'_>) -> Result<T, Errno> {
        self.call(call, None, |answer, _| read(answer)).map_err(|error| error.errno)
    }

    /// A call whose answer is that it was done.
    fn done(&self, call: &Call<'_>) -> Result<(), Errno> {
        self.call(call, None, |_, _| Ok(())).map_err(|error| error.errno)
    }
}

impl Drop for Client {
    /// Waits until everything is closed, as a process that ends does: who comes next finds what
    /// has lost its last descriptor gone.
    fn drop(&mut self) {
        let _ = self.done(&Call::Bye);
    }
}

/// Whether the server is one, speaks as we do, and lets us in.
fn greeting(message: &[u8]) -> Result<Greeting, Error> {
    let mut message = Reader::new(message);
    let greeting: Greeting = read(&mut message).map_err(|_| Error::NotAKernel)?;
    if greeting.magic != MAGIC {
        return Err(Error::NotAKernel);
    }
    if greeting.version != VERSION {
        return Err(Error::Version { expected: VERSION, found: greeting.version });
    }
    if greeting.errno != Errno(0) {
        return Err(Error::Refused(greeting.errno));
    }
    Ok(greeting)
}
