//! What commands say: plain text or JSON on stdout.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};

use anyhow::Context as _;
use skep_btf::Value;

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    #[default]
    Plain,
    /// JSON in one line.
    Json,
    /// JSON, indented.
    Pretty,
}

/// The options that choose the form. They are not global: `disasm` takes LLVM's `-j`.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    /// Print JSON
    #[arg(short, long)]
    json: bool,
    /// Print JSON, indented
    #[arg(short, long)]
    pretty: bool,
}

impl Form {
    /// Either of two places may ask for JSON.
    pub(crate) fn or(self, other: Form) -> Format {
        match (self.json || other.json, self.pretty || other.pretty) {
            (_, true) => Format::Pretty,
            (true, false) => Format::Json,
            (false, false) => Format::Plain,
        }
    }
}

/// Where a command's output goes.
pub(crate) struct Output {
    format: Format,
    /// In a batch with JSON, values are gathered rather than printed.
    gathered: Option<RefCell<Vec<Value>>>,
    /// The error is in what was printed already.
    is_error_told: Cell<bool>,
}

impl Output {
    /// Straight to stdout.
    pub(crate) fn new(format: Format) -> Output {
        Output { format, gathered: None, is_error_told: Cell::new(false) }
    }

    /// The same form, but JSON values are kept for [`Output::gathered`].
    pub(crate) fn gathering(&self) -> Output {
        Output { gathered: Some(RefCell::default()), ..Output::new(self.format) }
    }

    /// Whether JSON is wanted.
    pub(crate) fn is_json(&self) -> bool {
        self.format != Format::Plain
    }

    /// Prints text as it is; the caller ends its lines. Not for JSON.
    pub(crate) fn text(&self, text: &str) -> anyhow::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Prints how a noun is used; as in bpftool, that is nothing in JSON.
    pub(crate) fn usage(&self, usage: &str) -> anyhow::Result<()> {
        if self.is_json() { self.json(Value::Null) } else { self.text(&format!("Usage: {usage}")) }
    }

    /// Prints bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).context("cannot write to stdout")
    }

    /// Prints one JSON value, with a line end.
    pub(crate) fn json(&self, value: Value) -> anyhow::Result<()> {
        match (&self.gathered, self.format) {
            (Some(gathered), _) => gathered.borrow_mut().push(value),
            (None, Format::Pretty) => self.text(&format!("{value:#}\n"))?,
            (None, Format::Json | Format::Plain) => self.text(&format!("{value}\n"))?,
        }
        Ok(())
    }

    /// Says, where JSON is wanted, that a command without an answer is done.
    pub(crate) fn done(&self) -> anyhow::Result<()> {
        if self.is_json() { self.json(Value::Null) } else { Ok(()) }
    }

    /// The values gathered since the last call.
    pub(crate) fn gathered(&self) -> Vec<Value> {
        self.gathered.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// As bpftool, tells an error also on stdout where JSON is wanted, once.
    pub(crate) fn error(&self, text: &str) -> anyhow::Result<()> {
        if !self.is_json() || self.is_error_told.replace(true) {
            return Ok(());
        }
        self.json(Value::object([("error", text.into())]))
    }

    /// The error stands in a value that was printed: a batch shows it with its command.
    pub(crate) fn error_is_told(&self) {
        self.is_error_told.set(true);
    }
}
