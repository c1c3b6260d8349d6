//! Type information that is there and back, and damaged.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use skep_btf::ext::Ext;
use skep_btf::{Btf, Builder, Data, Int, Kind, Member, Type, VarSecinfo};

/// One type of every kind.
fn every_kind() -> Builder {
    let mut b = Builder::new();
    let int = b.int("int", 4, Int::SIGNED);
    let char = b.int("char", 1, Int::SIGNED);
    let ptr = b.ptr(int);
    let array = b.array(char, int, 8);
    let node = b.structure("node", 24, &[("name", array, 0), ("next", 0, 64), ("n", int, 128)]);
    let next = b.ptr(node);
    if let Some(Data::Struct(of)) = b.ty_mut(node).map(|ty| &mut ty.data) {
        of.members[1].ty = next;
    }
    b.union("either", 8, &[("a", int, 0), ("b", ptr, 0)]);
    b.enumeration("color", &[("RED", 0), ("BLUE", -1)]);
    b.enumeration("large", &[("HUGE", 1 << 40)]);
    b.forward("unknown");
    let constant = b.constant(int);
    let volatile = b.volatile(constant);
    b.typedef("word", volatile);
    b.add(Type { name: 0, kind_flag: false, data: Data::Restrict(ptr) });
    let proto = b.func_proto(int, &[("a", ptr), ("b", node)]);
    let func = b.func("main", proto, 1);
    let var = b.var("counter", int, 1);
    b.datasec(".data", 4, vec![VarSecinfo { ty: var, offset: 0, size: 4 }]);
    b.float("double", 8);
    b.decl_tag("mark", func, 0);
    b.type_tag("user", int);
    b
}

/// The section in the other byte order. Every field is 32 bits long but the first four bytes.
fn swapped(bytes: &[u8], strings: usize) -> Vec<u8> {
    let words = bytes.len() - strings;
    let mut other = vec![bytes[1], bytes[0], bytes[2], bytes[3]];
    other.extend(bytes[4..words].chunks(4).flat_map(|word| word.iter().rev().copied()));
    other.extend_from_slice(&bytes[words..]);
    other
}

#[test]
fn every_kind_survives_in_both_byte_orders() {
    let builder = every_kind();
    let little = builder.clone().finish().unwrap();
    let big = Btf::parse(&swapped(little.bytes(), little.strings().len())).unwrap();
    assert!(little.is_little_endian() && !big.is_little_endian());
    assert_eq!(big.raw().to_string(), little.raw().to_string());
    for (id, ty) in little.types() {
        assert_eq!(builder.ty(id), Some(ty));
        assert_eq!(big.ty(id), Some(ty));
    }
    let mut kinds: Vec<Kind> = little.types().map(|(_, ty)| ty.kind()).collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, Kind::ALL);
    let again = Builder::from_btf(&big).finish().unwrap();
    assert_eq!(again.bytes(), little.bytes());
}

#[test]
fn sizes_and_names_look_through_qualifiers() {
    let btf = every_kind().finish().unwrap();
    let size = |kind, name| btf.size_of(btf.find(kind, name).unwrap());
    assert_eq!(size(Kind::Typedef, "word"), Some(4));
    assert_eq!(size(Kind::Struct, "node"), Some(24));
    assert_eq!(size(Kind::Datasec, ".data"), Some(4));
    assert_eq!(size(Kind::Fwd, "unknown"), None);
    assert_eq!((btf.size_of(0), btf.size_of(u32::MAX)), (None, None));
    assert_eq!(btf.resolve(u32::MAX), 0);
    assert_eq!((btf.string(u32::MAX), btf.name(u32::MAX)), ("", ""));
}

fn check(build: impl FnOnce(&mut Builder), expect: &str) {
    let mut builder = Builder::new();
    build(&mut builder);
    assert_eq!(builder.finish().unwrap_err().to_string(), expect);
}

#[test]
fn impossible_types_are_refused() {
    check(
        |b| {
            b.typedef("loop", 2);
            b.constant(1);
        },
        "BTF type 1 contains itself",
    );
    check(
        |b| {
            b.structure("a", 8, &[("b", 2, 0)]);
            b.array(1, 1, 1);
        },
        "BTF type 1 contains itself",
    );
    check(
        |b| {
            b.ptr(7);
        },
        "BTF type 1 refers to type 7, but there are only 2 types",
    );
    check(
        |b| {
            b.int("int", 4, 0);
            for of in 1..=Btf::MAX_DEPTH {
                b.typedef("deeper", of);
            }
        },
        "BTF type 129 is nested deeper than 128 levels",
    );
    check(
        |b| {
            let data = Data::Ptr(0);
            b.add(Type { name: 99, kind_flag: false, data });
        },
        "BTF type 1 has a name at 99, outside of 1 bytes of strings",
    );
}

