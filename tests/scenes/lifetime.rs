//! Lifetime: an object lives while something refers to it. A descriptor, an attachment to an event
//! source and a file in a BPF file system each keep it alone, and with the last of them it ends.

use std::thread;
use std::time::{Duration, Instant};

use skep_btf::Builder;
use skep_tests::{Bpffs, Subject, four_byte_key, insns, on_every_kernel_with_device};
use skep_uapi::{
    AttachType, BtfInfo, Command, Errno, Fd, LinkCreate, LinkInfoDetail, MapCreate, MapType,
    Netlink, ProgInfo, ProgLoad, ProgType, Reply, Target,
};

#[test]
fn each_holder_alone_keeps_a_program() {
    let name = "lifetime::each_holder_alone_keeps_a_program";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        in_each_order(kernel, |bpffs| {
            let Parts { btf, map, prog } = Parts::new(kernel);
            close([btf, map]);
            let (attached, pinned) = (attached(&prog, ifindex), pinned(&prog, bpffs));
            (prog.named(), vec![prog.descriptor(), attached, pinned])
        });
    });
}

#[test]
fn each_holder_alone_keeps_a_map() {
    let name = "lifetime::each_holder_alone_keeps_a_map";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        in_each_order(kernel, |bpffs| {
            let Parts { btf, map, prog } = Parts::new(kernel);
            let attached = attached(&prog, ifindex);
            close([btf, prog]);
            let pinned = pinned(&map, bpffs);
            (map.named(), vec![map.descriptor(), attached, pinned])
        });
    });
}

/// Type information has no pin of its own: what is pinned and attached keeps it.
#[test]
fn each_holder_alone_keeps_type_information() {
    let name = "lifetime::each_holder_alone_keeps_type_information";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        in_each_order(kernel, |bpffs| {
            let Parts { btf, map, prog } = Parts::new(kernel);
            assert_eq!(pin(&btf, &bpffs.path("btf")), Err(Errno::EINVAL));
            let (attached, pinned) = (attached(&prog, ifindex), pinned(&map, bpffs));
            close([map, prog]);
            (btf.named(), vec![btf.descriptor(), attached, pinned])
        });
    });
}

/// A link is an attachment. What keeps it are the other two; its end detaches.
#[test]
fn each_holder_alone_keeps_a_link() {
    let name = "lifetime::each_holder_alone_keeps_a_link";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        in_each_order(kernel, |bpffs| {
            let Parts { btf, map, prog } = Parts::new(kernel);
            // The id of the link before is gone, but Linux may detach a little later.
            wait(kernel, "the interface is free", || progs_on(kernel, ifindex).is_empty());
            let link = link(&prog, ifindex).expect("the interface is free");
            assert_eq!(progs_on(kernel, ifindex), [prog.id]);
            close([btf, map, prog]);
            let pinned = pinned(&link, bpffs);
            (link.named(), vec![link.descriptor(), pinned])
        });
        wait(kernel, "the interface is free", || progs_on(kernel, ifindex).is_empty());
    });
}

#[test]
fn a_link_keeps_its_program_even_detached() {
    let name = "lifetime::a_link_keeps_its_program_even_detached";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        let Parts { btf, map, prog } = Parts::new(kernel);
        let link = link(&prog, ifindex).expect("the interface is free");
        let kept = close([btf, map, prog]);
        kernel.bpf(&mut Command::LinkDetach { link_fd: link.fd }).expect("XDP links can detach");
        assert_eq!(progs_on(kernel, ifindex), []);
        let info = kernel.link_info(link.fd).expect("a detached link has its facts");
        assert!(matches!(info.detail, LinkInfoDetail::Xdp { ifindex: 0 }));
        let kept = kept.into_iter().chain([link.named()]);
        for named in kept.clone() {
            assert!(lives(kernel, named), "{named:?}");
        }
        close([link]);
        for named in kept {
            assert_ends(kernel, named);
        }
    });
}

#[test]
fn a_link_lets_its_program_go_for_another() {
    let name = "lifetime::a_link_lets_its_program_go_for_another";
    on_every_kernel_with_device(name, |kernel, ifindex| {
        let [old, new] = [Parts::new(kernel), Parts::new(kernel)];
        let link = link(&old.prog, ifindex).expect("the interface is free");
        let (old, prog) = (old.close(), new.prog.named());
        let mut update =
            Command::LinkUpdate { link_fd: link.fd, new_fd: new.prog.fd, flags: 0, old_fd: None };
        kernel.bpf(&mut update).expect("both are XDP programs");
        for named in old {
            assert_ends(kernel, named);
        }
        new.close();
        assert!(lives(kernel, prog));
        assert_eq!(progs_on(kernel, ifindex), [prog.1]);
        close([link]);
        assert_ends(kernel, prog);
    });
}

