//! What was tried, and what came of it.

use std::collections::BTreeMap;
use std::fmt;

use skep_isa::Insn;

use super::coverage::Coverage;

pub struct Tally {
    lengths: Vec<usize>,
    coverage: Coverage,
    /// Programs that have an encoding.
    pub programs: u64,
    /// Of these, programs as they were generated, and those that both kernels accept.
    pub valid: Accepted,
    /// The others, which were changed.
    pub changed: Accepted,
    /// Accepted programs whose outcomes were compared, and those that have no one outcome.
    pub compared: u64,
    pub by_chance: u64,
    /// Programs that only one kernel refuses.
    pub only_linux: Reasons,
    pub only_user: Reasons,
    /// Programs that are refused as they were generated, by all kernels.
    pub generated: Reasons,
    pub has_linux: bool,
}

/// How many programs were refused for a reason, and the seed of the first.
type Reasons = BTreeMap<String, (u64, u64)>;

#[derive(Default)]
pub struct Accepted {
    pub programs: u64,
    pub by_user: u64,
    pub by_linux: u64,
    pub by_both: u64,
}

impl Tally {
    pub fn new(has_linux: bool) -> Tally {
        Tally {
            lengths: Vec::new(),
            coverage: Coverage::new(),
            programs: 0,
            valid: Accepted::default(),
            changed: Accepted::default(),
            compared: 0,
            by_chance: 0,
            only_linux: BTreeMap::new(),
            only_user: BTreeMap::new(),
            generated: BTreeMap::new(),
            has_linux,
        }
    }

    /// A program that somebody accepted.
    pub fn count(&mut self, slots: &[Insn]) {
        self.lengths.push(slots.len());
        self.coverage.count(slots);
    }
}

/// Reasons that are shown of each kind.
const REASONS_MAX: usize = 12;

/// Reasons that differ in numbers only are one.
pub fn without_numbers(reason: &str) -> String {
    let mut text = String::new();
    let mut in_number = false;
    for c in reason.chars() {
        let digit = c.is_ascii_digit();
        if !digit {
            text.push(c);
        } else if !in_number {
            text.push('N');
        }
        in_number = digit;
    }
    text.chars().take(100).collect()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lengths = self.lengths.clone();
        lengths.sort_unstable();
        let at =
            |part: usize| lengths.get(lengths.len().saturating_sub(1) * part / 2).unwrap_or(&0);
        let (tried, forms, missing) = self.coverage.report();
        writeln!(f, "  as generated: {}", self.valid.text(self.has_linux))?;
        writeln!(f, "  changed:      {}", self.changed.text(self.has_linux))?;
        writeln!(
            f,
            "  accepted programs have {} to {} slots, half of them at most {}; {tried} of {forms} \
             forms of instructions, without {missing:?}",
            at(0),
            at(2),
            at(1)
        )?;
        for (who, reasons) in [
            ("only the user-space kernel refuses", &self.only_user),
            ("only Linux refuses", &self.only_linux),
            ("refused as generated:", &self.generated),
        ] {
            let mut reasons: Vec<_> = reasons.iter().collect();
            reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
            for (reason, (count, seed)) in reasons.iter().take(REASONS_MAX) {
                writeln!(f, "  {who} {count}: {reason} (--seed {seed})")?;
            }
        }
        Ok(())
    }
}

impl Accepted {
    pub fn count(&mut self, user: bool, linux: Option<bool>) {
        self.programs += 1;
        self.by_user += u64::from(user);
        self.by_linux += u64::from(linux == Some(true));
        self.by_both += u64::from(user && linux == Some(true));
    }

    fn text(&self, has_linux: bool) -> String {
        let percent = |part: u64| part as f64 * 100.0 / self.programs.max(1) as f64;
        let user = percent(self.by_user);
        if !has_linux {
            return format!("{} programs, {user:.1} % accepted", self.programs);
        }
        format!(
            "{} programs, {user:.1} % accepted by the user-space kernel, {:.1} % by Linux, {:.1} % \
             by both",
            self.programs,
            percent(self.by_linux),
            percent(self.by_both)
        )
    }
}
