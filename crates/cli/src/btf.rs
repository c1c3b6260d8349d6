//! `skep btf`.

use anyhow::bail;

use crate::context::Context;
use crate::words::Words;

pub(crate) fn run(context: &Context<'_>, words: Words) -> anyhow::Result<()> {
    let _ = (context, words);
    bail!("`skep btf` is not built in yet")
}
