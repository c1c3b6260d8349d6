//! Maps through the seam: every expected answer was seen on Linux 6.18.

use skep_kernel::{ClockSource, Config, UserKernel};
use skep_uapi::flags::{elem, map as flag};
use skep_uapi::{Access, Area, Command, Errno, Fd, Kernel, LookupBatch, MapCreate, MapType, Name};

const CPUS: u32 = 2;
const TYPES: [MapType; 4] =
    [MapType::ARRAY, MapType::HASH, MapType::PERCPU_ARRAY, MapType::PERCPU_HASH];

fn kernel() -> UserKernel {
    UserKernel::new(Config { cpus: CPUS, clock: ClockSource::Virtual, ..Config::default() })
}

fn create(map_type: MapType) -> MapCreate<'static> {
    MapCreate { map_type, key_size: 4, value_size: 4, max_entries: 2, ..MapCreate::default() }
}

fn is_percpu(map_type: MapType) -> bool {
    matches!(map_type, MapType::PERCPU_ARRAY | MapType::PERCPU_HASH)
}

/// A value of a map of four-byte values, as user space sees it.
fn value(map_type: MapType, byte: u8) -> Vec<u8> {
    vec![byte; if is_percpu(map_type) { 8 * CPUS as usize } else { 4 }]
}

fn key(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}

/// `ok`, or the error's name.
fn word<T>(result: Result<T, Errno>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(errno) => errno.name().unwrap_or("?").to_owned(),
    }
}

