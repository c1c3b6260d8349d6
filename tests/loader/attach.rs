//! XDP attached by link and by netlink.

use std::sync::Arc;

use skep_loader::attach::xdp::{self, Mode, Replace};
use skep_loader::{Link, Loaded, Loader};
use skep_tests::on_every_kernel_with_device;
use skep_uapi::{Errno, Kernel, LinkInfoDetail};

use crate::objects::object;

/// Mode that netlink tells for a program in the stack (`XDP_ATTACHED_SKB`).
const ATTACHED_SKB: u8 = 2;

#[test]
fn a_link_attaches_until_it_is_closed() {
    on_every_device("attach::a_link_attaches_until_it_is_closed", |kernel, ifindex| {
        let (one, other) = (pass(kernel), pass(kernel));
        let (one, other) = (&one.programs[0].prog, &other.programs[0].prog);
        let link = xdp::link(one, ifindex, Mode::Generic).expect("nothing is attached");
        let info = link.info().expect("a link has info");
        let id = |prog: &skep_loader::Prog| prog.facts().expect("a program has facts").id;
        assert_eq!(info.prog_id, id(one));
        assert!(matches!(info.detail, LinkInfoDetail::Xdp { ifindex: at } if at == ifindex));
        assert_eq!(attached(kernel, ifindex), [(ATTACHED_SKB, id(one))]);

        let again = xdp::link(other, ifindex, Mode::Generic).expect_err("one is attached");
        assert_eq!(again.errno(), Some(Errno::EBUSY), "{again}");
        link.update(other, Some(one)).expect("the old program is the one");
        assert_eq!(attached(kernel, ifindex), [(ATTACHED_SKB, id(other))]);
        let wrong = link.update(other, Some(one)).expect_err("the old program is another");
        assert_eq!(wrong.errno(), Some(Errno::EPERM), "{wrong}");

        let found = Link::from_id(kernel, info.id).expect("the id is there");
        drop(link);
        assert_eq!(attached(kernel, ifindex), [(ATTACHED_SKB, id(other))]);
        found.detach().expect("it is attached");
        assert_eq!(attached(kernel, ifindex), []);
        drop(found);
        drop(xdp::link(one, ifindex, Mode::Generic).expect("nothing is attached"));
        assert_eq!(attached(kernel, ifindex), []);
    });
}

#[test]
fn netlink_attaches_until_it_is_told() {
    on_every_device("attach::netlink_attaches_until_it_is_told", |kernel, ifindex| {
        let (one, other) = (pass(kernel), pass(kernel));
        let (one, other) = (&one.programs[0].prog, &other.programs[0].prog);
        let attach = |prog, replace| xdp::netlink(prog, ifindex, Mode::Generic, replace);
        attach(one, Replace::Nothing).expect("nothing is attached");
        let taken = attach(other, Replace::Nothing).expect_err("one is attached");
        assert_eq!(taken.errno(), Some(Errno::EBUSY), "{taken}");
        let wrong = attach(one, Replace::Only(other)).expect_err("another one is attached");
        assert_eq!(wrong.errno(), Some(Errno::EEXIST), "{wrong}");
        attach(other, Replace::Only(one)).expect("it is the one");
        attach(one, Replace::Anything).expect("anything may be replaced");
        assert_eq!(attached(kernel, ifindex).len(), 1);
        xdp::detach(kernel, ifindex, Mode::Generic).expect("one is attached");
        assert_eq!(attached(kernel, ifindex), []);
    });
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    on_every_device("attach::an_interface_that_is_not_there_is_named", |kernel, _| {
        let error = xdp::interface(kernel, "nosuch0").expect_err("there is no such one");
        assert_eq!(error.errno(), Some(Errno::ENODEV));
        assert!(error.to_string().contains("cannot find the network interface nosuch0"), "{error}");
    });
}

fn pass(kernel: &Arc<dyn Kernel>) -> Loaded {
    Loader::new(kernel).load(&object("r0 = 2; exit", &[])).expect("loads")
}

fn attached(kernel: &Arc<dyn Kernel>, ifindex: u32) -> Vec<(u8, u32)> {
    let links = xdp::interfaces(kernel).expect("interfaces can be listed");
    links.into_iter().find(|link| link.ifindex == ifindex).expect("it is there").xdp
}

/// Runs a test on each kernel with an interface of its own.
fn on_every_device(test: &str, check: impl Fn(&Arc<dyn Kernel>, u32)) {
    on_every_kernel_with_device(test, |subject, ifindex| check(&subject.kernel, ifindex));
}
