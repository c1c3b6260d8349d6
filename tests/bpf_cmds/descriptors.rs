//! Descriptors that stand inside of other things: values, instructions, arrays. Between a client
//! and a server they are translated like any other.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use skep_tests::{Subject, four_byte_key, insns, on_every_kernel, on_every_linux};
use skep_uapi::{Command, Errno, Fd, MapCreate, MapType, ProgInfo, ProgLoad, ProgType, TestRun};

/// Reads a number from a map.
fn number(kernel: &Subject, map: Fd, key: u32) -> Result<u32, Errno> {
    let mut value = [0; 4];
    kernel.map_lookup(map, &key.to_ne_bytes(), &mut value, 0)?;
    Ok(u32::from_ne_bytes(value))
}

fn put(kernel: &Subject, map: Fd, key: u32, fd: Fd) -> Result<(), Errno> {
    kernel.map_update(map, &key.to_ne_bytes(), &fd.0.to_ne_bytes(), 0)
}

/// Makes the numbers of a client other ones than those of the kernel behind its server.
fn shift(kernel: &Subject) -> [Fd; 2] {
    let fds = [kernel.array(8, 1), kernel.array(8, 1)];
    kernel.close(fds[0]);
    fds
}

const LATER: &str = "the user-space kernel has no such map type yet";

#[test]
fn maps_hold_maps() {
    on_every_kernel("descriptors::maps_hold_maps", |kernel| {
        shift(kernel);
        let inner = kernel.hash(8, 4);
        let id = kernel.map_info(inner).unwrap().id;
        for map_type in [MapType::ARRAY_OF_MAPS, MapType::HASH_OF_MAPS] {
            let outer = kernel.map(MapCreate {
                map_type,
                value_size: 4,
                max_entries: 2,
                inner_map_fd: Some(inner),
                ..four_byte_key()
            });
            assert_eq!(put(kernel, outer, 1, inner), Ok(()));
            assert_eq!(number(kernel, outer, 1), Ok(id));
            assert_eq!(put(kernel, outer, 1, Fd(i32::MAX)), Err(Errno::EBADF));
            let (keys, values) = ([0_u32.to_ne_bytes(), 1_u32.to_ne_bytes()].concat(), inner.0);
            let mut count = 2;
            let mut update = Command::MapUpdateBatch {
                map_fd: outer,
                keys: &keys,
                values: &[values.to_ne_bytes(); 2].concat(),
                count: &mut count,
                elem_flags: 0,
                flags: 0,
            };
            assert_eq!(kernel.bpf(&mut update), Ok(0));
            assert_eq!((number(kernel, outer, 0), number(kernel, outer, 1)), (Ok(id), Ok(id)));
        }
    });
}

#[test]
fn maps_hold_programs() {
    on_every_linux("descriptors::maps_hold_programs", LATER, |kernel| {
        shift(kernel);
        let progs = kernel.map(MapCreate {
            map_type: MapType::PROG_ARRAY,
            value_size: 4,
            max_entries: 2,
            ..four_byte_key()
        });
        let prog = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        let id = kernel.prog_info(prog, ProgInfo::default()).unwrap().id;
        assert_eq!(put(kernel, progs, 0, prog), Ok(()));
        assert_eq!(number(kernel, progs, 0), Ok(id));
        assert_eq!(put(kernel, progs, 0, progs), Err(Errno::EINVAL));
    });
}

#[test]
fn instructions_name_maps() {
    on_every_kernel("descriptors::instructions_name_maps", |kernel| {
        let [closed, _] = shift(kernel);
        let map = kernel.array(8, 1);
        kernel.map_update(map, &[0; 4], &7_u64.to_ne_bytes(), 0).unwrap();
        let id = kernel.map_info(map).unwrap().id;
        let load = |text: &str, fd_array: &[i32]| {
            let insns = insns(text);
            let (prog_type, license) = (ProgType::XDP, "GPL");
            let load =
                ProgLoad { prog_type, insns: &insns, license, fd_array, ..Default::default() };
            kernel.fd(&mut Command::ProgLoad(load))
        };
        let text = |map: &str| format!("r1 = map_value[{map}]+0 ll\nr0 = *(u64 *)(r1 + 0)\nexit");
        for (map_text, fd_array) in
            [(format!("fd:{map}"), vec![]), ("idx:1".to_owned(), vec![closed.0, map.0])]
        {
            let prog = load(&text(&map_text), &fd_array).unwrap();
            let data_in = &[0; 64][..];
            let run = TestRun { prog_fd: prog, data_in, repeat: 1, ..TestRun::default() };
            assert_eq!(kernel.prog_test_run(run).unwrap().retval, 7, "{map_text}");
            let mut ids = [0; 2];
            let room = ProgInfo { map_ids: &mut ids, nr_map_ids: 2, ..ProgInfo::default() };
            let count = kernel.prog_info(prog, room).unwrap().nr_map_ids;
            assert_eq!((count, ids), (1, [id, 0]), "{map_text}");
        }
        assert_eq!(load(&text("fd:123456"), &[]), Err(Errno::EBADF));
        // What looks like one behind the first half of an instruction is no descriptor.
        let constant = format!("r0 = {} ll\nexit", u64::from(map.0.cast_unsigned()) << 32 | 0x18);
        load(&constant, &[]).unwrap();
    });
}

#[test]
fn a_ring_says_when_it_can_be_read() {
    on_every_linux("descriptors::a_ring_says_when_it_can_be_read", LATER, |kernel| {
        let (map_type, max_entries) = (MapType::RINGBUF, 4096);
        let ring = kernel.map(MapCreate { map_type, max_entries, key_size: 0, ..four_byte_key() });
        let ready = kernel.ready(ring).unwrap();
        assert!(!is_readable(&ready));
        let text = format!(
            "*(u64 *)(r10 - 8) = 5\nr1 = map[fd:{ring}] ll\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = 0\n\
             call bpf_ringbuf_output\nr0 = 2\nexit"
        );
        let prog_fd = kernel.prog(ProgType::XDP, &text);
        let run = TestRun { prog_fd, data_in: &[0; 64], repeat: 1, ..TestRun::default() };
        assert_eq!(kernel.prog_test_run(run).unwrap().retval, 2);
        assert!(is_readable(&ready));
    });
}

fn is_readable(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count == 1)
}
