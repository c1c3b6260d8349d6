//! Statements and their slots; errors and their places.

use super::{Assembly, SymbolKind, assemble};
use crate::{Insn, decode_all};

fn helper(name: &str) -> Option<u32> {
    match name.strip_prefix("bpf_").unwrap_or(name) {
        "map_lookup_elem" => Some(1),
        "ktime_get_ns" => Some(5),
        _ => None,
    }
}

fn slots(text: &str) -> Assembly {
    assemble(text, &helper).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The slots as the hexadecimal digits of their little-endian bytes.
fn check(text: &str, expect: &str) {
    let bytes: Vec<[u8; 8]> = slots(text).insns.iter().map(|insn| insn.to_le_bytes()).collect();
    let hex: String = bytes.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expect.replace(' ', ""), "{text}");
}

fn check_error(text: &str, expect: &str) {
    let error = assemble(text, &helper).expect_err(text);
    assert_eq!(error.to_string(), expect, "{text}");
}

#[test]
fn arithmetic() {
    check("r0 = 1", "b700000001000000");
    check("r0 = -1", "b7000000ffffffff");
    check("w1 += w2", "0c21000000000000");
    check("w1 += 0xffffffff", "04010000ffffffff");
    check("r1 s/= r2", "3f21010000000000");
    check("r1 s%= -3", "97010100fdffffff");
    check("r1 s>>= 3", "c701000003000000");
    check("r1 = -r1", "8701000000000000");
    check("w1 = -w1", "8401000000000000");
    check("r0 = (s8)r1", "bf10080000000000");
    check("w0 = (s16)w1", "bc10100000000000");
    check("r1 = be16 r1", "dc01000010000000");
    check("r1 = bswap32 r1", "d701000020000000");
    check("r1 = addr_space_cast(r2, 0, 1)", "bf21010001000000");
}

#[test]
fn constants_and_addresses() {
    check("r1 = 0x1122334455667788 ll", "18010000887766550000000044332211");
    check("r1 = -1 ll", "18010000ffffffff00000000ffffffff");
    check("r1 = 0x100000005", "18010000050000000000000001000000");
    check("r1 = map[fd:5] ll", "18110000050000000000000000000000");
    check("r1 = map_value[fd:5]+7 ll", "18210000050000000000000007000000");
    check("r1 = btf_id[5] ll", "18310000050000000000000000000000");
    check("r1 = map[idx:5]", "18510000050000000000000000000000");
    check("r1 = map_value[idx:5]+7", "18610000050000000000000007000000");
    check("r1 = subprog[+3]", "18410000030000000000000000000000");
    check("r1 = func[f] ll\n f: exit", "184100000100000000000000000000009500000000000000");
    check("ld_pseudo r1, 0x1, 0x5", "18110000050000000000000000000000");
}

#[test]
fn memory() {
    check("r1 = *(u64 *)(r10 - 8)", "79a1f8ff00000000");
    check("r1 = *(u64 *)(r10 -8)", "79a1f8ff00000000");
    check("r1 = *(s8 *)(r2 + 0x10)", "9121100000000000");
    check("w1 = *(u32 *)(r2 + 0)", "6121000000000000");
    check("*(u32 *)(r1 + 4) = r2", "6321040000000000");
    check("*(u8 *)(r1 + 0) = 5", "7201000005000000");
    check("lock *(u64 *)(r1 + 0) += r2", "db21000000000000");
    check("lock *(u32 *)(r1 + 0) ^= w2", "c3210000a0000000");
    check("r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)", "db21000001000000");
    check("w2 = atomic_fetch_or((u32 *)(r1 + 0), w2)", "c321000041000000");
    check("r2 = atomic64_xchg((u64 *)(r1 +0), r2)", "db210000e1000000");
    check("w2 = xchg32_32(r1 + 0, w2)", "c3210000e1000000");
    check("r0 = cmpxchg_64(r1 + 0, r0, r2)", "db210000f1000000");
    check("r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)", "c3210000f1000000");
    check("r2 = load_acquire((u8 *)(r1 + 0))", "d312000000010000");
    check("store_release((u16 *)(r1 - 2), r2)", "cb21feff10010000");
    check("r0 = *(u16 *)skb[12]", "280000000c000000");
    check("r0 = *(u16 *)skb[r6 + 12]", "486000000c000000");
    check("r0 = *(u32 *)skb[r7 + -12]", "40700000f4ffffff");
}

