//! `BPF_MAP_TYPE_ARRAY_OF_MAPS` and `BPF_MAP_TYPE_HASH_OF_MAPS`, by every command that they answer.

use std::thread;
use std::time::{Duration, Instant};

use skep_tests::{Subject, four_byte_key, insns, on_every_kernel};
use skep_uapi::{
    Command, Errno, Fd, LookupBatch, MapCreate, MapType, ProgLoad, ProgType, TestRun, flags,
};

const OF_MAPS: [MapType; 2] = [MapType::ARRAY_OF_MAPS, MapType::HASH_OF_MAPS];

/// Runs a test on each kernel with both types.
fn on_both_types(name: &str, test: impl Fn(&Subject, MapType)) {
    on_every_kernel(&format!("map_in_map::{name}"), |kernel| {
        for map_type in OF_MAPS {
            test(kernel, map_type);
        }
    });
}

/// A map of four maps that are like `inner`.
fn over(map_type: MapType, inner: Fd) -> MapCreate<'static> {
    let inner_map_fd = Some(inner);
    MapCreate { map_type, value_size: 4, max_entries: 4, inner_map_fd, ..four_byte_key() }
}

fn array(entries: u32, map_flags: u32) -> MapCreate<'static> {
    let map_type = MapType::ARRAY;
    MapCreate { map_type, value_size: 8, max_entries: entries, map_flags, ..four_byte_key() }
}

fn put(kernel: &Subject, outer: Fd, key: u32, inner: Fd, flags: u64) -> Result<(), Errno> {
    kernel.map_update(outer, &key.to_ne_bytes(), &inner.0.to_ne_bytes(), flags)
}

/// The id of the map under a key.
fn get(kernel: &Subject, outer: Fd, key: u32) -> Result<u32, Errno> {
    let mut value = [0; 4];
    kernel.map_lookup(outer, &key.to_ne_bytes(), &mut value, 0)?;
    Ok(u32::from_ne_bytes(value))
}

fn delete(kernel: &Subject, outer: Fd, key: u32) -> Result<(), Errno> {
    kernel.map_delete(outer, &key.to_ne_bytes())
}

fn id(kernel: &Subject, map: Fd) -> u32 {
    kernel.map_info(map).expect("a map").id
}

#[test]
fn what_it_is_created_over_is_checked() {
    on_both_types("what_it_is_created_over_is_checked", |kernel, map_type| {
        let inner = kernel.array(8, 2);
        let check = |what: &str, create: MapCreate<'_>, expected: Result<(), Errno>| {
            let created = kernel.map_create(create).map(|fd| kernel.close(fd));
            assert_eq!(created, expected, "{map_type}: {what}");
        };
        let good = || over(map_type, inner);
        let refused = Err(Errno::EINVAL);
        check("as it should be", good(), Ok(()));
        check("over nothing", MapCreate { inner_map_fd: None, ..good() }, refused);
        check("over no descriptor", over(map_type, Fd(i32::MAX)), Err(Errno::EBADF));
        check(
            "over a program",
            over(map_type, kernel.prog(ProgType::XDP, "r0 = 2\nexit")),
            refused,
        );
        check("over one of its own", over(map_type, kernel.map(good())), refused);
        check("wide values", MapCreate { value_size: 8, ..good() }, refused);
        check("no entries", MapCreate { max_entries: 0, ..good() }, refused);
        let hash = map_type == MapType::HASH_OF_MAPS;
        let if_hash = if hash { Ok(()) } else { refused };
        check("wide keys", MapCreate { key_size: 8, ..good() }, if_hash);
        for (map_flags, expected) in [
            (flags::map::RDONLY, Ok(())),
            (flags::map::WRONLY, Ok(())),
            (flags::map::RDONLY_PROG, if_hash),
            (flags::map::WRONLY_PROG, if_hash),
            (flags::map::NO_PREALLOC, if_hash),
            (flags::map::MMAPABLE, refused),
            (flags::map::INNER_MAP, refused),
        ] {
            check(&format!("flags {map_flags:#x}"), MapCreate { map_flags, ..good() }, expected);
        }
    });
}

