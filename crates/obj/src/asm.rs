//! Assembly to an object: instructions as `skep_isa` assembles them, and directives for the rest.

use std::collections::{BTreeMap, HashMap};

use skep_btf::{Builder, Int, LineInfo};
use skep_isa::{Assembly, Insn, Op, SymbolKind, decode};
use skep_uapi::{Helper, MapType};

use crate::function::{Body, CALL, Function, PSEUDO_CALL, PSEUDO_FUNC, is_text};
use crate::link::{self, Records};
use crate::{Error, MapDef, Object, Program, Reloc, Section, read};

impl Object {
    /// Assembles an object. `name` is the file's, for messages, generated names and source lines.
    ///
    /// Instructions and labels are those of [`skep_isa::assemble`]. Directives stand alone on a
    /// line:
    ///
    /// | directive | |
    /// | --- | --- |
    /// | `.section "xdp"` | what follows is in this section; the name says the program type |
    /// | `.global name` | a program begins at this label, too |
    /// | `.license "GPL"` | the license |
    /// | `.map name type key_size value_size max_entries [flags]` | a map |
    ///
    /// A section's first label names its program. Functions are what is called; they may be in
    /// any section, `.text` has nothing else. Every function ends where the next one begins.
    ///
    /// ```
    /// let object = skep_obj::Object::from_asm("count.s", r#"
    ///         .license "GPL"
    ///         .map hits array 4 8 1
    ///         .section "xdp"
    ///     count:
    ///         *(u32 *)(r10 - 4) = 0
    ///         r1 = map[hits] ll
    ///         r2 = r10
    ///         r2 += -4
    ///         call map_lookup_elem
    ///         if r0 == 0 goto out
    ///         r1 = *(u64 *)(r0 + 0)
    ///         r1 += 1
    ///         *(u64 *)(r0 + 0) = r1
    ///     out:
    ///         r0 = 2
    ///         exit
    /// "#)?;
    /// assert_eq!(object.programs[0].name, "count");
    /// assert_eq!(object.programs[0].relocs[0].insn, 1);
    /// # Ok::<(), skep_obj::Error>(())
    /// ```
    pub fn from_asm(name: &str, text: &str) -> Result<Object, Error> {
        let source = Source::read(text)?;
        let helper = |name: &str| Helper::from_name(name).map(|helper| helper.0);
        let assembly = skep_isa::assemble(&source.code, &helper).map_err(|error| Error::Asm {
            line: error.line,
            why: format!("column {}: {}", error.column, error.problem),
        })?;
        let unit = Unit { source: &source, assembly: &assembly };
        let functions = unit.functions()?;
        let bodies = unit.bodies(&functions)?;
        let ext = skep_btf::ext::Ext::default();
        let sections: Vec<&str> = source.sections.iter().map(|of| of.name.as_str()).collect();
        let mut programs = link::programs(&sections, &functions, &bodies, &Records::new(&ext))?;
        let btf = unit.add_lines(name, text, &functions, &mut programs)?;
        let maps = source.maps.into_iter().map(|(_, def)| def).collect();
        let (name, license) = (read::stem(name), source.license);
        Ok(Object { name, license, kern_version: None, programs, maps, btf: Some(btf) })
    }
}

/// What the directives say, and the text without them.
#[derive(Default)]
struct Source {
    /// As many lines as the text has, those of directives empty.
    code: String,
    license: Option<String>,
    maps: Vec<(String, MapDef)>,
    /// In order of their lines.
    sections: Vec<CodeSection>,
    /// Labels of programs, and the line that says so.
    globals: HashMap<String, usize>,
}

struct CodeSection {
    name: String,
    /// Line of the directive, from 1; 0 for code before any.
    line: usize,
}

impl Source {
    fn read(text: &str) -> Result<Source, Error> {
        let mut source = Source::default();
        for (line, code) in (1..).zip(text.lines()) {
            let words = words(code);
            match words.first().map(String::as_str) {
                Some(".section" | ".global" | ".globl" | ".license" | ".map" | ".text") => source
                    .directive(line, &words)
                    .map_err(|why| Error::Asm { line, why: format!("{}: {why}", words[0]) })?,
                _ => source.code.push_str(code),
            }
            source.code.push('\n');
        }
        Ok(source)
    }

