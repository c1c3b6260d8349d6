//! Maps into instructions: the last step before a program goes to a kernel.

use skep_isa::Insn;
use skep_obj::Program;
use skep_uapi::Fd;

use crate::Error;

/// `BPF_PSEUDO_MAP_FD`: the immediate is a map's descriptor.
const PSEUDO_MAP_FD: u8 = 1;
/// `BPF_PSEUDO_MAP_VALUE`: besides, the second slot's is an offset into the value.
const PSEUDO_MAP_VALUE: u8 = 2;

/// The program's instructions with the descriptors of `maps`, which stand in the object's order.
pub(crate) fn relocate(program: &Program, maps: &[Fd]) -> Result<Vec<Insn>, Error> {
    let mut insns = program.insns.clone();
    for reloc in &program.relocs {
        let missing = |what| Error::Reloc { program: program.name.clone(), insn: reloc.insn, what };
        let fd = maps.get(reloc.map).ok_or_else(|| missing(format!("map number {}", reloc.map)))?;
        let Some([first, second]) = insns.get_mut(reloc.insn as usize..).and_then(two) else {
            return Err(missing("an instruction behind the end".to_owned()));
        };
        if !first.is_wide() {
            return Err(missing("a map, but is no ld_imm64".to_owned()));
        }
        first.imm = fd.0;
        match reloc.value_off {
            None => first.src = PSEUDO_MAP_FD,
            Some(off) => {
                first.src = PSEUDO_MAP_VALUE;
                second.imm = off.cast_signed();
            }
        }
    }
    Ok(insns)
}

fn two(insns: &mut [Insn]) -> Option<&mut [Insn; 2]> {
    insns.first_chunk_mut()
}

#[cfg(test)]
mod tests {
    use skep_obj::Reloc;

    use super::*;

    const LD_IMM64: u8 = 0x18;
    const EXIT: u8 = 0x95;

    fn check(relocs: &[Reloc], expect: Result<[(u8, i32); 2], &str>) {
        let insns =
            vec![Insn::new(LD_IMM64, 1, 0, 0, 0), Insn::default(), Insn::new(EXIT, 0, 0, 0, 0)];
        let program =
            Program { name: "p".into(), insns, relocs: relocs.to_vec(), ..Program::default() };
        let found = relocate(&program, &[Fd(7), Fd(9)]);
        match expect {
            Ok(expect) => {
                let insns = found.expect("relocations are good");
                assert_eq!([(insns[0].src, insns[0].imm), (insns[1].src, insns[1].imm)], expect);
            }
            Err(expect) => {
                assert_eq!(found.expect_err("relocations are bad").to_string(), expect);
            }
        }
    }

    #[test]
    fn maps_and_values_are_patched() {
        check(&[], Ok([(0, 0), (0, 0)]));
        check(&[Reloc { insn: 0, map: 1, value_off: None }], Ok([(1, 9), (0, 0)]));
        check(&[Reloc { insn: 0, map: 0, value_off: Some(24) }], Ok([(2, 7), (0, 24)]));
    }

    #[test]
    fn bad_relocations_are_refused() {
        let of = |insn, map| [Reloc { insn, map, value_off: None }];
        let says = "which the object does not have";
        let text = |insn, what| format!("program p: insn {insn} refers to {what}, {says}");
        check(&of(0, 2), Err(&text(0, "map number 2")));
        check(&of(2, 0), Err(&text(2, "an instruction behind the end")));
        check(&of(1, 0), Err(&text(1, "a map, but is no ld_imm64")));
    }
}
