//! Damaged files: an error or an object, never a panic, and soon.

use crate::fixtures::{object, objects};
use proptest::prelude::*;
use skep_obj::{Error, Object, text_sections, type_information};

fn read_all(bytes: &[u8]) -> Result<Object, Error> {
    // What the other readers say is of no interest here, only that they say something.
    let _ = text_sections(bytes);
    if let Ok(Some(btf)) = type_information(bytes) {
        let _ = (btf.raw().to_string(), btf.raw_json());
    }
    Object::from_elf("damaged", bytes)
}

fn check(name: &str, change: impl Fn(&mut Vec<u8>), expect: &str) {
    let mut bytes = object(name);
    change(&mut bytes);
    match read_all(&bytes) {
        Ok(_) => panic!("{name} was read, expected: {expect}"),
        Err(error) => assert_eq!(error.to_string(), expect, "{name}"),
    }
}

#[test]
fn objects_cut_short_anywhere_are_refused() {
    for (name, bytes) in objects() {
        for len in 0..bytes.len() {
            let cut = &bytes[..len];
            assert!(Object::from_elf(&name, cut).is_err(), "{name} at {len}");
            // Every offset for the main path, some for the rest: they share its container.
            if len.is_multiple_of(61) {
                let _ = read_all(cut);
            }
        }
    }
}

#[test]
fn errors_name_what_was_found() {
    let set = |at: usize, value: u8| move |bytes: &mut Vec<u8>| bytes[at] = value;
    let wrong_machine = "the machine is 62 (x86-64), expected 247 (BPF); compile with `clang \
                         -target bpf -c`";
    check("loop.bpf.o", |bytes| bytes[18..20].copy_from_slice(&[62, 0]), wrong_machine);
    check(
        "loop.bpf.o",
        set(4, 1),
        "the ELF class is 32, expected 64 (bits); compile with `clang -target bpf -c`",
    );
    check(
        "loop.bpf.o",
        set(16, 2),
        "the ELF type is 2, expected 1 (relocatable); compile with `clang -target bpf -c`",
    );
    check(
        "loop.bpf.o",
        Vec::clear,
        "not an ELF file: expected 7f 45 4c 46, found nothing; compile with `clang -target bpf -c`",
    );
    check(
        "loop.bpf.o",
        |bytes| bytes.truncate(20),
        "damaged ELF file: header of 20 bytes: Invalid ELF header size or alignment",
    );
    check(
        "big-endian.bpf.o",
        |_| (),
        "the object is big endian, expected little endian; compile with `clang -target bpfel -c`",
    );
}

#[test]
fn sections_that_overlap_are_refused() {
    let mut bytes = object("loop.bpf.o");
    // The offset of the section behind the one called xdp becomes the offset of that one.
    let table = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    let code =
        (0..).map(|n| table + n * 64).find(|at| bytes[at + 8] & 4 != 0 && bytes[at + 32] != 0);
    let code = code.expect("there is code");
    let offset: [u8; 8] = bytes[code + 24..code + 32].try_into().unwrap();
    let license = (code + 64..).step_by(64).find(|at| bytes[at + 4] == 1).expect("there is more");
    bytes[license + 24..license + 32].copy_from_slice(&offset);
    let error = read_all(&bytes).unwrap_err().to_string();
    assert_eq!(error, "sections license and xdp overlap at offset 64 of the file");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn objects_with_changed_bytes_do_no_harm(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let objects = objects();
        let (_, mut bytes) = objects[which.index(objects.len())].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read_all(&bytes);
    }
}
