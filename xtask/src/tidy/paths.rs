//! Every path that a page names exists.

use super::Tree;

const PAGES: &str = ".md";
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".c", ".h", ".o", ".pcap", ".data", ".sh"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for page in tree.files.iter().filter(|file| file.path.ends_with(PAGES)) {
        let mut is_code = false;
        for (number, line) in page.text.lines().enumerate() {
            is_code ^= line.starts_with("```");
            if is_code {
                continue;
            }
            for name in names(line).into_iter().filter(|name| !exists(tree, &page.path, name)) {
                complaints.push(format!("{}:{}: `{name}` does not exist", page.path, number + 1));
            }
        }
    }
    complaints
}

/// What a line names in backticks or as the target of a link, where it looks like one of our paths.
fn names(line: &str) -> Vec<&str> {
    let quoted = line.split('`').skip(1).step_by(2).filter(|name| looks_like_a_path(name));
    let links = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let links = links.filter(|link| !link.is_empty() && !link.contains(':'));
    quoted.chain(links).collect()
}

fn looks_like_a_path(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
    let has_ending = ENDINGS.iter().any(|end| name.len() > end.len() && name.ends_with(end));
    name.bytes().all(is_plain)
        && !name.starts_with(['/', '-'])
        && !name.starts_with("./")
        && (name.contains('/') || (has_ending && !name.starts_with('.')))
}

/// Beside the page, from the top, among the C headers; or, for a bare name, anywhere.
fn exists(tree: &Tree, page: &str, name: &str) -> bool {
    let beside = page.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let is_there = |path: String| {
        let folder = format!("{}/", path.trim_end_matches('/'));
        tree.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
            || tree.root.join(&path).exists()
    };
    let bare = format!("/{name}");
    is_there(name.into())
        || is_there(format!("{beside}{name}"))
        || is_there(format!("include/{name}"))
        || (!name.contains('/') && tree.files.iter().any(|file| file.path.ends_with(&bare)))
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::tree;

    #[test]
    fn pages_name_what_exists() {
        let check = |text: &str, complaints: usize| {
            let tree = tree(&[
                ("docs/a.md", text),
                ("crates/obj/src/elf.rs", ""),
                ("include/linux/ip.h", ""),
            ]);
            assert_eq!(super::check(&tree).len(), complaints, "{text}");
        };
        check("see `crates/obj/src/elf.rs`, `crates/obj/`, `elf.rs` and `linux/ip.h`", 0);
        check("see `crates/obj/src/gone.rs`", 1);
        check("see [this](a.md#part), [that](https://example.org/x.md) and [gone](gone.md)", 1);
        check("`/sys/kernel/btf/vmlinux`, `a && b/c`, `.bpf.o`, `--x/y`", 0);
        check("```\ncrates/x `a/b`\n```", 0);
    }
}
