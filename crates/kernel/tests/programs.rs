//! Programs through the seam, and the same programs in the checked interpreter: both engines must
//! agree, and every expected answer was seen on Linux 6.18.

use skep_isa::{Insn, assemble};
use skep_kernel::{ClockSource, Config, UserKernel, checked};
use skep_uapi::{
    Command, Errno, Fd, Helper, Kernel, MapCreate, MapType, ProgLoad, ProgType, TestRun,
};

fn kernel() -> UserKernel {
    UserKernel::new(Config { cpus: 2, clock: ClockSource::Virtual, ..Config::default() })
}

/// A frame of 64 bytes that count up.
fn frame() -> Vec<u8> {
    (0..64).collect()
}

fn insns(text: &str) -> Vec<Insn> {
    let number = |name: &str| Helper::from_name(name).map(|helper| helper.0);
    assemble(text, &number).unwrap_or_else(|error| panic!("{error} in {text}")).insns
}

fn bytes(insns: &[Insn]) -> Vec<u8> {
    insns.iter().flat_map(|insn| insn.to_le_bytes()).collect()
}

/// Loads a program, or fails with the end of the log.
fn load(kernel: &UserKernel, prog_type: ProgType, text: &str) -> Fd {
    let code = bytes(&insns(text));
    let mut log = vec![0; 1 << 16];
    let prog = ProgLoad {
        prog_type,
        insns: &code,
        license: "GPL",
        log_level: 1,
        log_buf: &mut log,
        ..ProgLoad::default()
    };
    let loaded = kernel.prog_load(prog);
    let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    loaded.unwrap_or_else(|e| panic!("{e} for {text}\n{}", String::from_utf8_lossy(&log[..end])))
}

/// Runs a loaded program on a frame: what it returns, and the frame.
fn test_run(kernel: &UserKernel, prog_fd: Fd, frame: &[u8]) -> (u32, Vec<u8>) {
    let mut out = vec![0; 4096];
    let run = TestRun { prog_fd, data_in: frame, data_out: &mut out, ..TestRun::default() };
    let mut command = Command::ProgTestRun(run);
    kernel.bpf(&mut command).unwrap_or_else(|errno| panic!("test run: {errno}"));
    let Command::ProgTestRun(run) = command else { unreachable!("it was one") };
    let (retval, size) = (run.retval, run.data_size_out as usize);
    out.truncate(size);
    (retval, out)
}

/// Runs a program on both engines.
fn check(kernel: &UserKernel, prog_type: ProgType, text: &str, expect: u32) {
    let code = insns(text);
    let run = checked::Run { prog_type, insns: &code, maps: &[], budget: 10_000 };
    let outcome = checked::run(kernel, run, &frame()).unwrap_or_else(|e| panic!("{e} in {text}"));
    assert_eq!(outcome.retval, expect, "checked, {:#x}: {text}", outcome.retval);
    let prog = load(kernel, prog_type, text);
    let (retval, after) = test_run(kernel, prog, &frame());
    assert_eq!(retval, expect, "verified, {retval:#x}: {text}");
    if prog_type == ProgType::XDP {
        assert_eq!(after.len(), outcome.frame.len().max(after.len()), "{text}");
        assert!(after.ends_with(&outcome.frame), "{text}");
    }
    kernel.close(prog);
}

fn xdp(text: &str, expect: u32) {
    check(&kernel(), ProgType::XDP, text, expect);
}

fn filter(text: &str, expect: u32) {
    check(&kernel(), ProgType::SOCKET_FILTER, text, expect);
}

const EINVAL: u32 = 22_u32.wrapping_neg();
const EACCES: u32 = 13_u32.wrapping_neg();
const EFAULT: u32 = 14_u32.wrapping_neg();

