//! A parsed `.BTF` section: types by id, strings by offset.

use crate::parse::{self, Order};
use crate::{Data, Error, Kind, Type};

/// Bytes of a pointer on every machine that runs BPF programs.
const POINTER_BYTES: u64 = 8;

/// Type information: a parsed `.BTF` section, with its bytes.
///
/// Type 0 is `void`; ids are below [`Btf::len`]. No type contains itself by value and none is
/// nested deeper than [`Btf::MAX_DEPTH`] levels: parsing checks it, so walks need no guard.
#[derive(Clone, Debug)]
pub struct Btf {
    bytes: Vec<u8>,
    order: Order,
    types: Vec<Type>,
    strings: std::ops::Range<usize>,
}

impl Btf {
    /// Levels of containment (elements in arrays, members in structures, names for types) that a
    /// type may have. Linux resolves 32.
    pub const MAX_DEPTH: u32 = 128;

    /// Parses and checks a `.BTF` section of either byte order.
    pub fn parse(bytes: &[u8]) -> Result<Btf, Error> {
        let parse::Parsed { order, types, strings } = parse::section(bytes)?;
        Ok(Btf { bytes: bytes.to_vec(), order, types, strings })
    }

    /// The section, in the byte order that it was parsed from. A kernel takes its own.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the section is little endian.
    pub fn is_little_endian(&self) -> bool {
        self.order == Order::Little
    }

    /// Number of types, `void` included: the ids are 0 to `len() - 1`.
    #[expect(clippy::len_without_is_empty, reason = "void is always there")]
    pub fn len(&self) -> u32 {
        u32::try_from(self.types.len()).unwrap_or(u32::MAX)
    }

    /// The type with this id.
    pub fn ty(&self, id: u32) -> Option<&Type> {
        self.types.get(id as usize)
    }

    /// All types with their ids, ascending, `void` first.
    pub fn types(&self) -> impl Iterator<Item = (u32, &Type)> {
        (0u32..).zip(&self.types)
    }

    /// The string at this offset of the string section, up to the first byte that is no UTF-8;
    /// empty where there is none.
    pub fn string(&self, offset: u32) -> &str {
        let strings = self.bytes.get(self.strings.clone()).unwrap_or_default();
        let rest = strings.get(offset as usize..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
        let text = &rest[..end];
        match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(bad) => std::str::from_utf8(&text[..bad.valid_up_to()]).unwrap_or_default(),
        }
    }

    /// The string section.
    pub fn strings(&self) -> &[u8] {
        self.bytes.get(self.strings.clone()).unwrap_or_default()
    }

    /// Name of the type with this id; empty if it has none or there is no such type.
    pub fn name(&self, id: u32) -> &str {
        self.ty(id).map_or("", |ty| self.string(ty.name))
    }

    /// The first type of this kind with this name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<u32> {
        let mut types = self.types();
        types.find(|(_, ty)| ty.kind() == kind && self.string(ty.name) == name).map(|(id, _)| id)
    }

    /// The type behind names and qualifiers (`typedef`, `const`, `volatile`, `restrict`, tags):
    /// its id, or 0 where there is no such type.
    pub fn resolve(&self, id: u32) -> u32 {
        let mut at = id;
        while let Some(next) = self.ty(at).and_then(Type::modified) {
            at = next;
        }
        if at < self.len() { at } else { 0 }
    }

    /// Bytes of a value of this type; `None` for `void`, functions, forward declarations and types
    /// that are not there. A size beyond 64 bits is `None` too.
    pub fn size_of(&self, id: u32) -> Option<u64> {
        let mut count = 1u64;
        let mut at = id;
        loop {
            let size = match &self.ty(at)?.data {
                Data::Int(int) => u64::from(int.size),
                Data::Ptr(_) => POINTER_BYTES,
                Data::Struct(of) | Data::Union(of) => u64::from(of.size),
                Data::Enum(of) | Data::Enum64(of) => u64::from(of.size),
                Data::Datasec(of) => u64::from(of.size),
                Data::Float(size) => u64::from(*size),
                Data::Array(array) => {
                    count = count.checked_mul(u64::from(array.len))?;
                    at = array.elem;
                    continue;
                }
                Data::Typedef(next)
                | Data::Volatile(next)
                | Data::Const(next)
                | Data::Restrict(next)
                | Data::TypeTag(next) => {
                    at = *next;
                    continue;
                }
                Data::Var(var) => {
                    at = var.ty;
                    continue;
                }
                Data::Void | Data::Fwd | Data::Func(_) | Data::FuncProto(_) | Data::DeclTag(_) => {
                    return None;
                }
            };
            return count.checked_mul(size);
        }
    }
}

impl Default for Btf {
    /// Type information without types but `void`.
    fn default() -> Btf {
        crate::Builder::new().finish().unwrap_or_else(|_| Btf {
            bytes: Vec::new(),
            order: Order::Little,
            types: vec![Type::VOID],
            strings: 0..0,
        })
    }
}
