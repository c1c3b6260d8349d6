//! `BPF_LINK_CREATE` with XDP.

use skep_tests::{Subject, on_every_kernel_with_device};
use skep_uapi::{
    AttachType, Command, Errno, Fd, LinkCreate, LinkInfoDetail, LinkType, NetLink, Netlink,
    ProgType, Reply, Target, xdp_flags,
};

pub(crate) fn link(prog: Fd, ifindex: u32, flags: u32) -> LinkCreate<'static> {
    let target = Target::Ifindex(ifindex);
    LinkCreate { fd: prog, target, attach_type: AttachType::XDP, flags, ..LinkCreate::default() }
}

/// Mode and id of the programs attached to an interface.
pub(crate) fn attached(kernel: &Subject, ifindex: u32) -> Vec<(u8, u32)> {
    let Ok(Reply::Links(links)) = kernel.netlink(Netlink::Links) else { panic!("a dump") };
    let mine = |link: &NetLink| link.ifindex == ifindex;
    links.into_iter().find(mine).map(|link| link.xdp).unwrap_or_default()
}

pub(crate) fn xdp(kernel: &Subject, verdict: u32) -> (Fd, u32) {
    let prog = kernel.prog(ProgType::XDP, &format!("r0 = {verdict}\nexit"));
    (prog, kernel.prog_info(prog, Default::default()).expect("a program").id)
}

const DRV: u8 = 1;
const SKB: u8 = 2;

#[test]
fn a_link_attaches_until_it_is_closed() {
    on_every_kernel_with_device(
        "link_create::a_link_attaches_until_it_is_closed",
        |kernel, ifindex| {
            let (prog, prog_id) = xdp(kernel, 2);
            for (flags, mode) in [(0, DRV), (xdp_flags::SKB_MODE, SKB), (xdp_flags::DRV_MODE, DRV)]
            {
                let fd = kernel.bpf(&mut Command::LinkCreate(link(prog, ifindex, flags)));
                let fd = Fd::from_result(fd.unwrap());
                assert_eq!(attached(kernel, ifindex), [(mode, prog_id)]);
                let info = kernel.link_info(fd).unwrap();
                assert_eq!((info.link_type, info.prog_id), (LinkType::XDP, prog_id));
                assert!(
                    matches!(info.detail, LinkInfoDetail::Xdp { ifindex: told } if told == ifindex)
                );
                kernel.close(fd);
                assert_eq!(attached(kernel, ifindex), []);
            }
        },
    );
}

#[test]
fn a_place_is_taken_once() {
    on_every_kernel_with_device("link_create::a_place_is_taken_once", |kernel, ifindex| {
        let (prog, _) = xdp(kernel, 2);
        let create = |flags| kernel.fd(&mut Command::LinkCreate(link(prog, ifindex, flags)));
        create(0).unwrap();
        assert_eq!(create(0), Err(Errno::EBUSY));
        assert_eq!(create(xdp_flags::SKB_MODE), Err(Errno::EEXIST));
    });
}

#[test]
fn netlink_does_not_disturb_a_link() {
    on_every_kernel_with_device(
        "link_create::netlink_does_not_disturb_a_link",
        |kernel, ifindex| {
            let (prog, prog_id) = xdp(kernel, 2);
            kernel.fd(&mut Command::LinkCreate(link(prog, ifindex, 0))).unwrap();
            let set =
                |prog| kernel.netlink(Netlink::XdpSet { ifindex, prog, expected: None, flags: 0 });
            assert_eq!(set(Some(prog)).unwrap_err().errno, Errno::EBUSY);
            let refusal = set(None).unwrap_err();
            assert_eq!(refusal.errno, Errno::EBUSY);
            assert_eq!(refusal.extack.as_deref(), Some("Can't replace active BPF XDP link"));
            assert_eq!(attached(kernel, ifindex), [(DRV, prog_id)]);
        },
    );
}

#[test]
fn inputs_are_checked() {
    on_every_kernel_with_device("link_create::inputs_are_checked", |kernel, ifindex| {
        let (prog, _) = xdp(kernel, 2);
        let filter = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        let create = |link| kernel.fd(&mut Command::LinkCreate(link));
        assert_eq!(create(link(Fd(i32::MAX), ifindex, 0)), Err(Errno::EBADF));
        assert_eq!(create(link(kernel.array(8, 1), ifindex, 0)), Err(Errno::EINVAL));
        assert_eq!(create(link(filter, ifindex, 0)), Err(Errno::EINVAL));
        assert_eq!(create(link(prog, 0x7fff_ffff, 0)), Err(Errno::EINVAL));
        assert_eq!(create(link(prog, ifindex, 1 << 31)), Err(Errno::EINVAL));
        assert_eq!(create(link(prog, ifindex, xdp_flags::REPLACE)), Err(Errno::EINVAL));
        let both = xdp_flags::SKB_MODE | xdp_flags::DRV_MODE;
        assert_eq!(create(link(prog, ifindex, both)), Err(Errno::EINVAL));
        let ingress =
            LinkCreate { attach_type: AttachType::CGROUP_INET_INGRESS, ..link(prog, ifindex, 0) };
        assert_eq!(create(ingress), Err(Errno::EINVAL));
        assert_eq!(attached(kernel, ifindex), []);
    });
}