#[test]
fn an_xdp_program_sees_its_frame() {
    xdp("r0 = 2\nexit", 2);
    xdp("r0 = -1\nexit", u32::MAX);
    xdp("r2 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 4)\nr0 -= r2\nexit", 64);
    xdp("r2 = *(u32 *)(r1 + 8)\nr0 = *(u32 *)(r1 + 0)\nr0 -= r2\nexit", 0);
    xdp("r0 = *(u32 *)(r1 + 12)\nexit", 1);
    xdp("r0 = *(u32 *)(r1 + 16)\nexit", 0);
    let read = "r2 = *(u32 *)(r1 + 0)
        r3 = *(u32 *)(r1 + 4)
        r4 = r2
        r4 += 14
        r0 = 0
        if r4 > r3 goto out
        r0 = *(u16 *)(r2 + 12)
    out:
        exit";
    xdp(read, 0x0d0c);
    xdp("call xdp_get_buff_len\nexit", 64);
}

#[test]
fn helpers_read_and_write_a_frame() {
    let load = |helper: &str, offset: i32, len: i32| {
        format!(
            "r3 = 0
            *(u64 *)(r10 - 8) = r3
            r2 = {offset}
            r3 = r10
            r3 += -8
            r4 = {len}
            call {helper}
            if r0 != 0 goto out
            r0 = *(u32 *)(r10 - 8)
        out:
            exit"
        )
    };
    let cases = [
        (0, 4, 0x0302_0100),
        (60, 4, 0x3f3e_3d3c),
        (61, 4, EINVAL),
        (64, 1, EINVAL),
        (-1, 4, EFAULT),
        (65_535, 1, EINVAL),
        (65_536, 1, EFAULT),
        (63, 1, 0x3f),
    ];
    for (offset, len, expect) in cases {
        xdp(&load("xdp_load_bytes", offset, len), expect);
        let stored = if expect == EINVAL || expect == EFAULT { expect } else { 0 };
        xdp(&load("xdp_store_bytes", offset, len), stored);
    }
    for (flags, expect) in [(0, 4), (1, 0), (2, 0)] {
        xdp(&format!("r1 = 1\nr2 = {flags}\ncall redirect\nexit"), expect);
    }
}

/// What a helper that cannot read leaves in the room that it was given.
#[test]
fn a_refused_read_clears_a_filters_room_only() {
    let after = |helper: &str, offset: u32| {
        format!(
            "r3 = 0x11111111
            *(u64 *)(r10 - 8) = r3
            r2 = {offset}
            r3 = r10
            r3 += -8
            r4 = 4
            r5 = 0
            call {helper}
            r0 = *(u32 *)(r10 - 8)
            exit"
        )
    };
    filter(&after("skb_load_bytes", 47), 0);
    filter(&after("skb_load_bytes_relative", 0), 0x0302_0100);
    filter(&after("skb_load_bytes_relative", 47), 0x3231_302f);
    filter(&after("skb_load_bytes_relative", 61), 0);
    xdp(&after("xdp_load_bytes", 61), 0x1111_1111);
    xdp(&after("xdp_load_bytes", 65_536), 0x1111_1111);
}

#[test]
fn checksums_differ_as_in_linux() {
    let cases = [
        (0, "0x04030201", 0, 0x604),
        (0, "0xffffffff", 0, 0xffff),
        (4, "0x08070605", 0, 0x808),
        (4, "0x08070605", 74_565, 0x2b4e),
        (4, "0x04030201", 0, 0xffff),
        (4, "0x04030201", 5, 5),
    ];
    for (from_len, to, seed, expect) in cases {
        let text = format!(
            "r1 = 0x04030201
            *(u32 *)(r10 - 4) = r1
            w1 = {to}
            *(u32 *)(r10 - 8) = r1
            r1 = r10
            r1 += -4
            r2 = {from_len}
            r3 = r10
            r3 += -8
            r4 = 4
            w5 = {seed}
            call csum_diff
            exit"
        );
        xdp(&text, expect);
    }
}

