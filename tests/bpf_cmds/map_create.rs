//! `BPF_MAP_CREATE`.

use skep_tests::{four_byte_key, on_every_kernel};
use skep_uapi::{Errno, Fd, MapCreate, MapType, Name, flags};

#[test]
fn sizes_and_flags_are_checked() {
    on_every_kernel("map_create::sizes_and_flags_are_checked", |kernel| {
        let check = |what: &str, expected: Result<(), Errno>, map: MapCreate<'_>| {
            let result = kernel.map_create(map).map(|fd| kernel.close(fd));
            assert_eq!(result, expected, "{what}");
        };
        let einval = Err(Errno::EINVAL);
        for map_type in [MapType::ARRAY, MapType::HASH, MapType::PERCPU_ARRAY, MapType::PERCPU_HASH]
        {
            let map = || MapCreate { map_type, value_size: 8, max_entries: 4, ..four_byte_key() };
            check("good", Ok(()), map());
            check("no key", einval, MapCreate { key_size: 0, ..map() });
            check("no value", einval, MapCreate { value_size: 0, ..map() });
            check("no entries", einval, MapCreate { max_entries: 0, ..map() });
            check("unknown flag", einval, MapCreate { map_flags: 1 << 31, ..map() });
            check("extra", einval, MapCreate { map_extra: 1, ..map() });
            let both = flags::map::RDONLY | flags::map::WRONLY;
            check("neither read nor written", einval, MapCreate { map_flags: both, ..map() });
            check("read only", Ok(()), MapCreate { map_flags: flags::map::RDONLY, ..map() });
            let both = flags::map::RDONLY_PROG | flags::map::WRONLY_PROG;
            check("of no use to programs", einval, MapCreate { map_flags: both, ..map() });
            let for_programs = MapCreate { map_flags: flags::map::RDONLY_PROG, ..map() };
            check("read only for programs", Ok(()), for_programs);
            check(
                "stack flag",
                einval,
                MapCreate { map_flags: flags::map::STACK_BUILD_ID, ..map() },
            );
            check("key type without btf", einval, MapCreate { btf_key_type_id: 1, ..map() });
            let foreign = MapCreate { btf_fd: Some(Fd(i32::MAX)), btf_value_type_id: 1, ..map() };
            check("no such btf", Err(Errno::EBADF), foreign);
        }
    });
}

#[test]
fn arrays_have_four_byte_keys() {
    on_every_kernel("map_create::arrays_have_four_byte_keys", |kernel| {
        for map_type in [MapType::ARRAY, MapType::PERCPU_ARRAY] {
            let map = MapCreate { map_type, value_size: 8, max_entries: 4, ..four_byte_key() };
            let map = MapCreate { key_size: 8, ..map };
            assert_eq!(kernel.map_create(map), Err(Errno::EINVAL), "{map_type}");
        }
    });
}

#[test]
fn flags_belong_to_types() {
    on_every_kernel("map_create::flags_belong_to_types", |kernel| {
        let check = |map_type, map_flags, expected| {
            let map =
                MapCreate { map_type, map_flags, value_size: 8, max_entries: 4, ..four_byte_key() };
            let result = kernel.map_create(map).map(|fd| kernel.close(fd));
            assert_eq!(result, expected, "{map_type} {map_flags:#x}");
        };
        use flags::map::{MMAPABLE, NO_COMMON_LRU, NO_PREALLOC, PRESERVE_ELEMS, ZERO_SEED};
        let einval = Err(Errno::EINVAL);
        check(MapType::ARRAY, NO_PREALLOC, einval);
        check(MapType::HASH, NO_PREALLOC, Ok(()));
        check(MapType::PERCPU_HASH, NO_PREALLOC, Ok(()));
        check(MapType::ARRAY, MMAPABLE, Ok(()));
        check(MapType::HASH, MMAPABLE, einval);
        check(MapType::PERCPU_ARRAY, MMAPABLE, einval);
        check(MapType::HASH, ZERO_SEED, Ok(()));
        check(MapType::ARRAY, ZERO_SEED, einval);
        check(MapType::HASH, NO_COMMON_LRU, einval);
        check(MapType::ARRAY, PRESERVE_ELEMS, einval);
    });
}

#[test]
fn unknown_types_are_refused() {
    on_every_kernel("map_create::unknown_types_are_refused", |kernel| {
        for map_type in [MapType::UNSPEC, MapType(34), MapType(u32::MAX)] {
            let map = MapCreate { map_type, value_size: 8, max_entries: 4, ..four_byte_key() };
            assert_eq!(kernel.map_create(map), Err(Errno::EINVAL), "{map_type:?}");
        }
    });
}

#[test]
fn names_are_checked() {
    on_every_kernel("map_create::names_are_checked", |kernel| {
        let check = |name: &[u8], expected| {
            let mut map_name = Name::default();
            map_name.0[..name.len()].copy_from_slice(name);
            let map_type = MapType::ARRAY;
            let map = MapCreate { map_type, value_size: 8, max_entries: 1, ..four_byte_key() };
            let result = kernel.map_create(MapCreate { map_name, ..map });
            assert_eq!(result.map(|fd| kernel.close(fd)), expected, "{map_name}");
        };
        check(b"", Ok(()));
        check(b"my_map.1", Ok(()));
        check(b"fifteen_bytes__", Ok(()));
        check(b"sixteen_bytes___", Err(Errno::EINVAL));
        check(b"my map", Err(Errno::EINVAL));
        check(b"my-map", Err(Errno::EINVAL));
        check(b"my\0map", Ok(()));
    });
}

#[test]
fn sizes_beyond_memory_are_refused() {
    on_every_kernel("map_create::sizes_beyond_memory_are_refused", |kernel| {
        let check = |map_type, value_size, max_entries, expected| {
            let map = MapCreate { map_type, value_size, max_entries, ..four_byte_key() };
            let result = kernel.map_create(map).map(|fd| kernel.close(fd));
            assert_eq!(result, expected, "{map_type} {value_size} {max_entries}");
        };
        check(MapType::ARRAY, u32::MAX, 1, Err(Errno::E2BIG));
        check(MapType::HASH, u32::MAX, 1, Err(Errno::E2BIG));
        check(MapType::PERCPU_ARRAY, 32769, 1, Err(Errno::E2BIG));
        check(MapType::PERCPU_HASH, 32769, 1, Err(Errno::E2BIG));
        check(MapType::ARRAY, 1 << 16, u32::MAX, Err(Errno::ENOMEM));
    });
}
