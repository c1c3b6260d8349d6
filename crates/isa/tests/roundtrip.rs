//! Decode and encode are inverses: over random slots, and over random instructions.

use proptest::prelude::*;
use skep_isa::{
    AluOp, AtomicOp, Callee, Cond, Imm64, Insn, Op, Operand, Reg, Size, Swap, Width, decode, encode,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_decodes_encodes_to_the_same_slots(first in slot(), second in second_slot()) {
        let slots = [first, second];
        if let Ok(op) = decode(&slots) {
            let encoded = encode(op).expect("what was decoded has an encoding");
            prop_assert_eq!(&*encoded, &slots[..op.slots()]);
        }
    }

    #[test]
    fn what_encodes_decodes_to_the_same_op(op in op()) {
        if let Ok(encoded) = encode(op) {
            prop_assert_eq!(decode(&encoded), Ok(op));
            prop_assert_eq!(encoded.len(), op.slots());
        }
    }

    #[test]
    fn bytes_come_back(insn in slot()) {
        prop_assert_eq!(Insn::from_le_bytes(insn.to_le_bytes()), insn);
        prop_assert_eq!(Insn::from_be_bytes(insn.to_be_bytes()), insn);
    }
}

/// Every opcode has a slot that decodes, or none of a dense sample does.
#[test]
fn opcodes_of_rfc_9669_and_linux_decode() {
    let values = [0, 1, 2, 8, 16, 32, 0x40, 0x51, 0xe1, 0xf1, 0x100, 0x110];
    let decodes = |opcode: u8| {
        values.iter().any(|&imm| {
            let second = Insn::default();
            decode(&[Insn::new(opcode, 0, 0, 0, imm), second]).is_ok()
        })
    };
    let known: Vec<u8> = (0..=255).filter(|&opcode| decodes(opcode)).collect();
    // Twelve operations in two widths and two forms, neg and the byte swaps; eleven conditions
    // likewise, and the jumps without operands; loads, sign-extending loads, stores of either
    // kind, atomics; packet loads; ld_imm64.
    let expected = 2 * 12 * 2 + 2 + 3 + 2 * 11 * 2 + 6 + (4 + 3 + 4 + 4 + 4) + 6 + 1;
    assert_eq!(known.len(), expected, "{known:02x?}");
}

/// Slots near the valid ones: random fields would hardly ever decode.
fn slot() -> impl Strategy<Value = Insn> {
    let off = prop_oneof![6 => Just(0i16), 1 => Just(1), 1 => Just(8), 1 => Just(16),
        1 => Just(32), 1 => any::<i16>()];
    let imm = prop_oneof![6 => Just(0i32), 2 => prop::sample::select(vec![
        16, 32, 64, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110]),
        2 => any::<i32>()];
    let src = prop_oneof![1 => Just(0u8), 1 => 0u8..16];
    (any::<u8>(), 0u8..16, src, off, imm)
        .prop_map(|(opcode, dst, src, off, imm)| Insn::new(opcode, dst, src, off, imm))
}

fn second_slot() -> impl Strategy<Value = Insn> {
    prop_oneof![
        1 => slot(),
        2 => any::<i32>().prop_map(|imm| Insn::new(0, 0, 0, 0, imm)),
        1 => Just(Insn::default()),
    ]
}

fn reg() -> impl Strategy<Value = Reg> {
    (0u8..11).prop_map(|number| Reg::new(number).expect("below 11"))
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![reg().prop_map(Operand::Reg), any::<i32>().prop_map(Operand::Imm)]
}

fn width() -> impl Strategy<Value = Width> {
    prop::sample::select(vec![Width::W32, Width::W64])
}

fn size() -> impl Strategy<Value = Size> {
    prop::sample::select(vec![Size::B, Size::H, Size::W, Size::Dw])
}

fn alu_op() -> impl Strategy<Value = AluOp> {
    use AluOp::*;
    prop::sample::select(vec![
        Add, Sub, Mul, Div, Sdiv, Or, And, Lsh, Rsh, Mod, Smod, Xor, Mov, Arsh,
    ])
}

