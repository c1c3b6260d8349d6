//! What is fed, named by the property that is tried.

use std::path::Path;

use skep_btf::{Btf, ext::Ext};
use skep_isa::{INSN_BYTES, Insn, decode, encode};
use skep_obj::{Object, text_sections, type_information};

use crate::attr;

pub struct Target {
    pub name: &'static str,
    /// Valid inputs, from the files of the workspace.
    pub seeds: fn(&Path) -> Vec<Vec<u8>>,
    /// Takes an input; whether it was a valid one. Panics if the property does not hold.
    pub take: fn(&[u8]) -> bool,
}

pub const TARGETS: &[Target] = &[
    Target { name: "decode_roundtrip", seeds: objects, take: decode_roundtrip },
    Target { name: "elf_open", seeds: objects, take: elf_open },
    Target { name: "btf_parse", seeds: btf, take: btf_parse },
    Target { name: "attr_decode", seeds: |_| attr::seeds(), take: attr::attr_decode },
];

/// What decodes encodes to the same slots.
fn decode_roundtrip(input: &[u8]) -> bool {
    let slots: Vec<Insn> =
        input.as_chunks::<INSN_BYTES>().0.iter().map(|it| Insn::from_le_bytes(*it)).collect();
    let mut has_decoded = false;
    for at in 0..slots.len() {
        if let Ok(op) = decode(&slots[at..]) {
            let encoded = encode(op).expect("what was decoded has an encoding");
            assert_eq!(&*encoded, &slots[at..at + op.slots()]);
            has_decoded = true;
        }
    }
    has_decoded
}

/// A file is an object or an error.
fn elf_open(input: &[u8]) -> bool {
    let _ = text_sections(input);
    Object::from_elf("fuzz", input).is_ok()
}

/// A section is type information or an error, and what it is can be looked at.
fn btf_parse(input: &[u8]) -> bool {
    let Ok(btf) = Btf::parse(input) else { return false };
    for (id, _) in btf.types() {
        let _ = (btf.name(id), btf.size_of(id), btf.resolve(id));
    }
    let _ = Ext::parse(input, &btf);
    true
}

/// Every committed object.
fn objects(root: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for folder in ["examples", "tests/objects", "fuzz/found"] {
        collect(&root.join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // The order of a folder is chance, and a run is a function of its seed.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_none_or(|extension| extension == "o") {
            found.extend(std::fs::read(&path));
        }
    }
}

/// The type information of every committed object.
fn btf(root: &Path) -> Vec<Vec<u8>> {
    let types = |elf: &Vec<u8>| type_information(elf).ok()?.map(|btf| btf.bytes().to_vec());
    objects(root).iter().filter_map(types).collect()
}
