//! `skep prog`: programs, in bpftool's words.
//!
//! In reading order: this file (the verbs), `load`, `show`, `dump` with `listing` (the lines of
//! one program), `names` (what instructions refer to) and `proto` (functions as C writes them),
//! `test_run`, `tracelog`.

mod dump;
mod listing;
mod load;
mod names;
mod proto;
mod show;
mod test_run;
mod tracelog;

use crate::context::Context;
use crate::select;
use crate::words::Words;

/// What may stand behind the noun.
pub(crate) const USAGE: &str = "\
skep prog { show | list } [PROG]
       skep prog dump xlated PROG [{ file FILE | [opcodes] [linum] }]
       skep prog dump jited  PROG [file FILE]
       skep prog pin PROG PATH
       skep prog { load | loadall } OBJ PATH [type TYPE] \\
                 [map { idx IDX | name NAME } MAP] [pinmaps DIR]
       skep prog run { PROG | OBJ [prog NAME] } [data_in FILE] \\
                 [data_out FILE [data_size_out L]] \\
                 [ctx_in FILE [ctx_out FILE [ctx_size_out M]]] [repeat N]
       skep prog tracelog

       PROG := { id ID | pinned PATH | tag TAG | name NAME }
       MAP := { id ID | pinned PATH | name NAME }
       OBJ is an object (.bpf.o), or C to be compiled (.bpf.c)
       TYPE is what a section name would begin with: xdp, socket, tc, ...
       FILE may be -, which is stdin or stdout
";

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    if words.peek().is_none() {
        return show::run(context, words);
    }
    let verbs = ["show", "list", "dump", "pin", "load", "loadall", "run", "tracelog", "help"];
    match words.one_of(&verbs)? {
        "show" | "list" => show::run(context, words),
        "dump" => dump::run(context, words),
        "pin" => pin(context, words),
        "load" => load::first(context, words),
        "loadall" => load::all(context, words),
        "run" => test_run::run(context, words),
        "tracelog" => tracelog::run(context, &words),
        _ => context.output.usage(USAGE),
    }
}

fn pin(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let prog = select::prog(kernel, &mut words)?;
    let path = words.next("a path")?;
    words.end()?;
    prog.pin(&path)?;
    context.output.done()
}
