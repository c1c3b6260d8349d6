//! `BPF_LINK_UPDATE` with XDP.

use skep_tests::on_every_kernel_with_device;
use skep_uapi::flags::attach::REPLACE;
use skep_uapi::{Command, Errno, Fd, ProgType};

use crate::link_create::{attached, link, xdp};

#[test]
fn a_link_exchanges_its_program() {
    on_every_kernel_with_device("link_update::a_link_exchanges_its_program", |kernel, ifindex| {
        let ((pass, pass_id), (drop, drop_id)) = (xdp(kernel, 2), xdp(kernel, 1));
        let link_fd = kernel.fd(&mut Command::LinkCreate(link(pass, ifindex, 0))).unwrap();
        let update = |new_fd, flags, old_fd| {
            kernel.bpf(&mut Command::LinkUpdate { link_fd, new_fd, flags, old_fd })
        };
        assert_eq!(update(drop, 0, None), Ok(0));
        assert_eq!(attached(kernel, ifindex)[0].1, drop_id);
        assert_eq!(kernel.link_info(link_fd).unwrap().prog_id, drop_id);
        assert_eq!(update(pass, REPLACE, Some(pass)), Err(Errno::EPERM));
        assert_eq!(update(pass, REPLACE, Some(drop)), Ok(0));
        assert_eq!(attached(kernel, ifindex)[0].1, pass_id);
        assert_eq!(update(pass, 0, None), Ok(0));
    });
}

#[test]
fn inputs_are_checked() {
    on_every_kernel_with_device("link_update::inputs_are_checked", |kernel, ifindex| {
        let (prog, _) = xdp(kernel, 2);
        let filter = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        let link_fd = kernel.fd(&mut Command::LinkCreate(link(prog, ifindex, 0))).unwrap();
        let update = |link_fd, new_fd, flags, old_fd| {
            kernel.bpf(&mut Command::LinkUpdate { link_fd, new_fd, flags, old_fd })
        };
        assert_eq!(update(Fd(i32::MAX), prog, 0, None), Err(Errno::EBADF));
        assert_eq!(update(prog, prog, 0, None), Err(Errno::EINVAL));
        assert_eq!(update(link_fd, Fd(i32::MAX), 0, None), Err(Errno::EBADF));
        assert_eq!(update(link_fd, filter, 0, None), Err(Errno::EINVAL));
        assert_eq!(update(link_fd, prog, 1 << 31, None), Err(Errno::EINVAL));
        assert_eq!(update(link_fd, prog, 0, Some(prog)), Err(Errno::EINVAL));
    });
}
