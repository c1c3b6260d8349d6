//! `BPF_PROG_LOAD`: refusals, the log and its size, tags and licenses, as seen on Linux 6.18.

use skep_isa::{Insn, assemble};
use skep_kernel::UserKernel;
use skep_uapi::{
    AttachType, Command, Errno, Fd, Helper, Kernel, MapCreate, MapType, Name, ProgInfo, ProgLoad,
    ProgType,
};

const RETURN_0: &str = "r0 = 0\nexit";

fn code(text: &str) -> Vec<u8> {
    let number = |name: &str| Helper::from_name(name).map(|helper| helper.0);
    let insns = assemble(text, &number).unwrap_or_else(|error| panic!("{error} in {text}")).insns;
    insns.iter().flat_map(|insn| insn.to_le_bytes()).collect()
}

/// Loads a program with one thing changed: the answer, or the error's name.
fn load<'a>(
    kernel: &UserKernel,
    insns: &'a [u8],
    change: impl FnOnce(&mut ProgLoad<'a>),
) -> String {
    let prog_type = ProgType::XDP;
    let mut prog = ProgLoad { prog_type, insns, license: "GPL", ..ProgLoad::default() };
    change(&mut prog);
    match kernel.prog_load(prog) {
        Ok(_) => "ok".to_owned(),
        Err(errno) => errno.name().unwrap_or("?").to_owned(),
    }
}

