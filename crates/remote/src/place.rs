//! Where a user's own server is, and how it is started when it is first needed.
//!
//! Whoever finds no server binds the socket himself, under a lock, and hands it over to the
//! process that he starts: so clients can connect before the server runs, and of several that
//! start at once one starts it and all are served.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::process::geteuid;

use crate::{Client, Error};

/// How often a server that is about to end may be met before giving up.
const ATTEMPTS: u32 = 5;

/// A directory of the user's own with the socket of a server in it.
#[derive(Clone, Debug)]
pub struct Place {
    dir: PathBuf,
}

impl Place {
    /// The place of this process's user: `skep` in `$XDG_RUNTIME_DIR`, or `skep-UID` in the
    /// directory for temporary files. It is made if it is not there.
    pub fn of_user() -> Result<Place, Error> {
        match env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_absolute()) {
            Some(dir) => Place::at(Path::new(&dir).join("skep")),
            None => Place::at(env::temp_dir().join(format!("skep-{}", geteuid().as_raw()))),
        }
    }

    /// A directory of the caller's choice. It must be the user's, and nobody else's: somebody who
    /// can write in it could serve in its owner's stead.
    pub fn at(dir: PathBuf) -> Result<Place, Error> {
        match DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::Directory { path: dir, problem: error.to_string() });
            }
            _ => {}
        }
        match check(&dir) {
            Ok(()) => Ok(Place { dir }),
            Err(problem) => Err(Error::Directory { path: dir, problem }),
        }
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("kernel")
    }

    /// Connects to the server, if there is one.
    pub fn connect(&self) -> Result<Client, Error> {
        Client::connect(&self.socket())
    }

    /// Connects to the server. Where there is none, `start` is given the socket, to be handed to
    /// the server that it starts.
    pub fn connect_or_start(
        &self,
        mut start: impl FnMut(UnixListener) -> io::Result<()>,
    ) -> Result<Client, Error> {
        let mut result = self.connect();
        for _ in 0..ATTEMPTS {
            match &result {
                Err(error) if is_gone(error) => {}
                _ => return result,
            }
            let lock = self.lock()?;
            // Somebody else may have been first.
            result = self.connect();
            if !matches!(&result, Err(error) if is_gone(error)) {
                return result;
            }
            let listener = self.bind()?;
            start(listener).map_err(|error| Error::host("start a server", error))?;
            drop(lock);
            result = self.connect();
        }
        result
    }

    /// The socket for a server in this process. Another one that serves there is an error.
    pub fn listen(&self) -> Result<UnixListener, Error> {
        let _lock = self.lock()?;
        match self.connect() {
            Err(error) if is_gone(&error) => self.bind(),
            _ => Err(Error::InUse { path: self.socket() }),
        }
    }

    /// Takes the socket away, unless somebody is about to connect or to start a server: what a
    /// server does before it ends by itself ([`Options::before_end`](crate::Options)).
    pub fn leave(&self, listener: &UnixListener) -> bool {
        let Ok(lock) = self.lock_file() else { return true };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() || has_caller(listener) {
            return false;
        }
        // Gone already, or not ours any more: whoever took it away knew what he did.
        let _ = fs::remove_file(self.socket());
        true
    }

    /// Waits for its turn to look for a server and to start one.
    fn lock(&self) -> Result<File, Error> {
        let what = || format!("lock {}", self.dir.display());
        let file = self.lock_file().map_err(|error| Error::host(what(), error))?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(file),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::host(what(), error)),
            }
        }
    }

    fn lock_file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        options.open(self.dir.join("lock"))
    }

    /// Makes the socket, in place of one that nobody serves any more.
    fn bind(&self) -> Result<UnixListener, Error> {
        let path = self.socket();
        let host = |error| Error::host(format!("make the socket {}", path.display()), error);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(host(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(host)?;
        // Until here the directory, which is the user's alone, has kept others out.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(host)?;
        Ok(listener)
    }
}

/// Whether a directory is one, and the user's alone.
fn check(dir: &Path) -> Result<(), String> {
    let metadata = fs::symlink_metadata(dir).map_err(|error| error.to_string())?;
    let (owner, own) = (metadata.uid(), geteuid().as_raw());
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_dir() {
        return Err("expected a directory of the user's own, found something else".into());
    }
    if owner != own {
        return Err(format!("expected a directory of user {own}, found one of user {owner}"));
    }
    if mode & 0o077 != 0 {
        return Err(format!("expected a directory with mode 700, found mode {mode:o}"));
    }
    Ok(())
}

/// Whether there is no server, or one that was about to end.
fn is_gone(error: &Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    match error {
        Error::Connect { source, .. } => matches!(source.kind(), NotFound | ConnectionRefused),
        Error::Lost(source) => {
            // A server that does not answer in time is there.
            source.as_ref().is_none_or(|error| error.kind() != io::ErrorKind::WouldBlock)
        }
        _ => false,
    }
}

/// Whether somebody waits to be accepted.
fn has_caller(listener: &UnixListener) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count > 0)
}
