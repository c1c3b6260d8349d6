//! Any kind of file to an object: C with the newest clang there is, and our own headers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use anyhow::{Context as _, bail};
use skep_obj::Object;

/// The C headers of `include/`: path below it, and text.
const HEADERS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/headers.rs"));

/// clang's newest version that is looked for, so that a search of PATH ends.
const NEWEST: u32 = 40;
/// clang's oldest version that compiles for BPF with types.
const OLDEST: u32 = 11;

/// Reads an object; C is compiled to one, assembly is assembled.
pub(crate) fn object(file: &Path) -> anyhow::Result<Object> {
    let name = file.display().to_string();
    let has_extension = |wanted| file.extension().is_some_and(|extension| extension == wanted);
    if has_extension("s") {
        return assemble(file);
    }
    let bytes = if has_extension("c") {
        compile(file)?
    } else {
        fs::read(file).with_context(|| format!("cannot read {name}"))?
    };
    Object::from_elf(&name, &bytes).with_context(|| name)
}

/// Assembles a file.
pub(crate) fn assemble(file: &Path) -> anyhow::Result<Object> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    Object::from_asm(&name, &text).with_context(|| name)
}

/// Compiles C to an ELF file, in memory.
pub(crate) fn compile(file: &Path) -> anyhow::Result<Vec<u8>> {
    // Whether the file is there is said before, and better than, clang would.
    fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let Some(clang) = newest_clang() else {
        bail!(
            "cannot compile {}: no clang found in PATH (looked for clang-{OLDEST} and newer, and \
             clang); install clang, or give a compiled .bpf.o",
            file.display()
        );
    };
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let include = dir.path().join("include");
    write_headers(&include).context("cannot write the C headers to a temporary directory")?;
    let object = dir.path().join("object.bpf.o");
    let output = Command::new(&clang)
        .args(["-O2", "-g", "-Wall", "-target", "bpf", "-c"])
        .arg("-isystem")
        .arg(&include)
        .arg(file)
        .arg("-o")
        .arg(&object)
        .output()
        .with_context(|| format!("cannot run {}", clang.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} cannot compile {}\n{}", clang.display(), file.display(), said.trim_end());
    }
    if !said.is_empty() {
        // Warnings are the writer's to see; that stderr is closed is no reason to fail.
        let _ = io::Write::write_all(&mut io::stderr(), said.as_bytes());
    }
    fs::read(&object).context("cannot read what clang has written")
}

fn write_headers(root: &Path) -> io::Result<()> {
    for (path, text) in HEADERS {
        let path = root.join(path);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// The highest `clang-N` in PATH, else `clang`, which may be of any version.
fn newest_clang() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = env::split_paths(&path).collect();
    let names = (OLDEST..=NEWEST).rev().map(|n| OsString::from(format!("clang-{n}")));
    names.chain([OsString::from("clang")]).find_map(|name| {
        dirs.iter().map(|dir| dir.join(&name)).find(|candidate| candidate.is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_embedded() {
        let has = |name: &str| HEADERS.iter().any(|(path, _)| *path == name);
        for name in ["bpf/bpf_helpers.h", "linux/bpf.h", "linux/if_ether.h"] {
            assert!(has(name), "{name} is embedded");
        }
    }
}
