//! A directory for pins of the test's own.

use std::process::Command;

use tempfile::TempDir;

use crate::Subject;

/// An empty directory of a BPF file system, removed with what is in it when dropped.
pub struct Bpffs<'s> {
    subject: &'s Subject,
    dir: String,
    place: Place,
}

/// What the directory is in.
enum Place {
    /// A file system of the test's own, mounted here.
    Mounted(TempDir),
    /// The file system of a kernel of the test's own.
    Private,
    /// The host's, for a kernel whose pins are files.
    Host(TempDir),
}

impl Subject {
    /// Makes a directory for pins. On Linux it is in a file system of its own, so that neither
    /// the machine's pins nor another test's are touched.
    pub fn bpffs(&self) -> Bpffs<'_> {
        let temporary = || tempfile::tempdir().expect("a temporary directory");
        let place = match self.is_linux() {
            true => Place::Mounted(mount(temporary())),
            false if self.pins_are_files() => Place::Host(temporary()),
            false => Place::Private,
        };
        let dir = match &place {
            Place::Mounted(dir) | Place::Host(dir) => {
                dir.path().to_str().expect("the path of a temporary directory is text").to_owned()
            }
            Place::Private => {
                let dir = format!("/sys/fs/bpf/skep-test-{}", std::process::id());
                self.mkdir(&dir).expect("the kernel has a BPF file system");
                dir
            }
        };
        Bpffs { subject: self, dir, place }
    }
}

fn mount(dir: TempDir) -> TempDir {
    let status = Command::new("mount").args(["-t", "bpf", "bpffs"]).arg(dir.path()).status();
    assert!(status.is_ok_and(|status| status.success()), "mount a BPF file system");
    dir
}

impl Bpffs<'_> {
    /// The path of `name` in it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }
}

impl Drop for Bpffs<'_> {
    fn drop(&mut self) {
        match &self.place {
            // Unmounting drops the pins. A failure leaves the mount to the machine's end; a test
            // that has failed for another reason must not hide that by panicking here.
            Place::Mounted(dir) => drop(Command::new("umount").arg(dir.path()).status()),
            Place::Private => {
                for entry in self.subject.list(&self.dir).unwrap_or_default() {
                    let _ = self.subject.remove(&self.path(&entry.name.to_string_lossy()));
                }
                let _ = self.subject.remove(&self.dir);
            }
            Place::Host(_) => {}
        }
    }
}