/// Found by random programs: with nothing to add, Linux gives plus zero.
#[test]
fn a_checksum_taken_away_from_itself_is_plus_zero() {
    for (seed, expect) in [(0x8000, 0), (0x8001, 1), (0, 0x7fff), (0x1_8000, 1)] {
        let text = format!(
            "r1 = 0x8000
            *(u64 *)(r10 - 8) = r1
            r1 = r10
            r1 += -8
            r2 = 8
            r3 = r1
            r4 = 0
            w5 = {seed}
            call csum_diff
            exit"
        );
        xdp(&text, expect);
    }
}

/// Found by random programs: a length need not be a multiple of four.
#[test]
fn a_checksum_of_an_odd_length_goes_on_with_zeros() {
    for (len, expect) in [(1, 0x01), (2, 0x201), (3, 0x204), (5, 0x609), (7, 0xc10)] {
        let text = format!(
            "r1 = 0x0807060504030201 ll
            *(u64 *)(r10 - 8) = r1
            r1 = r10
            r1 += -8
            r3 = r1
            r2 = 0
            r4 = {len}
            r5 = 0
            call csum_diff
            exit"
        );
        xdp(&text, expect);
    }
}

/// Found by random programs: Linux 6.18 takes the sum in the callee for a pointer into the main
/// function's frame, believes 7 to be at -128 there, drops the branch, and returns 2.
#[test]
fn a_number_plus_the_frame_pointer_points_into_the_function_at_hand() {
    let text = "
        r8 = 4096
        *(u64 *)(r10 - 128) = r8
        *(u16 *)(r10 - 124) = 0x37f8
        r8 = 0
        r3 = 7
        r4 = -2147483648
        call store
        r1 = 79
        call same
        r1 = r8
        r1 += r10
        r8 = *(u64 *)(r1 - 128)
        r1 = r8
        r1 &= 56
        r1 += r10
        r9 = *(u64 *)(r1 - 128)
        r9 = be32 r9
        r0 = 2
        if r9 < r8 goto in
        gotol out
        in:
        r0 = 1
        out:
        exit
        store:
        r1 = r4
        r1 &= 56
        r1 += r10
        *(u64 *)(r1 - 128) = r3
        exit
        same:
        r0 = r1
        exit";
    xdp(text, 1);
}

#[test]
fn a_frame_moves_within_its_buffer() {
    let adjust = |helper: &str, by: i32| format!("r2 = {by}\ncall {helper}\nexit");
    for (by, expect) in [(-216, 0), (-217, EINVAL), (0, 0), (50, 0), (51, EINVAL)] {
        xdp(&adjust("xdp_adjust_head", by), expect);
    }
    let tail = [(-50, 0), (-51, EINVAL), (0, 0), (3456, 0), (3457, EINVAL)];
    for (by, expect) in tail {
        xdp(&adjust("xdp_adjust_tail", by), expect);
    }
    let meta = [(-4, 0), (-3, EACCES), (-216, 0), (-220, EINVAL), (0, 0), (4, EINVAL)];
    for (by, expect) in meta {
        xdp(&adjust("xdp_adjust_meta", by), expect);
    }
    let meta_then_head = |meta: i32, head: i32| {
        format!(
            "r6 = r1\nr2 = {meta}\ncall xdp_adjust_meta\nr1 = r6\nr2 = {head}\n\
             call xdp_adjust_head\nexit"
        )
    };
    for (meta, head, expect) in
        [(-8, -208, 0), (-8, -209, EINVAL), (-100, -116, 0), (-100, 51, EINVAL)]
    {
        xdp(&meta_then_head(meta, head), expect);
    }
}

