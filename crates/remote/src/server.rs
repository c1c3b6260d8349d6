//! A kernel behind a socket.

mod calls;
mod descriptors;
mod idle;
mod live;
mod session;
mod translate;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::sockopt::socket_peercred;
use skep_uapi::{Errno, Kernel, Machine};

pub use self::idle::is_empty;
use self::live::Live;
use self::session::{Served, Session};
use crate::Error;
use crate::channel::Channel;
use crate::wire::part::Part;
use crate::wire::{Greeting, MAGIC, VERSION};

/// Who is on the other side of a connection, as the host says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The process that connected.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// How a kernel is served.
pub struct Options {
    /// The simulated machine that the kernel runs, if it is none that exists.
    pub machine: Option<Arc<dyn Machine>>,
    /// Who may connect. Whoever may, acts with the server's rights in all that the seam offers,
    /// files and processes included: anybody but the server's own user should be let in only
    /// where that is meant.
    pub admit: Box<dyn Fn(Peer) -> bool + Send + Sync>,
    /// Whether nothing is left that the kernel lives for. Asked while there is no connection; the
    /// server ends when it says so. Without it, the server ends when it is told to.
    pub is_idle: Option<Box<dyn Fn() -> bool + Send + Sync>>,
    /// What is done before the server ends by itself: `false` takes the end back, since somebody
    /// is about to connect.
    pub before_end: Box<dyn Fn(&UnixListener) -> bool + Send + Sync>,
    /// How long the first client may take to come, and how often `is_idle` is asked.
    pub patience: Duration,
    /// How many connections there may be at once.
    pub connections_max: usize,
    /// How many sockets, and so threads, a connection may have.
    pub channels_max: usize,
    /// How many descriptors a connection may have.
    pub descriptors_max: usize,
}

impl Default for Options {
    /// For this process's user alone, until told to stop.
    fn default() -> Options {
        let own = rustix::process::geteuid().as_raw();
        Options {
            machine: None,
            admit: Box::new(move |peer| peer.uid == own),
            is_idle: None,
            before_end: Box::new(|_| true),
            patience: Duration::from_secs(5),
            connections_max: 256,
            channels_max: 64,
            descriptors_max: 4096,
        }
    }
}

/// Tells a server to stop; clones tell the same one.
#[derive(Clone, Debug)]
pub struct Stop(Arc<OwnedFd>);

impl Stop {
    /// One for a server to come.
    pub fn new() -> Result<Stop, Error> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Error::host("make an event descriptor", error))?;
        Ok(Stop(Arc::new(event)))
    }

    /// Every connection is closed, and `serve` returns.
    pub fn stop(&self) {
        // Full: it was told already.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

/// Serves `kernel` to whoever connects to `listener`, until `stop` is told or the kernel is idle.
/// All that clients hold is released when this returns, except what a call that still runs holds.
pub fn serve(
    listener: &UnixListener,
    kernel: Arc<dyn Kernel>,
    options: Options,
    stop: &Stop,
) -> Result<(), Error> {
    listener.set_nonblocking(true).map_err(|error| Error::host("prepare the socket", error))?;
    let served = Arc::new(Served {
        kernel,
        machine: options.machine.clone(),
        channels_max: options.channels_max,
        descriptors_max: options.descriptors_max,
    });
    let mut server = Server { served, options, live: Live::new()?, sessions: Vec::new() };
    while server.goes_on(listener, stop)? {}
    for session in server.sessions.iter().filter_map(Weak::upgrade) {
        session.end();
    }
    server.live.wait(LAST_CALLS);
    Ok(())
}

/// How long calls that still run may take when the server ends.
const LAST_CALLS: Duration = Duration::from_secs(5);
/// How long no client is taken in after the host had no descriptor for one.
const EXHAUSTED: Duration = Duration::from_millis(100);

struct Server {
    served: Arc<Served>,
    options: Options,
    live: Arc<Live>,
    sessions: Vec<Weak<Session>>,
}

impl Server {
    /// Waits for the next thing to happen, and does what it asks for.
    fn goes_on(&mut self, listener: &UnixListener, stop: &Stop) -> Result<bool, Error> {
        let is_asked = self.options.is_idle.is_some() && self.live.count() == 0;
        let mut fds = [
            PollFd::new(&*stop.0, PollFlags::IN),
            PollFd::new(&self.live.ended, PollFlags::IN),
            PollFd::new(listener, PollFlags::IN),
        ];
        let happened = wait(&mut fds, is_asked.then_some(self.options.patience))?;
        let [is_told, has_ended, is_called] = fds.map(|fd| !fd.revents().is_empty());
        if is_told {
            return Ok(false);
        }
        if is_called {
            self.accept(listener)?;
        }
        if has_ended {
            self.live.clear();
            self.sessions.retain(|session| session.strong_count() > 0);
        }
        let may_end = (has_ended || !happened) && !is_called && self.live.count() == 0;
        Ok(!(may_end && self.is_idle() && (self.options.before_end)(listener)))
    }

    fn is_idle(&self) -> bool {
        self.options.is_idle.as_ref().is_some_and(|is_idle| is_idle())
    }

    fn accept(&mut self, listener: &UnixListener) -> Result<(), Error> {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => return Ok(()),
            // Without descriptors or memory for it the client waits, and so does this loop.
            Err(_) => return wait(&mut [], Some(EXHAUSTED)).map(drop),
        };
        let stream = match self.check(&stream) {
            Ok(()) => stream,
            Err(errno) => {
                refuse(stream, errno);
                return Ok(());
            }
        };
        let session = Session::new(self.served.clone(), self.live.begin());
        self.sessions.push(Arc::downgrade(&session));
        // Where there can be no thread for it, the connection is closed.
        let _ = session.start(stream);
        Ok(())
    }

    fn check(&self, stream: &UnixStream) -> Result<(), Errno> {
        let host = |errno: rustix::io::Errno| Errno(errno.raw_os_error());
        stream.set_nonblocking(false).map_err(|error| Errno::from_io(&error))?;
        let peer = socket_peercred(stream).map_err(host)?;
        let (pid, uid, gid) = (peer.pid.as_raw_pid(), peer.uid.as_raw(), peer.gid.as_raw());
        let peer = Peer { pid: pid.cast_unsigned(), uid, gid };
        if !(self.options.admit)(peer) {
            return Err(Errno::EACCES);
        }
        if self.live.count() >= self.options.connections_max {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }
}

/// Says why there is no connection.
fn refuse(stream: UnixStream, errno: Errno) {
    let mut channel = Channel::new(stream);
    Greeting { errno, magic: MAGIC, version: VERSION, has_machine: false }.write(channel.begin());
    // Who has gone already does not ask why.
    let _ = channel.send(None);
}

/// Waits for one of `fds`, at most for `most`; whether one has something to say.
fn wait(fds: &mut [PollFd<'_>], most: Option<Duration>) -> Result<bool, Error> {
    let most = most.map(|most| Timespec {
        tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: most.subsec_nanos().into(),
    });
    match poll(fds, most.as_ref()) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(Error::host("wait for clients", error)),
    }
}

/// Whether a failure to accept says only that there was nobody after all.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}
