//! A server over a user-space kernel, in this process.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use skep_kernel::UserKernel;
use skep_remote::{Client, Error, Options, Stop, serve};
use skep_uapi::{Command, Fd, Kernel, MapCreate, MapType, Name};

/// A server that ends with this.
pub(crate) struct Server {
    pub(crate) kernel: Arc<UserKernel>,
    pub(crate) path: PathBuf,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), Error>>>,
    _dir: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start(change: impl FnOnce(&mut Options)) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kernel");
        let listener = UnixListener::bind(&path).unwrap();
        let kernel = Arc::new(UserKernel::default());
        let mut options = Options { machine: Some(kernel.clone()), ..Options::default() };
        change(&mut options);
        let stop = Stop::new().unwrap();
        let (served, told): (Arc<dyn Kernel>, Stop) = (kernel.clone(), stop.clone());
        let thread = std::thread::spawn(move || serve(&listener, served, options, &told));
        Server { kernel, path, stop, thread: Some(thread), _dir: dir }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.path).unwrap()
    }

    /// A socket on which the greeting was not read.
    pub(crate) fn raw(&self) -> UnixStream {
        UnixStream::connect(&self.path).unwrap()
    }

    /// Tells it to stop, and waits for that.
    pub(crate) fn stop(&mut self) {
        self.stop.stop();
        self.end();
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An array or a hash map with keys of four bytes and values of eight.
pub(crate) fn map(kernel: &dyn Kernel, map_type: MapType, max_entries: u32) -> Fd {
    let (key_size, value_size) = (4, 8);
    let map_name = Name::cut("remote");
    let map =
        MapCreate { map_type, key_size, value_size, max_entries, map_name, ..MapCreate::default() };
    kernel.map_create(map).unwrap()
}

/// How many maps a kernel has.
pub(crate) fn count_maps(kernel: &dyn Kernel) -> usize {
    let mut start_id = 0;
    let mut count = 0;
    loop {
        let mut next_id = 0;
        let mut next = Command::MapGetNextId { start_id, next_id: &mut next_id };
        if kernel.bpf(&mut next).is_err() {
            return count;
        }
        (start_id, count) = (next_id, count + 1);
    }
}

/// Waits for what another thread is about to do.
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed().as_secs() < 20, "it does not happen");
        std::thread::yield_now();
    }
}
