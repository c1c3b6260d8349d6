//! `skep prog show`: what a kernel says about programs.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use skep_btf::{Data, Value};
use skep_loader::{Prog, ProgFacts};
use skep_uapi::NAME_BYTES;

use crate::boot_clock::BootClock;
use crate::context::Context;
use crate::select;
use crate::words::Words;

/// All programs, or those that are named.
pub(crate) fn run(context: &Context<'_>, mut words: Words) -> anyhow::Result<()> {
    let kernel = context.kernel()?;
    let is_list = words.peek().is_none();
    let progs = if is_list {
        Prog::all(kernel).collect::<Result<_, _>>()?
    } else {
        select::progs(kernel, &mut words)?
    };
    words.end()?;
    let clock = BootClock::of(&**kernel);
    let shown = progs.iter().map(|prog| Shown::of(prog, Some(&clock)));
    let shown: Vec<Shown> = shown.collect::<anyhow::Result<_>>()?;
    if !context.output.is_json() {
        return context.output.text(&shown.iter().map(Shown::plain).collect::<String>());
    }
    let mut values: Vec<Value> = shown.iter().map(Shown::json).collect();
    // As in bpftool, one program that was asked for stands alone.
    let is_one = !is_list && values.len() == 1;
    context.output.json(if is_one { values.swap_remove(0) } else { Value::Array(values) })
}

/// The line that names a program before its instructions, where there are several.
pub(crate) fn heading(prog: &Prog) -> anyhow::Result<String> {
    Ok(Shown::of(prog, None)?.first_line())
}

/// The same in JSON, as the first members of an object.
pub(crate) fn json_heading(prog: &Prog) -> anyhow::Result<Vec<(String, Value)>> {
    Ok(Shown::of(prog, None)?.json_heading())
}

/// A program as it is shown.
struct Shown {
    facts: ProgFacts,
    name: String,
    /// When it was loaded, if the kernel tells when it was started.
    loaded_at: Option<SystemTime>,
    memlock: Option<u64>,
}

impl Shown {
    fn of(prog: &Prog, clock: Option<&BootClock<'_>>) -> anyhow::Result<Shown> {
        let facts = prog.facts()?;
        let since_boot = Duration::from_nanos(facts.load_time);
        let memlock = prog.handle().fdinfo().get("memlock").and_then(|value| value.parse().ok());
        Ok(Shown {
            name: full_name(prog, &facts),
            loaded_at: clock.and_then(|clock| clock.at(since_boot)),
            memlock,
            facts,
        })
    }

    fn first_line(&self) -> String {
        let facts = &self.facts;
        let mut line = format!("{}: {}  ", facts.id, facts.prog_type);
        // Writing to a String cannot fail.
        if !self.name.is_empty() {
            let _ = write!(line, "name {}  ", self.name);
        }
        let _ = write!(line, "tag {}", tag(facts.tag));
        if facts.gpl_compatible {
            line.push_str("  gpl");
        }
        if facts.ifindex != 0 {
            let _ = write!(line, "  offloaded_to ifindex {}", facts.ifindex);
        }
        if facts.run_time_ns != 0 {
            let _ = write!(line, " run_time_ns {} run_cnt {}", facts.run_time_ns, facts.run_cnt);
        }
        if facts.recursion_misses != 0 {
            let _ = write!(line, " recursion_misses {}", facts.recursion_misses);
        }
        line.push('\n');
        line
    }

    fn plain(&self) -> String {
        let facts = &self.facts;
        let mut text = self.first_line();
        let uid = facts.created_by_uid;
        let _ = match self.loaded_at {
            Some(at) => writeln!(text, "\tloaded_at {}+0000  uid {uid}", iso8601(seconds(at))),
            None => writeln!(text, "\tuid {uid}"),
        };
        let _ = write!(text, "\txlated {}B", facts.xlated_prog_len);
        let _ = match facts.jited_prog_len {
            0 => write!(text, "  not jited"),
            bytes => write!(text, "  jited {bytes}B"),
        };
        if let Some(memlock) = self.memlock {
            let _ = write!(text, "  memlock {memlock}B");
        }
        if !facts.map_ids.is_empty() {
            let ids: Vec<String> = facts.map_ids.iter().map(u32::to_string).collect();
            let _ = write!(text, "  map_ids {}", ids.join(","));
        }
        if facts.btf_id != 0 {
            let _ = write!(text, "\n\tbtf_id {}", facts.btf_id);
        }
        text.push('\n');
        text
    }

