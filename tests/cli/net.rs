//! `skep net`.

use std::path::Path;

use crate::tools;
use crate::transcript::{self, Netns, Place, same_as_bpftool};

#[test]
fn transcript() {
    transcript::check("net", Some(&Netns::new));
}

#[test]
fn attached_programs_equal_bpftool() {
    const NAME: &str = "net attached_programs_equal_bpftool";
    if !tools::is_installed("bpftool", NAME) {
        return;
    }
    skep_tests::on_linux_alone(NAME, "bpftool knows Linux only", |subject| {
        let netns = match Netns::new() {
            Ok(netns) => netns,
            Err(reason) => return skep_tests::not_run(NAME, &reason),
        };
        let bpffs = subject.bpffs();
        let place = Place { bpf: bpffs.path(""), tmp: Path::new("."), netns: Some(&netns.0) };
        let skep = |words: &str| transcript::skep(&place, "linux", words);
        let same = || {
            for option in [&[][..], &["-j"], &["-p"]] {
                for words in [&["net"][..], &["net", "list", "dev", "lo"]] {
                    same_as_bpftool(&place, &[option, words].concat());
                }
            }
        };
        let pin = bpffs.path("counter");
        skep(&format!("prog load examples/xdp-counter/xdp-counter.bpf.o {pin}"));
        same();
        skep(&format!("net attach xdpgeneric pinned {pin} dev lo"));
        same();
        skep("net detach xdpgeneric dev lo");
        same();
    });
}
