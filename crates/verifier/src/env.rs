//! What the verifier is told about the kernel that will run the program: tables, no names.
//!
//! The verifier knows no helper, map type or program type. It sees prototypes, context layouts and
//! the properties of the maps at hand; a special case is a flag here.

use skep_isa::{Insn, Size};
use skep_uapi::MapType;

/// What is to be verified.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Instruction slots. A `ld_imm64` of a map carries an index into `maps`
    /// (`BPF_PSEUDO_MAP_IDX`, `BPF_PSEUDO_MAP_IDX_VALUE`): descriptors are resolved before.
    pub insns: &'a [Insn],
    /// The maps that the program refers to.
    pub maps: &'a [Map],
    /// Whether helpers marked [`HelperFlags::GPL_ONLY`] may be called.
    pub license: License,
    /// Source lines, ascending by slot, for the log; may be empty.
    pub lines: &'a [Line],
    /// Names of functions by their first slot, ascending, for the log; may be empty.
    pub functions: &'a [(u32, String)],
}

/// Whether the program's license is compatible with the GPL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum License {
    /// It is.
    Gpl,
    /// It is not.
    Other,
}

/// A source line, in force from its slot to the next line's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// First slot.
    pub insn: u32,
    /// File name as the compiler recorded it.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// Column, from 1; 0 if unknown.
    pub column: u32,
    /// The line itself.
    pub text: String,
}

/// A map, as far as programs can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// For the log.
    pub name: String,
    /// Matched against [`Arg::ConstMapPtr`]'s list.
    pub map_type: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value, as a program sees one.
    pub value_size: u32,
    /// Entries.
    pub max_entries: u32,
    /// What programs may do with a value.
    pub access: Access,
    /// Whether `ld_imm64` may take the address of the map's one value.
    pub direct_value: bool,
    /// Whether every 4-byte key below `max_entries` has a value, always: arrays.
    pub dense: bool,
    /// The bytes of the one value, if nobody can ever change them: loads yield constants.
    pub constant: Option<Vec<u8>>,
    /// Of a map of maps: which of [`Program::maps`] those in it are like. It is no map that the
    /// program refers to itself.
    pub inner: Option<u16>,
}

/// What may be done with a piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Loads only.
    Read,
    /// Stores only.
    Write,
    /// Loads and stores.
    ReadWrite,
}

/// The rules of a kernel for programs of one type.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// What r1 points to at entry.
    pub context: &'a Context,
    /// What the main program may return; `None`: anything.
    pub returns: Option<Range>,
    /// What may be done with packet bytes through pointers.
    pub packet: Option<Access>,
    /// Whether the legacy loads (`ld_abs`, `ld_ind`) are there: the context holds a packet.
    pub legacy_packet_loads: bool,
    /// The prototype of a helper, or why it cannot be called.
    pub helper: &'a dyn Fn(u32) -> Result<&'static Prototype, NoHelper>,
    /// The name of a helper number, if it has one, also where it cannot be called.
    pub helper_name: &'a dyn Fn(u32) -> Option<&'static str>,
    /// Bounds of the work.
    pub limits: Limits,
}

/// Why a helper cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHelper {
    /// No such number.
    Unknown,
    /// Programs of this type may not call it.
    NotForThisType,
    /// Linux offers it, this kernel does not yet.
    NotHere,
}

/// An inclusive range of signed numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Smallest value.
    pub min: i64,
    /// Largest value.
    pub max: i64,
}

/// Bounds of the verifier's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Slots a program may have.
    pub insns: usize,
    /// Instructions processed over all paths.
    pub processed: usize,
    /// Branches waiting to be explored.
    pub pending: usize,
    /// Nested calls, the main program included.
    pub frames: usize,
    /// Bytes of stack of a call chain.
    pub stack_bytes: usize,
}

impl Default for Limits {
    /// Those of Linux 6.18 for a privileged caller.
    fn default() -> Limits {
        Limits {
            insns: 1_000_000,
            processed: 1_000_000,
            pending: 8192,
            frames: 8,
            stack_bytes: 512,
        }
    }
}

