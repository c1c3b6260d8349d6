//! Pins as files of the host: what others do to the files is what happens to the pins.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;

use skep_isa::assemble;
use skep_kernel::{Config, Pinning, UserKernel};
use skep_uapi::{
    AttachType, Command, Errno, Fd, Kernel, LinkCreate, Machine, MapCreate, MapType, Netlink,
    ProgLoad, ProgType, Reply, Target, flags,
};
use tempfile::TempDir;

#[test]
fn a_pin_is_a_file_until_it_is_removed() {
    let (kernel, dir) = kernel();
    pinned_map(&kernel, &path(&dir, "map"));
    let text = fs::read_to_string(dir.path().join("map")).unwrap();
    assert!(text.contains("map 1 of the user-space kernel"), "{text}");
    let mode = fs::metadata(dir.path().join("map")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(get(&kernel, &path(&dir, "map")), Ok(1));
    fs::remove_file(dir.path().join("map")).unwrap();
    assert_eq!(maps(&kernel), []);
    assert_eq!(get(&kernel, &path(&dir, "map")), Err(Errno::ENOENT));
}

#[test]
fn what_moves_is_kept_and_a_copy_is_none() {
    let (kernel, dir) = kernel();
    let at = |name: &str| dir.path().join(name);
    pinned_map(&kernel, &path(&dir, "map"));
    fs::copy(at("map"), at("copy")).unwrap();
    fs::create_dir(at("dir.with.dots")).unwrap();
    fs::rename(at("map"), at("dir.with.dots/moved")).unwrap();
    assert_eq!(get(&kernel, &path(&dir, "dir.with.dots/moved")), Ok(1));
    assert_eq!(get(&kernel, &path(&dir, "map")), Err(Errno::ENOENT));
    assert_eq!(get(&kernel, &path(&dir, "copy")), Err(Errno::EACCES));

    // Each name of the same file is the pin.
    fs::hard_link(at("dir.with.dots/moved"), at("again")).unwrap();
    symlink("again", at("symbolic")).unwrap();
    fs::remove_file(at("dir.with.dots/moved")).unwrap();
    assert_eq!(get(&kernel, &path(&dir, "symbolic")), Ok(1));
    assert_eq!(maps(&kernel), [1]);

    // So is what another file is moved onto.
    fs::rename(at("copy"), at("again")).unwrap();
    assert_eq!(maps(&kernel), []);
    assert_eq!(get(&kernel, &path(&dir, "again")), Err(Errno::EACCES));
}

/// The host gives the number of a removed inode to the next file.
#[test]
fn a_new_file_is_not_taken_for_the_pin_before() {
    let (kernel, dir) = kernel();
    let map = path(&dir, "map");
    for id in 1..100 {
        pinned_map(&kernel, &map);
        assert_eq!(maps(&kernel), [id]);
        fs::remove_file(&map).unwrap();
        fs::write(&map, "something else").unwrap();
        assert_eq!(get(&kernel, &map), Err(Errno::EACCES));
        fs::remove_file(&map).unwrap();
    }
    assert_eq!(maps(&kernel), []);
}

#[test]
fn removing_the_pin_of_a_link_detaches() {
    let (kernel, dir) = kernel();
    let (program, ifindex) = (drop_all(&kernel), kernel.add_device("dev0", 1500).unwrap());
    let link = LinkCreate {
        fd: program,
        target: Target::Ifindex(ifindex),
        attach_type: AttachType::XDP,
        ..LinkCreate::default()
    };
    let link = Fd::from_result(kernel.bpf(&mut Command::LinkCreate(link)).unwrap());
    pin(&kernel, &path(&dir, "link"), link).unwrap();
    kernel.close(link);
    kernel.close(program);
    assert_eq!(kernel.receive(ifindex, &[0; 64]).unwrap().xdp, Some(1));
    fs::remove_file(dir.path().join("link")).unwrap();
    assert_eq!(kernel.receive(ifindex, &[0; 64]).unwrap().xdp, None);
    let Reply::Links(links) = kernel.netlink(Netlink::Links).unwrap() else { panic!("a dump") };
    assert!(links.iter().all(|link| link.xdp.is_empty()));
}

#[test]
fn a_pin_of_a_kernel_that_is_gone_is_told_and_can_be_removed() {
    let ((gone, dir), (kernel, _)) = (kernel(), kernel());
    let map = path(&dir, "map");
    pinned_map(&gone, &map);
    assert_eq!(get(&kernel, &map), Err(Errno::ESTALE));
    drop(gone);
    assert_eq!(get(&kernel, &map), Err(Errno::ESTALE));
    let fd = self::map(&kernel);
    assert_eq!(pin(&kernel, &map, fd), Err(Errno::EEXIST));
    assert_eq!(kernel.remove(&map), Ok(()));
    assert_eq!(kernel.list(dir.path().to_str().unwrap()), Ok(vec![]));
    assert_eq!(pin(&kernel, &map, fd), Ok(0));
}

#[test]
fn files_of_others_are_left_alone() {
    let (kernel, dir) = kernel();
    let ordinary = path(&dir, "ordinary");
    fs::write(&ordinary, "not a pin").unwrap();
    symlink(&ordinary, dir.path().join("symbolic")).unwrap();
    let fd = map(&kernel);
    for name in ["ordinary", "symbolic"] {
        let path = path(&dir, name);
        assert_eq!(get(&kernel, &path), Err(Errno::EACCES));
        assert_eq!(kernel.remove(&path), Err(Errno::EPERM));
        assert_eq!(pin(&kernel, &path, fd), Err(Errno::EEXIST));
    }
    assert_eq!(fs::read_to_string(&ordinary).unwrap(), "not a pin");
    assert_eq!(get(&kernel, "/dev/null"), Err(Errno::EACCES));
    assert_eq!(kernel.remove("/dev/null"), Err(Errno::EPERM));
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

/// What the kernel serves itself is not the host's.
#[test]
fn files_of_this_kernel_stay_its_own() {
    let (kernel, _) = kernel();
    let fd = map(&kernel);
    for path in ["/sys/kernel/btf/vmlinux", "/proc/self/fdinfo/3", "/sys/kernel"] {
        assert_eq!(pin(&kernel, path, fd), Err(Errno::EPERM), "{path}");
        assert_eq!(get(&kernel, path), Err(Errno::EACCES), "{path}");
        assert_eq!(kernel.mkdir(path), Err(Errno::EPERM), "{path}");
    }
    assert_eq!(kernel.list("/sys/kernel/btf").map(|entries| entries.len()), Ok(1));
}

#[test]
fn a_directory_that_cannot_be_written_is_told() {
    let (kernel, dir) = kernel();
    let fd = map(&kernel);
    assert_eq!(pin(&kernel, "/proc/self/skep", fd), Err(Errno::ENOENT));
    let long = path(&dir, &"x".repeat(256));
    assert_eq!(pin(&kernel, &long, fd), Err(Errno::ENAMETOOLONG));
    assert_eq!(pin(&kernel, "/dev/full/map", fd), Err(Errno::ENOTDIR));
    assert_eq!(kernel.list(dir.path().to_str().unwrap()), Ok(vec![]));
}

fn kernel() -> (UserKernel, TempDir) {
    let config = Config { cpus: 1, pinning: Pinning::Files, ..Config::default() };
    (UserKernel::new(config), tempfile::tempdir().expect("a temporary directory"))
}

fn path(dir: &TempDir, name: &str) -> String {
    Path::join(dir.path(), name).to_str().expect("its path is text").to_owned()
}

fn map(kernel: &UserKernel) -> Fd {
    let sizes = MapCreate { key_size: 4, value_size: 8, ..MapCreate::default() };
    let create = MapCreate { map_type: MapType::ARRAY, max_entries: 1, ..sizes };
    kernel.map_create(create).expect("an array of one value")
}

/// A map that only a pin keeps.
fn pinned_map(kernel: &UserKernel, path: &str) {
    let fd = map(kernel);
    assert_eq!(pin(kernel, path, fd), Ok(0));
    kernel.close(fd);
}

fn drop_all(kernel: &UserKernel) -> Fd {
    let program = assemble("r0 = 1\nexit", &|_: &str| None).expect("two instructions");
    let insns: Vec<u8> = program.insns.iter().flat_map(|insn| insn.to_le_bytes()).collect();
    let (prog_type, license) = (ProgType::XDP, "GPL");
    kernel
        .prog_load(ProgLoad { prog_type, insns: &insns, license, ..Default::default() })
        .expect("a good program")
}

fn pin(kernel: &UserKernel, pathname: &str, bpf_fd: Fd) -> Result<u32, Errno> {
    kernel.bpf(&mut Command::ObjPin { pathname, bpf_fd, path_fd: None, file_flags: 0 })
}

/// The id of the map behind a pin.
fn get(kernel: &UserKernel, pathname: &str) -> Result<u32, Errno> {
    let file_flags = flags::map::RDONLY;
    let mut get = Command::ObjGet { pathname, path_fd: None, file_flags };
    let fd = kernel.bpf(&mut get).map(Fd::from_result)?;
    let id = kernel.map_info(fd).expect("the pin of a map").id;
    kernel.close(fd);
    Ok(id)
}

/// The ids of the maps that there are.
fn maps(kernel: &UserKernel) -> Vec<u32> {
    let mut ids = Vec::new();
    loop {
        let (start_id, mut next) = (ids.last().copied().unwrap_or(0), 0);
        match kernel.bpf(&mut Command::MapGetNextId { start_id, next_id: &mut next }) {
            Ok(_) => ids.push(next),
            Err(errno) => {
                assert_eq!(errno, Errno::ENOENT);
                return ids;
            }
        }
    }
}
