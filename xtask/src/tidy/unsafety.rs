//! Unsafe code: only where ARCHITECTURE.md says so, and there it is.

use std::collections::BTreeSet;

use super::Tree;
use super::blank::blank;

const LIST: &str = "ARCHITECTURE.md";
const HEADING: &str = "## Where unsafe is";
/// Crates with modules that may be listed; every other crate forbids unsafe code as a whole.
const MAY: &[&str] = &["uapi", "vm", "kernel", "linux", "remote", "capi", "python"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    let listed = listed(tree);
    let found: BTreeSet<&str> = tree
        .rust()
        .filter(|file| file.is_library_source() && has_unsafe(&file.text))
        .map(|file| &*file.path)
        .collect();
    for path in found.iter().filter(|path| !listed.contains(**path)) {
        complaints.push(format!("{path}: has unsafe code and is not listed in {LIST}"));
    }
    for path in listed.iter().filter(|path| !found.contains(path.as_str())) {
        complaints.push(format!("{LIST}: lists {path}, which has no unsafe code"));
    }
    for (name, _) in tree.crates() {
        let root = ["lib", "main"]
            .iter()
            .find_map(|root| tree.file(&format!("crates/{name}/src/{root}.rs")));
        let Some(root) = root else { continue };
        let level = if MAY.contains(&name) { "deny" } else { "forbid" };
        let wanted = format!("#![{level}(unsafe_code)]");
        if !root.text.contains(&wanted) {
            complaints.push(format!("{}: expected `{wanted}`", root.path));
        }
    }
    complaints
}

/// Paths in the first column of the table under the heading.
fn listed(tree: &Tree) -> BTreeSet<String> {
    let Some(list) = tree.file(LIST) else { return BTreeSet::new() };
    let section = list.text.split(HEADING).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(String::from).collect()
}

fn has_unsafe(source: &str) -> bool {
    let code = blank(source);
    let mut words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.any(|word| word == "unsafe")
}

#[cfg(test)]
mod tests {
    use super::{HEADING, LIST};
    use crate::tidy::tests::tree;

    #[test]
    fn the_list_is_exact() {
        let list = format!("{HEADING}\n| `crates/vm/src/raw.rs` | memory |\n\n## Next\n| `x` |\n");
        let raw = ("crates/vm/src/raw.rs", "unsafe { f() }");
        assert!(super::check(&tree(&[(LIST, &list), raw])).is_empty());
        let complaints = super::check(&tree(&[raw]));
        assert_eq!(
            complaints,
            ["crates/vm/src/raw.rs: has unsafe code and is not listed in ARCHITECTURE.md"]
        );
        let complaints =
            super::check(&tree(&[(LIST, &list), (raw.0, "// unsafe\n#![deny(unsafe_code)]")]));
        assert_eq!(
            complaints,
            ["ARCHITECTURE.md: lists crates/vm/src/raw.rs, which has no unsafe code"]
        );
    }

    #[test]
    fn crates_forbid_it() {
        let complaints =
            super::check(&tree(&[("crates/obj/Cargo.toml", ""), ("crates/obj/src/lib.rs", "")]));
        assert_eq!(complaints, ["crates/obj/src/lib.rs: expected `#![forbid(unsafe_code)]`"]);
    }
}
