//! What is not bpf(2): files, events, sockets, memory, processes, permission.

mod harness;

use std::fs;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::Command as Process;
use std::sync::atomic::Ordering;

use harness::{asm, linux};
use skep_linux::Linux;
use skep_uapi::{
    Access, Area, Child, Errno, Fd, Kernel, MapCreate, MapType, PerfEvent, PerfRequest, ProgLoad,
    ProgType, SocketOption, flags,
};

#[test]
fn files_are_read_whole() {
    let linux = Linux::new();
    let content = linux.file("/proc/version").unwrap();
    assert_eq!(content, fs::read("/proc/version").unwrap());
    assert_eq!(linux.file("/proc/none"), Err(Errno::ENOENT));
}

#[test]
fn other_peoples_descriptors_are_left_alone() {
    let linux = Linux::new();
    let file = fs::File::open("/proc/version").unwrap();
    let number = Fd(std::os::fd::AsRawFd::as_raw_fd(&file));
    linux.close(number);
    assert_eq!(linux.read(number, &mut [0; 8]), Err(Errno::EBADF));
    assert!(file.metadata().is_ok(), "it is still open");
    let number = linux.adopt(file.into()).unwrap();
    assert_eq!(linux.read(number, &mut [0; 5]), Ok(5));
    let again = linux.ready(number).unwrap();
    linux.close(number);
    assert_eq!(linux.read(number, &mut [0; 5]), Err(Errno::EBADF));
    drop(again);
}

#[test]
fn directories_are_made_listed_and_removed() {
    let linux = Linux::new();
    let dir = std::env::temp_dir().join(format!("skep-linux-{}", std::process::id()));
    let dir = dir.to_str().unwrap();
    linux.mkdir(dir).unwrap();
    assert_eq!(linux.mkdir(dir), Err(Errno::EEXIST));
    fs::write(format!("{dir}/file"), "").unwrap();
    let names: Vec<_> = linux.list(dir).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["file"]);
    assert_eq!(linux.remove(dir), Err(Errno::ENOTEMPTY));
    linux.remove(&format!("{dir}/file")).unwrap();
    linux.remove(dir).unwrap();
    assert_eq!(linux.list(dir).map(drop), Err(Errno::ENOENT));
}

#[test]
fn a_child_waits_until_it_is_let_go() {
    let linux = Linux::new();
    let argv = ["sh", "-c", "exit 7"].map(Into::into);
    let child = linux.spawn(&Child { argv: &argv }).unwrap();
    linux.write(child, b"go").unwrap();
    let mut status = [0; 4];
    assert_eq!(linux.read(child, &mut status), Ok(4));
    assert_eq!(i32::from_ne_bytes(status), 7);
    assert_eq!(linux.read(child, &mut status), Ok(0), "there is only one end");
    linux.close(child);
    let none = ["/none"].map(Into::into);
    let child = linux.spawn(&Child { argv: &none }).unwrap();
    linux.write(child, b"go").unwrap();
    assert_eq!(linux.read(child, &mut status), Ok(4));
    assert_eq!(i32::from_ne_bytes(status), 127, "as a shell says that there is no such program");
    linux.close(child);
    assert_eq!(linux.spawn(&Child { argv: &[] }), Err(Errno::EINVAL));
}

#[test]
fn an_array_is_shared_memory() {
    let Some(linux) = linux("an_array_is_shared_memory") else { return };
    let map = MapCreate {
        map_type: MapType::ARRAY,
        key_size: 4,
        value_size: 8,
        max_entries: 2,
        map_flags: flags::map::MMAPABLE,
        ..MapCreate::default()
    };
    let map = linux.map_create(map).unwrap();
    let area = Area { offset: 0, len: 4096, access: Access::ReadWrite };
    let memory = linux.mmap(map, area).unwrap();
    memory.store_u64(8, 77, Ordering::Release).unwrap();
    let mut value = [0; 8];
    linux.map_lookup(map, &[1, 0, 0, 0], &mut value, 0).unwrap();
    assert_eq!(u64::from_ne_bytes(value), 77);
    linux.close(map);
    assert_eq!(memory.load_u64(8, Ordering::Acquire), Some(77), "memory outlives the descriptor");
    let area = Area { access: Access::Read, ..area };
    assert_eq!(linux.mmap(map, area).map(drop), Err(Errno::EBADF));
}

