//! One connection: its descriptors, its sockets, and a thread for each of these.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use skep_uapi::{Command, Errno, Fd, Kernel, Machine, NetError};

use super::calls;
use super::descriptors::Descriptors;
use super::live::Guard;
use super::translate::Translation;
use crate::Error;
use crate::channel::Channel;
use crate::wire::part::Part;
use crate::wire::{
    CALL, COMMAND, Call, Greeting, MAGIC, Reader, VERSION, Writer, read_call, read_command,
    write_outputs,
};

/// What every session needs of the server.
pub(super) struct Served {
    pub(super) kernel: Arc<dyn Kernel>,
    pub(super) machine: Option<Arc<dyn Machine>>,
    pub(super) channels_max: usize,
    pub(super) descriptors_max: usize,
}

/// A connection. Everything that it holds in the kernel ends with it.
pub(super) struct Session {
    pub(super) served: Arc<Served>,
    pub(super) descriptors: Descriptors,
    channels: Mutex<Channels>,
    /// What keeps memory that the client may use.
    holds: Mutex<Vec<Box<dyn Send + Sync>>>,
    /// Goes last: then nothing of the session is left.
    _guard: Guard,
}

/// Every socket of a connection.
#[derive(Default)]
struct Channels {
    streams: Vec<Weak<UnixStream>>,
    is_over: bool,
}

impl Session {
    pub(super) fn new(served: Arc<Served>, guard: Guard) -> Arc<Session> {
        let descriptors = Descriptors::new(served.kernel.clone(), served.descriptors_max);
        let (channels, holds) = (Mutex::default(), Mutex::default());
        Arc::new(Session { served, descriptors, channels, holds, _guard: guard })
    }

    /// Answers on the first socket of the connection, until it closes; the others go with it.
    pub(super) fn start(self: Arc<Self>, stream: UnixStream) -> Result<(), Errno> {
        let mut channel = self.admit(stream)?;
        let session = move || {
            if greet(&mut channel, self.served.machine.is_some()).is_ok() {
                self.answer_all(&mut channel);
            }
            self.end();
        };
        spawn(session)
    }

    /// Answers on a further socket.
    pub(super) fn add(self: &Arc<Self>, stream: UnixStream) -> Result<(), Errno> {
        let mut channel = self.admit(stream)?;
        let session = self.clone();
        spawn(move || session.answer_all(&mut channel))
    }

    /// Ends the connection, whatever its threads wait for on a socket.
    pub(super) fn end(&self) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.is_over = true;
        for stream in channels.streams.drain(..).filter_map(|stream| stream.upgrade()) {
            // One that is closed already needs no shutting down.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Keeps what belongs to memory that the client is given, until the connection ends: when it
    /// unmaps is not to be seen from here.
    pub(super) fn hold(&self, hold: Box<dyn Send + Sync>) -> Result<(), Errno> {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if holds.len() >= self.served.descriptors_max {
            return Err(Errno::EMFILE);
        }
        holds.push(hold);
        Ok(())
    }

    /// Closes and releases everything, before the connection itself ends.
    pub(super) fn release(&self) {
        self.descriptors.close_all();
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn admit(&self, stream: UnixStream) -> Result<Channel, Errno> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.streams.retain(|stream| stream.strong_count() > 0);
        if channels.is_over || channels.streams.len() >= self.served.channels_max {
            return Err(Errno::EMFILE);
        }
        let channel = Channel::new(stream);
        channels.streams.push(Arc::downgrade(channel.stream()));
        Ok(channel)
    }

    /// Until the other side closes, or sends what is no message.
    fn answer_all(self: &Arc<Self>, channel: &mut Channel) {
        while let Ok(Some(_)) = channel.receive() {
            if self.answer(channel).is_err() {
                break;
            }
        }
    }

    fn answer(self: &Arc<Self>, channel: &mut Channel) -> Result<(), Error> {
        let came = channel.take_descriptor();
        channel.begin();
        let stream = channel.stream().clone();
        let (message, to) = channel.both();
        let begin = to.bytes().len();
        let answered = match message.split_first() {
            Some((&COMMAND, rest)) => self.command(Reader::new(rest), to).map(|()| None),
            Some((&CALL, rest)) => self.call(Reader::new(rest), came, &stream, to),
            _ => Err(Error::Short { wanted: 1, left: 0 }),
        };
        let goes = answered.unwrap_or_else(|error| {
            // A message without sense is answered with that; the next one may have some.
            to.truncate(begin);
            error.errno().write(to);
            None
        });
        match channel.send(goes.as_ref()) {
            // The answer itself is too large: that is an answer too.
            Err(error @ Error::TooLarge { .. }) => {
                error.errno().write(channel.begin());
                channel.send(None)
            }
            result => result,
        }
    }

    fn command(&self, message: Reader<'_>, to: &mut Writer) -> Result<(), Error> {
        read_command(message, to, |command, to| {
            let mut translation = Translation::new(&self.descriptors);
            match translation.copies(&command) {
                Ok(copies) => {
                    // Shorter-lived from here on: it borrows the copies too.
                    let mut command = command;
                    translation.command(&mut command, &copies);
                    answered(self.ask(&mut command), &command, to);
                }
                Err(errno) => answered(Err(errno), &command, to),
            }
        })
    }

    fn ask(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        let value = self.served.kernel.bpf(command)?;
        if command.returns_fd() {
            let fd = self.descriptors.open(Fd::from_result(value))?;
            return Ok(fd.0.cast_unsigned());
        }
        Ok(value)
    }

    fn call(
        self: &Arc<Self>,
        message: Reader<'_>,
        came: Option<OwnedFd>,
        stream: &UnixStream,
        to: &mut Writer,
    ) -> Result<Option<OwnedFd>, Error> {
        let call = read_call(message)?;
        let begin = to.bytes().len();
        Errno(0).write(to);
        let answered = calls::answer(self, call, came, stream, to);
        Ok(answered.unwrap_or_else(|NetError { errno, extack }| {
            to.truncate(begin);
            errno.write(to);
            extack.write(to);
            None
        }))
    }
}

/// The answer to a command: an error number, a value, and outputs either way.
fn answered(result: Result<u32, Errno>, command: &Command<'_>, to: &mut Writer) {
    result.err().unwrap_or(Errno(0)).write(to);
    result.unwrap_or(0).write(to);
    write_outputs(command, to);
}

/// Says what is spoken here, and waits for the client to say the same.
fn greet(channel: &mut Channel, has_machine: bool) -> Result<(), Error> {
    Greeting { errno: Errno(0), magic: MAGIC, version: VERSION, has_machine }
        .write(channel.begin());
    channel.send(None)?;
    let message = channel.receive()?.ok_or(Error::Lost(None))?;
    match message.split_first() {
        Some((&CALL, rest)) => match read_call(Reader::new(rest))? {
            Call::Hello { magic: MAGIC, version: VERSION } => Ok(()),
            Call::Hello { magic: MAGIC, version } => {
                Err(Error::Version { expected: VERSION, found: version })
            }
            _ => Err(Error::NotAKernel),
        },
        _ => Err(Error::NotAKernel),
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), Errno> {
    let thread = thread::Builder::new().name("skep-client".into()).spawn(run);
    thread.map(drop).map_err(|error| Errno::from_io(&error))
}
