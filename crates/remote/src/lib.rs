//! A kernel behind a Unix socket: a server over any [`Kernel`](skep_uapi::Kernel), and a client
//! that is one.
//!
//! What it is: the seam as messages, so that what is loaded by one process is there for the next
//! one, and so that a kernel can be used by who could not use it himself. What it is not: a
//! kernel, or a choice of one; whoever starts a server brings the kernel.
//!
//! In reading order: `wire` (messages), `channel` (messages and descriptors on a socket),
//! `client`, `server` (`session`: a connection; `descriptors` and `translate`: its descriptors;
//! `calls`), `place` (where a user's own server is, and how it is started when first needed).
//!
//! Descriptors belong to the connection, as they belong to a process on Linux: one client cannot
//! name what another has opened, and all are closed when the connection ends. What an object's
//! life depends on is for the kernel to say.
//!
//! ```no_run
//! use std::os::unix::net::UnixListener;
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use skep_remote::{Client, Options, Stop, serve};
//! use skep_uapi::Kernel;
//!
//! /// Serves a kernel until somebody tells `stop` to.
//! fn server(kernel: Arc<dyn Kernel>, stop: &Stop) -> Result<(), Box<dyn std::error::Error>> {
//!     let listener = UnixListener::bind("kernel.sock")?;
//!     Ok(serve(&listener, kernel, Options::default(), stop)?)
//! }
//!
//! /// Uses it from another process.
//! fn client() -> Result<(), Box<dyn std::error::Error>> {
//!     let kernel = Client::connect(Path::new("kernel.sock"))?;
//!     println!("{} CPUs", kernel.possible_cpus()?);
//!     Ok(())
//! }
//! # let _ = (server, client);
//! ```

#![deny(unsafe_code)]

mod channel;
mod client;
mod error;
mod place;
mod server;
pub mod wire;

pub use client::Client;
pub use error::Error;
pub use place::Place;
pub use server::{Options, Peer, Stop, is_empty, serve};
