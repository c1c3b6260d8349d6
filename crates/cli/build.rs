//! Embeds the C headers of `include/`, whatever files there are, as a table of path and text.

use std::path::{Path, PathBuf};
use std::{env, fmt::Write as _, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../../include")
        .canonicalize()?;
    let mut headers = Vec::new();
    collect(&root, &mut headers)?;
    headers.sort();
    let mut table = String::from("&[\n");
    for header in headers {
        let name = header.strip_prefix(&root).expect("it was found below").display().to_string();
        let _ =
            writeln!(table, "    ({name:?}, include_str!({:?})),", header.display().to_string());
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("headers.rs"), table)
}

/// Every file below a directory; the directories are watched, so that a new file is noticed.
fn collect(dir: &Path, headers: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", dir.display());
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, headers)?;
        } else if path.extension().is_some_and(|extension| extension == "h") {
            headers.push(path);
        }
    }
    Ok(())
}
