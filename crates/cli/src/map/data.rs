//! Bytes as they are typed: decimal, `0x` and `0` before a number, or all in hexadecimal.

use crate::words::{Usage, Words};

/// `[hex] BYTES`: as many as `what`, a key or a value, has.
pub(crate) fn bytes(words: &mut Words, what: &str, count: usize) -> Result<Vec<u8>, Usage> {
    let is_hex = words.take("hex");
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        let Some(word) = words.peek() else {
            let found = bytes.len();
            return Err(Usage(format!("expected {what} of {count} bytes, found {found}")));
        };
        bytes.push(byte(word, is_hex)?);
        words.opt_next();
    }
    Ok(bytes)
}

fn byte(word: &str, is_hex: bool) -> Result<u8, Usage> {
    let lower = word.to_ascii_lowercase();
    let (digits, radix) = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        _ if is_hex => (lower.as_str(), 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (lower.as_str(), 10),
    };
    let is_digits = digits.chars().all(|c| c.is_digit(radix));
    let parsed = u8::from_str_radix(digits, radix).ok().filter(|_| is_digits);
    parsed.ok_or_else(|| {
        let hint = if is_hex { ", in hexadecimal" } else { " (0 to 255)" };
        Usage(format!("expected a byte{hint}, found `{word}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::byte;

    #[test]
    fn bytes_are_typed_in_three_bases() {
        let check = |word: &str, is_hex: bool, expect: Result<u8, &str>| {
            let found = byte(word, is_hex).map_err(|usage| usage.0);
            assert_eq!(found, expect.map_err(str::to_owned), "{word}");
        };
        check("0", false, Ok(0));
        check("255", false, Ok(255));
        check("0x1f", false, Ok(0x1f));
        check("0X1F", true, Ok(0x1f));
        check("017", false, Ok(15));
        check("17", true, Ok(0x17));
        check("017", true, Ok(0x17));
        check("fF", true, Ok(0xff));
        check("256", false, Err("expected a byte (0 to 255), found `256`"));
        check("08", false, Err("expected a byte (0 to 255), found `08`"));
        check("+1", false, Err("expected a byte (0 to 255), found `+1`"));
        check("0x", false, Err("expected a byte (0 to 255), found `0x`"));
        check("", true, Err("expected a byte, in hexadecimal, found ``"));
        check("100", true, Err("expected a byte, in hexadecimal, found `100`"));
    }
}