#[test]
fn a_socket_filter_sees_its_packet() {
    let field = |offset: u32| format!("r0 = *(u32 *)(r1 + {offset})\nexit");
    filter(&field(0), 50);
    filter(&field(16), u32::from(u16::from_ne_bytes([12, 13])));
    filter(&field(40), 1);
    filter(&field(8), 0);
    filter("r0 = *(u8 *)(r1 + 17)\nexit", 13);
    filter("r2 = 7\n*(u32 *)(r1 + 52) = r2\nr0 = *(u32 *)(r1 + 52)\nexit", 7);
    let load = |offset: i32, len: i32| {
        format!(
            "r3 = 0
            *(u64 *)(r10 - 8) = r3
            r3 = r10
            r3 += -8
            r2 = {offset}
            r4 = {len}
            call skb_load_bytes
            if r0 != 0 goto out
            r0 = *(u32 *)(r10 - 8)
        out:
            exit"
        )
    };
    filter(&load(0, 4), 0x1110_0f0e);
    filter(&load(46, 4), 0x3f3e_3d3c);
    filter(&load(47, 4), EFAULT);
    filter(&load(-1, 4), EFAULT);
    filter(&load(65_535, 1), EFAULT);
}

#[test]
fn legacy_loads_are_in_network_order() {
    let abs = |size: &str, offset: i64| format!("r6 = r1\nr0 = *({size} *)skb[{offset}]\nexit");
    filter(&abs("u8", 0), 0x0e);
    filter(&abs("u16", 0), 0x0e0f);
    filter(&abs("u32", 0), 0x0e0f_1011);
    filter(&abs("u32", 46), 0x3c3d_3e3f);
    filter(&abs("u32", 47), 0);
    filter(&abs("u8", -0x10_0000), 0x0e);
    filter(&abs("u8", -0x20_0000), 0);
    filter(&abs("u16", -0x20_0000 + 12), 0x0c0d);
    filter(&abs("u16", -4096), 0);
    filter(&abs("u8", -1), 0);
}

fn map(kernel: &UserKernel, map_type: MapType) -> Fd {
    let create =
        MapCreate { map_type, key_size: 4, value_size: 8, max_entries: 4, ..MapCreate::default() };
    kernel.map_create(create).unwrap_or_else(|errno| panic!("map: {errno}"))
}

/// Adds one to the value under key 1, making it if there is none.
fn counter(map: Fd) -> String {
    format!(
        "r1 = 1
        *(u32 *)(r10 - 4) = r1
        r1 = map[fd:{map}] ll
        r2 = r10
        r2 += -4
        call map_lookup_elem
        if r0 == 0 goto make
        r1 = 1
        lock *(u64 *)(r0 + 0) += r1
        r0 = 2
        exit
    make:
        r1 = 1
        *(u64 *)(r10 - 16) = r1
        r1 = map[fd:{map}] ll
        r2 = r10
        r2 += -4
        r3 = r10
        r3 += -16
        r4 = 0
        call map_update_elem
        r0 = 2
        exit"
    )
}

#[test]
fn programs_count_in_maps() {
    for map_type in [MapType::ARRAY, MapType::HASH, MapType::PERCPU_ARRAY, MapType::PERCPU_HASH] {
        let kernel = kernel();
        let map = map(&kernel, map_type);
        check(&kernel, ProgType::XDP, &counter(map), 2);
        let mut values = [0; 16];
        kernel.map_lookup(map, &1_u32.to_ne_bytes(), &mut values, 0).expect("counted");
        let sum: u64 = values.as_chunks().0.iter().map(|v| u64::from_ne_bytes(*v)).sum();
        assert_eq!(sum, 2, "{map_type}: one by each engine");
    }
}

