//! Many entries with one command.

use skep_uapi::flags::elem;
use skep_uapi::{Errno, LookupBatch};

use super::Map;

/// `BPF_MAP_LOOKUP_BATCH`.
pub(crate) fn lookup(map: &Map, cpus: u32, batch: &mut LookupBatch<'_>) -> Result<u32, Errno> {
    walk(map, cpus, batch, Keep::Entries)
}

/// `BPF_MAP_LOOKUP_AND_DELETE_BATCH`.
pub(crate) fn take(map: &Map, cpus: u32, batch: &mut LookupBatch<'_>) -> Result<u32, Errno> {
    if map.spec.is_array() {
        return Err(Errno::ENOTSUPP);
    }
    walk(map, cpus, batch, Keep::Nothing)
}

/// `BPF_MAP_UPDATE_BATCH`. `count` comes back as the number done, also on failure. As in Linux
/// 6.18, nobody looks at the batch's own flags, here and in [`delete`]. `write` stores one value.
pub(crate) fn update(
    map: &Map,
    cpus: u32,
    keys: &[u8],
    values: &[u8],
    count: &mut u32,
    elem_flags: u64,
    write: impl Fn(&[u8], &[u8]) -> Result<(), Errno>,
) -> Result<u32, Errno> {
    check_flags(elem_flags, 0)?;
    let sizes = (map.spec.key_size as usize, map.spec.user_value_size(cpus));
    let wanted = core::mem::take(count);
    for i in 0..wanted as usize {
        let key = keys.get(i * sizes.0..(i + 1) * sizes.0).ok_or(Errno::EFAULT)?;
        let value = values.get(i * sizes.1..(i + 1) * sizes.1).ok_or(Errno::EFAULT)?;
        write(key, value)?;
        *count += 1;
    }
    Ok(0)
}

/// `BPF_MAP_DELETE_BATCH`. `count` comes back as the number done, also on failure.
pub(crate) fn delete(
    map: &Map,
    keys: &[u8],
    count: &mut u32,
    elem_flags: u64,
) -> Result<u32, Errno> {
    if map.spec.is_array() {
        return Err(Errno::ENOTSUPP);
    }
    check_flags(elem_flags, 0)?;
    let size = map.spec.key_size as usize;
    let wanted = core::mem::take(count);
    for i in 0..wanted as usize {
        let key = keys.get(i * size..(i + 1) * size).ok_or(Errno::EFAULT)?;
        map.storage.delete(key)?;
        *count += 1;
    }
    Ok(0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Entries,
    Nothing,
}

/// The entries from where the last batch ended. The place is a key for arrays, and the number of
/// a bucket for hash maps, of which a batch takes all entries or none.
fn walk(map: &Map, cpus: u32, batch: &mut LookupBatch<'_>, keep: Keep) -> Result<u32, Errno> {
    check_flags(batch.elem_flags, batch.flags)?;
    let room = core::mem::take(batch.count);
    if room == 0 {
        return Ok(0);
    }
    let sizes = (map.spec.key_size as usize, map.spec.user_value_size(cpus));
    let mut place = read_place(batch.in_batch)?;
    loop {
        let entries = map.storage.entries_at(place).ok_or(Errno::ENOENT)?;
        let done = *batch.count as usize;
        if done + entries.len() > room as usize {
            if done == 0 {
                return Err(Errno::ENOSPC);
            }
            break;
        }
        let mut found = 0;
        for key in &entries {
            let at = done + found;
            let value = batch.values.get_mut(at * sizes.1..(at + 1) * sizes.1);
            let value = value.ok_or(Errno::EFAULT)?;
            let got = match keep {
                Keep::Entries => map.storage.read(key, value),
                Keep::Nothing => map.storage.take(key, value),
            };
            // Somebody else may have deleted it since.
            if got.is_ok() {
                let room = batch.keys.get_mut(at * sizes.0..(at + 1) * sizes.0);
                room.ok_or(Errno::EFAULT)?.copy_from_slice(key);
                found += 1;
            }
        }
        *batch.count += u32::try_from(found).expect("at most the room");
        place += 1;
        let next = batch.out_batch.get_mut(..4).ok_or(Errno::EFAULT)?;
        next.copy_from_slice(&place.to_ne_bytes());
        if *batch.count == room {
            // At the end even a full batch says that there is no more, as seen on 6.18.
            return map.storage.entries_at(place).map(|_| 0).ok_or(Errno::ENOENT);
        }
    }
    Ok(0)
}

fn read_place(in_batch: Option<&[u8]>) -> Result<u32, Errno> {
    let Some(place) = in_batch else { return Ok(0) };
    let place = place.first_chunk().ok_or(Errno::EFAULT)?;
    Ok(u32::from_ne_bytes(*place))
}

fn check_flags(elem_flags: u64, flags: u64) -> Result<(), Errno> {
    if elem_flags & !elem::F_LOCK != 0 || elem_flags != 0 || flags != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(())
}
