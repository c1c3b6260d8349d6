//! `skep link`.

use std::path::Path;

use skep_tests::Subject;
use skep_uapi::{
    AttachType, Command, Fd, LinkCreate, LinkDetail, Open, ProgLoad, ProgType, Target,
};

use crate::tools;
use crate::transcript::{self, Netns, Place, same_as_bpftool, skep};

#[test]
fn transcript() {
    transcript::check("link", Some(&Netns::new));
}

/// The kinds of link that bpftool 7.1 knows, but for XDP, whose device it does not tell.
#[test]
fn links_equal_bpftool() {
    const NAME: &str = "link::links_equal_bpftool";
    if !tools::is_installed("bpftool", NAME) {
        return;
    }
    skep_tests::on_every_kernel_with_device(NAME, |subject, ifindex| {
        if subject.name != "linux" {
            return skep_tests::not_run(&format!("{NAME} on user"), "bpftool knows Linux only");
        }
        let tmp = Path::new(".");
        let place = Place { bpf: String::new(), tmp, netns: None };
        for link in [raw_tracepoint(subject), netns(subject, AttachType::SK_LOOKUP)] {
            let id = subject.link_info(link).expect("it is a link").id.to_string();
            for option in [&[][..], &["-j"], &["-p"]] {
                let words = [option, &["link", "show", "id", &id]].concat();
                same_as_bpftool(&place, &words);
            }
        }
        let xdp = link(subject, ProgType::XDP, Target::Ifindex(ifindex), AttachType::XDP);
        let info = subject.link_info(xdp).expect("it is a link");
        let (id, prog) = (info.id, info.prog_id);
        let plain = skep(&place, "linux", &format!("link show id {id}"));
        assert_eq!(plain, format!("{id}: xdp  prog {prog}  \n\tifindex skep0({ifindex})  \n"));
    });
}

/// The words of newer kinds, by the kernel that tells them.
#[test]
fn newer_links_are_shown() {
    const NAME: &str = "link::newer_links_are_shown";
    skep_tests::on_every_kernel_with_device(NAME, |subject, ifindex| {
        if subject.name != "linux" {
            let reason = "the user-space kernel has links of XDP only";
            return skep_tests::not_run(&format!("{NAME} on user"), reason);
        }
        let place = Place { bpf: String::new(), tmp: Path::new("."), netns: None };
        let check = |link: Fd, plain: &str, json: &str| {
            let info = subject.link_info(link).expect("it is a link");
            let (id, prog) = (info.id, info.prog_id);
            let found = skep(&place, "linux", &format!("link show id {id}"));
            assert_eq!(
                found.replace(&format!("{id}: "), "N: "),
                plain.replace("{prog}", &prog.to_string())
            );
            let found = skep(&place, "linux", &format!("-j link show id {id}"));
            let json = json.replace("{prog}", &prog.to_string());
            assert_eq!(found, format!("{{\"id\":{id},{json}}}\n"));
        };
        let tcx =
            link(subject, ProgType::SCHED_CLS, Target::Ifindex(ifindex), AttachType::TCX_INGRESS);
        check(
            tcx,
            &format!(
                "N: tcx  prog {{prog}}  \n\tifindex skep0({ifindex})  attach_type tcx_ingress  \n"
            ),
            &format!(
                "\"type\":\"tcx\",\"prog_id\":{{prog}},\"devname\":\"skep0\",\"ifindex\":{ifindex},\"attach_type\":\"tcx_ingress\""
            ),
        );
        check(
            netfilter(subject),
            "N: netfilter  prog {prog}  \n\tip input prio 10  \n",
            "\"type\":\"netfilter\",\"prog_id\":{prog},\"pf\":2,\"hook\":1,\"prio\":10,\"flags\":0",
        );
    });
}

fn raw_tracepoint(subject: &Subject) -> Fd {
    let prog_fd = prog(subject, ProgType::RAW_TRACEPOINT, AttachType::default());
    let mut command = Command::RawTracepointOpen { name: Some("sched_switch"), prog_fd, cookie: 0 };
    subject.fd(&mut command).expect("every Linux has this tracepoint")
}

fn netns(subject: &Subject, attach_type: AttachType) -> Fd {
    let own = subject.own(subject.open(Open::Netns("/proc/self/ns/net")).expect("it has one"));
    link(subject, ProgType::SK_LOOKUP, Target::Fd(own), attach_type)
}

fn link(subject: &Subject, kind: ProgType, target: Target, attach_type: AttachType) -> Fd {
    create(subject, kind, LinkCreate { target, attach_type, ..LinkCreate::default() })
}

fn netfilter(subject: &Subject) -> Fd {
    let detail = LinkDetail::Netfilter { pf: 2, hooknum: 1, priority: 10, flags: 0 };
    let attach_type = AttachType::NETFILTER;
    create(
        subject,
        ProgType::NETFILTER,
        LinkCreate { attach_type, detail, ..LinkCreate::default() },
    )
}

fn create(subject: &Subject, kind: ProgType, link: LinkCreate<'_>) -> Fd {
    let fd = prog(subject, kind, link.attach_type);
    let mut command = Command::LinkCreate(LinkCreate { fd, ..link });
    subject.fd(&mut command).expect("nothing else is attached there")
}

/// A program that does nothing, for one place.
fn prog(subject: &Subject, prog_type: ProgType, expected_attach_type: AttachType) -> Fd {
    let insns = skep_tests::insns("r0 = 1\nexit");
    let load = ProgLoad {
        prog_type,
        expected_attach_type,
        insns: &insns,
        license: "GPL",
        ..ProgLoad::default()
    };
    subject.own(subject.prog_load(load).expect("it does nothing"))
}