#[test]
fn a_program_sees_the_values_of_other_cpus() {
    for map_type in [MapType::PERCPU_ARRAY, MapType::PERCPU_HASH] {
        let kernel = kernel();
        let map = map(&kernel, map_type);
        let values: Vec<u8> = [5_u64, 6].iter().flat_map(|value| value.to_ne_bytes()).collect();
        kernel.map_update(map, &[0; 4], &values, 0).expect("there is room");
        for (cpu, expect) in [(0, 5), (1, 6), (2, 77), (-1, 77)] {
            let text = format!(
                "r1 = 0
                *(u32 *)(r10 - 4) = r1
                r1 = map[fd:{map}] ll
                r2 = r10
                r2 += -4
                r3 = {cpu}
                call map_lookup_percpu_elem
                if r0 == 0 goto none
                r0 = *(u64 *)(r0 + 0)
                exit
            none:
                r0 = 77
                exit"
            );
            check(&kernel, ProgType::XDP, &text, expect);
        }
    }
}

#[test]
fn threads_count_together() {
    let kernel = kernel();
    let map = map(&kernel, MapType::HASH);
    let prog = load(&kernel, ProgType::XDP, &counter(map));
    test_run(&kernel, prog, &frame());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    test_run(&kernel, prog, &frame());
                }
            });
        }
    });
    let mut value = [0; 8];
    kernel.map_lookup(map, &1_u32.to_ne_bytes(), &mut value, 0).expect("counted");
    assert_eq!(u64::from_ne_bytes(value), 2001);
}

/// A program may hold the address of a value that user space deletes or replaces at that moment.
#[test]
fn values_stay_in_memory_while_entries_come_and_go() {
    for map_type in [MapType::HASH, MapType::PERCPU_HASH] {
        let kernel = kernel();
        let map = map(&kernel, map_type);
        let prog = load(&kernel, ProgType::XDP, &counter(map));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        assert_eq!(test_run(&kernel, prog, &frame()).0, 2);
                    }
                });
            }
            scope.spawn(|| {
                for round in 0..3000_u32 {
                    let key = (round % 4).to_ne_bytes();
                    // Full or gone already: both are fine, and neither may disturb the programs.
                    let _ = kernel.map_update(map, &key, &[0; 16], 0);
                    let _ = kernel.map_delete(map, &1_u32.to_ne_bytes());
                }
            });
        });
        let mut next = [0; 4];
        let first = kernel.map_next_key(map, None, &mut next);
        assert_eq!(first, Ok(true), "{map_type}: the other keys are there");
    }
}

#[test]
fn what_programs_print_is_in_the_trace() {
    let kernel = kernel();
    // "n=%d\n" and its zero byte.
    let text = "r1 = 0x0a64253d6e ll
        *(u64 *)(r10 - 8) = r1
        r1 = r10
        r1 += -8
        r2 = 6
        r3 = 7
        call trace_printk
        exit";
    check(&kernel, ProgType::XDP, text, 4);
    let line = "            skep-1       [000] b..11     0.000000: bpf_trace_printk: n=7\n\n";
    let trace = kernel.file("/sys/kernel/tracing/trace_pipe").expect("it is there");
    assert_eq!(String::from_utf8(trace).expect("text"), line.repeat(2));
}

#[test]
fn what_is_not_verified_faults() {
    let fault = |text: &str| {
        let code = insns(text);
        let run = checked::Run { prog_type: ProgType::XDP, insns: &code, maps: &[], budget: 100 };
        match checked::run(&kernel(), run, &frame()) {
            Ok(outcome) => format!("{}", outcome.retval),
            Err(error) => error.to_string(),
        }
    };
    let cases = [
        ("r0 = *(u64 *)(r10 + 0)\nexit", "insn 0: load of 8 bytes"),
        ("r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 64)\nexit", "insn 1: load of 1 byte"),
        ("r0 = *(u32 *)(r1 + 20)\nexit", "insn 0:"),
        ("call 4\nexit", "insn 0: helper 4: not for programs of this type"),
        ("r0 = 0\nl: goto l", "expected an end within 100 instructions"),
        ("exit", "insn 0: r0 is read, but was not written"),
    ];
    for (text, expect) in cases {
        assert!(fault(text).starts_with(expect), "{text}: {}", fault(text));
    }
}