    fn directive(&mut self, line: usize, words: &[String]) -> Result<(), String> {
        let args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        match (words[0].as_str(), args.as_slice()) {
            (".section", [name]) => self.section(name, line)?,
            (".text", []) => self.section(".text", line)?,
            (".license", [license]) => self.license = Some((*license).to_owned()),
            (".global" | ".globl", [label]) => {
                self.globals.insert((*label).to_owned(), line);
            }
            (".map", [name, rest @ ..]) => {
                if self.maps.iter().any(|(known, _)| known == name) {
                    return Err(format!("{name} is defined twice"));
                }
                self.maps.push(((*name).to_owned(), map(name, rest)?));
            }
            (".map", []) => return Err("expected a name".to_owned()),
            _ => return Err(format!("expected one argument, found {}", args.len())),
        }
        Ok(())
    }

    fn section(&mut self, name: &str, line: usize) -> Result<(), String> {
        if !is_text(name) && Section::parse(name).is_none() {
            return Err(Error::unknown_section(name).to_string());
        }
        self.sections.push(CodeSection { name: name.to_owned(), line });
        Ok(())
    }
}

/// The words of a line: apart by blanks or commas, in quotes or not, up to a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with(['#', ';']) && !rest.starts_with("//") {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => {
                let is_end = |c: char| c.is_whitespace() || c == ',';
                rest.split_at(rest.find(is_end).unwrap_or(rest.len()))
            }
        };
        words.push(word.to_owned());
        rest = after.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    }
    words
}

fn map(name: &str, args: &[&str]) -> Result<MapDef, String> {
    let expected = "expected type, key size, value size, entries and, if any, flags";
    let [map_type, numbers @ ..] = args else { return Err(expected.to_owned()) };
    let number = |word: &&str| {
        let parsed = match word.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => word.parse(),
        };
        parsed.map_err(|_| format!("expected a number, found {word}"))
    };
    let numbers = numbers.iter().map(number).collect::<Result<Vec<u32>, String>>()?;
    let (key_size, value_size, max_entries, map_flags) = match numbers[..] {
        [key, value, entries] => (key, value, entries, 0),
        [key, value, entries, flags] => (key, value, entries, flags),
        _ => return Err(format!("{expected}; found {} numbers", numbers.len())),
    };
    Ok(MapDef {
        name: name.to_owned(),
        section: crate::maps::MAPS.to_owned(),
        map_type: MapType::from_label(map_type)
            .ok_or_else(|| format!("unknown map type {map_type}, expected one as hash or array"))?,
        key_size,
        value_size,
        max_entries,
        map_flags,
        ..MapDef::default()
    })
}

/// Directives and code together.
struct Unit<'a> {
    source: &'a Source,
    assembly: &'a Assembly,
}

