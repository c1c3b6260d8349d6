//! Objects that are written and read again.

use crate::fixtures::objects;
use skep_obj::{MapDef, Object, Program};

/// What a kernel would see of a program.
fn program(program: &Program) -> impl PartialEq + std::fmt::Debug + use<> {
    let relocs: Vec<_> = program.relocs.iter().map(|of| (of.insn, of.map, of.value_off)).collect();
    let lines: Vec<_> = program.line_info.iter().map(|of| (of.insn, of.line())).collect();
    let relos: Vec<_> = program.core_relos.iter().map(|of| (of.insn, of.kind)).collect();
    let name = (program.name.clone(), program.section.clone());
    (name, program.insns.clone(), relocs, program.functions.clone(), lines, relos)
}

/// What a kernel would see of a map. Old definitions come back as new ones.
fn map(map: &MapDef) -> impl PartialEq + std::fmt::Debug + use<> {
    let sizes = (map.key_size, map.value_size, map.max_entries, map.map_extra, map.numa_node);
    let kind = (map.map_type, map.map_flags, map.pin_by_name, map.frozen);
    (map.name.clone(), sizes, kind, map.initial.clone())
}

#[track_caller]
fn check(object: &Object) {
    let name = &object.name;
    let again = Object::from_elf(name, &object.to_elf().unwrap()).unwrap();
    assert_eq!(again.license, object.license, "{name}");
    assert_eq!(again.kern_version, object.kern_version, "{name}");
    let maps = |object: &Object| object.maps.iter().map(map).collect::<Vec<_>>();
    assert_eq!(maps(&again), maps(object), "{name}");
    // Programs come back by section: in file order, as compilers write them.
    let programs = |object: &Object| object.programs.iter().map(program).collect::<Vec<_>>();
    assert_eq!(programs(&again), programs(object), "{name}");
    let twice = Object::from_elf(name, &again.to_elf().unwrap()).unwrap();
    assert_eq!(programs(&twice), programs(object), "{name}, twice");
}

#[test]
fn objects_are_the_same_after_writing() {
    let mut checked = 0;
    for (name, bytes) in objects() {
        let Ok(object) = Object::from_elf(&name, &bytes) else { continue };
        check(&object);
        checked += 1;
    }
    assert!(checked >= 15, "{checked} of the objects are readable");
}

#[test]
fn what_only_assembly_or_numbers_say_survives() {
    let text = ".license GPL\n.map m hash 4 8 16\n.section xdp\na: r1 = map[m] ll\nr1 = func[f] ll\n\
                call f\nexit\n.section socket\nb: call f\nexit\n.text\nf: call g\nexit\ng: call f\n\
                r0 = 1\nexit";
    let mut object = Object::from_asm("x.s", text).unwrap();
    object.maps[0].map_extra = 1 << 40;
    object.maps[0].map_flags = 4;
    object.maps[0].numa_node = 1;
    check(&object);
    object.btf = None;
    for program in &mut object.programs {
        program.line_info.clear();
    }
    check(&object);
}
