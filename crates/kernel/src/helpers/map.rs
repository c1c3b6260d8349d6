//! Helpers on maps.

use skep_uapi::MapType;
use skep_verifier::{Arg, HelperFlags, Returns};

use super::{Helper, map_of, number, result, row, span_of};
use crate::cpu::Copies;
use crate::memory::Span;
use crate::prog::Run;

const PERCPU: &[MapType] = &[MapType::PERCPU_ARRAY, MapType::PERCPU_HASH];

pub(crate) const HELPERS: &[Helper] = &[
    row(
        number::MAP_LOOKUP_ELEM,
        "map_lookup_elem",
        &[Arg::ConstMapPtr(&[]), Arg::MapKey],
        Returns::MapValueOrNull,
        HelperFlags::FINDS_DENSE.with(HelperFlags::TAKES_PACKET).with(HelperFlags::FINDS_MAPS),
        lookup,
    ),
    row(
        number::MAP_UPDATE_ELEM,
        "map_update_elem",
        &[Arg::ConstMapPtr(&[]), Arg::MapKey, Arg::MapValue, Arg::Scalar],
        Returns::Scalar,
        HelperFlags::CHANGES_MAP.with(HelperFlags::TAKES_PACKET),
        update,
    ),
    row(
        number::MAP_DELETE_ELEM,
        "map_delete_elem",
        &[Arg::ConstMapPtr(&[]), Arg::MapKey],
        Returns::Scalar,
        HelperFlags::CHANGES_MAP.with(HelperFlags::TAKES_PACKET),
        delete,
    ),
    row(
        number::MAP_LOOKUP_PERCPU_ELEM,
        "map_lookup_percpu_elem",
        &[Arg::ConstMapPtr(PERCPU), Arg::MapKey, Arg::Scalar],
        Returns::MapValueOrNull,
        HelperFlags::TAKES_PACKET,
        lookup_percpu,
    ),
];

fn lookup(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let map = map_of(args[0]);
    let key = copy_in(&mut run.copies.key, args[1], map.spec.key_size);
    if map.spec.is_of_maps() {
        return map.storage.inner(key).map_or(0, |inner| run.keep(inner));
    }
    map.storage.lookup(key, run.cpu).map_or(0, Span::address)
}

/// The value of another CPU; none of one that there is not.
fn lookup_percpu(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let map = map_of(args[0]);
    let cpu = args[2] as u32;
    if cpu >= run.kernel.cpus.count() {
        return 0;
    }
    let key = copy_in(&mut run.copies.key, args[1], map.spec.key_size);
    map.storage.lookup(key, cpu).map_or(0, Span::address)
}

fn update(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let map = map_of(args[0]);
    let Copies { key, value } = &mut *run.copies;
    let key = copy_in(key, args[1], map.spec.key_size);
    let value = copy_in(value, args[2], map.spec.value_size);
    result(map.storage.update(key, value, args[3], run.cpu))
}

fn delete(run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let map = map_of(args[0]);
    let key = copy_in(&mut run.copies.key, args[1], map.spec.key_size);
    result(map.storage.delete(key))
}

/// A copy of a key or value: others may change what the program points to.
fn copy_in(copy: &mut Vec<u8>, address: u64, size: u32) -> &[u8] {
    copy.resize(size as usize, 0);
    span_of(address, copy.len()).load(copy);
    copy
}
