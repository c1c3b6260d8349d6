//! Values by type: bytes to the tree that bpftool shows for them.
//!
//! The rules are what bpftool 7.1 prints. Where it cannot print a type (floating point) or prints
//! nonsense (a backslash in a string), this goes its own way.

use crate::{Array, Btf, Data, Enum, Error, Int, Kind, Member, Type, Value};

/// Parts that any value may have, and more for each of its bytes: types can describe the same
/// bytes many times over, and elements without bytes any number of times.
const FREE_PARTS: usize = 1 << 16;
const PARTS_PER_BYTE: usize = 64;

impl Btf {
    /// The value of type `id` in these little-endian bytes. More bytes than the type has are left
    /// alone.
    ///
    /// ```
    /// use skep_btf::{Builder, Int};
    /// let mut builder = Builder::new();
    /// let int = builder.int("int", 4, Int::SIGNED);
    /// let color = builder.enumeration("color", &[("RED", 0), ("GREEN", 1)]);
    /// let dot = builder.structure("dot", 8, &[("x", int, 0), ("color", color, 32)]);
    /// let btf = builder.finish()?;
    /// let value = btf.value(dot, &[0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0])?;
    /// assert_eq!(value.to_string(), r#"{"x":-1,"color":"GREEN"}"#);
    /// # Ok::<(), skep_btf::Error>(())
    /// ```
    pub fn value(&self, id: u32, bytes: &[u8]) -> Result<Value, Error> {
        let limit = bytes.len().saturating_mul(PARTS_PER_BYTE).saturating_add(FREE_PARTS);
        Printer { btf: self, id, limit, parts: 0 }.value(id, bytes)
    }
}

struct Printer<'a> {
    btf: &'a Btf,
    /// The type of the whole, for messages.
    id: u32,
    limit: usize,
    parts: usize,
}

impl Printer<'_> {
    fn value(&mut self, id: u32, bytes: &[u8]) -> Result<Value, Error> {
        self.parts += 1;
        if self.parts > self.limit {
            return Err(Error::TooManyParts { id: self.id, limit: self.limit });
        }
        let id = self.btf.resolve(id);
        let ty = self.btf.ty(id).unwrap_or(&Type::VOID);
        let Some(need) = self.btf.size_of(id) else {
            return Err(Error::NoValue { id, kind: ty.kind().name() });
        };
        let found = bytes.len();
        let bytes = usize::try_from(need)
            .ok()
            .and_then(|need| bytes.get(..need))
            .ok_or(Error::Value { id, need, found })?;
        match &ty.data {
            Data::Int(int) => Ok(integer(*int, bytes)),
            Data::Ptr(_) => Ok(Value::Pointer(unsigned(bytes) as u64)),
            Data::Array(array) => self.array(*array, bytes),
            Data::Struct(of) | Data::Union(of) => of
                .members
                .iter()
                .map(|member| {
                    let name = self.btf.string(member.name).to_owned();
                    Ok((name, self.member(*member, bytes)?))
                })
                .collect::<Result<_, Error>>()
                .map(Value::Object),
            Data::Enum(of) | Data::Enum64(of) => Ok(self.enumeration(ty.kind_flag, of, bytes)),
            Data::Float(_) => Ok(float(bytes)),
            Data::Var(var) => {
                let name = self.btf.string(ty.name).to_owned();
                Ok(Value::Object(vec![(name, self.value(var.ty, bytes)?)]))
            }
            Data::Datasec(of) => {
                let vars = of.vars.iter().map(|var| {
                    let rest = bytes.get(var.offset as usize..).unwrap_or_default();
                    self.value(var.ty, rest)
                });
                let vars = Value::Array(vars.collect::<Result<_, Error>>()?);
                Ok(Value::Object(vec![(self.btf.string(ty.name).to_owned(), vars)]))
            }
            _ => Err(Error::NoValue { id, kind: ty.kind().name() }),
        }
    }

    fn member(&mut self, member: Member, bytes: &[u8]) -> Result<Value, Error> {
        let inner = self.btf.resolve(member.ty);
        let ty = self.btf.ty(inner).unwrap_or(&Type::VOID);
        let (bit, bits) = match &ty.data {
            _ if member.bits != 0 => (member.bit_offset, member.bits),
            // Bit fields as they were described before members had a width of their own.
            Data::Int(int) if is_part(*int) || !member.bit_offset.is_multiple_of(8) => {
                (member.bit_offset.saturating_add(int.bit_offset.into()), int.bits)
            }
            _ => {
                let rest = bytes.get(member.bit_offset as usize / 8..).unwrap_or_default();
                return self.value(inner, rest);
            }
        };
        self.parts += 1;
        bit_field(bytes, bit, bits).map(Value::Hex).ok_or(Error::Value {
            id: inner,
            need: (u64::from(bit) + u64::from(bits)).div_ceil(8),
            found: bytes.len(),
        })
    }

    fn array(&mut self, array: Array, bytes: &[u8]) -> Result<Value, Error> {
        if let Some(text) = self.text(array, bytes) {
            return Ok(Value::Str(text));
        }
        let each = self.btf.size_of(array.elem).unwrap_or(0) as usize;
        let items = (0..array.len as usize)
            .map(|at| self.value(array.elem, bytes.get(at * each..).unwrap_or_default()));
        items.collect::<Result<_, Error>>().map(Value::Array)
    }

    /// The text in an array of `char`: printable characters before a zero byte.
    fn text(&self, array: Array, bytes: &[u8]) -> Option<String> {
        let mut elem = self.btf.ty(array.elem)?;
        while let Data::Const(to) | Data::Volatile(to) = &elem.data {
            elem = self.btf.ty(*to)?;
        }
        if elem.kind() != Kind::Int || self.btf.string(elem.name) != "char" {
            return None;
        }
        let end = bytes.iter().position(|&byte| byte == 0)?;
        let text = bytes.get(..end)?;
        let is_printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        text.iter().all(is_printable).then(|| text.iter().copied().map(char::from).collect())
    }

    fn enumeration(&self, signed: bool, of: &Enum, bytes: &[u8]) -> Value {
        let number = if signed { self::signed(bytes) } else { unsigned(bytes).cast_signed() };
        let named = of.values.iter().find(|value| {
            let value = if signed {
                i128::from(value.value)
            } else {
                i128::from(value.value.cast_unsigned())
            };
            value == number
        });
        named.map_or(Value::Int(number), |value| Value::str(self.btf.string(value.name)))
    }
}

