//! `skep prog run`: a program on test data.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use skep_btf::Value;
use skep_loader::{Loaded, Loader, Prog, TestInput, TestOutcome};
use skep_uapi::Errno;

use crate::context::Context;
use crate::rejection::Shown;
use crate::words::{Usage, Words};
use crate::{compile, new_file, select};

/// Bytes of context that are asked for unless told otherwise, as in bpftool.
const CTX_BYTES: usize = 32 << 10;

pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let subject = Subject::read(context, &mut words)?;
    let request = Request::read(&mut words)?;
    let data = request.data_in.as_deref().map(input).transpose()?.unwrap_or_default();
    let ctx = request.ctx_in.as_deref().map(input).transpose()?.unwrap_or_default();
    let test = TestInput {
        data: &data,
        ctx: &ctx,
        ctx_room: if request.ctx_out.is_some() { request.ctx_size_out } else { 0 },
        data_room: request.data_size_out,
        repeat: request.repeat,
        ..TestInput::default()
    };
    let outcome = match subject.prog()?.test_run(test) {
        Err(error) if error.errno() == Some(Errno::ENOSPC) => {
            let context =
                "there is more output than asked for; raise data_size_out or ctx_size_out";
            Err(error).context(context)?
        }
        outcome => outcome?,
    };
    request.show(context, &outcome)
}

/// What is run: a program of the kernel, or one that is loaded for this alone.
enum Subject {
    Held(Prog),
    Loaded { loaded: Loaded, name: String },
}

impl Subject {
    /// `{ PROG | OBJ [prog NAME] }`.
    fn read(context: &Context<'_>, words: &mut Words) -> anyhow::Result<Subject> {
        if !names_an_object(words) {
            let kernel = context.kernel()?;
            return Ok(Subject::Held(select::prog(kernel, words)?));
        }
        let file = words.next("an object")?;
        let object = compile::object(Path::new(&file))?;
        let mut names = object.programs.iter().map(|program| program.name.as_str());
        let name = match (words.take("prog"), names.len()) {
            (true, _) => words.next("the name of a program of the object")?,
            (false, 1) => object.programs[0].name.clone(),
            (false, 0) => bail!("{file}: expected a program, found none"),
            (false, _) => {
                let names = names.by_ref().collect::<Vec<_>>().join(", ");
                bail!("{file} has several programs; choose one with `prog NAME`: {names}")
            }
        };
        let which = context.which()?;
        let loader = Loader::new(context.kernel()?).with_programs(&[&name]);
        let loaded = loader
            .load(&object)
            .map_err(|error| Shown::from_error(error, &object, which.title()))?;
        Ok(Subject::Loaded { loaded, name })
    }

    fn prog(&self) -> anyhow::Result<&Prog> {
        match self {
            Subject::Held(prog) => Ok(prog),
            Subject::Loaded { loaded, name } => Ok(loaded.program(name)?),
        }
    }
}

/// A word that begins none of bpftool's is a file, as is one with a full stop or a slash in it.
fn names_an_object(words: &Words) -> bool {
    let is_keyword = |word: &str| {
        ["id", "tag", "name", "pinned"].iter().any(|keyword| keyword.starts_with(word))
    };
    words.peek().is_some_and(|word| !is_keyword(word))
}

/// What to run it on, and where the outputs go.
struct Request {
    data_in: Option<String>,
    data_out: Option<String>,
    data_size_out: usize,
    ctx_in: Option<String>,
    ctx_out: Option<String>,
    ctx_size_out: usize,
    repeat: u32,
}

impl Request {
    fn read(words: &mut Words) -> anyhow::Result<Request> {
        let mut request = Request {
            data_in: None,
            data_out: None,
            data_size_out: 0,
            ctx_in: None,
            ctx_out: None,
            ctx_size_out: CTX_BYTES,
            repeat: 1,
        };
        let keywords =
            ["data_in", "data_out", "data_size_out", "ctx_in", "ctx_out", "ctx_size_out", "repeat"];
        while words.peek().is_some() {
            match words.one_of(&keywords)? {
                "data_in" => request.data_in = Some(words.next("a file")?),
                "data_out" => request.data_out = Some(words.next("a file")?),
                "data_size_out" => request.data_size_out = words.number_u32("a size")? as usize,
                "ctx_in" => request.ctx_in = Some(words.next("a file")?),
                "ctx_out" => request.ctx_out = Some(words.next("a file")?),
                "ctx_size_out" => request.ctx_size_out = words.number_u32("a size")? as usize,
                _ => request.repeat = words.number_u32("a number of runs")?,
            }
        }
        match (&request.data_in, &request.ctx_in) {
            (None, None) => Err(Usage("expected data_in or ctx_in, found neither".into()).into()),
            (Some(data), Some(ctx)) if data == "-" && ctx == "-" => {
                Err(Usage("expected one input on stdin, found two".into()).into())
            }
            _ => Ok(request),
        }
    }

    fn show(&self, context: &Context<'_>, outcome: &TestOutcome) -> anyhow::Result<()> {
        let mut text = String::new();
        let mut members = Vec::new();
        let outputs =
            [("data_out", &self.data_out, &outcome.data), ("ctx_out", &self.ctx_out, &outcome.ctx)];
        for (name, file, bytes) in outputs {
            match file.as_deref() {
                None => {}
                Some("-") => {
                    text.push_str(&hexdump(bytes));
                    let bytes = bytes.iter().map(|byte| u32::from(*byte).into()).collect();
                    members.push((name.to_owned(), Value::Array(bytes)));
                }
                Some(file) => new_file::write(Path::new(file), bytes)?,
            }
        }
        let (retval, duration) = (outcome.retval, outcome.duration_ns);
        if context.output.is_json() {
            members.push(("retval".to_owned(), retval.into()));
            members.push(("duration".to_owned(), duration.into()));
            return context.output.json(Value::Object(members));
        }
        let average = if self.repeat > 1 { " (average)" } else { "" };
        writeln!(text, "Return value: {retval}, duration{average}: {duration}ns")?;
        context.output.text(&text)
    }
}

fn input(file: &str) -> anyhow::Result<Vec<u8>> {
    if file == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).context("cannot read stdin")?;
        return Ok(bytes);
    }
    fs::read(file).with_context(|| format!("cannot read {file}"))
}

/// Sixteen bytes a line: offset, bytes in pairs, and what is printable of them.
fn hexdump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, bytes) in bytes.chunks(16).enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{:07x}\t", row * 16);
        for at in 0..16 {
            let _ = match bytes.get(at) {
                Some(byte) => write!(text, "{byte:02x}"),
                None => write!(text, "  "),
            };
            if at % 2 == 1 {
                text.push(' ');
            }
        }
        text.push_str("| ");
        for (at, byte) in bytes.iter().enumerate() {
            let is_printable = byte.is_ascii_graphic() || *byte == b' ';
            text.push(if is_printable { char::from(*byte) } else { '.' });
            if at == 7 {
                text.push(' ');
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::hexdump;

    /// The second line is what bpftool 7.1 prints for the eight bytes of a context.
    #[test]
    fn bytes_stand_in_pairs_before_their_text() {
        let mut bytes = *b"0123456789abcdef\0\0\0\0@\0\0\0";
        bytes[3] = 0x80;
        assert_eq!(
            hexdump(&bytes),
            "0000000\t3031 3280 3435 3637 3839 6162 6364 6566 | 012.4567 89abcdef\n\
             0000010\t0000 0000 4000 0000                     | ....@... \n"
        );
        assert_eq!(hexdump(b""), "");
    }
}
