//! Why a text is no program, and where.

use crate::EncodeError;

/// Why a text does not assemble.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct AsmError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: AsmProblem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AsmProblem {
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What would have been right, in words.
        expected: &'static str,
        /// What is there: the text in backquotes, or the end of the line.
        found: String,
    },
    /// A number that does not fit.
    #[error("{what} is {found}, expected {min} to {max}")]
    Range {
        /// What the number is.
        what: &'static str,
        /// Smallest possible value.
        min: i128,
        /// Largest possible value.
        max: i128,
        /// The number.
        found: i128,
    },
    /// A jump to a label that is nowhere.
    #[error("no label `{0}`; labels are written `{0}:`")]
    UnknownLabel(String),
    /// A call of something unknown.
    #[error("`{0}` is neither a label nor a known helper; kernel functions are `call kfunc {0}`")]
    UnknownFunction(String),
    /// A label that is there twice.
    #[error("label `{0}` is defined twice")]
    DuplicateLabel(String),
    /// A jump that needs the long form.
    #[error("the target is {0} slots away, expected -32768 to 32767; use gotol")]
    TooFar(i32),
    /// The instruction does not exist in this form.
    #[error(transparent)]
    Encode(EncodeError),
}

/// A position in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) fn error(self, problem: AsmProblem) -> AsmError {
        AsmError { line: self.line, column: self.column, problem }
    }
}
