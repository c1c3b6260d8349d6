//! The rules of the house that no compiler checks: `cargo xtask tidy`, and a test.
//!
//! Each rule takes the tree and answers with complaints. What a complaint names is what to change.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

mod blank;
mod floors;
mod host;
mod paths;
mod sizes;
mod unsafety;
mod words;

/// Checks the workspace below `root`; prints complaints and advice.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let tree = Tree::read(root)?;
    for advice in sizes::advice(&tree) {
        println!("advice: {advice}");
    }
    let complaints = complaints(&tree);
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!("tidy: {} files, {} complaints", tree.files.len(), complaints.len());
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All rules, in the order in which they are explained in CONTRIBUTING.md.
fn complaints(tree: &Tree) -> Vec<String> {
    [
        floors::check(tree),
        host::check(tree),
        unsafety::check(tree),
        sizes::check(tree),
        words::check(tree),
        paths::check(tree),
    ]
    .concat()
}

/// Every file of the project with its text, paths relative to the workspace with `/` in them.
pub(crate) struct Tree {
    root: PathBuf,
    files: Vec<File>,
}

pub(crate) struct File {
    path: String,
    /// Without what is not UTF-8: objects and captures are searched for words too.
    text: String,
}

impl Tree {
    /// Reads what git tracks or would track.
    fn read(root: &Path) -> Result<Tree> {
        let output = Command::new("git")
            .current_dir(root)
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("cannot start git, which knows the project's files")?;
        let list = String::from_utf8_lossy(&output.stdout);
        let files = list
            .lines()
            .filter_map(|path| {
                let bytes = std::fs::read(root.join(path)).ok()?;
                Some(File { path: path.into(), text: String::from_utf8_lossy(&bytes).into() })
            })
            .collect();
        Ok(Tree { root: root.to_path_buf(), files })
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// Folders of `crates/`, with their manifests.
    fn crates(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().filter_map(|file| {
            let folder = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            Some((folder, file))
        })
    }
}

impl File {
    /// Whether it is part of what users run, as opposed to tests, benchmarks and chores.
    fn is_library_source(&self) -> bool {
        self.path.starts_with("crates/") && self.path.contains("/src/")
    }

    /// The crate's folder, for a file of a crate.
    fn crate_folder(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

#[cfg(test)]
mod tests {
    use super::{File, Tree};

    /// A tree of the given files.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |&(path, text): &(&str, &str)| File { path: path.into(), text: text.into() };
        Tree { root: "nowhere".into(), files: files.iter().map(file).collect() }
    }

    #[test]
    fn the_house_is_tidy() {
        if std::process::Command::new("git").arg("--version").output().is_err() {
            eprintln!("not run: the_house_is_tidy: no git");
            return;
        }
        let tree = Tree::read(&crate::root()).expect("the files can be read");
        let complaints = super::complaints(&tree);
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}
