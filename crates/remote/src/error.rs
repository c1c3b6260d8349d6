//! What can go wrong between a client and a server.

use std::io;
use std::path::PathBuf;

use skep_uapi::Errno;

/// Why there is no connection, no server, or no sense in a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody could be reached.
    #[error("{path}: no kernel can be reached: {source}; start one with `skep kernel run`")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The other side speaks something else.
    #[error("the other side of the socket is no skep kernel; choose the socket of one")]
    NotAKernel,
    /// The other side speaks another version.
    #[error("expected protocol version {expected}, found {found}; use the same skep on both sides")]
    Version {
        /// Ours.
        expected: u32,
        /// Theirs.
        found: u32,
    },
    /// The server does not let us in.
    #[error("the server refuses the connection: {0}; it serves the user who started it")]
    Refused(Errno),
    /// The other side is gone.
    #[error("the connection was lost; start again")]
    Lost(#[source] Option<io::Error>),
    /// A message ends too early.
    #[error("message ends too early: expected {wanted} bytes, found {left}")]
    Short {
        /// Bytes that should follow.
        wanted: usize,
        /// Bytes that do.
        left: usize,
    },
    /// A message does not end where it should.
    #[error("message has {left} bytes too many")]
    Long {
        /// Bytes that are left.
        left: usize,
    },
    /// A number that stands for nothing.
    #[error("{number} is no {what}")]
    Unknown {
        /// What it should be.
        what: &'static str,
        /// The number.
        number: u8,
    },
    /// Bytes that are no UTF-8.
    #[error("a text is not UTF-8")]
    NotText,
    /// Something is larger than the protocol allows.
    #[error("{size} {what}, at most {most}: ask for less at once")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How much was asked for.
        size: usize,
        /// How much there may be.
        most: usize,
    },
    /// Room of another kind, or in another order, than the command borrows.
    #[error("expected room of the kind `{wanted}`")]
    OtherRoom {
        /// What the command borrows.
        wanted: &'static str,
    },
    /// The directory of the socket is not safe.
    #[error("{path}: {problem}; remove it or set XDG_RUNTIME_DIR")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A server is there already.
    #[error("{path}: a kernel serves this socket already; choose another socket or stop it")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// The host refuses something that a server needs.
    #[error("cannot {what}: {source}")]
    Host {
        /// What was to be done.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// The error number that a caller of the seam gets. `ENOTCONN` is the loss of the connection:
    /// no command of bpf(2) gives it.
    pub fn errno(&self) -> Errno {
        match self {
            Error::TooLarge { .. } => Errno::E2BIG,
            Error::Refused(errno) => *errno,
            Error::Connect { .. } | Error::Lost(_) => Errno::ENOTCONN,
            Error::Host { source, .. } => Errno::from_io(source),
            // As Linux answers what it does not know.
            Error::Unknown { what: "command", .. } => Errno::EINVAL,
            _ => Errno::EPROTO,
        }
    }

    pub(crate) fn host(what: impl Into<String>, source: impl Into<io::Error>) -> Error {
        Error::Host { what: what.into(), source: source.into() }
    }
}
