//! `skep tree`.

use std::path::Path;
use std::process::Command;

use skep_loader::attach::xdp;
use skep_loader::{Handle, Prog};
use skep_tests::four_byte_key;
use skep_uapi::{AttachType, LinkCreate, MapCreate, MapType, ProgType, Target};

use crate::transcript::{self, Netns, Place, skep, user_batch};

#[test]
fn transcript() {
    transcript::check("tree", Some(&Netns::new));
}

/// The whole of it: Linux has others' objects too.
#[test]
fn everything_is_shown() {
    assert_eq!(user_batch(&[], &["tree"]), "no objects\nprocessed 1 commands\n");
    let load = "prog load examples/xdp-counter/xdp-counter.bpf.o /sys/fs/bpf/x";
    let text = user_batch(&[], &[load, "net attach xdp pinned /sys/fs/bpf/x dev lo", "tree"]);
    let expect = "\
pins
└─ /sys/fs/bpf/x: prog 1  xdp  count_packets
   ├─ map 1  array  my_map
   │  └─ btf 2
   └─ btf 2
attached without a link
└─ lo(1) xdp generic: prog 1  xdp  count_packets  (see above)
processed 3 commands
";
    assert_eq!(text, expect);
}

/// Descriptors of this process: of a program, of a link to it, of a map.
#[test]
fn a_process_holds_by_descriptors() {
    const NAME: &str = "tree::a_process_holds_by_descriptors";
    skep_tests::on_every_kernel_with_device(NAME, |subject, ifindex| {
        if subject.name != "linux" {
            let reason = "the user-space kernel does not list processes yet";
            return skep_tests::not_run(&format!("{NAME} on user"), reason);
        }
        let prog = subject.prog(ProgType::XDP, "r0 = 2\nexit");
        let link = LinkCreate {
            fd: prog,
            target: Target::Ifindex(ifindex),
            attach_type: AttachType::XDP,
            ..LinkCreate::default()
        };
        let link = subject.fd(&mut skep_uapi::Command::LinkCreate(link)).expect("a free device");
        let map = subject.array(8, 1);
        let pid = std::process::id();
        let comm = std::fs::read_to_string("/proc/self/comm").expect("Linux has proc");
        let prog_id = subject.prog_info(prog, Default::default()).expect("a program").id;
        let link_id = subject.link_info(link).expect("a link").id;
        let map_id = subject.map_info(map).expect("a map").id;
        let expect = format!(
            "processes\n\
             └─ {pid} {}\n   \
                ├─ fd {prog}: prog {prog_id}  xdp  skep_test\n   \
                ├─ fd {link}: link {link_id}  xdp  ifindex skep0({ifindex})\n   \
                │  └─ prog {prog_id}  xdp  skep_test\n   \
                └─ fd {map}: map {map_id}  array  skep_test\n",
            comm.trim_end()
        );
        let place = Place { bpf: String::new(), tmp: Path::new("."), netns: None };
        assert_eq!(skep(&place, "linux", &format!("tree pid {pid}")), expect);
    });
}

/// A map of programs holds them, a map of maps those in it; a program may be in the map that it
/// jumps through itself.
#[test]
fn maps_hold_what_is_in_them() {
    const NAME: &str = "tree maps_hold_what_is_in_them";
    let reason = "it has no maps of programs yet";
    skep_tests::on_linux_alone(NAME, reason, |subject| {
        let progs = MapCreate { map_type: MapType::PROG_ARRAY, value_size: 4, ..four_byte_key() };
        let progs = subject.map(MapCreate { max_entries: 4, ..progs });
        let jump = format!("r2 = map[fd:{progs}]\nr3 = 0\ncall tail_call\nr0 = 2\nexit");
        let prog = subject.prog(ProgType::XDP, &jump);
        subject.map_update(progs, &[2, 0, 0, 0], &prog.0.to_ne_bytes(), 0).expect("it fits");
        let inner = subject.array(8, 1);
        let outer = MapCreate { map_type: MapType::HASH_OF_MAPS, value_size: 4, ..four_byte_key() };
        let inner_map_fd = Some(inner);
        let outer = subject.map(MapCreate { max_entries: 4, inner_map_fd, ..outer });
        subject.map_update(outer, &[7; 4], &inner.0.to_ne_bytes(), 0).expect("it fits");
        let id = |fd| subject.map_info(fd).expect("a map").id;
        let (progs_id, inner_id, outer_id) = (id(progs), id(inner), id(outer));
        let prog_id = subject.prog_info(prog, Default::default()).expect("a program").id;
        let place = Place { bpf: String::new(), tmp: Path::new("."), netns: None };
        let check = |words: &str, expect: &str| {
            let text = skep(&place, "linux", words);
            assert!(text.contains(expect), "{words}: expected\n{expect}in\n{text}");
        };
        check(
            &format!("tree map id {progs_id}"),
            &format!(
                "fd {progs}: map {progs_id}  prog_array  skep_test\n   \
                    │  └─ prog {prog_id}  xdp  skep_test\n   \
                    │     └─ map {progs_id}  prog_array  skep_test  (see above)\n"
            ),
        );
        check(
            &format!("tree map id {inner_id}"),
            &format!(
                "fd {outer}: map {outer_id}  hash_of_maps  skep_test\n      \
                       └─ map {inner_id}  array  skep_test\n"
            ),
        );
    });
}

/// What is attached by netlink is held by its device; from another network namespace by nobody.
#[test]
fn a_device_holds_what_is_attached_without_a_link() {
    const NAME: &str = "tree::a_device_holds_what_is_attached_without_a_link";
    skep_tests::on_every_kernel_with_device(NAME, |subject, ifindex| {
        if subject.name != "linux" {
            let reason = "everything_is_shown shows it, and there is one network namespace only";
            return skep_tests::not_run(&format!("{NAME} on user"), reason);
        }
        let fd = subject.prog(ProgType::XDP, "r0 = 2\nexit");
        let id = subject.prog_info(fd, Default::default()).expect("a program").id;
        let prog = Prog::from_handle(Handle::new(&subject.kernel, fd));
        let mode = xdp::Mode::Generic;
        xdp::netlink(&prog, ifindex, mode, xdp::Replace::Nothing).expect("a free device");
        drop(prog);
        let tree = |namespaces: &[&str]| {
            let mut unshare = Command::new("unshare");
            unshare.args(["--pid", "--fork", "--mount-proc"]).args(namespaces);
            unshare.arg(skep_tests::skep()).args(["--kernel", "linux", "tree", "prog", "id"]);
            let output = unshare.arg(id.to_string()).output().expect("unshare of util-linux");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let object = format!("prog {id}  xdp  skep_test\n");
        let attached = format!("attached without a link\n└─ skep0({ifindex}) xdp generic: ");
        assert_eq!(tree(&[]), attached + &object);
        let nobody = "held by nobody that is seen\n└─ ".to_owned();
        assert_eq!(tree(&["--net"]), nobody + &object);
        xdp::detach(&subject.kernel, ifindex, mode).expect("it is attached");
    });
}