    fn json_heading(&self) -> Vec<(String, Value)> {
        let facts = &self.facts;
        let mut members =
            vec![member("id", facts.id), member("type", facts.prog_type.to_string().as_str())];
        if !self.name.is_empty() {
            members.push(member("name", self.name.as_str()));
        }
        members.push(member("tag", tag(facts.tag).as_str()));
        members.push(member("gpl_compatible", Value::Bool(facts.gpl_compatible)));
        if facts.ifindex != 0 {
            members.push(member("ifindex", facts.ifindex));
        }
        if facts.run_time_ns != 0 {
            members.push(member("run_time_ns", facts.run_time_ns));
            members.push(member("run_cnt", facts.run_cnt));
        }
        if facts.recursion_misses != 0 {
            members.push(member("recursion_misses", facts.recursion_misses));
        }
        members
    }

    fn json(&self) -> Value {
        let facts = &self.facts;
        let mut members = self.json_heading();
        if let Some(at) = self.loaded_at {
            members.push(member("loaded_at", seconds(at)));
        }
        members.push(member("uid", facts.created_by_uid));
        members.push(member("bytes_xlated", facts.xlated_prog_len));
        members.push(member("jited", Value::Bool(facts.jited_prog_len != 0)));
        if facts.jited_prog_len != 0 {
            members.push(member("bytes_jited", facts.jited_prog_len));
        }
        if let Some(memlock) = self.memlock {
            members.push(member("bytes_memlock", memlock));
        }
        if !facts.map_ids.is_empty() {
            let ids = facts.map_ids.iter().map(|id| Value::from(*id)).collect();
            members.push(member("map_ids", Value::Array(ids)));
        }
        if facts.btf_id != 0 {
            members.push(member("btf_id", facts.btf_id));
        }
        Value::Object(members)
    }
}

fn member(name: &str, value: impl Into<Value>) -> (String, Value) {
    (name.to_owned(), value.into())
}

/// The kernel keeps 15 bytes of a name. Where that is all it has room for, the types may know
/// the rest.
fn full_name(prog: &Prog, facts: &ProgFacts) -> String {
    let name = facts.name.to_string();
    if name.len() < NAME_BYTES - 1 || facts.btf_id == 0 || facts.nr_func_info == 0 {
        return name;
    }
    let (Ok(Some(btf)), Ok(functions)) = (prog.btf(), prog.func_info()) else { return name };
    let Some(entry) = functions.first().and_then(|first| btf.ty(first.type_id)) else {
        return name;
    };
    let full = btf.string(entry.name);
    let is_longer = matches!(entry.data, Data::Func(_)) && full.starts_with(&name);
    if is_longer { full.to_owned() } else { name }
}

fn tag(tag: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(tag))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A time in UTC: `2026-01-31T23:59:59`.
fn iso8601(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the day that comes and goes is the last one; 400 of
    // them have 146,097 days, and 1970 began 719,468 days after the first March of year 0.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::iso8601;

    #[test]
    fn seconds_are_dates() {
        let check = |seconds: u64, expect: &str| assert_eq!(iso8601(seconds), expect);
        check(0, "1970-01-01T00:00:00");
        check(951_782_399, "2000-02-28T23:59:59");
        check(951_782_400, "2000-02-29T00:00:00");
        check(1_795_573_051, "2026-11-25T02:17:31");
        check(4_102_444_799, "2099-12-31T23:59:59");
        check(4_107_542_400, "2100-03-01T00:00:00");
    }
}
