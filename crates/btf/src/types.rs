//! One type: what stands in a record of the type section.

/// Kind of a type (`BTF_KIND_*`), numbered as in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the kinds of <linux/btf.h>")]
pub enum Kind {
    Void = 0,
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    Datasec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
}

impl Kind {
    /// All kinds, ascending.
    pub const ALL: [Kind; 20] = [
        Kind::Void,
        Kind::Int,
        Kind::Ptr,
        Kind::Array,
        Kind::Struct,
        Kind::Union,
        Kind::Enum,
        Kind::Fwd,
        Kind::Typedef,
        Kind::Volatile,
        Kind::Const,
        Kind::Restrict,
        Kind::Func,
        Kind::FuncProto,
        Kind::Var,
        Kind::Datasec,
        Kind::Float,
        Kind::DeclTag,
        Kind::TypeTag,
        Kind::Enum64,
    ];

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<Kind> {
        Kind::ALL.get(number as usize).copied()
    }

    /// Its name as the kernel spells it, without `BTF_KIND_`.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Void => "UNKNOWN",
            Kind::Int => "INT",
            Kind::Ptr => "PTR",
            Kind::Array => "ARRAY",
            Kind::Struct => "STRUCT",
            Kind::Union => "UNION",
            Kind::Enum => "ENUM",
            Kind::Fwd => "FWD",
            Kind::Typedef => "TYPEDEF",
            Kind::Volatile => "VOLATILE",
            Kind::Const => "CONST",
            Kind::Restrict => "RESTRICT",
            Kind::Func => "FUNC",
            Kind::FuncProto => "FUNC_PROTO",
            Kind::Var => "VAR",
            Kind::Datasec => "DATASEC",
            Kind::Float => "FLOAT",
            Kind::DeclTag => "DECL_TAG",
            Kind::TypeTag => "TYPE_TAG",
            Kind::Enum64 => "ENUM64",
        }
    }
}

/// A type. Names are offsets into the string section: [`crate::Btf::string`] reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Offset of the name; 0 is "no name".
    pub name: u32,
    /// Bit 31 of the record: signed for enumerations, `union` for forward declarations, bit
    /// fields in [`Member`] for structures.
    pub kind_flag: bool,
    /// The rest, by kind.
    pub data: Data,
}

/// What a type says beside its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kinds of <linux/btf.h>; the payload has the documentation")]
pub enum Data {
    Void,
    Int(Int),
    Ptr(u32),
    Array(Array),
    Struct(Composite),
    Union(Composite),
    Enum(Enum),
    Fwd,
    Typedef(u32),
    Volatile(u32),
    Const(u32),
    Restrict(u32),
    Func(Func),
    FuncProto(FuncProto),
    Var(Var),
    Datasec(Datasec),
    /// Bytes: 2, 4, 8, 12 or 16.
    Float(u32),
    DeclTag(DeclTag),
    TypeTag(u32),
    Enum64(Enum),
}

/// An integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// Bytes that it takes.
    pub size: u32,
    /// [`Int::SIGNED`], [`Int::CHAR`], [`Int::BOOL`], as a set.
    pub encoding: u8,
    /// First bit, only in BTF of old compilers not 0.
    pub bit_offset: u8,
    /// Bits.
    pub bits: u8,
}

impl Int {
    /// Encoding: signed.
    pub const SIGNED: u8 = 1;
    /// Encoding: a character.
    pub const CHAR: u8 = 2;
    /// Encoding: a truth value.
    pub const BOOL: u8 = 4;
}

/// An array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// Type of an element.
    pub elem: u32,
    /// Type of the index.
    pub index: u32,
    /// Elements.
    pub len: u32,
}

/// A structure or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// Bytes.
    pub size: u32,
    /// Members in order.
    pub members: Vec<Member>,
}

/// A member of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Offset of the name.
    pub name: u32,
    /// Type.
    pub ty: u32,
    /// Offset in bits from the start of the structure.
    pub bit_offset: u32,
    /// Bits of a bit field, 0 for other members.
    pub bits: u8,
}

/// An enumeration; [`Type::kind_flag`] says whether it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Bytes.
    pub size: u32,
    /// Values in order.
    pub values: Vec<Enumerator>,
}

