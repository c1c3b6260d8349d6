//! What programs decided about packets, and how often.

use std::fmt::Write as _;

use skep_uapi::XdpAction;

/// Characters of the longest bar.
const BAR: u64 = 40;

/// A line for each verdict, with a bar as long as it is frequent.
pub(crate) fn histogram(verdicts: &[(String, u64)]) -> String {
    let most = verdicts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let width = verdicts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, count) in verdicts {
        let bar = (0..(count * BAR).div_ceil(most)).map(|_| '#').collect::<String>();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:width$} {count:>10}  {bar}");
    }
    text
}

/// The name of an XDP program's verdict.
pub(crate) fn xdp(verdict: u32) -> String {
    match XdpAction(verdict).name() {
        Some(name) => name.to_owned(),
        None => format!("{verdict} (no XDP action: aborted)"),
    }
}