impl<'a> Unit<'a> {
    /// Cuts the code into functions: at section starts, at what is called, at what is global.
    fn functions(&self) -> Result<Vec<Function<'a>>, Error> {
        let assembly = self.assembly;
        let names: HashMap<usize, &str> =
            assembly.labels.iter().rev().map(|(name, slot)| (*slot, name.as_str())).collect();
        // Start of a function, and whether a program begins there.
        let mut starts = BTreeMap::new();
        for (slot, insn) in assembly.insns.iter().enumerate() {
            let section = self.section_of(slot)?;
            if slot == 0 || self.section_of(slot - 1)? != section {
                starts.insert(slot, !is_text(&self.source.sections[section].name));
            }
            let callee = callee(slot, *insn).and_then(|to| usize::try_from(to).ok());
            if let Some(callee) = callee.filter(|to| *to < assembly.insns.len()) {
                starts.entry(callee).or_insert(false);
            }
        }
        for (label, line) in &self.source.globals {
            let known = assembly.labels.iter().find(|(name, _)| name == label);
            let slot = known.map(|(_, slot)| *slot).filter(|slot| *slot < assembly.insns.len());
            let slot = slot.ok_or_else(|| Error::Asm {
                line: *line,
                why: format!("{label} labels no instruction"),
            })?;
            let section = self.section_of(slot)?;
            starts.insert(slot, !is_text(&self.source.sections[section].name));
        }
        let ends = starts.keys().skip(1).copied().chain([assembly.insns.len()]);
        starts
            .iter()
            .zip(ends)
            .map(|((&start, &is_program), end)| {
                let section = self.section_of(start)?;
                let name = names.get(&start).copied().ok_or_else(|| Error::Asm {
                    line: assembly.lines[start],
                    why: "a function begins here; put a label before it".to_owned(),
                })?;
                Ok(Function { name, section, start: start as u32, end: end as u32, is_program })
            })
            .collect()
    }

    /// Index of the section that a slot is in.
    fn section_of(&self, slot: usize) -> Result<usize, Error> {
        let line = self.assembly.lines[slot];
        let behind = self.source.sections.partition_point(|section| section.line < line);
        behind.checked_sub(1).ok_or_else(|| Error::Asm {
            line,
            why: "expected `.section NAME` before the first instruction".to_owned(),
        })
    }

    fn bodies(&self, functions: &[Function<'_>]) -> Result<Vec<Body>, Error> {
        functions.iter().map(|function| self.body(function, functions)).collect()
    }

    fn body(&self, function: &Function<'_>, functions: &[Function<'_>]) -> Result<Body, Error> {
        let assembly = self.assembly;
        let (start, end) = (function.start as usize, function.end as usize);
        let mut body = Body {
            insns: assembly.insns[start..end].to_vec(),
            maps: Vec::new(),
            functions: Vec::new(),
        };
        let mut second = false;
        for slot in start..end {
            if std::mem::take(&mut second) {
                continue;
            }
            let insn = assembly.insns[slot];
            second = insn.is_wide();
            let bad = |why| Error::Asm { line: assembly.lines[slot], why };
            if let Some(target) = jump_target(slot, &assembly.insns[slot..end])
                && !(start as i64..end as i64).contains(&target)
            {
                return Err(bad(format!("the jump leaves function {}", function.name)));
            }
            if let Some(to) = callee(slot, insn) {
                let found = functions.binary_search_by_key(&to, |of| of.start.into());
                let found = found.map_err(|_| bad("the call leads nowhere".to_owned()))?;
                body.functions.push(((slot - start) as u32, found));
            }
        }
        let first = assembly.symbols.partition_point(|symbol| symbol.slot < start);
        for symbol in assembly.symbols[first..].iter().take_while(|symbol| symbol.slot < end) {
            let bad = |why| Error::Asm { line: assembly.lines[symbol.slot], why };
            let value_off = match symbol.kind {
                SymbolKind::Map => None,
                SymbolKind::MapValue { off } => Some(off),
                SymbolKind::Kfunc => {
                    return Err(bad(format!("kfunc {} cannot be found yet", symbol.name)));
                }
            };
            let map = self.source.maps.iter().position(|(name, _)| *name == symbol.name);
            let map = map.ok_or_else(|| {
                bad(format!("unknown map {0}; add `.map {0} TYPE KEY VALUE ENTRIES`", symbol.name))
            })?;
            body.maps.push(Reloc { insn: (symbol.slot - start) as u32, map, value_off });
        }
        Ok(body)
    }

    /// Gives every instruction its line of assembly, as compilers give theirs of C.
    fn add_lines(
        &self,
        name: &str,
        text: &str,
        functions: &[Function<'_>],
        programs: &mut [Program],
    ) -> Result<skep_btf::Btf, Error> {
        let mut builder = Builder::new();
        // Linux takes no type information without a type.
        builder.int("int", 4, Int::SIGNED);
        let file_name_off = builder.string(name.rsplit('/').next().unwrap_or_default());
        let texts: Vec<&str> = text.lines().collect();
        let by_name: HashMap<&str, &Function<'_>> =
            functions.iter().map(|function| (function.name, function)).collect();
        for program in programs {
            for (start, name) in &program.functions {
                let Some(function) = by_name.get(name.as_str()) else { continue };
                let mut previous = 0;
                for slot in function.start..function.end {
                    let line = self.assembly.lines[slot as usize];
                    if std::mem::replace(&mut previous, line) == line {
                        continue;
                    }
                    let text = texts.get(line - 1).copied().unwrap_or_default();
                    program.line_info.push(LineInfo {
                        insn: start + slot - function.start,
                        file_name_off,
                        line_off: builder.string(text.trim()),
                        line_col: (line as u32) << 10,
                    });
                }
            }
        }
        Ok(builder.finish()?)
    }
}

/// The slot that a call, or a `ld_imm64` of a function, leads to.
fn callee(slot: usize, insn: Insn) -> Option<i64> {
    let is_call = insn.opcode == CALL && insn.src == PSEUDO_CALL;
    let is_address = insn.is_wide() && insn.src == PSEUDO_FUNC;
    (is_call || is_address).then(|| slot as i64 + 1 + i64::from(insn.imm))
}

/// The slot that a jump leads to.
fn jump_target(slot: usize, slots: &[Insn]) -> Option<i64> {
    let off = match decode(slots) {
        Ok(Op::Jump { off, .. }) => i64::from(off),
        Ok(Op::Branch { off, .. } | Op::MayGoto { off }) => i64::from(off),
        _ => return None,
    };
    Some(slot as i64 + 1 + off)
}
