//! `skep prog tracelog`: what programs print.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use skep_btf::Value;
use skep_uapi::{Errno, Fd, Kernel, Open};

use crate::context::Context;
use crate::words::Words;

/// Where Linux shows tracefs: alone, and below debugfs.
const TRACE_PIPES: [&str; 2] =
    ["/sys/kernel/tracing/trace_pipe", "/sys/kernel/debug/tracing/trace_pipe"];

/// Prints what there is, and on a kernel that waits for more (Linux) whatever comes, without end.
pub(crate) fn run(context: &Context<'_>, words: &Words) -> anyhow::Result<()> {
    words.end()?;
    let kernel = context.lasting_kernel("prog tracelog")?;
    let pipe = open(&**kernel)?;
    let result = copy(context, &**kernel, pipe);
    kernel.close(pipe);
    result
}

fn open(kernel: &dyn Kernel) -> anyhow::Result<Fd> {
    for path in TRACE_PIPES {
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

fn copy(context: &Context<'_>, kernel: &dyn Kernel, pipe: Fd) -> anyhow::Result<()> {
    let mut chunk = vec![0; 1 << 16];
    let mut line = Vec::new();
    loop {
        let bytes = match kernel.read(pipe, &mut chunk) {
            Ok(0) => break,
            Ok(count) => &chunk[..count],
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno).context("cannot read trace_pipe"),
        };
        if !context.output.is_json() {
            context.output.bytes(bytes)?;
            continue;
        }
        // Each line is a value of its own, since nobody knows which is the last.
        for byte in bytes {
            if *byte == b'\n' {
                context.output.json(Value::str(String::from_utf8_lossy(&line)))?;
                line.clear();
            } else {
                line.push(*byte);
            }
        }
    }
    io::stdout().flush().context("cannot write to stdout")
}
