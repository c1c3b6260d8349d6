//! `skep prog tracelog`: what programs print.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use skep_btf::Value;
use skep_uapi::{Errno, Fd, Kernel, Open};

use crate::context::Context;
use crate::kernel;
use crate::words::Words;

/// Where Linux shows tracefs: alone, and below debugfs.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

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
    for dir in TRACEFS {
        let path = format!("{dir}/trace_pipe");
        match kernel.open(Open::File { path: &path, write: false }) {
            Err(Errno::ENOENT) => {}
            opened => {
                say_if_off(kernel, dir);
                return opened.with_context(|| format!("cannot open {path}"));
            }
        }
    }
    bail!(
        "expected tracefs at {}, found no trace_pipe there; mount it: mount -t tracefs tracefs {}",
        TRACEFS[0],
        TRACEFS[0]
    )
}

/// A machine whose tracing is turned off records nothing, and would be waited for in vain.
fn say_if_off(kernel: &dyn Kernel, dir: &str) {
    let path = format!("{dir}/tracing_on");
    if kernel.file(&path).is_ok_and(|content| content.starts_with(b"0")) {
        kernel::say(&format!("tracing is off, so nothing comes; turn it on: echo 1 > {path}"));
    }
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