/// One test run with one thing changed: the answer, and what came out.
fn check_test_run<'a>(
    prog: (&UserKernel, Fd),
    change: impl FnOnce(&mut TestRun<'a>),
    expect: Result<(u32, u32), Errno>,
) {
    let mut run = TestRun { prog_fd: prog.1, ..TestRun::default() };
    change(&mut run);
    let shown = format!("{run:?}");
    let mut command = Command::ProgTestRun(run);
    let answer = prog.0.bpf(&mut command);
    let Command::ProgTestRun(run) = command else { unreachable!("it was one") };
    assert_eq!(answer.map(|_| (run.retval, run.data_size_out)), expect, "{shown}");
}

#[test]
fn test_runs_take_and_refuse_what_linux_does() {
    let kernel = kernel();
    let frame = frame();
    let long = vec![0; 3713 + 14];
    let words = |words: [u32; 6]| words.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<u8>>();
    let contexts = [
        ([0, 64, 0, 0, 0, 0], Ok((2, 64))),
        ([8, 64, 0, 1, 0, 0], Ok((2, 64))),
        ([0, 63, 0, 0, 0, 0], Ok((2, 64))),
        ([0, 65, 0, 0, 0, 0], Err(Errno::EINVAL)),
        ([3, 64, 0, 0, 0, 0], Err(Errno::EINVAL)),
        ([52, 64, 0, 0, 0, 0], Err(Errno::EINVAL)),
        ([0, 64, 4, 0, 0, 0], Err(Errno::EINVAL)),
        ([0, 64, 0, 999, 0, 0], Err(Errno::ENODEV)),
        ([0, 64, 0, 0, 1, 0], Err(Errno::EINVAL)),
        ([0, 64, 0, 0, 0, 1], Err(Errno::EINVAL)),
    ]
    .map(|(context, expect)| (words(context), expect));
    let xdp = (&kernel, load(&kernel, ProgType::XDP, "r0 = 2\nexit"));
    check_test_run(xdp, |_| {}, Err(Errno::EINVAL));
    check_test_run(xdp, |run| run.data_in = &frame[..13], Err(Errno::EINVAL));
    check_test_run(xdp, |run| run.data_in = &frame[..14], Ok((2, 14)));
    check_test_run(xdp, |run| (run.data_in, run.repeat) = (&frame, 5), Ok((2, 64)));
    check_test_run(xdp, |run| (run.data_in, run.flags) = (&frame, 1), Err(Errno::EINVAL));
    check_test_run(xdp, |run| (run.data_in, run.batch_size) = (&frame, 1), Err(Errno::EINVAL));
    check_test_run(xdp, |run| (run.data_in, run.cpu) = (&frame, 1), Ok((2, 64)));
    check_test_run(xdp, |run| run.data_in = &long, Ok((2, 3727)));
    let mut small = [0xaa; 10];
    check_test_run(
        xdp,
        |run| (run.data_in, run.data_out) = (&frame, &mut small),
        Err(Errno::ENOSPC),
    );
    for (context, expect) in &contexts {
        check_test_run(xdp, |run| (run.data_in, run.ctx_in) = (&frame, context), *expect);
    }
    let filter = (&kernel, load(&kernel, ProgType::SOCKET_FILTER, "r0 = -1\nexit"));
    check_test_run(filter, |run| run.data_in = &frame, Ok((u32::MAX, 64)));
    check_test_run(filter, |run| run.data_in = &long, Err(Errno::EINVAL));
    check_test_run(filter, |run| (run.data_in, run.flags) = (&frame, 4), Ok((u32::MAX, 64)));
    check_test_run(filter, |run| (run.data_in, run.cpu) = (&frame, 1), Err(Errno::EINVAL));
    let (_, out) = test_run(&kernel, filter.1, &frame);
    assert_eq!((&out[..14], &out[14..]), (&[0; 14][..], &frame[14..]), "a link header of zeros");
}
