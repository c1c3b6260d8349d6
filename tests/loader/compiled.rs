//! Objects from a compiler: what the object reader makes of them is what kernels take.

use std::path::Path;

use skep_loader::{Error, Loaded, Loader};
use skep_obj::Object;
use skep_uapi::ProgType;

use crate::place::{Place, on_every_kernel};
use crate::run;

fn object(name: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("objects").join(name);
    let bytes = std::fs::read(path).expect("the object is committed");
    Object::from_elf(name, &bytes).expect("the object is readable")
}

fn load(place: &Place<'_>, name: &str) -> Result<Loaded, Error> {
    let mut object = object(name);
    // The other types are not for both kernels yet.
    object.programs.retain(|of| {
        matches!(of.prog_type, ProgType::XDP | ProgType::SOCKET_FILTER | ProgType::TRACEPOINT)
    });
    for program in &mut object.programs {
        program.autoload = true;
    }
    Loader::new(&place.kernel).load(&object)
}

/// Loads an object of which the kernel takes everything, types included.
fn check(place: &Place<'_>, name: &str) -> Loaded {
    let loaded = load(place, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    loaded
}

#[test]
fn compiled_objects_are_taken_with_their_types() {
    on_every_kernel("compiled_objects_are_taken_with_their_types", |place| {
        for name in [
            "loop.bpf.o",
            "loop-v2.bpf.o",
            "old-maps.bpf.o",
            "old-maps-O0.bpf.o",
            "old-maps-v1.bpf.o",
            "types.bpf.o",
            "global-data.bpf.o",
            "subprogs.bpf.o",
            "subprogs-v4.bpf.o",
        ] {
            check(place, name);
        }
        // clang leaves the parameters of global functions without names at -O0, which Linux
        // refuses; the object is loaded without its types.
        load(place, "subprogs-O0.bpf.o").expect("it is loaded all the same");
    });
}

#[test]
fn functions_of_several_sections_are_called() {
    on_every_kernel("functions_of_several_sections_are_called", |place| {
        let loaded = check(place, "subprogs.bpf.o");
        let retval = |name| run(loaded.program(name).expect("it is there"));
        // first: calls[0] and calls[1] are counted up, both were 0: 0 * 3 + 0 is not more than 0.
        assert_eq!([retval("first"), retval("first")], [1, 2], "XDP_DROP, then XDP_PASS");
        assert_eq!(retval("second"), 2);
    });
}

#[test]
fn data_of_all_sections_is_read_and_written() {
    on_every_kernel("data_of_all_sections_is_read_and_written", |place| {
        let loaded = check(place, "global-data.bpf.o");
        assert_eq!(run(loaded.program("use_data").expect("it is there")), 2);
        let map = loaded.map("global_d.data").expect("it is there");
        let value = map.lookup(&[0; 4]).expect("it can be read").expect("an array has its value");
        assert_eq!(value.first_chunk(), Some(&8i32.to_le_bytes()), "the counter was 7");
    });
}

#[test]
fn what_a_kernel_cannot_take_is_refused() {
    on_every_kernel("what_a_kernel_cannot_take_is_refused", |place| {
        assert!(matches!(load(place, "refused.bpf.o"), Err(Error::Rejected(_))));
        let error = load(place, "core-relo.bpf.o").err().map(|error| error.to_string());
        let expect = "program read_pid: insn 3 depends on the types of the running kernel (CO-RE), \
                      which is not supported yet; compile without preserve_access_index";
        assert_eq!(error.as_deref(), Some(expect));
    });
}
