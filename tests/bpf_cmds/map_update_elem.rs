//! `BPF_MAP_UPDATE_ELEM`.

use skep_tests::{four_byte_key, on_every_kernel};
use skep_uapi::{Errno, Fd, MapCreate, MapType, ProgType, flags};

use flags::elem::{ANY, EXIST, F_LOCK, NOEXIST};

#[test]
fn flags_say_whether_the_key_may_exist() {
    on_every_kernel("map_update_elem::flags_say_whether_the_key_may_exist", |kernel| {
        let map = kernel.hash(4, 2);
        let update = |flags| kernel.map_update(map, &[1; 4], &[7; 4], flags);
        assert_eq!(update(EXIST), Err(Errno::ENOENT));
        assert_eq!(update(NOEXIST), Ok(()));
        assert_eq!(update(NOEXIST), Err(Errno::EEXIST));
        assert_eq!(update(EXIST), Ok(()));
        assert_eq!(update(ANY), Ok(()));
        assert_eq!(update(NOEXIST | EXIST), Err(Errno::EINVAL));
        assert_eq!(update(1 << 3), Err(Errno::EINVAL));
        assert_eq!(update(F_LOCK), Err(Errno::EINVAL));
    });
}

#[test]
fn all_elements_of_an_array_exist() {
    on_every_kernel("map_update_elem::all_elements_of_an_array_exist", |kernel| {
        for map_type in [MapType::ARRAY, MapType::PERCPU_ARRAY] {
            let map = MapCreate { map_type, value_size: 8, max_entries: 2, ..four_byte_key() };
            let map = kernel.map(map);
            let value = vec![1; 8 * kernel.possible_cpus().unwrap() as usize];
            let update = |index, flags| kernel.map_update(map, &[index, 0, 0, 0], &value, flags);
            assert_eq!(update(1, ANY), Ok(()));
            assert_eq!(update(1, EXIST), Ok(()));
            assert_eq!(update(1, NOEXIST), Err(Errno::EEXIST));
            assert_eq!(update(2, ANY), Err(Errno::E2BIG));
            assert_eq!(update(2, NOEXIST), Err(Errno::E2BIG));
            assert_eq!(update(1, NOEXIST | EXIST), Err(Errno::EINVAL));
        }
    });
}

#[test]
fn a_full_hash_map_takes_known_keys_only() {
    on_every_kernel("map_update_elem::a_full_hash_map_takes_known_keys_only", |kernel| {
        for map_flags in [0, flags::map::NO_PREALLOC] {
            let map_type = MapType::HASH;
            let map =
                MapCreate { map_type, map_flags, value_size: 4, max_entries: 2, ..four_byte_key() };
            let map = kernel.map(map);
            let update = |key| kernel.map_update(map, &[key; 4], &[7; 4], ANY);
            assert_eq!(update(1), Ok(()));
            assert_eq!(update(2), Ok(()));
            assert_eq!(update(3), Err(Errno::E2BIG));
            assert_eq!(update(2), Ok(()));
            assert_eq!(kernel.map_delete(map, &[1; 4]), Ok(()));
            assert_eq!(update(3), Ok(()));
        }
    });
}

#[test]
fn slices_that_are_too_short_are_bad_addresses() {
    on_every_kernel("map_update_elem::slices_that_are_too_short_are_bad_addresses", |kernel| {
        for map in [kernel.array(8, 2), kernel.hash(8, 2)] {
            assert_eq!(kernel.map_update(map, &[0; 3], &[0; 8], ANY), Err(Errno::EFAULT));
            assert_eq!(kernel.map_update(map, &[0; 4], &[0; 7], ANY), Err(Errno::EFAULT));
        }
    });
}

#[test]
fn a_read_only_map_is_not_written() {
    on_every_kernel("map_update_elem::a_read_only_map_is_not_written", |kernel| {
        let map_type = MapType::HASH;
        let map_flags = flags::map::RDONLY;
        let map =
            MapCreate { map_type, map_flags, value_size: 8, max_entries: 1, ..four_byte_key() };
        let map = kernel.map(map);
        assert_eq!(kernel.map_update(map, &[0; 4], &[0; 8], ANY), Err(Errno::EPERM));
        assert_eq!(kernel.map_delete(map, &[0; 4]), Err(Errno::EPERM));
        assert_eq!(kernel.map_lookup(map, &[0; 4], &mut [0; 8], 0), Err(Errno::ENOENT));
    });
}

#[test]
fn the_descriptor_must_be_a_map() {
    on_every_kernel("map_update_elem::the_descriptor_must_be_a_map", |kernel| {
        let prog = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        let update = |fd| kernel.map_update(fd, &[0; 4], &[0; 8], ANY);
        assert_eq!(update(Fd(i32::MAX)), Err(Errno::EBADF));
        assert_eq!(update(prog), Err(Errno::EINVAL));
    });
}
