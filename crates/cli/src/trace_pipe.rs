//! `trace_pipe`: where a kernel shows what programs print.

use anyhow::{Context as _, bail};
use skep_uapi::{Errno, Fd, Kernel, Open};

/// Where Linux shows tracefs: alone, and below debugfs.
const PATHS: [&str; 2] = ["/sys/kernel/tracing/trace_pipe", "/sys/kernel/debug/tracing/trace_pipe"];
/// What stands between the columns of a line and the text that a program printed.
const MARK: &str = "bpf_trace_printk: ";

/// Opens it; whoever reads takes the lines away from others.
pub(crate) fn open(kernel: &dyn Kernel) -> anyhow::Result<Fd> {
    for path in PATHS {
        match kernel.open(Open::File { path, write: false }) {
            Err(Errno::ENOENT) => {}
            opened => return opened.with_context(|| format!("cannot open {path}")),
        }
    }
    bail!(
        "expected tracefs at /sys/kernel/tracing, found no trace_pipe there; mount it: \
         mount -t tracefs tracefs /sys/kernel/tracing"
    )
}

/// Reads once; 0 bytes are the end, which Linux never reaches.
pub(crate) fn read(kernel: &dyn Kernel, pipe: Fd, into: &mut [u8]) -> anyhow::Result<usize> {
    loop {
        match kernel.read(pipe, into) {
            Err(Errno::EINTR) => {}
            read => return read.context("cannot read trace_pipe"),
        }
    }
}

/// All that programs of this kernel have printed, line by line. Only for a kernel that nobody else
/// uses: Linux would wait for more.
pub(crate) fn printed(kernel: &dyn Kernel) -> anyhow::Result<Vec<String>> {
    let pipe = open(kernel)?;
    let mut all = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    let result = loop {
        match read(kernel, pipe, &mut chunk) {
            Ok(0) => break Ok(()),
            Ok(count) => all.extend_from_slice(&chunk[..count]),
            Err(error) => break Err(error),
        }
    };
    kernel.close(pipe);
    result.map(|()| lines(&String::from_utf8_lossy(&all)))
}

/// The texts without the columns before them, and without the empty line that follows a text which
/// ends its line itself.
fn lines(pipe: &str) -> Vec<String> {
    let text = |line: &str| line.split_once(MARK).map_or(line, |(_, text)| text).to_owned();
    pipe.lines().filter(|line| !line.is_empty()).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_behind_the_columns() {
        let pipe = "  skep-42  [000] b..11  1.000001: bpf_trace_printk: one\n\
                    \x20 skep-42  [000] b..11  1.000002: bpf_trace_printk: two\n\nof two\n";
        assert_eq!(lines(pipe), ["one", "two", "of two"]);
    }
}
