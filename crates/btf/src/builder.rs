//! Types to bytes: writes a `.BTF` section.

use std::collections::HashMap;

use crate::types::{
    Array, Composite, DeclTag, Enum, Enumerator, Func, FuncProto, Int, Member, Param, Var,
    VarSecinfo,
};
use crate::{Btf, Data, Datasec, Error, Type};

/// Most members, parameters, values or variables that a type can have (`BTF_MAX_VLEN`).
const MAX_VLEN: usize = 0xffff;
/// Most bytes of strings (`BTF_MAX_NAME_OFFSET`).
const MAX_STRINGS: usize = 0x00ff_ffff;
/// Bytes of the header.
const HEADER_BYTES: u32 = 24;

/// Writes type information: types are added one by one and get ascending ids from 1.
///
/// Types may refer to ids that come later; [`Builder::finish`] checks. Equal strings are stored
/// once. The result is little endian, as every kernel here is.
///
/// ```
/// use skep_btf::{Builder, Int};
/// let mut builder = Builder::new();
/// let int = builder.int("int", 4, Int::SIGNED);
/// let point = builder.structure("point", 8, &[("x", int, 0), ("y", int, 32)]);
/// let btf = builder.finish()?;
/// assert_eq!((btf.name(point), btf.size_of(point)), ("point", Some(8)));
/// # Ok::<(), skep_btf::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    types: Vec<Type>,
    strings: Vec<u8>,
    offsets: HashMap<Vec<u8>, u32>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// With `void` only.
    pub fn new() -> Builder {
        let offsets = HashMap::from([(Vec::new(), 0)]);
        Builder { types: vec![Type::VOID], strings: vec![0], offsets }
    }

    /// With the types and strings of `btf`, whose ids and offsets stay as they are.
    pub fn from_btf(btf: &Btf) -> Builder {
        let types = btf.types().map(|(_, ty)| ty.clone()).collect();
        let strings = btf.strings().to_vec();
        let mut offsets = HashMap::from([(Vec::new(), 0)]);
        let mut at = 0u32;
        for text in strings.split(|&byte| byte == 0) {
            offsets.entry(text.to_vec()).or_insert(at);
            at += text.len() as u32 + 1;
        }
        Builder { types, strings, offsets }
    }

    /// Offset of a string; it is added where it is new. A zero byte ends it.
    pub fn string(&mut self, text: &str) -> u32 {
        let text = text.split('\0').next().unwrap_or_default().as_bytes();
        if let Some(&offset) = self.offsets.get(text) {
            return offset;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend_from_slice(text);
        self.strings.push(0);
        self.offsets.insert(text.to_vec(), offset);
        offset
    }

    /// Adds a type and gives its id.
    pub fn add(&mut self, ty: Type) -> u32 {
        self.types.push(ty);
        self.types.len() as u32 - 1
    }

    /// The type with this id.
    pub fn ty(&self, id: u32) -> Option<&Type> {
        self.types.get(id as usize)
    }

    /// The type with this id, to be changed: a forward reference filled in, a data section's
    /// offsets put right.
    pub fn ty_mut(&mut self, id: u32) -> Option<&mut Type> {
        self.types.get_mut(id as usize)
    }

    /// An integer of `size` bytes; `encoding` is a set of [`Int::SIGNED`] and its kin.
    pub fn int(&mut self, name: &str, size: u8, encoding: u8) -> u32 {
        let bits = size.saturating_mul(8);
        let data = Data::Int(Int { size: size.into(), encoding, bit_offset: 0, bits });
        self.named(name, data)
    }

    /// A pointer.
    pub fn ptr(&mut self, to: u32) -> u32 {
        self.named("", Data::Ptr(to))
    }

    /// An array. `index` is the integer type that indexes it.
    pub fn array(&mut self, elem: u32, index: u32, len: u32) -> u32 {
        self.named("", Data::Array(Array { elem, index, len }))
    }

    /// A structure of `size` bytes with members of name, type and offset in *bits*.
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let composite = self.composite(size, members);
        self.named(name, Data::Struct(composite))
    }

    /// A union of `size` bytes with members of name, type and offset in *bits*.
    pub fn union(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let composite = self.composite(size, members);
        self.named(name, Data::Union(composite))
    }

    /// An enumeration of 4 bytes (signed if a value is negative), or of 8 where a value needs it.
    pub fn enumeration(&mut self, name: &str, values: &[(&str, i64)]) -> u32 {
        let signed = values.iter().any(|&(_, value)| value < 0);
        let narrow = values.iter().all(|&(_, value)| {
            if signed { i32::try_from(value).is_ok() } else { u32::try_from(value).is_ok() }
        });
        let values = values
            .iter()
            .map(|&(name, value)| Enumerator { name: self.string(name), value })
            .collect();
        let data = if narrow {
            Data::Enum(Enum { size: 4, values })
        } else {
            Data::Enum64(Enum { size: 8, values })
        };
        let name = self.string(name);
        self.add(Type { name, kind_flag: signed, data })
    }

    /// A forward declaration of a structure.
    pub fn forward(&mut self, name: &str) -> u32 {
        self.named(name, Data::Fwd)
    }

    /// A name for a type.
    pub fn typedef(&mut self, name: &str, of: u32) -> u32 {
        self.named(name, Data::Typedef(of))
    }

    /// `const` of a type.
    pub fn constant(&mut self, of: u32) -> u32 {
        self.named("", Data::Const(of))
    }

    /// `volatile` of a type.
    pub fn volatile(&mut self, of: u32) -> u32 {
        self.named("", Data::Volatile(of))
    }

    /// A floating-point number.
    pub fn float(&mut self, name: &str, size: u32) -> u32 {
        self.named(name, Data::Float(size))
    }

    /// A prototype: the result's type, then name and type of each parameter.
    pub fn func_proto(&mut self, ret: u32, params: &[(&str, u32)]) -> u32 {
        let params =
            params.iter().map(|&(name, ty)| Param { name: self.string(name), ty }).collect();
        self.named("", Data::FuncProto(FuncProto { ret, params }))
    }

    /// A function. `linkage`: 0 static, 1 global, 2 extern.
    pub fn func(&mut self, name: &str, proto: u32, linkage: u32) -> u32 {
        self.named(name, Data::Func(Func { proto, linkage }))
    }

    /// A variable. `linkage`: 0 static, 1 global, 2 extern.
    pub fn var(&mut self, name: &str, ty: u32, linkage: u32) -> u32 {
        self.named(name, Data::Var(Var { ty, linkage }))
    }

    /// A data section with its variables, ascending by offset.
    pub fn datasec(&mut self, name: &str, size: u32, vars: Vec<VarSecinfo>) -> u32 {
        self.named(name, Data::Datasec(Datasec { size, vars }))
    }

    /// A tag on a declaration; `component` is a member or parameter, -1 for the whole.
    pub fn decl_tag(&mut self, text: &str, ty: u32, component: i32) -> u32 {
        self.named(text, Data::DeclTag(DeclTag { ty, component }))
    }

    /// A tag on a type.
    pub fn type_tag(&mut self, text: &str, of: u32) -> u32 {
        self.named(text, Data::TypeTag(of))
    }

    /// Writes the section and checks it as if it had been read.
    pub fn finish(self) -> Result<Btf, Error> {
        let too_many = |what, found, limit| Err(Error::TooMany { what, found, limit });
        if self.strings.len() > MAX_STRINGS {
            return too_many("bytes of strings", self.strings.len(), MAX_STRINGS);
        }
        let mut types = Vec::new();
        for ty in self.types.iter().skip(1) {
            let vlen = vlen(ty);
            if vlen > MAX_VLEN {
                return too_many("a type", vlen, MAX_VLEN);
            }
            write(&mut types, ty, vlen as u32);
        }
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        let types_len = u32::try_from(types.len()).unwrap_or(u32::MAX);
        let strings_len = self.strings.len() as u32;
        for word in [HEADER_BYTES, 0, types_len, types_len, strings_len] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&types);
        bytes.extend_from_slice(&self.strings);
        Btf::parse(&bytes)
    }

    fn named(&mut self, name: &str, data: Data) -> u32 {
        let name = self.string(name);
        self.add(Type { name, kind_flag: false, data })
    }

    fn composite(&mut self, size: u32, members: &[(&str, u32, u32)]) -> Composite {
        let members = members
            .iter()
            .map(|&(name, ty, bit_offset)| Member {
                name: self.string(name),
                ty,
                bit_offset,
                bits: 0,
            })
            .collect();
        Composite { size, members }
    }
}

