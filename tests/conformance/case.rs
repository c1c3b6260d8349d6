//! The data files: lines to cases and back.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A line of a data file.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// File name and line number, for messages.
    pub(crate) place: String,
    /// The instructions, one a line.
    pub(crate) body: String,
    /// The functions that they call.
    pub(crate) functions: String,
    pub(crate) before: State,
    pub(crate) packet: Option<Vec<u8>>,
    pub(crate) after: After,
    /// Why Linux cannot run this.
    pub(crate) not_on_linux: Option<String>,
    /// The columns as they stand in the file.
    columns: [String; 4],
}

/// What a case can see and change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) regs: [u64; 10],
    /// The stack words at -8, -16, -24 and -32.
    pub(crate) words: [u64; 4],
}

/// What is to come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The body ran to its end.
    State(State),
    /// The program ended in the body, with this r0.
    Ends(u64),
    /// The slots are no instruction.
    Refused,
    /// The verifier does not let it run.
    Rejected,
    /// Nothing is written down yet.
    Unknown,
}

impl Default for State {
    fn default() -> State {
        let regs = std::array::from_fn(|number| 0x1111_1111_1111_1111 * number as u64);
        State { regs, words: [0; 4] }
    }
}

impl Case {
    /// Whether r1 to r5 are lost in it.
    pub(crate) fn loses_arguments(&self) -> bool {
        self.body.contains("call") || self.packet.is_some()
    }

    /// The line with another third column.
    pub(crate) fn with_after(&self, after: &After) -> String {
        let [body, before, _, remarks] = &self.columns;
        let after = match after {
            After::State(state) => state.difference(&self.expected_base()),
            After::Ends(r0) => format!("ends={}", number(*r0)),
            After::Refused => "refused".to_owned(),
            After::Rejected => "rejected".to_owned(),
            After::Unknown => String::new(),
        };
        format!("{body} | {before} | {after} | {remarks}").trim_end_matches([' ', '|']).to_owned()
    }

    /// The state that the third column is told against.
    fn expected_base(&self) -> State {
        let mut base = self.before;
        if self.loses_arguments() {
            base.regs[1..=5].fill(0);
        }
        if self.packet.is_some() {
            base.regs[6] = 0;
        }
        base
    }
}

/// The data files of a folder in the order of their names.
pub(crate) fn data_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the data files can be read");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "data"))
        .collect();
    files.sort();
    files
}

/// A file's lines: text that is no case stays as it is.
pub(crate) fn read(path: &Path) -> Vec<Result<Case, String>> {
    let text = fs::read_to_string(path).expect("a data file can be read");
    let file = path.file_name().expect("a data file has a name").to_string_lossy().into_owned();
    text.lines()
        .enumerate()
        .map(|(index, line)| {
            if line.trim().is_empty() || line.starts_with('#') {
                return Err(line.to_owned());
            }
            let place = format!("{file}:{}", index + 1);
            let case = parse(&place, line);
            Ok(case.unwrap_or_else(|error| panic!("{place}: {error}: {line}")))
        })
        .collect()
}

fn parse(place: &str, line: &str) -> Result<Case, String> {
    let columns_text = columns(line);
    let [instructions, before, after, remarks] = &columns_text;
    let (body, functions) = instructions.split_once(" where ").unwrap_or((instructions, ""));
    let lines = |text: &str| text.replace(';', "\n");
    let not_on_linux = match remarks.strip_prefix("linux: no (") {
        Some(reason) => Some(reason.trim_end_matches(')').to_owned()),
        None if remarks.is_empty() => None,
        None => return Err(format!("unknown remark `{remarks}`")),
    };
    let mut case = Case {
        place: place.to_owned(),
        body: lines(body),
        functions: lines(functions),
        before: State::default(),
        packet: None,
        after: After::Unknown,
        not_on_linux,
        columns: columns_text.clone(),
    };
    for setting in before.split_whitespace() {
        match setting.strip_prefix("packet=") {
            Some(hex) => case.packet = Some(parse_hex(hex)?),
            None => case.before.set(setting)?,
        }
    }
    case.after = parse_after(after, case.expected_base())?;
    Ok(case)
}

/// Splits at the bars that are no part of an `|=`.
fn columns(line: &str) -> [String; 4] {
    let mut columns: [String; 4] = Default::default();
    let mut index = 0;
    for (number, piece) in line.split(" |").enumerate() {
        if piece.starts_with('=') {
            columns[index].push_str(" |");
        } else if number > 0 {
            index = (index + 1).min(3);
        }
        columns[index].push_str(piece);
    }
    columns.map(|column| column.trim().to_owned())
}

fn parse_after(text: &str, base: State) -> Result<After, String> {
    Ok(match text {
        "" => After::Unknown,
        "refused" => After::Refused,
        "rejected" => After::Rejected,
        _ => {
            if let Some(r0) = text.strip_prefix("ends=") {
                return Ok(After::Ends(parse_number(r0)?));
            }
            let mut state = base;
            for setting in text.split_whitespace().filter(|setting| *setting != "-") {
                state.set(setting)?;
            }
            After::State(state)
        }
    })
}

impl State {
    /// `r1=5` or `[-8]=5`.
    fn set(&mut self, setting: &str) -> Result<(), String> {
        let unknown = || format!("expected rN=NUMBER or [-8]=NUMBER, found `{setting}`");
        let (place, value) = setting.split_once('=').ok_or_else(unknown)?;
        let value = parse_number(value)?;
        let register = place.strip_prefix('r').and_then(|number| number.parse::<usize>().ok());
        let word = ["[-8]", "[-16]", "[-24]", "[-32]"].iter().position(|word| *word == place);
        let place = match (register, word) {
            (Some(register), _) => self.regs.get_mut(register),
            (_, Some(word)) => self.words.get_mut(word),
            _ => None,
        };
        *place.ok_or_else(unknown)? = value;
        Ok(())
    }

    /// What differs from `base`, in the words of a data file; `-` if nothing does.
    pub(crate) fn difference(&self, base: &State) -> String {
        let regs = self.regs.iter().zip(&base.regs).enumerate();
        let regs = regs.map(|(index, pair)| (format!("r{index}"), pair));
        let words = self.words.iter().zip(&base.words).enumerate();
        let words = words.map(|(index, pair)| (format!("[-{}]", 8 * (index + 1)), pair));
        let changed: Vec<String> = regs
            .chain(words)
            .filter(|(_, (here, there))| here != there)
            .map(|(place, (here, _))| format!("{place}={}", number(*here)))
            .collect();
        if changed.is_empty() { "-".to_owned() } else { changed.join(" ") }
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            After::State(state) => f.write_str(&state.difference(&State::default())),
            After::Ends(r0) => write!(f, "ends={}", number(*r0)),
            After::Refused => f.write_str("refused"),
            After::Rejected => f.write_str("rejected"),
            After::Unknown => f.write_str("nothing"),
        }
    }
}

/// Small numbers in decimal, others in hexadecimal.
fn number(value: u64) -> String {
    let signed = value as i64;
    if (-9999..=9999).contains(&signed) { signed.to_string() } else { format!("{value:#x}") }
}

fn parse_number(text: &str) -> Result<u64, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let magnitude = magnitude.map_err(|_| format!("expected a number, found `{text}`"))?;
    Ok(if negative { magnitude.wrapping_neg() } else { magnitude })
}

fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?);
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.ok_or_else(|| format!("expected hexadecimal bytes, found `{text}`"))
}
