//! Floors: a crate depends on lower floors only, and few crates may choose a kernel.

use super::{File, Tree};

const FLOORS: &[(u8, &[&str])] = &[
    (6, &["cli", "python"]),
    (5, &["trace", "capi", "skep", "build"]),
    (4, &["loader", "kernel", "skel"]),
    (3, &["obj", "verifier"]),
    (2, &["btf", "vm"]),
    (1, &["isa", "linux", "remote"]),
    (0, &["uapi"]),
];

/// Who may know a particular kernel. Everybody else is handed one.
const CHOOSERS: &[&str] = &["cli", "python", "capi", "skep"];
const KERNELS: &[&str] = &["kernel", "linux", "remote"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, manifest) in tree.crates() {
        let Some(floor) = floor(name) else {
            complaints.push(format!("{}: `{name}` has no floor", manifest.path));
            continue;
        };
        for dependency in dependencies(manifest) {
            let path = &manifest.path;
            match self::floor(dependency) {
                None => complaints.push(format!("{path}: `{dependency}` has no floor")),
                Some(lower) if lower >= floor => complaints.push(format!(
                    "{path}: `{name}` (floor {floor}) may not depend on `{dependency}` (floor {lower})"
                )),
                Some(_) if KERNELS.contains(&dependency) && !CHOOSERS.contains(&name) => complaints
                    .push(format!("{path}: `{name}` may not know which kernel it talks to (`{dependency}`)")),
                Some(_) => {}
            }
        }
        if !manifest.text.contains("[lints]\nworkspace = true") {
            complaints.push(format!("{}: expected `[lints] workspace = true`", manifest.path));
        }
    }
    complaints
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(_, crates)| crates.contains(&name)).map(|&(floor, _)| floor)
}

/// Crates of ours that a build depends on. Tests may look up: they are not part of the house.
fn dependencies(manifest: &File) -> Vec<&str> {
    let mut is_build = false;
    let mut found = Vec::new();
    for line in manifest.text.lines() {
        if let Some(section) = line.strip_prefix('[') {
            is_build = section.ends_with("dependencies]") && !section.contains("dev-");
        } else if let Some(rest) = line.strip_prefix("skep-").filter(|_| is_build) {
            found.extend(rest.split(['.', ' ', '=']).next());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::tree;

    fn check(name: &str, dependency: &str, expect: Option<&str>) {
        let path = format!("crates/{name}/Cargo.toml");
        let text =
            format!("[lints]\nworkspace = true\n[dependencies]\n{dependency}.workspace = true\n");
        let complaints = super::check(&tree(&[(&path, &text)]));
        match expect {
            None => assert!(complaints.is_empty(), "{complaints:?}"),
            Some(words) => assert!(complaints.concat().contains(words), "{complaints:?}"),
        }
    }

    #[test]
    fn nothing_imports_upward() {
        check("loader", "skep-obj", None);
        check("obj", "skep-loader", Some("floor 3) may not depend on `loader` (floor 4)"));
        check("verifier", "skep-obj", Some("floor 3"));
        check("loader", "skep-linux", Some("may not know which kernel"));
        check("cli", "skep-linux", None);
        check("attic", "skep-obj", Some("`attic` has no floor"));
    }

    #[test]
    fn tests_may_look_up() {
        let text = "[lints]\nworkspace = true\n[dev-dependencies]\nskep-kernel.workspace = true\n";
        assert!(super::check(&tree(&[("crates/loader/Cargo.toml", text)])).is_empty());
    }
}
