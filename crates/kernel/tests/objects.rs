//! Descriptors, ids, pins and files through the seam.

use skep_kernel::{ClockSource, Config, UserKernel};
use skep_uapi::{Command, Errno, Fd, Kernel, Machine, MapCreate, MapType, Netlink, Open, Reply};

fn kernel() -> UserKernel {
    UserKernel::new(Config { cpus: 3, clock: ClockSource::Virtual, ..Config::default() })
}

fn map(kernel: &UserKernel) -> Fd {
    let create = MapCreate {
        map_type: MapType::ARRAY,
        key_size: 4,
        value_size: 8,
        max_entries: 1,
        ..MapCreate::default()
    };
    kernel.map_create(create).expect("an array of one value")
}

fn pin(kernel: &UserKernel, pathname: &str, bpf_fd: Fd) -> Result<u32, Errno> {
    kernel.bpf(&mut Command::ObjPin { pathname, bpf_fd, path_fd: None, file_flags: 0 })
}

fn get(kernel: &UserKernel, pathname: &str, file_flags: u32) -> Result<Fd, Errno> {
    let mut command = Command::ObjGet { pathname, path_fd: None, file_flags };
    kernel.bpf(&mut command).map(Fd::from_result)
}

fn next_map(kernel: &UserKernel, start_id: u32) -> Result<u32, Errno> {
    let mut next = 0;
    kernel.bpf(&mut Command::MapGetNextId { start_id, next_id: &mut next })?;
    Ok(next)
}

#[test]
fn the_lowest_free_descriptor_comes_first() {
    let kernel = kernel();
    assert_eq!([map(&kernel), map(&kernel), map(&kernel)], [Fd(3), Fd(4), Fd(5)]);
    kernel.close(Fd(4));
    kernel.close(Fd(4));
    kernel.close(Fd(-1));
    assert_eq!(map(&kernel), Fd(4));
    assert_eq!(kernel.map_lookup(Fd(9), &[0; 4], &mut [0; 8], 0), Err(Errno::EBADF));
    assert_eq!(kernel.map_info(Fd(9)).unwrap_err(), Errno::EBADFD);
}

#[test]
fn ids_find_objects_until_the_last_owner_goes() {
    let kernel = kernel();
    let first = map(&kernel);
    let second = map(&kernel);
    assert_eq!((next_map(&kernel, 0), next_map(&kernel, 1)), (Ok(1), Ok(2)));
    let again = kernel.bpf(&mut Command::MapGetFdById { map_id: 1, open_flags: 0 }).unwrap();
    kernel.close(first);
    assert_eq!(next_map(&kernel, 0), Ok(1));
    kernel.close(Fd::from_result(again));
    assert_eq!(next_map(&kernel, 0), Ok(2));
    let gone = kernel.bpf(&mut Command::MapGetFdById { map_id: 1, open_flags: 0 });
    assert_eq!(gone, Err(Errno::ENOENT));
    let flags = kernel.bpf(&mut Command::MapGetFdById { map_id: 2, open_flags: 24 });
    assert_eq!(flags, Err(Errno::EINVAL));
    kernel.close(second);
    assert_eq!(next_map(&kernel, 0), Err(Errno::ENOENT));
    assert_eq!(next_map(&kernel, 0x7fff_ffff), Err(Errno::EINVAL));
}

#[test]
fn pins_keep_objects_alive() {
    let kernel = kernel();
    let fd = map(&kernel);
    assert_eq!(pin(&kernel, "/sys/fs/bpf/m", fd), Ok(0));
    kernel.close(fd);
    assert_eq!(next_map(&kernel, 0), Ok(1));
    let fd = get(&kernel, "/sys/fs/bpf/m", 0).unwrap();
    assert_eq!(kernel.map_info(fd).unwrap().id, 1);
    kernel.close(fd);
    let read_only = get(&kernel, "/sys/fs/bpf/m", 8).unwrap();
    assert_eq!(kernel.map_update(read_only, &[0; 4], &[0; 8], 0), Err(Errno::EPERM));
    kernel.close(read_only);
    kernel.remove("/sys/fs/bpf/m").unwrap();
    assert_eq!(next_map(&kernel, 0), Err(Errno::ENOENT));
}

