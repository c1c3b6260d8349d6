//! An assembler for the text that Linux's log and LLVM print, the pseudo-C of eBPF.
//!
//! In reading order: this file (labels and names get their values), `parser` (statements),
//! `operand` (what statements are made of), `lexer`, `error`.

mod error;
mod lexer;
mod operand;
mod parser;

use std::collections::HashMap;

use crate::{Callee, Imm64, Insn, Op, encode};

use error::Place;
pub use error::{AsmError, AsmProblem};
use operand::Target;
use parser::{Statement, Symbolic};

/// Assembles a program.
///
/// One statement a line; `name:` before a statement or alone is a label; `;`, `//` and `#` begin
/// a comment. The statements are those of `llvm-objdump -d`, of `bpftool prog dump xlated` and of
/// Linux's verifier log, without the columns before the instruction:
///
/// | statement | |
/// | --- | --- |
/// | `r1 = 5`, `w1 += w2`, `r1 s/= -3`, `r1 = -r1`, `r1 = (s8)r2` | arithmetic |
/// | `r1 = be16 r1`, `le32`, `bswap64` | byte order |
/// | `r1 = 0x1122334455667788 ll` | 64-bit constant |
/// | `r1 = map[name] ll`, `r1 = map_value[name]+8 ll` | a map, by name: see [`Assembly::symbols`] |
/// | `r1 = map[fd:3] ll`, `map_value[idx:0]+8`, `btf_id[7]` | the same by number |
/// | `r1 = func[label] ll`, `r1 = subprog[+3]` | address of a function |
/// | `r1 = *(u64 *)(r10 - 8)`, `r1 = *(s8 *)(r2 + 0)` | load |
/// | `*(u32 *)(r1 + 4) = r2`, `*(u8 *)(r1 + 0) = 5` | store |
/// | `lock *(u64 *)(r1 + 0) += r2`, `r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)` | atomic |
/// | `r2 = xchg_64(r1 + 0, r2)`, `w0 = cmpxchg32_32(r1 + 0, w0, w2)` | atomic, LLVM's way |
/// | `r0 = atomic64_cmpxchg((u64 *)(r1 + 0), r0, r2)` | atomic, Linux's way |
/// | `r1 = load_acquire((u8 *)(r2 + 0))`, `store_release((u64 *)(r2 + 0), r1)` | ordered |
/// | `r0 = *(u16 *)skb[12]`, `r0 = *(u8 *)skb[r6 + 12]` | packet load |
/// | `r1 = addr_space_cast(r2, 0, 1)` | cast between address spaces |
/// | `if r1 s> 5 goto label`, `if w1 & 7 goto +3`, `goto pc-2`, `gotol label`, `may_goto +1` | jumps |
/// | `call 1`, `call map_lookup_elem` | helper |
/// | `call label`, `call pc+3` | function of the program |
/// | `call kfunc name`, `call kfunc 123`, `callx r3`, `exit` | other |
/// | `.8byte 0x95` | a slot as a number |
///
/// `helper` knows the numbers of helpers by name; a label of the same name comes first.
///
/// ```
/// use skep_isa::{assemble, Insn};
///
/// let helpers = |name: &str| (name == "ktime_get_ns").then_some(5);
/// let program = assemble("
///         call ktime_get_ns
///         if r0 != 0 goto out
///         r0 = 1
///     out:
///         exit
/// ", &helpers)?;
/// assert_eq!(program.insns[1], Insn::new(0x55, 0, 0, 1, 0));
///
/// let error = assemble("r1 = *(u64 *)(r10 - x)", &helpers).unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 21: expected a number, found `x`");
/// # Ok::<(), skep_isa::AsmError>(())
/// ```
pub fn assemble(text: &str, helper: &dyn Fn(&str) -> Option<u32>) -> Result<Assembly, AsmError> {
    let mut statements = Vec::new();
    let mut labels = HashMap::new();
    let mut slots = 0;
    for (index, line) in text.lines().enumerate() {
        let parsed = parser::parse_line(index + 1, line)?;
        for (place, name) in parsed.labels {
            if labels.insert(name.clone(), slots).is_some() {
                return Err(place.error(AsmProblem::DuplicateLabel(name)));
            }
        }
        if let Some((place, statement)) = parsed.statement {
            let len = statement.slots();
            statements.push((place, slots, statement));
            slots += len;
        }
    }
    let mut resolver = Resolver { labels: &labels, helper, out: Assembly::default() };
    for (place, slot, statement) in statements {
        resolver.emit(place, slot, statement)?;
    }
    let mut out = resolver.out;
    out.labels = labels.into_iter().collect();
    out.labels.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    Ok(out)
}

/// What assembling yields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembly {
    /// The program.
    pub insns: Vec<Insn>,
    /// Line of the text, from 1, for each slot.
    pub lines: Vec<usize>,
    /// Instructions that name something which only the loader knows, ascending by slot. Until
    /// then they hold 0 in its place.
    pub symbols: Vec<SymbolRef>,
    /// Labels and their slots, ascending by slot.
    pub labels: Vec<(String, usize)>,
}

