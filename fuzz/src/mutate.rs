//! Inputs near those that are accepted: flipped, cut, doubled and joined examples, and words that parsers look for.

use std::path::PathBuf;

/// A small generator (xorshift64*): the same numbers from the same seed.
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`; 0 where there is none.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        self.next().checked_rem(bound).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }
}

const WORDS: &[&[u8]] = &[
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"9223372036854775807",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\x00",
    b"\r\n",
    b"''''",
    b"\"\"\"",
    b"=",
    b"[[",
    b"..",
    b"/",
    b"//",
    b"../",
    b"*",
    b"0d",
    b"3650d",
    b"99999999999d",
    b"9999-12-31T23:59:59Z",
    b"-9999-01-01T00:00:00Z",
    b"24:00",
    b"sha256:",
    b"group:",
    b"os-group:",
    b"\xe2\x80\xae",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"brevet-enrol-1.",
    b"application/vnd.",
    b"#!/bin/sh -x\n",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x01",
];

/// A random range of a text, perhaps empty.
fn part(random: &mut Random, length: usize) -> std::ops::Range<usize> {
    let start = random.below(length.saturating_add(1));
    let most = length.saturating_sub(start).min(64);
    start..start.saturating_add(random.below(most.saturating_add(1)))
}

/// One to eight changes of an example.
pub fn mutated(random: &mut Random, examples: &[(PathBuf, Vec<u8>)], longest: usize) -> Vec<u8> {
    let other = random.below(examples.len());
    let mut out = examples.get(random.below(examples.len())).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
    for _ in 0..=random.below(8) {
        let range = part(random, out.len());
        match random.below(7) {
            0 => {
                if let Some(byte) = out.get_mut(range.start) {
                    *byte ^= 1 << (random.below(8) % 8);
                }
            }
            1 => {
                if let Some(byte) = out.get_mut(range.start) {
                    *byte = u8::try_from(random.below(256)).unwrap_or(0);
                }
            }
            2 => {
                out.splice(range, []);
            }
            3 => {
                let copied = out.get(range.clone()).unwrap_or_default().to_vec();
                out.splice(range.end..range.end, copied);
            }
            4 => {
                let word = WORDS.get(random.below(WORDS.len())).copied().unwrap_or_default();
                out.splice(range, word.iter().copied());
            }
            5 => {
                let other = examples.get(other).map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
                let from = part(random, other.len());
                out.splice(range, other.get(from).unwrap_or_default().iter().copied());
            }
            _ => out.truncate(range.end),
        }
    }
    out.truncate(longest);
    out
}
