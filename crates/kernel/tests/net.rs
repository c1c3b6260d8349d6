//! Devices, and XDP programs on them, by link and by netlink: every refusal was seen on Linux 6.18.

use skep_isa::Insn;
use skep_kernel::{ClockSource, Config, UserKernel};
use skep_uapi::{
    AttachType, Command, Destination, Errno, Fd, Kernel, LinkCreate, LinkInfoDetail, Machine,
    NetError, Netlink, ProgLoad, ProgType, Received, Reply, Target, xdp_flags,
};

const SKB: u32 = xdp_flags::SKB_MODE;
const DRV: u32 = xdp_flags::DRV_MODE;
const REPLACE: u32 = xdp_flags::REPLACE;
const NOEXIST: u32 = xdp_flags::UPDATE_IF_NOEXIST;

/// A kernel with one device, and programs on it.
struct Bench {
    kernel: UserKernel,
    ifindex: u32,
}

impl Bench {
    fn new() -> Bench {
        let clock = ClockSource::Virtual;
        let kernel = UserKernel::new(Config { cpus: 1, clock, ..Config::default() });
        let ifindex = kernel.add_device("veth0", 1500).expect("a new name");
        Bench { kernel, ifindex }
    }

    /// A program that returns a number.
    fn prog(&self, prog_type: ProgType, returns: i32, expected_attach_type: AttachType) -> Fd {
        let insns = [Insn::new(0xb7, 0, 0, 0, returns), Insn::new(0x95, 0, 0, 0, 0)];
        self.load(prog_type, &insns, expected_attach_type)
    }

    fn load(&self, prog_type: ProgType, insns: &[Insn], expected_attach_type: AttachType) -> Fd {
        let insns: Vec<u8> = insns.iter().flat_map(|insn| insn.to_le_bytes()).collect();
        let license = "GPL";
        let load = ProgLoad {
            prog_type,
            insns: &insns,
            license,
            expected_attach_type,
            ..Default::default()
        };
        self.kernel.prog_load(load).expect("a small program")
    }

    fn xdp(&self, returns: i32) -> Fd {
        self.prog(ProgType::XDP, returns, AttachType::XDP)
    }

    fn link(&self, fd: Fd, ifindex: u32, flags: u32) -> Result<Fd, Errno> {
        let (target, attach_type) = (Target::Ifindex(ifindex), AttachType::XDP);
        let create = LinkCreate { fd, target, attach_type, flags, ..LinkCreate::default() };
        self.kernel.bpf(&mut Command::LinkCreate(create)).map(Fd::from_result)
    }

    fn update(&self, link_fd: Fd, new_fd: Fd, flags: u32, old_fd: Option<Fd>) -> Result<(), Errno> {
        let mut command = Command::LinkUpdate { link_fd, new_fd, flags, old_fd };
        self.kernel.bpf(&mut command).map(drop)
    }

    /// `ok`, or error and text.
    fn set(&self, prog: Option<Fd>, flags: u32, expected: Option<Fd>) -> String {
        let request = Netlink::XdpSet { ifindex: self.ifindex, prog, expected, flags };
        match self.kernel.netlink(request) {
            Ok(_) => "ok".to_owned(),
            Err(NetError { errno, extack }) => {
                [errno.name().unwrap_or("?"), &extack.unwrap_or_default()]
                    .join(" ")
                    .trim()
                    .to_owned()
            }
        }
    }

    /// Mode and program of the device.
    fn shown(&self) -> Vec<(u8, u32)> {
        let Ok(Reply::Links(links)) = self.kernel.netlink(Netlink::LinkByName("veth0")) else {
            panic!("the device is there")
        };
        links[0].xdp.clone()
    }

    fn receive(&self) -> Received {
        self.kernel.receive(self.ifindex, &[7; 60]).expect("a frame of the usual length")
    }

    fn id(&self, prog: Fd) -> u32 {
        self.kernel.prog_info(prog, Default::default()).expect("a program").id
    }
}

