//! What the translation to fast code refuses.

use skep_vm::interp::{Code, Function};

use super::engines::insns;

fn check(text: &str, functions: &[Function], expect: &str) {
    let code = Code::new(&insns(text), functions);
    assert_eq!(code.map(|_| ()).map_err(|error| error.to_string()), Err(expect.to_owned()));
}

#[test]
fn programs_without_an_end() {
    check("", &[], "expected at least one instruction, found none");
    check("r0 = 1", &[], "insn 0: expected exit or a jump at the end of the program");
    check("if r0 == 1 goto -1", &[], "insn 0: expected exit or a jump at the end of the program");
    check("exit\ncall 1", &[], "insn 1: expected exit or a jump at the end of the program");
}

#[test]
fn targets_that_are_no_instruction() {
    let expect = |insn: usize, slot: i64| {
        format!("insn {insn}: expected a target at the start of an instruction, found slot {slot}")
    };
    check("goto +1\nexit", &[], &expect(0, 2));
    check("goto -2", &[], &expect(0, -1));
    check("if r0 == 1 goto +1\nr1 = 1 ll\nexit", &[], &expect(0, 2));
    check("may_goto +7\nexit", &[], &expect(0, 8));
    check("call pc+1\nexit", &[], &expect(0, 2));
    check("r1 = subprog[+2]\nexit", &[], &expect(0, 3));
    check("gotol -2147483648", &[], &expect(0, -2_147_483_647));
}

#[test]
fn what_needs_a_kernel_or_does_not_exist() {
    check(
        "r1 = map[idx:3] ll\nexit",
        &[],
        "insn 0: expected a number in ld_imm64, found MapIdx(3): resolve it before",
    );
    check("call kfunc 5\nexit", &[], "insn 0: call of a kfunc cannot be run by this interpreter");
    check(
        "r0 = 0\ncallx r1\nexit",
        &[],
        "insn 1: call of a register cannot be run by this interpreter",
    );
    check(
        "r1 = addr_space_cast(r1, 0, 1)\nexit",
        &[],
        "insn 0: address space cast cannot be run by this interpreter",
    );
    check(".8byte 0xff\nexit", &[], "insn 0: unknown opcode 0xff");
}

#[test]
fn functions_outside_the_program() {
    let function = |start, end, stack_bytes| [Function { start, end, stack_bytes }];
    let expect = |found: &str| {
        format!(
            "function at slot 0: expected an extent inside the program and at most 512 bytes of \
             stack, found {found}"
        )
    };
    check("exit", &function(0, 2, 0), &expect("end 2 and 0 bytes"));
    check("exit", &function(0, 0, 0), &expect("end 0 and 0 bytes"));
    check("exit", &function(0, 1, 513), &expect("end 1 and 513 bytes"));
}
