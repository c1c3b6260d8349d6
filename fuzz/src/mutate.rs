//! Inputs that are nearly right: a seed with a few changes.

use crate::random::Random;

/// Numbers at which sizes, offsets and counts go wrong.
const EDGES: &[u64] = &[0, 1, 2, 7, 8, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];

/// One of the seeds after up to eight changes.
pub fn input(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
    for _ in 0..=random.below(8) {
        change(&mut input, random);
    }
    input
}

fn change(input: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(input.len());
    match random.below(7) {
        0 => flip(input, at, random),
        1 => overwrite(input, at, &[random.next() as u8]),
        2 | 3 => {
            let bytes = EDGES[random.below(EDGES.len())].to_le_bytes();
            let size = [2, 4, 4, 8][random.below(4)];
            // Fields are aligned more often than not.
            let at = if random.below(4) == 0 { at } else { at & !3 };
            overwrite(input, at, &bytes[..size]);
        }
        4 => {
            let value = (input.len() as u64).wrapping_add(random.below(9) as u64).wrapping_sub(4);
            overwrite(input, at & !3, &value.to_le_bytes()[..4]);
        }
        5 => {
            let from = random.below(input.len());
            let chunk: Vec<u8> = input.iter().skip(from).take(random.below(32)).copied().collect();
            overwrite(input, at, &chunk);
        }
        // Truncation ends most of what the others did; it is the rarer one.
        _ if random.below(3) == 0 => input.truncate(at),
        _ => flip(input, at, random),
    }
}

fn flip(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (old, new) in input.iter_mut().skip(at).zip(bytes) {
        *old = *new;
    }
}
