//! Harness of the end to end tests: every test on every kernel, Linux first.
//!
//! What it is: the kernels of this machine ([`on_every_kernel`]), what a test borrows from them
//! ([`Subject`]), and the way to say that a test does not run ([`not_run`]), which `cargo xtask
//! test` counts. What it is not: a place for assertions; those stand in the tests.
//!
//! In reading order: this file, `device` (a network interface of the test's own), `bpffs` (a
//! directory for pins of the test's own), `tracefs` (what programs print), `binary` (the command line's program).
//!
//! ```
//! skep_tests::on_every_kernel("an_array_holds_zeros", |kernel| {
//!     let map = kernel.array(8, 1);
//!     let mut value = [1; 8];
//!     kernel.map_lookup(map, &[0; 4], &mut value, 0).unwrap();
//!     assert_eq!(value, [0; 8]);
//! });
//! ```

#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "tests say what they do not run, and where they are")]

mod binary;
mod bpffs;
mod device;
mod remote;
mod tracefs;

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

pub use binary::{root, skep};
pub use bpffs::Bpffs;
pub use device::on_every_kernel_with_device;
pub use tracefs::TracePipe;

use remote::{REMOTE_USER, Server, remote_linux, remote_user};
use skep_isa::assemble;
use skep_kernel::UserKernel;
use skep_linux::Linux;
use skep_uapi::{
    Command, Errno, Fd, Helper, Kernel, Machine, MapCreate, MapType, Name, ProgLoad, ProgType,
};

/// Runs `test` on each kernel of this machine. A kernel that it cannot run on is reported.
pub fn on_every_kernel(name: &str, test: impl Fn(&Subject)) {
    let linux = linux(name);
    let remote_linux = linux.as_ref().map(|_| remote_linux());
    for kernel in linux.into_iter().chain(remote_linux).chain([user(), remote_user()]) {
        // Shown where the test fails, to tell which kernel it was.
        eprintln!("{name} on {}", kernel.name);
        test(&kernel);
    }
}

/// Runs `test` on Linux alone, and says why it does not run on the user-space kernel.
pub fn on_linux_alone(name: &str, reason: &str, test: impl Fn(&Subject)) {
    not_run(&format!("{name} on user"), reason);
    if let Some(kernel) = linux(name) {
        test(&kernel);
    }
}

/// Runs `test` on Linux, directly and behind a socket, and says why not on the user-space kernel.
pub fn on_every_linux(name: &str, reason: &str, test: impl Fn(&Subject)) {
    not_run(&format!("{name} on user"), reason);
    if let Some(kernel) = linux(name) {
        test(&kernel);
        eprintln!("{name} on remote linux");
        test(&remote_linux());
    }
}

/// Says that a test, or its part on one kernel, does not run here, and why.
pub fn not_run(test: &str, reason: &str) {
    eprintln!("not run: {test}: {reason}");
}

/// A kernel under test. What a test opens through these methods is closed when it is dropped.
pub struct Subject {
    /// `linux` or `user`, or `remote` and one of these.
    pub name: &'static str,
    /// The kernel itself, to be given to what takes any kernel.
    pub kernel: Arc<dyn Kernel>,
    /// The simulated machine that the kernel runs, if it is none that exists.
    pub machine: Option<Arc<dyn Machine>>,
    opened: RefCell<Vec<Fd>>,
    /// What runs a kernel behind a socket.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    server: Option<Server>,
}

impl Deref for Subject {
    type Target = dyn Kernel;
    fn deref(&self) -> &Self::Target {
        &*self.kernel
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        for fd in self.opened.take() {
            self.kernel.close(fd);
        }
    }
}

impl Subject {
    /// Whether the kernel is this machine's Linux, behind a socket or not.
    fn is_linux(&self) -> bool {
        self.name.ends_with("linux")
    }

    /// Whether pins are files in any directory, instead of what a BPF file system has.
    pub fn pins_are_files(&self) -> bool {
        self.name == REMOTE_USER
    }

    /// Adds an interface to a simulated machine.
    fn add_device(&self, name: &str) -> u32 {
        let machine = self.machine.as_ref().expect("only a simulated machine is asked");
        machine.add_device(name, 1500).expect("a device with a usual MTU")
    }

    /// Has `fd` closed at the test's end.
    pub fn own(&self, fd: Fd) -> Fd {
        self.opened.borrow_mut().push(fd);
        fd
    }

    /// Makes a command that returns a descriptor.
    pub fn fd(&self, command: &mut Command<'_>) -> Result<Fd, Errno> {
        self.bpf(command).map(|fd| self.own(Fd::from_result(fd)))
    }

    /// Creates a map; that it can be created is the test's premise.
    pub fn map(&self, map: MapCreate<'_>) -> Fd {
        let kind = map.map_type;
        match self.map_create(map) {
            Ok(fd) => self.own(fd),
            Err(errno) => panic!("{} refuses a map of type {kind}: {errno}", self.name),
        }
    }

    /// An array of `max_entries` values.
    pub fn array(&self, value_size: u32, max_entries: u32) -> Fd {
        self.map(MapCreate { map_type: MapType::ARRAY, value_size, max_entries, ..four_byte_key() })
    }

    /// A hash map of at most `max_entries` values under keys of four bytes.
    pub fn hash(&self, value_size: u32, max_entries: u32) -> Fd {
        self.map(MapCreate { map_type: MapType::HASH, value_size, max_entries, ..four_byte_key() })
    }

    /// Loads a program given as assembly; that it can be loaded is the test's premise.
    pub fn prog(&self, prog_type: ProgType, text: &str) -> Fd {
        let insns = insns(text);
        let mut log = vec![0; 1 << 16];
        let result = self.prog_load(ProgLoad {
            prog_type,
            insns: &insns,
            license: "GPL",
            prog_name: Name::cut("skep_test"),
            log_level: 1,
            log_buf: &mut log,
            ..ProgLoad::default()
        });
        match result {
            Ok(fd) => self.own(fd),
            Err(errno) => {
                let log = String::from_utf8_lossy(&log);
                panic!("{} refuses the program: {errno}\n{}", self.name, log.trim_end_matches('\0'))
            }
        }
    }
}

/// A map with a name and keys of four bytes, to be completed.
pub fn four_byte_key() -> MapCreate<'static> {
    MapCreate { key_size: 4, map_name: Name::cut("skep_test"), ..MapCreate::default() }
}

/// The bytes of a program given as assembly. `map[fd:N]` names a map by its descriptor.
pub fn insns(text: &str) -> Vec<u8> {
    let helper = |name: &str| Helper::from_name(name).map(|helper| helper.0);
    match assemble(text, &helper) {
        Ok(program) => program.insns.iter().flat_map(|insn| insn.to_le_bytes()).collect(),
        Err(error) => panic!("{error} in\n{text}"),
    }
}

fn linux(test: &str) -> Option<Subject> {
    match Linux::permitted() {
        Ok(()) => Some(Subject {
            name: "linux",
            kernel: Arc::new(Linux::new()),
            machine: None,
            opened: RefCell::default(),
            server: None,
        }),
        Err(errno) => {
            not_run(&format!("{test} on linux"), &format!("bpf(2): {errno}"));
            None
        }
    }
}

/// A user-space kernel of the test's own.
fn user() -> Subject {
    let kernel = Arc::new(UserKernel::default());
    let machine: Arc<dyn Machine> = kernel.clone();
    Subject {
        name: "user",
        kernel,
        machine: Some(machine),
        opened: RefCell::default(),
        server: None,
    }
}
