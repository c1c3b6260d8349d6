//! Committed BPF objects: each `.bpf.o` is what one pinned compiler makes of the C beside it.
//!
//! A line `// clang: -O0 -mcpu=v1` in a source replaces the default flags, `-O2 -g`. Where there are
//! several, `// clang: -O0 => foo-O0.o` also names the object.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// Another version makes other bytes of the same source.
const PINNED: &str = "clang version 19.1.7";
const CLANG: &str = "clang-19";
/// Versions that a demonstration may find instead.
const OTHERS: std::ops::RangeInclusive<u32> = 14..=40;
const DEFAULT_FLAGS: &str = "-O2 -g";
/// Folders whose C files have objects beside them; sub-folders included.
const FOLDERS: &[&str] = &["examples", "tests/objects"];

/// One object to make: everything is relative to the folder of the source, so that no object holds
/// a path of the machine that made it.
pub(crate) struct Recipe {
    folder: PathBuf,
    source: String,
    object: String,
    flags: Vec<String>,
}

/// Rebuilds every committed object below `root` with the pinned compiler.
pub(crate) fn rebuild(root: &Path) -> Result<()> {
    let version = pinned_version()?;
    println!("{version}");
    for recipe in recipes(root)? {
        let object = recipe.committed();
        let bytes = recipe.compile(root, CLANG)?;
        let is_new = std::fs::read(&object).ok().as_ref() != Some(&bytes);
        std::fs::write(&object, bytes)?;
        println!("{} {}", if is_new { "new      " } else { "unchanged" }, relative(root, &object));
    }
    Ok(())
}

/// Every object that has a source, in the order of their names.
pub(crate) fn recipes(root: &Path) -> Result<Vec<Recipe>> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        find_sources(&root.join(folder), &mut sources)?;
    }
    sources.sort();
    let mut recipes = Vec::new();
    for source in sources {
        let text = std::fs::read_to_string(&source)
            .with_context(|| format!("cannot read {}", source.display()))?;
        recipes.extend(recipes_of(&source, &text));
    }
    Ok(recipes)
}

impl Recipe {
    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    /// Where the object is committed.
    pub(crate) fn committed(&self) -> PathBuf {
        self.folder.join(&self.object)
    }

    pub(crate) fn is_example(&self, root: &Path) -> bool {
        self.folder.starts_with(root.join("examples"))
    }

    /// The object's bytes, as `clang` makes them.
    pub(crate) fn compile(&self, root: &Path, clang: &str) -> Result<Vec<u8>> {
        let depth = relative(root, &self.folder).split('/').count();
        let include = format!("{}include", "../".repeat(depth));
        let output = Command::new(clang)
            .current_dir(&self.folder)
            .args(["-target", "bpf", "-Wall", "-Wextra", "-nostdinc", "-fdebug-compilation-dir=."])
            .args(["-I", &include, "-c", &self.source, "-o", "-"])
            .args(&self.flags)
            .output()
            .with_context(|| format!("cannot start {clang}: install it"))?;
        let words = String::from_utf8_lossy(&output.stderr);
        let is_clean = output.status.success() && words.is_empty();
        ensure!(is_clean, "{} does not compile without a word: {words}", self.source);
        Ok(output.stdout)
    }
}

/// The newest clang that can be started, as a name for [`Recipe::compile`].
pub(crate) fn newest_clang() -> Option<String> {
    let names = OTHERS.rev().map(|n| format!("clang-{n}"));
    let starts = |name: &String| {
        let output = Command::new(name).arg("--version").output();
        output.is_ok_and(|output| output.status.success())
    };
    names.chain(["clang".to_owned()]).find(starts)
}

/// The pinned compiler's own words about its version, or what to install.
fn pinned_version() -> Result<String> {
    let output = Command::new(CLANG)
        .arg("--version")
        .output()
        .with_context(|| format!("{CLANG} cannot be started: committed objects are made by it"))?;
    let version = String::from_utf8_lossy(&output.stdout);
    let version = version.lines().next().unwrap_or_default();
    if !version.contains(PINNED) {
        bail!("expected {PINNED}, found {version}: other versions make other bytes");
    }
    Ok(version.to_owned())
}

fn find_sources(folder: &Path, sources: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            find_sources(&path, sources)?;
        } else if path.extension() == Some(OsStr::new("c")) {
            sources.push(path);
        }
    }
    Ok(())
}

fn recipes_of(source: &Path, text: &str) -> Vec<Recipe> {
    let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let default_object = format!("{}.o", name.trim_end_matches(".c"));
    let recipe = |flags: &str, object: &str| Recipe {
        folder: source.parent().unwrap_or(Path::new(".")).to_path_buf(),
        source: name.clone(),
        object: object.to_owned(),
        flags: flags.split_whitespace().map(String::from).collect(),
    };
    let directives: Vec<Recipe> = text
        .lines()
        .filter_map(|line| line.strip_prefix("// clang: "))
        .map(|line| match line.split_once(" => ") {
            Some((flags, object)) => recipe(flags, object.trim()),
            None => recipe(line, &default_object),
        })
        .collect();
    if directives.is_empty() { vec![recipe(DEFAULT_FLAGS, &default_object)] } else { directives }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn directives_choose_flags_and_names() {
        let text = "// clang: -O0 => a-O0.o\n// clang: -O2 -mcpu=v1\nint x;\n";
        let recipes = super::recipes_of(Path::new("a.c"), text);
        let made: Vec<_> =
            recipes.iter().map(|recipe| (recipe.object.as_str(), recipe.flags.join(" "))).collect();
        assert_eq!(made, [("a-O0.o", "-O0".to_owned()), ("a.o", "-O2 -mcpu=v1".to_owned())]);
        assert_eq!(super::recipes_of(Path::new("a.c"), "int x;\n")[0].flags, ["-O2", "-g"]);
    }

    #[test]
    fn committed_objects_are_what_their_sources_make() {
        if let Err(reason) = super::pinned_version() {
            eprintln!("not run: committed_objects_are_what_their_sources_make: {reason:#}");
            return;
        }
        let root = crate::root();
        for recipe in super::recipes(&root).expect("the sources can be read") {
            let made = recipe.compile(&root, super::CLANG).expect("it compiles");
            let committed = std::fs::read(recipe.committed()).unwrap_or_default();
            let object = &recipe.object;
            assert!(made == committed, "{object} is out of date: run `cargo xtask objects`");
            let home = root.to_string_lossy();
            let names_a_path = made.windows(home.len()).any(|window| window == home.as_bytes());
            assert!(!names_a_path, "{object} holds a path of the machine that made it");
        }
    }
}
