//! A line of text to tokens.

use super::error::{AsmError, AsmProblem, Place};

/// A token and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) place: Place,
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, register or keyword.
    Word,
    /// A number without sign.
    Number(u64),
    /// An operator or other punctuation.
    Punct,
    /// `#5` directly behind a name.
    Suffix(u64),
}

/// Longer ones before their prefixes.
const PUNCTS: &[&str] = &[
    "s>>=", "<<=", ">>=", "s/=", "s%=", "s>=", "s<=", "+=", "-=", "*=", "/=", "%=", "&=", "|=",
    "^=", "==", "!=", ">=", "<=", "s>", "s<", "<", ">", "=", "&", "(", ")", "[", "]", "*", "+",
    "-", ",", ":",
];

/// Splits a line; comments are left out.
pub(super) fn tokens(line_number: usize, line: &str) -> Result<Vec<Token<'_>>, AsmError> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let start = line.len() - rest.len();
        let place = Place { line: line_number, column: line[..start].chars().count() + 1 };
        let after_word = tokens.last().is_some_and(|last: &Token<'_>| last.kind == Kind::Word)
            && !line[..start].ends_with(char::is_whitespace);
        let (len, kind) = if first == '#' && after_word && digits(&rest[1..]) > 0 {
            let len = 1 + digits(&rest[1..]);
            (len, Kind::Suffix(number(place, &rest[1..len])?))
        } else if first == ';' || first == '#' || rest.starts_with("//") {
            break;
        } else if let Some(punct) = PUNCTS.iter().find(|punct| rest.starts_with(**punct)) {
            (punct.len(), Kind::Punct)
        } else {
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            match len {
                0 => return Err(unexpected(place, &rest[..first.len_utf8()])),
                _ if first.is_ascii_digit() => (len, Kind::Number(number(place, &rest[..len])?)),
                _ => (len, Kind::Word),
            }
        };
        tokens.push(Token { place, text: &rest[..len], kind });
        rest = rest[len..].trim_start();
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '@')
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn number(place: Place, text: &str) -> Result<u64, AsmError> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| {
        let expected = "a number below 2^64, decimal or 0x hexadecimal";
        place.error(AsmProblem::Syntax { expected, found: format!("`{text}`") })
    })
}

fn unexpected(place: Place, text: &str) -> AsmError {
    place.error(AsmProblem::Syntax { expected: "a statement", found: format!("`{text}`") })
}
