//! A function's prototype as bpftool writes it before the function's instructions.

use skep_btf::{Btf, Data, Type};

/// How deep types may lie in one another; type information may be made to have no end.
const DEPTH: usize = 32;

/// `int parse(struct xdp_md * ctx)`; `None` where the id is not a function's.
pub(crate) fn function(btf: &Btf, id: u32) -> Option<String> {
    let ty = btf.ty(id)?;
    let Data::Func(func) = &ty.data else { return None };
    let Data::FuncProto(proto) = &btf.ty(func.proto)?.data else { return None };
    let mut text = String::new();
    write(&mut text, btf, proto.ret, DEPTH);
    text.push_str(btf.string(ty.name));
    parameters(&mut text, btf, btf.ty(func.proto)?, DEPTH);
    Some(text)
}

/// A type, with a blank behind it where a name may follow.
fn write(text: &mut String, btf: &Btf, id: u32, depth: usize) {
    let (Some(ty), Some(depth)) = (btf.ty(id), depth.checked_sub(1)) else {
        text.push_str("... ");
        return;
    };
    let name = btf.string(ty.name);
    let named = |text: &mut String, kind: &str| {
        text.push_str(kind);
        text.push_str(name);
        text.push(' ');
    };
    match &ty.data {
        Data::Struct(_) => named(text, "struct "),
        Data::Union(_) => named(text, "union "),
        Data::Fwd => named(text, if ty.kind_flag { "union " } else { "struct " }),
        Data::Enum(_) | Data::Enum64(_) => named(text, "enum "),
        Data::Ptr(to) => {
            write(text, btf, *to, depth);
            text.push_str("* ");
        }
        Data::Array(array) => {
            write(text, btf, array.elem, depth);
            text.push_str(&format!("[{}]", array.len));
        }
        Data::Const(of) | Data::Volatile(of) | Data::Restrict(of) => {
            text.push_str(match ty.data {
                Data::Const(_) => "const ",
                Data::Volatile(_) => "volatile ",
                _ => "restrict ",
            });
            write(text, btf, *of, depth);
        }
        Data::TypeTag(of) => write(text, btf, *of, depth),
        Data::FuncProto(proto) => {
            write(text, btf, proto.ret, depth);
            parameters(text, btf, ty, depth);
        }
        Data::Void => text.push_str("void "),
        _ => named(text, ""),
    }
}

/// What a prototype takes, in parentheses.
fn parameters(text: &mut String, btf: &Btf, proto: &Type, depth: usize) {
    text.push('(');
    for (index, param) in proto.params().iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        if param.ty == 0 && param.name == 0 {
            text.push_str("...");
            continue;
        }
        write(text, btf, param.ty, depth);
        match btf.string(param.name) {
            "" => text.truncate(text.trim_end().len()),
            name => text.push_str(name),
        }
    }
    text.push(')');
}

#[cfg(test)]
mod tests {
    use skep_btf::{Btf, Builder};

    use super::function;

    /// Makes a type and gives its id.
    type Make = fn(&mut Builder) -> u32;

    /// The expected texts are what bpftool 7.1 prints for such functions.
    fn check(ret: Make, params: &[(&str, Make)], expect: &str) {
        let mut builder = Builder::new();
        let ret = ret(&mut builder);
        let params: Vec<(&str, u32)> =
            params.iter().map(|(name, ty)| (*name, ty(&mut builder))).collect();
        let proto = builder.func_proto(ret, &params);
        let id = builder.func("f", proto, 0);
        let btf: Btf = builder.finish().expect("few types fit");
        assert_eq!(function(&btf, id).as_deref(), Some(expect));
        assert_eq!(function(&btf, proto), None);
    }

    fn void(_: &mut Builder) -> u32 {
        0
    }

    fn int(builder: &mut Builder) -> u32 {
        builder.int("int", 4, 1)
    }

    fn pointer(builder: &mut Builder) -> u32 {
        let of = builder.structure("s", 0, &[]);
        let constant = builder.constant(of);
        builder.ptr(constant)
    }

    fn pointer_to_array(builder: &mut Builder) -> u32 {
        let int = int(builder);
        let array = builder.array(int, int, 4);
        builder.ptr(array)
    }

    fn pointer_to_function(builder: &mut Builder) -> u32 {
        let int = int(builder);
        let proto = builder.func_proto(int, &[("", int)]);
        builder.ptr(proto)
    }

    fn enumeration(builder: &mut Builder) -> u32 {
        builder.enumeration("e", &[])
    }

    #[test]
    fn functions_are_written_as_bpftool_does() {
        check(void, &[], "void f()");
        check(int, &[("n", int)], "int f(int n)");
        check(pointer, &[("p", pointer)], "const struct s * f(const struct s * p)");
        check(
            int,
            &[("arr", pointer_to_array), ("e", enumeration)],
            "int f(int [4]* arr, enum e e)",
        );
        check(int, &[("fn", pointer_to_function)], "int f(int (int)* fn)");
        check(int, &[("n", int), ("", void)], "int f(int n, ...)");
    }
}