fn cond() -> impl Strategy<Value = Cond> {
    use Cond::*;
    prop::sample::select(vec![Eq, Ne, Set, Gt, Ge, Lt, Le, Sgt, Sge, Slt, Sle])
}

fn atomic_op() -> impl Strategy<Value = AtomicOp> {
    (any::<bool>(), 0..6).prop_map(|(fetch, kind)| match kind {
        0 => AtomicOp::Add { fetch },
        1 => AtomicOp::Or { fetch },
        2 => AtomicOp::And { fetch },
        3 => AtomicOp::Xor { fetch },
        4 => AtomicOp::Xchg,
        _ => AtomicOp::Cmpxchg,
    })
}

fn imm64() -> impl Strategy<Value = Imm64> {
    prop_oneof![
        any::<u64>().prop_map(Imm64::Value),
        any::<i32>().prop_map(Imm64::MapFd),
        any::<(i32, u32)>().prop_map(|(fd, off)| Imm64::MapValue { fd, off }),
        any::<(u32, i32)>().prop_map(|(id, fd)| Imm64::BtfId { id, fd }),
        any::<i32>().prop_map(Imm64::Func),
        any::<i32>().prop_map(Imm64::MapIdx),
        any::<(i32, u32)>().prop_map(|(index, off)| Imm64::MapIdxValue { index, off }),
    ]
}

fn callee() -> impl Strategy<Value = Callee> {
    prop_oneof![
        any::<u32>().prop_map(Callee::Helper),
        any::<i32>().prop_map(Callee::Local),
        any::<(u32, i16)>().prop_map(|(btf_id, fd_idx)| Callee::Kfunc { btf_id, fd_idx }),
        reg().prop_map(Callee::Reg),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let kind = prop::sample::select(vec![Swap::ToLe, Swap::ToBe, Swap::Bswap]);
    let bits = prop::sample::select(vec![8u8, 16, 32, 64]);
    prop_oneof![
        (width(), alu_op(), reg(), operand()).prop_map(|(width, op, dst, src)| Op::Alu {
            width,
            op,
            dst,
            src
        }),
        (width(), reg()).prop_map(|(width, dst)| Op::Neg { width, dst }),
        (width(), size(), reg(), reg()).prop_map(|(width, from, dst, src)| Op::Movsx {
            width,
            from,
            dst,
            src
        }),
        (kind, bits, reg()).prop_map(|(kind, bits, dst)| Op::Swap { kind, bits, dst }),
        (reg(), reg(), any::<u16>(), any::<u16>())
            .prop_map(|(dst, src, to, from)| Op::AddrSpaceCast { dst, src, to, from }),
        (reg(), imm64()).prop_map(|(dst, imm)| Op::LoadImm64 { dst, imm }),
        (size(), any::<bool>(), reg(), reg(), any::<i16>())
            .prop_map(|(size, signed, dst, src, off)| Op::Load { size, signed, dst, src, off }),
        (size(), reg(), any::<i16>(), operand()).prop_map(|(size, dst, off, src)| Op::Store {
            size,
            dst,
            off,
            src
        }),
        (size(), atomic_op(), reg(), any::<i16>(), reg())
            .prop_map(|(size, op, dst, off, src)| Op::Atomic { size, op, dst, off, src }),
        (size(), reg(), reg(), any::<i16>()).prop_map(|(size, dst, src, off)| Op::LoadAcquire {
            size,
            dst,
            src,
            off
        }),
        (size(), reg(), any::<i16>(), reg()).prop_map(|(size, dst, off, src)| Op::StoreRelease {
            size,
            dst,
            off,
            src
        }),
        (size(), any::<i32>()).prop_map(|(size, imm)| Op::LoadAbs { size, imm }),
        (size(), reg(), any::<i32>()).prop_map(|(size, src, imm)| Op::LoadInd { size, src, imm }),
        (any::<i32>(), any::<bool>()).prop_map(|(off, long)| Op::Jump { off, long }),
        (width(), cond(), reg(), operand(), any::<i16>())
            .prop_map(|(width, cond, dst, src, off)| Op::Branch { width, cond, dst, src, off }),
        any::<i16>().prop_map(|off| Op::MayGoto { off }),
        callee().prop_map(Op::Call),
        Just(Op::Exit),
    ]
}
