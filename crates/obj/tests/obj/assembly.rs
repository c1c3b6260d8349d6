//! Objects from assembly.

use skep_obj::Object;

const COUNTER: &str = r#"
        .license "GPL"                  # comments are as in the code
        .map hits, array, 4, 8, 1, 0x400
        .section "xdp"
    count:
        r1 = 0
        call bump
        exit
    .section tc
    classify:
        r1 = map_value[hits]+4 ll
        r0 = *(u32 *)(r1 + 0)
        call bump
        exit
    .text
    bump:
        *(u32 *)(r10 - 4) = r1
        r1 = map[hits] ll
        r2 = r10
        r2 += -4
        call map_lookup_elem
        if r0 == 0 goto out
        r1 = 1
        lock *(u64 *)(r0 + 0) += r1
    out:
        r0 = 2
        exit
"#;

#[test]
fn programs_maps_and_shared_functions_are_read() {
    let object = Object::from_asm("dir/count.s", COUNTER).unwrap();
    assert_eq!((object.name.as_str(), object.license.as_deref()), ("count", Some("GPL")));
    let map = &object.maps[0];
    assert_eq!((map.key_size, map.value_size, map.max_entries, map.map_flags), (4, 8, 1, 0x400));
    let programs: Vec<_> = object
        .programs
        .iter()
        .map(|program| (program.section.as_str(), program.functions.clone()))
        .collect();
    let functions = |name: &str, at| vec![(0, name.to_owned()), (at, "bump".to_owned())];
    assert_eq!(programs, [("xdp", functions("count", 3)), ("tc", functions("classify", 5))]);
    let program = &object.programs[1];
    assert_eq!(program.insns[3].imm, 1, "the call of bump");
    let relocs: Vec<_> = program.relocs.iter().map(|of| (of.insn, of.value_off)).collect();
    assert_eq!(relocs, [(0, Some(4)), (6, None)]);
    let btf = object.btf.as_ref().unwrap();
    let line = program.line_info[0];
    assert_eq!(btf.string(line.file_name_off), "count.s");
    assert_eq!((line.line(), btf.string(line.line_off)), (11, "r1 = map_value[hits]+4 ll"));
}

fn check(text: &str, expect: &str) {
    let error = Object::from_asm("x.s", text).expect_err(expect);
    assert_eq!(error.to_string(), expect, "{text}");
}

#[test]
fn mistakes_are_named_with_their_line() {
    check("exit", "line 1: expected `.section NAME` before the first instruction");
    check(".section xpd", "line 1: .section: unknown section name \"xpd\"; did you mean xdp");
    check(".section", "line 1: .section: expected one argument, found 0");
    check(".section xdp\nexit", "line 2: a function begins here; put a label before it");
    check(".section xdp\na: r0 = x", "line 2: column 9: expected a value, found `x`");
    check(
        ".section xdp\na: r1 = map[m] ll\nexit",
        "line 2: unknown map m; add `.map m TYPE KEY VALUE ENTRIES`",
    );
    check(
        ".map m array 4",
        "line 1: .map: expected type, key size, value size, entries and, if any, flags; found 1 \
         numbers",
    );
    check(
        ".map m arry 4 4 1",
        "line 1: .map: unknown map type arry, expected one as hash or array",
    );
    check(".map m array 4 4 1\n.map m array 4 4 1", "line 2: .map: m is defined twice");
    check(".section xdp\na: goto b\nexit\n.text\nb: exit", "line 2: the jump leaves function a");
    check(".section xdp\na: call pc-9\nexit", "line 2: the call leads nowhere");
    check(".global b\n.section xdp\na: exit", "line 1: b labels no instruction");
    check(".section xdp\na: call kfunc f\nexit", "line 2: kfunc f cannot be found yet");
}

#[test]
fn several_programs_share_a_section() {
    let text = ".section xdp\n.global b\na: r0 = 1\nexit\nb: r0 = 2\nexit";
    let object = Object::from_asm("x.s", text).unwrap();
    let names: Vec<&str> = object.programs.iter().map(|of| of.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(object.programs[1].insns.len(), 2);
}