/// Whether an integer takes only a part of its bytes.
fn is_part(int: Int) -> bool {
    int.bit_offset != 0 || u32::from(int.bits) != int.size.saturating_mul(8)
}

fn integer(int: Int, bytes: &[u8]) -> Value {
    if is_part(int) {
        let bits = bit_field(bytes, int.bit_offset.into(), int.bits);
        return Value::Hex(bits.unwrap_or_else(|| unsigned(bytes)));
    }
    match int.encoding {
        _ if bytes.len() > 8 => Value::Hex(unsigned(bytes)),
        Int::BOOL => Value::Bool(unsigned(bytes) != 0),
        Int::SIGNED | Int::CHAR => Value::Int(signed(bytes)),
        _ => Value::Int(unsigned(bytes).cast_signed()),
    }
}

fn float(bytes: &[u8]) -> Value {
    match (bytes.first_chunk(), bytes.first_chunk()) {
        (_, Some(double)) if bytes.len() == 8 => Value::Float(f64::from_le_bytes(*double)),
        (Some(single), _) if bytes.len() == 4 => {
            // Through its text, so that 0.1 does not become 0.10000000149011612.
            let single = f32::from_le_bytes(*single);
            Value::Float(single.to_string().parse().unwrap_or(f64::NAN))
        }
        _ => Value::Hex(unsigned(bytes)),
    }
}

/// `bits` bits from bit `at` on, if they are there. At most 128.
fn bit_field(bytes: &[u8], at: u32, bits: u8) -> Option<u128> {
    let end = (u64::from(at) + u64::from(bits)).div_ceil(8);
    let bytes = bytes.get(at as usize / 8..usize::try_from(end).ok()?)?;
    let (bits, shift) = (u32::from(bits), at % 8);
    if bits == 0 || bits > 128 {
        return None;
    }
    let mut value = unsigned(bytes) >> shift;
    // A field of 128 bits that begins inside of a byte ends in a seventeenth.
    if let Some(last) = bytes.get(16) {
        value |= u128::from(*last) << (128 - shift);
    }
    Some(value & (u128::MAX >> (128 - bits)))
}

/// The first 16 bytes as a little-endian number.
fn unsigned(bytes: &[u8]) -> u128 {
    bytes.iter().take(16).rev().fold(0, |value, &byte| value << 8 | u128::from(byte))
}

/// The same, with the highest bit as a sign.
fn signed(bytes: &[u8]) -> i128 {
    let unused = 128 - 8 * bytes.len().clamp(1, 16) as u32;
    (unsigned(bytes) << unused).cast_signed() >> unused
}
