//! `BPF_PROG_GET_FD_BY_ID`, `BPF_MAP_GET_FD_BY_ID`, `BPF_BTF_GET_FD_BY_ID`,
//! `BPF_LINK_GET_FD_BY_ID`.

use skep_tests::on_every_kernel;
use skep_uapi::{Command, Errno, ProgType, flags};

#[test]
fn an_id_gives_another_descriptor() {
    on_every_kernel("get_fd_by_id::an_id_gives_another_descriptor", |kernel| {
        let map = kernel.array(8, 1);
        let map_id = kernel.map_info(map).unwrap().id;
        let again = kernel.fd(&mut Command::MapGetFdById { map_id, open_flags: 0 }).unwrap();
        assert_ne!(again, map);
        kernel.map_update(again, &[0; 4], &[7; 8], 0).unwrap();
        let mut value = [0; 8];
        kernel.map_lookup(map, &[0; 4], &mut value, 0).unwrap();
        assert_eq!(value, [7; 8]);

        let prog = kernel.prog(ProgType::XDP, "r0 = 2\nexit");
        let prog_id = kernel.prog_info(prog, Default::default()).unwrap().id;
        let again = kernel.fd(&mut Command::ProgGetFdById { prog_id, open_flags: 0 }).unwrap();
        assert_eq!(kernel.prog_info(again, Default::default()).unwrap().id, prog_id);
    });
}

#[test]
fn an_object_ends_with_its_last_descriptor() {
    on_every_kernel("get_fd_by_id::an_object_ends_with_its_last_descriptor", |kernel| {
        let map = kernel.array(8, 1);
        let map_id = kernel.map_info(map).unwrap().id;
        let again = kernel.fd(&mut Command::MapGetFdById { map_id, open_flags: 0 }).unwrap();
        kernel.close(map);
        assert_eq!(kernel.map_info(again).unwrap().id, map_id);
        kernel.close(again);
        let result = kernel.fd(&mut Command::MapGetFdById { map_id, open_flags: 0 });
        assert_eq!(result, Err(Errno::ENOENT));
    });
}

#[test]
fn unknown_ids_are_refused() {
    on_every_kernel("get_fd_by_id::unknown_ids_are_refused", |kernel| {
        for id in [0, 0x7fff_fffe, u32::MAX] {
            let open_flags = 0;
            let commands = [
                Command::MapGetFdById { map_id: id, open_flags },
                Command::ProgGetFdById { prog_id: id, open_flags },
                Command::BtfGetFdById { btf_id: id, open_flags },
                Command::LinkGetFdById { link_id: id },
            ];
            for mut command in commands {
                let cmd = command.cmd();
                assert_eq!(kernel.fd(&mut command), Err(Errno::ENOENT), "{cmd} {id}");
            }
        }
    });
}

#[test]
fn maps_are_opened_as_asked() {
    on_every_kernel("get_fd_by_id::maps_are_opened_as_asked", |kernel| {
        let map_id = kernel.map_info(kernel.array(8, 1)).unwrap().id;
        let open = |open_flags| kernel.fd(&mut Command::MapGetFdById { map_id, open_flags });
        let read_only = open(flags::map::RDONLY).unwrap();
        assert_eq!(kernel.map_update(read_only, &[0; 4], &[0; 8], 0), Err(Errno::EPERM));
        let write_only = open(flags::map::WRONLY).unwrap();
        assert_eq!(kernel.map_lookup(write_only, &[0; 4], &mut [0; 8], 0), Err(Errno::EPERM));
        assert_eq!(open(flags::map::RDONLY | flags::map::WRONLY), Err(Errno::EINVAL));
        assert_eq!(open(1), Err(Errno::EINVAL));
    });
}
