//! `skep batch`: several commands in one process, on one kernel.

use std::{fs, io};

use anyhow::{Context as _, bail};
use clap::{Args as ClapArgs, Parser as _};
use skep_btf::Value;

use crate::context::Context;
use crate::output::{Form, Output};
use crate::words::Usage;
use crate::{Cli, Command};

/// Run the commands of a file in one process, on one kernel
#[derive(ClapArgs, Debug)]
pub(crate) struct Args {
    /// One command a line, without `skep`; `#` begins a comment, `\` at the end of a line goes on
    /// in the next; `-` is stdin
    file: String,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// Stops at the first command that fails. In JSON every command is shown with its output.
pub(crate) fn run(context: &Context<'_>, args: &Args) -> anyhow::Result<()> {
    let text = read(&args.file)?;
    let name = if args.file == "-" { "stdin" } else { &args.file };
    let session = context.session.batch();
    let is_json = context.output.is_json();
    let mut shown = Vec::new();
    let mut count = 0;
    let mut result = Ok(());

    for (line, words) in commands(&text).with_context(|| name.to_owned())? {
        let output =
            if is_json { context.output.gathering() } else { Output::new(Default::default()) };
        let context = Context { session: &session, output };
        result = one(&context, &words).with_context(|| format!("{name}:{line}"));
        if is_json {
            if let Err(error) = &result {
                context.output.error(&format!("{error:#}"))?;
            }
            let mut values = context.output.gathered();
            let output = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
            let command = words.iter().map(|word| word.as_str().into()).collect();
            shown.push(Value::object([("command", Value::Array(command)), ("output", output)]));
        }
        if result.is_err() {
            break;
        }
        count += 1;
    }
    if is_json {
        if result.is_err() {
            context.output.error_is_told();
        }
        context.output.json(Value::Array(shown))?;
    } else if result.is_ok() {
        context.output.text(&format!("processed {count} commands\n"))?;
    }
    result
}

fn one(context: &Context<'_>, words: &[String]) -> anyhow::Result<()> {
    let is_global = |word: &&String| {
        *word == "--trace-bpf" || *word == "--kernel" || word.starts_with("--kernel=")
    };
    if let Some(word) = words.iter().find(is_global) {
        bail!(Usage(format!("{word} is for the whole batch: say it before `batch`")));
    }
    let line = ["skep"].into_iter().chain(words.iter().map(String::as_str));
    let cli = Cli::try_parse_from(line).map_err(|error| Usage(first_line(&error.to_string())))?;
    if matches!(cli.command, Command::Batch(_)) {
        bail!("a batch cannot run another batch");
    }
    crate::dispatch(context, cli.command)
}

/// Of clap's message the part that says what is wrong; usage and hints are for a terminal.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn read(file: &str) -> anyhow::Result<String> {
    if file == "-" {
        return io::read_to_string(io::stdin()).context("cannot read stdin");
    }
    fs::read_to_string(file).with_context(|| format!("cannot read {file}"))
}

/// The commands, each with the number of its first line.
fn commands(text: &str) -> anyhow::Result<Vec<(usize, Vec<String>)>> {
    let mut commands = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let mut command = line.to_owned();
        while command.ends_with('\\') {
            command.pop();
            command.push_str(lines.next().map_or("", |(_, line)| line));
        }
        let mut words = split(&command).with_context(|| format!("line {}", index + 1))?;
        if words.first().is_some_and(|word| word == "skep" || word == "bpftool") {
            words.remove(0);
        }
        if !words.is_empty() {
            commands.push((index + 1, words));
        }
    }
    Ok(commands)
}

/// Splits at blanks; quotes of either kind hold words together; `#` begins a comment.
fn split(line: &str) -> Result<Vec<String>, Usage> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(Usage(format!("expected a closing {open}, found the end of the line")));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_words() {
        let check = |text: &str, expect: &[(usize, &[&str])]| {
            let found = commands(text).expect("the text is good");
            let expect: Vec<(usize, Vec<String>)> = expect
                .iter()
                .map(|(line, words)| (*line, words.iter().map(|w| (*w).to_owned()).collect()))
                .collect();
            assert_eq!(found, expect, "{text}");
        };
        check("", &[]);
        check("# nothing\n\nmap show\n", &[(3, &["map", "show"])]);
        check("skep map show # all", &[(1, &["map", "show"])]);
        check("map \\\n  show\nprog", &[(1, &["map", "show"]), (3, &["prog"])]);
        check("prog load 'a b' \"\" x#y", &[(1, &["prog", "load", "a b", "", "x#y"])]);
    }

    #[test]
    fn an_open_quote_is_refused() {
        let error = commands("\n'a b").expect_err("the quote is open");
        let expect = "line 2: expected a closing ', found the end of the line";
        assert_eq!(format!("{error:#}"), expect);
    }
}
