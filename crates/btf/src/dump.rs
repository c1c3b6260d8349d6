//! The types themselves, as `bpftool btf dump` lists them.

use std::fmt::{self, Display, Formatter};

use crate::{Btf, Data, Enum, Int, Type, Value};

impl Btf {
    /// The types line by line, as `bpftool btf dump file FILE format raw` prints them.
    pub fn raw(&self) -> impl Display {
        Raw(self)
    }

    /// The types as `bpftool --json btf dump file FILE` prints them.
    pub fn raw_json(&self) -> Value {
        let types = self.types().skip(1).map(|(id, ty)| Value::Object(json(self, id, ty)));
        Value::object([("types", Value::Array(types.collect()))])
    }
}

struct Raw<'a>(&'a Btf);

impl Display for Raw<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (id, ty) in self.0.types().skip(1) {
            line(self.0, id, ty, f)?;
        }
        Ok(())
    }
}

/// A name, or what stands for none.
fn name(btf: &Btf, offset: u32) -> &str {
    match btf.string(offset) {
        "" => "(anon)",
        name => name,
    }
}

fn linkage(number: u32) -> &'static str {
    match number {
        0 => "static",
        1 => "global",
        2 => "extern",
        _ => "(unknown)",
    }
}

fn encoding(int: &Int) -> &'static str {
    match int.encoding {
        0 => "(none)",
        Int::SIGNED => "SIGNED",
        Int::CHAR => "CHAR",
        Int::BOOL => "BOOL",
        _ => "UNKN",
    }
}

fn signedness(ty: &Type) -> &'static str {
    if ty.kind_flag { "SIGNED" } else { "UNSIGNED" }
}

fn fwd_kind(ty: &Type) -> &'static str {
    if ty.kind_flag { "union" } else { "struct" }
}

fn line(btf: &Btf, id: u32, ty: &Type, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "[{id}] {} '{}'", ty.kind().name(), name(btf, ty.name))?;
    match &ty.data {
        Data::Void => {}
        Data::Int(of) => write!(
            f,
            " size={} bits_offset={} nr_bits={} encoding={}",
            of.size,
            of.bit_offset,
            of.bits,
            encoding(of)
        )?,
        Data::Ptr(to)
        | Data::Typedef(to)
        | Data::Volatile(to)
        | Data::Const(to)
        | Data::Restrict(to)
        | Data::TypeTag(to) => write!(f, " type_id={to}")?,
        Data::Array(of) => {
            write!(f, " type_id={} index_type_id={} nr_elems={}", of.elem, of.index, of.len)?;
        }
        Data::Struct(of) | Data::Union(of) => {
            write!(f, " size={} vlen={}", of.size, of.members.len())?;
            for member in &of.members {
                let name = name(btf, member.name);
                write!(f, "\n\t'{name}' type_id={} bits_offset={}", member.ty, member.bit_offset)?;
                if member.bits != 0 {
                    write!(f, " bitfield_size={}", member.bits)?;
                }
            }
        }
        Data::Enum(of) | Data::Enum64(of) => enumeration(btf, ty, of, f)?,
        Data::Fwd => write!(f, " fwd_kind={}", fwd_kind(ty))?,
        Data::Func(of) => write!(f, " type_id={} linkage={}", of.proto, linkage(of.linkage))?,
        Data::FuncProto(of) => {
            write!(f, " ret_type_id={} vlen={}", of.ret, of.params.len())?;
            for param in &of.params {
                write!(f, "\n\t'{}' type_id={}", name(btf, param.name), param.ty)?;
            }
        }
        Data::Var(of) => write!(f, " type_id={}, linkage={}", of.ty, linkage(of.linkage))?,
        Data::Datasec(of) => {
            write!(f, " size={} vlen={}", of.size, of.vars.len())?;
            for var in &of.vars {
                write!(f, "\n\ttype_id={} offset={} size={}", var.ty, var.offset, var.size)?;
                if let Some(ty) = btf.ty(var.ty) {
                    write!(f, " ({} '{}')", ty.kind().name(), name(btf, ty.name))?;
                }
            }
        }
        Data::Float(size) => write!(f, " size={size}")?,
        Data::DeclTag(of) => write!(f, " type_id={} component_idx={}", of.ty, of.component)?,
    }
    writeln!(f)
}

