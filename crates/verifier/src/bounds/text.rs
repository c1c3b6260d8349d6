//! Numbers as the log shows them.

use core::fmt;

use super::Bounds;
use crate::span::Span;
use crate::tnum::Tnum;

impl fmt::Display for Bounds {
    /// The attributes that Linux prints, those of equal value together:
    /// `smin=0,smax=umax=0xff,var_off=(0x0; 0xff)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (full, half) = (Span::full(64), Span::full(32));
        let (whole, low) = (self.whole, self.low);
        let ranges = [
            ("smin", Number::Signed(whole.smin), whole.smin == full.smin),
            ("smax", Number::Signed(whole.smax), whole.smax == full.smax),
            ("umin", Number::Unsigned(whole.umin), whole.umin == full.umin),
            ("umax", Number::Unsigned(whole.umax), whole.umax == full.umax),
            ("smin32", Number::signed32(low.smin), low.smin == half.smin),
            ("smax32", Number::signed32(low.smax), low.smax == half.smax),
            ("umin32", Number::Unsigned(low.umin), low.umin == half.umin),
            ("umax32", Number::Unsigned(low.umax), low.umax == half.umax),
        ];
        // Smallest values that are the same number are shown together, and so are largest.
        let shown: Vec<_> = ranges.iter().filter(|(_, _, default)| !default).collect();
        let alike = |a: &(&str, Number, bool), b: &(&str, Number, bool)| {
            a.0[1..4] == b.0[1..4] && a.1.integer() == b.1.integer()
        };
        let mut separator = "";
        for (index, first) in shown.iter().enumerate() {
            if shown[..index].iter().any(|earlier| alike(earlier, first)) {
                continue;
            }
            write!(f, "{separator}")?;
            for (name, ..) in shown[index..].iter().filter(|other| alike(first, other)) {
                write!(f, "{name}=")?;
            }
            write!(f, "{}", first.1)?;
            separator = ",";
        }
        if self.tnum != Tnum::UNKNOWN {
            write!(f, "{separator}var_off={}", self.tnum)?;
        }
        Ok(())
    }
}

/// A number as the log prints it: in decimal if it is short.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    Signed(i64),
    Unsigned(u64),
}

impl Number {
    /// A signed 32-bit number: a long one is shown as its bits.
    fn signed32(number: i64) -> Number {
        if i16::try_from(number).is_ok() {
            Number::Signed(number)
        } else {
            Number::Unsigned(u64::from(number as u32))
        }
    }

    fn integer(self) -> i128 {
        match self {
            Number::Signed(number) => number.into(),
            Number::Unsigned(number) => number.into(),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            number if i16::try_from(number.integer()).is_ok() => write!(f, "{}", number.integer()),
            Number::Signed(number) => write!(f, "{number:#x}"),
            Number::Unsigned(number) => write!(f, "{number:#x}"),
        }
    }
}
