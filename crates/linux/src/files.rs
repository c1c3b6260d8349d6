//! Files and directories: bpffs, tracefs, sysfs, cgroups.

#![expect(
    unsafe_code,
    reason = "reads and writes through descriptors of our table, and marks others"
)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;

use skep_uapi::{Entry, EntryKind, Errno, Fd, Open};

use crate::descriptors::{self, Object};
use crate::spawn;

/// The error number that the last failed system call of this thread has left.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io(&io::Error::last_os_error())
}

/// Repeats a system call for as long as a signal interrupts it.
pub(crate) fn uninterrupted(mut call: impl FnMut() -> isize) -> Result<usize, Errno> {
    loop {
        match usize::try_from(call()) {
            Ok(done) => return Ok(done),
            Err(_) if last_errno() == Errno::EINTR => {}
            Err(_) => return Err(last_errno()),
        }
    }
}

pub(crate) fn open(what: Open<'_>) -> Result<Fd, Errno> {
    let file: OwnedFd = match what {
        Open::File { path, write: true } => OpenOptions::new().write(true).open(path),
        Open::File { path, write: false } | Open::Netns(path) => File::open(path),
        Open::Directory(path) | Open::Cgroup(path) => {
            OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)
        }
        Open::Pidfd(pid) => return pidfd(pid).map(|file| descriptors::keep(file, Object::Other)),
    }
    .map_err(|error| Errno::from_io(&error))?
    .into();
    Ok(descriptors::keep(file, Object::Other))
}

fn pidfd(pid: u32) -> Result<OwnedFd, Errno> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::EINVAL)?;
    // SAFETY: takes two numbers.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(result).ok().filter(|fd| *fd >= 0).ok_or_else(last_errno)?;
    // SAFETY: the call has just returned this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Marks every descriptor above the standard streams to be closed by exec.
pub(crate) fn keep_descriptors() -> Result<(), Errno> {
    let (first, last, flags) = (3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: with this flag the call changes what children inherit, and nothing in this process.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    if result < 0 { Err(last_errno()) } else { Ok(()) }
}

pub(crate) fn read(fd: Fd, into: &mut [u8]) -> Result<usize, Errno> {
    let descriptor = descriptors::get(fd)?;
    if descriptor.object == Object::Child {
        return spawn::wait(&descriptor.file, into);
    }
    let file = descriptor.file.as_raw_fd();
    // SAFETY: `into` is writable for its length, and `descriptor` keeps the file open.
    uninterrupted(|| unsafe { libc::read(file, into.as_mut_ptr().cast(), into.len()) })
}

pub(crate) fn write(fd: Fd, from: &[u8]) -> Result<usize, Errno> {
    let descriptor = descriptors::get(fd)?;
    if descriptor.object == Object::Child {
        return spawn::resume(&descriptor.file).map(|()| from.len());
    }
    let file = descriptor.file.as_raw_fd();
    // SAFETY: `from` is readable for its length, and `descriptor` keeps the file open.
    uninterrupted(|| unsafe { libc::write(file, from.as_ptr().cast(), from.len()) })
}

pub(crate) fn list(dir: &str) -> Result<Vec<Entry>, Errno> {
    let entry = |found: io::Result<fs::DirEntry>| {
        let found = found?;
        let kind = found.file_type()?;
        let kind = match (kind.is_dir(), kind.is_file()) {
            (true, _) => EntryKind::Directory,
            (_, true) => EntryKind::File,
            _ => EntryKind::Other,
        };
        Ok(Entry { name: found.file_name(), kind })
    };
    let entries = || fs::read_dir(dir)?.map(entry).collect::<io::Result<Vec<Entry>>>();
    let mut entries = entries().map_err(|error| Errno::from_io(&error))?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

pub(crate) fn mkdir(dir: &str) -> Result<(), Errno> {
    fs::create_dir(dir).map_err(|error| Errno::from_io(&error))
}

pub(crate) fn remove(path: &str) -> Result<(), Errno> {
    let is_dir = fs::symlink_metadata(path).map(|metadata| metadata.is_dir());
    is_dir
        .and_then(|is_dir| if is_dir { fs::remove_dir(path) } else { fs::remove_file(path) })
        .map_err(|error| Errno::from_io(&error))
}

/// A second descriptor of the same file, for the caller to wait on.
pub(crate) fn duplicate(fd: Fd) -> Result<OwnedFd, Errno> {
    let descriptor = descriptors::get(fd)?;
    descriptor.file.try_clone().map_err(|error| Errno::from_io(&error))
}

/// How many CPUs Linux may ever have; it does not change while it runs.
pub(crate) fn possible_cpus() -> Result<u32, Errno> {
    static CPUS: OnceLock<u32> = OnceLock::new();
    if let Some(cpus) = CPUS.get() {
        return Ok(*cpus);
    }
    let list = fs::read_to_string("/sys/devices/system/cpu/possible")
        .map_err(|error| Errno::from_io(&error))?;
    let cpus = cpus_in(&list).ok_or(Errno::EINVAL)?;
    Ok(*CPUS.get_or_init(|| cpus))
}

/// Counts a list of CPUs such as `0-3,8`: a per-CPU value has a slot for each, without gaps.
fn cpus_in(list: &str) -> Option<u32> {
    let mut cpus = 0;
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        cpus += last.checked_sub(first)?.checked_add(1)?;
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::cpus_in;

    #[test]
    fn lists_of_cpus_are_counted() {
        let check = |list, cpus| assert_eq!(cpus_in(list), cpus, "{list:?}");
        check("0\n", Some(1));
        check("0-1\n", Some(2));
        check("0-3,8,10-11", Some(7));
        check("", None);
        check("3-1", None);
    }
}
