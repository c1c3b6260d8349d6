//! The format strings of `bpf_trace_printk` and its kin: what Linux 6.18 takes, and what it prints.

use skep_uapi::Errno;

/// Formats `args` by `format`, which ends at its first zero byte and must have one.
///
/// `read` copies up to so many bytes of a program's memory; what cannot be read is left out.
pub(super) fn format(
    format: &[u8],
    args: &[u64],
    read: &dyn Fn(u64, usize) -> Vec<u8>,
) -> Result<Vec<u8>, Errno> {
    let end = format.iter().position(|b| *b == 0).ok_or(Errno::EINVAL)?;
    let mut rest = &format[..end];
    let mut args = args.iter().copied();
    let mut text = Vec::new();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'%' if rest.first() == Some(&b'%') => {
                text.push(b'%');
                rest = &rest[1..];
            }
            b'%' => {
                let (spec, tail) = Spec::parse(rest)?;
                rest = tail;
                let arg = args.next().ok_or(Errno::EINVAL)?;
                spec.print(arg, read, &mut text);
            }
            // Control characters other than white space would garble the trace.
            byte if byte.is_ascii() && !is_printable(*byte) => return Err(Errno::EINVAL),
            byte => text.push(*byte),
        }
    }
    Ok(text)
}

/// The longest string that is printed.
const STRING_MAX: usize = 512;

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t'..=b'\r')
}

/// One conversion: `%`, flags, width, kind.
#[derive(Clone, Copy, Debug)]
struct Spec {
    zeros: bool,
    left: bool,
    sign: Option<u8>,
    width: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Signed {
        bits: u32,
    },
    Unsigned {
        bits: u32,
    },
    Hex {
        bits: u32,
        upper: bool,
    },
    Char,
    String,
    /// Hashed, so that a trace does not tell where things are.
    Pointer,
    /// As it is.
    RawPointer,
    /// A function or data address, by name where there is one.
    Symbol,
    Ipv4 {
        zeros: bool,
    },
    Ipv6 {
        colons: bool,
    },
}

impl Spec {
    fn parse(after_percent: &[u8]) -> Result<(Spec, &[u8]), Errno> {
        let mut spec =
            Spec { zeros: false, left: false, sign: None, width: 0, kind: Kind::Pointer };
        let mut rest = after_percent;
        while let Some(flag @ (b'0' | b'+' | b'-' | b' ')) = rest.first() {
            match flag {
                b'0' => spec.zeros = true,
                b'-' => spec.left = true,
                sign => spec.sign = Some(*sign),
            }
            rest = &rest[1..];
        }
        while let Some(digit @ b'0'..=b'9') = rest.first() {
            spec.width = (spec.width * 10 + usize::from(digit - b'0')).min(1024);
            rest = &rest[1..];
        }
        let (kind, rest) = Kind::parse(rest)?;
        Ok((Spec { kind, ..spec }, rest))
    }

    fn print(self, arg: u64, read: &dyn Fn(u64, usize) -> Vec<u8>, text: &mut Vec<u8>) {
        let body = match self.kind {
            Kind::Signed { bits } => {
                let value = (arg << (64 - bits)).cast_signed() >> (64 - bits);
                return self.print_number(value < 0, value.unsigned_abs().to_string(), text);
            }
            Kind::Unsigned { bits } => {
                return self.print_number(false, low(arg, bits).to_string(), text);
            }
            Kind::Hex { bits, upper } => {
                let value = low(arg, bits);
                let digits = if upper { format!("{value:X}") } else { format!("{value:x}") };
                return self.print_number(false, digits, text);
            }
            Kind::Char => vec![arg as u8],
            Kind::String => until_zero(read(arg, STRING_MAX)),
            Kind::Pointer | Kind::RawPointer => {
                let value = if matches!(self.kind, Kind::Pointer) { hashed(arg) } else { arg };
                let width = if self.width == 0 { 16 } else { self.width };
                format!("{value:0width$x}").into_bytes()
            }
            Kind::Symbol => format!("0x{arg:x}").into_bytes(),
            Kind::Ipv4 { zeros } => ipv4(&read(arg, 4), zeros),
            Kind::Ipv6 { colons } => ipv6(&read(arg, 16), colons),
        };
        pad(body, self.width, self.left, text);
    }

    fn print_number(self, negative: bool, digits: String, text: &mut Vec<u8>) {
        let sign = match (negative, self.sign) {
            (true, _) => "-",
            (false, Some(b'+')) => "+",
            (false, Some(_)) => " ",
            (false, None) => "",
        };
        let zeros = match self.zeros && !self.left {
            true => self.width.saturating_sub(sign.len() + digits.len()),
            false => 0,
        };
        let body = format!("{sign}{}{digits}", "0".repeat(zeros));
        pad(body.into_bytes(), self.width, self.left, text);
    }
}

