//! Pins as files of the host, in any directory that this process may write.
//!
//! A pin is known by device and inode, so `mv` keeps it and a copy is none. This kernel keeps each
//! file open: its inode cannot be used again, and the count of its names says whether the pin is
//! still there. What is written in the file is for those who find it: it means nothing to the
//! kernel that made it, and tells another one that it is none of its own.

use std::collections::HashMap;
use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use skep_uapi::{Entry, EntryKind, Errno};

use super::watch::Watch;
use crate::fd::{MapAccess, Object};

/// The pins of one kernel.
#[derive(Debug)]
pub(crate) struct PinFiles {
    /// Tells this kernel's files from those of others.
    kernel: String,
    pins: Mutex<HashMap<Inode, Pin>>,
    watch: Watch,
}

/// Device and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Inode(u64, u64);

#[derive(Debug)]
struct Pin {
    object: Object,
    file: File,
}

/// How the text in a pin begins, in front of the kernel.
const MARK: &str = "skep pin of kernel ";
/// Digits of a kernel.
const KERNEL_DIGITS: usize = 16;

impl PinFiles {
    pub(crate) fn new() -> PinFiles {
        // Each state has random keys of its own.
        let random = RandomState::new().hash_one(std::process::id());
        PinFiles { kernel: format!("{random:016x}"), pins: Mutex::default(), watch: Watch::new() }
    }

    /// Makes a file that stands for an object.
    pub(crate) fn pin(&self, path: &str, object: Object) -> Result<(), Errno> {
        check_new(path)?;
        // Whoever finds the file while it is not in the table waits for this.
        let mut pins = self.lock();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(errno)?;
        self.watch.add(&file);
        let written = file.write_all(self.text(&object).as_bytes());
        match written.and_then(|()| file.metadata()) {
            // It can have been removed before it was observed.
            Ok(metadata) if metadata.nlink() == 0 => Ok(()),
            Ok(metadata) => {
                pins.insert(Inode::of(&metadata), Pin { object, file });
                Ok(())
            }
            Err(error) => {
                // What cannot be written is not left behind; there is nobody to tell of a second
                // failure.
                let _ = fs::remove_file(path);
                Err(errno(error))
            }
        }
    }

    /// The object that a file stands for, if this process may open the file so.
    pub(crate) fn get(&self, path: &str, access: MapAccess) -> Result<Object, Errno> {
        if !fs::metadata(path).map_err(errno)?.is_file() {
            return Err(Errno::EACCES);
        }
        // It may have become something else meanwhile: a pipe must not keep us waiting.
        let mut file = OpenOptions::new()
            .read(access.read)
            .write(access.write)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
            .map_err(errno)?;
        let inode = Inode::of(&file.metadata().map_err(errno)?);
        if let Some(pin) = self.lock().get(&inode) {
            return Ok(pin.object.clone());
        }
        match kernel_in(&mut file) {
            Some(kernel) if kernel != self.kernel => Err(Errno::ESTALE),
            _ => Err(Errno::EACCES),
        }
    }

    /// Removes an empty directory, or a pin, of whichever kernel. Other files are not touched.
    pub(crate) fn remove(&self, path: &str) -> Result<(), Errno> {
        let metadata = fs::symlink_metadata(path).map_err(errno)?;
        if metadata.is_dir() {
            return fs::remove_dir(path).map_err(errno);
        }
        let ours = self.lock().contains_key(&Inode::of(&metadata));
        if !metadata.is_file() || !(ours || is_marked(path)) {
            return Err(Errno::EPERM);
        }
        fs::remove_file(path).map_err(errno)?;
        self.sweep();
        Ok(())
    }

    /// Lets go of the objects whose files have no name any more.
    pub(crate) fn sweep(&self) {
        let mut pins = self.lock();
        // Asked under the lock: who comes second must not answer before the first has let go.
        if pins.is_empty() || !self.watch.changed() {
            return;
        }
        let has_name = |pin: &Pin| pin.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0);
        let gone: Vec<Pin> = pins.extract_if(|_, pin| !has_name(pin)).map(|(_, pin)| pin).collect();
        drop(pins);
        // Objects may end here, which must not happen under the lock: a link detaches.
        drop(gone);
    }

    /// Where the files are now, sorted, a path a line. Of several names one is told; a path that
    /// is no line of text is left out.
    pub(crate) fn paths(&self) -> String {
        self.sweep();
        let pins = self.lock();
        let path = |pin: &Pin| {
            let link = format!("/proc/self/fd/{}", pin.file.as_raw_fd());
            fs::read_link(link).ok()?.into_os_string().into_string().ok()
        };
        let mut paths: Vec<String> = pins.values().filter_map(path).collect();
        paths.retain(|path| !path.contains('\n'));
        paths.sort_unstable();
        paths.iter().map(|path| format!("{path}\n")).collect()
    }

    fn text(&self, object: &Object) -> String {
        let (what, id) = match object {
            Object::Map(map, _) => ("map", map.id.number()),
            Object::Prog(prog) => ("program", prog.id.number()),
            Object::Link(link) => ("link", link.id.number()),
            Object::Btf(_) | Object::File(_) | Object::Stats(_) => ("nothing", 0),
        };
        let (kernel, process) = (&self.kernel, std::process::id());
        format!(
            "{MARK}{kernel}\n\
             This file keeps {what} {id} of the user-space kernel in process {process} alive. Once \
             that kernel is gone, the file means nothing and can be removed.\n"
        )
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Inode, Pin>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries of a directory of the host, by name.
pub(crate) fn list(dir: &str) -> Result<Vec<Entry>, Errno> {
    let entry = |found: io::Result<DirEntry>| {
        let found = found?;
        let file_type = found.file_type()?;
        let kind = match (file_type.is_dir(), file_type.is_file()) {
            (true, _) => EntryKind::Directory,
            (_, true) => EntryKind::File,
            _ => EntryKind::Other,
        };
        Ok(Entry { name: found.file_name(), kind })
    };
    let mut entries: Vec<Entry> =
        fs::read_dir(dir).and_then(|found| found.map(entry).collect()).map_err(errno)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Makes a directory of the host.
pub(crate) fn mkdir(dir: &str) -> Result<(), Errno> {
    fs::create_dir(dir).map_err(errno)
}

/// The rules of a BPF file system for new names. Linux keeps names with a dot for itself.
fn check_new(path: &str) -> Result<(), Errno> {
    match fs::symlink_metadata(path) {
        Ok(_) => return Err(Errno::EEXIST),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(errno(error)),
        Err(_) => {}
    }
    if path.ends_with('/') {
        return Err(Errno::ENOENT);
    }
    let (parent, name) = (Path::new(path).parent(), Path::new(path).file_name());
    let dotted = name.is_some_and(|name| name.as_encoded_bytes().contains(&b'.'));
    if dotted && parent.is_some_and(Path::is_dir) { Err(Errno::EPERM) } else { Ok(()) }
}

/// Whether a file is a pin by what is written in it.
fn is_marked(path: &str) -> bool {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    file.is_ok_and(|mut file| kernel_in(&mut file).is_some())
}

/// The kernel that the text in a pin names.
fn kernel_in(file: &mut File) -> Option<String> {
    let mut text = [0; MARK.len() + KERNEL_DIGITS];
    file.read_exact(&mut text).ok()?;
    let text = core::str::from_utf8(&text).ok()?;
    text.strip_prefix(MARK).map(str::to_owned)
}

impl Inode {
    fn of(metadata: &Metadata) -> Inode {
        Inode(metadata.dev(), metadata.ino())
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io(&error)
}
