//! The loader on both kernels: objects made by hand, so that nothing but the loader is tested.

mod attach;
mod compiled;
mod objects;
mod place;

use std::sync::Arc;

use skep_loader::{Error, Loader, Map, Prog, TestInput};
use skep_obj::MapDef;
use skep_uapi::{Errno, Faulty, Kernel, MapType, ProgType};

use objects::{data, map, object};
use place::on_every_kernel;

/// An ordinary packet, long enough for every kernel's test run.
const PACKET: [u8; 64] = [0; 64];

fn run(prog: &Prog) -> u32 {
    let input = TestInput { data: &PACKET, ..TestInput::default() };
    prog.test_run(input).expect("the program runs").retval
}

#[test]
fn a_program_is_loaded_and_runs() {
    on_every_kernel("a_program_is_loaded_and_runs", |place| {
        let loaded = Loader::new(&place.kernel).load(&object("r0 = 7; exit", &[])).expect("loads");
        assert_eq!(run(loaded.program("main").expect("it is there")), 7);
        assert_eq!(loaded.warnings, []);
    });
}

#[test]
fn global_data_is_there_before_the_program() {
    on_every_kernel("global_data_is_there_before_the_program", |place| {
        let rodata = MapDef { frozen: true, ..data("x.rodata", &[1, 0, 0, 0, 42, 0, 0, 0]) };
        let object =
            object("r1 = map_value[x.rodata]+4 ll; r0 = *(u32 *)(r1 + 0); exit", &[rodata]);
        let loaded = Loader::new(&place.kernel).load(&object).expect("loads");
        assert_eq!(run(&loaded.programs[0].prog), 42);
        let map = loaded.map("x.rodata").expect("it is there");
        let error = map.update(&[0; 4], &[0; 8], 0).expect_err("the map is frozen");
        assert_eq!(error.errno(), Some(Errno::EPERM));
    });
}

#[test]
fn what_is_loaded_can_be_found() {
    on_every_kernel("what_is_loaded_can_be_found", |place| {
        let counts = map("counts_of_all_packets", MapType::ARRAY, 8, 3);
        let text = "r1 = map[counts_of_all_packets] ll; r0 = 2; exit";
        let loaded = Loader::new(&place.kernel).load(&object(text, &[counts])).expect("loads");
        let map = &loaded.maps[0].map;
        let facts = loaded.programs[0].prog.facts().expect("a program has facts");
        assert_eq!(facts.map_ids, [map.info().id]);
        assert_eq!(facts.prog_type, ProgType::XDP);
        assert_eq!(map.info().name.to_string(), "counts_of_all_p");

        let ids = |maps: Vec<Map>| maps.iter().map(|map| map.info().id).collect::<Vec<_>>();
        let by_name = Map::by_name(&place.kernel, "counts_of_all_packets").expect("maps list");
        assert!(ids(by_name).contains(&map.info().id));
        let by_tag = Prog::by_tag(&place.kernel, facts.tag).expect("programs list");
        let found = by_tag.iter().filter_map(|prog| prog.facts().ok());
        assert!(found.map(|facts| facts.id).collect::<Vec<_>>().contains(&facts.id));
        let again = Prog::from_id(&place.kernel, facts.id).expect("the id is there");
        let xlated = again.xlated().expect("root may see code");
        assert_eq!(xlated.len() * 8, facts.xlated_prog_len as usize);
        assert_eq!(xlated.last().map(|insn| insn.opcode), Some(0x95));
    });
}

