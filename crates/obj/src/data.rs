//! Global data: each section of variables is an array map of one value.

use std::collections::{HashMap, HashSet};

use skep_btf::{Btf, Builder, Data, Kind};
use skep_uapi::{MapType, flags};

use crate::elf::{Elf, ElfSection};
use crate::{Error, MapDef};

/// Bytes of a section of data that are taken; `.bss` can claim any number.
const MAX_BYTES: u64 = 64 << 20;
/// Bytes of the object's name in a map's name: what a kernel's 15 leave for `.rodata`.
const PREFIX_BYTES: usize = 8;

/// What a section of data holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Data,
    Rodata,
    Bss,
}

/// Whether a section holds global data.
pub(crate) fn is_data(section: &ElfSection<'_>) -> bool {
    use_of(section).is_some()
}

fn use_of(section: &ElfSection<'_>) -> Option<Use> {
    if section.kind != object::elf::SHT_PROGBITS && section.kind != object::elf::SHT_NOBITS {
        return None;
    }
    let is = |name| {
        section.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match () {
        () if is(".data") => Some(Use::Data),
        () if is(".rodata") => Some(Use::Rodata),
        () if is(".bss") => Some(Use::Bss),
        () => None,
    }
}

/// The maps of global data with the indices of their sections, in file order.
pub(crate) fn read(
    elf: &Elf<'_>,
    object: &str,
    btf: Option<&Btf>,
) -> Result<Vec<(usize, MapDef)>, Error> {
    let mut found = Vec::new();
    for (index, section) in elf.sections.iter().enumerate() {
        let Some(kind) = use_of(section) else { continue };
        if section.size == 0 {
            continue;
        }
        if section.size > MAX_BYTES {
            let section_name = section.name.to_owned();
            let expected = "at most 64 MiB of global data";
            return Err(Error::SectionSize {
                section: section_name,
                found: section.size,
                expected,
            });
        }
        // `Elf::parse` has checked that all other sections are in the file as a whole.
        let mut initial = section.data.to_vec();
        initial.resize(section.size as usize, 0);
        let rodata = kind == Use::Rodata;
        let map_flags = flags::map::MMAPABLE | if rodata { flags::map::RDONLY_PROG } else { 0 };
        found.push((
            index,
            MapDef {
                name: map_name(object, section.name),
                section: section.name.to_owned(),
                map_type: MapType::ARRAY,
                key_size: 4,
                value_size: section.size as u32,
                max_entries: 1,
                map_flags,
                btf_value_type_id: btf
                    .and_then(|btf| btf.find(Kind::Datasec, section.name))
                    .unwrap_or(0),
                initial: Some(initial),
                frozen: rodata,
                ..MapDef::default()
            },
        ));
    }
    Ok(found)
}

/// The name that libbpf 1.x gives: the object's first eight letters before the three common
/// names, only the section's name where that says more (`.data.hot`).
fn map_name(object: &str, section: &str) -> String {
    if section.matches('.').count() > 1 {
        return section.to_owned();
    }
    let prefix: String = object
        .chars()
        .take(PREFIX_BYTES)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .collect();
    prefix + section
}

/// Puts the type information right with what only the ELF file knows: sizes of data sections,
/// offsets of variables, and functions that are not visible outside of the object.
pub(crate) fn fix_up(elf: &Elf<'_>, btf: &Btf) -> Result<Btf, Error> {
    let mut builder = Builder::from_btf(btf);
    let mut globals = HashMap::new();
    let mut hidden = HashSet::new();
    for symbol in elf.symbols.iter().filter(|symbol| !symbol.local) {
        globals.insert((symbol.section, symbol.name), symbol.value);
        if symbol.hidden && symbol.kind == object::elf::STT_FUNC {
            hidden.insert(symbol.name);
        }
    }
    for (id, ty) in btf.types() {
        match &ty.data {
            Data::Datasec(_) => {
                if let Some(ty) = builder.ty_mut(id) {
                    fix_datasec(elf, btf, id, &globals, &mut ty.data)?;
                }
            }
            Data::Func(func) if hidden.contains(btf.name(id)) => {
                let func = skep_btf::Func { linkage: 0, ..*func };
                if let Some(ty) = builder.ty_mut(id) {
                    ty.data = Data::Func(func);
                }
            }
            _ => {}
        }
    }
    Ok(builder.finish()?)
}

fn fix_datasec(
    elf: &Elf<'_>,
    btf: &Btf,
    id: u32,
    globals: &HashMap<(Option<usize>, &str), u64>,
    data: &mut Data,
) -> Result<(), Error> {
    let Data::Datasec(datasec) = data else { return Ok(()) };
    let name = btf.name(id);
    if matches!(name, ".ksyms" | ".kconfig") {
        let found = format!("section {name}");
        return Err(Error::Unsupported { what: "an extern of the kernel", found });
    }
    let mismatch = |what: String| Error::BtfMismatch { what };
    let index = elf.sections.iter().position(|section| section.name == name);
    let index = index.ok_or_else(|| mismatch(format!("section {name}")))?;
    let size = elf.sections.get(index).map_or(0, |section| section.size);
    datasec.size =
        u32::try_from(size).map_err(|_| mismatch(format!("{size} bytes of section {name}")))?;
    for place in &mut datasec.vars {
        // A static variable has its offset already; a global one is where its symbol is.
        let is_static = |data: &Data| matches!(data, Data::Var(var) if var.linkage == 0);
        if !btf.ty(place.ty).is_some_and(|ty| is_static(&ty.data)) {
            let var = btf.name(place.ty);
            let offset = globals
                .get(&(Some(index), var))
                .ok_or_else(|| mismatch(format!("symbol {var} of section {name}")))?;
            place.offset = u32::try_from(*offset).unwrap_or(u32::MAX);
        }
        if u64::from(place.offset) + u64::from(place.size) > size {
            let var = btf.name(place.ty);
            let (at, len) = (place.offset, place.size);
            return Err(mismatch(format!("{len} bytes at {at} of section {name} for {var}")));
        }
    }
    datasec.vars.sort_by_key(|place| place.offset);
    Ok(())
}
