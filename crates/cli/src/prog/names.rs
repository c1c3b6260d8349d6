//! The names of what a loaded program's instructions refer to.

use std::collections::BTreeSet;

use skep_btf::{Btf, Data};
use skep_isa::Insn;
use skep_isa::disasm::Names;
use skep_loader::{Ksym, Prog};
use skep_uapi::{Helper, Kernel};

/// Calls of a loaded program count from this symbol of Linux.
const CALL_BASE: &str = "__bpf_call_base";
/// `BPF_JMP | BPF_CALL`, and what its source register says.
const CALL: u8 = 0x85;
const PSEUDO_CALL: u8 = 1;

/// What the instructions of one program refer to.
pub(crate) struct Referred {
    symbols: Symbols,
    /// First slot and name of each function but the first.
    functions: Vec<(usize, String)>,
}

impl Referred {
    /// Looks the names up; a program without calls needs none.
    pub(crate) fn of(prog: &Prog, slots: &[Insn], btf: Option<&Btf>) -> anyhow::Result<Referred> {
        if !slots.iter().any(|insn| insn.opcode == CALL) {
            return Ok(Referred { symbols: Symbols::default(), functions: Vec::new() });
        }
        let symbols = Symbols::read(&**prog.handle().kernel());
        let ksyms = prog.ksyms()?;
        let types = prog.func_info()?;
        let mut functions = Vec::new();
        // The kernel's lists of functions are in the order of their places.
        for (index, slot) in starts(slots).into_iter().enumerate() {
            let in_kernel = ksyms.get(index).and_then(|ksym| symbols.at(ksym.addr));
            let in_types = || {
                let ty = btf?.ty(types.get(index)?.type_id)?;
                matches!(ty.data, Data::Func(_)).then(|| btf.map(|btf| btf.string(ty.name)))?
            };
            if let Some(name) = in_kernel.or_else(in_types) {
                functions.push((slot, name.to_owned()));
            }
        }
        Ok(Referred { symbols, functions })
    }
}

impl Names for Referred {
    fn helper(&self, imm: i32) -> Option<String> {
        let symbol = self.symbols.called(imm).map(str::to_owned);
        let helper = || Helper::from_number(u32::try_from(imm).ok()?).map(|it| it.to_string());
        symbol.or_else(helper)
    }

    fn function(&self, slot: usize) -> Option<String> {
        let found = self.functions.iter().find(|(start, _)| *start == slot);
        found.map(|(_, name)| name.clone())
    }

    fn kfunc(&self, btf_id: u32, _fd_idx: i16) -> Option<String> {
        self.symbols.called(btf_id.cast_signed()).map(str::to_owned)
    }
}

/// Names and lengths of the functions of a program's machine code.
pub(crate) fn of_functions(prog: &Prog) -> anyhow::Result<Vec<(String, usize)>> {
    let symbols = Symbols::read(&**prog.handle().kernel());
    let name = |(index, ksym): (usize, Ksym)| {
        let name = symbols.at(ksym.addr).map(str::to_owned);
        (name.unwrap_or_else(|| format!("function {index}")), ksym.len as usize)
    };
    Ok(prog.ksyms()?.into_iter().enumerate().map(name).collect())
}

/// The first slots of all functions, by the calls that reach them.
fn starts(slots: &[Insn]) -> BTreeSet<usize> {
    let mut starts = BTreeSet::from([0]);
    for (at, insn) in slots.iter().enumerate() {
        if insn.opcode == CALL && insn.src == PSEUDO_CALL {
            // A loaded program has the distance in `off`, unless it is too far for that.
            let distance = if insn.off == 0 { i64::from(insn.imm) } else { i64::from(insn.off) };
            starts.extend(usize::try_from(at as i64 + 1 + distance));
        }
    }
    starts
}

/// The kernel's symbols, by address; none on a kernel that does not tell.
#[derive(Default)]
struct Symbols {
    sorted: Vec<(u64, String)>,
    base: u64,
}

impl Symbols {
    fn read(kernel: &dyn Kernel) -> Symbols {
        let text = kernel.file("/proc/kallsyms").unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let symbol = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            let name = words.nth(1)?.to_owned();
            // A reader without the right to know sees zeros.
            (address != 0).then_some((address, name))
        };
        let mut sorted: Vec<(u64, String)> = text.lines().filter_map(symbol).collect();
        sorted.sort_by_key(|(address, _)| *address);
        let base = sorted.iter().find(|(_, name)| name == CALL_BASE);
        Symbols { base: base.map_or(0, |(address, _)| *address), sorted }
    }

    fn at(&self, address: u64) -> Option<&str> {
        let first = self.sorted.partition_point(|(start, _)| *start < address);
        let found = self.sorted.get(first).filter(|(start, _)| *start == address);
        found.map(|(_, name)| name.as_str())
    }

    /// What a call with this immediate reaches.
    fn called(&self, imm: i32) -> Option<&str> {
        if self.base == 0 {
            return None;
        }
        self.at(self.base.wrapping_add_signed(imm.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use skep_isa::Insn;

    use super::{CALL, PSEUDO_CALL, starts};

    #[test]
    fn functions_start_where_calls_lead() {
        let call = |off, imm| Insn::new(CALL, 0, PSEUDO_CALL, off, imm);
        let helper = Insn::new(CALL, 0, 0, 0, 1);
        let slots = [call(3, 1), call(0, 1), helper, helper, call(-4, 0)];
        assert_eq!(starts(&slots), BTreeSet::from([0, 1, 3, 4]));
    }
}
