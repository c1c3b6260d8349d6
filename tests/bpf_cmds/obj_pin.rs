//! `BPF_OBJ_PIN` and `BPF_OBJ_GET`.

use skep_tests::{Subject, on_every_kernel};
use skep_uapi::{Command, EntryKind, Errno, Fd, ProgType, flags};

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
        assert_eq!(pin(kernel, "/skep-test-no-bpffs", map), Err(Errno::EPERM));
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
