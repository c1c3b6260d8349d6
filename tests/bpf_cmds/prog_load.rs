//! `BPF_PROG_LOAD`: the parts that are no judgement of the verifier's.

use skep_tests::{Subject, insns, on_every_kernel};
use skep_uapi::{AttachType, Command, Errno, Fd, Name, ProgLoad, ProgType};

const PASS: &str = "r0 = 2\nexit";

fn check(kernel: &Subject, what: &str, expected: Result<(), Errno>, prog: ProgLoad<'_>) {
    let result = kernel.prog_load(prog).map(|fd| kernel.close(fd));
    assert_eq!(result, expected, "{what}");
}

#[test]
fn attributes_are_checked() {
    on_every_kernel("prog_load::attributes_are_checked", |kernel| {
        let insns = insns(PASS);
        let pass = || ProgLoad {
            prog_type: ProgType::XDP,
            insns: &insns,
            license: "GPL",
            ..ProgLoad::default()
        };
        let einval = Err(Errno::EINVAL);
        check(kernel, "good", Ok(()), pass());
        check(kernel, "no instructions", Err(Errno::E2BIG), ProgLoad { insns: &[], ..pass() });
        check(kernel, "half an instruction", einval, ProgLoad { insns: &insns[..12], ..pass() });
        check(kernel, "no type", einval, ProgLoad { prog_type: ProgType::UNSPEC, ..pass() });
        check(kernel, "unknown type", einval, ProgLoad { prog_type: ProgType(99), ..pass() });
        check(kernel, "unknown flag", einval, ProgLoad { prog_flags: 1 << 31, ..pass() });
        check(kernel, "no license", Ok(()), ProgLoad { license: "", ..pass() });
        check(kernel, "XDP", Ok(()), ProgLoad { expected_attach_type: AttachType::XDP, ..pass() });
        let foreign = ProgLoad {
            prog_btf_fd: Some(Fd(i32::MAX)),
            func_info_rec_size: 8,
            func_info: &[0; 8],
            ..pass()
        };
        check(kernel, "no such btf", Err(Errno::EBADF), foreign);
    });
}

#[test]
fn names_are_checked() {
    on_every_kernel("prog_load::names_are_checked", |kernel| {
        let insns = insns(PASS);
        let named = |name: &[u8]| {
            let mut prog_name = Name::default();
            prog_name.0[..name.len()].copy_from_slice(name);
            ProgLoad {
                prog_type: ProgType::XDP,
                insns: &insns,
                license: "GPL",
                prog_name,
                ..ProgLoad::default()
            }
        };
        check(kernel, "letters", Ok(()), named(b"my_prog.1"));
        check(kernel, "a blank", Err(Errno::EINVAL), named(b"my prog"));
        check(kernel, "no end", Err(Errno::EINVAL), named(b"sixteen_bytes___"));
    });
}

#[test]
fn the_log_needs_room_and_a_level() {
    on_every_kernel("prog_load::the_log_needs_room_and_a_level", |kernel| {
        let insns = insns(PASS);
        let load = |log_level, log_buf: &mut [u8]| {
            let mut command = Command::ProgLoad(ProgLoad {
                prog_type: ProgType::XDP,
                insns: &insns,
                license: "GPL",
                log_level,
                log_buf,
                ..ProgLoad::default()
            });
            let result = kernel.bpf(&mut command).map(|fd| kernel.close(Fd::from_result(fd)));
            let Command::ProgLoad(prog) = command else { unreachable!("it was lent") };
            (result, prog.log_true_size)
        };
        let mut log = vec![0xff; 4096];
        let (result, true_size) = load(1, &mut log);
        assert_eq!(result, Ok(()));
        let text = &log[..true_size as usize];
        assert_eq!(text.iter().position(|byte| *byte == 0), Some(text.len() - 1), "ends in a zero");
        assert_eq!(load(0, &mut log).0, Err(Errno::EINVAL), "room, but no level");
        assert_eq!(load(1 << 5, &mut log).0, Err(Errno::EINVAL), "unknown level");
        assert_eq!(load(1, &mut []).1, true_size, "a size is told without room");
        let (result, true_size) = load(2, &mut [0xff; 10]);
        assert_eq!(result, Err(Errno::ENOSPC), "too little room");
        assert_eq!(load(2, &mut vec![0xff; true_size as usize]).0, Ok(()), "just enough");
    });
}

#[test]
fn a_rejection_is_told_in_the_log() {
    on_every_kernel("prog_load::a_rejection_is_told_in_the_log", |kernel| {
        let check = |prog_type, text, errno, words: &str| {
            let insns = insns(text);
            let mut log = vec![0; 4096];
            let result = kernel.prog_load(ProgLoad {
                prog_type,
                insns: &insns,
                license: "GPL",
                log_level: 1,
                log_buf: &mut log,
                ..ProgLoad::default()
            });
            let log = String::from_utf8_lossy(&log);
            assert_eq!(result, Err(errno), "{log}");
            assert!(log.contains(words), "{words:?} is not in {log}");
        };
        check(ProgType::XDP, "exit", Errno::EACCES, "R0 !read_ok");
        check(ProgType::XDP, "r0 = 1", Errno::EINVAL, "last insn is not an exit or jmp");
        check(
            ProgType::XDP,
            "r0 = *(u64 *)(r1 + 4096)\nexit",
            Errno::EACCES,
            "invalid bpf_context access",
        );
        check(
            ProgType::SOCKET_FILTER,
            "r0 = *(u64 *)(r10 + 0)\nexit",
            Errno::EACCES,
            "invalid read from stack",
        );
        check(ProgType::XDP, "call 9999\nexit", Errno::EINVAL, "invalid func unknown#9999");
    });
}

#[test]
fn a_map_descriptor_must_be_one() {
    on_every_kernel("prog_load::a_map_descriptor_must_be_one", |kernel| {
        let insns = insns("r1 = map[fd:123456] ll\nr0 = 0\nexit");
        let prog = ProgLoad {
            prog_type: ProgType::XDP,
            insns: &insns,
            license: "GPL",
            ..ProgLoad::default()
        };
        check(kernel, "no such map", Err(Errno::EBADF), prog);
    });
}

#[test]
fn some_helpers_need_a_license() {
    on_every_kernel("prog_load::some_helpers_need_a_license", |kernel| {
        let text =
            "r1 = r10\nr1 += -8\n*(u64 *)(r10 - 8) = 97\nr2 = 2\ncall trace_printk\nr0 = 0\nexit";
        let insns = insns(text);
        let with = |license| ProgLoad {
            prog_type: ProgType::XDP,
            insns: &insns,
            license,
            ..ProgLoad::default()
        };
        for license in [
            "GPL",
            "GPL v2",
            "GPL and additional rights",
            "Dual BSD/GPL",
            "Dual MIT/GPL",
            "Dual MPL/GPL",
        ] {
            check(kernel, license, Ok(()), with(license));
        }
        for license in ["", "Proprietary", "MIT", "gpl", "GPL "] {
            check(kernel, license, Err(Errno::EINVAL), with(license));
        }
    });
}
