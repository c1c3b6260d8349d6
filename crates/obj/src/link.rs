//! Programs: the entry function, and behind it every function that it can reach.

use std::collections::{HashMap, HashSet};

use skep_btf::ext::{CoreRelo, Ext};
use skep_btf::{FuncInfo, LineInfo};
use skep_isa::Insn;

use crate::function::{Body, Function, PSEUDO_FUNC};
use crate::{Error, Program, Reloc, Section};

/// Slots of a program that any kernel takes.
const MAX_PROGRAM: usize = 1_000_000;
/// Slots of all programs together: shared functions are copied into each.
const MAX_TOTAL: usize = 1 << 24;

/// Records of `.BTF.ext` by section, ascending by slot.
pub(crate) struct Records<'a> {
    func_info: HashMap<&'a str, Vec<FuncInfo>>,
    line_info: HashMap<&'a str, Vec<LineInfo>>,
    core_relos: HashMap<&'a str, Vec<CoreRelo>>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(ext: &'a Ext) -> Records<'a> {
        Records {
            func_info: by_section(&ext.func_info, |of| of.insn),
            line_info: by_section(&ext.line_info, |of| of.insn),
            core_relos: by_section(&ext.core_relos, |of| of.insn),
        }
    }
}

fn by_section<T: Copy>(
    sections: &[skep_btf::ext::Section<T>],
    insn: impl Fn(&T) -> u32,
) -> HashMap<&str, Vec<T>> {
    let mut found: HashMap<&str, Vec<T>> = HashMap::new();
    for section in sections {
        found.entry(section.name.as_str()).or_default().extend_from_slice(&section.records);
    }
    for records in found.values_mut() {
        records.sort_by_key(&insn);
        records.dedup_by_key(|of| insn(of));
    }
    found
}

/// Links every program, in file order. `sections` are the names of all sections.
pub(crate) fn programs(
    sections: &[&str],
    functions: &[Function<'_>],
    bodies: &[Body],
    records: &Records<'_>,
) -> Result<Vec<Program>, Error> {
    let linker = Linker { sections, functions, bodies, records };
    let mut total = 0;
    let mut programs = Vec::new();
    for (entry, function) in functions.iter().enumerate() {
        if !function.is_program {
            continue;
        }
        let program = linker.program(entry)?;
        total += program.insns.len();
        if total > MAX_TOTAL {
            let what = "the object, with shared functions in each program,".to_owned();
            return Err(Error::TooLarge { what, found: total, limit: MAX_TOTAL });
        }
        programs.push(program);
    }
    Ok(programs)
}

struct Linker<'a, 'e> {
    sections: &'e [&'e str],
    functions: &'e [Function<'a>],
    bodies: &'e [Body],
    records: &'e Records<'e>,
}

impl Linker<'_, '_> {
    fn program(&self, entry: usize) -> Result<Program, Error> {
        let function = &self.functions[entry];
        let name = self.section_name(function);
        let section = Section::parse(name).ok_or_else(|| Error::unknown_section(name))?;
        let mut program = Program {
            name: function.name.to_owned(),
            section: name.to_owned(),
            prog_type: section.prog_type,
            expected_attach_type: section.expected_attach_type,
            sleepable: section.sleepable,
            xdp_has_frags: section.xdp_has_frags,
            attach_to: section.attach_to,
            autoload: section.autoload,
            ..Program::default()
        };
        let order = self.order(entry);
        let mut starts = HashMap::new();
        for &at in &order {
            let found = program.insns.len() + self.bodies[at].insns.len();
            if found > MAX_PROGRAM {
                let what = format!("program {}", function.name);
                return Err(Error::TooLarge { what, found, limit: MAX_PROGRAM });
            }
            let start = program.insns.len() as u32;
            starts.insert(at, start);
            self.append(at, start, &mut program);
        }
        for (&at, &start) in &starts {
            for &(slot, callee) in &self.bodies[at].functions {
                let slot = start + slot;
                point(&mut program.insns, slot, starts.get(&callee).copied().unwrap_or(slot));
            }
        }
        self.check_records(&order, &mut program);
        Ok(program)
    }

    /// The functions that `entry` reaches, each once: a function's callees follow it in the order
    /// of its calls, each with its own callees, as libbpf lays them out.
    fn order(&self, entry: usize) -> Vec<usize> {
        let mut order = vec![entry];
        let mut seen = HashSet::from([entry]);
        let mut open = vec![(entry, 0)];
        while let Some((function, next)) = open.last_mut() {
            let Some(&(_, callee)) = self.bodies[*function].functions.get(*next) else {
                open.pop();
                continue;
            };
            *next += 1;
            if seen.insert(callee) {
                order.push(callee);
                open.push((callee, 0));
            }
        }
        order
    }

    /// Appends a function and the records about it.
    fn append(&self, at: usize, start: u32, program: &mut Program) {
        let (function, body) = (&self.functions[at], &self.bodies[at]);
        program.functions.push((start, function.name.to_owned()));
        program.insns.extend_from_slice(&body.insns);
        program
            .relocs
            .extend(body.maps.iter().map(|reloc| Reloc { insn: start + reloc.insn, ..*reloc }));
        let section = self.section_name(function);
        let moved = |insn: u32| insn - function.start + start;
        let of = part(self.records.func_info.get(section), function, |of| of.insn);
        program.func_info.extend(of.map(|of| FuncInfo { insn: moved(of.insn), ..*of }));
        let of = part(self.records.line_info.get(section), function, |of| of.insn);
        program.line_info.extend(of.map(|of| LineInfo { insn: moved(of.insn), ..*of }));
        let of = part(self.records.core_relos.get(section), function, |of| of.insn);
        program.core_relos.extend(of.map(|of| CoreRelo { insn: moved(of.insn), ..*of }));
    }

    /// Drops records that kernels refuse: those that do not cover every function.
    fn check_records(&self, order: &[usize], program: &mut Program) {
        let starts: Vec<u32> = program.functions.iter().map(|(start, _)| *start).collect();
        let typed = program.func_info.len() == order.len()
            && starts.iter().zip(&program.func_info).all(|(start, of)| *start == of.insn);
        let lined = starts
            .iter()
            .all(|start| program.line_info.binary_search_by_key(start, |of| of.insn).is_ok());
        if !typed {
            program.func_info.clear();
        }
        if !lined {
            program.line_info.clear();
        }
    }

    fn section_name(&self, function: &Function<'_>) -> &str {
        self.sections.get(function.section).copied().unwrap_or_default()
    }
}

/// The records of one function.
fn part<'r, T>(
    records: Option<&'r Vec<T>>,
    function: &Function<'_>,
    insn: impl Fn(&T) -> u32,
) -> impl Iterator<Item = &'r T> {
    let records = records.map_or(&[][..], Vec::as_slice);
    let first = records.partition_point(|of| insn(of) < function.start);
    let end = records.partition_point(|of| insn(of) < function.end);
    records[first..end].iter()
}

/// Lets the instruction at `slot` name the function at `target`: both count from the next slot.
fn point(insns: &mut [Insn], slot: u32, target: u32) {
    if let Some(insn) = insns.get_mut(slot as usize) {
        debug_assert!(!insn.is_wide() || insn.src == PSEUDO_FUNC, "only functions are pointed at");
        insn.imm = (i64::from(target) - i64::from(slot) - 1) as i32;
    }
}
