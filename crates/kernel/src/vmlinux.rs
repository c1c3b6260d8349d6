//! The kernel's own BTF: the structures that programs meet, as they are in this kernel.

use skep_btf::{Btf, Builder, Int};
use skep_verifier::Context;

use crate::prog_types::{Structure, socket_filter, xdp};

/// The types, written once at boot.
pub(crate) fn build() -> Btf {
    let mut builder = Builder::new();
    let base = Base::new(&mut builder);
    for rules in [&xdp::RULES, &socket_filter::RULES] {
        uapi_context(&mut builder, &base, &rules.context);
    }
    for real in [xdp::STRUCTURE, socket_filter::STRUCTURE] {
        structure(&mut builder, &base, &real);
    }
    let actions =
        [("XDP_ABORTED", 0), ("XDP_DROP", 1), ("XDP_PASS", 2), ("XDP_TX", 3), ("XDP_REDIRECT", 4)];
    builder.enumeration("xdp_action", &actions);
    builder.finish().expect("types that refer to types before them are complete")
}

/// Integer types, by their size.
struct Base {
    u8: u32,
    u16: u32,
    u32: u32,
    u64: u32,
}

impl Base {
    fn new(builder: &mut Builder) -> Base {
        builder.int("int", 4, Int::SIGNED);
        let mut named = |int: &str, size: u8, uapi: &str, short: &str| {
            let int = builder.int(int, size, 0);
            let uapi = builder.typedef(uapi, int);
            builder.typedef(short, uapi)
        };
        Base {
            u8: named("unsigned char", 1, "__u8", "u8"),
            u16: named("unsigned short", 2, "__u16", "u16"),
            u32: named("unsigned int", 4, "__u32", "u32"),
            u64: named("unsigned long long", 8, "__u64", "u64"),
        }
    }

    fn of_size(&self, bytes: usize) -> u32 {
        match bytes {
            1 => self.u8,
            2 => self.u16,
            4 => self.u32,
            _ => self.u64,
        }
    }
}

/// A context as programs see it. Offsets where a program may read nothing have no member.
fn uapi_context(builder: &mut Builder, base: &Base, context: &Context) {
    let members: Vec<(&str, u32, u32)> = context
        .fields
        .iter()
        .filter(|field| !field.name.contains('['))
        .map(|field| (field.name, base.of_size(field.size.bytes()), field.offset * 8))
        .collect();
    builder.structure(context.name, context.size, &members);
}

/// A structure of this kernel.
fn structure(builder: &mut Builder, base: &Base, real: &Structure) {
    let members: Vec<(&str, u32, u32)> = real
        .members
        .iter()
        .map(|(name, offset, bytes)| (*name, base.of_size(*bytes), *offset as u32 * 8))
        .collect();
    builder.structure(real.name, real.bytes as u32, &members);
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_btf::Kind;

    #[test]
    fn the_types_can_be_parsed() {
        let btf = build();
        let again = Btf::parse(btf.bytes()).unwrap();
        for (name, bytes) in [("xdp_md", 24), ("__sk_buff", 192), ("xdp_buff", 56)] {
            let id = again.find(Kind::Struct, name).unwrap();
            assert_eq!(again.size_of(id), Some(bytes), "{name}");
        }
    }
}
