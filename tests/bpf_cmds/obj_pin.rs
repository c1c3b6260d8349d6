//! `BPF_OBJ_PIN` and `BPF_OBJ_GET`.

use skep_tests::{Subject, on_every_kernel};
use skep_uapi::{Command, EntryKind, Errno, Fd, Open, ProgType, flags};

fn pin(kernel: &Subject, pathname: &str, bpf_fd: Fd) -> Result<u32, Errno> {
    kernel.bpf(&mut Command::ObjPin { pathname, bpf_fd, path_fd: None, file_flags: 0 })
}

fn get(kernel: &Subject, pathname: &str, file_flags: u32) -> Result<Fd, Errno> {
    kernel.fd(&mut Command::ObjGet { pathname, path_fd: None, file_flags })
}

#[test]
fn a_pin_keeps_its_map() {
    on_every_kernel("obj_pin::a_pin_keeps_its_map", |kernel| {
        let bpffs = kernel.bpffs();
        let path = bpffs.path("map");
        let map = kernel.array(8, 1);
        kernel.map_update(map, &[0; 4], &[7; 8], 0).unwrap();
        let id = kernel.map_info(map).unwrap().id;
        assert_eq!(pin(kernel, &path, map), Ok(0));
        kernel.close(map);
        let again = get(kernel, &path, 0).unwrap();
        assert_eq!(kernel.map_info(again).unwrap().id, id);
        let mut value = [0; 8];
        kernel.map_lookup(again, &[0; 4], &mut value, 0).unwrap();
        assert_eq!(value, [7; 8]);
        assert_eq!(kernel.remove(&path), Ok(()));
        assert_eq!(get(kernel, &path, 0), Err(Errno::ENOENT));
    });
}

#[test]
fn a_pin_keeps_its_program() {
    on_every_kernel("obj_pin::a_pin_keeps_its_program", |kernel| {
        let bpffs = kernel.bpffs();
        let path = bpffs.path("prog");
        let prog = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        assert_eq!(pin(kernel, &path, prog), Ok(0));
        let again = get(kernel, &path, 0).unwrap();
        assert_ne!(again, prog);
        let id = |fd| kernel.prog_info(fd, Default::default()).unwrap().id;
        assert_eq!(id(again), id(prog));
    });
}

#[test]
fn directories_hold_pins() {
    on_every_kernel("obj_pin::directories_hold_pins", |kernel| {
        let bpffs = kernel.bpffs();
        let dir = bpffs.path("dir");
        assert_eq!(kernel.mkdir(&dir), Ok(()));
        assert_eq!(kernel.mkdir(&dir), Err(Errno::EEXIST));
        assert_eq!(kernel.mkdir(&bpffs.path("none/dir")), Err(Errno::ENOENT));
        let map = kernel.array(8, 1);
        assert_eq!(pin(kernel, &bpffs.path("dir/b"), map), Ok(0));
        assert_eq!(pin(kernel, &bpffs.path("dir/a"), map), Ok(0));
        let entries = kernel.list(&dir).unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry.name.to_str().unwrap()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(entries.iter().all(|entry| entry.kind == EntryKind::File));
        assert_eq!(kernel.remove(&dir), Err(Errno::ENOTEMPTY));
        assert_eq!(kernel.remove(&bpffs.path("dir/a")), Ok(()));
        assert_eq!(kernel.remove(&bpffs.path("dir/b")), Ok(()));
        assert_eq!(kernel.remove(&dir), Ok(()));
        assert_eq!(kernel.list(&dir).map(drop), Err(Errno::ENOENT));
    });
}

#[test]
fn paths_are_checked() {
    on_every_kernel("obj_pin::paths_are_checked", |kernel| {
        let bpffs = kernel.bpffs();
        let map = kernel.array(8, 1);
        let path = bpffs.path("map");
        assert_eq!(pin(kernel, &path, map), Ok(0));
        assert_eq!(pin(kernel, &path, map), Err(Errno::EEXIST));
        assert_eq!(pin(kernel, &bpffs.path("none/map"), map), Err(Errno::ENOENT));
        assert_eq!(pin(kernel, &bpffs.path("map/map"), map), Err(Errno::ENOTDIR));
        assert_eq!(pin(kernel, &bpffs.path("with.dot"), map), Err(Errno::EPERM));
        if !kernel.pins_are_files() {
            assert_eq!(pin(kernel, "/skep-test-no-bpffs", map), Err(Errno::EPERM));
        }
        assert_eq!(pin(kernel, "", map), Err(Errno::ENOENT));
        assert_eq!(get(kernel, &bpffs.path("none"), 0), Err(Errno::ENOENT));
        assert_eq!(get(kernel, &bpffs.path(""), 0), Err(Errno::EACCES));
    });
}

