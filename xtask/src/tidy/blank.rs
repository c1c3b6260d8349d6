//! Rust source without what is not code.

/// The source with comments and the contents of literals blanked; lines stay where they are.
pub(super) fn blank(source: &str) -> String {
    let mut scanner = Scanner { rest: source, out: String::with_capacity(source.len()) };
    while let Some(first) = scanner.rest.chars().next() {
        scanner.step(first);
    }
    scanner.out
}

/// Code before the file's own tests, blanked.
pub(super) fn code_without_tests(source: &str) -> String {
    let code = blank(source);
    let end = code.find("#[cfg(test)]").unwrap_or(code.len());
    code[..end].to_owned()
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
}

impl Scanner<'_> {
    fn step(&mut self, first: char) {
        if self.rest.starts_with("//") {
            self.drop(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.drop(block_comment(self.rest));
        } else if let Some(length) = raw_string(self.rest).filter(|_| self.at_word_start()) {
            self.drop(length);
        } else if first == '"' {
            self.drop(quoted(self.rest, '"'));
        } else if first == '\'' && is_char_literal(self.rest) {
            self.drop(quoted(self.rest, '\''));
        } else {
            self.out.push(first);
            self.rest = &self.rest[first.len_utf8()..];
        }
    }

    fn at_word_start(&self) -> bool {
        !self.out.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    }

    fn drop(&mut self, length: usize) {
        let (dropped, rest) = self.rest.split_at(length);
        self.out.extend(dropped.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

/// Bytes of the block comment at the start; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Bytes of the raw string at the start, if there is one.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| text.starts_with(prefix))?;
    let after = &text[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(prefix.len() + hashes + 1 + length)
}

/// Bytes of the literal at the start, up to its closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Whether a single quote begins a character and not a lifetime.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    let (first, second) = (chars.next(), chars.next());
    first == Some('\\') || second == Some('\'')
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_code_is_left() {
        let check = |source: &str, code: &str| assert_eq!(super::blank(source).trim_end(), code);
        check("a // b", "a");
        check("a /* b /* c */ d */ e", "a                   e");
        check("f(\"x\\\"y\", z)", "f(      , z)");
        check("r#\"x\"y\"# z", "         z");
        check("fn f<'a>(c: &'a u8) == '\\'' {", "fn f<'a>(c: &'a u8) ==      {");
        check("'\"' x", "    x");
        check("for r in x", "for r in x");
    }
}