/// The layout of a program type's context, as programs see it and as it is.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Name of the structure, for the log (`xdp_md`).
    pub name: &'static str,
    /// Bytes that programs see.
    pub size: u32,
    /// The fields, ascending, without overlap. A gap is not accessible.
    pub fields: &'static [Field],
}

/// A field of a context.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name, for messages.
    pub name: &'static str,
    /// Offset that programs use, in bytes.
    pub offset: u32,
    /// Bytes that programs see. An array of equal words is one field per word.
    pub size: Size,
    /// What a load yields.
    pub kind: FieldKind,
    /// Whether programs may store to it.
    pub writable: bool,
    /// Whether a load may take a part of it.
    pub narrow: bool,
    /// Where the value really is: fixups rewrite the access to this.
    pub real: Place,
}

/// Where a context field really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset from the context pointer, in bytes.
    pub offset: i16,
    /// Bytes there.
    pub size: Size,
}

/// What a load of a context field yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A number.
    Scalar,
    /// The first byte of the packet.
    PacketStart,
    /// The end of the packet.
    PacketEnd,
    /// The metadata before the packet; ends at [`FieldKind::PacketStart`].
    PacketMeta,
}

/// How a helper is called.
#[derive(Clone, Copy, Debug)]
pub struct Prototype {
    /// Name without `bpf_`, for messages.
    pub name: &'static str,
    /// The arguments r1 to r5; [`Arg::None`] ends them.
    pub args: [Arg; 5],
    /// What r0 holds afterwards.
    pub returns: Returns,
    /// Further properties.
    pub flags: HelperFlags,
}

/// What a helper takes in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// Nothing.
    None,
    /// Any initialised value (`ARG_ANYTHING`): a number, or a pointer, of which the helper sees
    /// the address.
    Scalar,
    /// A map, of one of these types (empty: of any).
    ConstMapPtr(&'static [MapType]),
    /// Readable memory of the key size of the map argument before it.
    MapKey,
    /// Readable memory of the value size of the map argument before it.
    MapValue,
    /// Memory of the value size of the map argument before it, which the helper fills.
    MapValueOut,
    /// Readable memory; its size is the next argument.
    MemRead,
    /// As [`Arg::MemRead`], or null with size 0.
    MemReadOrNull,
    /// Memory that the helper fills; its size is the next argument.
    MemWrite,
    /// The size of the memory argument before it, more than 0.
    Size,
    /// The size of the memory argument before it.
    SizeOrZero,
    /// The context pointer, unmodified.
    Ctx,
}

/// What a helper gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// Nothing: r0 is not to be read.
    Void,
    /// Any number.
    Scalar,
    /// A number in a range.
    Range(Range),
    /// A pointer to a value of the map argument, or null; of a map of maps, a map in it or null.
    MapValueOrNull,
}

/// Properties of a helper, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HelperFlags(pub u32);

impl HelperFlags {
    /// None.
    pub const NONE: HelperFlags = HelperFlags(0);
    /// Only for programs under a license compatible with the GPL.
    pub const GPL_ONLY: HelperFlags = HelperFlags(1);
    /// Moves the packet: pointers into it are stale afterwards.
    pub const CHANGES_PACKET: HelperFlags = HelperFlags(1 << 1);
    /// Changes what is in the map argument: not for maps that programs may only read.
    pub const CHANGES_MAP: HelperFlags = HelperFlags(1 << 2);
    /// Finds a value under every key that a [dense](Map::dense) map has.
    pub const FINDS_DENSE: HelperFlags = HelperFlags(1 << 3);
    /// Memory arguments may be in the packet.
    pub const TAKES_PACKET: HelperFlags = HelperFlags(1 << 4);
    /// Takes maps of maps too, and finds maps in them.
    pub const FINDS_MAPS: HelperFlags = HelperFlags(1 << 5);

    /// Both sets together.
    pub const fn with(self, other: HelperFlags) -> HelperFlags {
        HelperFlags(self.0 | other.0)
    }

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: HelperFlags) -> bool {
        self.0 & other.0 == other.0
    }
}
