//! A kernel that writes down every bpf(2) command that goes through it, as strace(1) would.

mod describe;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use self::describe::{Field, describe};
use crate::{
    Area, Child, Command, Entry, Errno, Fd, Grant, Kernel, Mapping, NetError, Netlink, Open,
    PerfEvent, PerfRequest, Reply, SocketOption, attr,
};

/// A wrapper that prints one line per command, such as
/// `bpf(BPF_MAP_FREEZE, {map_fd=3}, 4) = -1 EBUSY (Device or resource busy)`.
///
/// Unlike strace it knows a map's sizes, so it shows keys and values instead of addresses.
pub struct Traced<K> {
    kernel: K,
    output: Mutex<Box<dyn Write + Send>>,
}

impl<K: Kernel> Traced<K> {
    /// Wraps `kernel`. A line that `output` does not take is lost: a trace must not change what
    /// it traces.
    pub fn new(kernel: K, output: Box<dyn Write + Send>) -> Traced<K> {
        Traced { kernel, output: Mutex::new(output) }
    }
}

impl<K: Kernel> Kernel for Traced<K> {
    fn bpf(&self, command: &mut Command<'_>) -> Result<u32, Errno> {
        let before = describe(command);
        let result = self.kernel.bpf(command);
        let line = line(command, &before, result);
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
        result
    }

    fn close(&self, fd: Fd) {
        self.kernel.close(fd);
    }

    fn open(&self, what: Open<'_>) -> Result<Fd, Errno> {
        self.kernel.open(what)
    }

    fn adopt(&self, fd: OwnedFd) -> Result<Fd, Errno> {
        self.kernel.adopt(fd)
    }

    fn read(&self, fd: Fd, into: &mut [u8]) -> Result<usize, Errno> {
        self.kernel.read(fd, into)
    }

    fn write(&self, fd: Fd, from: &[u8]) -> Result<usize, Errno> {
        self.kernel.write(fd, from)
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>, Errno> {
        self.kernel.list(dir)
    }

    fn mkdir(&self, dir: &str) -> Result<(), Errno> {
        self.kernel.mkdir(dir)
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        self.kernel.remove(path)
    }

    fn perf_event_open(&self, event: &PerfEvent<'_>) -> Result<Fd, Errno> {
        self.kernel.perf_event_open(event)
    }

    fn perf_event_ioctl(&self, fd: Fd, request: PerfRequest) -> Result<(), Errno> {
        self.kernel.perf_event_ioctl(fd, request)
    }

    fn socket_option(&self, fd: Fd, option: SocketOption<'_>) -> Result<(), Errno> {
        self.kernel.socket_option(fd, option)
    }

    fn netlink(&self, request: Netlink<'_>) -> Result<Reply, NetError> {
        self.kernel.netlink(request)
    }

    fn mmap(&self, fd: Fd, area: Area) -> Result<Mapping, Errno> {
        self.kernel.mmap(fd, area)
    }

    fn grant(&self, fd: Fd, area: Area) -> Result<Grant, Errno> {
        self.kernel.grant(fd, area)
    }

    fn ready(&self, fd: Fd) -> Result<OwnedFd, Errno> {
        self.kernel.ready(fd)
    }

    fn spawn(&self, child: &Child<'_>) -> Result<Fd, Errno> {
        self.kernel.spawn(child)
    }

    fn possible_cpus(&self) -> Result<u32, Errno> {
        self.kernel.possible_cpus()
    }
}

/// One line; `before` is the command as it was asked.
fn line(command: &Command<'_>, before: &[Field], result: Result<u32, Errno>) -> String {
    let after = describe(command);
    let fields: Vec<String> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| before.and(after, result.is_ok()))
        .collect();
    let fields = match nest(command) {
        Some(nest) => format!("{nest}={{{}}}", fields.join(", ")),
        None => fields.join(", "),
    };
    let cmd = command.cmd().name().unwrap_or("?");
    let size = attr::size(command);
    let result = match result {
        Ok(value) => value.to_string(),
        Err(errno) => {
            format!("-1 {errno:?} ({})", capital(errno.text().unwrap_or("Unknown error")))
        }
    };
    format!("bpf({cmd}, {{{fields}}}, {size}) = {result}\n")
}

/// The member of `union bpf_attr` that the fields stand in, where that has a name.
fn nest(command: &Command<'_>) -> Option<&'static str> {
    Some(match command {
        Command::ProgTestRun(_) => "test",
        Command::ObjGetInfoByFd { .. } => "info",
        Command::ProgQuery(_) => "query",
        Command::RawTracepointOpen { .. } => "raw_tracepoint",
        Command::TaskFdQuery { .. } => "task_fd_query",
        Command::MapLookupBatch(_)
        | Command::MapLookupAndDeleteBatch(_)
        | Command::MapUpdateBatch { .. }
        | Command::MapDeleteBatch { .. } => "batch",
        Command::LinkCreate(_) => "link_create",
        Command::LinkUpdate { .. } => "link_update",
        Command::LinkDetach { .. } => "link_detach",
        Command::EnableStats { .. } => "enable_stats",
        Command::IterCreate { .. } => "iter_create",
        Command::ProgBindMap { .. } => "prog_bind_map",
        Command::TokenCreate { .. } => "token_create",
        Command::ProgStreamReadByFd { .. } => "prog_stream_read",
        _ => return None,
    })
}

/// The C library's words begin with a capital letter where strace prints them.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MapCreate, MapType, Name};

    #[test]
    fn lines_look_like_those_of_strace() {
        let map = MapCreate {
            map_type: MapType::ARRAY,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            map_name: Name::cut("my_map"),
            ..MapCreate::default()
        };
        let command = Command::MapCreate(map);
        assert_eq!(
            line(&command, &describe(&command), Ok(3)),
            "bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_ARRAY, key_size=4, value_size=8, \
             max_entries=1, map_flags=0, inner_map_fd=0, numa_node=0, map_name=\"my_map\", \
             map_ifindex=0, btf_fd=0, btf_key_type_id=0, btf_value_type_id=0, \
             btf_vmlinux_value_type_id=0, map_extra=0}, 92) = 3\n"
        );
    }

    #[test]
    fn errors_are_named_and_explained() {
        let command = Command::MapFreeze { map_fd: Fd(3) };
        assert_eq!(
            line(&command, &describe(&command), Err(Errno::EBUSY)),
            "bpf(BPF_MAP_FREEZE, {map_fd=3}, 4) = -1 EBUSY (Device or resource busy)\n"
        );
    }

    #[test]
    fn outputs_are_shown_once_they_are_there() {
        fn lookup(value: &mut [u8]) -> Command<'_> {
            Command::MapLookupElem { map_fd: Fd(3), key: &[1], value, flags: 0 }
        }
        let before = describe(&lookup(&mut [0; 2]));
        assert_eq!(
            line(&lookup(&mut [7, 8]), &before, Ok(0)),
            "bpf(BPF_MAP_LOOKUP_ELEM, {map_fd=3, key=\"\\1\", value=\"\\7\\10\", flags=BPF_ANY}, \
             32) = 0\n"
        );
        assert_eq!(
            line(&lookup(&mut [0; 2]), &before, Err(Errno::ENOENT)),
            "bpf(BPF_MAP_LOOKUP_ELEM, {map_fd=3, key=\"\\1\", value=..., flags=BPF_ANY}, 32) = -1 \
             ENOENT (No such file or directory)\n"
        );
    }
}