impl Kind {
    fn parse(rest: &[u8]) -> Result<(Kind, &[u8]), Errno> {
        Ok(match rest {
            [b'p', b'x', tail @ ..] => (Kind::RawPointer, tail),
            [b'p', b'K', tail @ ..] => (Kind::Pointer, tail),
            [b'p', b'B' | b's' | b'S', tail @ ..] => (Kind::Symbol, tail),
            [b'p', b'k' | b'u', b's', tail @ ..] => (Kind::String, tail),
            [b'p', b'I', b'4', tail @ ..] => (Kind::Ipv4 { zeros: false }, tail),
            [b'p', b'i', b'4', tail @ ..] => (Kind::Ipv4 { zeros: true }, tail),
            [b'p', b'I', b'6', tail @ ..] => (Kind::Ipv6 { colons: true }, tail),
            [b'p', b'i', b'6', tail @ ..] => (Kind::Ipv6 { colons: false }, tail),
            // A bare pointer ends at anything that is no letter or digit.
            [b'p', next, ..] if next.is_ascii_alphanumeric() => return Err(Errno::EINVAL),
            [b'p', tail @ ..] => (Kind::Pointer, tail),
            [b's', tail @ ..] => (Kind::String, tail),
            [b'c', tail @ ..] => (Kind::Char, tail),
            [b'l', b'l', tail @ ..] | [b'l', tail @ ..] => return Kind::number(tail, 64),
            tail => return Kind::number(tail, 32),
        })
    }

    fn number(rest: &[u8], bits: u32) -> Result<(Kind, &[u8]), Errno> {
        Ok(match rest {
            [b'd' | b'i', tail @ ..] => (Kind::Signed { bits }, tail),
            [b'u', tail @ ..] => (Kind::Unsigned { bits }, tail),
            [b'x', tail @ ..] => (Kind::Hex { bits, upper: false }, tail),
            [b'X', tail @ ..] => (Kind::Hex { bits, upper: true }, tail),
            _ => return Err(Errno::EINVAL),
        })
    }
}

fn low(value: u64, bits: u32) -> u64 {
    value & (u64::MAX >> (64 - bits))
}

/// A stable stand-in of 32 bits; null stays null.
fn hashed(pointer: u64) -> u64 {
    pointer.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

fn until_zero(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn ipv4(bytes: &[u8], zeros: bool) -> Vec<u8> {
    let part = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let [a, b, c, d] = [part(0), part(1), part(2), part(3)];
    let text = match zeros {
        true => format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        false => format!("{a}.{b}.{c}.{d}"),
    };
    text.into_bytes()
}

fn ipv6(bytes: &[u8], colons: bool) -> Vec<u8> {
    let part = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let groups: Vec<String> =
        (0..8).map(|i| format!("{:02x}{:02x}", part(2 * i), part(2 * i + 1))).collect();
    groups.join(if colons { ":" } else { "" }).into_bytes()
}

fn pad(body: Vec<u8>, width: usize, left: bool, text: &mut Vec<u8>) {
    let spaces = vec![b' '; width.saturating_sub(body.len())];
    match left {
        true => text.extend([body, spaces].concat()),
        false => text.extend([spaces, body].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, args: &[u64], expect: &str) {
        let read = |address: u64, max: usize| match address {
            100 => b"name\0rest"[..max.min(9)].to_vec(),
            200 => vec![192, 168, 0, 1],
            _ => Vec::new(),
        };
        let printed = format(format!("{text}\0").as_bytes(), args, &read).map_err(Errno::name);
        let printed = printed.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(printed.unwrap_or_else(|e| e.unwrap().to_owned()), expect, "{text}");
    }

    /// Every line was seen on Linux 6.18, by its text or its length.
    #[test]
    fn formats_are_those_of_linux() {
        let minus = u64::MAX;
        check("%d %u %x", &[minus, minus, 255], "-1 4294967295 ff");
        check("%lld %llu %llx", &[minus, 1, 255], "-1 1 ff");
        check("%ld %lu %lx", &[minus, minus, 255], "-1 18446744073709551615 ff");
        check("%5d|%-5d|%05d|", &[5, 5, 5], "    5|5    |00005|");
        check("%+d% d%i", &[5, 5, 5], "+5 55");
        check("%X %c %%", &[255, 65], "FF A %");
        check("%s|%5s|%-5s|", &[100, 0, 0], "name|     |     |");
        check("%p", &[0], "0000000000000000");
        check("%px %10p|", &[0x1234, 0], "0000000000001234 0000000000|");
        check("%pI4 %pi4 %pB", &[200, 200, 0], "192.168.0.1 192.168.000.001 0x0");
        check("100%", &[], "EINVAL");
        for bad in ["%hd", "%#x", "%o", "%z", "%zu", "%f", "%n", "%lc", "%.3d", "%*d", "%l", "%ll"]
        {
            check(bad, &[1, 2, 3], "EINVAL");
        }
        check("%d %d %d %d", &[1, 2, 3], "EINVAL");
        check("a\u{1}", &[], "EINVAL");
        check("tab\t\n", &[], "tab\t\n");
    }

    #[test]
    fn a_format_must_end() {
        assert_eq!(format(b"abc", &[], &|_, _| Vec::new()), Err(Errno::EINVAL));
        assert_eq!(format(b"ab\0cd", &[], &|_, _| Vec::new()), Ok(b"ab".to_vec()));
    }
}
