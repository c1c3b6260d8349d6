//! `func_info` and `line_info` of a program: checked as Linux checks them, and read for the log.

use std::collections::BTreeSet;

use skep_btf::{Btf, Data, FuncInfo, LineInfo};
use skep_isa::Insn;
use skep_uapi::{Errno, ProgLoad};
use skep_verifier::Line;

use crate::UserKernel;
use crate::load::Problem;
use crate::prog::{DebugInfo, FUNC_INFO_BYTES, LINE_INFO_BYTES};

/// A program's source, as far as the compiler told.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) info: DebugInfo,
    pub(crate) lines: Vec<Line>,
    pub(crate) functions: Vec<(u32, String)>,
}

/// The largest record that Linux takes (`MAX_FUNCINFO_REC_SIZE`, `MAX_LINEINFO_REC_SIZE`).
const RECORD_MAX: u32 = 252;

/// Reads both tables of a program. Without either, the BTF of the program is not looked at.
pub(crate) fn read(
    kernel: &UserKernel,
    load: &ProgLoad<'_>,
    insns: &[Insn],
) -> Result<Source, Problem> {
    let mut source = Source::default();
    if load.func_info.is_empty() && load.line_info.is_empty() {
        return Ok(source);
    }
    let fd = load.prog_btf_fd.ok_or_else(|| Problem::new(Errno::EINVAL, ""))?;
    let btf = kernel.fds.btf(fd).map_err(|errno| Problem::new(errno, ""))?;
    let starts = starts_of_functions(insns);
    let funcs = records(&FUNC_INFO, load.func_info, load.func_info_rec_size)?;
    source.functions = functions(&btf.btf, &funcs, &starts)?;
    let lines = records(&LINE_INFO, load.line_info, load.line_info_rec_size)?;
    source.lines = read_lines(&btf.btf, &lines, insns.len())?;
    check_lines_of_functions(&source.lines, &starts)?;
    source.info = DebugInfo { btf: Some(btf), func_info: funcs, line_info: lines };
    Ok(source)
}

/// A kind of record: bytes that this kernel knows, and Linux's words for what is wrong.
struct Kind {
    bytes: usize,
    size: &'static str,
    tail: &'static str,
}

const FUNC_INFO: Kind = Kind {
    bytes: FUNC_INFO_BYTES,
    size: "invalid func info rec size ",
    tail: "nonzero tailing record in func info",
};
const LINE_INFO: Kind =
    Kind { bytes: LINE_INFO_BYTES, size: "", tail: "nonzero tailing record in line_info" };

/// The part of each record that this kernel knows; what is beyond must be zero.
fn records(kind: &Kind, bytes: &[u8], size: u32) -> Result<Vec<u8>, Problem> {
    let known = kind.bytes;
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if size < known as u32 || size > RECORD_MAX || !size.is_multiple_of(4) {
        let message = match kind.size {
            "" => String::new(),
            words => format!("{words}{size}"),
        };
        return Err(Problem::new(Errno::EINVAL, message));
    }
    let mut kept = Vec::with_capacity(bytes.len());
    for record in bytes.chunks_exact(size as usize) {
        let (head, tail) = record.split_at(known);
        if tail.iter().any(|b| *b != 0) {
            return Err(Problem::new(Errno::E2BIG, kind.tail));
        }
        kept.extend_from_slice(head);
    }
    Ok(kept)
}

/// The first slots of the main program and of every function that is called or whose address is
/// taken.
fn starts_of_functions(insns: &[Insn]) -> BTreeSet<u32> {
    const CALL: u8 = 0x85;
    const PSEUDO_CALL: u8 = 1;
    const PSEUDO_FUNC: u8 = 4;
    let target = |(at, insn): (usize, &Insn)| {
        let refers = (insn.opcode == CALL && insn.src == PSEUDO_CALL)
            || (insn.is_wide() && insn.src == PSEUDO_FUNC);
        refers.then(|| u32::try_from(at as i64 + 1 + i64::from(insn.imm)).ok())?
    };
    insns.iter().enumerate().filter_map(target).chain([0]).collect()
}

/// Every function has a line where it begins, if there are lines.
fn check_lines_of_functions(lines: &[Line], starts: &BTreeSet<u32>) -> Result<(), Problem> {
    if lines.is_empty() {
        return Ok(());
    }
    for (number, start) in starts.iter().enumerate() {
        if lines.binary_search_by_key(start, |line| line.insn).is_err() {
            let message = format!("missing bpf_line_info for func#{number}");
            return Err(Problem::new(Errno::EINVAL, message));
        }
    }
    Ok(())
}

/// Names of functions by their first slot: the first is at 0, the others follow.
fn functions(
    btf: &Btf,
    records: &[u8],
    starts: &BTreeSet<u32>,
) -> Result<Vec<(u32, String)>, Problem> {
    let count = records.len() / FUNC_INFO_BYTES;
    if count > 0 && count != starts.len() {
        let message = "number of funcs in func_info doesn't match number of subprogs";
        return Err(Problem::new(Errno::EINVAL, message));
    }
    let mut functions: Vec<(u32, String)> = Vec::new();
    for record in records.as_chunks::<FUNC_INFO_BYTES>().0 {
        let FuncInfo { insn, type_id } =
            FuncInfo { insn: word(record, 0), type_id: word(record, 4) };
        let message = match functions.last() {
            None if insn != 0 => {
                format!("nonzero insn_off {insn} for the first func info record")
            }
            Some((before, _)) if insn <= *before => format!(
                "same or smaller insn offset ({insn}) than previous func info record ({before})"
            ),
            _ => match btf.ty(type_id).map(|ty| &ty.data) {
                Some(Data::Func(_)) => {
                    functions.push((insn, btf.name(type_id).to_owned()));
                    continue;
                }
                _ => format!("invalid type id {type_id} in func info"),
            },
        };
        return Err(Problem::new(Errno::EINVAL, message));
    }
    if !functions.iter().map(|(start, _)| start).eq(starts) && !functions.is_empty() {
        let message = "func_info BTF section doesn't match subprog layout in BPF program";
        return Err(Problem::new(Errno::EINVAL, message));
    }
    Ok(functions)
}

fn read_lines(btf: &Btf, records: &[u8], slots: usize) -> Result<Vec<Line>, Problem> {
    let mut lines: Vec<Line> = Vec::new();
    for (i, record) in records.as_chunks::<LINE_INFO_BYTES>().0.iter().enumerate() {
        let info = LineInfo {
            insn: word(record, 0),
            file_name_off: word(record, 4),
            line_off: word(record, 8),
            line_col: word(record, 12),
        };
        let before = lines.last().map(|line| line.insn);
        let out_of_order = before.is_some_and(|before| info.insn <= before);
        if out_of_order || info.insn as usize >= slots {
            let (insn, before) = (info.insn, before.unwrap_or(0));
            let message = format!(
                "Invalid line_info[{i}].insn_off:{insn} (prev_offset:{before} prog->len:{slots})"
            );
            return Err(Problem::new(Errno::EINVAL, message));
        }
        let strings = btf.strings().len();
        if info.line_off as usize >= strings || info.file_name_off as usize >= strings {
            let message = format!("Invalid line_info[{i}].line_off or .file_name_off");
            return Err(Problem::new(Errno::EINVAL, message));
        }
        lines.push(Line {
            insn: info.insn,
            file: btf.string(info.file_name_off).to_owned(),
            line: info.line(),
            column: info.column(),
            text: btf.string(info.line_off).to_owned(),
        });
    }
    Ok(lines)
}

fn word(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(record[at..at + 4].try_into().expect("four bytes"))
}
