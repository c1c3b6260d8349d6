//! What goes wrong in a program that nobody verified.

use std::fmt;

use skep_isa::{DecodeError, Imm64, Reg};

use super::value::{RegionId, Value};

/// An instruction that could not be done, and why. Nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("insn {insn}: {reason}")]
pub struct Fault {
    /// Slot of the instruction.
    pub insn: usize,
    /// Why.
    pub reason: Reason,
}

/// Why an instruction faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The slots are no instruction.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Control left the program.
    #[error("expected an instruction, found the end of the program at slot {slots}")]
    OffTheEnd {
        /// Slots that the program has.
        slots: usize,
    },
    /// A jump or call out of the program.
    #[error("expected a target in slots 0 to {last}, found {target}")]
    Target {
        /// Last slot.
        last: usize,
        /// Where it leads.
        target: i64,
    },
    /// A jump or call to the second slot of a `ld_imm64`.
    #[error(
        "expected a target at the start of an instruction, found the second slot of ld_imm64 at {target}"
    )]
    SecondSlot {
        /// Where it leads.
        target: usize,
    },
    /// A register is read that was never written, or was lost in a call.
    #[error("{0} is read, but was not written")]
    Uninitialised(Reg),
    /// The frame pointer is read-only.
    #[error("r10 is written, but is read-only")]
    FramePointer,
    /// One nested call too many.
    #[error("expected at most {max} nested functions, found one more")]
    TooDeep {
        /// Functions that may be nested, the main program included.
        max: usize,
    },
    /// Memory was not accessible.
    #[error(transparent)]
    Access(#[from] Box<BadAccess>),
    /// The host does not know what a `ld_imm64` refers to.
    #[error("ld_imm64 refers to {0:?}, which is not known here")]
    Unresolved(Imm64),
    /// An instruction that needs a kernel.
    #[error("{0} cannot be run here")]
    Unsupported(&'static str),
    /// A helper refused its arguments, or does not exist.
    #[error("helper {helper}: {message}")]
    Helper {
        /// Its number.
        helper: u32,
        /// What it found.
        message: String,
    },
}

/// An access that was not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} of {size} byte{} at {address}: {problem}", if *size == 1 { "" } else { "s" })]
pub struct BadAccess {
    /// What was tried.
    pub kind: AccessKind,
    /// Bytes.
    pub size: usize,
    /// Where.
    pub address: Value,
    /// What is wrong with it.
    pub problem: Problem,
}

impl BadAccess {
    /// An access and its problem.
    pub(super) fn new(
        kind: AccessKind,
        size: usize,
        address: Value,
        problem: Problem,
    ) -> Box<BadAccess> {
        Box::new(BadAccess { kind, size, address, problem })
    }
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// It reads.
    Load,
    /// It writes.
    Store,
    /// It does both at once.
    Atomic,
}

impl fmt::Display for AccessKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AccessKind::Load => "load",
            AccessKind::Store => "store",
            AccessKind::Atomic => "atomic access",
        })
    }
}

/// What is wrong with an access. `region` is the name that the region was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A null pointer.
    #[error("the address is null")]
    Null,
    /// The address was never a pointer, or has ceased to be one.
    #[error("the address is a number, not a pointer")]
    Number,
    /// The region was revoked.
    #[error("region {0} is gone")]
    Gone(RegionId),
    /// Outside the region.
    #[error("expected offsets 0 to {len} of {region}, found {offset} to {end}", end = offset.saturating_add(*size as i64))]
    Bounds {
        /// Region.
        region: String,
        /// Bytes that it has.
        len: usize,
        /// Offset of the access.
        offset: i64,
        /// Bytes of the access.
        size: usize,
    },
    /// The region may not be used in this way.
    #[error("{region} may not be {}", if *.kind == AccessKind::Load { "read" } else { "written" })]
    Permission {
        /// Region.
        region: String,
        /// What was tried.
        kind: AccessKind,
    },
    /// The region stands for an object that has no bytes.
    #[error("{region} is a handle: it can be passed to helpers only")]
    Handle {
        /// Region.
        region: String,
    },
    /// The context has no such field.
    #[error("{region} has no such field at offset {offset}")]
    NoField {
        /// Region.
        region: String,
        /// Offset of the access.
        offset: i64,
    },
    /// An atomic access across words.
    #[error("offset {offset} of {region} is not aligned, as atomic accesses must be")]
    Unaligned {
        /// Region.
        region: String,
        /// Offset of the access.
        offset: i64,
    },
}