#[test]
fn a_verdict_decides_where_a_frame_goes() {
    let frame = || Some(vec![7; 60]);
    let bench = Bench::new();
    let to = |returns: i32| {
        let prog = bench.xdp(returns);
        assert_eq!(bench.set(Some(prog), 0, None), "ok");
        bench.kernel.close(prog);
        bench.receive()
    };
    let dropped = |xdp| Received { xdp: Some(xdp), frame: None, to: Destination::Dropped };
    assert_eq!(bench.receive(), Received { xdp: None, frame: frame(), to: Destination::Stack });
    assert_eq!(to(0), dropped(0));
    assert_eq!(to(1), dropped(1));
    assert_eq!(to(2), Received { xdp: Some(2), frame: frame(), to: Destination::Stack });
    let out = Destination::Device(bench.ifindex);
    assert_eq!(to(3), Received { xdp: Some(3), frame: frame(), to: out });
    assert_eq!(to(77), dropped(77));
    assert_eq!(bench.kernel.transmitted(bench.ifindex), Ok(vec![vec![7; 60]]));
    assert_eq!(bench.kernel.transmitted(bench.ifindex), Ok(vec![]));
    assert_eq!(bench.kernel.receive(99, &[0; 60]), Err(Errno::ENODEV));
    assert_eq!(bench.kernel.receive(bench.ifindex, &[0; 13]), Err(Errno::EINVAL));
}

#[test]
fn a_redirected_frame_leaves_through_the_other_device() {
    let bench = Bench::new();
    let out = bench.kernel.add_device("veth1", 1500).expect("a new name");
    let redirect = |to: u32| {
        let insns = [
            Insn::new(0xb7, 1, 0, 0, to.cast_signed()),
            Insn::new(0xb7, 2, 0, 0, 0),
            Insn::new(0x85, 0, 0, 0, 23),
            Insn::new(0x95, 0, 0, 0, 0),
        ];
        let prog = bench.load(ProgType::XDP, &insns, AttachType::XDP);
        assert_eq!(bench.set(Some(prog), 0, None), "ok");
        bench.receive().to
    };
    assert_eq!(redirect(out), Destination::Device(out));
    assert_eq!(bench.kernel.transmitted(out), Ok(vec![vec![7; 60]]));
    assert_eq!(redirect(99), Destination::Dropped);
}

#[test]
fn a_link_lives_as_long_as_its_descriptor_or_pin() {
    let bench = Bench::new();
    let prog = bench.xdp(1);
    let link = bench.link(prog, bench.ifindex, 0).expect("nothing is attached");
    assert_eq!(bench.shown(), [(1, bench.id(prog))]);
    let pathname = "/sys/fs/bpf/link";
    let pin = &mut Command::ObjPin { pathname, bpf_fd: link, path_fd: None, file_flags: 0 };
    bench.kernel.bpf(pin).expect("a free name");
    bench.kernel.close(link);
    bench.kernel.close(prog);
    assert_eq!(bench.receive().to, Destination::Dropped, "the pin keeps it");
    bench.kernel.remove(pathname).expect("it is pinned");
    assert_eq!(bench.receive().to, Destination::Stack);
    assert_eq!(bench.shown(), []);
}

#[test]
fn links_are_made_and_updated_as_in_linux() {
    let bench = Bench::new();
    let (one, two) = (bench.xdp(1), bench.xdp(2));
    let filter = bench.prog(ProgType::SOCKET_FILTER, 0, AttachType(0));
    let devmap = bench.prog(ProgType::XDP, 2, AttachType::XDP_DEVMAP);
    let ifindex = bench.ifindex;
    assert_eq!(bench.link(one, 999, 0), Err(Errno::EINVAL));
    assert_eq!(bench.link(one, 0, 0), Err(Errno::EINVAL));
    assert_eq!(bench.link(Fd(99), ifindex, 0), Err(Errno::EBADF));
    assert_eq!(bench.link(filter, ifindex, 0), Err(Errno::EINVAL));
    assert_eq!(bench.link(devmap, ifindex, 0), Err(Errno::EINVAL));
    for flags in [1, 3, 16, 32, SKB | DRV, 64, xdp_flags::HW_MODE] {
        assert_eq!(bench.link(one, ifindex, flags), Err(Errno::EINVAL), "{flags}");
    }
    let link = bench.link(one, ifindex, 0).expect("nothing is attached");
    assert_eq!(bench.link(two, ifindex, 0), Err(Errno::EBUSY));
    assert_eq!(bench.link(two, ifindex, SKB), Err(Errno::EEXIST));
    assert_eq!(bench.update(link, two, 0, None), Ok(()));
    assert_eq!(bench.shown(), [(1, bench.id(two))]);
    assert_eq!(bench.update(link, two, 0, None), Ok(()));
    assert_eq!(bench.update(link, Fd(99), 0, None), Err(Errno::EBADF));
    assert_eq!(bench.update(link, filter, 0, None), Err(Errno::EINVAL));
    assert_eq!(bench.update(link, devmap, 0, None), Err(Errno::EINVAL));
    assert_eq!(bench.update(link, one, 4, Some(two)), Ok(()));
    assert_eq!(bench.update(link, two, 4, Some(two)), Err(Errno::EPERM));
    assert_eq!(bench.update(link, one, 0, Some(two)), Err(Errno::EINVAL));
    assert_eq!(bench.update(link, two, 1, None), Err(Errno::EINVAL));
    assert_eq!(bench.kernel.bpf(&mut Command::LinkDetach { link_fd: link }), Ok(0));
    assert_eq!(bench.kernel.bpf(&mut Command::LinkDetach { link_fd: link }), Ok(0));
    let info = bench.kernel.link_info(link).expect("the link stays");
    assert!(matches!(info.detail, LinkInfoDetail::Xdp { ifindex: 0 }), "{info:?}");
    assert_eq!(bench.update(link, two, 0, None), Err(Errno::ENOLINK));
    assert!(bench.link(two, ifindex, SKB).is_ok(), "the device is free again");
    assert_eq!(bench.shown(), [(2, bench.id(two))]);
}

