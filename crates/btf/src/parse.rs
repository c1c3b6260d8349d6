//! Bytes to types: every read is checked, every reference is there, nothing contains itself.

use std::ops::Range;

use crate::types::{
    Array, Composite, DeclTag, Enum, Enumerator, Func, FuncProto, Int, Member, Param, Var,
    VarSecinfo,
};
use crate::{Btf, Data, Datasec, Error, Kind, Type};

/// Name of the section, for messages.
const SECTION: &str = ".BTF";
/// Bytes of the shortest header.
const HEADER_BYTES: u32 = 24;
/// Ids that a reference can hold (`BTF_MAX_TYPE`).
const MAX_TYPES: usize = 0x000f_ffff;

/// A byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// What a section holds.
pub(crate) struct Parsed {
    pub(crate) order: Order,
    /// By id; 0 is `void`.
    pub(crate) types: Vec<Type>,
    /// Place of the strings in the section.
    pub(crate) strings: Range<usize>,
}

/// Parses a `.BTF` section.
pub(crate) fn section(bytes: &[u8]) -> Result<Parsed, Error> {
    let mut header = Reader::open(SECTION, bytes)?;
    let order = header.order;
    let header_len = header.u32("header length")?;
    if header_len < HEADER_BYTES {
        return Err(bad_header("hdr_len", header_len, "at least 24"));
    }
    let type_off = header.u32("type section offset")?;
    let type_len = header.u32("type section length")?;
    let str_off = header.u32("string section offset")?;
    let str_len = header.u32("string section length")?;
    if type_off % 4 != 0 {
        return Err(bad_header("type_off", type_off, "a multiple of 4"));
    }
    let type_range = header.range("type section", header_len, type_off, type_len)?;
    let str_range = header.range("string section", header_len, str_off, str_len)?;
    let strings = &bytes[str_range.clone()];
    if strings.first() != Some(&0) || strings.last() != Some(&0) {
        return Err(Error::Strings);
    }
    let mut reader =
        Reader { section: SECTION, bytes: &bytes[..type_range.end], order, at: type_range.start };
    let mut types = vec![Type::VOID];
    while reader.at < type_range.end {
        if types.len() > MAX_TYPES {
            return Err(Error::TooMany {
                what: "the type section",
                found: types.len(),
                limit: MAX_TYPES,
            });
        }
        types.push(record(&mut reader, types.len() as u32)?);
    }
    check_references(&types, strings.len())?;
    check_containment(&types)?;
    Ok(Parsed { order, types, strings: str_range })
}

fn bad_header(field: &'static str, found: u32, expected: &'static str) -> Error {
    Error::Header { section: SECTION, field, found, expected }
}

