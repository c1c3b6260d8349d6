//! `BPF_OBJ_GET_INFO_BY_FD`.

use skep_tests::{four_byte_key, on_every_kernel};
use skep_uapi::{Errno, Fd, MapCreate, MapType, ProgInfo, ProgType, flags};

#[test]
fn a_map_is_described() {
    on_every_kernel("obj_get_info_by_fd::a_map_is_described", |kernel| {
        let map_flags = flags::map::NO_PREALLOC | flags::map::RDONLY_PROG;
        let map = MapCreate {
            map_type: MapType::HASH,
            map_flags,
            value_size: 24,
            max_entries: 77,
            ..four_byte_key()
        };
        let info = kernel.map_info(kernel.map(map)).unwrap();
        assert_eq!(info.map_type, MapType::HASH);
        assert_eq!((info.key_size, info.value_size, info.max_entries), (4, 24, 77));
        assert_eq!(info.map_flags, map_flags);
        assert_eq!(info.name.to_string(), "skep_test");
        assert_ne!(info.id, 0);
        assert_eq!((info.btf_id, info.btf_key_type_id, info.ifindex, info.map_extra), (0, 0, 0, 0));
    });
}

#[test]
fn a_program_is_described() {
    on_every_kernel("obj_get_info_by_fd::a_program_is_described", |kernel| {
        let map = kernel.array(8, 1);
        let text = format!("r1 = map[fd:{map}] ll\nr0 = 2\nexit");
        let prog = kernel.prog(ProgType::XDP, &text);
        let mut map_ids = [0; 4];
        let mut tags = [[0; 8]; 1];
        let room = ProgInfo { map_ids: &mut map_ids, prog_tags: &mut tags, ..ProgInfo::default() };
        let info = kernel.prog_info(prog, room).unwrap();
        assert_eq!(info.prog_type, ProgType::XDP);
        assert_eq!(info.name.to_string(), "skep_test");
        assert!(info.gpl_compatible);
        assert_eq!((info.nr_map_ids, info.btf_id, info.nr_func_info), (1, 0, 0));
        assert_eq!(info.map_ids[0], kernel.map_info(map).unwrap().id);
        assert_eq!(info.xlated_prog_len, 32);
        assert_eq!(info.nr_prog_tags, 1);
        assert_eq!(info.prog_tags[0], info.tag);
        assert_eq!(info.verified_insns, 3, "the two slots of a 64-bit load are one instruction");
        assert_eq!((info.run_cnt, info.run_time_ns), (0, 0));
    });
}

#[test]
fn tags_tell_programs_apart() {
    on_every_kernel("obj_get_info_by_fd::tags_tell_programs_apart", |kernel| {
        let tag = |text: &str| {
            let prog = kernel.prog(ProgType::XDP, text);
            kernel.prog_info(prog, ProgInfo::default()).unwrap().tag
        };
        // The first eight bytes of the SHA-1 of the instructions.
        assert_eq!(tag("r0 = 2\nexit"), tag("r0 = 2\nexit"));
        assert_ne!(tag("r0 = 2\nexit"), tag("r0 = 1\nexit"));
        let same = |one, two| {
            let map = |fd| format!("r1 = map[fd:{fd}] ll\nr0 = 2\nexit");
            tag(&map(one)) == tag(&map(two))
        };
        assert!(same(kernel.array(8, 1), kernel.array(8, 2)), "descriptors do not count");
    });
}

#[test]
fn rewritten_instructions_are_shown() {
    on_every_kernel("obj_get_info_by_fd::rewritten_instructions_are_shown", |kernel| {
        let prog = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        let mut insns = [0xff; 24];
        let room = ProgInfo { xlated_prog_insns: &mut insns, ..ProgInfo::default() };
        let info = kernel.prog_info(prog, room).unwrap();
        assert_eq!(info.xlated_prog_len, 16);
        assert_eq!(insns[..16], skep_tests::insns("r0 = 2\nexit"));
        assert_eq!(insns[16..], [0xff; 8]);

        let mut insns = [0xff; 8];
        let room = ProgInfo { xlated_prog_insns: &mut insns, ..ProgInfo::default() };
        assert_eq!(kernel.prog_info(prog, room).unwrap().xlated_prog_len, 16);
        assert_eq!(insns, [0xb7, 0, 0, 0, 2, 0, 0, 0], "as much as there is room for");
    });
}

#[test]
fn descriptor_and_kind_are_checked() {
    on_every_kernel("obj_get_info_by_fd::descriptor_and_kind_are_checked", |kernel| {
        let map = kernel.array(8, 1);
        let prog = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        assert_eq!(kernel.map_info(Fd(i32::MAX)).map(drop), Err(Errno::EBADFD));
        assert_eq!(kernel.map_info(prog).map(drop), Err(Errno::EINVAL));
        assert_eq!(kernel.prog_info(map, ProgInfo::default()).map(drop), Err(Errno::EINVAL));
        assert_eq!(kernel.link_info(prog).map(drop), Err(Errno::EINVAL));
        assert_eq!(kernel.btf_info(map, Default::default()).map(drop), Err(Errno::EINVAL));
    });
}
