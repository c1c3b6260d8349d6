//! The `skep` command, built when a test first needs it.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Where the `skep` of this build is.
///
/// Cargo builds a binary for the tests of its own package only, so it is asked once more; where
/// nothing has changed that takes a fraction of a second.
///
/// # Panics
/// Where the command cannot be built.
pub fn skep() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

/// The root of the project.
pub fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().map(PathBuf::from).unwrap_or(tests)
}

fn build() -> PathBuf {
    let this = env::current_exe().expect("a process knows its program");
    let profile_dir = this.ancestors().nth(2).expect("a test lies in PROFILE/deps");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "skep-cli", "--bin", "skep", "--target-dir"]);
    cargo.arg(profile_dir.parent().expect("a profile lies in the target directory"));
    if profile_dir.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.current_dir(root()).output().expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    profile_dir.join("skep")
}
