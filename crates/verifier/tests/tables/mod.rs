//! A small kernel for the tests: four program types, five maps, a handful of helpers.

use skep_isa::Size;
use skep_uapi::MapType;
use skep_verifier::{
    Access, Arg, Context, Env, Field, FieldKind, HelperFlags, Limits, Map, NoHelper, Place,
    Prototype, Range, Returns,
};

/// The maps that programs may name, in the order of their indices.
pub(crate) fn maps() -> Vec<Map> {
    let map = |name: &str, map_type, key_size, value_size| Map {
        name: name.to_owned(),
        map_type,
        key_size,
        value_size,
        max_entries: 1,
        access: Access::ReadWrite,
        direct_value: map_type == MapType::ARRAY,
        dense: map_type == MapType::ARRAY,
        constant: None,
        inner: None,
    };
    let constant = Some(vec![5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    vec![
        map("hash", MapType::HASH, 8, 64),
        map("array", MapType::ARRAY, 4, 48),
        Map { access: Access::Read, constant, ..map("rodata", MapType::ARRAY, 4, 8) },
        Map { access: Access::Write, ..map("writeonly", MapType::ARRAY, 4, 8) },
        Map { max_entries: 4, direct_value: false, ..map("slots", MapType::ARRAY, 4, 48) },
        Map { inner: Some(6), ..map("outer", MapType::HASH_OF_MAPS, 4, 4) },
        Map { direct_value: false, max_entries: 2, ..map("", MapType::ARRAY, 4, 8) },
    ]
}

/// The rules for programs of a type: `xdp`, or `skb` as for socket filters.
pub(crate) fn env(program_type: &str) -> Option<Env<'static>> {
    let env = Env {
        context: &XDP,
        returns: None,
        packet: Some(Access::ReadWrite),
        legacy_packet_loads: false,
        helper: &helper,
        helper_name: &helper_name,
        limits: Limits::default(),
    };
    match program_type {
        "xdp" => Some(env),
        "small" => {
            let limits = Limits { processed: 1000, pending: 8, ..Limits::default() };
            Some(Env { limits, ..env })
        }
        "skb" => Some(Env { context: &SKB, packet: None, legacy_packet_loads: true, ..env }),
        "verdict" => Some(Env { returns: Some(Range { min: 0, max: 1 }), ..env }),
        _ => None,
    }
}

const fn word(name: &'static str, offset: u32, real: i16) -> Field {
    let real = Place { offset: real, size: Size::W };
    let (size, kind) = (Size::W, FieldKind::Scalar);
    Field { name, offset, size, kind, writable: false, narrow: true, real }
}

const fn pointer(name: &'static str, offset: u32, kind: FieldKind, real: i16) -> Field {
    let real = Place { offset: real, size: Size::Dw };
    Field { kind, narrow: false, real, ..word(name, offset, 0) }
}

static XDP: Context = Context {
    name: "xdp_md",
    size: 24,
    fields: &[
        pointer("data", 0, FieldKind::PacketStart, 0),
        pointer("data_end", 4, FieldKind::PacketEnd, 8),
        pointer("data_meta", 8, FieldKind::PacketMeta, 16),
        word("ingress_ifindex", 12, 24),
        word("rx_queue_index", 16, 28),
        word("egress_ifindex", 20, 32),
    ],
};

static SKB: Context = Context {
    name: "__sk_buff",
    size: 192,
    fields: &[
        word("len", 0, 4),
        word("pkt_type", 4, 8),
        Field { writable: true, ..word("mark", 8, 12) },
        Field { real: Place { offset: 16, size: Size::H }, ..word("protocol", 16, 0) },
        Field { writable: true, narrow: false, ..word("cb0", 48, 48) },
        Field { writable: true, narrow: false, ..word("cb1", 52, 52) },
    ],
};

const NONE: HelperFlags = HelperFlags::NONE;
const NUMBER: Returns = Returns::Scalar;

/// Helpers by number, with their prototypes.
static HELPERS: &[(u32, Prototype)] = {
    use Arg::*;
    &[
        (
            1,
            prototype(
                "map_lookup_elem",
                &[ConstMapPtr(&[]), MapKey],
                Returns::MapValueOrNull,
                HelperFlags::FINDS_DENSE
                    .with(HelperFlags::TAKES_PACKET)
                    .with(HelperFlags::FINDS_MAPS),
            ),
        ),
        (
            2,
            prototype(
                "map_update_elem",
                &[ConstMapPtr(&[]), MapKey, MapValue, Scalar],
                NUMBER,
                HelperFlags::CHANGES_MAP.with(HelperFlags::TAKES_PACKET),
            ),
        ),
        (3, prototype("map_delete_elem", &[ConstMapPtr(&[MapType::HASH]), MapKey], NUMBER, NONE)),
        (5, prototype("ktime_get_ns", &[], NUMBER, NONE)),
        (6, prototype("trace_printk", &[MemRead, Size], NUMBER, HelperFlags::GPL_ONLY)),
        (8, prototype("get_smp_processor_id", &[], Returns::Range(Range { min: 0, max: 3 }), NONE)),
        (16, prototype("get_current_comm", &[MemWrite, Size], NUMBER, NONE)),
        (
            28,
            prototype(
                "csum_diff",
                &[MemReadOrNull, SizeOrZero, MemReadOrNull, SizeOrZero, Scalar],
                NUMBER,
                HelperFlags::TAKES_PACKET,
            ),
        ),
        (44, prototype("xdp_adjust_head", &[Ctx, Scalar], NUMBER, HelperFlags::CHANGES_PACKET)),
        (87, prototype("map_pop_elem", &[ConstMapPtr(&[]), MapValueOut], NUMBER, NONE)),
        (
            195,
            prototype(
                "map_lookup_percpu_elem",
                &[ConstMapPtr(&[]), MapKey, Scalar],
                Returns::MapValueOrNull,
                NONE,
            ),
        ),
        (200, prototype("nothing", &[], Returns::Void, NONE)),
    ]
};

const fn prototype(
    name: &'static str,
    given: &[Arg],
    returns: Returns,
    flags: HelperFlags,
) -> Prototype {
    let mut args = [Arg::None; 5];
    let mut index = 0;
    while index < given.len() {
        args[index] = given[index];
        index += 1;
    }
    Prototype { name, args, returns, flags }
}

fn helper(id: u32) -> Result<&'static Prototype, NoHelper> {
    match HELPERS.iter().find(|(number, _)| *number == id) {
        Some((_, prototype)) => Ok(prototype),
        None if id == 7 => Err(NoHelper::NotHere),
        None if id == 26 => Err(NoHelper::NotForThisType),
        None => Err(NoHelper::Unknown),
    }
}

fn helper_name(id: u32) -> Option<&'static str> {
    match id {
        7 => Some("get_prandom_u32"),
        26 => Some("skb_load_bytes"),
        _ => helper(id).ok().map(|prototype| prototype.name),
    }
}

/// The number of a helper, for the assembler.
pub(crate) fn helper_number(name: &str) -> Option<u32> {
    (0..256).find(|id| helper_name(*id) == Some(name))
}
