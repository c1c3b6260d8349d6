//! What programs print: the buffer behind `trace_pipe`, in the format of Linux's tracefs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lines not read yet.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    buffer: Mutex<VecDeque<u8>>,
}

/// Who prints, where and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) comm: &'a str,
    pub(crate) pid: u32,
    pub(crate) cpu: u32,
    /// Monotonic nanoseconds.
    pub(crate) now: u64,
}

/// Bytes kept; the oldest lines give way, as in Linux's ring.
const CAPACITY: usize = 4 << 20;

impl Trace {
    /// Adds a line for each printed text.
    pub(crate) fn print(&self, origin: Origin<'_>, text: &[u8]) {
        let line = line(origin, text);
        let mut buffer = self.lock();
        while buffer.len() + line.len() > CAPACITY {
            let end = buffer.iter().position(|b| *b == b'\n').map_or(buffer.len(), |at| at + 1);
            buffer.drain(..end);
        }
        buffer.extend(line);
    }

    /// Takes what fits into `into`. Unlike Linux, which waits, an empty buffer gives 0 bytes.
    pub(crate) fn read(&self, into: &mut [u8]) -> usize {
        let mut buffer = self.lock();
        let n = into.len().min(buffer.len());
        for (to, from) in into.iter_mut().zip(buffer.drain(..n)) {
            *to = from;
        }
        n
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `TASK-PID [CPU] FLAGS TIME: bpf_trace_printk: TEXT`. The flags are those of a test run on 6.18:
/// softirqs off, preemption and migration off once.
fn line(origin: Origin<'_>, text: &[u8]) -> Vec<u8> {
    let Origin { comm, pid, cpu, now } = origin;
    let microseconds = now / 1000;
    let (seconds, fraction) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let mut line = format!(
        "{comm:>16}-{pid:<7} [{cpu:03}] b..11 {seconds:>5}.{fraction:06}: bpf_trace_printk: "
    )
    .into_bytes();
    line.extend_from_slice(text);
    // Behind a text that ends its line itself an empty line follows, as on Linux.
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin<'static> {
        Origin { comm: "ping", pid: 42, cpu: 1, now: 12_345_678_901 }
    }

    #[test]
    fn a_line_has_the_columns_of_tracefs() {
        let trace = Trace::default();
        trace.print(origin(), b"hello 7");
        let mut into = [0; 200];
        let n = trace.read(&mut into);
        assert_eq!(
            core::str::from_utf8(&into[..n]).unwrap(),
            "            ping-42      [001] b..11    12.345678: bpf_trace_printk: hello 7\n"
        );
        assert_eq!(trace.read(&mut into), 0);
        trace.print(origin(), b"hello\n");
        let n = trace.read(&mut into);
        assert!(into[..n].ends_with(b": hello\n\n"));
    }

    #[test]
    fn old_lines_give_way_whole() {
        let trace = Trace::default();
        let text = "x".repeat(1000);
        for _ in 0..5000 {
            trace.print(origin(), text.as_bytes());
        }
        let buffer = trace.lock();
        assert!(buffer.len() <= CAPACITY);
        let first: Vec<u8> = buffer.iter().copied().take(17).collect();
        assert_eq!(first, b"            ping-");
    }
}
