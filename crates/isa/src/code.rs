//! The numbers of the encoding: RFC 9669 section 3, and Linux's additions to it.

// Instruction classes, the low three bits.
pub(crate) const LD: u8 = 0x00;
pub(crate) const LDX: u8 = 0x01;
pub(crate) const ST: u8 = 0x02;
pub(crate) const STX: u8 = 0x03;
pub(crate) const ALU: u8 = 0x04;
pub(crate) const JMP: u8 = 0x05;
pub(crate) const JMP32: u8 = 0x06;
pub(crate) const ALU64: u8 = 0x07;

/// Source bit of arithmetic and jumps: the second operand is a register.
pub(crate) const X: u8 = 0x08;

// Operations of ALU and ALU64.
pub(crate) const ADD: u8 = 0x00;
pub(crate) const SUB: u8 = 0x10;
pub(crate) const MUL: u8 = 0x20;
pub(crate) const DIV: u8 = 0x30;
pub(crate) const OR: u8 = 0x40;
pub(crate) const AND: u8 = 0x50;
pub(crate) const LSH: u8 = 0x60;
pub(crate) const RSH: u8 = 0x70;
pub(crate) const NEG: u8 = 0x80;
pub(crate) const MOD: u8 = 0x90;
pub(crate) const XOR: u8 = 0xa0;
pub(crate) const MOV: u8 = 0xb0;
pub(crate) const ARSH: u8 = 0xc0;
pub(crate) const END: u8 = 0xd0;

// Operations of JMP and JMP32.
pub(crate) const JA: u8 = 0x00;
pub(crate) const JEQ: u8 = 0x10;
pub(crate) const JGT: u8 = 0x20;
pub(crate) const JGE: u8 = 0x30;
pub(crate) const JSET: u8 = 0x40;
pub(crate) const JNE: u8 = 0x50;
pub(crate) const JSGT: u8 = 0x60;
pub(crate) const JSGE: u8 = 0x70;
pub(crate) const CALL: u8 = 0x80;
pub(crate) const EXIT: u8 = 0x90;
pub(crate) const JLT: u8 = 0xa0;
pub(crate) const JLE: u8 = 0xb0;
pub(crate) const JSLT: u8 = 0xc0;
pub(crate) const JSLE: u8 = 0xd0;
pub(crate) const JCOND: u8 = 0xe0;

// Sizes of loads and stores.
pub(crate) const W: u8 = 0x00;
pub(crate) const H: u8 = 0x08;
pub(crate) const B: u8 = 0x10;
pub(crate) const DW: u8 = 0x18;

// Modes of loads and stores.
pub(crate) const IMM: u8 = 0x00;
pub(crate) const ABS: u8 = 0x20;
pub(crate) const IND: u8 = 0x40;
pub(crate) const MEM: u8 = 0x60;
pub(crate) const MEMSX: u8 = 0x80;
pub(crate) const ATOMIC: u8 = 0xc0;

// Atomic operations, in the immediate. The first four share their codes with arithmetic.
pub(crate) const FETCH: i32 = 0x01;
pub(crate) const XCHG: i32 = 0xe0 | FETCH;
pub(crate) const CMPXCHG: i32 = 0xf0 | FETCH;
pub(crate) const LOAD_ACQ: i32 = 0x100;
pub(crate) const STORE_REL: i32 = 0x110;

// What the source field of a call says.
pub(crate) const CALL_HELPER: u8 = 0;
pub(crate) const CALL_LOCAL: u8 = 1;
pub(crate) const CALL_KFUNC: u8 = 2;

// What the source field of a 64-bit immediate says.
pub(crate) const IMM_VALUE: u8 = 0;
pub(crate) const IMM_MAP_FD: u8 = 1;
pub(crate) const IMM_MAP_VALUE: u8 = 2;
pub(crate) const IMM_BTF_ID: u8 = 3;
pub(crate) const IMM_FUNC: u8 = 4;
pub(crate) const IMM_MAP_IDX: u8 = 5;
pub(crate) const IMM_MAP_IDX_VALUE: u8 = 6;

/// Offset of a 64-bit register move that makes it a cast between address spaces.
pub(crate) const OFF_ADDR_SPACE_CAST: i16 = 1;
/// Offset of a division or remainder that makes it signed.
pub(crate) const OFF_SIGNED: i16 = 1;