#[test]
fn a_bound_map_lives_as_long_as_the_program() {
    let name = "lifetime::a_bound_map_lives_as_long_as_the_program";
    on_every_kernel_with_device(name, |kernel, _| {
        let (one, other) = (Parts::new(kernel), Parts::new(kernel));
        let (prog_fd, map_fd) = (one.prog.fd, other.map.fd);
        let bind = kernel.bpf(&mut Command::ProgBindMap { prog_fd, map_fd, flags: 0 });
        bind.expect("any map can be bound");
        let [btf, map, prog] = other.close();
        assert_ends(kernel, prog);
        assert!(lives(kernel, map) && lives(kernel, btf), "the types are the map's");
        one.close();
        assert_ends(kernel, map);
        assert_ends(kernel, btf);
    });
}

#[test]
fn ids_are_not_used_again() {
    on_every_kernel_with_device("lifetime::ids_are_not_used_again", |kernel, ifindex| {
        let round = || {
            let parts = Parts::new(kernel);
            let link = link(&parts.prog, ifindex).expect("the interface is free");
            [&close([link])[..], &parts.close()].concat()
        };
        let first = round();
        for named in &first {
            assert_ends(kernel, *named);
        }
        for (before, after) in first.into_iter().zip(round()) {
            assert!(before.0 == after.0 && before.1 < after.1, "{before:?} {after:?}");
        }
    });
}

/// The kind of an object, and its id.
type Named = (Kind, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Btf,
    Map,
    Prog,
    Link,
}

/// An object that a test made, with the one descriptor that there is of it.
struct Object<'k> {
    kernel: &'k Subject,
    kind: Kind,
    id: u32,
    fd: Fd,
}

/// Something that keeps an object until it is called.
type Holder<'k> = Box<dyn FnOnce() + 'k>;

/// Has the holders that `make` gives let the object go in each order that there is: the object
/// lives until the last of them has.
fn in_each_order<'k>(kernel: &'k Subject, make: impl Fn(&Bpffs<'k>) -> (Named, Vec<Holder<'k>>)) {
    let bpffs = kernel.bpffs();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (named, holders) = make(&bpffs);
        let mut holders: Vec<_> = holders.into_iter().map(Some).collect();
        for holder in order.map(|at| holders.get_mut(at).and_then(Option::take)) {
            let Some(let_go) = holder else { continue };
            assert!(lives(kernel, named), "{}: {named:?} in the order {order:?}", kernel.name);
            let_go();
        }
        assert_ends(kernel, named);
    }
}

/// Type information, a map with it, and an XDP program with both.
struct Parts<'k> {
    btf: Object<'k>,
    map: Object<'k>,
    prog: Object<'k>,
}

impl<'k> Parts<'k> {
    fn new(kernel: &'k Subject) -> Parts<'k> {
        let mut types = Builder::new();
        let (int, long) = (types.int("int", 4, 1), types.int("long", 8, 1));
        let proto = types.func_proto(int, &[]);
        let func = types.func("lives", proto, 0);
        let btf = types.finish().expect("four types");
        let open = |mut command: Command<'_>| {
            let answer = kernel.bpf(&mut command).map(Fd::from_result);
            answer.unwrap_or_else(|errno| panic!("{}: {}: {errno}", kernel.name, command.cmd()))
        };
        let btf_fd = open(Command::BtfLoad {
            btf: btf.bytes(),
            log_level: 0,
            log_buf: &mut [],
            log_true_size: &mut 0,
            flags: 0,
            token_fd: None,
        });
        let map_fd = open(Command::MapCreate(MapCreate {
            value_size: 8,
            max_entries: 1,
            map_type: MapType::ARRAY,
            btf_fd: Some(btf_fd),
            btf_key_type_id: int,
            btf_value_type_id: long,
            ..four_byte_key()
        }));
        let func_info: Vec<u8> = [0, func].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let prog_fd = open(Command::ProgLoad(ProgLoad {
            prog_type: ProgType::XDP,
            insns: &insns(&format!("r1 = map[fd:{map_fd}] ll\nr0 = 2\nexit")),
            license: "GPL",
            prog_btf_fd: Some(btf_fd),
            func_info: &func_info,
            func_info_rec_size: 8,
            ..ProgLoad::default()
        }));
        let object = |kind, fd| Object { kernel, kind, id: id_of(kernel, kind, fd), fd };
        let (btf, map) = (object(Kind::Btf, btf_fd), object(Kind::Map, map_fd));
        Parts { btf, map, prog: object(Kind::Prog, prog_fd) }
    }

    fn close(self) -> [Named; 3] {
        close([self.btf, self.map, self.prog])
    }
}

impl<'k> Object<'k> {
    fn named(&self) -> Named {
        (self.kind, self.id)
    }

