//! `skep asm`.

use std::path::PathBuf;

use anyhow::bail;

use crate::context::Context;

/// Assemble a file
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Assembly, in the form that `skep disasm` and Linux print
    file: PathBuf,
    /// The object to write; FILE with `.o` unless given
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

pub(crate) fn run(context: &Context<'_>, args: &Args) -> anyhow::Result<()> {
    let _ = (context, &args.output);
    bail!("cannot assemble {}: not built in yet", args.file.display())
}
