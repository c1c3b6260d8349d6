//! The pieces of statements: registers, numbers, memory operands; and the reader of tokens.

use super::error::{AsmError, AsmProblem, Place};
use super::lexer::{Kind, Token};
use crate::{Operand, Reg, Size, Width};

/// Reads the tokens of a line from left to right.
pub(super) struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    /// Behind the last token: where something is missing.
    end: Place,
}

/// A register as written: `r1` or `w1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Register {
    pub(super) reg: Reg,
    pub(super) width: Width,
}

/// `(u64 *)`: what memory is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemType {
    pub(super) size: Size,
    pub(super) signed: bool,
}

/// Where a jump or a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// So many slots from the next instruction.
    Distance(i128),
    /// To a label.
    Label(String),
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a [Token<'a>], end: Place) -> Cursor<'a> {
        Cursor { tokens, end }
    }

    pub(super) fn place(&self) -> Place {
        self.tokens.first().map_or(self.end, |token| token.place)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn error(&self, expected: &'static str) -> AsmError {
        let found = match self.tokens.first() {
            Some(token) => format!("`{}`", token.text),
            None => "the end of the line".to_owned(),
        };
        self.place().error(AsmProblem::Syntax { expected, found })
    }

    /// The text of the token `ahead` places on.
    pub(super) fn peek(&self, ahead: usize) -> &'a str {
        self.tokens.get(ahead).map_or("", |token| token.text)
    }

    /// Passes a token if it has this text.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.tokens.first().is_some_and(|token| token.text == text);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    /// Passes a token that must have this text; `expected` names it for the message.
    pub(super) fn expect(&mut self, text: &str, expected: &'static str) -> Result<(), AsmError> {
        if self.eat(text) { Ok(()) } else { Err(self.error(expected)) }
    }

    pub(super) fn expect_end(&self) -> Result<(), AsmError> {
        if self.is_empty() { Ok(()) } else { Err(self.error("the end of the line")) }
    }

    pub(super) fn opt_word(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        (first.kind == Kind::Word).then(|| {
            self.tokens = rest;
            first.text
        })
    }

    pub(super) fn word(&mut self, expected: &'static str) -> Result<&'a str, AsmError> {
        self.opt_word().ok_or_else(|| self.error(expected))
    }

    /// The operator here, if it is one of those that `known` knows.
    pub(super) fn operator<T>(
        &mut self,
        expected: &'static str,
        known: impl Fn(&str) -> Option<T>,
    ) -> Result<T, AsmError> {
        let found = self.tokens.first().and_then(|token| known(token.text));
        let found = found.ok_or_else(|| self.error(expected))?;
        self.tokens = &self.tokens[1..];
        Ok(found)
    }

    /// `#5` behind a name.
    pub(super) fn opt_suffix(&mut self) -> Option<u64> {
        let (first, rest) = self.tokens.split_first()?;
        let Kind::Suffix(number) = first.kind else { return None };
        self.tokens = rest;
        Some(number)
    }

    pub(super) fn at_number(&self) -> bool {
        let sign = usize::from(matches!(self.peek(0), "-" | "+"));
        self.tokens.get(sign).is_some_and(|token| matches!(token.kind, Kind::Number(_)))
    }

    /// A number with any signs before it: Linux prints `+ -12`.
    pub(super) fn number(&mut self) -> Result<i128, AsmError> {
        let mut negative = false;
        loop {
            if self.eat("-") {
                negative = !negative;
            } else if !self.eat("+") {
                break;
            }
        }
        match self.tokens.split_first() {
            Some((Token { kind: Kind::Number(number), .. }, rest)) => {
                self.tokens = rest;
                Ok(if negative { -i128::from(*number) } else { i128::from(*number) })
            }
            _ => Err(self.error("a number")),
        }
    }

    /// A number within bounds.
    pub(super) fn number_in<T>(&mut self, what: &'static str) -> Result<T, AsmError>
    where
        T: TryFrom<i128> + Bounds,
    {
        let place = self.place();
        let found = self.number()?;
        let range = AsmProblem::Range { what, min: T::MINIMUM, max: T::MAXIMUM, found };
        T::try_from(found).map_err(|_| place.error(range))
    }

    /// A 32-bit immediate. Where only 32 bits count, and where Linux prints signed immediates as
    /// unsigned ones, 0x80000000 to 0xffffffff are taken as bits too.
    pub(super) fn imm32(&mut self, signs: Signs) -> Result<i32, AsmError> {
        let place = self.place();
        let found = self.number()?;
        let bits = (signs == Signs::Either).then(|| u32::try_from(found).ok()).flatten();
        match i32::try_from(found).ok().or(bits.map(|bits| bits as i32)) {
            Some(imm) => Ok(imm),
            None => {
                let max = if signs == Signs::Either { u32::MAX.into() } else { i32::MAX.into() };
                let (what, min) = ("the immediate", i32::MIN.into());
                Err(place.error(AsmProblem::Range { what, min, max, found }))
            }
        }
    }

    pub(super) fn opt_register(&mut self) -> Result<Option<Register>, AsmError> {
        let text = self.peek(0);
        let (width, digits) = match (text.strip_prefix('r'), text.strip_prefix('w')) {
            (Some(digits), _) => (Width::W64, digits),
            (_, Some(digits)) => (Width::W32, digits),
            _ => return Ok(None),
        };
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Ok(None);
        }
        let reg = digits.parse().ok().and_then(Reg::new);
        let reg = reg.ok_or_else(|| self.error("r0 to r10 or w0 to w10"))?;
        self.tokens = &self.tokens[1..];
        Ok(Some(Register { reg, width }))
    }

    pub(super) fn register(&mut self) -> Result<Register, AsmError> {
        match self.opt_register()? {
            Some(register) => Ok(register),
            None => Err(self.error("a register")),
        }
    }

    /// A register of this width.
    pub(super) fn reg(&mut self, width: Width) -> Result<Reg, AsmError> {
        let before = self.tokens;
        let register = self.register()?;
        if register.width == width {
            return Ok(register.reg);
        }
        self.tokens = before;
        Err(self.error(match width {
            Width::W32 => "a 32-bit register (w0 to w10)",
            Width::W64 => "a 64-bit register (r0 to r10)",
        }))
    }

    /// A register that holds a value of this size: `r`, or for 32 bits and less also `w`, which
    /// is how LLVM prints it for newer processors.
    pub(super) fn value_reg(&mut self, size: Size) -> Result<Reg, AsmError> {
        let wide = self.peek(0).starts_with('r') || size == Size::Dw;
        self.reg(if wide { Width::W64 } else { Width::W32 })
    }

    pub(super) fn operand(&mut self, width: Width, signs: Signs) -> Result<Operand, AsmError> {
        if self.at_number() {
            return self.imm32(signs).map(Operand::Imm);
        }
        if !matches!(self.peek(0).chars().next(), Some('r' | 'w')) {
            return Err(self.error("a register or a number"));
        }
        self.reg(width).map(Operand::Reg)
    }

    /// `(u64 *)`.
    pub(super) fn mem_type(&mut self) -> Result<MemType, AsmError> {
        self.expect("(", "`(`")?;
        let (size, signed) = self.operator("u8, u16, u32, u64, s8, s16 or s32", |word| {
            Some(match word {
                "u8" => (Size::B, false),
                "u16" => (Size::H, false),
                "u32" => (Size::W, false),
                "u64" => (Size::Dw, false),
                "s8" => (Size::B, true),
                "s16" => (Size::H, true),
                "s32" => (Size::W, true),
                _ => return None,
            })
        })?;
        self.expect("*", "`*`")?;
        self.expect(")", "`)`")?;
        Ok(MemType { size, signed })
    }

    /// `(r10 - 8)`; without offset it is 0.
    pub(super) fn address(&mut self) -> Result<(Reg, i16), AsmError> {
        self.expect("(", "`(`")?;
        let address = self.bare_address()?;
        self.expect(")", "`)`")?;
        Ok(address)
    }

    /// `r10 - 8`.
    pub(super) fn bare_address(&mut self) -> Result<(Reg, i16), AsmError> {
        let reg = self.reg(Width::W64)?;
        let off = if matches!(self.peek(0), "+" | "-") { self.number_in("the offset")? } else { 0 };
        Ok((reg, off))
    }

    /// `+3`, `pc+3`, `label`; what LLVM prints in angle brackets behind it is passed over.
    pub(super) fn target(&mut self) -> Result<Target, AsmError> {
        let pc = self.peek(0) == "pc" && matches!(self.peek(1), "+" | "-");
        if pc {
            self.eat("pc");
        }
        let target = if matches!(self.peek(0), "+" | "-") {
            Target::Distance(self.number()?)
        } else {
            Target::Label(self.word("a label or a distance (+1)")?.to_owned())
        };
        if self.peek(0) == "<" {
            self.tokens = &[];
        }
        Ok(target)
    }
}

/// Which spellings an immediate may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// -2^31 to 2^31 - 1: the immediate is sign-extended, other numbers would change.
    Signed,
    /// -2^31 to 2^32 - 1.
    Either,
}

/// The bounds of an integer type, for messages.
pub(super) trait Bounds {
    const MINIMUM: i128;
    const MAXIMUM: i128;
}

macro_rules! bounds {
    ($($int:ty)*) => {$(
        impl Bounds for $int {
            const MINIMUM: i128 = <$int>::MIN as i128;
            const MAXIMUM: i128 = <$int>::MAX as i128;
        }
    )*};
}

bounds!(i16 i32 u16 u32 u64);