    fn descriptor(self) -> Holder<'k> {
        Box::new(|| {
            close([self]);
        })
    }
}

/// Closes the descriptors of objects, and says which they were.
fn close<const N: usize>(objects: [Object<'_>; N]) -> [Named; N] {
    objects.map(|object| {
        object.kernel.close(object.fd);
        object.named()
    })
}

/// Attaches a program until the holder is called, without a link.
fn attached<'k>(prog: &Object<'k>, ifindex: u32) -> Holder<'k> {
    let kernel = prog.kernel;
    let set = move |prog| {
        let set = kernel.netlink(Netlink::XdpSet { ifindex, prog, expected: None, flags: 0 });
        assert!(set.is_ok(), "{}: {set:?}", kernel.name);
    };
    set(Some(prog.fd));
    Box::new(move || set(None))
}

/// Attaches a program by a link.
fn link<'k>(prog: &Object<'k>, ifindex: u32) -> Result<Object<'k>, Errno> {
    let (kernel, target) = (prog.kernel, Target::Ifindex(ifindex));
    let attach_type = AttachType::XDP;
    let create = LinkCreate { fd: prog.fd, target, attach_type, ..LinkCreate::default() };
    let fd = kernel.bpf(&mut Command::LinkCreate(create)).map(Fd::from_result)?;
    Ok(Object { kernel, kind: Kind::Link, id: id_of(kernel, Kind::Link, fd), fd })
}

fn pin(object: &Object<'_>, pathname: &str) -> Result<u32, Errno> {
    let bpf_fd = object.fd;
    object.kernel.bpf(&mut Command::ObjPin { pathname, bpf_fd, path_fd: None, file_flags: 0 })
}

/// Pins an object until the holder is called.
fn pinned<'k>(object: &Object<'k>, bpffs: &Bpffs<'k>) -> Holder<'k> {
    let (kernel, path) = (object.kernel, bpffs.path("pin"));
    assert_eq!(pin(object, &path), Ok(0), "{}: {:?}", kernel.name, object.named());
    Box::new(move || assert_eq!(kernel.remove(&path), Ok(()), "{}", kernel.name))
}

/// The ids of the programs that an interface runs.
fn progs_on(kernel: &Subject, ifindex: u32) -> Vec<u32> {
    let Ok(Reply::Links(links)) = kernel.netlink(Netlink::Links) else { panic!("a dump") };
    let here = links.into_iter().find(|link| link.ifindex == ifindex);
    here.into_iter().flat_map(|link| link.xdp).map(|(_, id)| id).collect()
}

fn id_of(kernel: &Subject, kind: Kind, fd: Fd) -> u32 {
    match kind {
        Kind::Btf => kernel.btf_info(fd, BtfInfo::default()).map(|info| info.id),
        Kind::Map => kernel.map_info(fd).map(|info| info.id),
        Kind::Prog => kernel.prog_info(fd, ProgInfo::default()).map(|info| info.id),
        Kind::Link => kernel.link_info(fd).map(|info| info.id),
    }
    .expect("a descriptor has its object's facts")
}

/// Whether there is such an object: both ways to find one by its id agree.
fn lives(kernel: &Subject, (kind, id): Named) -> bool {
    let mut next = 0;
    let (start_id, next_id, open_flags) = (id - 1, &mut next, 0);
    let (mut next_command, mut open) = match kind {
        Kind::Btf => (
            Command::BtfGetNextId { start_id, next_id },
            Command::BtfGetFdById { btf_id: id, open_flags },
        ),
        Kind::Map => (
            Command::MapGetNextId { start_id, next_id },
            Command::MapGetFdById { map_id: id, open_flags },
        ),
        Kind::Prog => (
            Command::ProgGetNextId { start_id, next_id },
            Command::ProgGetFdById { prog_id: id, open_flags },
        ),
        Kind::Link => {
            (Command::LinkGetNextId { start_id, next_id }, Command::LinkGetFdById { link_id: id })
        }
    };
    let listed = kernel.bpf(&mut next_command).is_ok();
    let listed = listed && next == id;
    match kernel.bpf(&mut open) {
        Ok(fd) => {
            let fd = Fd::from_result(fd);
            assert_eq!(id_of(kernel, kind, fd), id);
            kernel.close(fd);
            listed
        }
        Err(errno) => {
            assert_eq!(errno, Errno::ENOENT);
            false
        }
    }
}

fn assert_ends(kernel: &Subject, named: Named) {
    wait(kernel, &format!("{named:?} ends"), || !lives(kernel, named));
}

/// Waits for what Linux may do a little later than asked.
fn wait(kernel: &Subject, what: &str, comes_true: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !comes_true() {
        assert!(Instant::now() < patience, "{}: not so: {what}", kernel.name);
        thread::yield_now();
    }
}
