//! `BPF_PROG_GET_NEXT_ID`, `BPF_MAP_GET_NEXT_ID`, `BPF_BTF_GET_NEXT_ID`, `BPF_LINK_GET_NEXT_ID`.

use skep_tests::{Subject, on_every_kernel};
use skep_uapi::{Command, Errno, ProgType};

/// The ids above `start_id`, to the end.
fn ids(kernel: &Subject, start_id: u32, next: impl Fn(u32, &mut u32) -> Command<'_>) -> Vec<u32> {
    let mut ids = vec![start_id];
    loop {
        let (start_id, mut next_id) = (ids[ids.len() - 1], 0);
        match kernel.bpf(&mut next(start_id, &mut next_id)) {
            Ok(_) => ids.push(next_id),
            Err(errno) => {
                assert_eq!(errno, Errno::ENOENT);
                return ids.split_off(1);
            }
        }
        assert!(next_id > start_id, "ids ascend");
    }
}

fn next_map(start_id: u32, next_id: &mut u32) -> Command<'_> {
    Command::MapGetNextId { start_id, next_id }
}

fn next_prog(start_id: u32, next_id: &mut u32) -> Command<'_> {
    Command::ProgGetNextId { start_id, next_id }
}

#[test]
fn maps_are_found() {
    on_every_kernel("get_next_id::maps_are_found", |kernel| {
        let id = |map| kernel.map_info(map).unwrap().id;
        let (a, b) = (id(kernel.array(8, 1)), id(kernel.hash(8, 1)));
        let found = ids(kernel, 0, next_map);
        assert!(found.contains(&a) && found.contains(&b), "{a} and {b} in {found:?}");
        assert_eq!(ids(kernel, a - 1, next_map).first(), Some(&a));
    });
}

#[test]
fn programs_are_found() {
    on_every_kernel("get_next_id::programs_are_found", |kernel| {
        let prog = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        let id = kernel.prog_info(prog, Default::default()).unwrap().id;
        assert_eq!(ids(kernel, id - 1, next_prog).first(), Some(&id));
        assert!(ids(kernel, 0, next_prog).contains(&id));
    });
}

#[test]
fn there_is_an_end() {
    on_every_kernel("get_next_id::there_is_an_end", |kernel| {
        let next = |start_id| {
            let next_id = &mut 0;
            kernel.bpf(&mut Command::MapGetNextId { start_id, next_id })
        };
        assert_eq!(next(0x7fff_fffe), Err(Errno::ENOENT));
        assert_eq!(next(0x7fff_ffff), Err(Errno::EINVAL), "no id lies above");
        let next_id = &mut 0;
        let result = kernel.bpf(&mut Command::ProgGetNextId { start_id: u32::MAX, next_id });
        assert_eq!(result, Err(Errno::EINVAL), "ids are positive");
        let next_id = &mut 0;
        let result = kernel.bpf(&mut Command::LinkGetNextId { start_id: 0x7fff_fffe, next_id });
        assert_eq!(result, Err(Errno::ENOENT));
        let next_id = &mut 0;
        let result = kernel.bpf(&mut Command::BtfGetNextId { start_id: 0x7fff_fffe, next_id });
        assert_eq!(result, Err(Errno::ENOENT));
    });
}