/// The count that stands in a type's record.
fn vlen(ty: &Type) -> usize {
    match &ty.data {
        Data::Func(func) => func.linkage as usize,
        _ => ty.members().len() + ty.params().len() + ty.enumerators().len() + ty.vars().len(),
    }
}

/// Writes a type's record and what follows it.
fn write(out: &mut Vec<u8>, ty: &Type, vlen: u32) {
    let info = vlen | u32::from(ty.kind() as u8) << 24 | u32::from(ty.kind_flag) << 31;
    let size_or_type = match &ty.data {
        Data::Int(of) => of.size,
        Data::Struct(of) | Data::Union(of) => of.size,
        Data::Enum(of) | Data::Enum64(of) => of.size,
        Data::Datasec(of) => of.size,
        Data::Float(size) => *size,
        Data::Array(_) => 0,
        _ => ty.target().unwrap_or(0),
    };
    let mut words = vec![ty.name, info, size_or_type];
    match &ty.data {
        Data::Int(of) => {
            words.push(u32::from_be_bytes([of.encoding & 0x0f, of.bit_offset, 0, of.bits]));
        }
        Data::Array(of) => words.extend([of.elem, of.index, of.len]),
        Data::Struct(of) | Data::Union(of) => {
            for member in &of.members {
                let bits = if ty.kind_flag { u32::from(member.bits) << 24 } else { 0 };
                words.extend([member.name, member.ty, member.bit_offset | bits]);
            }
        }
        Data::Enum(of) => {
            words.extend(of.values.iter().flat_map(|value| [value.name, value.value as u32]));
        }
        Data::Enum64(of) => {
            for value in &of.values {
                words.extend([value.name, value.value as u32, (value.value >> 32) as u32]);
            }
        }
        Data::FuncProto(of) => words.extend(of.params.iter().flat_map(|of| [of.name, of.ty])),
        Data::Var(of) => words.push(of.linkage),
        Data::Datasec(of) => {
            words.extend(of.vars.iter().flat_map(|var| [var.ty, var.offset, var.size]));
        }
        Data::DeclTag(of) => words.push(of.component.cast_unsigned()),
        _ => {}
    }
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}