#[test]
fn maps_are_read_and_written() {
    on_every_kernel("maps_are_read_and_written", |place| {
        let defs = [map("hash", MapType::HASH, 4, 8), map("slots", MapType::PERCPU_ARRAY, 4, 2)];
        let loaded =
            Loader::new(&place.kernel).load(&object("r0 = 0; exit", &defs)).expect("loads");
        let cpus = place.kernel.possible_cpus().expect("a kernel has CPUs");

        let hash = loaded.map("hash").expect("it is there");
        hash.update(&[1; 4], &[5; 4], 0).expect("there is room");
        assert_eq!(hash.lookup(&[1; 4]).expect("a key can be looked up"), Some(vec![5; 4]));
        assert_eq!(hash.lookup(&[2; 4]).expect("a key can be looked up"), None);
        let keys: Result<Vec<_>, _> = hash.keys().collect();
        assert_eq!(keys.expect("keys can be listed"), [vec![1; 4]]);
        assert!(hash.delete(&[1; 4]).expect("a key can be deleted"));
        assert!(!hash.delete(&[1; 4]).expect("a key can be missing"));
        let error = hash.lookup(&[1; 3]).expect_err("the key is short").to_string();
        assert!(error.ends_with("expected a key of 4 bytes, found 3"), "{error}");
        let error = hash.update(&[1; 4], &[0; 8], 0).expect_err("the value is long").to_string();
        assert!(error.ends_with("expected a value of 4 bytes, found 8"), "{error}");

        let slots = loaded.map("slots").expect("it is there");
        assert_eq!(slots.value_bytes(), 8 * cpus as usize);
    });
}

#[test]
fn an_event_array_has_an_entry_per_cpu() {
    on_every_kernel("an_event_array_has_an_entry_per_cpu", |place| {
        let events = map("events", MapType::PERF_EVENT_ARRAY, 4, 0);
        match Loader::new(&place.kernel).load(&object("r0 = 0; exit", &[events])) {
            Ok(loaded) => {
                let cpus = place.kernel.possible_cpus().expect("a kernel has CPUs");
                assert_eq!(loaded.maps[0].map.info().max_entries, cpus);
            }
            Err(error) => {
                assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
                skep_tests::not_run("an_event_array_has_an_entry_per_cpu", &error.to_string());
            }
        }
    });
}

#[test]
fn a_rejection_has_its_log() {
    on_every_kernel("a_rejection_has_its_log", |place| {
        let error = Loader::new(&place.kernel).load(&object("r0 = r3; exit", &[]));
        let Err(Error::Rejected(rejection)) = error else { panic!("expected a rejection") };
        assert_eq!((rejection.errno, rejection.program.as_str()), (Errno::EACCES, "main"));
        assert_eq!((rejection.cause(), rejection.insn()), ("R3 !read_ok", Some(0)));
    });
}

#[test]
fn a_long_log_is_read_to_its_end() {
    on_every_kernel("a_long_log_is_read_to_its_end", |place| {
        let text = format!("{}r0 = 1; exit", "r1 = 1; ".repeat(4000));
        let loader = Loader::new(&place.kernel).with_log_level(2);
        let loaded = loader.load(&object(&text, &[])).expect("loads");
        let log = &loaded.programs[0].log;
        assert!(log.len() > 64 << 10, "{} bytes", log.len());
        assert!(log.contains("\n4001: ") || log.contains("4001: (95) exit"));
    });
}

#[test]
fn programs_are_chosen_by_name() {
    on_every_kernel("programs_are_chosen_by_name", |place| {
        let mut two = object("r0 = 1; exit", &[]);
        let mut other = two.programs[0].clone();
        other.name = "other".to_owned();
        other.autoload = false;
        two.programs.push(other);
        let names = |loader: Loader| {
            let loaded = loader.load(&two)?;
            Ok(loaded.programs.iter().map(|program| program.name.clone()).collect::<Vec<_>>())
        };
        let loader = || Loader::new(&place.kernel);
        let check = |loader: Loader, expect: &[&str]| {
            let found: Result<Vec<String>, Error> = names(loader);
            assert_eq!(found.expect("loads"), expect);
        };
        check(loader(), &["main"]);
        check(loader().with_programs(&["other"]), &["other"]);
        let error = names(loader().with_programs(&["third"])).expect_err("there is no such one");
        assert_eq!(error.to_string(), "no program third; the object has main, other");
    });
}

