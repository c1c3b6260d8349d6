//! `BPF_MAP_DELETE_ELEM`.

use skep_tests::{four_byte_key, on_every_kernel};
use skep_uapi::{Errno, Fd, MapCreate, MapType};

#[test]
fn a_deleted_key_is_gone() {
    on_every_kernel("map_delete_elem::a_deleted_key_is_gone", |kernel| {
        let map = kernel.hash(4, 2);
        assert_eq!(kernel.map_delete(map, &[1; 4]), Err(Errno::ENOENT));
        assert_eq!(kernel.map_update(map, &[1; 4], &[7; 4], 0), Ok(()));
        assert_eq!(kernel.map_delete(map, &[1; 4]), Ok(()));
        assert_eq!(kernel.map_lookup(map, &[1; 4], &mut [0; 4], 0), Err(Errno::ENOENT));
        assert_eq!(kernel.map_delete(map, &[1; 4]), Err(Errno::ENOENT));
    });
}

#[test]
fn elements_of_an_array_stay() {
    on_every_kernel("map_delete_elem::elements_of_an_array_stay", |kernel| {
        for map_type in [MapType::ARRAY, MapType::PERCPU_ARRAY] {
            let map = MapCreate { map_type, value_size: 8, max_entries: 2, ..four_byte_key() };
            assert_eq!(kernel.map_delete(kernel.map(map), &[0; 4]), Err(Errno::EINVAL));
        }
    });
}

#[test]
fn key_and_descriptor_are_checked() {
    on_every_kernel("map_delete_elem::key_and_descriptor_are_checked", |kernel| {
        let map = kernel.hash(4, 2);
        assert_eq!(kernel.map_delete(map, &[1; 3]), Err(Errno::EFAULT));
        assert_eq!(kernel.map_delete(Fd(i32::MAX), &[1; 4]), Err(Errno::EBADF));
    });
}
