//! The machine: eleven registers, 512 bytes of stack, five arguments, maps as shared memory,
//! helpers.

use skep_tests::{Subject, insns, not_run, on_every_kernel};
use skep_uapi::{Command, Errno, Fd, Name, Open, ProgLoad, ProgType, TestRun};

#[test]
fn eleven_registers_hold_64_bits() {
    on_every_kernel("machine::eleven_registers_hold_64_bits", |kernel| {
        let mut text = String::new();
        for register in 0..10 {
            text += &format!("r{register} = 0x{:x} ll\n", 0x1111_1111_1111_1111_u64 * register);
        }
        // Whatever was lost in a register is missing in the sum of the rotated halves.
        for register in 1..10 {
            text += &format!("r0 += r{register}\n");
        }
        text += "r1 = r0\nr1 >>= 32\nw0 ^= w1\nexit";
        let sum = (1..10_u64).fold(0, |sum: u64, n| sum.wrapping_add(0x1111_1111_1111_1111 * n));
        assert_eq!(run(kernel, &text), (sum as u32) ^ (sum >> 32) as u32);
        assert_refused(
            kernel,
            "r10 = 0\nr0 = 0\nexit",
            Errno::EACCES,
            "frame pointer is read only",
        );
        assert_refused(kernel, ".8byte 0x0bb7\nr0 = 0\nexit", Errno::EINVAL, "R11 is invalid");
    });
}

#[test]
fn the_stack_has_512_bytes() {
    on_every_kernel("machine::the_stack_has_512_bytes", |kernel| {
        let text = "*(u64 *)(r10 - 512) = 7\nr0 = *(u64 *)(r10 - 512)\nexit";
        assert_eq!(run(kernel, text), 7);
        let beyond = "*(u64 *)(r10 - 520) = 7\nr0 = 0\nexit";
        assert_refused(kernel, beyond, Errno::EACCES, "invalid write to stack R10 off=-520 size=8");
        // Functions share them.
        let chain = "*(u64 *)(r10 - 256) = 1\ncall deeper\nexit\n\
                     deeper:\n*(u64 *)(r10 - 264) = 2\nr0 = 0\nexit";
        assert_refused(kernel, chain, Errno::EACCES, "combined stack size of 2 calls");
    });
}

#[test]
fn five_arguments_and_no_more_survive_a_call() {
    on_every_kernel("machine::five_arguments_and_no_more_survive_a_call", |kernel| {
        let mut text = String::new();
        for register in 1..=5 {
            text += &format!("r{register} = {register}\n");
        }
        text += "call f\nexit\nf:\nr0 = r1\n";
        for register in 2..=5 {
            text += &format!("r0 *= 10\nr0 += r{register}\n");
        }
        assert_eq!(run(kernel, &(text + "exit")), 12345);
        for register in 0..=5 {
            let lost = format!("call 8\nr0 = r{register}\nexit");
            if register == 0 {
                run(kernel, &lost);
            } else {
                assert_refused(kernel, &lost, Errno::EACCES, &format!("R{register} !read_ok"));
            }
        }
        let sixth = "r6 = 6\ncall f\nexit\nf:\nr0 = r6\nexit";
        assert_refused(kernel, sixth, Errno::EACCES, "R6 !read_ok");
    });
}

#[test]
fn a_map_is_memory_shared_with_the_program() {
    on_every_kernel("machine::a_map_is_memory_shared_with_the_program", |kernel| {
        // As large as anyone likes: one value of a mebibyte, its last word.
        let bytes = 1 << 20;
        let map = kernel.array(bytes, 1);
        let mut value = vec![0; bytes as usize];
        value[bytes as usize - 8] = 41;
        kernel.map_update(map, &[0; 4], &value, 0).expect("the array takes a value");
        let text = format!(
            "*(u32 *)(r10 - 4) = 0
             r1 = map[fd:{map}] ll
             r2 = r10
             r2 += -4
             call bpf_map_lookup_elem
             if r0 == 0 goto none
             r0 += {last}
             r1 = *(u64 *)(r0 + 0)
             r1 += 1
             *(u64 *)(r0 + 0) = r1
             r0 = r1
             none:
             exit",
            last = bytes - 8
        );
        assert_eq!(run(kernel, &text), 42);
        kernel.map_lookup(map, &[0; 4], &mut value, 0).expect("the array has a value");
        assert_eq!(value[bytes as usize - 8], 42);
        let beyond = text.replace(&format!("r0 += {}", bytes - 8), &format!("r0 += {}", bytes - 7));
        assert_refused(kernel, &beyond, Errno::EACCES, "invalid access to map value");
    });
}

/// `skep prog tracelog` prints the same: see `cli/`.
#[test]
fn what_a_program_prints_is_read_back() {
    const NAME: &str = "machine::what_a_program_prints_is_read_back";
    on_every_kernel(NAME, |kernel| {
        let pipe = match kernel.trace_pipe() {
            Ok(pipe) => pipe,
            Err(reason) => return not_run(&format!("{NAME} on {}", kernel.name), &reason),
        };
        // The number tells our line from those of other programs.
        let number = std::process::id();
        let format = u64::from_le_bytes(*b"skep %d\0");
        let text = format!(
            "r1 = {format:#x} ll
             *(u64 *)(r10 - 8) = r1
             r1 = r10
             r1 += -8
             r2 = 8
             r3 = {number}
             call bpf_trace_printk
             exit"
        );
        let line = format!("skep {number}");
        assert_eq!(run(kernel, &text) as usize, line.len());
        let read = read_until(kernel, pipe.path(), &format!(": bpf_trace_printk: {line}\n"));
        read.unwrap_or_else(|read| panic!("{} printed {read}", kernel.name));
    });
}

/// Reads a file until `words` are there; what was read where they never come.
fn read_until(kernel: &Subject, path: &str, words: &str) -> Result<(), String> {
    let mut read = String::new();
    let fd = kernel.open(Open::File { path, write: false }).map_err(|errno| errno.to_string())?;
    while !read.contains(words) {
        let mut chunk = [0; 4096];
        match kernel.read(fd, &mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(count) => read += &String::from_utf8_lossy(&chunk[..count]),
        }
    }
    kernel.close(fd);
    if read.contains(words) { Ok(()) } else { Err(read) }
}

/// The verdict on a frame.
fn run(kernel: &Subject, text: &str) -> u32 {
    let prog_fd = kernel.prog(ProgType::XDP, text);
    test_run(kernel, prog_fd)
}

pub(crate) fn test_run(kernel: &Subject, prog_fd: Fd) -> u32 {
    let data_in = &[0; 64];
    let mut command = Command::ProgTestRun(TestRun { prog_fd, data_in, ..TestRun::default() });
    kernel.bpf(&mut command).expect("an XDP program runs on a frame");
    let Command::ProgTestRun(run) = command else { unreachable!("it was lent") };
    run.retval
}

fn assert_refused(kernel: &Subject, text: &str, errno: Errno, words: &str) {
    let mut log = vec![0; 1 << 16];
    let answer = kernel.prog_load(ProgLoad {
        prog_type: ProgType::XDP,
        insns: &insns(text),
        license: "GPL",
        prog_name: Name::cut("refused"),
        log_level: 1,
        log_buf: &mut log,
        ..ProgLoad::default()
    });
    let log = String::from_utf8_lossy(&log);
    assert_eq!(answer, Err(errno), "{} on\n{text}\n{log}", kernel.name);
    assert!(log.contains(words), "{} says of\n{text}\n{log}", kernel.name);
}