#[test]
fn pins_are_refused_as_by_linux() {
    let kernel = kernel();
    let fd = map(&kernel);
    let name = |answer: Result<u32, Errno>| answer.unwrap_err().name().unwrap();
    pin(&kernel, "/sys/fs/bpf/m", fd).unwrap();
    kernel.mkdir("/sys/fs/bpf/d").unwrap();
    let refusals = [
        ("/sys/fs/bpf/m", "EEXIST"),
        ("/sys/fs/bpf/no/m", "ENOENT"),
        ("/tmp/m", "EPERM"),
        ("/sys/fs/bpf/m/q", "ENOTDIR"),
        ("/sys/fs/bpf/a.b", "EPERM"),
        ("/sys/fs/bpf/z/", "ENOENT"),
        ("/sys/fs/bpf", "EEXIST"),
        ("", "ENOENT"),
    ];
    for (path, expect) in refusals {
        assert_eq!(name(pin(&kernel, path, fd)), expect, "{path}");
    }
    assert_eq!(name(pin(&kernel, "/sys/fs/bpf/q", Fd(99))), "EINVAL");
    assert_eq!(get(&kernel, "/sys/fs/bpf/nope", 0), Err(Errno::ENOENT));
    assert_eq!(get(&kernel, "/sys/fs/bpf/d", 0), Err(Errno::EACCES));
    assert_eq!(get(&kernel, "/sys/fs/bpf/m", 24), Err(Errno::EINVAL));
    pin(&kernel, "/sys/fs/bpf/d/m", fd).unwrap();
    assert_eq!(kernel.remove("/sys/fs/bpf/d"), Err(Errno::ENOTEMPTY));
    assert_eq!(kernel.list("/sys/fs/bpf/m"), Err(Errno::ENOTDIR));
    let names: Vec<_> = kernel.list("/sys/fs/bpf").unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["d", "m"]);
}

#[test]
fn the_machine_has_files_and_devices() {
    let kernel = kernel();
    assert_eq!(kernel.file("/sys/devices/system/cpu/possible").unwrap(), b"0-2\n");
    assert_eq!(kernel.possible_cpus(), Ok(3));
    assert_eq!(kernel.file("/nope"), Err(Errno::ENOENT));
    assert_eq!(kernel.file("/sys/kernel"), Err(Errno::EISDIR));
    let file = Open::File { path: "/sys/kernel/tracing/trace_pipe", write: true };
    assert_eq!(kernel.open(file), Err(Errno::EACCES));
    assert_eq!(kernel.add_device("veth0", 1500), Ok(2));
    assert_eq!(kernel.add_device("veth0", 1500), Err(Errno::EEXIST));
    let Ok(Reply::Links(links)) = kernel.netlink(Netlink::Links) else { panic!("no links") };
    let links: Vec<(u32, String)> = links.into_iter().map(|l| (l.ifindex, l.name)).collect();
    assert_eq!(links, [(1, "lo".to_owned()), (2, "veth0".to_owned())]);
}

#[test]
fn a_descriptor_says_what_stands_nowhere_else() {
    let kernel = kernel();
    let map = map(&kernel);
    let text = |path: &str| {
        let text = kernel.file(path).map(|text| String::from_utf8(text).expect("it is text"));
        text.map_err(Errno::name)
    };
    let fdinfo = format!("/proc/self/fdinfo/{map}");
    let fields = "pos:\t0\nflags:\t02000002\nmap_type:\t2\nkey_size:\t4\nvalue_size:\t8\n\
                  max_entries:\t1\nmap_flags:\t0x0\nmap_extra:\t0x0\nmap_id:\t1\nfrozen:\t";
    assert_eq!(text(&fdinfo), Ok(format!("{fields}0\n")));
    kernel.bpf(&mut Command::MapFreeze { map_fd: map }).expect("nothing writes it");
    assert_eq!(text(&fdinfo), Ok(format!("{fields}1\n")));
    kernel.close(map);
    assert_eq!(text(&fdinfo), Err(Some("ENOENT")));
    assert_eq!(text("/proc/self/fdinfo/x"), Err(Some("ENOENT")));
    kernel.advance(std::time::Duration::from_millis(61_250)).expect("time is virtual");
    assert_eq!(text("/proc/uptime"), Ok("61.25 0.00\n".to_owned()));
}
