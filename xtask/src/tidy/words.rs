//! Words that do not belong into a finished project.

use super::Tree;

/// Each is written in two halves, so that this file may keep its own rule.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX:"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
    concat!("should", "_panic"),
    concat!("thread::", "sleep"),
];

/// Folders of whoever wrote or built it.
const MACHINE: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/tmp/", "skep/"),
];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        let is_text = [".rs", ".c", ".h", ".toml"].iter().any(|end| file.path.ends_with(end));
        for (number, line) in file.text.lines().enumerate() {
            let at = format!("{}:{}", file.path, number + 1);
            for word in UNFINISHED.iter().filter(|word| is_text && line.contains(*word)) {
                complaints.push(format!("{at}: `{word}`: finish it, or list it as missing"));
            }
            for path in MACHINE.iter().filter(|path| line.contains(*path)) {
                complaints.push(format!("{at}: `{path}` names a folder of one machine"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::tree;

    #[test]
    fn unfinished_work_and_machines_are_found() {
        for (text, count) in [
            (concat!("ok\n// TO", "DO: rest\n"), 1),
            (concat!("let path = \"/ho", "me/me/x\";\n"), 1),
            ("let done = 1;\n", 0),
        ] {
            assert_eq!(super::check(&tree(&[("a.rs", text)])).len(), count, "{text}");
        }
    }
}