#[test]
fn jumps_and_calls() {
    check("if r1 s> 5 goto +3", "6501030005000000");
    check("if w1 & 7 goto pc-2", "4601feff07000000");
    check("if r1 == 0xfffffffd goto +0x1 <f+0x10>", "15010100fdffffff");
    check(
        "if r1 != r2 goto l\nr1 = 0 ll\nl: exit",
        "5d210200000000001801000000000000 0000000000000000 9500000000000000",
    );
    check("goto +1", "0500010000000000");
    check("l: gotol l", "06000000ffffffff");
    check("may_goto +1", "e500010000000000");
    check("call 1", "8500000001000000");
    check("call bpf_map_lookup_elem", "8500000001000000");
    check("call bpf_ktime_get_ns#5", "8500000005000000");
    check("call unknown#4660", "8500000034120000");
    check("call pc+1", "8510000001000000");
    check("call -1", "85100000ffffffff");
    check("call f\nexit\nf: exit", "8510000001000000 9500000000000000 9500000000000000");
    check("call kfunc 123, 1", "852001007b000000");
    check("callx r3", "8d03000000000000");
    check(".8byte 0x95 ; the end", "9500000000000000");
}

#[test]
fn names_come_out_as_references() {
    let program =
        slots("# all kinds\n r1 = map[counts] ll\n r2 = map_value[.bss]+8 ll\n call kfunc f");
    let kinds: Vec<_> =
        program.symbols.iter().map(|symbol| (symbol.slot, symbol.kind, &*symbol.name)).collect();
    let value = SymbolKind::MapValue { off: 8 };
    let expect = [(0, SymbolKind::Map, "counts"), (2, value, ".bss"), (4, SymbolKind::Kfunc, "f")];
    assert_eq!(kinds, expect);
    assert_eq!(program.lines, [2, 2, 3, 3, 4]);
    assert!(decode_all(&program.insns).is_ok());
    assert_eq!(program.insns[3], Insn::new(0, 0, 0, 0, 8));
}

#[test]
fn errors() {
    check_error("r11 = 1", "line 1, column 1: expected r0 to r10 or w0 to w10, found `r11`");
    check_error(
        "\n r1 = w2",
        "line 2, column 9: expected 64-bit registers (r0 to r10) here, found `w2`",
    );
    check_error(
        "r1",
        "line 1, column 3: expected an assignment (=, +=, s/=, ...), found the end of the line",
    );
    check_error(
        "r1 += 0x80000000",
        "line 1, column 7: the immediate is 2147483648, expected -2147483648 to 2147483647",
    );
    check_error(
        "r1 = *(u64 *)(r2 + 40000)",
        "line 1, column 18: the offset is 40000, expected -32768 to 32767",
    );
    check_error(
        "goto nowhere",
        "line 1, column 1: no label `nowhere`; labels are written `nowhere:`",
    );
    check_error("a: a: exit", "line 1, column 4: label `a` is defined twice");
    check_error(
        "call nothing",
        "line 1, column 1: `nothing` is neither a label nor a known helper; kernel functions are `call kfunc nothing`",
    );
    check_error("exit 5", "line 1, column 6: expected the end of the line, found `5`");
    check_error("r1 = be8 r1", "line 1, column 6: expected a value, found `be8`");
    check_error(
        "r1 = be16 r2",
        "line 1, column 11: expected the register that is assigned to, found `r2`",
    );
    check_error("w0 = (s32)w1", "line 1, column 1: cannot sign-extend from 32 bits to 32 bits");
    check_error("r1 = !", "line 1, column 6: expected a statement, found `!`");
    check_error(
        "r1 = 0x12345678901234567",
        "line 1, column 6: expected a number below 2^64, decimal or 0x hexadecimal, found `0x12345678901234567`",
    );
    check_error(
        "lock *(u8 *)(r1 + 0) += r2",
        "line 1, column 1: an atomic operation cannot be 1 bytes wide",
    );
    check_error(
        "if r1 == 1 goto +40000",
        "line 1, column 1: the target is 40000 slots away, expected -32768 to 32767; use gotol",
    );
}
