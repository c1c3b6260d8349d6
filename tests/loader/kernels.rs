//! The kernels, each with a place for pins that is the test's own.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skep_kernel::UserKernel;
use skep_linux::Linux;
use skep_loader::{Map, Prog};
use skep_uapi::{EntryKind, Kernel};

/// A kernel, and a directory of a BPF file system.
pub(crate) struct Place {
    pub(crate) kernel: Arc<dyn Kernel>,
    root: String,
    _mount: Option<Mount>,
}

/// Runs a test on each kernel in turn; one that is not there is named.
pub(crate) fn on_every_kernel(test: &str, check: impl Fn(&Place)) {
    match linux() {
        Ok(place) => check(&place),
        Err(reason) => println!("not run: {test} on Linux: {reason}"),
    }
    check(&Place {
        kernel: Arc::new(UserKernel::default()),
        root: UserKernel::BPFFS.to_owned(),
        _mount: None,
    });
}

fn linux() -> Result<Place, String> {
    Linux::permitted().map_err(|errno| format!("bpf(2) is refused: {errno}"))?;
    let mount = Mount::new()?;
    let root = mount.0.path().display().to_string();
    Ok(Place { kernel: Arc::new(Linux::new()), root, _mount: Some(mount) })
}

impl Place {
    /// The path of a name.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.root).trim_end_matches('/').to_owned()
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, dir: &str) -> Vec<String> {
        self.entries(&self.path(dir)).into_iter().map(|(name, _)| name).collect()
    }

    /// Removes every pin.
    pub(crate) fn clear(&self) {
        self.remove_below(&self.root);
    }

    /// Whether all programs and maps of this name, as far as the kernel keeps it, go away. Linux
    /// frees the maps of a program after it, in the background.
    pub(crate) fn are_gone(&self, name: &str) -> bool {
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience {
            let maps = Map::by_name(&self.kernel, name).expect("maps can be listed");
            let progs = Prog::by_name(&self.kernel, name).expect("programs can be listed");
            if maps.is_empty() && progs.is_empty() {
                return true;
            }
            drop((maps, progs));
            std::thread::yield_now();
        }
        false
    }

    fn remove_below(&self, dir: &str) {
        for (name, kind) in self.entries(dir) {
            let path = format!("{dir}/{name}");
            if kind == EntryKind::Directory {
                self.remove_below(&path);
            }
            self.kernel.remove(&path).expect("it was just listed");
        }
    }

    fn entries(&self, dir: &str) -> Vec<(String, EntryKind)> {
        let entries = self.kernel.list(dir).expect("the directory is there").into_iter();
        let named =
            |entry: skep_uapi::Entry| (entry.name.to_string_lossy().into_owned(), entry.kind);
        // Linux puts two files of its own into every BPF file system.
        let mut entries: Vec<_> =
            entries.map(named).filter(|(name, _)| !name.ends_with(".debug")).collect();
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries
    }
}

/// A BPF file system of the test's own.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new() -> Result<Mount, String> {
        let dir =
            tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let mounted = Command::new("mount").args(["-t", "bpf", "none"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Mount(dir)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("cannot run mount: {error}")),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Should it fail, the directory cannot be removed either, and that is reported nowhere.
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}