/// A value of an enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enumerator {
    /// Offset of the name.
    pub name: u32,
    /// The value; of an unsigned 64-bit enumeration the same 64 bits.
    pub value: i64,
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func {
    /// Its prototype.
    pub proto: u32,
    /// 0 static, 1 global, 2 extern.
    pub linkage: u32,
}

/// A function's prototype.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncProto {
    /// Type of the result.
    pub ret: u32,
    /// Parameters; the last one without name and type says "variadic".
    pub params: Vec<Param>,
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Offset of the name.
    pub name: u32,
    /// Type.
    pub ty: u32,
}

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var {
    /// Type.
    pub ty: u32,
    /// 0 static, 1 global, 2 extern.
    pub linkage: u32,
}

/// A data section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datasec {
    /// Bytes; compilers write 0.
    pub size: u32,
    /// Variables.
    pub vars: Vec<VarSecinfo>,
}

/// A variable's place in its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VarSecinfo {
    /// A variable, or a function in the sections of external symbols.
    pub ty: u32,
    /// Offset in bytes; compilers write 0.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
}

/// A tag on a declaration; its text is the type's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclTag {
    /// What is tagged.
    pub ty: u32,
    /// Member or parameter, -1 for the whole.
    pub component: i32,
}

impl Type {
    /// `void`, the type with id 0.
    pub const VOID: Type = Type { name: 0, kind_flag: false, data: Data::Void };

    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match &self.data {
            Data::Void => Kind::Void,
            Data::Int(_) => Kind::Int,
            Data::Ptr(_) => Kind::Ptr,
            Data::Array(_) => Kind::Array,
            Data::Struct(_) => Kind::Struct,
            Data::Union(_) => Kind::Union,
            Data::Enum(_) => Kind::Enum,
            Data::Fwd => Kind::Fwd,
            Data::Typedef(_) => Kind::Typedef,
            Data::Volatile(_) => Kind::Volatile,
            Data::Const(_) => Kind::Const,
            Data::Restrict(_) => Kind::Restrict,
            Data::Func(_) => Kind::Func,
            Data::FuncProto(_) => Kind::FuncProto,
            Data::Var(_) => Kind::Var,
            Data::Datasec(_) => Kind::Datasec,
            Data::Float(_) => Kind::Float,
            Data::DeclTag(_) => Kind::DeclTag,
            Data::TypeTag(_) => Kind::TypeTag,
            Data::Enum64(_) => Kind::Enum64,
        }
    }

    /// The one type that it refers to, where there is one: what a pointer points to, what a
    /// modifier modifies, an array's element, a function's prototype or a prototype's result.
    pub const fn target(&self) -> Option<u32> {
        match &self.data {
            Data::Ptr(ty)
            | Data::Typedef(ty)
            | Data::Volatile(ty)
            | Data::Const(ty)
            | Data::Restrict(ty)
            | Data::TypeTag(ty) => Some(*ty),
            Data::Array(array) => Some(array.elem),
            Data::Func(func) => Some(func.proto),
            Data::FuncProto(proto) => Some(proto.ret),
            Data::Var(var) => Some(var.ty),
            Data::DeclTag(tag) => Some(tag.ty),
            _ => None,
        }
    }

    /// What a name for a type, or a qualifier of one, stands for: `typedef`, `const`, `volatile`,
    /// `restrict` and type tags.
    pub const fn modified(&self) -> Option<u32> {
        match &self.data {
            Data::Typedef(ty)
            | Data::Volatile(ty)
            | Data::Const(ty)
            | Data::Restrict(ty)
            | Data::TypeTag(ty) => Some(*ty),
            _ => None,
        }
    }

    /// Members of a structure or union; empty for other kinds.
    pub fn members(&self) -> &[Member] {
        match &self.data {
            Data::Struct(of) | Data::Union(of) => &of.members,
            _ => &[],
        }
    }

    /// Values of an enumeration; empty for other kinds.
    pub fn enumerators(&self) -> &[Enumerator] {
        match &self.data {
            Data::Enum(of) | Data::Enum64(of) => &of.values,
            _ => &[],
        }
    }

    /// Parameters of a prototype; empty for other kinds.
    pub fn params(&self) -> &[Param] {
        match &self.data {
            Data::FuncProto(of) => &of.params,
            _ => &[],
        }
    }

    /// Variables of a data section; empty for other kinds.
    pub fn vars(&self) -> &[VarSecinfo] {
        match &self.data {
            Data::Datasec(of) => &of.vars,
            _ => &[],
        }
    }
}
