//! `skep btf`: what a file holds, and what a kernel holds.

use std::path::Path;

use crate::golden;
use crate::tools;
use crate::transcript::{self, Place, same_as_bpftool, user_batch};

#[test]
fn files() {
    golden::check("btf");
}

#[test]
fn transcript() {
    transcript::check("btf-show", None);
}

const LOAD: &str = "prog load examples/xdp-counter/xdp-counter.bpf.o";

/// Whole lists are a kernel's alone: Linux has others' objects too.
#[test]
fn users_of_types_are_listed() {
    let load = format!("{LOAD} /sys/fs/bpf/x");
    let text = user_batch(&[], &[&load, "btf"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("1: name [vmlinux]  size "), "{text}");
    let expect = "2: name <anon>  size 882B  prog_ids 1  map_ids 1";
    assert_eq!(lines[1..], [expect, "processed 2 commands"]);
    let text = user_batch(&["-j"], &[&load, "btf list id 2"]);
    let expect = r#"{"id":2,"size":882,"prog_ids":[1],"map_ids":[1],"kernel":false}"#;
    assert!(text.contains(expect), "{text}");
}

/// With a program and a map that use it, and the kernel's own.
#[test]
fn users_of_types_equal_bpftool() {
    const NAME: &str = "btf users_of_types_equal_bpftool";
    if !tools::is_installed("bpftool", NAME) {
        return;
    }
    skep_tests::on_linux_alone(NAME, "bpftool knows Linux only", |subject| {
        let bpffs = subject.bpffs();
        let place = Place { bpf: bpffs.path(""), tmp: Path::new("."), netns: None };
        let [pin, maps] = [bpffs.path("counter"), bpffs.path("maps")];
        transcript::skep(&place, "linux", &format!("{LOAD} {pin} pinmaps {maps}"));
        let shown = transcript::skep(&place, "linux", &format!("prog show pinned {pin}"));
        let id = shown.split("btf_id ").nth(1).expect("it has types").trim();
        for id in [id, "1"] {
            for option in [&[][..], &["-j"], &["-p"]] {
                same_as_bpftool(&place, &[option, &["btf", "show", "id", id]].concat());
            }
        }
    });
}
