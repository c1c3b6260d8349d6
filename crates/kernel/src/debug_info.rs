//! `func_info` and `line_info` of a program: checked as Linux checks them, and read for the log.

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

/// Reads both tables; without either, the BTF of the program is not looked at.
pub(crate) fn read(
    kernel: &UserKernel,
    load: &ProgLoad<'_>,
    _slots: usize,
) -> Result<Source, Problem> {
    let mut source = Source::default();
    if load.func_info.is_empty() && load.line_info.is_empty() {
        return Ok(source);
    }
    let fd = load.prog_btf_fd.ok_or_else(|| Problem::new(Errno::EBADF, ""))?;
    let btf = kernel.fds.btf(fd).map_err(|errno| Problem::new(errno, ""))?;
    source.info.func_info = records(load.func_info, load.func_info_rec_size, FUNC_INFO_BYTES)?;
    source.info.line_info = records(load.line_info, load.line_info_rec_size, LINE_INFO_BYTES)?;
    source.info.btf = Some(btf);
    Ok(source)
}

/// The part of each record that this kernel knows; what is beyond must be zero.
fn records(bytes: &[u8], size: u32, known: usize) -> Result<Vec<u8>, Problem> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if size < known as u32 || size > RECORD_MAX || !size.is_multiple_of(4) {
        return Err(Problem::new(Errno::EINVAL, ""));
    }
    let mut kept = Vec::with_capacity(bytes.len());
    for record in bytes.chunks_exact(size as usize) {
        let (head, tail) = record.split_at(known);
        if tail.iter().any(|b| *b != 0) {
            return Err(Problem::new(Errno::E2BIG, ""));
        }
        kept.extend_from_slice(head);
    }
    Ok(kept)
}
