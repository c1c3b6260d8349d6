//! A verifier's log, read: what it says, and about which instruction.

use skep_uapi::Errno;

/// A program that the verifier rejected, with the log that tells the way there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("program {program} was rejected: {} ({errno})", self.cause())]
pub struct Rejection {
    /// Name of the program.
    pub program: String,
    /// What bpf(2) returned.
    pub errno: Errno,
    /// The whole log.
    pub log: String,
}

impl Rejection {
    /// The verifier's own sentence: the last line that is neither an instruction, nor a state, nor
    /// a source line, nor the statistics.
    pub fn cause(&self) -> &str {
        let said = |line: &&str| {
            !(line.is_empty()
                || line.starts_with("processed ")
                || line.starts_with("verification time")
                || line.starts_with("stack depth")
                || line.starts_with("from ")
                || line.starts_with(';')
                || numbered(line).is_some())
        };
        self.log.lines().rev().find(said).unwrap_or("the log is empty")
    }

    /// The slot of the instruction that broke the rule: the last one in the log.
    pub fn insn(&self) -> Option<usize> {
        self.log.lines().rev().find_map(|line| {
            let (insn, rest) = numbered(line)?;
            rest.starts_with('(').then_some(insn)
        })
    }

    /// The text of that instruction, as the log prints it: `(79) r1 = *(u64 *)(r0 +0)`.
    pub fn insn_text(&self) -> Option<&str> {
        self.log.lines().rev().find_map(|line| {
            let (_, rest) = numbered(line)?;
            let text = rest.split(" ; ").next().unwrap_or(rest).trim_end();
            rest.starts_with('(').then_some(text)
        })
    }
}

/// The text in a buffer that a zero byte ends.
pub(crate) fn text(buffer: &[u8]) -> String {
    let end = buffer.iter().position(|byte| *byte == 0).unwrap_or(buffer.len());
    String::from_utf8_lossy(&buffer[..end]).into_owned()
}

/// Splits `12: rest`.
fn numbered(line: &str) -> Option<(usize, &str)> {
    let (number, rest) = line.split_once(": ")?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_and_insn_of_logs() {
        let check = |log: &str, cause: &str, insn: Option<usize>, text: Option<&str>| {
            let log = log.to_owned();
            let rejection = Rejection { program: "p".into(), errno: Errno::EACCES, log };
            assert_eq!(
                (rejection.cause(), rejection.insn(), rejection.insn_text()),
                (cause, insn, text)
            );
        };
        check(
            "0: R1=ctx() R10=fp0\n\
             ; *val += 1; @ a.c:9\n\
             7: (79) r1 = *(u64 *)(r0 +0)          ; R0=map_value_or_null(id=1)\n\
             R0 invalid mem access 'map_value_or_null'\n\
             processed 8 insns (limit 1000000) max_states_per_insn 0\n",
            "R0 invalid mem access 'map_value_or_null'",
            Some(7),
            Some("(79) r1 = *(u64 *)(r0 +0)"),
        );
        check("unknown opcode 8f\n", "unknown opcode 8f", None, None);
        check("", "the log is empty", None, None);
        check(
            "from 3 to 5: R0=0\n5: (95) exit\nR0 !read_ok\n",
            "R0 !read_ok",
            Some(5),
            Some("(95) exit"),
        );
    }
}
