//! Map definitions: described by types in `.maps`, or by numbers in `maps`.

use skep_btf::{Btf, Data, Kind, Type};
use skep_uapi::MapType;

use crate::elf::{Elf, ElfSection, Symbol};
use crate::{Error, MapDef};

/// Section of maps described by types.
pub(crate) const MAPS: &str = ".maps";
/// Section of maps described by numbers (`struct bpf_map_def`).
pub(crate) const OLD_MAPS: &str = "maps";
/// Pin the map by its name (`LIBBPF_PIN_BY_NAME`).
const PIN_BY_NAME: u32 = 1;
/// Bytes of the four numbers that an old definition has at least, and of those that mean something.
const OLD_MIN_BYTES: usize = 16;
const OLD_KNOWN_BYTES: usize = 20;

/// A map and where its definition lies.
pub(crate) struct Placed {
    pub(crate) def: MapDef,
    /// Index of the section.
    pub(crate) section: usize,
    /// Byte offset in it.
    pub(crate) offset: u64,
}

/// Reads the definitions of both kinds, in file order.
pub(crate) fn read(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Vec<Placed>, Error> {
    let mut found = Vec::new();
    for (index, section) in elf.sections.iter().enumerate() {
        if section.size == 0 {
            continue;
        }
        match section.name {
            MAPS => typed(index, btf, &mut found)?,
            OLD_MAPS => old(elf, index, section, btf, &mut found)?,
            _ => {}
        }
    }
    Ok(found)
}

/// Reads the maps of `.maps`: one variable each, whose structure's members are the attributes.
fn typed(section: usize, btf: Option<&Btf>, found: &mut Vec<Placed>) -> Result<(), Error> {
    let why = "maps in .maps are described by type information; compile with -g";
    let missing = || Error::Map { map: MAPS.to_owned(), why: why.to_owned() };
    let btf = btf.ok_or_else(missing)?;
    let datasec = btf.find(Kind::Datasec, MAPS).and_then(|id| btf.ty(id)).ok_or_else(missing)?;
    for place in datasec.vars() {
        let name = btf.name(place.ty);
        let bad = |why: String| Error::Map { map: name.to_owned(), why };
        let Some(Data::Var(var)) = btf.ty(place.ty).map(|ty| &ty.data) else {
            return Err(bad("its type information is no variable".to_owned()));
        };
        let ty = btf.ty(btf.resolve(var.ty)).filter(|ty| ty.kind() == Kind::Struct);
        let ty = ty.ok_or_else(|| bad("its type is no structure".to_owned()))?;
        let mut def =
            MapDef { name: name.to_owned(), section: MAPS.to_owned(), ..MapDef::default() };
        for member in ty.members() {
            attribute(btf, &mut def, btf.string(member.name), member.ty).map_err(bad)?;
        }
        if def.map_type == MapType::UNSPEC {
            return Err(bad("it has no type; add __uint(type, BPF_MAP_TYPE_...)".to_owned()));
        }
        found.push(Placed { def, section, offset: place.offset.into() });
    }
    Ok(())
}

/// Sets the attribute that a member of a map's structure describes.
fn attribute(btf: &Btf, def: &mut MapDef, name: &str, ty: u32) -> Result<(), String> {
    let number =
        || number(btf, ty).ok_or_else(|| format!("{name} is no number; write __uint({name}, ...)"));
    let word =
        || number().and_then(|n| u32::try_from(n).map_err(|_| format!("{name} is too large: {n}")));
    match name {
        "type" => def.map_type = MapType(word()?),
        "max_entries" => def.max_entries = word()?,
        "map_flags" => def.map_flags = word()?,
        "numa_node" => def.numa_node = word()?,
        "map_extra" => def.map_extra = number()?,
        "pinning" => {
            def.pin_by_name = match word()? {
                0 => false,
                PIN_BY_NAME => true,
                found => return Err(format!("pinning is {found}, expected 0 or 1 (by name)")),
            }
        }
        "key_size" => set_size(&mut def.key_size, name, word()?)?,
        "value_size" => set_size(&mut def.value_size, name, word()?)?,
        "key" => {
            let (id, size) = pointee(btf, name, ty)?;
            set_size(&mut def.key_size, name, size)?;
            def.btf_key_type_id = id;
        }
        "value" => {
            let (id, size) = pointee(btf, name, ty)?;
            set_size(&mut def.value_size, name, size)?;
            def.btf_value_type_id = id;
        }
        "values" => return Err("inner maps and initial programs are not supported yet".to_owned()),
        _ => {
            return Err(format!(
                "unknown attribute {name:?}, expected one of type, key, key_size, value, \
                 value_size, max_entries, map_flags, map_extra, numa_node, pinning"
            ));
        }
    }
    Ok(())
}

fn set_size(size: &mut u32, name: &str, found: u32) -> Result<(), String> {
    if *size != 0 && *size != found {
        return Err(format!("{name} has {found} bytes, but {} were said before", *size));
    }
    *size = found;
    Ok(())
}

/// A number as types can say it: the length of an array behind a pointer (`__uint`), or the value
/// of an enumeration (`__ulong`).
fn number(btf: &Btf, ty: u32) -> Option<u64> {
    let ty = btf.ty(btf.resolve(ty))?;
    match &ty.data {
        Data::Ptr(to) => match &btf.ty(btf.resolve(*to))?.data {
            Data::Array(array) => Some(array.len.into()),
            _ => None,
        },
        _ => ty.enumerators().first().map(|of| of.value.cast_unsigned()),
    }
}

/// A type as a pointer says it (`__type`), and its size.
fn pointee(btf: &Btf, name: &str, ty: u32) -> Result<(u32, u32), String> {
    let id = match btf.ty(btf.resolve(ty)).map(|ty| &ty.data) {
        Some(Data::Ptr(to)) => *to,
        _ => return Err(format!("{name} is no type; write __type({name}, ...)")),
    };
    let size = btf.size_of(id).and_then(|size| u32::try_from(size).ok());
    Ok((id, size.ok_or_else(|| format!("the type of {name} has no size"))?))
}

/// Reads the maps of `maps`: structures of equal length, one symbol each.
fn old(
    elf: &Elf<'_>,
    index: usize,
    section: &ElfSection<'_>,
    btf: Option<&Btf>,
    found: &mut Vec<Placed>,
) -> Result<(), Error> {
    let in_section = |symbol: &&Symbol<'_>| {
        symbol.section == Some(index) && symbol.kind != object::elf::STT_SECTION
    };
    let mut symbols: Vec<&Symbol<'_>> = elf.symbols.iter().filter(in_section).collect();
    symbols.sort_by_key(|symbol| symbol.value);
    symbols.dedup_by_key(|symbol| symbol.value);
    if symbols.is_empty() {
        let why = "the section names no map; every definition needs a symbol".to_owned();
        return Err(Error::Map { map: section.name.to_owned(), why });
    }
    for (at, symbol) in symbols.iter().enumerate() {
        let bad = |why| Error::Map { map: symbol.name.to_owned(), why };
        let end = symbols.get(at + 1).map_or(section.data.len() as u64, |next| next.value);
        let bytes = usize::try_from(symbol.value)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| section.data.get(start..end))
            .ok_or_else(|| bad(format!("offset {} is outside of section maps", symbol.value)))?;
        let mut def = old_def(bytes).map_err(bad)?;
        def.name = symbol.name.to_owned();
        def.section = section.name.to_owned();
        annotate(btf, &mut def);
        found.push(Placed { def, section: index, offset: symbol.value });
    }
    Ok(())
}