#[test]
fn what_is_put_in_is_like_what_it_was_created_over() {
    on_both_types("what_is_put_in_is_like_what_it_was_created_over", |kernel, map_type| {
        let check = |what: &str, template: Fd, inner: Fd, expected| {
            let outer = kernel.map(over(map_type, template));
            assert_eq!(put(kernel, outer, 0, inner, 0), expected, "{map_type}: {what}");
        };
        let refused = Err(Errno::EINVAL);
        let (two, three) = (kernel.array(8, 2), kernel.array(8, 3));
        check("the same", two, two, Ok(()));
        check("another like it", two, kernel.array(8, 2), Ok(()));
        check("more entries", two, three, refused);
        check("another type", two, kernel.hash(8, 2), refused);
        check("another value", two, kernel.array(4, 2), refused);
        check("other flags", two, kernel.map(array(2, flags::map::RDONLY_PROG)), refused);
        check("opened otherwise", two, kernel.map(array(2, flags::map::RDONLY)), Ok(()));
        check("no map", two, kernel.prog(ProgType::XDP, "r0 = 2\nexit"), refused);
        check("no descriptor", two, Fd(i32::MAX), Err(Errno::EBADF));
        // Sizes may differ where nothing counts on them.
        let sized = |entries| kernel.map(array(entries, flags::map::INNER_MAP));
        check("more entries, as announced", sized(2), sized(3), Ok(()));
        check("not announced", sized(2), two, refused);
        check("a larger hash", kernel.hash(8, 2), kernel.hash(8, 5), Ok(()));
    });
}

#[test]
fn entries_come_and_go() {
    on_both_types("entries_come_and_go", |kernel, map_type| {
        let (inner, other) = (kernel.array(8, 2), kernel.array(8, 2));
        let outer = kernel.map(over(map_type, inner));
        let is_hash = map_type == MapType::HASH_OF_MAPS;
        let by_type = |array, hash| if is_hash { hash } else { array };
        let put = |key, inner, flags| put(kernel, outer, key, inner, flags);
        assert_eq!(get(kernel, outer, 0), Err(Errno::ENOENT));
        assert_eq!(put(0, inner, flags::elem::ANY), Ok(()));
        assert_eq!(get(kernel, outer, 0), Ok(id(kernel, inner)));
        assert_eq!(put(0, other, flags::elem::ANY), Ok(()));
        assert_eq!(get(kernel, outer, 0), Ok(id(kernel, other)));

        let refused = Err(Errno::EINVAL);
        assert_eq!(put(0, inner, flags::elem::NOEXIST), by_type(refused, Err(Errno::EEXIST)));
        assert_eq!(put(1, inner, flags::elem::EXIST), by_type(refused, Err(Errno::ENOENT)));
        assert_eq!(put(0, inner, flags::elem::EXIST), by_type(refused, Ok(())));
        assert_eq!(put(0, inner, flags::elem::F_LOCK), refused);
        assert_eq!(put(9, inner, flags::elem::ANY), by_type(Err(Errno::E2BIG), Ok(())));

        assert_eq!(delete(kernel, outer, 9), by_type(Err(Errno::E2BIG), Ok(())));
        assert_eq!(delete(kernel, outer, 0), Ok(()));
        assert_eq!(delete(kernel, outer, 0), Err(Errno::ENOENT));
        let mut value = [0; 4];
        let (map_fd, key, flags) = (outer, &[0; 4], 0);
        let mut take = Command::MapLookupAndDeleteElem { map_fd, key, value: &mut value, flags };
        assert_eq!(kernel.bpf(&mut take), Err(Errno::ENOTSUPP));

        for key in 0..4 {
            assert_eq!(put(key, inner, 0), Ok(()));
        }
        assert_eq!(put(4, inner, 0), Err(Errno::E2BIG), "it is full");
        let mut keys = keys(kernel, outer);
        keys.sort_unstable();
        assert_eq!(keys, [0, 1, 2, 3]);
        assert_eq!(kernel.bpf(&mut Command::MapFreeze { map_fd: outer }), Ok(0));
        assert_eq!(put(0, inner, 0), Err(Errno::EPERM));
    });
}

fn keys(kernel: &Subject, outer: Fd) -> Vec<u32> {
    let (mut keys, mut next) = (Vec::new(), [0; 4]);
    loop {
        let last = keys.last().map(|key: &u32| key.to_ne_bytes());
        match kernel.map_next_key(outer, last.as_ref().map(|key| &key[..]), &mut next) {
            Ok(true) => keys.push(u32::from_ne_bytes(next)),
            Ok(false) => return keys,
            Err(errno) => panic!("{}: {errno}", kernel.name),
        }
    }
}