fn check_bytes(bytes: &[u8], expect: &str) {
    assert_eq!(Btf::parse(bytes).unwrap_err().to_string(), expect);
}

#[test]
fn damaged_sections_are_refused() {
    let good = every_kind().finish().unwrap();
    let changed = |at: usize, value: u8| {
        let mut bytes = good.bytes().to_vec();
        bytes[at] = value;
        bytes
    };
    let header_ends = ".BTF ends early: header needs 4 bytes at offset 0, found 0";
    check_bytes(&[], header_ends);
    check_bytes(&changed(0, 1), "not .BTF: expected 9f eb or eb 9f at offset 0, found 01 eb");
    check_bytes(&changed(2, 2), ".BTF version 2 is not supported, expected 1");
    check_bytes(&changed(4, 8), "bad .BTF header: hdr_len is 8, expected at least 24");
    check_bytes(&changed(24 + 7, 20), "BTF type 1 has kind 20, expected 1 to 19");
    let cut = &good.bytes()[..good.bytes().len() - 1];
    let strings = good.strings().len();
    let at = good.bytes().len() - strings;
    let short = format!(
        ".BTF ends early: string section needs {strings} bytes at offset {at}, found {}",
        strings - 1
    );
    check_bytes(cut, &short);
    for len in 0..good.bytes().len() {
        assert!(Btf::parse(&good.bytes()[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn a_record_of_btf_ext_may_be_longer_than_known() {
    let mut builder = Builder::new();
    let name = builder.string("xdp");
    let btf = builder.finish().unwrap();
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let section = |insn| {
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        bytes.extend(words(&[24, 0, 24, 24, 0, 12, name, 1, insn, 5, 77]));
        bytes
    };
    let ext = Ext::parse(&section(16), &btf).unwrap();
    let found = &ext.func_info[0];
    assert_eq!(
        (found.name.as_str(), found.records[0].insn, found.records[0].type_id),
        ("xdp", 2, 5)
    );
    let error = Ext::parse(&section(15), &btf).unwrap_err().to_string();
    assert_eq!(error, "record in .BTF.ext names byte 15 of section xdp, expected a multiple of 8");
    for len in 0..section(16).len() {
        assert!(Ext::parse(&section(16)[..len], &btf).is_err(), "{len} bytes");
    }
}

#[test]
fn values_without_end_are_refused() {
    let mut b = Builder::new();
    let empty = b.structure("empty", 0, &[]);
    let many = b.array(empty, empty, u32::MAX);
    let mut ty = empty;
    // Every level doubles the work, and none has a byte.
    for _ in 0..100 {
        ty = b.structure("twice", 0, &[("a", ty, 0), ("b", ty, 0)]);
    }
    let bit = b.add(Type {
        name: 0,
        kind_flag: true,
        data: Data::Struct(skep_btf::Composite {
            size: 1,
            members: vec![Member { name: 0, ty: empty, bit_offset: 7, bits: 2 }],
        }),
    });
    let btf = b.finish().unwrap();
    let value = |id, bytes: &[u8]| btf.value(id, bytes).map_err(|error| error.to_string());
    let expect = |id| {
        Err(format!(
            "value of BTF type {id} has more than 65536 parts; its bytes can be printed only raw"
        ))
    };
    assert_eq!(value(many, &[]), expect(many));
    assert_eq!(value(ty, &[]), expect(ty));
    assert_eq!(value(0, &[]), Err("BTF type 0 (UNKNOWN) has no size and so no values".to_owned()));
    assert!(value(bit, &[0]).unwrap_err().ends_with("needs 2 bytes, found 1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn changed_bytes_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        swap in any::<bool>(),
        value in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let good = every_kind().finish().unwrap();
        let mut bytes = good.bytes().to_vec();
        if swap {
            bytes = swapped(&bytes, good.strings().len());
        }
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(btf) = Btf::parse(&bytes) {
            for (id, _) in btf.types() {
                let _ = (btf.size_of(id), btf.name(btf.resolve(id)));
                if let Ok(value) = btf.value(id, &value) {
                    let _ = (value.to_string(), value.plain().to_string());
                }
            }
            let _ = (btf.raw().to_string(), btf.raw_json());
            let _ = Builder::from_btf(&btf).finish();
        }
    }
}
