//! Type information of the committed objects and of the running kernel, beside bpftool's output.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixtures::object;
use skep_btf::{Btf, Kind};
use skep_obj::type_information;

/// Where Linux shows its own types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn types(name: &str) -> Btf {
    type_information(&object(name)).unwrap().expect("the object has types")
}

/// Compares line by line, so that a failure is readable.
fn check_lines(what: &str, found: &str, expect: &str) {
    for (at, (found, expect)) in found.lines().zip(expect.lines()).enumerate() {
        assert_eq!(found, expect, "{what}, line {}", at + 1);
    }
    assert_eq!(found.lines().count(), expect.lines().count(), "{what}: number of lines");
}

#[test]
fn dumps_equal_those_of_bpftool_7_1() {
    let btf = types("types.bpf.o");
    let golden = |name| std::fs::read_to_string(data(name)).unwrap();
    check_lines("raw", &btf.raw().to_string(), &golden("types.raw.txt"));
    check_lines("json", &format!("{:#}", btf.raw_json()), &golden("types.raw.json"));
}

#[test]
fn dumps_of_the_running_kernel_equal_those_of_bpftool() {
    let test = "dumps_of_the_running_kernel_equal_those_of_bpftool";
    let Ok(bytes) = std::fs::read(VMLINUX) else {
        println!("not run: {test}: {VMLINUX} cannot be read");
        return;
    };
    let btf = type_information(&bytes).unwrap().unwrap();
    for (args, found) in [
        (&["btf", "dump", "file", VMLINUX][..], btf.raw().to_string()),
        (&["-j", "-p", "btf", "dump", "file", VMLINUX], format!("{:#}", btf.raw_json())),
    ] {
        let Ok(output) = Command::new("bpftool").args(args).output() else {
            println!("not run: {test}: bpftool is not installed");
            return;
        };
        check_lines(&args.join(" "), &found, &String::from_utf8_lossy(&output.stdout));
    }
}

/// Size of `struct everything`.
const EVERYTHING_BYTES: usize = 176;

/// The bytes of one: a value for each member that has an interesting one.
fn everything() -> Vec<u8> {
    let mut bytes = vec![0; EVERYTHING_BYTES];
    let places: &[(usize, &[u8])] = &[
        (0, b"A\n\""),
        (4, &[1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]),
        (12, &[0x7f, 1, 2, 3]),
        (16, &[0xfb; 16]),
        (32, &[0xff; 9]),
        (48, &[0, 0, 0, 0, 1]),
        (56, b"text\0ign"),
        (64, b"fullno\0\0yes\0"),
        (76, &[5, 0, 0, 0, 0, 0, 0, 0xf0, 0, 0, 0, 0, 0x90, 0x78, 0x56, 0x34, 0x12]),
        (96, b"back\\sl\0\xff\xff\x01\0\xfe\xff"),
        (110, b"tab\t"),
        (124, &[1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]),
        (144, &0.1f32.to_le_bytes()),
        (152, &f64::INFINITY.to_le_bytes()),
        (160, &[0xfd, 0xff]),
    ];
    for (at, value) in places {
        bytes[*at..at + value.len()].copy_from_slice(value);
    }
    bytes
}

#[test]
fn values_are_printed_by_type() {
    let btf = types("types.bpf.o");
    let id = btf.find(Kind::Struct, "everything").expect("it is in the source");
    let value = btf.value(id, &everything()).unwrap();
    let found = format!("{}\n{value:#}\n", value.plain());
    let path = data("types.values.txt");
    if std::env::var_os("SKEP_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    check_lines("values", &found, &std::fs::read_to_string(path).unwrap());
}
