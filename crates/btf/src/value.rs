//! What is printed: a small tree, and the two ways in which bpftool writes it.

use std::fmt::{self, Display, Formatter, Write};

/// Columns of one level.
const INDENT: usize = 4;

/// A printable value.
///
/// `Display` gives JSON on one line, with `{:#}` JSON on many lines in bpftool's layout;
/// [`Value::plain`] gives what bpftool prints without `--json`.
///
/// ```
/// use skep_btf::Value;
/// let value = Value::Object(vec![
///     ("flags".to_owned(), Value::Hex(3)),
///     ("next".to_owned(), Value::Pointer(0)),
/// ]);
/// assert_eq!(value.to_string(), r#"{"flags":"0x3","next":0}"#);
/// let plain = "{\n    \"flags\": 0x3,\n    \"next\": (nil)\n}";
/// assert_eq!(value.plain().to_string(), plain);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: what a command without an answer says in JSON.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i128),
    /// A floating-point number; a string where JSON has no number for it.
    Float(f64),
    /// Text.
    Str(String),
    /// A number that is shown in hexadecimal, in JSON as a string.
    Hex(u128),
    /// An address: hexadecimal, or `(nil)`; in JSON a number.
    Pointer(u64),
    /// A list.
    Array(Vec<Value>),
    /// Named values in order; names may repeat or be empty.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Text.
    pub fn str(text: impl Into<String>) -> Value {
        Value::Str(text.into())
    }

    /// Named values.
    pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
        Value::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// What bpftool prints without `--json`.
    pub fn plain(&self) -> impl Display {
        Plain(self)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Int(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Int(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Str(text.to_owned())
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let layout = if f.alternate() { Layout::Pretty } else { Layout::Compact };
        Writer { f, layout, style: Style::Json }.value(self, 0)
    }
}

struct Plain<'a>(&'a Value);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Writer { f, layout: Layout::Pretty, style: Style::Plain }.value(self.0, 0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Compact,
    Pretty,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Json,
    Plain,
}

struct Writer<'a, 'f> {
    f: &'a mut Formatter<'f>,
    layout: Layout,
    style: Style,
}

impl Writer<'_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> fmt::Result {
        match value {
            Value::Null => self.f.write_str("null"),
            Value::Bool(truth) => write!(self.f, "{truth}"),
            Value::Int(number) => write!(self.f, "{number}"),
            Value::Float(number) if number.is_finite() => write!(self.f, "{number}"),
            Value::Float(number) => write!(self.f, "\"{number}\""),
            Value::Str(text) => self.string(text),
            Value::Hex(number) if self.style == Style::Json => write!(self.f, "\"{number:#x}\""),
            Value::Hex(number) => write!(self.f, "{number:#x}"),
            Value::Pointer(address) if self.style == Style::Json => write!(self.f, "{address}"),
            Value::Pointer(0) => self.f.write_str("(nil)"),
            Value::Pointer(address) => write!(self.f, "{address:#x}"),
            Value::Array(items) => self.array(items, depth),
            Value::Object(members) => self.object(members, depth),
        }
    }

    /// Elements follow each other on one line; what they contain may break it.
    fn array(&mut self, items: &[Value], depth: usize) -> fmt::Result {
        self.f.write_char('[')?;
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.f.write_char(',')?;
            }
            self.value(item, depth + 1)?;
        }
        if !items.is_empty() {
            self.new_line(depth)?;
        }
        self.f.write_char(']')
    }

    fn object(&mut self, members: &[(String, Value)], depth: usize) -> fmt::Result {
        self.f.write_char('{')?;
        for (at, (name, value)) in members.iter().enumerate() {
            if at > 0 {
                self.f.write_char(',')?;
            }
            self.new_line(depth + 1)?;
            self.string(name)?;
            self.f.write_str(if self.layout == Layout::Pretty { ": " } else { ":" })?;
            self.value(value, depth + 1)?;
        }
        if !members.is_empty() {
            self.new_line(depth)?;
        }
        self.f.write_char('}')
    }

    fn new_line(&mut self, depth: usize) -> fmt::Result {
        match self.layout {
            Layout::Compact => Ok(()),
            Layout::Pretty => write!(self.f, "\n{:1$}", "", depth * INDENT),
        }
    }

    fn string(&mut self, text: &str) -> fmt::Result {
        self.f.write_char('"')?;
        for c in text.chars() {
            match c {
                '"' => self.f.write_str("\\\"")?,
                '\\' => self.f.write_str("\\\\")?,
                '\n' => self.f.write_str("\\n")?,
                '\t' => self.f.write_str("\\t")?,
                '\r' => self.f.write_str("\\r")?,
                c if u32::from(c) < 0x20 => write!(self.f, "\\u{:04x}", u32::from(c))?,
                c => self.f.write_char(c)?,
            }
        }
        self.f.write_char('"')
    }
}
