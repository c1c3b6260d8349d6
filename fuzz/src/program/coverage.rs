//! Which forms of instructions there are, and which of them were tried.

use std::collections::BTreeMap;

use skep_isa::disasm::{Immediates, llvm_insn};
use skep_isa::{Callee, Imm64, Insn, Op, Operand, Reg, Size, Swap, Width, encode};

use super::control::CONDS;
use super::memory::ATOMICS;
use super::numbers::OPS;

/// The fields that make one form of instruction differ from another.
type Form = (u8, i32);

/// How often each form was tried.
pub struct Coverage(BTreeMap<Form, (u64, String)>);

impl Coverage {
    pub fn new() -> Coverage {
        let mut forms = BTreeMap::new();
        for op in ops() {
            let Ok(slots) = encode(op) else { continue };
            let text = llvm_insn(&slots, Immediates::Decimal).unwrap_or(format!("{op:?}"));
            forms.insert(form(slots[0]), (0, text));
        }
        Coverage(forms)
    }

    pub fn count(&mut self, slots: &[Insn]) {
        let mut second = false;
        for insn in slots {
            if !second && let Some((count, _)) = self.0.get_mut(&form(*insn)) {
                *count += 1;
            }
            second = insn.is_wide() && !second;
        }
    }

    /// Forms that were tried, forms that there are, and the names of those that were not tried.
    pub fn report(&self) -> (usize, usize, Vec<&str>) {
        let missing: Vec<&str> =
            self.0.values().filter(|(count, _)| *count == 0).map(|(_, name)| &**name).collect();
        (self.0.len() - missing.len(), self.0.len(), missing)
    }
}

fn form(insn: Insn) -> Form {
    const END: u8 = 0xd0;
    let detail = match insn.opcode {
        // Loads of 64 bits and calls are told apart by the source.
        0x18 | 0x85 => insn.src.into(),
        0xc3 | 0xcb | 0xd3 | 0xdb => insn.imm,
        op if matches!(op & 7, 4 | 7) && op & 0xf0 == END => insn.imm,
        op if matches!(op & 7, 4 | 7) => insn.off.into(),
        _ => 0,
    };
    (insn.opcode, detail)
}

/// Every form that both kernels know and whose results can be compared: no kfuncs, callbacks,
/// kernel variables, arenas or `may_goto`, and maps only by index.
fn ops() -> Vec<Op> {
    let (dst, src, off) = (Reg::R1, Reg::R2, 0);
    let sizes = [Size::B, Size::H, Size::W, Size::Dw];
    let mut ops = vec![
        Op::Exit,
        Op::Jump { off: 0, long: false },
        Op::Jump { off: 0, long: true },
        Op::Call(Callee::Helper(1)),
        Op::Call(Callee::Local(0)),
        Op::LoadImm64 { dst, imm: Imm64::Value(0) },
        Op::LoadImm64 { dst, imm: Imm64::MapIdx(0) },
        Op::LoadImm64 { dst, imm: Imm64::MapIdxValue { index: 0, off: 0 } },
    ];
    for width in [Width::W32, Width::W64] {
        for operand in [Operand::Reg(src), Operand::Imm(1)] {
            ops.extend(OPS.map(|op| Op::Alu { width, op, dst, src: operand }));
            ops.extend(CONDS.map(|cond| Op::Branch { width, cond, dst, src: operand, off }));
        }
        ops.push(Op::Neg { width, dst });
        ops.extend(sizes.map(|from| Op::Movsx { width, from, dst, src }));
    }
    for bits in [16, 32, 64] {
        ops.extend([Swap::ToLe, Swap::ToBe, Swap::Bswap].map(|kind| Op::Swap { kind, bits, dst }));
    }
    for size in sizes {
        ops.extend([true, false].map(|signed| Op::Load { size, signed, dst, src, off }));
        ops.push(Op::Store { size, dst, off, src: Operand::Reg(src) });
        ops.push(Op::Store { size, dst, off, src: Operand::Imm(1) });
        ops.push(Op::LoadAcquire { size, dst, src, off });
        ops.push(Op::StoreRelease { size, dst, off, src });
        ops.push(Op::LoadAbs { size, imm: 0 });
        ops.push(Op::LoadInd { size, src, imm: 0 });
        ops.extend(ATOMICS.map(|op| Op::Atomic { size, op, dst, off, src }));
    }
    ops
}
