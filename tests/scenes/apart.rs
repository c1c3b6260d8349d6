//! Loading and attaching are separate: a loaded program that is attached nowhere is listed, run on
//! test data, and only then attached, in two places.

use std::fs;
use std::sync::Arc;

use skep_loader::attach::xdp::{self, Mode};
use skep_loader::{Link, Loader, Prog, TestInput};
use skep_obj::Object;
use skep_tests::{on_every_kernel_with_device, root};
use skep_uapi::{Kernel, ProgType};

#[test]
fn loaded_listed_run_and_attached_twice() {
    on_every_kernel_with_device("apart::loaded_listed_run_and_attached_twice", |subject, first| {
        let kernel = &subject.kernel;
        let file = root().join("examples/xdp-counter/xdp-counter.bpf.o");
        let elf = fs::read(file).expect("the example is committed");
        let object = Object::from_elf("xdp-counter", &elf).expect("the example is an object");
        let loaded = Loader::new(kernel).load(&object).expect("every kernel takes the counter");
        let (prog, map) = (&loaded.programs[0].prog, &loaded.maps[0].map);
        let id = prog.facts().expect("a program has facts").id;

        let listed = Prog::all(kernel).map(|prog| prog.and_then(|prog| prog.facts()));
        let listed = listed.filter_map(Result::ok).find(|facts| facts.id == id);
        let listed = listed.expect("a program is listed without being attached");
        assert_eq!(listed.prog_type, ProgType::XDP);
        assert_eq!(listed.name.to_string(), "count_packets");
        assert_eq!(listed.map_ids, [map.info().id]);
        assert_eq!(attached(kernel, id), []);

        let outcome = prog.test_run(TestInput { data: &[0; 64], ..TestInput::default() });
        assert_eq!(outcome.expect("it runs without being attached").retval, 2);
        let counts = map.keys().map(|key| map.lookup(&key.unwrap()).unwrap().unwrap());
        let counts = counts.map(|value| u64::from_ne_bytes(value.try_into().unwrap()));
        assert_eq!(counts.sum::<u64>(), 1);

        // The loopback device of the test's own namespace is the second place.
        let second = xdp::interface(kernel, "lo").expect("a kernel has a loopback device").ifindex;
        let links = [first, second].map(|ifindex| {
            xdp::link(prog, ifindex, Mode::Generic).expect("nothing is attached there")
        });
        let mut places = [first, second];
        places.sort_unstable();
        assert_eq!(attached(kernel, id), places);
        let [one, other] = links;
        assert!(Link::from_id(kernel, one.info().unwrap().id).is_ok());
        drop(one);
        assert_eq!(attached(kernel, id), [second]);
        drop(other);
        assert_eq!(attached(kernel, id), []);
        assert!(Prog::from_id(kernel, id).is_ok(), "detaching does not unload");
        drop(loaded);
    });
}

/// Where a program is attached, ascending.
fn attached(kernel: &Arc<dyn Kernel>, id: u32) -> Vec<u32> {
    let links = xdp::interfaces(kernel).expect("interfaces can be listed");
    let has = |link: &skep_uapi::NetLink| link.xdp.iter().any(|(_, prog)| *prog == id);
    let mut places: Vec<u32> = links.iter().filter(|l| has(l)).map(|l| l.ifindex).collect();
    places.sort_unstable();
    places
}