#[test]
fn a_section_that_says_nothing_needs_a_type() {
    on_every_kernel("a_section_that_says_nothing_needs_a_type", |place| {
        let mut untyped = object("r0 = 0; exit", &[]);
        untyped.programs[0].prog_type = ProgType::UNSPEC;
        untyped.programs[0].section = "foo".to_owned();
        let error = Loader::new(&place.kernel).load(&untyped).expect_err("there is no type");
        assert!(error.to_string().contains("section foo names no program type"), "{error}");
        let loader = Loader::new(&place.kernel);
        let loader = loader.with_prog_type(ProgType::SOCKET_FILTER, Default::default());
        let loaded = loader.load(&untyped).expect("loads");
        let facts = loaded.programs[0].prog.facts().expect("a program has facts");
        assert_eq!(facts.prog_type, ProgType::SOCKET_FILTER);
    });
}

#[test]
fn pins_are_made_or_none_is_left() {
    on_every_kernel("pins_are_made_or_none_is_left", |place| {
        let defs = [map("a.b", MapType::ARRAY, 4, 1), map("c", MapType::ARRAY, 4, 1)];
        let object = object("r0 = 0; exit", &defs);
        let dir = place.path("maps");
        let loader = || Loader::new(&place.kernel).with_pinned_maps(&dir);
        let loaded = loader().load(&object).expect("loads");
        assert_eq!(place.names("maps"), ["a_b", "c"]);
        let pinned = Map::from_pin(&place.kernel, &format!("{dir}/a_b")).expect("it is there");
        assert_eq!(pinned.info().id, loaded.maps[0].map.info().id);
        let error = Prog::from_pin(&place.kernel, &format!("{dir}/c")).expect_err("it is a map");
        assert!(error.to_string().ends_with("c holds a map, expected a prog"), "{error}");

        // The second name is taken: the first must not stay behind.
        place.kernel.remove(&format!("{dir}/a_b")).expect("the pin is there");
        let error = loader().load(&object).expect_err("a name is taken");
        assert_eq!(error.errno(), Some(Errno::EEXIST));
        assert_eq!(place.names("maps"), ["c"]);
    });
}

#[test]
fn a_map_is_shared_by_its_name() {
    on_every_kernel("a_map_is_shared_by_its_name", |place| {
        let def = MapDef { pin_by_name: true, ..map("shared", MapType::HASH, 4, 8) };
        let root = place.path("");
        let load = |def: &MapDef| {
            let object = object("r0 = 0; exit", std::slice::from_ref(def));
            Loader::new(&place.kernel).with_pin_root(&root).load(&object)
        };
        let first = load(&def).expect("loads").maps[0].map.info().id;
        let second = load(&def).expect("loads").maps[0].map.info().id;
        assert_eq!(first, second);
        let error = load(&MapDef { value_size: 8, ..def }).expect_err("it is another map");
        let text = error.to_string();
        assert!(text.contains("expected hash of 8 entries, key 4 bytes, value 8 bytes"), "{text}");
    });
}

#[test]
fn whatever_fails_nothing_is_left_behind() {
    on_every_kernel("whatever_fails_nothing_is_left_behind", |place| {
        // Linux is shared with other processes, so ours are told by their name.
        let mine = format!("left_{}", std::process::id());
        let defs = [
            MapDef { pin_by_name: true, ..map(&mine, MapType::ARRAY, 4, 1) },
            data(&format!("{mine}.data"), &[1; 8]),
        ];
        let mut object = object(&format!("r1 = map[{mine}] ll; r0 = 0; exit"), &defs);
        object.programs[0].name.clone_from(&mine);
        for nth in 0.. {
            let faulty = Arc::new(Faulty::new(Arc::clone(&place.kernel), nth, Errno::ENOMEM));
            let kernel: Arc<dyn Kernel> = faulty.clone();
            let loader = Loader::new(&kernel).with_pin_root(&place.path(""));
            let loaded = loader.with_pinned_maps(&place.path("maps")).load(&object);
            if faulty.calls() <= nth {
                loaded.expect("nothing has failed");
                assert!(nth > 5, "loading takes {nth} calls");
                break;
            }
            // A failed call may also be one that the loader can do without.
            if loaded.is_err() {
                assert_eq!(place.names(""), [""; 0], "after call {nth} failed");
                assert!(place.are_gone(&mine), "after call {nth} failed");
            } else {
                drop(loaded);
                place.clear();
            }
        }
    });
}