/// Creates a map of each type with one thing changed; `expect` lists the answers for array, hash,
/// per-CPU array and per-CPU hash.
fn check_create(what: &str, change: impl Fn(&mut MapCreate<'static>), expect: &str) {
    let kernel = kernel();
    let answers: Vec<String> = TYPES
        .iter()
        .map(|map_type| {
            let mut map = create(*map_type);
            change(&mut map);
            word(kernel.map_create(map))
        })
        .collect();
    assert_eq!(answers.join(" "), expect, "{what}");
}

#[test]
fn creation_is_checked_as_by_linux() {
    let all = |word: &str| [word; 4].join(" ");
    check_create("plain", |_| {}, &all("ok"));
    check_create("no key", |m| m.key_size = 0, &all("EINVAL"));
    check_create("no value", |m| m.value_size = 0, &all("EINVAL"));
    check_create("no entries", |m| m.max_entries = 0, &all("EINVAL"));
    check_create("key of 8", |m| m.key_size = 8, "EINVAL ok EINVAL ok");
    check_create("key of 4096", |m| m.key_size = 4096, "EINVAL ok EINVAL ok");
    let flags = [
        (flag::NO_PREALLOC, "EINVAL ok EINVAL ok"),
        (flag::NO_COMMON_LRU, "EINVAL EINVAL EINVAL EINVAL"),
        (flag::NUMA_NODE, "ok ok EINVAL EINVAL"),
        (flag::RDONLY, "ok ok ok ok"),
        (flag::WRONLY, "ok ok ok ok"),
        (flag::RDONLY | flag::WRONLY, "EINVAL EINVAL EINVAL EINVAL"),
        (flag::ZERO_SEED, "EINVAL ok EINVAL ok"),
        (flag::RDONLY_PROG, "ok ok ok ok"),
        (flag::WRONLY_PROG, "ok ok ok ok"),
        (flag::RDONLY_PROG | flag::WRONLY_PROG, "EINVAL EINVAL EINVAL EINVAL"),
        (flag::MMAPABLE, "ok EINVAL EINVAL EINVAL"),
        (flag::INNER_MAP, "ok EINVAL EINVAL EINVAL"),
        (1 << 19, "EINVAL EINVAL EINVAL EINVAL"),
    ];
    for (bits, expect) in flags {
        check_create(&format!("flags {bits:#x}"), |m| m.map_flags = bits, expect);
    }
    check_create("numa node unread", |m| m.numa_node = 1, &all("ok"));
    check_create(
        "numa node 5",
        |m| {
            m.map_flags = flag::NUMA_NODE;
            m.numa_node = 5;
        },
        &all("EINVAL"),
    );
    check_create("value of 32769", |m| m.value_size = 32769, "ok ok E2BIG E2BIG");
    check_create("value of 4 MiB", |m| m.value_size = 4 << 20, "ok E2BIG E2BIG E2BIG");
    check_create("value of 2 GiB", |m| m.value_size = 1 << 31, "E2BIG E2BIG E2BIG E2BIG");
    check_create("entries 2^27 + 1", |m| m.max_entries = (1 << 27) + 1, "ok E2BIG ok E2BIG");
    check_create("name", |m| m.map_name = Name(*b"a.b_C9\0\0\0\0\0\0\0\0\0\0"), &all("ok"));
    check_create(
        "bad name",
        |m| m.map_name = Name(*b"a-b\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        &all("EINVAL"),
    );
    check_create("long name", |m| m.map_name = Name([b'x'; 16]), &all("EINVAL"));
    check_create("extra", |m| m.map_extra = 1, &all("EINVAL"));
    check_create("key type only", |m| m.btf_key_type_id = 1, &all("EINVAL"));
    check_create("vmlinux value", |m| m.btf_vmlinux_value_type_id = 1, &all("EINVAL"));
    check_create("type 0", |m| m.map_type = MapType::UNSPEC, &all("EINVAL"));
    check_create("type 34", |m| m.map_type = MapType(34), &all("EINVAL"));
}

#[test]
fn updates_obey_their_flags() {
    for map_type in TYPES {
        let array = matches!(map_type, MapType::ARRAY | MapType::PERCPU_ARRAY);
        let kernel = kernel();
        let map = kernel.map_create(create(map_type)).unwrap();
        let put =
            |number, flags| word(kernel.map_update(map, &key(number), &value(map_type, 1), flags));
        assert_eq!(put(0, elem::EXIST), if array { "ok" } else { "ENOENT" });
        assert_eq!(put(0, elem::ANY), "ok");
        assert_eq!(put(0, elem::NOEXIST), "EEXIST");
        assert_eq!(put(0, elem::EXIST), "ok");
        for flags in [3, elem::F_LOCK, 5, 6, 8] {
            assert_eq!(put(0, flags), "EINVAL", "{map_type} {flags}");
        }
        assert_eq!(put(1, elem::ANY), "ok");
        assert_eq!(put(2, elem::ANY), "E2BIG");
        assert_eq!(put(0, elem::ANY), "ok", "a full map still takes new values");
        assert_eq!(word(kernel.map_delete(map, &key(0))), if array { "EINVAL" } else { "ok" });
        assert_eq!(word(kernel.map_delete(map, &key(0))), if array { "EINVAL" } else { "ENOENT" });
        assert_eq!(put(7, elem::ANY), if array { "E2BIG" } else { "ok" });
        let mut out = value(map_type, 0);
        assert_eq!(word(kernel.map_lookup(map, &key(1), &mut out, 0)), "ok");
        assert_eq!(out, value(map_type, 1));
        assert_eq!(word(kernel.map_lookup(map, &key(99), &mut out, 0)), "ENOENT");
        assert_eq!(word(kernel.map_lookup(map, &key(1), &mut out, elem::F_LOCK)), "EINVAL");
        assert_eq!(word(kernel.map_lookup(map, &key(1), &mut out[..3], 0)), "EFAULT");
        assert_eq!(word(kernel.map_lookup(map, &[0; 3], &mut out, 0)), "EFAULT");
    }
}

#[test]
fn keys_come_in_a_row() {
    for map_type in TYPES {
        let kernel = kernel();
        let map = kernel.map_create(create(map_type)).unwrap();
        for number in [0, 1] {
            kernel.map_update(map, &key(number), &value(map_type, 1), 0).unwrap();
        }
        let mut found = Vec::new();
        let mut at = None;
        let mut next = [0; 4];
        while kernel.map_next_key(map, at.as_ref().map(|k: &[u8; 4]| &k[..]), &mut next).unwrap() {
            found.push(u32::from_ne_bytes(next));
            at = Some(next);
        }
        found.sort_unstable();
        assert_eq!(found, [0, 1], "{map_type}");
        assert_eq!(kernel.map_next_key(map, Some(&key(77)), &mut next), Ok(true), "unknown: first");
    }
}

#[test]
fn lookup_and_delete_is_for_hashes() {
    for map_type in TYPES {
        let array = matches!(map_type, MapType::ARRAY | MapType::PERCPU_ARRAY);
        let kernel = kernel();
        let map_fd = kernel.map_create(create(map_type)).unwrap();
        kernel.map_update(map_fd, &key(1), &value(map_type, 5), 0).unwrap();
        let mut out = value(map_type, 0);
        let mut take = |flags| {
            let (key, value) = (&key(1)[..], &mut out[..]);
            word(kernel.bpf(&mut Command::MapLookupAndDeleteElem { map_fd, key, value, flags }))
        };
        assert_eq!(take(1), "EINVAL");
        assert_eq!(take(0), if array { "ENOTSUPP" } else { "ok" });
        assert_eq!(take(0), if array { "ENOTSUPP" } else { "ENOENT" });
        assert_eq!(out, value(map_type, if array { 0 } else { 5 }));
    }
}

#[test]
fn descriptors_and_freezing_guard_a_map() {
    for map_type in TYPES {
        let kernel = kernel();
        let mut out = value(map_type, 0);
        let read_only = MapCreate { map_flags: flag::RDONLY, ..create(map_type) };
        let map = kernel.map_create(read_only).unwrap();
        assert_eq!(word(kernel.map_update(map, &key(0), &out, 0)), "EPERM");
        assert_eq!(word(kernel.map_delete(map, &key(0))), "EPERM");
        assert_ne!(word(kernel.map_lookup(map, &key(0), &mut out, 0)), "EPERM");
        assert_eq!(word(kernel.bpf(&mut Command::MapFreeze { map_fd: map })), "EPERM");
        assert_eq!(kernel.map_info(map).unwrap().map_flags, 0, "not the map's property");
        let write_only = MapCreate { map_flags: flag::WRONLY, ..create(map_type) };
        let map = kernel.map_create(write_only).unwrap();
        assert_eq!(word(kernel.map_update(map, &key(0), &out, 0)), "ok");
        assert_eq!(word(kernel.map_lookup(map, &key(0), &mut out, 0)), "EPERM");
        assert_eq!(word(kernel.map_next_key(map, None, &mut [0; 4])), "EPERM");
        assert_eq!(word(kernel.bpf(&mut Command::MapFreeze { map_fd: map })), "ok");
        assert_eq!(word(kernel.bpf(&mut Command::MapFreeze { map_fd: map })), "EPERM");
        assert_eq!(word(kernel.map_update(map, &key(0), &out, 99)), "EPERM");
    }
}

#[test]
fn percpu_values_keep_the_bytes_between_them() {
    let kernel = kernel();
    let map = kernel.map_create(create(MapType::PERCPU_ARRAY)).unwrap();
    let written: Vec<u8> = (1..=16).collect();
    kernel.map_update(map, &key(0), &written, 0).unwrap();
    let mut read = vec![0; 16];
    kernel.map_lookup(map, &key(0), &mut read, 0).unwrap();
    assert_eq!(read, written);
}

#[test]
fn a_hash_holds_what_it_should_after_many_changes() {
    let kernel = kernel();
    let map = MapCreate { key_size: 4, value_size: 8, max_entries: 100, ..create(MapType::HASH) };
    let map = kernel.map_create(map).unwrap();
    let mut model = std::collections::BTreeMap::new();
    let mut state = 1_u64;
    for _ in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (number, bits) = ((state >> 33) as u32 % 150, state >> 62);
        if bits == 0 {
            let removed = model.remove(&number).ok_or(Errno::ENOENT);
            assert_eq!(kernel.map_delete(map, &key(number)), removed.map(drop));
        } else {
            let fits = model.len() < 100 || model.contains_key(&number);
            let done = kernel.map_update(map, &key(number), &state.to_ne_bytes(), 0);
            assert_eq!(done, if fits { Ok(()) } else { Err(Errno::E2BIG) });
            if fits {
                model.insert(number, state);
            }
        }
    }
    for number in 0..150 {
        let mut value = [0; 8];
        let found = kernel.map_lookup(map, &key(number), &mut value, 0);
        assert_eq!(found.ok().map(|()| u64::from_ne_bytes(value)), model.get(&number).copied());
    }
}

#[test]
fn threads_share_a_hash() {
    let kernel = kernel();
    let map = MapCreate { key_size: 4, value_size: 16, max_entries: 64, ..create(MapType::HASH) };
    let map = kernel.map_create(map).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let kernel = &kernel;
            scope.spawn(move || churn(kernel, map, thread));
        }
    });
    let mut key = None;
    let mut next = [0; 4];
    let mut count = 0;
    while kernel.map_next_key(map, key.as_ref().map(|k: &[u8; 4]| &k[..]), &mut next).unwrap() {
        key = Some(next);
        count += 1;
        assert!(count <= 64);
    }
    assert_eq!(count, 32, "every thread left eight keys");
}

