//! The current task, as programs see it: whoever owns this kernel.

use std::sync::OnceLock;

/// Identity of the one task that there is.
#[derive(Debug)]
pub(crate) struct Task {
    pid: u32,
    comm: OnceLock<String>,
    source: crate::ClockSource,
}

/// The longest name (`TASK_COMM_LEN`, less the zero byte).
const COMM_MAX: usize = 15;
/// The identity of the task of a kernel on virtual time, whose runs repeat exactly.
const FIXED_PID: u32 = 1;
const FIXED_COMM: &str = "skep";

impl Task {
    pub(crate) fn new(source: crate::ClockSource) -> Task {
        let pid = match source {
            crate::ClockSource::Real => std::process::id(),
            crate::ClockSource::Virtual => FIXED_PID,
        };
        Task { pid, comm: OnceLock::new(), source }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Process and thread, which are one.
    pub(crate) fn pid_tgid(&self) -> u64 {
        u64::from(self.pid) << 32 | u64::from(self.pid)
    }

    /// Root, as the answers of this kernel are those to root.
    pub(crate) fn uid_gid(&self) -> u64 {
        0
    }

    /// The name of the process.
    pub(crate) fn comm(&self) -> &str {
        self.comm.get_or_init(|| match self.source {
            crate::ClockSource::Real => comm_of_process(),
            crate::ClockSource::Virtual => FIXED_COMM.to_owned(),
        })
    }
}

/// The file name of the executable, cut as the kernel cuts it at exec.
fn comm_of_process() -> String {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = path.as_deref().and_then(|path| path.file_name());
    let mut name = name.map_or_else(|| FIXED_COMM.to_owned(), |n| n.to_string_lossy().into_owned());
    while name.len() > COMM_MAX {
        name.pop();
    }
    name
}
