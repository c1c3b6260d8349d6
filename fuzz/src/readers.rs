//! What reads bytes of strangers: valid inputs, and what must hold for any.

use std::path::Path;

use crate::packets;
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

/// A capture is packets or an error, and there are no more bytes in its packets than in the file.
pub fn pcap_read(input: &[u8]) -> bool {
    let Ok(capture) = packets::parse(input) else { return false };
    let bytes: usize = capture.packets.iter().map(|packet| packet.data.len()).sum();
    assert!(bytes <= input.len(), "{bytes} bytes of packets");
    true
}

/// The committed captures, and a small one in each byte order and resolution.
pub fn captures(root: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    collect(&root.join("examples"), &["pcap"], &mut found);
    for magic in [0xa1b2_c3d4_u32, 0xa1b2_3c4d] {
        found.push(capture(magic, u32::to_le_bytes));
        found.push(capture(magic, u32::to_be_bytes));
    }
    found
}

/// Two packets.
fn capture(magic: u32, number: fn(u32) -> [u8; 4]) -> Vec<u8> {
    let version = if number(1)[0] == 1 { 0x0004_0002 } else { 0x0002_0004 };
    let mut words = vec![magic, version, 0, 0, 65_535, 1];
    for len in [8, 4] {
        words.extend([1, 2, len, len]);
        words.extend((0..len / 4).map(|word| word ^ 0x0102_0304));
    }
    words.into_iter().flat_map(number).collect()
}

/// Every committed object.
pub fn objects(root: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for folder in ["examples", "tests/objects", "fuzz/found"] {
        collect(&root.join(folder), &["o"], &mut found);
    }
    found
}

/// Files with one of these extensions, or none, as those that broke a target have.
fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // The order of a folder is chance, and a run is a function of its seed.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, extensions, found);
        } else if path.extension().is_none_or(|it| extensions.iter().any(|wanted| it == *wanted)) {
            found.extend(std::fs::read(&path));
        }
    }
}

/// The type information of every committed object.
pub fn btf(root: &Path) -> Vec<Vec<u8>> {
    let types = |elf: &Vec<u8>| type_information(elf).ok()?.map(|btf| btf.bytes().to_vec());
    objects(root).iter().filter_map(types).collect()
}
