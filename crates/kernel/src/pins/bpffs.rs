//! The BPF file system: names that keep objects alive. It is mounted at `/sys/fs/bpf`.
//!
//! It is seen through this kernel only, and ends with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use skep_uapi::{Entry, EntryKind, Errno};

use crate::fd::Object;

/// Where the file system is mounted.
pub(crate) const MOUNT: &str = "/sys/fs/bpf";
/// The longest name of a file or directory (`NAME_MAX`).
const NAME_MAX: usize = 255;

/// The directories and pins.
#[derive(Debug, Default)]
pub(crate) struct Bpffs {
    root: Mutex<Directory>,
}

#[derive(Debug, Default)]
struct Directory {
    entries: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    Directory(Directory),
    Pin(Object),
}

impl Bpffs {
    /// Whether a path is in this file system.
    pub(crate) fn covers(path: &str) -> bool {
        path.strip_prefix(MOUNT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Gives an object a name.
    pub(crate) fn pin(&self, path: &str, object: Object) -> Result<(), Errno> {
        let mut root = self.lock();
        let (parent, name) = root.parent_of(path)?;
        check_new(parent, name)?;
        if path.ends_with('/') {
            return Err(Errno::ENOENT);
        }
        parent.entries.insert(name.to_owned(), Node::Pin(object));
        Ok(())
    }

    /// The object behind a name.
    pub(crate) fn get(&self, path: &str) -> Result<Object, Errno> {
        let mut root = self.lock();
        if names(path).next().is_none() {
            return Err(Errno::EACCES);
        }
        let (parent, name) = root.parent_of(path)?;
        match parent.entries.get(name).ok_or(Errno::ENOENT)? {
            Node::Directory(_) => Err(Errno::EACCES),
            Node::Pin(object) => Ok(object.clone()),
        }
    }

    /// The entries of a directory.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>, Errno> {
        let mut root = self.lock();
        let mut here = &mut *root;
        for name in names(path) {
            here = here.child(name)?;
        }
        let entry = |(name, node): (&String, &Node)| Entry {
            name: name.into(),
            kind: match node {
                Node::Directory(_) => EntryKind::Directory,
                Node::Pin(_) => EntryKind::File,
            },
        };
        Ok(here.entries.iter().map(entry).collect())
    }

    /// Makes a directory.
    pub(crate) fn mkdir(&self, path: &str) -> Result<(), Errno> {
        let mut root = self.lock();
        let (parent, name) = root.parent_of(path)?;
        check_new(parent, name)?;
        parent.entries.insert(name.to_owned(), Node::Directory(Directory::default()));
        Ok(())
    }

    /// Removes a pin or an empty directory.
    pub(crate) fn remove(&self, path: &str) -> Result<(), Errno> {
        let removed = {
            let mut root = self.lock();
            let (parent, name) = root.parent_of(path).map_err(|errno| match errno {
                Errno::EEXIST => Errno::EBUSY,
                errno => errno,
            })?;
            match parent.entries.get(name).ok_or(Errno::ENOENT)? {
                Node::Directory(directory) if !directory.entries.is_empty() => {
                    return Err(Errno::ENOTEMPTY);
                }
                _ => parent.entries.remove(name),
            }
        };
        // The object may end here, which must not happen under the lock: a link detaches.
        drop(removed);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    /// The directory that holds a path's last name, and that name. The root itself is there
    /// already: `EEXIST`.
    fn parent_of<'p>(&mut self, path: &'p str) -> Result<(&mut Directory, &'p str), Errno> {
        let mut names = names(path);
        let last = names.next_back().ok_or(Errno::EEXIST)?;
        if last.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut here = self;
        for name in names {
            here = here.child(name)?;
        }
        Ok((here, last))
    }

    fn child(&mut self, name: &str) -> Result<&mut Directory, Errno> {
        match self.entries.get_mut(name).ok_or(Errno::ENOENT)? {
            Node::Directory(directory) => Ok(directory),
            Node::Pin(_) => Err(Errno::ENOTDIR),
        }
    }
}

/// Whether a name may be made. Linux keeps names with a dot for itself.
fn check_new(parent: &Directory, name: &str) -> Result<(), Errno> {
    if parent.entries.contains_key(name) {
        return Err(Errno::EEXIST);
    }
    if name.contains('.') { Err(Errno::EPERM) } else { Ok(()) }
}

/// The names on the way from the root, with `.` and `..` already followed.
fn names(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    let rest = path.strip_prefix(MOUNT).unwrap_or(path);
    let mut names = Vec::new();
    for name in rest.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.into_iter()
}