fn enumeration(btf: &Btf, ty: &Type, of: &Enum, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " encoding={} size={} vlen={}", signedness(ty), of.size, of.values.len())?;
    let is_wide = matches!(ty.data, Data::Enum64(_));
    for value in &of.values {
        write!(f, "\n\t'{}' val=", name(btf, value.name))?;
        match (is_wide, ty.kind_flag) {
            (true, true) => write!(f, "{}LL", value.value)?,
            (true, false) => write!(f, "{}ULL", value.value.cast_unsigned())?,
            (false, _) => write!(f, "{}", value.value)?,
        }
    }
    Ok(())
}

/// The members of a type's object.
fn json(btf: &Btf, id: u32, ty: &Type) -> Vec<(String, Value)> {
    let mut of = Members(vec![]);
    of.add("id", id);
    of.add("kind", ty.kind().name());
    of.add("name", name(btf, ty.name));
    match &ty.data {
        Data::Void => {}
        Data::Int(int) => int_json(int, &mut of),
        Data::Ptr(to)
        | Data::Typedef(to)
        | Data::Volatile(to)
        | Data::Const(to)
        | Data::Restrict(to)
        | Data::TypeTag(to) => of.add("type_id", *to),
        Data::Array(array) => {
            of.add("type_id", array.elem);
            of.add("index_type_id", array.index);
            of.add("nr_elems", array.len);
        }
        Data::Struct(composite) | Data::Union(composite) => {
            of.add("size", composite.size);
            of.list("vlen", "members", &composite.members, |member, of| {
                of.add("name", name(btf, member.name));
                of.add("type_id", member.ty);
                of.add("bits_offset", member.bit_offset);
                if member.bits != 0 {
                    of.add("bitfield_size", u32::from(member.bits));
                }
            });
        }
        Data::Enum(enumeration) | Data::Enum64(enumeration) => {
            enumeration_json(btf, ty, enumeration, &mut of);
        }
        Data::Fwd => of.add("fwd_kind", fwd_kind(ty)),
        Data::Func(func) => {
            of.add("type_id", func.proto);
            of.add("linkage", linkage(func.linkage));
        }
        Data::FuncProto(proto) => {
            of.add("ret_type_id", proto.ret);
            of.list("vlen", "params", &proto.params, |param, of| {
                of.add("name", name(btf, param.name));
                of.add("type_id", param.ty);
            });
        }
        Data::Var(var) => {
            of.add("type_id", var.ty);
            of.add("linkage", linkage(var.linkage));
        }
        Data::Datasec(datasec) => {
            of.add("size", datasec.size);
            of.list("vlen", "vars", &datasec.vars, |var, of| {
                of.add("type_id", var.ty);
                of.add("offset", var.offset);
                of.add("size", var.size);
            });
        }
        Data::Float(size) => of.add("size", *size),
        Data::DeclTag(tag) => {
            of.add("type_id", tag.ty);
            of.add("component_idx", Value::Int(tag.component.into()));
        }
    }
    of.0
}

fn int_json(int: &Int, of: &mut Members) {
    of.add("size", int.size);
    of.add("bits_offset", u32::from(int.bit_offset));
    of.add("nr_bits", u32::from(int.bits));
    of.add("encoding", encoding(int));
}

fn enumeration_json(btf: &Btf, ty: &Type, enumeration: &Enum, of: &mut Members) {
    of.add("encoding", signedness(ty));
    of.add("size", enumeration.size);
    let is_wide = matches!(ty.data, Data::Enum64(_));
    of.list("vlen", "values", &enumeration.values, |value, of| {
        of.add("name", name(btf, value.name));
        let number = value.value;
        let number = match (ty.kind_flag, is_wide) {
            (true, _) => i128::from(number),
            (false, true) => i128::from(number.cast_unsigned()),
            // bpftool takes 32-bit values as signed and writes them as unsigned 64-bit numbers;
            // scripts compare with that.
            (false, false) => i128::from(i64::from(number as i32).cast_unsigned()),
        };
        of.add("val", Value::Int(number));
    });
}

/// The members of an object, being written.
struct Members(Vec<(String, Value)>);

impl Members {
    fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// A count and the list that it counts.
    fn list<T>(&mut self, count: &str, name: &str, items: &[T], item: impl Fn(&T, &mut Members)) {
        self.add(count, items.len() as u64);
        let items = items.iter().map(|of| {
            let mut members = Members(vec![]);
            item(of, &mut members);
            Value::Object(members.0)
        });
        self.add(name, Value::Array(items.collect()));
    }
}
