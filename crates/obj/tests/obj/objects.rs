//! What is read from the committed objects, or why nothing is.

use std::fmt::Write;
use std::path::Path;

use crate::fixtures::{object, objects};
use skep_obj::{Object, Program, text_sections, type_information};

#[test]
fn objects_are_read_as_before() {
    let mut text = String::new();
    for (name, bytes) in objects() {
        writeln!(text, "{name}").unwrap();
        match Object::from_elf(&name, &bytes) {
            Ok(object) => describe(&object, &mut text),
            Err(error) => writeln!(text, "  {error}").unwrap(),
        }
    }
    check_golden("objects.txt", &text);
}

fn describe(object: &Object, text: &mut String) {
    writeln!(text, "  license {:?} version {:?}", object.license, object.kern_version).unwrap();
    for map in &object.maps {
        let (key, value) = (map.btf_key_type_id, map.btf_value_type_id);
        let name = |id| object.btf.as_ref().map_or("", |btf| btf.name(id));
        write!(
            text,
            "  map {} {} {}: {} -> {}, {} entries, flags {:#x}, types {:?} -> {:?}",
            map.section,
            map.name,
            map.map_type,
            map.key_size,
            map.value_size,
            map.max_entries,
            map.map_flags,
            name(key),
            name(value)
        )
        .unwrap();
        let initial = map.initial.as_ref().map(|bytes| format!(", initial {bytes:02x?}"));
        let pin = if map.pin_by_name { ", pinned" } else { "" };
        let frozen = if map.frozen { ", frozen" } else { "" };
        writeln!(text, "{pin}{frozen}{}", initial.unwrap_or_default()).unwrap();
    }
    for program in &object.programs {
        describe_program(program, text);
    }
}

fn describe_program(program: &Program, text: &mut String) {
    let Program { name, section, prog_type, functions, relocs, .. } = program;
    let target = program.attach_to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let autoload = if program.autoload { "" } else { ", not loaded by itself" };
    writeln!(text, "  prog {section} {name} {prog_type}{target}{autoload}").unwrap();
    writeln!(text, "    {} slots, functions {functions:?}", program.insns.len()).unwrap();
    for reloc in relocs {
        let value = reloc.value_off.map(|off| format!(" value +{off}")).unwrap_or_default();
        writeln!(text, "    slot {}: map {}{value}", reloc.insn, reloc.map).unwrap();
    }
    let funcs: Vec<u32> = program.func_info.iter().map(|of| of.insn).collect();
    let lines: Vec<String> =
        program.line_info.iter().map(|of| format!("{}:{}", of.insn, of.line())).collect();
    writeln!(text, "    func_info {funcs:?}, lines {}", lines.join(" ")).unwrap();
    for relo in &program.core_relos {
        writeln!(text, "    slot {}: CO-RE kind {}", relo.insn, relo.kind).unwrap();
    }
}

#[test]
fn calls_lead_to_functions() {
    for (name, bytes) in objects() {
        let Ok(object) = Object::from_elf(&name, &bytes) else { continue };
        for program in &object.programs {
            let mut second = false;
            for (at, insn) in program.insns.iter().enumerate() {
                if std::mem::take(&mut second) {
                    continue;
                }
                second = insn.is_wide();
                if insn.opcode == 0x85 && insn.src == 1 {
                    let target = (at as i64 + 1 + i64::from(insn.imm)) as u32;
                    let found = program.functions.iter().any(|(start, _)| *start == target);
                    assert!(found, "{name} {}: slot {at} calls {target}", program.name);
                }
            }
        }
    }
}

#[test]
fn code_is_found_in_files_of_both_byte_orders() {
    let little = text_sections(&object("subprogs.bpf.o")).unwrap();
    let names: Vec<&str> = little.iter().map(|section| section.name.as_str()).collect();
    assert_eq!(names, [".text", "xdp", "?socket", "tc"]);
    let symbols: Vec<&str> = little[0].symbols.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(symbols, ["global_sum", "twice", "count"]);
    let big = text_sections(&object("big-endian.bpf.o")).unwrap();
    assert!(!big[0].little_endian && little[0].little_endian);
    assert_eq!(big[0].insns.last().map(|insn| insn.opcode), Some(0x95), "the last one is exit");
}

#[test]
fn names_of_data_maps_are_cut_as_libbpf_cuts_them() {
    for (name, expect) in [
        ("folder/a.bpf.o", "a.data"),
        ("global-data.bpf.o", "global_d.data"),
        ("", ".data"),
        ("ünï-name.o", "_n__name.data"),
    ] {
        let object = Object::from_elf(name, &object("global-data.bpf.o")).unwrap();
        let found = object.maps.iter().find(|map| map.section == ".data");
        assert_eq!(found.map(|map| map.name.as_str()), Some(expect), "{name}");
    }
}

#[test]
fn type_information_is_found_alone_and_in_objects() {
    let in_object = type_information(&object("types.bpf.o")).unwrap().unwrap();
    let alone = type_information(in_object.bytes()).unwrap().unwrap();
    assert_eq!(alone.len(), in_object.len());
    assert!(type_information(&object("old-maps-O0.bpf.o")).unwrap().is_none());
    let big = type_information(&object("big-endian.bpf.o")).unwrap().unwrap();
    assert!(!big.is_little_endian() && big.len() > 5);
}

/// Compares with a committed text; `SKEP_BLESS=1` writes it.
fn check_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    if std::env::var_os("SKEP_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expect = std::fs::read_to_string(&path).unwrap_or_default();
    let line = expect.lines().zip(found.lines()).position(|(a, b)| a != b);
    assert_eq!(expect, found, "{name} differs, first in line {:?}", line.map(|at| at + 1));
}
