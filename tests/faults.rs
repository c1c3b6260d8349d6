//! The n-th call to the kernel fails, for every n there is: whoever loads, pins or attaches says
//! what could not be done, and leaves nothing behind.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skep_loader::attach::xdp::{self, Mode, Replace};
use skep_loader::{Error, Loader, Prog};
use skep_obj::Object;
use skep_tests::{Bpffs, Subject, four_byte_key, on_every_kernel_with_device, root};
use skep_uapi::{Errno, Faulty, Kernel, MapCreate, MapType};

#[test]
fn loading() {
    on_every_kernel_with_device("loading", |subject, ifindex| {
        let scene = Scene::new(subject, ifindex);
        let calls = scene.fail_each_call(|kernel| scene.loader(kernel).load(&scene.object));
        assert!(calls >= 3, "type information, a map and a program take {calls} calls");
    });
}

#[test]
fn pinning() {
    on_every_kernel_with_device("pinning", |subject, ifindex| {
        let scene = Scene::new(subject, ifindex);
        let (dir, programs) = (scene.bpffs.path("dir"), scene.bpffs.path("dir/programs"));
        let calls = scene.fail_each_call(|kernel| {
            let loader = scene.loader(kernel).with_pinned_maps(&dir);
            loader.with_pinned_programs(&programs).load(&scene.object)
        });
        assert!(calls >= 7, "two directories and two pins more take {calls} calls");
    });
}

#[test]
fn attaching_by_link() {
    on_every_kernel_with_device("attaching_by_link", |subject, ifindex| {
        let scene = Scene::new(subject, ifindex);
        let pin = scene.bpffs.path("link");
        let calls = scene.fail_each_call(|kernel| {
            let loaded = scene.loader(kernel).load(&scene.object)?;
            let link = xdp::link(&loaded.programs[0].prog, ifindex, Mode::Generic)?;
            link.pin(&pin)?;
            Ok(link)
        });
        assert!(calls >= 5, "a link and a pin more take {calls} calls");
    });
}

#[test]
fn attaching_by_netlink() {
    on_every_kernel_with_device("attaching_by_netlink", |subject, ifindex| {
        let scene = Scene::new(subject, ifindex);
        let calls = scene.fail_each_call(|kernel| {
            let loaded = scene.loader(kernel).load(&scene.object)?;
            let prog = &loaded.programs[0].prog;
            xdp::netlink(prog, ifindex, Mode::Generic, Replace::Nothing)
        });
        assert!(calls >= 4, "a request more takes {calls} calls");
    });
}

/// Where things are made, and what must not be left of them.
struct Scene<'s> {
    subject: &'s Subject,
    ifindex: u32,
    bpffs: Bpffs<'s>,
    object: Object,
}

/// What the failing call answers: nothing that a caller could expect.
const FAULT: Errno = Errno::EIO;

impl<'s> Scene<'s> {
    fn new(subject: &'s Subject, ifindex: u32) -> Scene<'s> {
        let file = root().join("examples/xdp-counter/xdp-counter.bpf.o");
        let elf = fs::read(file).expect("the example is committed");
        let mut object = Object::from_elf("xdp-counter", &elf).expect("the example is an object");
        // Linux is shared with other processes, so ours are told by their name.
        let name = format!("fault_{}", std::process::id());
        object.programs[0].name.clone_from(&name);
        Scene { subject, ifindex, bpffs: subject.bpffs(), object }
    }

    fn loader(&self, kernel: &Arc<dyn Kernel>) -> Loader {
        Loader::new(kernel).with_pin_root(&self.bpffs.path("shared"))
    }

    /// Does something with one call after the other failing, until none is left to fail; the
    /// result is their number.
    fn fail_each_call<T>(&self, act: impl Fn(&Arc<dyn Kernel>) -> Result<T, Error>) -> u64 {
        let fd = self.lowest_fd();
        for nth in 0.. {
            let faulty = Arc::new(Faulty::new(Arc::clone(&self.subject.kernel), nth, FAULT));
            let kernel: Arc<dyn Kernel> = faulty.clone();
            let result = act(&kernel);
            let all_went_well = faulty.calls() <= nth;
            match result {
                // Also where it was a call that can be done without.
                Ok(made) => {
                    drop(made);
                    self.undo();
                }
                Err(error) => {
                    assert!(!all_went_well, "without a fault: {error}");
                    assert_eq!(error.errno(), Some(FAULT), "call {nth}: {error}");
                    let text = error.to_string();
                    assert!(text.starts_with("cannot "), "call {nth}: {text}");
                    assert!(text.contains(&FAULT.to_string()), "call {nth}: {text}");
                }
            }
            self.assert_nothing_left(nth);
            assert_eq!(self.lowest_fd(), fd, "call {nth}: a descriptor is left open");
            if all_went_well {
                return nth;
            }
        }
        unreachable!("an action ends")
    }

    /// Takes away what an action that went well was to leave behind.
    fn undo(&self) {
        // What a link has attached went with it.
        let _ = xdp::detach(&self.subject.kernel, self.ifindex, Mode::Generic);
        for pin in self.pins() {
            self.remove_all(&pin);
        }
    }

    fn remove_all(&self, path: &str) {
        for below in self.names_in(path) {
            self.remove_all(&format!("{path}/{below}"));
        }
        self.subject.remove(&self.bpffs.path(path)).expect("it was just listed");
    }

    /// The names in a directory; none in what is no directory.
    fn names_in(&self, path: &str) -> Vec<String> {
        let entries = self.subject.list(&self.bpffs.path(path)).unwrap_or_default();
        entries.into_iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect()
    }

    /// Linux puts two files of its own into every BPF file system.
    fn pins(&self) -> Vec<String> {
        let mut names = self.names_in("");
        names.retain(|name| !name.ends_with(".debug"));
        names
    }

    /// Linux frees and detaches in the background.
    fn assert_nothing_left(&self, nth: u64) {
        let kernel = &self.subject.kernel;
        let patience = Instant::now() + Duration::from_secs(60);
        assert_eq!(self.pins(), [""; 0], "call {nth}");
        loop {
            let attached = xdp::interfaces(kernel).expect("interfaces can be listed");
            let attached =
                attached.iter().any(|link| link.ifindex == self.ifindex && !link.xdp.is_empty());
            let name = &self.object.programs[0].name;
            let progs = Prog::by_name(kernel, name).expect("programs can be listed").len();
            if !attached && progs == 0 {
                return;
            }
            assert!(
                Instant::now() < patience,
                "call {nth}: attached: {attached}, programs: {progs}"
            );
            std::thread::yield_now();
        }
    }

    /// A kernel gives the lowest free number, so this tells whether all others are closed.
    fn lowest_fd(&self) -> i32 {
        let map = self.subject.map_create(MapCreate {
            map_type: MapType::ARRAY,
            value_size: 8,
            max_entries: 1,
            ..four_byte_key()
        });
        let fd = map.expect("an array of one value");
        self.subject.close(fd);
        fd.0
    }
}
