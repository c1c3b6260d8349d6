//! `BPF_MAP_FREEZE`.

use skep_tests::{four_byte_key, on_every_kernel};
use skep_uapi::{Command, Errno, Fd, Kernel, MapCreate, MapType, ProgType, flags};

fn freeze(kernel: &dyn Kernel, map_fd: Fd) -> Result<u32, Errno> {
    kernel.bpf(&mut Command::MapFreeze { map_fd })
}

#[test]
fn a_frozen_map_is_read_only_to_user_space() {
    on_every_kernel("map_freeze::a_frozen_map_is_read_only_to_user_space", |kernel| {
        for map in [kernel.array(8, 2), kernel.hash(8, 2)] {
            assert_eq!(kernel.map_update(map, &[0; 4], &[1; 8], 0), Ok(()));
            assert_eq!(freeze(&**kernel, map), Ok(0));
            assert_eq!(kernel.map_update(map, &[0; 4], &[2; 8], 0), Err(Errno::EPERM));
            assert_eq!(kernel.map_delete(map, &[0; 4]), Err(Errno::EPERM));
            let mut value = [0; 8];
            assert_eq!(kernel.map_lookup(map, &[0; 4], &mut value, 0), Ok(()));
            assert_eq!(value, [1; 8]);
            assert_eq!(freeze(&**kernel, map), Err(Errno::EPERM));
        }
    });
}

#[test]
fn a_read_only_descriptor_cannot_freeze() {
    on_every_kernel("map_freeze::a_read_only_descriptor_cannot_freeze", |kernel| {
        let map_type = MapType::ARRAY;
        let map_flags = flags::map::RDONLY;
        let map =
            MapCreate { map_type, map_flags, value_size: 8, max_entries: 1, ..four_byte_key() };
        assert_eq!(freeze(&**kernel, kernel.map(map)), Err(Errno::EPERM));
    });
}

#[test]
fn the_descriptor_must_be_a_map() {
    on_every_kernel("map_freeze::the_descriptor_must_be_a_map", |kernel| {
        let prog = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        assert_eq!(freeze(&**kernel, Fd(i32::MAX)), Err(Errno::EBADF));
        assert_eq!(freeze(&**kernel, prog), Err(Errno::EINVAL));
    });
}
