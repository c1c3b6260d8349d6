//! What is printed.

use serde_json::{Value, json};

use crate::measure::{Comparison, MAX_NS, MAX_RATIO, ROUNDS};

/// A table for people.
pub fn table(results: &[Comparison]) -> String {
    let mut text = format!(
        "ns an instruction, thread CPU time, median of {ROUNDS}\n{:<32} {:>9} {:>6} {:>6} {:>6}\n",
        "", "insns", "skep", "rbpf", "ratio"
    );
    for result in results {
        let verdict = match (result.bounded, result.within_bounds()) {
            (true, true) => "ok".to_owned(),
            (true, false) => format!("missed: at most {MAX_NS} ns and {MAX_RATIO} of rbpf"),
            (false, _) => "no bound".to_owned(),
        };
        let Comparison { name, insns, skep_ns, rbpf_ns, .. } = result;
        let ratio = result.ratio();
        text += &format!(
            "{name:<32} {insns:>9} {skep_ns:>6.2} {rbpf_ns:>6.2} {ratio:>6.2}  {verdict}\n"
        );
    }
    text
}

/// The same for programs.
pub fn json(results: &[Comparison]) -> Value {
    let rows = results.iter().map(|result| {
        json!({
            "name": result.name,
            "insns": result.insns,
            "skep_ns": result.skep_ns,
            "rbpf_ns": result.rbpf_ns,
            "ratio": result.ratio(),
            "bounded": result.bounded,
            "within_bounds": result.within_bounds(),
        })
    });
    json!({
        "rounds": ROUNDS,
        "max_ns": MAX_NS,
        "max_ratio": MAX_RATIO,
        "programs": rows.collect::<Vec<_>>(),
    })
}
