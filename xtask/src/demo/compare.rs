//! One table: what two kernels make of the same bytes and the same packets.

use anyhow::Result;

use super::skep::{Kernel, Run, Words};
use super::{Stage, heading};

/// A program, its map, and whether the map's keys are CPUs.
const CASES: &[(&str, &str, bool)] = &[
    ("xdp-simple", "my_map", true),
    ("xdp-counter", "my_map", true),
    ("xdp-parser", "by_protocol", false),
    ("icmp-only", "bytes_by_protocol", false),
    ("no-null-check", "", false),
];

/// What the table came to.
pub(super) struct Comparison {
    pub(super) do_agree: bool,
    /// Why Linux could not be asked, if so.
    pub(super) not_asked: Option<String>,
}

/// Prints the table.
pub(super) fn show(stage: &Stage) -> Result<Comparison> {
    heading('c', "the same bytes on both kernels, over the same 200 packets");
    println!("  {:<34} {:<14} {:<30} Linux", "", "", "user-space kernel");
    let mut do_agree = true;
    let mut not_asked = None;
    for &(name, map, is_per_cpu) in CASES {
        let object = stage.objects.path(name);
        let bytes = std::fs::read(&object)?;
        let mut title = format!("{name} (checksum {:08x})", checksum(&bytes));
        let user = stage.skep.run(Kernel::User, &object, &stage.pings);
        let linux = stage.skep.run(Kernel::Linux, &object, &stage.pings);
        if let Err(words) = &linux
            && words.is_no_permission()
        {
            not_asked.get_or_insert_with(|| words.line().to_owned());
        }
        for (what, user, linux) in rows(&user, &linux, map, is_per_cpu) {
            let is_same = not_asked.is_some() || user == linux;
            let linux = if not_asked.is_some() { "-" } else { &linux };
            println!("  {title:<34} {what:<14} {user:<30} {linux}{}", mark(is_same));
            title.clear();
            do_agree &= is_same;
        }
    }
    match &not_asked {
        Some(reason) => println!("  Linux was not asked: {reason}"),
        None if do_agree => println!("  no difference"),
        None => println!("  THE KERNELS DIFFER"),
    }
    Ok(Comparison { do_agree, not_asked })
}

type Outcome = Result<Run, Words>;

/// What is compared of a case, in words.
fn rows(user: &Outcome, linux: &Outcome, map: &str, is_per_cpu: bool) -> Vec<Row> {
    let mut rows = vec![("verdict", verdict(user), verdict(linux))];
    if user.is_ok() || linux.is_ok() {
        let of = |outcome: &Outcome, what: &dyn Fn(&Run) -> String| match outcome {
            Ok(run) => what(run),
            Err(_) => "-".to_owned(),
        };
        let counts = |run: &Run| run.counts(map, is_per_cpu);
        rows.push(("return values", of(user, &Run::verdicts), of(linux, &Run::verdicts)));
        rows.push(("counts", of(user, &counts), of(linux, &counts)));
    }
    rows
}

type Row = (&'static str, String, String);

fn verdict(outcome: &Outcome) -> String {
    match outcome {
        Ok(_) => "accepted".to_owned(),
        Err(words) if words.is_rejection() => "rejected".to_owned(),
        Err(words) => words.line().to_owned(),
    }
}

fn mark(is_same: bool) -> &'static str {
    if is_same { "" } else { "   <-- differs" }
}

/// FNV-1a: enough to see that both columns ran the same file.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Run, Words, rows};

    #[test]
    fn a_rejection_beside_a_run_differs() {
        let refused = || Err(Words { text: "error: no\n = note: was rejected by Linux".into() });
        let broken = Err(Words { text: "skep: no such file".into() });
        let run = Run::from_json(br#"{"verdicts":{"XDP_PASS":3},"time_ns":1,"maps":[]}"#);
        let run = Ok(run.expect("a report"));
        let differ = |user: &Outcome, linux: &Outcome| {
            rows(user, linux, "m", true)
                .into_iter()
                .filter(|(_, user, linux)| user != linux)
                .count()
        };
        assert_eq!(differ(&run, &run), 0);
        assert_eq!(differ(&run, &refused()), 3);
        assert_eq!(differ(&refused(), &refused()), 0);
        assert_eq!(differ(&refused(), &broken), 1);
    }

    #[test]
    fn checksums_are_fnv_1a() {
        assert_eq!(super::checksum(b""), 0x811c_9dc5);
        assert_eq!(super::checksum(b"a"), 0xe40c_292c);
    }
}
