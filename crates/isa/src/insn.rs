//! One instruction slot, as it lies in memory and in files.

/// Eight bytes of program text: opcode, two registers, offset, immediate.
///
/// This is the currency between crates: an object carries slots, a kernel is given slots. What a
/// slot means is [`crate::Op`]'s business. A `ld_imm64` takes two slots, the second with opcode 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Insn {
    /// Operation, source kind and class, as RFC 9669 section 3 lays them out.
    pub opcode: u8,
    /// Destination register, 0 to 15 (only 0 to 10 are valid).
    pub dst: u8,
    /// Source register or pseudo kind, 0 to 15.
    pub src: u8,
    /// Signed offset: of a jump in slots, of an access in bytes; operation modifiers elsewhere.
    pub off: i16,
    /// Signed immediate.
    pub imm: i32,
}

/// Size of a slot in bytes.
pub const INSN_BYTES: usize = 8;

impl Insn {
    /// The slot with its fields in the order of the kernel's documentation.
    pub const fn new(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Self {
        Insn { opcode, dst, src, off, imm }
    }

    /// Reads a little-endian slot.
    pub const fn from_le_bytes(b: [u8; INSN_BYTES]) -> Self {
        Insn {
            opcode: b[0],
            dst: b[1] & 0x0f,
            src: b[1] >> 4,
            off: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    /// Writes a little-endian slot. Register numbers above 15 are cut to their low four bits.
    pub const fn to_le_bytes(self) -> [u8; INSN_BYTES] {
        let off = self.off.to_le_bytes();
        let imm = self.imm.to_le_bytes();
        let regs = (self.src << 4) | (self.dst & 0x0f);
        [self.opcode, regs, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
    }

    /// Reads a big-endian slot: there the register nibbles are swapped too.
    pub const fn from_be_bytes(b: [u8; INSN_BYTES]) -> Self {
        Insn {
            opcode: b[0],
            dst: b[1] >> 4,
            src: b[1] & 0x0f,
            off: i16::from_be_bytes([b[2], b[3]]),
            imm: i32::from_be_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    /// Writes a big-endian slot.
    pub const fn to_be_bytes(self) -> [u8; INSN_BYTES] {
        let off = self.off.to_be_bytes();
        let imm = self.imm.to_be_bytes();
        let regs = (self.dst << 4) | (self.src & 0x0f);
        [self.opcode, regs, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
    }

    /// Whether this is the first slot of a two-slot `ld_imm64`.
    pub const fn is_wide(self) -> bool {
        self.opcode == 0x18
    }
}
