//! What the checked interpreter says of programs that no verifier would accept.

use super::engines::{insns, run_checked};

fn check(text: &str, expect: &str) {
    let outcome = run_checked(&insns(text));
    assert_eq!(outcome.map(|outcome| outcome.r0), Err(expect.to_owned()), "in {text}");
}

#[test]
fn registers() {
    check("exit", "insn 0: r0 is read, but was not written");
    check("r0 = r2\nexit", "insn 0: r2 is read, but was not written");
    check("r0 += 1", "insn 0: r0 is read, but was not written");
    check("r10 = 1", "insn 0: r10 is written, but is read-only");
    check("r10 += 8", "insn 0: r10 is written, but is read-only");
    check("call f\nexit\nf: r0 = r6", "insn 2: r6 is read, but was not written");
    check(
        "r2 = 1\ncall f\nr0 = r2\nexit\nf: r0 = 1\nexit",
        "insn 2: r2 is read, but was not written",
    );
    check("r0 = 1\ncall f\nexit\nf: exit", "insn 2: r0 is read, but was not written");
    check("r1 = 1\ncall 5", "insn 1: r2 is read, but was not written");
    check("r0 = *(u8 *)skb[0]", "insn 0: r6 is read, but was not written");
}

#[test]
fn control_flow() {
    check("", "insn 0: expected an instruction, found the end of the program at slot 0");
    check("r0 = 1", "insn 1: expected an instruction, found the end of the program at slot 1");
    check("goto -2", "insn 0: expected a target in slots 0 to 0, found -1");
    check(
        "goto +1\nr0 = 1 ll\nexit",
        "insn 0: expected a target at the start of an instruction, found the second slot of ld_imm64 at 2",
    );
    check("call pc+7", "insn 0: expected a target in slots 0 to 0, found 8");
    check("f: call f", "insn 0: expected at most 8 nested functions, found one more");
    check("goto -1", "Budget");
    check(".8byte 0xff", "insn 0: unknown opcode 0xff");
    check(".8byte 0xbf0c0000000000ff", "insn 0: unknown opcode 0xff");
}

#[test]
fn memory() {
    let outside = |access: &str, at: &str, what: &str| {
        format!("insn 0: {access} at {at}: expected offsets {what}")
    };
    check(
        "r0 = *(u64 *)(r10 + 0)",
        &outside("load of 8 bytes", "#2+512", "0 to 512 of stack of frame 0, found 512 to 520"),
    );
    check(
        "*(u32 *)(r10 - 516) = 1",
        &outside("store of 4 bytes", "#2-4", "0 to 512 of stack of frame 0, found -4 to 0"),
    );
    check(
        "r0 = *(u16 *)(r1 + 63)",
        &outside("load of 2 bytes", "#1+63", "0 to 64 of ctx, found 63 to 65"),
    );
    check("r2 = 0\nr0 = *(u8 *)(r2 + 0)", "insn 1: load of 1 byte at 0x0: the address is null");
    check(
        "r2 = 4096\n*(u8 *)(r2 + 1) = 1",
        "insn 1: store of 1 byte at 0x1001: the address is a number, not a pointer",
    );
    check(
        "lock *(u64 *)(r10 - 12) += r1",
        "insn 0: atomic access of 8 bytes at #2+500: offset 500 of stack of frame 0 is not aligned, as atomic accesses must be",
    );
}

#[test]
fn a_number_that_equals_an_address_is_no_pointer() {
    check(
        "r1 ^= 0\nr0 = *(u8 *)(r1 + 0)",
        "insn 1: load of 1 byte at 0xbf0000100000000: the address is a number, not a pointer",
    );
    check(
        "*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 8) = 0\nr1 = *(u64 *)(r10 - 8)\nr0 = *(u8 *)(r1 + 0)",
        "insn 3: load of 1 byte at 0xbf0000100000000: the address is a number, not a pointer",
    );
    check(
        "r2 = 0x100000000 ll\nr1 += r2\nr0 = *(u8 *)(r1 + 511)",
        "insn 3: load of 1 byte at #1+4294967807: expected offsets 0 to 64 of ctx, found 4294967807 to 4294967808",
    );
}

#[test]
fn a_frame_is_gone_after_return() {
    check(
        "call f\nr0 = *(u64 *)(r0 - 8)\nexit\nf: r0 = r10\nexit",
        "insn 1: load of 8 bytes at #3+504: region #3 is gone",
    );
}

#[test]
fn what_needs_a_kernel() {
    check("r1 = map[fd:3] ll", "insn 0: ld_imm64 refers to MapFd(3), which is not known here");
    check("call kfunc 5", "insn 0: a call of a kfunc cannot be run here");
    check("callx r1", "insn 0: a call of a register cannot be run here");
    check("r1 = addr_space_cast(r1, 0, 1)", "insn 0: an address space cast cannot be run here");
}
