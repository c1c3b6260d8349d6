//! What may touch the host: everything else goes through the seam.

use super::Tree;
use super::blank::code_without_tests;

/// Crates that see data and kernels, never the machine.
const PURE: &[&str] = &["uapi", "isa", "btf", "obj", "verifier", "loader", "trace", "skel"];
/// Crates that may call the C library; the command line asks it for what a terminal is.
const WITH_LIBC: &[&str] = &["vm", "kernel", "linux", "remote", "capi"];
const HOST: &[&str] = &["std::fs", "std::net", "std::process", "std::env", "libc::"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.rust() {
        let Some(folder) = file.crate_folder() else { continue };
        let is_source = file.is_library_source() && !file.path.ends_with("tests.rs");
        if !is_source || !PURE.contains(&folder) {
            continue;
        }
        let code = code_without_tests(&file.text);
        for (line, text) in code.lines().enumerate() {
            for host in HOST.iter().filter(|host| text.contains(*host)) {
                let path = &file.path;
                complaints.push(format!(
                    "{path}:{}: `{host}` reaches the host: crate `{folder}` goes through the seam",
                    line + 1
                ));
            }
        }
    }
    for (name, manifest) in tree.crates() {
        if manifest.text.contains("\nlibc") && !WITH_LIBC.contains(&name) {
            complaints.push(format!("{}: `{name}` may not depend on libc", manifest.path));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::tree;

    #[test]
    fn pure_crates_leave_the_host_alone() {
        let opens = "fn f() {\n    std::fs::read(path)\n}\n";
        assert_eq!(
            super::check(&tree(&[("crates/obj/src/elf.rs", opens)])),
            [
                "crates/obj/src/elf.rs:2: `std::fs` reaches the host: crate `obj` goes through the seam"
            ]
        );
        assert!(super::check(&tree(&[("crates/linux/src/files.rs", opens)])).is_empty());
        let in_tests = format!("#[cfg(test)]\nmod tests {{ {opens} }}");
        assert!(super::check(&tree(&[("crates/obj/src/elf.rs", &in_tests)])).is_empty());
    }
}
