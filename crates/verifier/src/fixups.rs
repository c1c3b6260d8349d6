//! From the program as it was verified to the program to run: context accesses go to where the
//! fields really are.
//!
//! Nothing is checked here; what an access is to, the check has found out.

use skep_isa::{AluOp, Insn, Op, Operand, Size, Width, encode};
use skep_uapi::Errno;

use crate::cfg::Cfg;
use crate::check::Access;
use crate::env::{Context, Field, Program};
use crate::verified::Rejection;

/// The instructions to run. As many as there were: each access is rewritten in place.
pub(crate) fn fix_up(
    program: &Program<'_>,
    context: &Context,
    cfg: &Cfg,
    accesses: &[Option<Access>],
) -> Result<Vec<Insn>, Rejection> {
    let mut insns = program.insns.to_vec();
    for (insn, access) in accesses.iter().enumerate() {
        let (Some(Access::Ctx { field, byte }), Some(op)) = (*access, cfg.ops[insn]) else {
            continue;
        };
        let real = rewrite(op, &context.fields[field], byte);
        insns[insn] = encode(real).map_err(|error| Rejection {
            errno: Errno::EFAULT,
            insn,
            message: format!("access to {}: {error}", context.fields[field].name),
        })?[0];
    }
    Ok(insns)
}

/// The access to the part of `field` from `byte` on, made where the field really is.
///
/// A field that is smaller in reality than programs see it is zero above that; one that is larger
/// is seen by its low bytes.
fn rewrite(op: Op, field: &Field, byte: u32) -> Op {
    match op {
        Op::Load { size, signed, dst, src, off: _ } => {
            let bytes = size.bytes() as u32;
            let seen = field.size.bytes() as u32;
            // Counted from the least significant byte, so that both byte orders agree.
            let low = if BIG_ENDIAN { seen - byte - bytes } else { byte };
            let real = field.real.size.bytes() as u32;
            if is_pointer(field) {
                return Op::Load {
                    size: field.real.size,
                    signed: false,
                    dst,
                    src,
                    off: field.real.offset,
                };
            }
            if low >= real {
                return Op::Alu { width: Width::W64, op: AluOp::Mov, dst, src: Operand::Imm(0) };
            }
            let found = if bytes > real { field.real.size } else { size };
            let off = field.real.offset + place(low, found, real);
            Op::Load { size: found, signed: signed && found == size, dst, src, off }
        }
        Op::Store { size, dst, off: _, src } => {
            let size = size.min(field.real.size);
            let off = field.real.offset + place(0, size, field.real.size.bytes() as u32);
            Op::Store { size, dst, off, src }
        }
        other => other,
    }
}

const BIG_ENDIAN: bool = cfg!(target_endian = "big");

/// Offset of the part that begins `low` bytes above the least significant byte.
fn place(low: u32, size: Size, real: u32) -> i16 {
    (if BIG_ENDIAN { real - low - size.bytes() as u32 } else { low }) as i16
}

fn is_pointer(field: &Field) -> bool {
    field.kind != crate::env::FieldKind::Scalar
}
