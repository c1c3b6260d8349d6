//! What to load: programs, maps, types. Pure data, the same on every machine.

use skep_btf::ext::CoreRelo;
use skep_btf::{Btf, FuncInfo, LineInfo};
use skep_isa::Insn;
use skep_uapi::{AttachType, MapType, ProgType};

/// An object: everything that one compilation, assembly or translation wants loaded.
///
/// After this nobody knows whether C, assembly or a tracing script made it.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// For messages and generated names: the file's stem, without `.bpf`.
    pub name: String,
    /// The `license` section, if there is one.
    pub license: Option<String>,
    /// The `version` section, if there is one.
    pub kern_version: Option<u32>,
    /// Programs in file order.
    pub programs: Vec<Program>,
    /// Maps in file order, then the maps of global data.
    pub maps: Vec<MapDef>,
    /// Type information, if there is any.
    pub btf: Option<Btf>,
}

/// A program: its own instructions and those of every function that it can reach.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Name of the function.
    pub name: String,
    /// Section it came from, as written.
    pub section: String,
    /// From the section name; `UNSPEC` where the name says nothing.
    pub prog_type: ProgType,
    /// From the section name.
    pub expected_attach_type: AttachType,
    /// From the section name (`.s`).
    pub sleepable: bool,
    /// From the section name (`.frags`).
    pub xdp_has_frags: bool,
    /// What the section name says to attach to (`eth0`, `vfs_read`, `syscalls/sys_enter_open`).
    pub attach_to: Option<String>,
    /// Whether it is loaded unless told otherwise: false where the section name begins with `?`.
    pub autoload: bool,
    /// The entry function, then the functions that it calls; local calls already resolved.
    pub insns: Vec<Insn>,
    /// The instructions that name a map: the first slot of a `ld_imm64`.
    pub relocs: Vec<Reloc>,
    /// First slot and name of each function, ascending; the first is the entry.
    pub functions: Vec<(u32, String)>,
    /// `.BTF.ext` records of these instructions; offsets in slots.
    pub func_info: Vec<FuncInfo>,
    /// `.BTF.ext` records of these instructions; offsets in slots.
    pub line_info: Vec<LineInfo>,
    /// The instructions that depend on the running kernel's types; until a loader has relocated
    /// them they are right only for the kernel that the object was compiled for.
    pub core_relos: Vec<CoreRelo>,
}

/// A `ld_imm64` that takes the address of a map, or of the value of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloc {
    /// Slot.
    pub insn: u32,
    /// Index into [`Object::maps`].
    pub map: usize,
    /// Byte offset into the value; `None` for the map itself.
    pub value_off: Option<u32>,
}

/// A map to create.
#[derive(Clone, Debug, Default)]
pub struct MapDef {
    /// Full name; the kernel sees the first 15 bytes.
    pub name: String,
    /// Section it came from: `.maps`, `maps`, or `.data`, `.rodata`, `.bss` and their kin.
    pub section: String,
    /// Type.
    pub map_type: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Entries; 0 for per-CPU event arrays means one per CPU.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub map_flags: u32,
    /// Type-dependent extra.
    pub map_extra: u64,
    /// NUMA node, with `BPF_F_NUMA_NODE`.
    pub numa_node: u32,
    /// BTF type of a key, or 0.
    pub btf_key_type_id: u32,
    /// BTF type of a value, or 0.
    pub btf_value_type_id: u32,
    /// Whether the map is pinned by its name and shared (`LIBBPF_PIN_BY_NAME`).
    pub pin_by_name: bool,
    /// Global data: the bytes of the one value.
    pub initial: Option<Vec<u8>>,
    /// Global data that nobody may change after loading (`.rodata`).
    pub frozen: bool,
}
