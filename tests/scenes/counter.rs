//! The XDP counter, as the lecture writes it and as it is written today: it compiles with our
//! headers unchanged, it loads, it counts.

use std::fs;
use std::path::Path;
use std::process::Command;

use skep_loader::{Loader, TestInput};
use skep_obj::Object;
use skep_tests::{Subject, not_run, on_every_kernel, root};
use skep_uapi::MapType;

#[test]
fn the_committed_objects_count() {
    for style in ["xdp-simple", "xdp-counter"] {
        let file = root().join(format!("examples/xdp-counter/{style}.bpf.o"));
        let elf = fs::read(file).expect("the example is committed");
        let name = format!("counter::the_committed_objects_count ({style})");
        on_every_kernel(&name, |kernel| assert_counts(kernel, style, &elf));
    }
}

#[test]
fn what_our_headers_compile_counts() {
    let name = "counter::what_our_headers_compile_counts";
    let clangs: Vec<String> = (14..=24).map(|version| format!("clang-{version}")).collect();
    let runs = |clang: &&String| Command::new(clang).arg("--version").output().is_ok();
    let clangs: Vec<&String> = clangs.iter().filter(runs).collect();
    if clangs.is_empty() {
        not_run(name, "no clang is installed");
    }
    for clang in clangs {
        for style in ["xdp-simple", "xdp-counter"] {
            let elf = compile(clang, &root().join(format!("examples/xdp-counter/{style}.bpf.c")));
            on_every_kernel(&format!("{name} ({style}, {clang})"), |kernel| {
                assert_counts(kernel, style, &elf);
            });
        }
    }
}

fn compile(clang: &str, source: &Path) -> Vec<u8> {
    let output = Command::new(clang)
        .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Werror", "-nostdinc", "-I"])
        .arg(root().join("include"))
        .args(["-c", "-o", "-"])
        .arg(source)
        .output()
        .expect("clang has just run");
    assert!(output.status.success(), "{clang}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn assert_counts(kernel: &Subject, style: &str, elf: &[u8]) {
    let object = Object::from_elf(style, elf).expect("an object");
    assert_eq!(object.license.as_deref(), Some("GPL"));
    let loaded = Loader::new(&kernel.kernel).load(&object).expect("every kernel takes the counter");
    assert_eq!(loaded.warnings, []);
    let (prog, map) = (&loaded.programs[0].prog, &loaded.maps[0]);
    let info = map.map.info();
    assert_eq!(map.name, "my_map");
    assert_eq!(info.map_type, MapType::ARRAY);
    assert_eq!((info.key_size, info.value_size, info.max_entries), (4, 8, 8));
    // One run at a time: between two runs of one command Linux looks for signals, and the end of
    // another test's child, which this thread may be told of, would break the command off.
    for _ in 0..100 {
        let input = TestInput { data: &[0; 64], ..TestInput::default() };
        assert_eq!(prog.test_run(input).expect("it runs").retval, 2, "XDP_PASS");
    }
    let mut keys = Vec::new();
    let mut total = 0;
    for key in map.map.keys() {
        let key = key.expect("an array's keys can be walked");
        let value = map.map.lookup(&key).expect("an array has all its keys").expect("a value");
        total += u64::from_ne_bytes(value.try_into().expect("eight bytes"));
        keys.push(u32::from_ne_bytes(key.try_into().expect("four bytes")));
    }
    assert_eq!(keys, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(total, 100, "{}", kernel.name);
}
