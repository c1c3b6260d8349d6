//! `BPF_PROG_TEST_RUN`.

use skep_tests::{Subject, on_every_kernel};
use skep_uapi::{Command, Errno, Fd, ProgType, TestRun};

/// An Ethernet frame of 64 bytes that carries IPv4.
fn frame() -> Vec<u8> {
    let mut frame: Vec<u8> = (0..64).collect();
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14] = 0x45;
    frame
}

/// Result, return value, size, and the packet afterwards, in a buffer of `room` bytes.
fn run(
    kernel: &Subject,
    prog_fd: Fd,
    data_in: &[u8],
    room: usize,
) -> (Result<u32, Errno>, u32, u32, Vec<u8>) {
    let mut data_out = vec![0xee; room];
    let run =
        TestRun { prog_fd, data_in, data_out: &mut data_out, repeat: 1, ..TestRun::default() };
    let mut command = Command::ProgTestRun(run);
    let result = kernel.bpf(&mut command);
    let Command::ProgTestRun(run) = command else { unreachable!("it was lent") };
    let (retval, size) = (run.retval, run.data_size_out);
    (result, retval, size, data_out)
}

#[test]
fn verdict_and_packet_come_back() {
    on_every_kernel("prog_test_run::verdict_and_packet_come_back", |kernel| {
        let prog = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        let (result, retval, size, packet) = run(kernel, prog, &frame(), 64);
        assert_eq!((result, retval, size), (Ok(0), 2, 64));
        assert_eq!(packet, frame());
    });
}

#[test]
fn a_packet_that_does_not_fit_is_cut() {
    on_every_kernel("prog_test_run::a_packet_that_does_not_fit_is_cut", |kernel| {
        let prog = kernel.prog(ProgType::XDP, "r0 = 1\nexit");
        let (result, retval, size, packet) = run(kernel, prog, &frame(), 20);
        assert_eq!((result, retval, size), (Err(Errno::ENOSPC), 1, 64));
        assert_eq!(packet, frame()[..20]);
        let (result, retval, size, _) = run(kernel, prog, &frame(), 0);
        assert_eq!((result, retval, size), (Ok(0), 1, 64), "no room is no wish");
    });
}

#[test]
fn a_program_changes_its_packet() {
    on_every_kernel("prog_test_run::a_program_changes_its_packet", |kernel| {
        let prog = kernel.prog(
            ProgType::XDP,
            "r2 = *(u32 *)(r1 + 0)
             r3 = *(u32 *)(r1 + 4)
             r4 = r2
             r4 += 2
             r0 = 1
             if r4 > r3 goto out
             *(u16 *)(r2 + 0) = 0x1234
             r0 = 3
             out: exit",
        );
        let (result, retval, _, packet) = run(kernel, prog, &frame(), 64);
        assert_eq!((result, retval), (Ok(0), 3));
        assert_eq!(packet[..2], [0x34, 0x12]);
        assert_eq!(packet[2..], frame()[2..]);
    });
}

#[test]
fn a_program_grows_and_shrinks_its_packet() {
    on_every_kernel("prog_test_run::a_program_grows_and_shrinks_its_packet", |kernel| {
        for (delta, size) in [(-8_i32, 72), (8, 56)] {
            let prog = kernel
                .prog(ProgType::XDP, &format!("r2 = {delta}\ncall xdp_adjust_head\nr0 = 2\nexit"));
            let (result, retval, size_out, packet) = run(kernel, prog, &frame(), 128);
            assert_eq!((result, retval, size_out), (Ok(0), 2, size));
            let tail = &packet[..size as usize];
            assert!(tail.ends_with(&frame()[8..]));
        }
    });
}

#[test]
fn a_socket_filter_sees_what_follows_the_link_header() {
    on_every_kernel("prog_test_run::a_socket_filter_sees_what_follows_the_link_header", |kernel| {
        let prog = kernel.prog(ProgType::SOCKET_FILTER, "r0 = *(u32 *)(r1 + 0)\nexit");
        let (result, retval, size, packet) = run(kernel, prog, &frame(), 128);
        assert_eq!((result, retval, size), (Ok(0), 50, 64));
        // The link header is pulled before the run and pushed back as zeros after it.
        assert_eq!(packet[..14], [0; 14]);
        assert_eq!(packet[14..64], frame()[14..]);
    });
}

