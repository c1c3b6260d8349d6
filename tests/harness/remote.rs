//! A kernel behind a socket, which must answer as the kernel itself does.

use std::cell::RefCell;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use skep_kernel::{Config, Pinning, UserKernel};
use skep_linux::Linux;
use skep_remote::{Client, Error, Options, Stop, serve};
use skep_uapi::{Kernel, Machine};

use crate::Subject;

/// A server in this process, which ends with the subject.
pub(crate) struct Server {
    stop: Stop,
    thread: Option<JoinHandle<Result<(), Error>>>,
    _dir: tempfile::TempDir,
}

/// Linux, through a server.
pub(crate) fn remote_linux() -> Subject {
    behind_socket("remote linux", Arc::new(Linux::new()), None)
}

/// The user-space kernel, through a server.
pub(crate) const REMOTE_USER: &str = "remote user";

/// A user-space kernel of the test's own, through a server. Its pins are files, so that every test
/// of pins is one of files too.
pub(crate) fn remote_user() -> Subject {
    let config = Config { pinning: Pinning::Files, ..Config::default() };
    let kernel = Arc::new(UserKernel::new(config));
    behind_socket(REMOTE_USER, kernel.clone(), Some(kernel))
}

fn behind_socket(
    name: &'static str,
    kernel: Arc<dyn Kernel>,
    machine: Option<Arc<dyn Machine>>,
) -> Subject {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("kernel");
    let listener = UnixListener::bind(&path).expect("a socket in a directory of the test's own");
    let stop = Stop::new().expect("an event descriptor");
    let (told, options) = (stop.clone(), Options { machine, ..Options::default() });
    let thread = std::thread::spawn(move || serve(&listener, kernel, options, &told));
    let client = Arc::new(Client::connect(&path).expect("the server listens"));
    let machine: Option<Arc<dyn Machine>> =
        if client.has_machine() { Some(client.clone()) } else { None };
    let server = Some(Server { stop, thread: Some(thread), _dir: dir });
    Subject { name, kernel: client, machine, opened: RefCell::default(), server }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // A test that has failed must not hide that by panicking here.
            let _ = thread.join();
        }
    }
}