#[test]
fn batches_put_and_read() {
    on_both_types("batches_put_and_read", |kernel, map_type| {
        let inner = kernel.array(8, 2);
        let outer = kernel.map(over(map_type, inner));
        let keys: Vec<u8> = [0_u32, 3].iter().flat_map(|key| key.to_ne_bytes()).collect();
        let values = [inner.0.to_ne_bytes(); 2].concat();
        let count = &mut 2;
        let (elem_flags, flags) = (0, 0);
        let (map_fd, keys, values) = (outer, &keys[..], &values[..]);
        let mut update = Command::MapUpdateBatch { map_fd, keys, values, count, elem_flags, flags };
        assert_eq!(kernel.bpf(&mut update), Ok(0));

        let (mut keys, mut values, mut count, mut place) = ([0; 32], [0; 32], 8, [0; 4]);
        let mut lookup = Command::MapLookupBatch(LookupBatch {
            map_fd,
            in_batch: None,
            out_batch: &mut place,
            keys: &mut keys,
            values: &mut values,
            count: &mut count,
            elem_flags,
            flags,
        });
        assert_eq!(kernel.bpf(&mut lookup), Err(Errno::ENOENT), "there is no more");
        assert_eq!(count, 2);
        assert_eq!(values[..8], [id(kernel, inner).to_ne_bytes(); 2].concat());
    });
}

/// The map that it was created over is only looked at. Those in it live as long as they are in it.
#[test]
fn it_keeps_what_is_in_it() {
    on_both_types("it_keeps_what_is_in_it", |kernel, map_type| {
        let make = || kernel.map_create(array(2, 0)).expect("an array");
        let [template, first, second] = [make(), make(), make()];
        let ids = [template, first, second].map(|map| id(kernel, map));
        let outer = kernel.map_create(over(map_type, template)).expect("a map of maps");
        assert_eq!(put(kernel, outer, 0, first, 0), Ok(()));
        assert_eq!(put(kernel, outer, 1, second, 0), Ok(()));
        for map in [template, first, second] {
            kernel.close(map);
        }
        assert_ends(kernel, ids[0]);
        assert_eq!((get(kernel, outer, 0), get(kernel, outer, 1)), (Ok(ids[1]), Ok(ids[2])));
        assert_eq!(delete(kernel, outer, 0), Ok(()));
        assert_ends(kernel, ids[1]);
        assert!(lives(kernel, ids[2]));
        kernel.close(outer);
        assert_ends(kernel, ids[2]);
    });
}

fn lives(kernel: &Subject, map_id: u32) -> bool {
    let fd = kernel.bpf(&mut Command::MapGetFdById { map_id, open_flags: 0 });
    fd.map(|fd| kernel.close(Fd::from_result(fd))).is_ok()
}

/// Linux lets go of a map in the background.
fn assert_ends(kernel: &Subject, map_id: u32) {
    let patience = Instant::now() + Duration::from_secs(60);
    while lives(kernel, map_id) {
        assert!(Instant::now() < patience, "{}: map {map_id} lives", kernel.name);
        thread::yield_now();
    }
}

/// Looks for the map under key 1, and with it in r1 and a key at r2 goes on.
const FIND: &str = "call bpf_map_lookup_elem
     if r0 == 0 goto none
     r1 = r0
     r2 = r10
     r2 += -4";
const NONE: &str = "exit
     none:
     r0 = 99
     exit";

fn load(kernel: &Subject, outer: Fd, body: &str) -> Result<Fd, String> {
    let key = "*(u32 *)(r10 - 4) = 1\nr2 = r10\nr2 += -4";
    let insns = insns(&format!("{key}\nr1 = map[fd:{outer}] ll\n{body}"));
    let mut log = vec![0; 1 << 16];
    let (prog_type, log_level, log_buf) = (ProgType::XDP, 1, &mut log[..]);
    let load = ProgLoad {
        prog_type,
        insns: &insns,
        license: "GPL",
        log_level,
        log_buf,
        ..ProgLoad::default()
    };
    let loaded = kernel.prog_load(load).map(|fd| kernel.own(fd));
    loaded.map_err(|_| String::from_utf8_lossy(&log).into_owned())
}

fn run(kernel: &Subject, prog_fd: Fd) -> u32 {
    let run = TestRun { prog_fd, data_in: &[0; 64], ..TestRun::default() };
    kernel.prog_test_run(run).expect("it runs").retval
}

