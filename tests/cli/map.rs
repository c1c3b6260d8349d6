//! `skep map`.

use std::path::Path;

use crate::tools;
use crate::transcript::{self, Place, same_as_bpftool};

#[test]
fn transcript() {
    transcript::check("map", None);
}

/// Per-CPU maps have as many values as the machine has CPUs, so they are compared, not kept.
#[test]
fn per_cpu_maps_equal_bpftool() {
    const NAME: &str = "map per_cpu_maps_equal_bpftool";
    if !tools::is_installed("bpftool", NAME) {
        return;
    }
    skep_tests::on_linux_alone(NAME, "bpftool knows Linux only", |subject| {
        let bpffs = subject.bpffs();
        let place = Place { bpf: bpffs.path(""), tmp: Path::new("."), netns: None };
        let skep = |words: &str| transcript::skep(&place, "linux", words);
        let [array, hash] = [bpffs.path("array"), bpffs.path("hash")];
        skep(&format!("map create {array} type percpu_array key 4 value 3 entries 2 name array"));
        skep(&format!("map create {hash} type percpu_hash key 20 value 24 entries 2 name hash"));
        skep(&format!("map update pinned {array} key 1 0 0 0 value 1 2 3"));
        let key = "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0";
        let value = "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4";
        skep(&format!("map update pinned {hash} key {key} value {value}"));
        for (map, key) in [(&array, "1 0 0 0"), (&hash, key)] {
            for option in ["", "-j ", "-p "] {
                let same = |words: &str| {
                    let words = format!("{option}map {words}");
                    same_as_bpftool(&place, &words.split(' ').collect::<Vec<_>>());
                };
                same(&format!("dump pinned {map}"));
                same(&format!("show pinned {map}"));
                same(&format!("lookup pinned {map} key {key}"));
            }
        }
    });
}

/// Every map of every object of the examples and tests that Linux takes.
#[test]
fn maps_of_objects_equal_bpftool() {
    const NAME: &str = "map maps_of_objects_equal_bpftool";
    if !tools::is_installed("bpftool", NAME) {
        return;
    }
    skep_tests::on_linux_alone(NAME, "bpftool knows Linux only", |subject| {
        let bpffs = subject.bpffs();
        let pins = tools::load_all(&bpffs);
        let place = Place { bpf: bpffs.path(""), tmp: Path::new("."), netns: None };
        assert!(pins.maps.len() > 10, "the objects have maps");
        for map in &pins.maps {
            for option in [&[][..], &["-j"], &["-p"]] {
                for verb in ["show", "dump"] {
                    let words = [option, &["map", verb, "pinned", map][..]].concat();
                    same_as_bpftool(&place, &words);
                }
            }
        }
    });
}
