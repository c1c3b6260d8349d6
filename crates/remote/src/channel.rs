//! A socket with messages on it, and descriptors of the host beside them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::cmsg_space;
use rustix::io::Errno as HostErrno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::Error;
use crate::wire::{MESSAGE_BYTES_MAX, Writer};

/// Bytes of the length in front of each message.
const LENGTH: usize = size_of::<u32>();
/// Bytes that are received at once, and kept for the next message.
const BUFFER_BYTES: usize = 1 << 16;

/// One end of a socket: one message at a time each way, and nothing of one side's pace that
/// would cost the other memory.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: Arc<UnixStream>,
    outgoing: Writer,
    incoming: Vec<u8>,
    /// How much of `incoming` was received.
    received: usize,
    /// How much of `incoming` the message takes that was given out last.
    taken: usize,
    /// A descriptor that came, with this message or the next: the client waits for the answer
    /// to any message but its first, with which none comes.
    descriptor: Option<OwnedFd>,
}

impl Channel {
    pub(crate) fn new(stream: UnixStream) -> Channel {
        Channel {
            stream: Arc::new(stream),
            outgoing: Writer::default(),
            incoming: vec![0; BUFFER_BYTES],
            received: 0,
            taken: 0,
            descriptor: None,
        }
    }

    pub(crate) fn stream(&self) -> &Arc<UnixStream> {
        &self.stream
    }

    /// Begins a message; what is written comes behind its length.
    pub(crate) fn begin(&mut self) -> &mut Writer {
        self.outgoing.shrink(BUFFER_BYTES);
        self.outgoing.clear();
        self.outgoing.u32(0);
        &mut self.outgoing
    }

    /// The message last received, and the one begun.
    pub(crate) fn both(&mut self) -> (&[u8], &mut Writer) {
        (&self.incoming[LENGTH..self.taken.max(LENGTH)], &mut self.outgoing)
    }

    /// Sends the message that was begun, with a descriptor or without.
    pub(crate) fn send(&mut self, descriptor: Option<&OwnedFd>) -> Result<(), Error> {
        let size = self.outgoing.bytes().len() - LENGTH;
        if size > MESSAGE_BYTES_MAX {
            return Err(Error::TooLarge {
                what: "bytes of message",
                size,
                most: MESSAGE_BYTES_MAX,
            });
        }
        let length = u32::try_from(size).expect("messages are below 4 GiB");
        self.outgoing.patch(0, length.to_le_bytes());
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().map(AsFd::as_fd).collect();
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let mut rest = self.outgoing.bytes();
        while !rest.is_empty() {
            match sendmsg(&self.stream, &[IoSlice::new(rest)], &mut control, SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    rest = &rest[sent..];
                    control.clear();
                }
                Err(HostErrno::INTR) => {}
                Err(error) => return Err(Error::Lost(Some(error.into()))),
            }
        }
        Ok(())
    }

    /// Waits for a message; `None` where the other side has closed between two.
    pub(crate) fn receive(&mut self) -> Result<Option<&[u8]>, Error> {
        self.incoming.copy_within(self.taken..self.received, 0);
        self.received -= self.taken;
        self.taken = 0;
        if self.incoming.len() > BUFFER_BYTES && self.received <= BUFFER_BYTES {
            self.incoming.truncate(BUFFER_BYTES);
            self.incoming.shrink_to_fit();
        }
        let wanted = loop {
            let wanted = match self.incoming[..self.received].first_chunk() {
                Some(length) => LENGTH + checked_length(*length)?,
                None => usize::MAX,
            };
            if self.received >= wanted {
                break wanted;
            }
            if self.receive_some()? == 0 {
                return if self.received == 0 { Ok(None) } else { Err(Error::Lost(None)) };
            }
        };
        self.taken = wanted;
        Ok(Some(&self.incoming[LENGTH..wanted]))
    }

    /// The descriptor that came with the last message, if it is one that comes with one.
    pub(crate) fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptor.take()
    }

    /// Looks for bytes for a moment, and then sleeps until there are some: to be woken on another
    /// processor can take longer than the whole call.
    fn receive_some(&mut self) -> Result<usize, Error> {
        if self.received == self.incoming.len() {
            // Twice what has come, whatever was announced.
            let larger = self.incoming.len() * 2;
            self.incoming.resize(larger, 0);
        }
        let now =
            |result| if matches!(result, Err(HostErrno::AGAIN)) { None } else { Some(result) };
        let look = RecvFlags::DONTWAIT;
        let mut received = now(self.receive_once(look));
        if received.is_none() {
            received = alert(|| now(self.receive_once(look)));
        }
        let received = match received {
            Some(received) => received,
            None => loop {
                match self.receive_once(RecvFlags::empty()) {
                    Err(HostErrno::INTR) => {}
                    received => break received,
                }
            },
        };
        let bytes = received.map_err(|error| Error::Lost(Some(error.into())))?;
        self.received += bytes;
        Ok(bytes)
    }

    fn receive_once(&mut self, flags: RecvFlags) -> Result<usize, HostErrno> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(&mut self.incoming[self.received..])];
        let flags = flags | RecvFlags::CMSG_CLOEXEC;
        let bytes = recvmsg(&self.stream, &mut into, &mut control, flags)?.bytes;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                // One is all that any message comes with; further ones are closed here.
                self.descriptor = descriptors.into_iter().next().or(self.descriptor.take());
            }
        }
        Ok(bytes)
    }
}

/// How long a thread stays awake for what comes next. Who makes one call after another is back
/// within a few microseconds.
const ALERT: Duration = Duration::from_micros(50);
/// How many threads of this process are awake for nothing.
static AWAKE: AtomicUsize = AtomicUsize::new(0);

/// Asks `look` again and again for a moment, unless other threads do so already: half of the
/// processors are left to those who have work. It gives way each time, since the one that is
/// waited for may be meant for the same processor.
fn alert<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    static MOST: OnceLock<usize> = OnceLock::new();
    let most = *MOST.get_or_init(|| thread::available_parallelism().map_or(1, usize::from) / 2);
    let is_one_of_few = AWAKE.fetch_add(1, Ordering::Relaxed) < most;
    let until = Instant::now() + ALERT;
    let mut found = None;
    while is_one_of_few && found.is_none() && Instant::now() < until {
        thread::yield_now();
        found = look();
    }
    AWAKE.fetch_sub(1, Ordering::Relaxed);
    found
}

fn checked_length(length: [u8; LENGTH]) -> Result<usize, Error> {
    let size = u32::from_le_bytes(length) as usize;
    if size <= MESSAGE_BYTES_MAX {
        Ok(size)
    } else {
        Err(Error::TooLarge { what: "bytes of message", size, most: MESSAGE_BYTES_MAX })
    }
}
