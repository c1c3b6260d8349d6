//! Commands and their answers as bytes: compact, versioned, and checked at every step.
//!
//! A message is its length (32 bits, without itself), a byte that says what it is, and parts one
//! after another. An answer is its length, an error number (zero: none), and parts. Whatever
//! arrives is a value or an [`Error`](crate::Error), never a panic, and never makes the reader allocate more than
//! it was sent, or than [`ROOM_BYTES_MAX`] and a small fixed amount.
//!
//! In reading order: `primitive`, `part` (types and the macros that list fields), `room` (what a
//! command borrows), `command`, `info`, `call` (all other requests), `answer`.

mod answer;
mod call;
mod command;
mod info;
pub(crate) mod part;
mod primitive;
mod room;

pub(crate) use answer::Greeting;
pub use call::{Call, read_call, write_call};
pub use command::{read_command, read_outputs, write_command, write_outputs};
pub use primitive::{Reader, Writer};
pub use room::ROOM_BYTES_MAX;

/// How many bytes a message may have.
pub const MESSAGE_BYTES_MAX: usize = 80 << 20;
/// What a connection begins with.
pub const MAGIC: [u8; 8] = *b"skep\0bpf";
/// The version of everything in this module. Both sides must have the same.
pub const VERSION: u32 = 1;

/// First byte of a message with a bpf(2) command.
pub(crate) const COMMAND: u8 = 0;
/// First byte of a message with another request.
pub(crate) const CALL: u8 = 1;
