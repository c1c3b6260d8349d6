//! What the tests of this crate share.

#![expect(clippy::print_stderr, reason = "a test that does not run says so")]

use skep_linux::Linux;

/// The running Linux, or none, after saying why `test` does not run.
pub(crate) fn linux(test: &str) -> Option<Linux> {
    match Linux::permitted() {
        Ok(()) => Some(Linux::new()),
        Err(errno) => {
            not_run(test, &format!("bpf(2): {errno}"));
            None
        }
    }
}

/// Says that a test does not run here, and why.
pub(crate) fn not_run(test: &str, reason: &str) {
    eprintln!("not run: {test} on linux: {reason}");
}

/// Instructions from opcode, registers, offset and immediate.
#[allow(dead_code, reason = "not every test file loads a program")]
pub(crate) fn asm(insns: &[[i32; 4]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for [opcode, registers, offset, immediate] in insns {
        bytes.push(*opcode as u8);
        bytes.push(*registers as u8);
        bytes.extend((*offset as i16).to_le_bytes());
        bytes.extend(immediate.to_le_bytes());
    }
    bytes
}
