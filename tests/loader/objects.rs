//! Objects made by hand.

use skep_isa::{Assembly, SymbolKind, assemble};
use skep_obj::{MapDef, Object, Program, Reloc};
use skep_uapi::{AttachType, MapType, ProgType};

/// An object of one XDP program `main`; `;` stands between instructions.
pub(crate) fn object(text: &str, maps: &[MapDef]) -> Object {
    let assembly = assemble(&text.replace(';', "\n"), &|_| None).expect("the text is good");
    let program = Program {
        name: "main".to_owned(),
        section: "xdp".to_owned(),
        prog_type: ProgType::XDP,
        expected_attach_type: AttachType::XDP,
        autoload: true,
        relocs: relocs(&assembly, maps),
        insns: assembly.insns,
        ..Program::default()
    };
    Object {
        name: "test".to_owned(),
        license: Some("GPL".to_owned()),
        programs: vec![program],
        maps: maps.to_vec(),
        ..Object::default()
    }
}

/// A map definition.
pub(crate) fn map(name: &str, map_type: MapType, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: name.to_owned(),
        section: ".maps".to_owned(),
        map_type,
        key_size: 4,
        value_size,
        max_entries,
        ..MapDef::default()
    }
}

/// Global data.
pub(crate) fn data(name: &str, initial: &[u8]) -> MapDef {
    let value_size = u32::try_from(initial.len()).expect("test data is short");
    MapDef { initial: Some(initial.to_vec()), ..map(name, MapType::ARRAY, value_size, 1) }
}

fn relocs(assembly: &Assembly, maps: &[MapDef]) -> Vec<Reloc> {
    let reloc = |symbol: &skep_isa::SymbolRef| Reloc {
        insn: u32::try_from(symbol.slot).expect("test programs are short"),
        map: maps.iter().position(|map| map.name == symbol.name).expect("the map is defined"),
        value_off: match symbol.kind {
            SymbolKind::MapValue { off } => Some(off),
            _ => None,
        },
    };
    assembly.symbols.iter().map(reloc).collect()
}
