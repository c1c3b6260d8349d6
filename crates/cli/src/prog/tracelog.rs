//! `skep prog tracelog`: what programs print.

use skep_btf::Value;
use skep_uapi::{Fd, Kernel};

use crate::context::Context;
use crate::trace_pipe;
use crate::words::Words;

/// Prints what there is, and on a kernel that waits for more (Linux) whatever comes, without end.
pub(crate) fn run(context: &Context<'_>, words: &Words) -> anyhow::Result<()> {
    words.end()?;
    let kernel = context.kernel()?;
    let pipe = trace_pipe::open(&**kernel)?;
    let result = copy(context, &**kernel, pipe);
    kernel.close(pipe);
    result
}

fn copy(context: &Context<'_>, kernel: &dyn Kernel, pipe: Fd) -> anyhow::Result<()> {
    let mut chunk = vec![0; 1 << 16];
    let mut line = Vec::new();
    loop {
        let count = trace_pipe::read(kernel, pipe, &mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        let bytes = &chunk[..count];
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
}