/// Reads one type: its record and what follows it.
fn record(reader: &mut Reader<'_>, id: u32) -> Result<Type, Error> {
    let name = reader.u32("type record")?;
    let info = reader.u32("type record")?;
    let size_or_type = reader.u32("type record")?;
    let vlen = info & 0xffff;
    let kind_flag = info >> 31 != 0;
    let number = (info >> 24) & 0x1f;
    let kind = Kind::from_number(number)
        .filter(|kind| *kind != Kind::Void)
        .ok_or(Error::Kind { id, found: number })?;
    let data = match kind {
        Kind::Void => Data::Void,
        Kind::Int => Data::Int(int(size_or_type, reader.u32("integer")?)),
        Kind::Ptr => Data::Ptr(size_or_type),
        Kind::Array => Data::Array(Array {
            elem: reader.u32("array")?,
            index: reader.u32("array")?,
            len: reader.u32("array")?,
        }),
        Kind::Struct => Data::Struct(composite(reader, size_or_type, vlen, kind_flag)?),
        Kind::Union => Data::Union(composite(reader, size_or_type, vlen, kind_flag)?),
        Kind::Enum => Data::Enum(enumeration(reader, size_or_type, vlen, kind_flag)?),
        Kind::Fwd => Data::Fwd,
        Kind::Typedef => Data::Typedef(size_or_type),
        Kind::Volatile => Data::Volatile(size_or_type),
        Kind::Const => Data::Const(size_or_type),
        Kind::Restrict => Data::Restrict(size_or_type),
        Kind::Func => Data::Func(Func { proto: size_or_type, linkage: vlen }),
        Kind::FuncProto => Data::FuncProto(FuncProto {
            ret: size_or_type,
            params: reader.list(vlen, 8, "parameters", |reader| {
                Ok(Param { name: reader.u32("parameter")?, ty: reader.u32("parameter")? })
            })?,
        }),
        Kind::Var => Data::Var(Var { ty: size_or_type, linkage: reader.u32("variable")? }),
        Kind::Datasec => Data::Datasec(Datasec {
            size: size_or_type,
            vars: reader.list(vlen, 12, "variables of a section", |reader| {
                Ok(VarSecinfo {
                    ty: reader.u32("variable")?,
                    offset: reader.u32("variable")?,
                    size: reader.u32("variable")?,
                })
            })?,
        }),
        Kind::Float => Data::Float(size_or_type),
        Kind::DeclTag => {
            Data::DeclTag(DeclTag { ty: size_or_type, component: reader.u32("tag")?.cast_signed() })
        }
        Kind::TypeTag => Data::TypeTag(size_or_type),
        Kind::Enum64 => Data::Enum64(Enum {
            size: size_or_type,
            values: reader.list(vlen, 12, "values of an enumeration", |reader| {
                let name = reader.u32("value")?;
                let low = u64::from(reader.u32("value")?);
                let high = u64::from(reader.u32("value")?);
                Ok(Enumerator { name, value: (high << 32 | low).cast_signed() })
            })?,
        }),
    };
    Ok(Type { name, kind_flag, data })
}

fn int(size: u32, bits: u32) -> Int {
    let [encoding, bit_offset, _, bits] = bits.to_be_bytes();
    Int { size, encoding: encoding & 0x0f, bit_offset, bits }
}

fn composite(
    reader: &mut Reader<'_>,
    size: u32,
    vlen: u32,
    bit_fields: bool,
) -> Result<Composite, Error> {
    let members = reader.list(vlen, 12, "members", |reader| {
        let name = reader.u32("member")?;
        let ty = reader.u32("member")?;
        let offset = reader.u32("member")?;
        Ok(if bit_fields {
            Member { name, ty, bit_offset: offset & 0x00ff_ffff, bits: (offset >> 24) as u8 }
        } else {
            Member { name, ty, bit_offset: offset, bits: 0 }
        })
    })?;
    Ok(Composite { size, members })
}

fn enumeration(reader: &mut Reader<'_>, size: u32, vlen: u32, signed: bool) -> Result<Enum, Error> {
    let values = reader.list(vlen, 8, "values of an enumeration", |reader| {
        let name = reader.u32("value")?;
        let value = reader.u32("value")?;
        let value = if signed { i64::from(value.cast_signed()) } else { i64::from(value) };
        Ok(Enumerator { name, value })
    })?;
    Ok(Enum { size, values })
}

/// Checks that every type and string that is referred to is there.
fn check_references(types: &[Type], strings_len: usize) -> Result<(), Error> {
    let len = types.len() as u32;
    for (id, ty) in (0u32..).zip(types) {
        let reference = |found: u32| {
            if found < len { Ok(()) } else { Err(Error::Reference { id, found, len }) }
        };
        let name = |found: u32| {
            if (found as usize) < strings_len {
                Ok(())
            } else {
                Err(Error::Name { id, found, len: strings_len })
            }
        };
        name(ty.name)?;
        ty.target().map_or(Ok(()), reference)?;
        if let Data::Array(array) = &ty.data {
            reference(array.index)?;
        }
        ty.members().iter().try_for_each(|of| name(of.name).and_then(|()| reference(of.ty)))?;
        ty.params().iter().try_for_each(|of| name(of.name).and_then(|()| reference(of.ty)))?;
        ty.enumerators().iter().try_for_each(|of| name(of.name))?;
        ty.vars().iter().try_for_each(|of| reference(of.ty))?;
    }
    Ok(())
}