/// A program on the clock of this process, which turns it on and off.
#[test]
fn a_perf_event_takes_a_program() {
    let Some(linux) = linux("a_perf_event_takes_a_program") else { return };
    let insns = asm(&[[0xb7, 0, 0, 0], [0x95, 0, 0, 0]]);
    let prog_type = ProgType::PERF_EVENT;
    let prog = ProgLoad { prog_type, insns: &insns, license: "GPL", ..ProgLoad::default() };
    let prog = linux.prog_load(prog).unwrap();
    /// `PERF_TYPE_SOFTWARE`; its `PERF_COUNT_SW_CPU_CLOCK` is zero.
    const SOFTWARE: u32 = 1;
    let event =
        PerfEvent { kind: SOFTWARE, sample: 1_000_000, pid: Some(0), ..PerfEvent::default() };
    let event = linux.perf_event_open(&event).unwrap();
    assert_eq!(linux.perf_event_ioctl(event, PerfRequest::SetBpf(prog)), Ok(()));
    assert_eq!(linux.perf_event_ioctl(event, PerfRequest::Enable), Ok(()));
    assert_eq!(linux.perf_event_ioctl(event, PerfRequest::Disable), Ok(()));
    let other = PerfRequest::SetBpf(event);
    assert_eq!(linux.perf_event_ioctl(event, other), Err(Errno::EINVAL));
    linux.close(event);
    linux.close(prog);
    let unknown = PerfEvent { kind: u32::MAX, ..PerfEvent::default() };
    assert!(linux.perf_event_open(&unknown).is_err());
}

#[test]
fn a_socket_takes_a_filter() {
    let Some(linux) = linux("a_socket_takes_a_filter") else { return };
    let insns = asm(&[[0xb7, 0, 0, 0], [0x95, 0, 0, 0]]);
    let prog_type = ProgType::SOCKET_FILTER;
    let prog = ProgLoad { prog_type, insns: &insns, license: "GPL", ..ProgLoad::default() };
    let prog = linux.prog_load(prog).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_nonblocking(true).unwrap();
    let ours = linux.adopt(OwnedFd::from(socket.try_clone().unwrap())).unwrap();
    let arrives = || {
        sender.send_to(b"x", address).unwrap();
        socket.recv(&mut [0; 8]).is_ok()
    };
    assert!(arrives());
    linux.socket_option(ours, SocketOption::AttachBpf(prog)).unwrap();
    assert!(!arrives(), "the filter keeps nothing");
    linux.socket_option(ours, SocketOption::DetachFilter).unwrap();
    assert!(arrives());
    // Classic: return 0.
    let classic = [0x06, 0, 0, 0, 0, 0, 0, 0];
    linux.socket_option(ours, SocketOption::AttachFilter(&classic)).unwrap();
    assert!(!arrives());
    linux.close(ours);
    linux.close(prog);
}

/// Runs this test's program again as an ordinary user, who sees the other branch.
#[test]
fn an_ordinary_user_is_not_permitted() {
    const INSIDE: &str = "SKEP_TEST_ORDINARY_USER";
    if std::env::var_os(INSIDE).is_some() {
        assert_eq!(Linux::permitted(), Err(Errno::EPERM));
        return;
    }
    let name = "an_ordinary_user_is_not_permitted";
    let Some(_) = linux(name) else { return };
    // The program itself may lie where such a user cannot look, so it is copied to where he can.
    let copy = std::env::temp_dir().join(format!("skep-linux-test-{}", std::process::id()));
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let output = Process::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", "--inh-caps=-all"])
        .arg(&copy)
        .args(["--exact", name])
        .env(INSIDE, "1")
        .current_dir("/")
        .output();
    fs::remove_file(&copy).unwrap();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                text.contains("1 passed"),
                "{text}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Err(error) => harness::not_run(name, &format!("setpriv: {error}")),
    }
}