/// Reads a `struct bpf_map_def`: type, key size, value size, entries, flags. Some authors' have
/// more members; as long as those are zero they change nothing.
fn old_def(bytes: &[u8]) -> Result<MapDef, String> {
    if bytes.len() < OLD_MIN_BYTES {
        return Err(format!(
            "its definition has {} bytes, expected at least {OLD_MIN_BYTES}",
            bytes.len()
        ));
    }
    if let Some(at) = bytes.iter().skip(OLD_KNOWN_BYTES).position(|&byte| byte != 0) {
        let at = OLD_KNOWN_BYTES + at;
        return Err(format!(
            "its definition of {} bytes has a value at {at}, where only zero is known; use .maps",
            bytes.len()
        ));
    }
    let (words, _) = bytes.as_chunks::<4>();
    let word = |at: usize| words.get(at).map_or(0, |word| u32::from_le_bytes(*word));
    Ok(MapDef {
        map_type: MapType(word(0)),
        key_size: word(1),
        value_size: word(2),
        max_entries: word(3),
        map_flags: word(4),
        ..MapDef::default()
    })
}

/// Finds the types of an old map where `BPF_ANNOTATE_KV_PAIR` has left them: in a structure named
/// after the map, with the members key and value.
fn annotate(btf: Option<&Btf>, def: &mut MapDef) {
    let Some(btf) = btf else { return };
    let Some(id) = btf.find(Kind::Struct, &format!("____btf_map_{}", def.name)) else { return };
    let member = |name: &str, size: u32| {
        let members = btf.ty(id).map_or(&[][..], Type::members);
        let member = members.iter().find(|member| btf.string(member.name) == name)?;
        (btf.size_of(member.ty) == Some(size.into())).then_some(member.ty)
    };
    if let (Some(key), Some(value)) = (member("key", def.key_size), member("value", def.value_size))
    {
        def.btf_key_type_id = key;
        def.btf_value_type_id = value;
    }
}
