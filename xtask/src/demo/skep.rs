//! The `skep` command, as a user would call it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;

/// The release build of the command.
pub(super) struct Skep {
    binary: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    User,
    Linux,
}

/// What a run over packets came to.
pub(super) struct Run {
    verdicts: BTreeMap<String, u64>,
    maps: Vec<(String, Vec<Element>)>,
    time_ms: f64,
}

/// Key and value of a map's element.
pub(super) struct Element {
    key: String,
    values: Vec<u64>,
}

/// What the command said when it failed.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Words {
    pub(super) text: String,
}

impl Skep {
    /// Finds the build beside this program's own.
    pub(super) fn built(root: &Path) -> Result<Skep> {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let binary = root.join(target).join("release").join("skep");
        ensure!(binary.exists(), "{} is not built: call `make demo`", binary.display());
        Ok(Skep { binary })
    }

    /// The instructions alone, without headings.
    pub(super) fn disasm(&self, object: &Path) -> Result<Vec<String>> {
        let output = self.call(["disasm".as_ref(), object.as_os_str()])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_insn = |line: &&str| line.starts_with(' ') && line.contains(":\t");
        Ok(text.lines().filter(is_insn).map(String::from).collect())
    }

    /// `skep run`: verdicts, maps and time, or why not.
    pub(super) fn run(&self, kernel: Kernel, object: &Path, pcap: &Path) -> Result<Run, Words> {
        let object = object.as_os_str();
        let output = self.call([
            "--kernel".as_ref(),
            OsStr::new(kernel.word()),
            "--json".as_ref(),
            "run".as_ref(),
            object,
            "--pcap".as_ref(),
            pcap.as_os_str(),
        ]);
        let output = output.map_err(|error| Words { text: format!("{error:#}") })?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Words { text });
        }
        Run::from_json(&output.stdout).map_err(|error| Words { text: format!("{error:#}") })
    }

    /// `skep run` as it prints; elements that are still zero are left out.
    pub(super) fn run_in_words(&self, object: &Path, pcap: &Path) -> Result<Vec<String>> {
        let words = ["run".as_ref(), object.as_os_str(), "--pcap".as_ref(), pcap.as_os_str()];
        let output = self.call(words)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_zero = |line: &str| line.rsplit("value: ").next().is_some_and(is_zero_bytes);
        let (zero, shown): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| is_zero(line));
        let mut shown: Vec<String> = shown.into_iter().map(String::from).collect();
        if let (false, Some(last)) = (zero.is_empty(), shown.last_mut()) {
            *last = format!("{last}, {} of them zero and not shown here", zero.len());
        }
        Ok(shown)
    }

    /// A command on Linux that must succeed; its plain output.
    pub(super) fn on_linux(&self, netns: Option<&str>, words: &[&str]) -> Result<String> {
        let mut command = match netns {
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(&self.binary);
                command
            }
            None => Command::new(&self.binary),
        };
        let output = command.args(["--kernel", "linux"]).args(words).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "skep {}: {}", words.join(" "), said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn call<'a>(&self, words: impl IntoIterator<Item = &'a OsStr>) -> Result<Output> {
        let mut command = Command::new(&self.binary);
        let output = command.args(words).env("NO_COLOR", "1").output();
        output.with_context(|| format!("cannot start {}", self.binary.display()))
    }
}

impl Kernel {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Kernel::User => "user",
            Kernel::Linux => "linux",
        }
    }
}

impl Run {
    pub(super) fn from_json(json: &[u8]) -> Result<Run> {
        let report: Value = serde_json::from_slice(json).context("`skep run --json`")?;
        let missing = |what: &str| anyhow!("`skep run --json` has no {what}");
        let verdicts = report["verdicts"].as_object().ok_or_else(|| missing("verdicts"))?;
        let time_ns = report["time_ns"].as_f64().ok_or_else(|| missing("time_ns"))?;
        let maps = report["maps"].as_array().ok_or_else(|| missing("maps"))?;
        let map = |map: &Value| {
            let name = map["name"].as_str().ok_or_else(|| missing("name of a map"))?;
            let elements = map["elements"].as_array().ok_or_else(|| missing("elements"))?;
            Ok((name.to_owned(), elements.iter().map(Element::from_json).collect()))
        };
        Ok(Run {
            verdicts: verdicts
                .iter()
                .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)))
                .collect(),
            maps: maps.iter().map(map).collect::<Result<_>>()?,
            time_ms: time_ns / 1e6,
        })
    }

    /// How often which verdict was given.
    pub(super) fn verdicts(&self) -> String {
        let one = |(name, count): (&String, &u64)| format!("{count} {name}");
        self.verdicts.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The elements of a map that count something: the values alone, or key by key.
    pub(super) fn counts(&self, name: &str, is_per_cpu: bool) -> String {
        let Some((_, elements)) = self.maps.iter().find(|(map, _)| map == name) else {
            return format!("no map {name}");
        };
        if is_per_cpu {
            // Which CPU it was is chance; how many packets there were is not.
            let sum: u64 = elements.iter().flat_map(|element| &element.values).sum();
            return format!("{name}: {sum}");
        }
        let is_used = |element: &&Element| element.values.iter().any(|&value| value != 0);
        let mut used: Vec<String> = elements.iter().filter(is_used).map(Element::show).collect();
        used.sort();
        format!("{name}: {}", used.join(", "))
    }

    pub(super) fn in_one_line(&self) -> String {
        let maps: Vec<String> = self
            .maps
            .iter()
            .map(|(name, elements)| {
                let values: Vec<String> = elements.iter().map(Element::values).collect();
                format!("{name} [{}]", values.join(", "))
            })
            .collect();
        format!("{}; {}; {:.3} ms", self.verdicts(), maps.join("; "), self.time_ms)
    }
}