#[test]
fn programs_go_through_it() {
    on_both_types("programs_go_through_it", |kernel, map_type| {
        let (inner, other) = (kernel.array(8, 2), kernel.array(8, 2));
        let outer = kernel.map(over(map_type, inner));
        let count = format!(
            "{FIND}
             call bpf_map_lookup_elem
             if r0 == 0 goto none
             r1 = *(u64 *)(r0 + 0)
             r1 += 1
             *(u64 *)(r0 + 0) = r1
             r0 = r1
             {NONE}"
        );
        let prog = load(kernel, outer, &count).expect("both maps are looked for");
        assert_eq!(run(kernel, prog), 99, "there is no map yet");
        put(kernel, outer, 1, inner, 0).unwrap();
        assert_eq!([run(kernel, prog), run(kernel, prog)], [1, 2]);
        put(kernel, outer, 1, other, 0).unwrap();
        assert_eq!(run(kernel, prog), 1, "another map has another count");

        let update = format!(
            "{FIND}
             r3 = 7
             *(u64 *)(r10 - 16) = r3
             r3 = r10
             r3 += -16
             r4 = 0
             call bpf_map_update_elem
             {NONE}"
        );
        let prog = load(kernel, outer, &update).expect("a map that was found can be changed");
        assert_eq!(run(kernel, prog), 0);
        let mut value = [0; 8];
        kernel.map_lookup(other, &1_u32.to_ne_bytes(), &mut value, 0).unwrap();
        assert_eq!(u64::from_ne_bytes(value), 7);
    });
}

#[test]
fn programs_are_checked() {
    on_both_types("programs_are_checked", |kernel, map_type| {
        let outer = kernel.map(over(map_type, kernel.hash(8, 2)));
        let check = |what: &str, body: &str, words: &str| {
            let log = load(kernel, outer, body).expect_err(what);
            assert!(log.contains(words), "{} {map_type}: {what}: {log}", kernel.name);
        };
        let again = "r1 = r0\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nr0 = 0\nexit";
        check(
            "a map that may be none",
            &format!("call bpf_map_lookup_elem\n{again}"),
            "R1 type=map_value_or_null expected=map_ptr",
        );
        check(
            "a value that may be none",
            &format!("{FIND}\ncall bpf_map_lookup_elem\nr0 = *(u64 *)(r0 + 0)\n{NONE}"),
            "R0 invalid mem access 'map_value_or_null'",
        );
        check(
            "arithmetic on a map",
            &format!("{FIND}\nr1 += 8\n{NONE}"),
            "R1 pointer arithmetic on map_ptr prohibited",
        );
        check(
            "arithmetic on a map that may be none",
            "call bpf_map_lookup_elem\nr0 += 8\nr0 = 0\nexit",
            "R0 pointer arithmetic on map_value_or_null prohibited, null-check it first",
        );
        let number = map_type.0;
        check(
            "an update",
            "r3 = r2\nr4 = 0\ncall bpf_map_update_elem\nr0 = 0\nexit",
            &format!("cannot pass map_type {number} into func bpf_map_update_elem"),
        );
        check(
            "a deletion",
            "call bpf_map_delete_elem\nr0 = 0\nexit",
            &format!("cannot pass map_type {number} into func bpf_map_delete_elem"),
        );
    });
}

/// A map that is taken out while a program is in it lives until the program has left.
#[test]
fn a_program_keeps_what_it_has_found() {
    on_both_types("a_program_keeps_what_it_has_found", |kernel, map_type| {
        let outer = kernel.map(over(map_type, kernel.hash(8, 2)));
        let update = "r1 = r6
             r2 = r10
             r2 += -4
             r3 = r10
             r3 += -16
             r4 = 0
             call bpf_map_update_elem\n"
            .repeat(40);
        let body = format!("{FIND}\nr6 = r1\nr1 = 0\n*(u64 *)(r10 - 16) = r1\n{update}{NONE}");
        let prog = load(kernel, outer, &body).expect("it looks whether there is a map");
        // Linux lets each exchange wait for the programs that run.
        let exchanges = if kernel.machine.is_some() { 500 } else { 10 };
        thread::scope(|scope| {
            let owner = &*kernel.kernel;
            let exchange = scope.spawn(move || {
                for _ in 0..exchanges {
                    let map_type = MapType::HASH;
                    let sizes = MapCreate { value_size: 8, max_entries: 2, ..four_byte_key() };
                    let inner = owner.map_create(MapCreate { map_type, ..sizes }).unwrap();
                    owner
                        .map_update(outer, &1_u32.to_ne_bytes(), &inner.0.to_ne_bytes(), 0)
                        .unwrap();
                    owner.close(inner);
                }
            });
            while !exchange.is_finished() {
                assert!(matches!(run(kernel, prog), 0 | 99));
            }
        });
        assert_eq!(run(kernel, prog), 0);
    });
}
