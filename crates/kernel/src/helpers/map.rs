//! Helpers on maps.

use super::number;
use skep_verifier::{Arg, HelperFlags, Returns};

use super::{Helper, map_of, result, row, span_of};
use crate::maps::Map;
use crate::memory::Span;
use crate::prog::Run;

pub(crate) const HELPERS: &[Helper] = &[
    row(
        number::MAP_LOOKUP_ELEM,
        "map_lookup_elem",
        &[Arg::ConstMapPtr(&[]), Arg::MapKey],
        Returns::MapValueOrNull,
        HelperFlags::NONE,
        lookup,
    ),
    row(
        number::MAP_UPDATE_ELEM,
        "map_update_elem",
        &[Arg::ConstMapPtr(&[]), Arg::MapKey, Arg::MapValue, Arg::Scalar],
        Returns::Scalar,
        HelperFlags::NONE,
        update,
    ),
    row(
        number::MAP_DELETE_ELEM,
        "map_delete_elem",
        &[Arg::ConstMapPtr(&[]), Arg::MapKey],
        Returns::Scalar,
        HelperFlags::NONE,
        delete,
    ),
];

fn lookup(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let map = map_of(args[0]);
    let cpu = run.cpu;
    let key = read_key(run, map, args[1]);
    map.storage.lookup(key, cpu).map_or(0, Span::address)
}

fn update(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let map = map_of(args[0]);
    let size = map.spec.value_size as usize;
    run.value.resize(size, 0);
    span_of(args[2], size).load(&mut run.value);
    let value = core::mem::take(&mut run.value);
    let cpu = run.cpu;
    let key = read_key(run, map, args[1]);
    let done = map.storage.update(key, &value, args[3], cpu);
    run.value = value;
    result(done)
}

fn delete(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let map = map_of(args[0]);
    result(map.storage.delete(read_key(run, map, args[1])))
}

/// A copy of the key: others may change what the program points to.
fn read_key<'r>(run: &'r mut Run<'_>, map: &Map, address: u64) -> &'r [u8] {
    let size = map.spec.key_size as usize;
    run.key.resize(size, 0);
    span_of(address, size).load(&mut run.key);
    &run.key
}
