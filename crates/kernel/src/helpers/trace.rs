//! `bpf_trace_printk`.

use skep_verifier::{Arg, HelperFlags, Returns};

use super::format::format;
use super::{Helper, failure, number, row, span_of};
use crate::prog::Run;
use crate::trace::Origin;

pub(crate) const HELPERS: &[Helper] = &[row(
    number::TRACE_PRINTK,
    "trace_printk",
    &[Arg::MemRead, Arg::Size],
    Returns::Scalar,
    HelperFlags::GPL_ONLY,
    trace_printk,
)];

fn trace_printk(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let mut text = vec![0; args[1] as u32 as usize];
    span_of(args[0], text.len()).load(&mut text);
    let printed = format(&text, &args[2..], &|address, max| run.read_memory(address, max));
    match printed {
        Ok(printed) => {
            let origin = Origin {
                comm: run.kernel.task.comm(),
                pid: run.kernel.task.pid(),
                cpu: run.cpu,
                now: run.kernel.clock.monotonic(),
            };
            run.kernel.trace.print(origin, &printed);
            printed.len() as u64
        }
        Err(errno) => failure(errno),
    }
}