/// Checks that no type contains itself by value, and that walks by value end soon.
///
/// A depth-first walk without recursion: the input decides how deep it goes.
fn check_containment(types: &[Type]) -> Result<(), Error> {
    const NEW: u32 = 0;
    const OPEN: u32 = u32::MAX;
    // Levels below and including the type, once known.
    let mut depth = vec![NEW; types.len()];
    let mut stack: Vec<(u32, usize, u32)> = Vec::new();
    for root in 0..types.len() as u32 {
        if depth[root as usize] != NEW {
            continue;
        }
        depth[root as usize] = OPEN;
        stack.push((root, 0, 0));
        while let Some((id, next, below)) = stack.last_mut() {
            let id = *id;
            let Some(child) = contained(&types[id as usize], *next) else {
                let levels = *below + 1;
                if levels > Btf::MAX_DEPTH {
                    return Err(Error::Deep { id, limit: Btf::MAX_DEPTH });
                }
                depth[id as usize] = levels;
                stack.pop();
                if let Some((_, _, parent)) = stack.last_mut() {
                    *parent = levels.max(*parent);
                }
                continue;
            };
            *next += 1;
            match depth[child as usize] {
                OPEN => return Err(Error::Loop { id: child }),
                NEW => {
                    depth[child as usize] = OPEN;
                    stack.push((child, 0, 0));
                }
                levels => *below = levels.max(*below),
            }
        }
    }
    Ok(())
}

/// The `n`th type that a value of this type contains.
fn contained(ty: &Type, n: usize) -> Option<u32> {
    match &ty.data {
        Data::Array(_) | Data::Var(_) if n == 0 => ty.target(),
        Data::Struct(of) | Data::Union(of) => of.members.get(n).map(|member| member.ty),
        Data::Datasec(of) => of.vars.get(n).map(|var| var.ty),
        _ if n == 0 => ty.modified(),
        _ => None,
    }
}

/// Reads numbers of one byte order, checked.
pub(crate) struct Reader<'a> {
    pub(crate) section: &'static str,
    pub(crate) bytes: &'a [u8],
    pub(crate) order: Order,
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    /// Reads magic number, version and flags: what both sections begin with.
    pub(crate) fn open(section: &'static str, bytes: &'a [u8]) -> Result<Reader<'a>, Error> {
        let mut reader = Reader { section, bytes, order: Order::Little, at: 0 };
        let [m0, m1, version, _flags] = reader.array("header")?;
        reader.order = match [m0, m1] {
            [0x9f, 0xeb] => Order::Little,
            [0xeb, 0x9f] => Order::Big,
            found => return Err(Error::Magic { section, found }),
        };
        if version != 1 {
            return Err(Error::Version { section, found: version });
        }
        Ok(reader)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        let bytes = self.array(what)?;
        Ok(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    fn array(&mut self, what: &'static str) -> Result<[u8; 4], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let bytes = rest.first_chunk().ok_or_else(|| self.short(what, 4, self.at))?;
        self.at += 4;
        Ok(*bytes)
    }

    /// Reads `count` items of `each` bytes. Memory is taken only for what is there.
    pub(crate) fn list<T>(
        &mut self,
        count: u32,
        each: usize,
        what: &'static str,
        mut item: impl FnMut(&mut Reader<'a>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let need = (count as usize).saturating_mul(each);
        if self.bytes.len().saturating_sub(self.at) < need {
            return Err(self.short(what, need, self.at));
        }
        (0..count).map(|_| item(self)).collect()
    }

    /// The place of a part that the header locates, relative to the header's end.
    pub(crate) fn range(
        &self,
        what: &'static str,
        header_len: u32,
        offset: u32,
        len: u32,
    ) -> Result<Range<usize>, Error> {
        let start = (header_len as usize).saturating_add(offset as usize);
        let end = start.saturating_add(len as usize);
        if end > self.bytes.len() {
            return Err(self.short(what, len as usize, start));
        }
        Ok(start..end)
    }

    pub(crate) fn short(&self, what: &'static str, need: usize, at: usize) -> Error {
        let found = self.bytes.len().saturating_sub(at);
        Error::Short { section: self.section, what, need, at, found }
    }
}