#[test]
fn a_map_counts_the_repeats() {
    on_every_kernel("prog_test_run::a_map_counts_the_repeats", |kernel| {
        let map = kernel.array(8, 1);
        let prog = kernel.prog(
            ProgType::XDP,
            &format!(
                "*(u32 *)(r10 - 4) = 0
                 r2 = r10
                 r2 += -4
                 r1 = map[fd:{map}] ll
                 call map_lookup_elem
                 if r0 == 0 goto out
                 r1 = 1
                 lock *(u64 *)(r0 + 0) += r1
                 out: r0 = 2
                 exit"
            ),
        );
        let data_in = frame();
        for repeat in [0, 1, 10] {
            let run = TestRun { prog_fd: prog, data_in: &data_in, repeat, ..TestRun::default() };
            kernel.bpf(&mut Command::ProgTestRun(run)).unwrap();
        }
        let mut value = [0; 8];
        kernel.map_lookup(map, &[0; 4], &mut value, 0).unwrap();
        assert_eq!(u64::from_le_bytes(value), 12, "a repeat of zero is one");
    });
}

#[test]
fn an_xdp_context_sets_the_packets_bounds() {
    on_every_kernel("prog_test_run::an_xdp_context_sets_the_packets_bounds", |kernel| {
        let prog_fd = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        let data_in = frame();
        let check = |words: [u32; 6], expected| {
            let ctx_in: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let run = TestRun {
                prog_fd,
                data_in: &data_in,
                ctx_in: &ctx_in,
                repeat: 1,
                ..TestRun::default()
            };
            assert_eq!(kernel.bpf(&mut Command::ProgTestRun(run)), expected, "{words:?}");
        };
        // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        check([0, 64, 0, 0, 0, 0], Ok(0));
        check([4, 64, 0, 0, 0, 0], Ok(0));
        check([0, 63, 0, 0, 0, 0], Ok(0));
        check([0, 65, 0, 0, 0, 0], Err(Errno::EINVAL));
        check([4, 64, 4, 0, 0, 0], Err(Errno::EINVAL));
        check([0, 64, 0, 0, 0, 1], Err(Errno::EINVAL));
        check([0, 64, 0, 0, 1, 0], Err(Errno::EINVAL));
    });
}

#[test]
fn a_socket_filter_needs_whole_headers() {
    on_every_kernel("prog_test_run::a_socket_filter_needs_whole_headers", |kernel| {
        let prog_fd = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        let check = |protocol: [u8; 2], least: usize| {
            let mut frame = [0; 64];
            frame[12..14].copy_from_slice(&protocol);
            let run = |bytes| {
                let data_in = &frame[..bytes];
                let run = TestRun { prog_fd, data_in, repeat: 1, ..TestRun::default() };
                kernel.bpf(&mut Command::ProgTestRun(run))
            };
            assert_eq!(run(least), Ok(0), "{protocol:x?}");
            assert_eq!(run(least - 1), Err(Errno::EINVAL), "{protocol:x?}");
        };
        check([0x08, 0x00], 14 + 20);
        check([0x86, 0xdd], 14 + 40);
        check([0x12, 0x34], 14);
    });
}

#[test]
fn inputs_are_checked() {
    on_every_kernel("prog_test_run::inputs_are_checked", |kernel| {
        let xdp = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        let filter = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        let map = kernel.array(8, 1);
        let data_in = frame();
        let run = |run: TestRun<'_>| kernel.bpf(&mut Command::ProgTestRun(run));
        let good =
            |prog_fd| TestRun { prog_fd, data_in: &data_in, repeat: 1, ..TestRun::default() };
        let einval = Err(Errno::EINVAL);
        assert_eq!(run(good(xdp)), Ok(0));
        assert_eq!(run(good(filter)), Ok(0));
        assert_eq!(run(good(Fd(i32::MAX))), Err(Errno::EBADF));
        assert_eq!(run(good(map)), einval);
        for prog in [xdp, filter] {
            assert_eq!(run(TestRun { data_in: &data_in[..13], ..good(prog) }), einval);
            assert_eq!(run(TestRun { flags: 1 << 31, ..good(prog) }), einval);
            assert_eq!(run(TestRun { batch_size: 1, ..good(prog) }), einval);
        }
        assert_eq!(run(TestRun { data_in: &data_in[..14], ..good(xdp) }), Ok(0));
        assert_eq!(run(TestRun { cpu: 1, ..good(xdp) }), Ok(0), "not looked at");
        assert_eq!(run(TestRun { cpu: 1, ..good(filter) }), einval);
        assert_eq!(run(TestRun { data_in: &[], ..good(xdp) }), einval);
    });
}
