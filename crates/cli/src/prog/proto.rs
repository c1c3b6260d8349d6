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