/// An instruction that names something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolRef {
    /// Its first slot.
    pub slot: usize,
    /// What kind of thing it names.
    pub kind: SymbolKind,
    /// The name.
    pub name: String,
}

/// What an instruction names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A map.
    Map,
    /// An address in the first value of a map.
    MapValue {
        /// Byte offset into the value.
        off: u32,
    },
    /// A kernel function.
    Kfunc,
}

/// The second pass: labels are known, instructions are written.
struct Resolver<'a> {
    labels: &'a HashMap<String, usize>,
    helper: &'a dyn Fn(&str) -> Option<u32>,
    out: Assembly,
}

impl Resolver<'_> {
    fn emit(&mut self, place: Place, slot: usize, statement: Statement) -> Result<(), AsmError> {
        let op = match statement {
            Statement::Raw(value) => {
                self.out.insns.push(Insn::from_le_bytes(value.to_le_bytes()));
                self.out.lines.push(place.line);
                return Ok(());
            }
            Statement::Op(op) => op,
            Statement::Symbolic(symbolic) => self.resolve(place, slot, symbolic)?,
        };
        let encoded = encode(op).map_err(|error| place.error(AsmProblem::Encode(error)))?;
        self.out.insns.extend_from_slice(&encoded);
        self.out.lines.extend(encoded.iter().map(|_| place.line));
        Ok(())
    }

    fn resolve(&mut self, place: Place, slot: usize, what: Symbolic) -> Result<Op, AsmError> {
        Ok(match what {
            Symbolic::Jump { long: true, target } => {
                Op::Jump { off: self.distance(place, slot, target)?, long: true }
            }
            Symbolic::Jump { long: false, target } => {
                Op::Jump { off: self.short_distance(place, slot, target)?.into(), long: false }
            }
            Symbolic::MayGoto { target } => {
                Op::MayGoto { off: self.short_distance(place, slot, target)? }
            }
            Symbolic::Branch { width, cond, dst, src, target } => {
                let off = self.short_distance(place, slot, target)?;
                Op::Branch { width, cond, dst, src, off }
            }
            Symbolic::Func { dst, target } => {
                let imm = Imm64::Func(self.distance(place, slot, target)?);
                Op::LoadImm64 { dst, imm }
            }
            Symbolic::CallDistance(target) => {
                Op::Call(Callee::Local(self.distance(place, slot, target)?))
            }
            Symbolic::CallName { name, number } => self.call(place, slot, name, number)?,
            Symbolic::CallKfunc(name) => {
                self.out.symbols.push(SymbolRef { slot, kind: SymbolKind::Kfunc, name });
                Op::Call(Callee::Kfunc { btf_id: 0, fd_idx: 0 })
            }
            Symbolic::Map { dst, name } => {
                self.out.symbols.push(SymbolRef { slot, kind: SymbolKind::Map, name });
                Op::LoadImm64 { dst, imm: Imm64::MapFd(0) }
            }
            Symbolic::MapValue { dst, name, off } => {
                let kind = SymbolKind::MapValue { off };
                self.out.symbols.push(SymbolRef { slot, kind, name });
                Op::LoadImm64 { dst, imm: Imm64::MapValue { fd: 0, off } }
            }
        })
    }

    /// A call by name: of a label, of a helper, or (as Linux prints it) of `name#number`.
    fn call(
        &self,
        place: Place,
        slot: usize,
        name: String,
        number: Option<u32>,
    ) -> Result<Op, AsmError> {
        if self.labels.contains_key(&name) {
            let off = self.distance(place, slot, Target::Label(name))?;
            return Ok(Op::Call(Callee::Local(off)));
        }
        match (self.helper)(&name).or(number) {
            Some(number) => Ok(Op::Call(Callee::Helper(number))),
            None => Err(place.error(AsmProblem::UnknownFunction(name))),
        }
    }

    /// The distance from the slot after `slot` to the target.
    fn distance(&self, place: Place, slot: usize, target: Target) -> Result<i32, AsmError> {
        let distance = match target {
            Target::Distance(distance) => distance,
            Target::Label(name) => match self.labels.get(&name) {
                Some(&to) => to as i128 - slot as i128 - 1,
                None => return Err(place.error(AsmProblem::UnknownLabel(name))),
            },
        };
        let (min, max) = (i32::MIN.into(), i32::MAX.into());
        i32::try_from(distance).map_err(|_| {
            place.error(AsmProblem::Range { what: "distance", min, max, found: distance })
        })
    }

    fn short_distance(&self, place: Place, slot: usize, to: Target) -> Result<i16, AsmError> {
        let distance = self.distance(place, slot, to)?;
        i16::try_from(distance).map_err(|_| place.error(AsmProblem::TooFar(distance)))
    }
}

#[cfg(test)]
mod tests;