/// Stores and deletes keys of the thread's own; what it reads back must be what it stored.
fn churn(kernel: &UserKernel, map: Fd, thread: u32) {
    for round in 0..2000_u32 {
        let number = thread * 8 + round % 8;
        let stored = [number.to_ne_bytes(), round.to_ne_bytes()].concat().repeat(2);
        kernel.map_update(map, &key(number), &stored, 0).expect("a key of this thread alone");
        let mut found = [0; 16];
        kernel.map_lookup(map, &key(number), &mut found, 0).expect("a key of this thread alone");
        assert_eq!(found, stored[..]);
        if round < 1900 && round % 3 == 0 {
            kernel.map_delete(map, &key(number)).expect("a key of this thread alone");
        }
    }
}

#[test]
fn batches_walk_whole_maps() {
    for map_type in TYPES {
        let kernel = kernel();
        let map_fd = kernel.map_create(MapCreate { max_entries: 8, ..create(map_type) }).unwrap();
        let keys: Vec<u8> = (0..8).flat_map(key).collect();
        let values: Vec<u8> = (0..8).flat_map(|n| value(map_type, n)).collect();
        let mut count = 8;
        let (elem_flags, flags) = (0, 0);
        let (keys_in, values_in) = (&keys[..], &values[..]);
        let mut update = Command::MapUpdateBatch {
            map_fd,
            keys: keys_in,
            values: values_in,
            count: &mut count,
            elem_flags,
            flags,
        };
        assert_eq!(kernel.bpf(&mut update), Ok(0));
        assert_eq!(count, 8);
        let (mut found_keys, mut found_values) = (vec![0; keys.len()], vec![0; values.len()]);
        let mut count = 100;
        let batch = LookupBatch {
            map_fd,
            in_batch: None,
            out_batch: &mut [0; 4],
            keys: &mut found_keys,
            values: &mut found_values,
            count: &mut count,
            elem_flags,
            flags,
        };
        assert_eq!(kernel.bpf(&mut Command::MapLookupBatch(batch)), Err(Errno::ENOENT), "the end");
        assert_eq!(count, 8);
        let size = value(map_type, 0).len();
        for (key, value) in found_keys.chunks(4).zip(found_values.chunks(size)) {
            assert!(value.iter().all(|b| *b == key[0]), "{map_type}");
        }
    }
}

