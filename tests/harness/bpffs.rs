//! A directory for pins of the test's own.

use std::path::PathBuf;
use std::process::Command;

use crate::Subject;

/// An empty directory of a BPF file system, removed with what is in it when dropped.
pub struct Bpffs<'s> {
    subject: &'s Subject,
    dir: String,
    /// Where a file system of the test's own is mounted.
    mounted: Option<PathBuf>,
}

impl Subject {
    /// Makes a directory for pins. On Linux it is in a file system of its own, so that neither
    /// the machine's pins nor another test's are touched.
    pub fn bpffs(&self) -> Bpffs<'_> {
        if self.name != "linux" {
            let dir = format!("/sys/fs/bpf/skep-test-{}", std::process::id());
            self.mkdir(&dir).expect("the kernel has a BPF file system");
            return Bpffs { subject: self, dir, mounted: None };
        }
        let mounted = tempfile::tempdir().expect("a temporary directory").keep();
        let status = Command::new("mount").args(["-t", "bpf", "bpffs"]).arg(&mounted).status();
        assert!(status.is_ok_and(|status| status.success()), "mount a BPF file system");
        let dir = mounted.to_str().expect("the path of a temporary directory is text").to_owned();
        Bpffs { subject: self, dir, mounted: Some(mounted) }
    }
}

impl Bpffs<'_> {
    /// The path of `name` in it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }
}

impl Drop for Bpffs<'_> {
    fn drop(&mut self) {
        let Some(mounted) = &self.mounted else {
            for entry in self.subject.list(&self.dir).unwrap_or_default() {
                let _ = self.subject.remove(&self.path(&entry.name.to_string_lossy()));
            }
            let _ = self.subject.remove(&self.dir);
            return;
        };
        // Unmounting drops the pins. A failure leaves the mount to the machine's end; a test that
        // has failed for another reason must not hide that by panicking here.
        let _ = Command::new("umount").arg(mounted).status();
        let _ = std::fs::remove_dir(mounted);
    }
}
