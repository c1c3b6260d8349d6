//! What reads bytes of strangers: valid inputs, and what must hold for any.

use std::path::Path;

use skep_btf::{Btf, ext::Ext};
use skep_isa::{INSN_BYTES, Insn, decode, encode};
use skep_obj::{Object, text_sections, type_information};

/// What decodes encodes to the same slots.
pub fn decode_roundtrip(input: &[u8]) -> bool {
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
pub fn elf_open(input: &[u8]) -> bool {
    let _ = text_sections(input);
    Object::from_elf("fuzz", input).is_ok()
}

/// A section is type information or an error, and what it is can be looked at.
pub fn btf_parse(input: &[u8]) -> bool {
    let Ok(btf) = Btf::parse(input) else { return false };
    for (id, _) in btf.types() {
        let _ = (btf.name(id), btf.size_of(id), btf.resolve(id));
    }
    let _ = Ext::parse(input, &btf);
    true
}

/// Every committed object.
pub fn objects(root: &Path) -> Vec<Vec<u8>> {
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
pub fn btf(root: &Path) -> Vec<Vec<u8>> {
    let types = |elf: &Vec<u8>| type_information(elf).ok()?.map(|btf| btf.bytes().to_vec());
    objects(root).iter().filter_map(types).collect()
}
