//! The `skep` command.
//!
//! In reading order: this file (the command line and its exit status), `context` (what a command
//! is given), `kernel` (which kernel), `output`, `words` and `select` (bpftool's grammar), then one
//! file per command: `run` with `compile`, `packets`, `verdicts`, `dump`, `trace_pipe` and
//! `rejection`; `disasm`; `asm` with `new_file`; the nouns `prog`, `map`, `link`, `net`, `btf`,
//! `dev`, `tree`; `batch`; `service` (the server of the user-space kernel); `generate` (completions and the manual's pages).

#![forbid(unsafe_code)]

mod asm;
mod batch;
mod boot_clock;
mod btf;
mod compile;
mod context;
mod dev;
mod disasm;
mod dump;
mod generate;
mod kernel;
mod link;
mod map;
mod net;
mod new_file;
mod output;
mod packets;
mod prog;
mod rejection;
mod run;
mod select;
mod service;
mod trace_pipe;
mod tree;
mod verdicts;
mod words;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use context::{Context, Session};
use output::{Form, Format, Output};

/// Runs, tests and debugs eBPF, on a kernel in user space or on Linux.
#[derive(Debug, Parser)]
#[command(name = "skep", version, infer_subcommands = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    form: Form,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Args, Clone, Debug)]
struct Global {
    /// Which kernel: linux, user (in user space), unix:PATH (at a socket), or auto: Linux where
    /// it may be used, else the one in user space
    #[arg(long, global = true, value_name = "WHICH", env = "SKEP_KERNEL")]
    kernel: Option<kernel::Choice>,
    /// Print every bpf(2) command on stderr, as strace prints it
    #[arg(long, global = true)]
    trace_bpf: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a program on the packets of a file
    Run(run::Args),
    /// Disassemble an object as llvm-objdump -d does
    Disasm(disasm::Args),
    /// Assemble a file
    Asm(asm::Args),
    #[command(flatten)]
    Noun(Noun),
    /// The server that the user-space kernel lives in: status, run, stop
    Kernel(service::Args),
    /// Run the commands of a file in one process, on one kernel
    Batch(batch::Args),
    /// Print completions for a shell
    Completions(generate::Completions),
    /// Print a page of the manual
    Man(generate::Man),
}

/// The nouns, with bpftool's words behind them.
#[derive(Debug, Subcommand)]
enum Noun {
    /// Programs: load, loadall, show, list, run, dump, tracelog, pin
    #[command(override_usage = prog::USAGE)]
    Prog(words::Given),
    /// Maps: create, show, list, dump, lookup, update, delete, getnext, pin, freeze
    #[command(alias = "m", override_usage = map::USAGE)]
    Map(words::Given),
    /// Attachments that are objects: show, list, pin, detach
    #[command(override_usage = link::USAGE)]
    Link(words::Given),
    /// Programs attached to network interfaces: attach, detach, list
    #[command(override_usage = net::USAGE)]
    Net(words::Given),
    /// Type information: show, list, dump
    #[command(override_usage = btf::USAGE)]
    Btf(words::Given),
    /// Who holds what: processes, pins, links, programs, maps
    #[command(override_usage = tree::USAGE)]
    Tree(words::Given),
    /// Virtual devices of the user-space kernel: add, list, feed
    #[command(override_usage = dev::USAGE)]
    Dev(words::Given),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let session = Session::new(cli.global.kernel.clone().unwrap_or_default(), cli.global.trace_bpf);
    let context = Context { session: &session, output: Output::new(cli.format()) };
    match dispatch(&context, cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&context, &error),
    }
}

/// Runs one command: the command line's own, or a line of a batch.
fn dispatch(context: &Context<'_>, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => run::run(context, &args),
        Command::Disasm(args) => disasm::run(context, &args),
        Command::Asm(args) => asm::run(context, &args),
        Command::Noun(Noun::Prog(given)) => prog::run(context, given.words()),
        Command::Noun(Noun::Map(given)) => map::run(context, given.words()),
        Command::Noun(Noun::Link(given)) => link::run(context, given.words()),
        Command::Noun(Noun::Net(given)) => net::run(context, given.words()),
        Command::Noun(Noun::Tree(given)) => tree::run(context, given.words()),
        Command::Noun(Noun::Dev(given)) => dev::run(context, given.words()),
        Command::Noun(Noun::Btf(given)) => btf::run(context, given.words()),
        Command::Kernel(args) => service::run(context, &args.command),
        Command::Batch(args) => batch::run(context, &args),
        Command::Completions(args) => generate::completions(context, &args),
        Command::Man(args) => generate::man(context, &args),
    }
}

/// Says what went wrong, once, and gives the exit status: 1, or 2 where the words were wrong.
fn failed(context: &Context<'_>, error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        // The reader has seen enough; that is no failure of ours.
        return ExitCode::SUCCESS;
    }
    let usage = error.downcast_ref::<words::Usage>().is_some();
    let text = match error.downcast_ref::<rejection::Shown>() {
        Some(shown) => shown.to_string(),
        None => format!("skep: {error:#}\n"),
    };
    // There is nobody to tell that stderr is gone.
    let _ = io::stderr().write_all(text.as_bytes());
    let _ = context.output.error(&format!("{error:#}"));
    ExitCode::from(if usage { 2 } else { 1 })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

impl Cli {
    /// In which form to print: said before the command or behind it.
    fn format(&self) -> Format {
        let behind = match &self.command {
            Command::Run(args) => args.form,
            Command::Batch(args) => args.form,
            Command::Kernel(args) => args.form(),
            Command::Noun(
                Noun::Prog(given)
                | Noun::Map(given)
                | Noun::Link(given)
                | Noun::Net(given)
                | Noun::Btf(given)
                | Noun::Dev(given)
                | Noun::Tree(given),
            ) => given.form,
            Command::Disasm(_) | Command::Asm(_) | Command::Completions(_) | Command::Man(_) => {
                Form::default()
            }
        };
        self.form.or(behind)
    }
}