impl Element {
    /// By its types if it has any, else as little-endian numbers.
    fn from_json(element: &Value) -> Element {
        let typed = element.get("formatted").unwrap_or(element);
        Element {
            key: numbers(&typed["key"]).iter().map(u64::to_string).collect::<Vec<_>>().join("."),
            values: numbers(&typed["value"]),
        }
    }

    fn values(&self) -> String {
        self.values.iter().map(u64::to_string).collect::<Vec<_>>().join("/")
    }

    fn show(&self) -> String {
        format!("[{}] {}", self.key, self.values())
    }
}

/// The numbers in a value, in order.
fn numbers(value: &Value) -> Vec<u64> {
    match value {
        Value::Number(number) => number.as_u64().into_iter().collect(),
        Value::Object(members) => members.values().flat_map(numbers).collect(),
        Value::Array(items) => match items.iter().map(byte).collect::<Option<Vec<u8>>>() {
            // Structures of 64-bit counters, and whatever is shorter.
            Some(bytes) => bytes.chunks(8).map(little_endian).collect(),
            None => items.iter().flat_map(numbers).collect(),
        },
        _ => Vec::new(),
    }
}

/// `"0x1f"`: bytes are printed so where there are no types.
fn byte(value: &Value) -> Option<u8> {
    u8::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn is_zero_bytes(text: &str) -> bool {
    text.split_whitespace().all(|byte| byte == "00") && !text.trim().is_empty()
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Words {
    /// Whether Linux was not asked at all, for want of permission.
    pub(super) fn is_no_permission(&self) -> bool {
        ["EPERM", "EACCES: no", "not permitted", "may not"]
            .iter()
            .any(|part| self.text.contains(part))
            && !self.is_rejection()
    }

    pub(super) fn is_rejection(&self) -> bool {
        self.text.contains("was rejected by")
    }

    /// The first line, without what every message of the command begins with.
    pub(super) fn line(&self) -> &str {
        let line = self.text.lines().next().unwrap_or_default();
        line.trim_start_matches("skep: ").trim_start_matches("error: ")
    }
}

#[cfg(test)]
mod tests {
    use super::Run;

    #[test]
    fn runs_are_read_with_and_without_types() {
        let json = br#"{"verdicts":{"XDP_PASS":3},"time_ns":1500000,"maps":[
            {"name":"bytes","elements":[{"key":["0x01","0x00"],"value":["0x02","0x01"]}]},
            {"name":"pair","elements":[{"key":["0x01"],"value":
                ["0x02","0x00","0x00","0x00","0x00","0x00","0x00","0x00","0x03"]}]},
            {"name":"typed","elements":[{"key":[],"value":[],"formatted":{"key":7,"value":{"a":1,"b":2}}},
                                        {"key":[],"value":[],"formatted":{"key":8,"value":{"a":0,"b":0}}}]}]}"#;
        let run = Run::from_json(json).expect("a report");
        assert_eq!(run.verdicts(), "3 XDP_PASS");
        assert_eq!(run.counts("bytes", false), "bytes: [1] 258");
        assert_eq!(run.counts("pair", false), "pair: [1] 2/3");
        assert_eq!(run.counts("typed", false), "typed: [7] 1/2");
        assert_eq!(run.counts("typed", true), "typed: 3");
        assert_eq!(
            run.in_one_line(),
            "3 XDP_PASS; bytes [258]; pair [2/3]; typed [1/2, 0/0]; 1.500 ms"
        );
        assert!(Run::from_json(b"{}").is_err());
    }
}
