//! Both interpreters on the same programs: what instructions mean, that random programs come out
//! the same, and what the checked one says of bad ones.

mod any_bytes;
mod engines;
mod faults;
mod generate;
mod random;
mod semantics;
mod stepping;
mod translation;