#[test]
fn netlink_attaches_as_in_linux() {
    let bench = Bench::new();
    let (one, two) = (bench.xdp(1), bench.xdp(2));
    let (both, used, other) = (
        "EEXIST Native and generic XDP can't be active at the same time",
        "EBUSY XDP program already attached",
        "EEXIST Active program does not match expected",
    );
    let steps = [
        (None, 0, None, "ok"),
        (Some(one), 0, None, "ok"),
        (Some(two), 0, None, "ok"),
        (Some(one), NOEXIST, None, used),
        (Some(one), NOEXIST | SKB, None, both),
        (Some(one), SKB, None, both),
        (Some(one), DRV, None, "ok"),
        (Some(one), SKB | DRV, None, "EINVAL"),
        (Some(one), xdp_flags::HW_MODE, None, "EINVAL"),
        (Some(one), 32, None, "EINVAL"),
        (Some(two), REPLACE, Some(one), "ok"),
        (Some(one), REPLACE, Some(one), other),
        (Some(one), REPLACE, None, "EINVAL"),
        (Some(one), REPLACE, Some(Fd(-1)), other),
        (Some(one), REPLACE, Some(Fd(99)), "EBADF"),
        (None, SKB, None, "ok"),
        (None, DRV, None, "ok"),
        (Some(one), SKB, None, "ok"),
        (Some(one), DRV, None, both),
        (None, 0, None, "ok"),
        (Some(two), 0, None, both),
        (None, SKB, None, "ok"),
        (None, REPLACE, Some(Fd(-1)), "ok"),
        (None, REPLACE, Some(one), other),
        (Some(Fd(99)), 0, None, "EBADF"),
    ];
    for (prog, flags, expected, answer) in steps {
        assert_eq!(bench.set(prog, flags, expected), answer, "{prog:?} {flags} {expected:?}");
    }
    let devmap = bench.prog(ProgType::XDP, 2, AttachType::XDP_DEVMAP);
    let text = "EINVAL BPF_XDP_DEVMAP programs can not be attached to a device";
    assert_eq!(bench.set(Some(devmap), 0, None), text);
    let filter = bench.prog(ProgType::SOCKET_FILTER, 0, AttachType(0));
    assert_eq!(bench.set(Some(filter), 0, None), "EINVAL");
}

#[test]
fn netlink_does_not_touch_a_link() {
    let bench = Bench::new();
    let (one, two) = (bench.xdp(1), bench.xdp(2));
    let link = bench.link(one, bench.ifindex, 0).expect("nothing is attached");
    let busy = "EBUSY Can't replace active BPF XDP link";
    assert_eq!(bench.set(Some(two), 0, None), busy);
    assert_eq!(bench.set(None, 0, None), busy);
    assert_eq!(bench.set(Some(two), REPLACE, Some(one)), busy);
    assert_eq!(bench.set(Some(two), NOEXIST, None), busy);
    bench.kernel.close(link);
    assert_eq!(bench.set(Some(one), 0, None), "ok");
    assert_eq!(bench.link(two, bench.ifindex, 0), Err(Errno::EBUSY));
    assert_eq!(bench.link(two, bench.ifindex, SKB), Err(Errno::EEXIST));
}
