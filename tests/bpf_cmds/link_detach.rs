//! `BPF_LINK_DETACH` with XDP.

use skep_tests::on_every_kernel_with_device;
use skep_uapi::{Command, Errno, Fd, LinkInfoDetail};

use crate::link_create::{attached, link, xdp};

#[test]
fn a_detached_link_stays_without_its_interface() {
    let name = "link_detach::a_detached_link_stays_without_its_interface";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        let (prog, prog_id) = xdp(kernel, 2);
        let link_fd = kernel.fd(&mut Command::LinkCreate(link(prog, ifindex, 0))).unwrap();
        let detach = |link_fd| kernel.bpf(&mut Command::LinkDetach { link_fd });
        assert_eq!(detach(Fd(i32::MAX)), Err(Errno::EBADF));
        assert_eq!(detach(prog), Err(Errno::EINVAL));
        assert_eq!(detach(link_fd), Ok(0));
        assert_eq!(attached(kernel, ifindex), []);
        let info = kernel.link_info(link_fd).unwrap();
        assert_eq!(info.prog_id, prog_id);
        assert!(matches!(info.detail, LinkInfoDetail::Xdp { ifindex: 0 }));
        assert_eq!(detach(link_fd), Ok(0), "once more changes nothing");
        let update = Command::LinkUpdate { link_fd, new_fd: prog, flags: 0, old_fd: None };
        let mut update = update;
        assert_eq!(kernel.bpf(&mut update), Err(Errno::ENOLINK));
    });
}
