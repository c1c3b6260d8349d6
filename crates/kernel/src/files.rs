//! The files that this kernel serves: its types, its CPUs, its age, what programs printed.

use std::sync::{Mutex, PoisonError};

use skep_uapi::{Entry, EntryKind, Errno};

use crate::{UserKernel, fdinfo};

/// A file that was opened.
#[derive(Debug)]
pub(crate) enum OpenFile {
    /// Fixed content, and how far it was read.
    Content { bytes: Vec<u8>, at: Mutex<usize> },
    /// What programs print.
    TracePipe,
    /// A directory, to be used as a base for paths.
    Directory(String),
}

/// Where the kernel's own BTF is.
pub(crate) const VMLINUX_BTF: &str = "/sys/kernel/btf/vmlinux";
const POSSIBLE_CPUS: &str = "/sys/devices/system/cpu/possible";
const ONLINE_CPUS: &str = "/sys/devices/system/cpu/online";
const UPTIME: &str = "/proc/uptime";
/// Both places where Linux shows tracefs.
const TRACE_PIPES: [&str; 2] =
    ["/sys/kernel/tracing/trace_pipe", "/sys/kernel/debug/tracing/trace_pipe"];

/// Where the pins are, if they are files; no kernel but this one has it.
const PINS: &str = "/proc/self/pins";

/// Every file with a path.
const FILES: [&str; 6] =
    [VMLINUX_BTF, POSSIBLE_CPUS, ONLINE_CPUS, UPTIME, TRACE_PIPES[0], TRACE_PIPES[1]];

/// Opens a file for reading; none can be written.
pub(crate) fn open(kernel: &UserKernel, path: &str, write: bool) -> Result<OpenFile, Errno> {
    let content = |bytes: Vec<u8>| OpenFile::Content { bytes, at: Mutex::new(0) };
    if let Some(number) = path.strip_prefix(fdinfo::DIR) {
        let file = content(fdinfo::text(kernel, number)?.into_bytes());
        return if write { Err(Errno::EACCES) } else { Ok(file) };
    }
    let file = match path {
        VMLINUX_BTF => content(kernel.vmlinux_btf().to_vec()),
        POSSIBLE_CPUS | ONLINE_CPUS => content(cpu_list(kernel.cpus.count()).into_bytes()),
        PINS => content(kernel.pins.paths()?.into_bytes()),
        UPTIME => content(uptime(kernel.clock.boottime()).into_bytes()),
        path if TRACE_PIPES.contains(&path) => OpenFile::TracePipe,
        path if is_directory(path) => return Err(Errno::EISDIR),
        _ => return Err(Errno::ENOENT),
    };
    if write { Err(Errno::EACCES) } else { Ok(file) }
}

/// The entries of a directory that leads to a file.
pub(crate) fn list(dir: &str) -> Result<Vec<Entry>, Errno> {
    if FILES.contains(&dir) {
        return Err(Errno::ENOTDIR);
    }
    let mut entries: Vec<Entry> = Vec::new();
    for path in FILES {
        let Some(rest) = below(path, dir) else { continue };
        let (name, kind) = match rest.split_once('/') {
            Some((name, _)) => (name, EntryKind::Directory),
            None => (rest, EntryKind::File),
        };
        if !entries.iter().any(|entry| entry.name == name) {
            entries.push(Entry { name: name.into(), kind });
        }
    }
    if entries.is_empty() { Err(Errno::ENOENT) } else { Ok(entries) }
}

/// Whether a path is a file of this kernel, or leads to one.
pub(crate) fn covers(path: &str) -> bool {
    FILES.contains(&path) || path.starts_with(fdinfo::DIR) || is_directory(path)
}

/// Whether a path leads to a file of this kernel.
pub(crate) fn is_directory(dir: &str) -> bool {
    FILES.iter().any(|path| below(path, dir).is_some())
}

fn below<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    path.strip_prefix(dir.trim_end_matches('/'))?.strip_prefix('/')
}

/// As Linux writes it: `0-3`.
fn cpu_list(count: u32) -> String {
    match count {
        1 => "0\n".to_owned(),
        _ => format!("0-{}\n", count - 1),
    }
}

/// Seconds since boot, and a machine that was never idle.
fn uptime(nanoseconds: u64) -> String {
    let hundredths = nanoseconds / 10_000_000;
    format!("{}.{:02} 0.00\n", hundredths / 100, hundredths % 100)
}

impl OpenFile {
    pub(crate) fn read(&self, kernel: &UserKernel, into: &mut [u8]) -> Result<usize, Errno> {
        match self {
            OpenFile::TracePipe => Ok(kernel.trace.read(into)),
            OpenFile::Directory(_) => Err(Errno::EISDIR),
            OpenFile::Content { bytes, at } => {
                let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
                let n = into.len().min(bytes.len() - *at);
                into[..n].copy_from_slice(&bytes[*at..*at + n]);
                *at += n;
                Ok(n)
            }
        }
    }
}
