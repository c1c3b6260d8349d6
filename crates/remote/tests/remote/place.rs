//! Where the socket is, and who starts the server.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skep_kernel::UserKernel;
use skep_remote::{Error, Options, Place, Stop, is_empty, serve};
use skep_uapi::{Kernel, MapType};

use crate::harness::map;

fn place() -> (tempfile::TempDir, Place) {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::at(dir.path().join("skep")).unwrap();
    (dir, place)
}

#[test]
fn the_directory_is_the_users_alone() {
    let dir = tempfile::tempdir().unwrap();
    let problem = |path: &str| match Place::at(dir.path().join(path)) {
        Err(Error::Directory { problem, .. }) => problem,
        other => panic!("{path}: {other:?}"),
    };
    Place::at(dir.path().join("new")).unwrap();
    assert_eq!(fs::metadata(dir.path().join("new")).unwrap().mode() & 0o777, 0o700);
    symlink(dir.path().join("new"), dir.path().join("link")).unwrap();
    assert!(problem("link").contains("found something else"));
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(problem("file").contains("found something else"));
    fs::create_dir(dir.path().join("open")).unwrap();
    fs::set_permissions(dir.path().join("open"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(problem("open").contains("found mode 755"));
    assert!(problem("none/new").contains("No such file"));
}

#[test]
fn the_socket_is_the_users_alone() {
    let (_dir, place) = place();
    let _listener = place.listen().unwrap();
    assert_eq!(fs::metadata(place.socket()).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_socket_that_nobody_serves_is_replaced() {
    let (_dir, place) = place();
    drop(place.listen().unwrap());
    assert!(place.socket().exists(), "a killed server leaves its socket behind");
    assert!(matches!(place.connect(), Err(Error::Connect { .. })));
    place.listen().unwrap();
}

#[test]
fn a_server_that_is_there_is_not_replaced() {
    let (_dir, place) = place();
    let server = InThreads::default();
    let _client = place.connect_or_start(|listener| server.start(&place, listener)).unwrap();
    assert!(matches!(place.listen(), Err(Error::InUse { .. })));
    server.stop();
}

#[test]
fn of_many_that_start_at_once_one_starts_the_server() {
    let (_dir, place) = place();
    let server = InThreads::default();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let start = |listener| server.start(&place, listener);
                let client = place.connect_or_start(start).unwrap();
                map(&client, MapType::ARRAY, 1);
                // The server lives for as long as the last of these.
                server.wait_for_clients(16);
            });
        }
    });
    assert_eq!(server.started.load(Ordering::SeqCst), 1);
    server.stop();
}

/// Servers that end and clients that come at the same moment.
#[test]
fn a_server_that_is_about_to_end_turns_nobody_away() {
    let (_dir, place) = place();
    let server = InThreads::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let start = |listener| server.start(&place, listener);
                    let client = place.connect_or_start(start).unwrap();
                    map(&client, MapType::ARRAY, 1);
                }
            });
        }
    });
    server.join();
    assert!(!place.socket().exists(), "the last server has taken its socket away");
}

type Running = std::thread::JoinHandle<Result<(), Error>>;

/// What another process would be.
#[derive(Default)]
struct InThreads {
    started: AtomicUsize,
    clients: AtomicUsize,
    running: Mutex<Vec<(Stop, Running)>>,
}

impl InThreads {
    fn start(&self, place: &Place, listener: UnixListener) -> std::io::Result<()> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let kernel = Arc::new(UserKernel::default());
        let (idle, place) = (kernel.clone(), place.clone());
        let options = Options {
            machine: Some(kernel.clone()),
            is_idle: Some(Box::new(move || is_empty(&*idle, Some(&*idle)))),
            before_end: Box::new(move |listener| place.leave(listener)),
            patience: Duration::from_secs(600),
            ..Options::default()
        };
        let (stop, kernel): (Stop, Arc<dyn Kernel>) = (Stop::new().unwrap(), kernel);
        let told = stop.clone();
        let thread = std::thread::spawn(move || serve(&listener, kernel, options, &told));
        self.running.lock().unwrap().push((stop, thread));
        Ok(())
    }

    fn wait_for_clients(&self, count: usize) {
        self.clients.fetch_add(1, Ordering::SeqCst);
        while self.clients.load(Ordering::SeqCst) < count {
            std::thread::yield_now();
        }
    }

    fn stop(&self) {
        self.running.lock().unwrap().iter().for_each(|(stop, _)| stop.stop());
        self.join();
    }

    fn join(&self) {
        for (_, thread) in self.running.lock().unwrap().drain(..) {
            thread.join().unwrap().unwrap();
        }
    }
}
