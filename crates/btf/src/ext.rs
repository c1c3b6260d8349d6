//! `.BTF.ext`: where functions and source lines begin, and what depends on the kernel's types.

use crate::parse::Reader;
use crate::{Btf, Error, FuncInfo, LineInfo};

/// Name of the section, for messages.
const SECTION: &str = ".BTF.ext";
/// Bytes of an instruction slot.
const INSN_BYTES: u32 = 8;
/// Bytes of the header of objects without CO-RE relocations, and with them.
const HEADER_BYTES: u32 = 24;
const CORE_HEADER_BYTES: u32 = 32;

/// A parsed `.BTF.ext` section: records by program section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ext {
    /// Where functions begin.
    pub func_info: Vec<Section<FuncInfo>>,
    /// Where source lines begin.
    pub line_info: Vec<Section<LineInfo>>,
    /// Instructions that depend on the running kernel's types.
    pub core_relos: Vec<Section<CoreRelo>>,
}

/// The records of one program section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<T> {
    /// Name of the program section.
    pub name: String,
    /// Its records; slots count from the start of that section.
    pub records: Vec<T>,
}

/// An instruction that depends on the running kernel's types (`bpf_core_relo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CoreRelo {
    /// Slot.
    pub insn: u32,
    /// Root type of the access.
    pub type_id: u32,
    /// Offset of the access path (`0:1:2`) in the string section.
    pub access_str_off: u32,
    /// What is asked (`bpf_core_relo_kind`).
    pub kind: u32,
}

impl Ext {
    /// Parses a `.BTF.ext` section of either byte order; `btf` has its strings.
    pub fn parse(bytes: &[u8], btf: &Btf) -> Result<Ext, Error> {
        let mut header = Reader::open(SECTION, bytes)?;
        let header_len = header.u32("header length")?;
        if header_len < HEADER_BYTES {
            let expected = "at least 24";
            return Err(Error::Header {
                section: SECTION,
                field: "hdr_len",
                found: header_len,
                expected,
            });
        }
        let mut part = |what| -> Result<Reader<'_>, Error> {
            let offset = header.u32(what)?;
            let len = header.u32(what)?;
            let range = header.range(what, header_len, offset, len)?;
            Ok(Reader {
                section: SECTION,
                bytes: &bytes[..range.end],
                order: header.order,
                at: range.start,
            })
        };
        let mut func_info = part("func_info")?;
        let mut line_info = part("line_info")?;
        let core_relos =
            (header_len >= CORE_HEADER_BYTES).then(|| part("core_relo")).transpose()?;
        let mut ext = Ext {
            func_info: sections(&mut func_info, btf, |[insn, type_id]| FuncInfo { insn, type_id })?,
            line_info: sections(
                &mut line_info,
                btf,
                |[insn, file_name_off, line_off, line_col]| LineInfo {
                    insn,
                    file_name_off,
                    line_off,
                    line_col,
                },
            )?,
            core_relos: Vec::new(),
        };
        if let Some(mut core_relos) = core_relos {
            ext.core_relos =
                sections(&mut core_relos, btf, |[insn, type_id, access_str_off, kind]| CoreRelo {
                    insn,
                    type_id,
                    access_str_off,
                    kind,
                })?;
        }
        Ok(ext)
    }
}

/// Reads one kind of records: their size, then a list for each program section. Records may be
/// longer than we know; the rest of each is skipped.
fn sections<T, const WORDS: usize>(
    reader: &mut Reader<'_>,
    btf: &Btf,
    make: impl Fn([u32; WORDS]) -> T,
) -> Result<Vec<Section<T>>, Error> {
    let mut found = Vec::new();
    if reader.at == reader.bytes.len() {
        return Ok(found);
    }
    let record_len = reader.u32("record size")?;
    if (record_len as usize) < WORDS * 4 || record_len % 4 != 0 {
        return Err(Error::Header {
            section: SECTION,
            field: "record size",
            found: record_len,
            expected: "a multiple of 4 that holds the known fields",
        });
    }
    while reader.at < reader.bytes.len() {
        let name = btf.string(reader.u32("section name")?).to_owned();
        let count = reader.u32("number of records")?;
        let records = reader.list(count, record_len as usize, "records", |reader| {
            let mut words = [0; WORDS];
            for word in &mut words {
                *word = reader.u32("record")?;
            }
            reader.at += record_len as usize - WORDS * 4;
            if words[0] % INSN_BYTES != 0 {
                return Err(Error::InsnOffset { in_section: name.clone(), found: words[0] });
            }
            words[0] /= INSN_BYTES;
            Ok(make(words))
        })?;
        found.push(Section { name, records });
    }
    Ok(found)
}
