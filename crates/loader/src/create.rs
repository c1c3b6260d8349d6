//! A map of an object: shared by its pin, or created and filled.

use std::sync::Arc;

use skep_obj::MapDef;
use skep_uapi::{Errno, Fd, Kernel, MapCreate, MapInfo, MapType, Name, flags};

use crate::pins::Pins;
use crate::{Error, Map};

/// Creates the map of a definition, or opens the one that it shares.
pub(crate) fn create(
    kernel: &Arc<dyn Kernel>,
    def: &MapDef,
    btf: Option<Fd>,
    pin_root: &str,
    pins: &mut Pins,
) -> Result<Map, Error> {
    let shared = def.pin_by_name.then(|| format!("{pin_root}/{}", pin_name(&def.name)));
    if let Some(path) = &shared
        && let Some(map) = open_shared(kernel, def, path)?
    {
        return Ok(map);
    }
    let map = create_new(kernel, def, btf)?;
    if let Some(initial) = &def.initial {
        fill(&map, initial)?;
    }
    if def.frozen {
        map.freeze()?;
    }
    if let Some(path) = &shared {
        pins.pin(map.handle(), path)?;
    }
    Ok(map)
}

/// The name of a map's pin: a BPF file system takes no dots.
pub(crate) fn pin_name(name: &str) -> String {
    name.replace('.', "_")
}

fn open_shared(kernel: &Arc<dyn Kernel>, def: &MapDef, path: &str) -> Result<Option<Map>, Error> {
    let map = match Map::from_pin(kernel, path) {
        Ok(map) => map,
        Err(error) if error.errno() == Some(Errno::ENOENT) => return Ok(None),
        Err(error) => return Err(error),
    };
    let shape = |map_type: MapType, key, value, entries| {
        format!("{map_type} of {entries} entries, key {key} bytes, value {value} bytes")
    };
    let info: &MapInfo = map.info();
    let found = shape(info.map_type, info.key_size, info.value_size, info.max_entries);
    let entries = max_entries(kernel, def)?;
    let expected = shape(def.map_type, def.key_size, def.value_size, entries);
    if found == expected {
        return Ok(Some(map));
    }
    Err(Error::Shared { map: def.name.clone(), path: path.to_owned(), expected, found })
}

fn create_new(kernel: &Arc<dyn Kernel>, def: &MapDef, btf: Option<Fd>) -> Result<Map, Error> {
    let typed = btf.filter(|_| def.btf_value_type_id != 0);
    let plain = MapCreate {
        map_type: def.map_type,
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: max_entries(kernel, def)?,
        map_flags: def.map_flags,
        numa_node: def.numa_node,
        map_name: Name::cut(&def.name),
        map_extra: def.map_extra,
        ..MapCreate::default()
    };
    let Some(btf_fd) = typed else { return Map::create(kernel, plain) };
    let with_btf = MapCreate {
        btf_fd: Some(btf_fd),
        btf_key_type_id: def.btf_key_type_id,
        btf_value_type_id: def.btf_value_type_id,
        ..plain.clone()
    };
    match Map::create(kernel, with_btf) {
        // Several map types (event arrays, device maps) take no types; which ones differs by
        // version, so the kernel is asked rather than a table. If the definition itself is at
        // fault, the second refusal says so.
        Err(error) if matches!(error.errno(), Some(Errno::EINVAL | Errno::ENOTSUPP)) => {
            Map::create(kernel, plain)
        }
        other => other,
    }
}

fn max_entries(kernel: &Arc<dyn Kernel>, def: &MapDef) -> Result<u32, Error> {
    if def.map_type == MapType::PERF_EVENT_ARRAY && def.max_entries == 0 {
        return kernel.possible_cpus().map_err(Error::failed("count the CPUs"));
    }
    Ok(def.max_entries)
}

/// Global data is the one value of an array. `.bss` and its kin are zero from the start.
fn fill(map: &Map, initial: &[u8]) -> Result<(), Error> {
    if initial.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    map.update(&0_u32.to_ne_bytes(), initial, flags::elem::ANY)
}
