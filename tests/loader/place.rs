//! A kernel with a directory for pins, and what is to be known about both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use skep_loader::{Map, Prog};
use skep_tests::Bpffs;
use skep_uapi::{Entry, EntryKind, Kernel};

/// A kernel, and a directory of a BPF file system.
pub(crate) struct Place<'s> {
    pub(crate) kernel: Arc<dyn Kernel>,
    bpffs: Bpffs<'s>,
}

/// Runs a test on each kernel in turn.
pub(crate) fn on_every_kernel(test: &str, check: impl Fn(&Place<'_>)) {
    skep_tests::on_every_kernel(test, |subject| {
        check(&Place { kernel: Arc::clone(&subject.kernel), bpffs: subject.bpffs() });
    });
}

impl Place<'_> {
    /// The path of a name; of no name, the directory's own.
    pub(crate) fn path(&self, name: &str) -> String {
        self.bpffs.path(name).trim_end_matches('/').to_owned()
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, dir: &str) -> Vec<String> {
        self.entries(&self.path(dir)).into_iter().map(|(name, _)| name).collect()
    }

    /// Removes every pin.
    pub(crate) fn clear(&self) {
        self.remove_below(&self.path(""));
    }

    /// Whether all programs and maps of this name, as far as the kernel keeps it, go away. Linux
    /// frees the maps of a program after it, in the background.
    pub(crate) fn are_gone(&self, name: &str) -> bool {
        let patience = Instant::now() + Duration::from_secs(60);
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
        let named = |entry: Entry| (entry.name.to_string_lossy().into_owned(), entry.kind);
        // Linux puts two files of its own into every BPF file system.
        let mut entries: Vec<_> =
            entries.map(named).filter(|(name, _)| !name.ends_with(".debug")).collect();
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries
    }
}
