//! What commands say: plain text or JSON on stdout.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::iter;

use anyhow::Context as _;
use serde_json::{Value, json};

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

    /// Prints bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).context("cannot write to stdout")
    }

    /// Prints one JSON value, with a line end.
    pub(crate) fn json(&self, value: Value) -> anyhow::Result<()> {
        match &self.gathered {
            Some(gathered) => gathered.borrow_mut().push(value),
            None => self.bytes(&self.encode(&value)?)?,
        }
        Ok(())
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
        self.json(json!({ "error": text }))
    }

    /// The error stands in a value that was printed: a batch shows it with its command.
    pub(crate) fn error_is_told(&self) {
        self.is_error_told.set(true);
    }

    fn encode(&self, value: &Value) -> serde_json::Result<Vec<u8>> {
        let mut text = match self.format {
            Format::Pretty => pretty(value),
            Format::Plain | Format::Json => serde_json::to_string(value)?,
        };
        text.push('\n');
        Ok(text.into_bytes())
    }
}

/// JSON laid out as bpftool does: members on lines of their own, elements behind one another.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    pretty_into(&mut text, value, 0);
    text
}

fn pretty_into(text: &mut String, value: &Value, depth: usize) {
    let line = |text: &mut String, depth| {
        text.push('\n');
        text.extend(iter::repeat_n("    ", depth));
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (index, (name, member)) in members.iter().enumerate() {
                text.push(if index == 0 { '{' } else { ',' });
                line(text, depth + 1);
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push_str(": ");
                pretty_into(text, member, depth + 1);
            }
            line(text, depth);
            text.push('}');
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                text.push(if index == 0 { '[' } else { ',' });
                pretty_into(text, element, depth + 1);
            }
            line(text, depth);
            text.push(']');
        }
        _ => text.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_as_bpftool_does() {
        let check = |value: Value, expect: &str| assert_eq!(pretty(&value), expect);
        check(json!([]), "[]");
        check(json!({}), "{}");
        check(json!([1, 2]), "[1,2\n]");
        check(
            json!([{ "key": 0, "value": 7 }, { "key": 1, "values": [{ "cpu": 0 }] }]),
            "[{\n        \"key\": 0,\n        \"value\": 7\n    },{\n        \"key\": 1,\n        \
             \"values\": [{\n                \"cpu\": 0\n            }\n        ]\n    }\n]",
        );
    }
}
