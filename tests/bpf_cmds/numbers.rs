//! The numbers of `skep_uapi`, compared with the types of the running Linux.

use std::collections::BTreeMap;

use skep_btf::{Btf, Kind};
use skep_tests::not_run;
use skep_uapi::{AttachType, Cmd, Helper, LinkType, MapType, ProgType};

/// The enumerators of `name` by number, without the one that counts them. A number may have two
/// names, of which one is deprecated.
fn enumerators(btf: &Btf, name: &str) -> BTreeMap<u32, Vec<String>> {
    let id = btf.find(Kind::Enum, name).expect("the enumeration is one of the kernel's");
    let mut by_number: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for enumerator in btf.ty(id).expect("found").enumerators() {
        let name = btf.string(enumerator.name).to_owned();
        if !name.starts_with("__") {
            by_number.entry(enumerator.value as u32).or_default().push(name);
        }
    }
    by_number
}

#[test]
fn numbers_are_the_running_kernels() {
    let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        return not_run("numbers::numbers_are_the_running_kernels", "no BTF of the kernel");
    };
    let btf = Btf::parse(&bytes).expect("the kernel's BTF");
    let check = |name: &str, ours: Vec<(u32, String)>| {
        let mut theirs = enumerators(&btf, name);
        for (number, spelling) in ours {
            // An older kernel has less; what it has must be the same.
            if let Some(names) = theirs.remove(&number) {
                assert!(names.contains(&spelling), "{name} {number}: {spelling}, not {names:?}");
            }
        }
        // A newer kernel has more, behind ours.
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        if release.starts_with("6.18.") {
            assert!(theirs.is_empty(), "{name}: {theirs:?}");
        }
    };
    macro_rules! check_numbers {
        ($($kernel:literal $ours:ident;)*) => {$(
            check($kernel, $ours::ALL.iter().map(|n| (n.0, n.name().unwrap().to_owned())).collect());
        )*};
    }
    check_numbers! {
        "bpf_cmd" Cmd;
        "bpf_map_type" MapType;
        "bpf_prog_type" ProgType;
        "bpf_attach_type" AttachType;
        "bpf_link_type" LinkType;
    }
    let mut helpers = vec![(0, "BPF_FUNC_unspec".to_owned())];
    let name = |helper: &Helper| format!("BPF_FUNC_{}", helper.name().unwrap());
    helpers.extend(Helper::ALL.iter().map(|helper| (helper.0, name(helper))));
    check("bpf_func_id", helpers);
}
