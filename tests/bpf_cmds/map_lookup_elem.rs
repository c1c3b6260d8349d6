//! `BPF_MAP_LOOKUP_ELEM`, and `BPF_MAP_LOOKUP_AND_DELETE_ELEM`.

use skep_tests::{four_byte_key, on_every_kernel};
use skep_uapi::{Command, Errno, Fd, MapCreate, MapType, ProgType, flags};

#[test]
fn arrays_hold_zeros_from_the_start() {
    on_every_kernel("map_lookup_elem::arrays_hold_zeros_from_the_start", |kernel| {
        let map = kernel.array(8, 2);
        let mut value = [0xff; 8];
        assert_eq!(kernel.map_lookup(map, &[1, 0, 0, 0], &mut value, 0), Ok(()));
        assert_eq!(value, [0; 8]);
        assert_eq!(kernel.map_lookup(map, &[2, 0, 0, 0], &mut value, 0), Err(Errno::ENOENT));
        assert_eq!(kernel.map_lookup(map, &[0, 0, 0, 1], &mut value, 0), Err(Errno::ENOENT));
    });
}

#[test]
fn hash_maps_are_empty_at_the_start() {
    on_every_kernel("map_lookup_elem::hash_maps_are_empty_at_the_start", |kernel| {
        let map = kernel.hash(8, 2);
        let mut value = [0xff; 8];
        assert_eq!(kernel.map_lookup(map, &[0; 4], &mut value, 0), Err(Errno::ENOENT));
        assert_eq!(value, [0xff; 8]);
    });
}

#[test]
fn per_cpu_values_have_a_slot_for_each_possible_cpu() {
    on_every_kernel(
        "map_lookup_elem::per_cpu_values_have_a_slot_for_each_possible_cpu",
        |kernel| {
            let cpus = kernel.possible_cpus().unwrap() as usize;
            for map_type in [MapType::PERCPU_ARRAY, MapType::PERCPU_HASH] {
                let map = MapCreate { map_type, value_size: 5, max_entries: 2, ..four_byte_key() };
                let map = kernel.map(map);
                let stored: Vec<u8> = (1..=cpus * 8).map(|byte| byte as u8).collect();
                assert_eq!(kernel.map_update(map, &[0; 4], &stored, 0), Ok(()));
                let mut found = vec![0xff; cpus * 8 + 1];
                assert_eq!(kernel.map_lookup(map, &[0; 4], &mut found, 0), Ok(()));
                for (slot, expected) in found.chunks_exact(8).zip(stored.chunks_exact(8)) {
                    assert_eq!(slot[..5], expected[..5], "{map_type}");
                }
                assert_eq!(found[cpus * 8], 0xff, "nothing is written behind the last slot");
                let short = &mut found[..cpus * 8 - 1];
                assert_eq!(kernel.map_lookup(map, &[0; 4], short, 0), Err(Errno::EFAULT));
            }
        },
    );
}

#[test]
fn slices_that_are_too_short_are_bad_addresses() {
    on_every_kernel("map_lookup_elem::slices_that_are_too_short_are_bad_addresses", |kernel| {
        for map in [kernel.array(8, 2), kernel.hash(8, 2)] {
            assert_eq!(kernel.map_lookup(map, &[0; 3], &mut [0; 8], 0), Err(Errno::EFAULT));
            assert_eq!(kernel.map_update(map, &[0; 4], &[0; 8], 0), Ok(()));
            assert_eq!(kernel.map_lookup(map, &[0; 4], &mut [0; 7], 0), Err(Errno::EFAULT));
        }
    });
}

#[test]
fn longer_slices_are_used_as_far_as_needed() {
    on_every_kernel("map_lookup_elem::longer_slices_are_used_as_far_as_needed", |kernel| {
        let map = kernel.hash(4, 2);
        assert_eq!(kernel.map_update(map, &[1, 2, 3, 4, 5], &[6, 7, 8, 9, 10], 0), Ok(()));
        let mut value = [0xff; 6];
        assert_eq!(kernel.map_lookup(map, &[1, 2, 3, 4, 99], &mut value, 0), Ok(()));
        assert_eq!(value, [6, 7, 8, 9, 0xff, 0xff]);
    });
}

#[test]
fn flags_are_checked() {
    on_every_kernel("map_lookup_elem::flags_are_checked", |kernel| {
        for map in [kernel.array(8, 2), kernel.hash(8, 2)] {
            let lookup = |flags| kernel.map_lookup(map, &[0; 4], &mut [0; 8], flags);
            assert_eq!(lookup(flags::elem::NOEXIST), Err(Errno::EINVAL));
            assert_eq!(lookup(1 << 40), Err(Errno::EINVAL));
            assert_eq!(lookup(flags::elem::F_LOCK), Err(Errno::EINVAL));
        }
    });
}

#[test]
fn the_descriptor_must_be_a_map() {
    on_every_kernel("map_lookup_elem::the_descriptor_must_be_a_map", |kernel| {
        let prog = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        let lookup = |fd| kernel.map_lookup(fd, &[0; 4], &mut [0; 8], 0);
        assert_eq!(lookup(Fd(i32::MAX)), Err(Errno::EBADF));
        assert_eq!(lookup(Fd(-1)), Err(Errno::EBADF));
        assert_eq!(lookup(prog), Err(Errno::EINVAL));
    });
}

#[test]
fn a_write_only_map_is_not_read() {
    on_every_kernel("map_lookup_elem::a_write_only_map_is_not_read", |kernel| {
        let map_type = MapType::ARRAY;
        let map_flags = flags::map::WRONLY;
        let map =
            MapCreate { map_type, map_flags, value_size: 8, max_entries: 1, ..four_byte_key() };
        let map = kernel.map(map);
        assert_eq!(kernel.map_update(map, &[0; 4], &[0; 8], 0), Ok(()));
        assert_eq!(kernel.map_lookup(map, &[0; 4], &mut [0; 8], 0), Err(Errno::EPERM));
        assert_eq!(kernel.map_next_key(map, None, &mut [0; 4]), Err(Errno::EPERM));
    });
}

#[test]
fn a_hash_map_gives_and_deletes_in_one_step() {
    on_every_kernel("map_lookup_elem::a_hash_map_gives_and_deletes_in_one_step", |kernel| {
        let map = kernel.hash(4, 2);
        let take = |map_fd, value: &mut [u8], flags| {
            let mut command =
                Command::MapLookupAndDeleteElem { map_fd, key: &[1; 4], value, flags };
            kernel.bpf(&mut command)
        };
        let mut value = [0; 4];
        assert_eq!(take(map, &mut value, 0), Err(Errno::ENOENT));
        assert_eq!(kernel.map_update(map, &[1; 4], &[7; 4], 0), Ok(()));
        assert_eq!(take(map, &mut value, 1 << 40), Err(Errno::EINVAL));
        assert_eq!(take(map, &mut value, 0), Ok(0));
        assert_eq!(value, [7; 4]);
        assert_eq!(take(map, &mut value, 0), Err(Errno::ENOENT));
        assert_eq!(take(kernel.array(4, 2), &mut value, 0), Err(Errno::ENOTSUPP));
    });
}
