//! Sizes of files. Those of functions are clippy's job (`too_many_lines` in clippy.toml).

use super::{File, Tree};

/// Longer files are split by noun.
const MOST_LINES: usize = 1000;
/// From here on it is time to think about how.
const MANY_LINES: usize = 700;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    long_files(tree, MOST_LINES + 1, usize::MAX)
        .map(|(path, lines)| {
            format!("{path}: {lines} lines, at most {MOST_LINES}: split it by noun")
        })
        .collect()
}

pub(super) fn advice(tree: &Tree) -> Vec<String> {
    long_files(tree, MANY_LINES, MOST_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines: think about a split"))
        .collect()
}

fn long_files(tree: &Tree, from: usize, to: usize) -> impl Iterator<Item = (&str, usize)> {
    let sources = tree.files.iter().filter(|file| is_written_by_hand(file));
    sources
        .map(|file| (&*file.path, file.text.lines().count()))
        .filter(move |(_, lines)| (from..=to).contains(lines))
}

fn is_written_by_hand(file: &File) -> bool {
    let is_source = [".rs", ".c", ".h", ".md", ".sh"].iter().any(|end| file.path.ends_with(end));
    let head: String = file.text.lines().take(3).collect();
    is_source && !head.contains("do not edit")
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::tree;

    #[test]
    fn a_thousand_lines_are_the_most() {
        let check = |lines: usize, complaints: usize, advice: usize| {
            let text = "x\n".repeat(lines);
            let tree = tree(&[("a.rs", &text)]);
            assert_eq!(
                (super::check(&tree).len(), super::advice(&tree).len()),
                (complaints, advice)
            );
        };
        check(699, 0, 0);
        check(700, 0, 1);
        check(1000, 0, 1);
        check(1001, 1, 0);
    }
}
