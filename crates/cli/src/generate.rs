//! What is made from the definition of the command line: completions and the manual page.

use clap::{Args, Command, CommandFactory as _, Subcommand as _};
use clap_complete::Shell;

use crate::context::Context;
use crate::words::Usage;
use crate::{Cli, Noun};

/// Print completions for a shell
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn completions(context: &Context<'_>, args: &Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "skep", &mut script);
    context.output.bytes(&script)
}

/// Print a page of the manual
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The page of one command; else that of skep
    command: Option<String>,
}

pub(crate) fn man(context: &Context<'_>, args: &Man) -> anyhow::Result<()> {
    let mut command = Cli::command();
    command.build();
    if let Some(name) = &args.command {
        let Some(found) = command.find_subcommand(name) else {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let expected = names.join(", ");
            return Err(Usage(format!("expected one of {expected}, found `{name}`")).into());
        };
        command = found.clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    if Noun::has_subcommand(command.get_name()) {
        page.extend(words(&command.render_usage().to_string()).into_bytes());
    }
    context.output.bytes(&page)
}

/// What may stand behind a noun, line by line as it is; a backslash is roff's own character.
fn words(usage: &str) -> String {
    format!(".SH WORDS\n.nf\n{}\n.fi\n", usage.trim_end().replace('\\', "\\e"))
}
