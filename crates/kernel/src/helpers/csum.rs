//! Checksums.

use skep_verifier::{Arg, HelperFlags, Returns};

use super::{Helper, number, row, span_of};
use crate::prog::Run;

pub(crate) const HELPERS: &[Helper] = &[row(
    number::CSUM_DIFF,
    "csum_diff",
    &[Arg::MemReadOrNull, Arg::SizeOrZero, Arg::MemReadOrNull, Arg::SizeOrZero, Arg::Scalar],
    Returns::Scalar,
    HelperFlags::TAKES_PACKET,
    csum_diff,
)];

/// The checksum that a seed becomes when the first bytes give way to the second. A length need not
/// be a multiple of four, whatever the header says: 6.18 goes on with zeros.
fn csum_diff(_run: &mut Run<'_>, args: [u64; 5]) -> u64 {
    let (from_len, to_len) = (args[1] as u32 as usize, args[3] as u32 as usize);
    let (mut from, mut to) = (vec![0; from_len], vec![0; to_len]);
    span_of(args[0], from_len).load(&mut from);
    span_of(args[2], to_len).load(&mut to);
    let seed = u64::from(args[4] as u32);
    if to_len == 0 && from_len > 0 {
        // What is taken away from itself is plus zero here, while a difference is minus zero.
        let left = words(&from).fold(u64::from(!(seed as u32)), |sum, word| sum + u64::from(word));
        return u64::from(fold(u64::from(!fold_to_u32(left))));
    }
    let minus = words(&from).map(|word| u64::from(!word));
    let plus = words(&to).map(u64::from);
    u64::from(fold(minus.chain(plus).fold(seed, |sum, word| sum + word)))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks(4).map(|chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        u32::from_ne_bytes(word)
    })
}

/// One's complement at 32 bits.
fn fold_to_u32(mut sum: u64) -> u32 {
    while sum > u64::from(u32::MAX) {
        sum = (sum & u64::from(u32::MAX)) + (sum >> 32);
    }
    sum as u32
}

/// One's complement: what overflows 16 bits comes back at the bottom (6.18 folds this far).
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
