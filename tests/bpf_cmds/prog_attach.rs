//! `BPF_PROG_ATTACH`, `BPF_PROG_DETACH` and `BPF_PROG_QUERY`, as far as they concern the program
//! types of this release; and XDP attached by netlink, which is their counterpart.

use skep_tests::{on_every_kernel, on_every_kernel_with_device};
use skep_uapi::{
    AttachType, Command, Errno, Fd, Netlink, ProgAttach, ProgType, Reply, Target, xdp_flags,
};

use crate::link_create::{attached, xdp};

#[test]
fn xdp_is_not_attached_this_way() {
    on_every_kernel("prog_attach::xdp_is_not_attached_this_way", |kernel| {
        let (prog, _) = xdp(kernel, 2);
        let attach = ProgAttach {
            target: Target::Ifindex(1),
            attach_bpf_fd: Some(prog),
            attach_type: AttachType::XDP,
            ..ProgAttach::default()
        };
        assert_eq!(kernel.bpf(&mut Command::ProgAttach(attach)), Err(Errno::EINVAL));
        assert_eq!(kernel.bpf(&mut Command::ProgDetach(attach)), Err(Errno::EINVAL));
    });
}

#[test]
fn netlink_attaches_and_detaches() {
    on_every_kernel_with_device("prog_attach::netlink_attaches_and_detaches", |kernel, ifindex| {
        let (prog, prog_id) = xdp(kernel, 2);
        let set =
            |prog, flags| kernel.netlink(Netlink::XdpSet { ifindex, prog, expected: None, flags });
        for (flags, mode) in [(xdp_flags::DRV_MODE, 1), (xdp_flags::SKB_MODE, 2)] {
            assert_eq!(set(Some(prog), flags), Ok(Reply::Done));
            assert_eq!(attached(kernel, ifindex), [(mode, prog_id)]);
            assert_eq!(set(None, flags), Ok(Reply::Done));
            assert_eq!(attached(kernel, ifindex), []);
        }
    });
}

#[test]
fn netlink_exchanges_what_is_expected() {
    let name = "prog_attach::netlink_exchanges_what_is_expected";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        let ((pass, pass_id), (drop, drop_id)) = (xdp(kernel, 2), xdp(kernel, 1));
        let skb = xdp_flags::SKB_MODE;
        let set = |prog, expected, flags| {
            kernel.netlink(Netlink::XdpSet { ifindex, prog, expected, flags })
        };
        assert_eq!(set(Some(pass), None, skb | xdp_flags::UPDATE_IF_NOEXIST), Ok(Reply::Done));
        let refusal = set(Some(drop), None, skb | xdp_flags::UPDATE_IF_NOEXIST).unwrap_err();
        assert_eq!(refusal.errno, Errno::EBUSY);
        assert_eq!(refusal.extack.as_deref(), Some("XDP program already attached"));
        let refusal = set(Some(drop), Some(drop), skb | xdp_flags::REPLACE).unwrap_err();
        assert_eq!(refusal.errno, Errno::EEXIST);
        assert_eq!(refusal.extack.as_deref(), Some("Active program does not match expected"));
        assert_eq!(attached(kernel, ifindex), [(2, pass_id)]);
        assert_eq!(set(Some(drop), Some(pass), skb | xdp_flags::REPLACE), Ok(Reply::Done));
        assert_eq!(attached(kernel, ifindex), [(2, drop_id)]);
        let refusal = set(Some(pass), None, xdp_flags::DRV_MODE).unwrap_err();
        assert_eq!(refusal.errno, Errno::EEXIST);
        let words = "Native and generic XDP can't be active at the same time";
        assert_eq!(refusal.extack.as_deref(), Some(words));
        assert_eq!(set(None, None, skb), Ok(Reply::Done));
    });
}

#[test]
fn netlink_checks_its_inputs() {
    on_every_kernel_with_device("prog_attach::netlink_checks_its_inputs", |kernel, ifindex| {
        let (prog, _) = xdp(kernel, 2);
        let filter = kernel.prog(ProgType::SOCKET_FILTER, "r0 = 0\nexit");
        let errno = |ifindex, prog, flags| {
            let set = Netlink::XdpSet { ifindex, prog: Some(prog), expected: None, flags };
            kernel.netlink(set).map_err(|refusal| refusal.errno)
        };
        assert_eq!(errno(ifindex, Fd(i32::MAX), 0), Err(Errno::EBADF));
        assert_eq!(errno(ifindex, filter, 0), Err(Errno::EINVAL));
        assert_eq!(errno(0x7fff_ffff, prog, 0), Err(Errno::ENODEV));
        assert_eq!(errno(ifindex, prog, 1 << 31), Err(Errno::EINVAL));
        let both = xdp_flags::SKB_MODE | xdp_flags::DRV_MODE;
        assert_eq!(errno(ifindex, prog, both), Err(Errno::EINVAL));
        assert_eq!(errno(ifindex, prog, xdp_flags::HW_MODE), Err(Errno::EINVAL));
    });
}

#[test]
fn interfaces_have_names() {
    on_every_kernel_with_device("prog_attach::interfaces_have_names", |kernel, ifindex| {
        let Ok(Reply::Links(links)) = kernel.netlink(Netlink::LinkByName("skep0")) else {
            panic!("the device is there");
        };
        assert_eq!(links.len(), 1);
        assert_eq!((links[0].ifindex, links[0].name.as_str()), (ifindex, "skep0"));
        let refusal = kernel.netlink(Netlink::LinkByName("skep-none")).unwrap_err();
        assert_eq!(refusal.errno, Errno::ENODEV);
    });
}