#[test]
fn a_mapped_array_is_the_array() {
    let kernel = kernel();
    let map = MapCreate { map_flags: flag::MMAPABLE, value_size: 8, ..create(MapType::ARRAY) };
    let map = kernel.map_create(map).unwrap();
    let area = Area { offset: 0, len: 16, access: Access::ReadWrite };
    let mapping = kernel.mmap(map, area).unwrap();
    mapping.copy_from(8, &7_u64.to_ne_bytes()).unwrap();
    let mut value = [0; 8];
    kernel.map_lookup(map, &key(1), &mut value, 0).unwrap();
    assert_eq!(u64::from_ne_bytes(value), 7);
    assert_eq!(word(kernel.bpf(&mut Command::MapFreeze { map_fd: map })), "EBUSY");
    drop(mapping);
    assert_eq!(word(kernel.bpf(&mut Command::MapFreeze { map_fd: map })), "ok");
    assert_eq!(word(kernel.mmap(map, area)), "EPERM");
}

#[test]
fn granted_memory_is_no_more_than_was_asked_for() {
    use std::fs::File;
    use std::io::Write;

    let kernel = kernel();
    let map = MapCreate { map_flags: flag::MMAPABLE, value_size: 8, ..create(MapType::ARRAY) };
    let map = kernel.map_create(map).unwrap();
    let grant = |access| kernel.grant(map, Area { offset: 0, len: 4096, access });
    let granted = grant(Access::ReadWrite).unwrap();
    assert_eq!((granted.offset, granted.len), (0, 16));
    let memory = File::from(granted.memory);
    // Whoever has mapped memory that is cut off is killed.
    assert_eq!(memory.set_len(0).unwrap_err().raw_os_error(), Some(Errno::EPERM.0));
    assert_eq!(memory.set_len(1 << 20).unwrap_err().raw_os_error(), Some(Errno::EPERM.0));
    let freeze = || kernel.bpf(&mut Command::MapFreeze { map_fd: map });
    assert_eq!(freeze(), Err(Errno::EBUSY));
    drop(granted.hold);
    assert_eq!(freeze(), Ok(0));
    let mut memory = File::from(grant(Access::Read).unwrap().memory);
    assert_eq!(memory.write(&[1]).unwrap_err().raw_os_error(), Some(Errno::EBADF.0));
}