#[test]
fn attributes_are_checked_first() {
    let kernel = UserKernel::default();
    let code = code(RETURN_0);
    let answer = |change: fn(&mut ProgLoad<'_>)| load(&kernel, &code, |prog| change(prog));
    assert_eq!(answer(|_| {}), "ok");
    assert_eq!(answer(|prog| prog.insns = &[]), "E2BIG");
    assert_eq!(answer(|prog| prog.prog_type = ProgType(0)), "EINVAL");
    assert_eq!(answer(|prog| prog.prog_type = ProgType(33)), "EINVAL");
    assert_eq!(answer(|prog| prog.prog_name = Name::cut("a.b_C9")), "ok");
    assert_eq!(answer(|prog| prog.prog_name = Name([b'-'; 16])), "EINVAL");
    assert_eq!(answer(|prog| prog.prog_ifindex = 999), "EINVAL");
    assert_eq!(answer(|prog| prog.log_level = 1), "ok");
    assert_eq!(answer(|prog| prog.log_level = 16), "EINVAL");
    assert_eq!(answer(|prog| prog.prog_btf_fd = Some(Fd(99))), "ok");
    assert_eq!(answer(|prog| prog.expected_attach_type = AttachType(100)), "ok");
    for bit in 0..12 {
        let expect = if matches!(bit, 0..=3 | 5..=7) { "ok" } else { "EINVAL" };
        assert_eq!(load(&kernel, &code, |prog| prog.prog_flags = 1 << bit), expect, "flag {bit}");
    }
    let mut log = [0; 1000];
    assert_eq!(load(&kernel, &code, |prog| prog.log_buf = &mut log), "EINVAL");
}

/// Loads with a log of so many bytes: the answer, the true size, and the log up to its zero.
fn logged(text: &str, log_level: u32, size: usize) -> (Result<(), Errno>, u32, String) {
    let kernel = UserKernel::default();
    let insns = code(text);
    let mut log = vec![0xaa; size];
    let mut command = Command::ProgLoad(ProgLoad {
        prog_type: ProgType::XDP,
        insns: &insns,
        license: "GPL",
        log_level,
        log_buf: &mut log,
        ..ProgLoad::default()
    });
    let answer = kernel.bpf(&mut command).map(drop);
    let Command::ProgLoad(prog) = command else { unreachable!("it was one") };
    let true_size = prog.log_true_size;
    let end = log.iter().position(|b| *b == 0).unwrap_or(0);
    (answer, true_size, String::from_utf8_lossy(&log[..end]).into_owned())
}

#[test]
fn a_log_that_does_not_fit_is_an_error_of_its_own() {
    let (answer, full, text) = logged("exit", 1, 4096);
    assert_eq!((answer, full as usize), (Err(Errno::EACCES), text.len() + 1));
    assert!(text.contains("R0 !read_ok\n"), "{text}");
    assert_eq!(logged("exit", 1, full as usize).0, Err(Errno::EACCES));
    let (answer, true_size, end) = logged("exit", 1, 10);
    assert_eq!((answer, true_size), (Err(Errno::ENOSPC), full));
    assert_eq!(end, text[text.len() - 9..], "the end is kept");
    let (answer, _, start) = logged("exit", 1 | 8, 10);
    assert_eq!((answer, start.as_str()), (Err(Errno::ENOSPC), &text[..9]), "BPF_LOG_FIXED");
    let (answer, true_size, _) = logged("exit", 1, 0);
    assert_eq!((answer, true_size), (Err(Errno::EACCES), full), "no room: no log is wanted");
    assert_eq!(logged(RETURN_0, 1, 10).0, Err(Errno::ENOSPC), "accepted, but not told so");
    assert_eq!(logged(RETURN_0, 0, 0), (Ok(()), 0, String::new()));
}

#[test]
fn references_to_maps_are_checked() {
    let kernel = UserKernel::default();
    let create = |map_type, max_entries| {
        let (key_size, value_size) = (4, 8);
        let map = MapCreate { map_type, key_size, value_size, max_entries, ..MapCreate::default() };
        kernel.map_create(map).expect("a small map")
    };
    let (array, hash) = (create(MapType::ARRAY, 1), create(MapType::HASH, 1));
    let exit = [Insn::new(0xb7, 0, 0, 0, 0), Insn::new(0x95, 0, 0, 0, 0)];
    let reference = |src: u8, low: i32, high: i32| {
        let insns = [Insn::new(0x18, 1, src, 0, low), Insn::new(0, 0, 0, 0, high)];
        let code: Vec<u8> = insns.iter().chain(&exit).flat_map(|insn| insn.to_le_bytes()).collect();
        load(&kernel, &code, |_| {})
    };
    assert_eq!(reference(1, array.0, 0), "ok");
    assert_eq!(reference(1, 99, 0), "EBADF");
    assert_eq!(reference(1, array.0, 1), "EINVAL");
    assert_eq!(reference(2, array.0, 4), "ok");
    assert_eq!(reference(2, array.0, 100), "EINVAL");
    assert_eq!(reference(2, hash.0, 0), "EINVAL");
    assert_eq!(reference(5, 0, 0), "EPROTO");
    assert_eq!(reference(9, 1, 0), "EINVAL");
    let program = code("r1 = map[idx:1] ll\nr0 = 0\nexit");
    let fds = [array.0, hash.0];
    assert_eq!(load(&kernel, &program, |prog| prog.fd_array = &fds), "ok");
}

/// BTF with an `int`, a function type and the function `main`, which has id 3; line text at 14.
fn btf(kernel: &UserKernel) -> Fd {
    let mut builder = skep_btf::Builder::new();
    let int = builder.int("int", 4, skep_btf::Int::SIGNED);
    let proto = builder.func_proto(int, &[]);
    builder.func("main", proto, 1);
    builder.string("x.c");
    builder.string("return 0;");
    let btf = builder.finish().expect("three types");
    let mut command = Command::BtfLoad {
        btf: btf.bytes(),
        log_level: 0,
        log_buf: &mut [],
        log_true_size: &mut 0,
        flags: 0,
        token_fd: None,
    };
    kernel.bpf(&mut command).map(Fd::from_result).expect("it was just built")
}

#[test]
fn debug_information_is_checked_before_the_program() {
    let kernel = UserKernel::default();
    let (program, btf) = (code(RETURN_0), btf(&kernel));
    let bytes = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let check = |funcs: &[u32], func_size, lines: &[u32], line_size, expect| {
        let (funcs, lines) = (bytes(funcs), bytes(lines));
        let answer = load(&kernel, &program, |prog| {
            prog.prog_btf_fd = Some(btf);
            (prog.func_info, prog.func_info_rec_size) = (&funcs, func_size);
            (prog.line_info, prog.line_info_rec_size) = (&lines, line_size);
        });
        assert_eq!(answer, expect, "{funcs:?} {lines:?}");
    };
    let line = [0, 10, 14, 1 << 10];
    check(&[0, 3], 8, &[], 0, "ok");
    check(&[0, 3, 0], 12, &[], 0, "ok");
    check(&[0, 3, 1], 12, &[], 0, "E2BIG");
    check(&[1, 3], 8, &[], 0, "EINVAL");
    check(&[0, 1], 8, &[], 0, "EINVAL");
    check(&[0, 9], 8, &[], 0, "EINVAL");
    check(&[0, 3, 1, 3], 8, &[], 0, "EINVAL");
    check(&[0, 3], 4, &[], 0, "EINVAL");
    check(&[], 0, &line, 16, "ok");
    check(&[0, 3], 8, &line, 16, "ok");
    check(&[0, 3], 8, &line, 8, "EINVAL");
    check(&[0, 3], 8, &[1, 10, 14, 1], 16, "EINVAL");
    check(&[0, 3], 8, &[0, 10, 14, 1, 9, 10, 14, 1], 16, "EINVAL");
    check(&[0, 3], 8, &[0, 10, 14, 1, 0, 10, 14, 1], 16, "EINVAL");
    check(&[0, 3], 8, &[0, 1000, 14, 1], 16, "EINVAL");
    check(&[0, 3], 8, &[0, 10, 14, 1, 1], 20, "E2BIG");
    let funcs = bytes(&[0, 3]);
    let answer = load(&kernel, &program, |prog| {
        (prog.func_info, prog.func_info_rec_size) = (&funcs, 8);
    });
    assert_eq!(answer, "EINVAL", "no BTF");
}

#[test]
fn licenses_open_helpers() {
    let kernel = UserKernel::default();
    let print = code(
        "r1 = 0\n*(u64 *)(r10 - 8) = r1\nr1 = r10\nr1 += -8\nr2 = 8\ncall trace_printk\nr0 = 0\nexit",
    );
    let answer = |license: &'static str| load(&kernel, &print, |prog| prog.license = license);
    let compatible = [
        "GPL",
        "GPL v2",
        "GPL and additional rights",
        "Dual BSD/GPL",
        "Dual MIT/GPL",
        "Dual MPL/GPL",
    ];
    for license in compatible {
        assert_eq!(answer(license), "ok", "{license}");
    }
    for license in ["MIT", "gpl", "GPLv2", "GPL-2.0", "Proprietary", ""] {
        assert_eq!(answer(license), "EINVAL", "{license}");
    }
}

#[test]
fn a_program_describes_itself() {
    let kernel = UserKernel::default();
    let map = MapCreate {
        map_type: MapType::ARRAY,
        key_size: 4,
        value_size: 8,
        max_entries: 1,
        ..MapCreate::default()
    };
    let map = kernel.map_create(map).expect("a small map");
    let program = code(&format!("r1 = map[fd:{map}] ll\n{RETURN_0}"));
    let prog = ProgLoad {
        prog_type: ProgType::XDP,
        insns: &program,
        license: "GPL",
        prog_name: Name::cut("it"),
        ..ProgLoad::default()
    };
    let prog = kernel.prog_load(prog).expect("it returns 0");
    let (mut insns, mut maps) = ([0; 64], [0; 4]);
    let room =
        ProgInfo { xlated_prog_insns: &mut insns, map_ids: &mut maps, ..ProgInfo::default() };
    let info = kernel.prog_info(prog, room).expect("a program");
    // The tag does not depend on the descriptor's number.
    assert_eq!(info.tag, [0x0b, 0xd0, 0x16, 0x86, 0x76, 0xc7, 0xc7, 0x79]);
    assert_eq!((info.prog_type, info.id, info.gpl_compatible), (ProgType::XDP, 1, true));
    assert_eq!((info.name.to_string(), info.nr_map_ids), ("it".to_owned(), 1));
    assert_eq!((info.map_ids[0], info.xlated_prog_len), (1, 32));
    assert_eq!(Insn::from_le_bytes(insns[..8].try_into().expect("eight")).imm, 1, "the map's id");
    kernel.close(map);
    let gone = kernel.bpf(&mut Command::MapGetFdById { map_id: 1, open_flags: 0 });
    assert!(gone.is_ok(), "the program keeps its map");
}

#[test]
fn statistics_count_while_they_are_wanted() {
    let kernel = UserKernel::default();
    let program = code("r0 = 2\nexit");
    let prog = ProgLoad {
        prog_type: ProgType::XDP,
        insns: &program,
        license: "GPL",
        ..ProgLoad::default()
    };
    let prog_fd = kernel.prog_load(prog).expect("it passes");
    let run = |repeat| {
        let run = skep_uapi::TestRun { prog_fd, data_in: &[0; 64], repeat, ..Default::default() };
        kernel.bpf(&mut Command::ProgTestRun(run)).expect("a frame of 64 bytes");
        kernel.prog_info(prog_fd, ProgInfo::default()).expect("a program").run_cnt
    };
    assert_eq!(run(3), 0);
    let on = kernel.bpf(&mut Command::EnableStats { kind: 0 }).expect("the one kind");
    assert_eq!(run(3), 3);
    kernel.close(Fd::from_result(on));
    assert_eq!(run(3), 3);
    assert_eq!(kernel.bpf(&mut Command::EnableStats { kind: 1 }), Err(Errno::EINVAL));
}