#[test]
fn descriptor_and_flags_are_checked() {
    on_every_kernel("obj_pin::descriptor_and_flags_are_checked", |kernel| {
        let bpffs = kernel.bpffs();
        let path = bpffs.path("map");
        assert_eq!(pin(kernel, &path, Fd(i32::MAX)), Err(Errno::EINVAL));
        let map = kernel.array(8, 1);
        let mut flagged =
            Command::ObjPin { pathname: &path, bpf_fd: map, path_fd: None, file_flags: 1 };
        assert_eq!(kernel.bpf(&mut flagged), Err(Errno::EINVAL));
        assert_eq!(pin(kernel, &path, map), Ok(0));
        assert_eq!(get(kernel, &path, 1), Err(Errno::EINVAL));
        let read_only = get(kernel, &path, flags::map::RDONLY).unwrap();
        assert_eq!(kernel.map_lookup(read_only, &[0; 4], &mut [0; 8], 0), Ok(()));
        assert_eq!(kernel.map_update(read_only, &[0; 4], &[0; 8], 0), Err(Errno::EPERM));
        let write_only = get(kernel, &path, flags::map::WRONLY).unwrap();
        assert_eq!(kernel.map_lookup(write_only, &[0; 4], &mut [0; 8], 0), Err(Errno::EPERM));
        assert_eq!(kernel.map_update(write_only, &[0; 4], &[0; 8], 0), Ok(()));
    });
}

#[test]
fn paths_begin_at_a_directory() {
    on_every_kernel("obj_pin::paths_begin_at_a_directory", |kernel| {
        let bpffs = kernel.bpffs();
        let map = kernel.array(8, 1);
        kernel.mkdir(&bpffs.path("dir")).unwrap();
        let dir = kernel.open(Open::Directory(&bpffs.path("dir"))).unwrap();
        let check = |pathname: &str, path_fd, file_flags, pinned, got| {
            let path_fd = Some(path_fd);
            let mut pin = Command::ObjPin { pathname, bpf_fd: map, path_fd, file_flags };
            assert_eq!(kernel.bpf(&mut pin).map(drop), pinned, "pin {pathname:?}");
            let mut get = Command::ObjGet { pathname, path_fd, file_flags };
            assert_eq!(kernel.fd(&mut get).map(drop), got, "get {pathname:?}");
        };
        let below = |pathname, pinned, got| check(pathname, dir, flags::map::PATH_FD, pinned, got);
        below("map", Ok(()), Ok(()));
        below("map", Err(Errno::EEXIST), Ok(()));
        below("./dotted", Ok(()), Ok(()));
        below("../above", Ok(()), Ok(()));
        below("none/map", Err(Errno::ENOENT), Err(Errno::ENOENT));
        below("", Err(Errno::ENOENT), Err(Errno::ENOENT));
        below(".", Err(Errno::EEXIST), Err(Errno::EACCES));
        below("..", Err(Errno::EEXIST), Err(Errno::EACCES));
        // A directory without its flag is a mistake of the caller's.
        check("map", dir, 0, Err(Errno::EINVAL), Err(Errno::EINVAL));

        let elsewhere = |pathname, path_fd, answer| {
            check(pathname, path_fd, flags::map::PATH_FD, answer, answer);
        };
        elsewhere("map", map, Err(Errno::ENOTDIR));
        elsewhere("map", Fd(i32::MAX), Err(Errno::EBADF));
        elsewhere(&bpffs.path("absolute"), Fd(i32::MAX), Ok(()));
        kernel.close(dir);
        for pin in ["dir/map", "dir/dotted", "dir", "above", "absolute"] {
            assert_eq!(kernel.remove(&bpffs.path(pin)), Ok(()), "{pin}");
        }
    });
}
