//! bpftool's grammar: words in a row, each of which may be cut short.

use std::collections::VecDeque;

use clap::Args;

use crate::output::Form;

/// What stands behind a noun.
#[derive(Args, Debug)]
pub(crate) struct Given {
    /// bpftool's words, one of the lines above
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// Words not yet read.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    rest: VecDeque<String>,
}

/// The words do not make a command. The exit status is 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

impl Given {
    pub(crate) fn words(self) -> Words {
        Words { rest: self.words.into() }
    }
}

impl Words {
    /// The next word, if there is one, left where it is.
    pub(crate) fn peek(&self) -> Option<&str> {
        self.rest.front().map(String::as_str)
    }

    /// The next word, if there is one.
    pub(crate) fn opt_next(&mut self) -> Option<String> {
        self.rest.pop_front()
    }

    /// The next word; `what` names it in the message that it is missing.
    pub(crate) fn next(&mut self, what: &str) -> Result<String, Usage> {
        self.rest.pop_front().ok_or_else(|| Usage(format!("expected {what}, found the end")))
    }

    /// Whether the next word is `keyword`, or begins it; if so, it is taken.
    pub(crate) fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| !word.is_empty() && keyword.starts_with(word));
        if found {
            self.rest.pop_front();
        }
        found
    }

    /// The next word is one of these, or begins one; the first that fits is meant, as in bpftool.
    pub(crate) fn one_of(&mut self, keywords: &[&'static str]) -> Result<&'static str, Usage> {
        if let Some(keyword) = keywords.iter().find(|keyword| self.take(keyword)) {
            return Ok(keyword);
        }
        let wanted = match keywords {
            [one] => format!("`{one}`"),
            _ => format!("one of {}", keywords.join(", ")),
        };
        let found = self.peek().map_or("the end".to_owned(), |word| format!("`{word}`"));
        Err(Usage(format!("expected {wanted}, found {found}")))
    }

    /// The next word is a number, decimal or with `0x`.
    pub(crate) fn number(&mut self, what: &str) -> Result<u64, Usage> {
        let word = self.next(what)?;
        let parsed = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => word.parse(),
        };
        parsed.map_err(|_| Usage(format!("expected {what}, found `{word}`")))
    }

    /// The same, of 32 bits.
    pub(crate) fn number_u32(&mut self, what: &str) -> Result<u32, Usage> {
        let number = self.number(what)?;
        let fits = u32::try_from(number);
        fits.map_err(|_| Usage(format!("expected {what} below 2^32, found {number}")))
    }

    /// There are no more words.
    pub(crate) fn end(&self) -> Result<(), Usage> {
        match self.peek() {
            None => Ok(()),
            Some(word) => Err(Usage(format!("expected no more words, found `{word}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Words {
        Words { rest: line.split_whitespace().map(str::to_owned).collect() }
    }

    #[test]
    fn keywords_may_be_cut_short() {
        let check = |line: &str, expect: Result<&str, &str>| {
            let found = words(line).one_of(&["show", "list", "load", "dump"]);
            assert_eq!(found.map_err(|usage| usage.0), expect.map_err(str::to_owned), "{line}");
        };
        check("show", Ok("show"));
        check("s", Ok("show"));
        check("l", Ok("list"));
        check("lo", Ok("load"));
        check("shows", Err("expected one of show, list, load, dump, found `shows`"));
        check("", Err("expected one of show, list, load, dump, found the end"));
    }

    #[test]
    fn numbers_of_both_bases() {
        let check = |line: &str, expect: Result<u32, &str>| {
            let found = words(line).number_u32("an id");
            assert_eq!(found.map_err(|usage| usage.0), expect.map_err(str::to_owned), "{line}");
        };
        check("12", Ok(12));
        check("0x1f", Ok(31));
        check("x", Err("expected an id, found `x`"));
        check("", Err("expected an id, found the end"));
        check("0x100000000", Err("expected an id below 2^32, found 4294967296"));
    }
}
