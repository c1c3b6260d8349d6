//! The committed objects.

use std::path::{Path, PathBuf};

/// Every object in `tests/objects` and `examples`: file name and bytes, by name.
pub(crate) fn objects() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    collect(&root().join("tests/objects"), &mut found);
    collect(&root().join("examples"), &mut found);
    found.sort();
    assert!(found.len() >= 20, "the objects are committed: {}", found.len());
    found
}

/// Bytes of one object of `tests/objects`.
pub(crate) fn object(name: &str) -> Vec<u8> {
    let path = root().join("tests/objects").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn collect(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("the folder is committed") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "o") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
}
