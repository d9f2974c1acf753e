//! Comparing package versions (Debian Policy 5.6.12).
//!
//! Total: any text compares, as dpkg's own comparison would; what a version may look like is `policy::validate`'s business.

use std::cmp::Ordering;

/// Orders two versions as dpkg does: epoch, upstream version, revision.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (Version::split(left), Version::split(right));
    compare_digits(left.epoch, right.epoch)
        .then_with(|| compare_part(left.upstream, right.upstream))
        .then_with(|| compare_part(left.revision, right.revision))
}

struct Version<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Version<'a> {
    /// The epoch ends at the first colon, the revision begins after the last hyphen; both may be absent.
    fn split(text: &'a str) -> Self {
        let text = text.trim();
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (epoch, rest),
            Some(_) | None => ("", text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self { epoch: epoch.as_bytes(), upstream: upstream.as_bytes(), revision: revision.as_bytes() }
    }
}

/// Alternating runs of non-digits and digits, from the left; a missing run is empty.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (word_left, rest_left) = take(left, |b| !b.is_ascii_digit());
        let (word_right, rest_right) = take(right, |b| !b.is_ascii_digit());
        let (number_left, rest_left) = take(rest_left, u8::is_ascii_digit);
        let (number_right, rest_right) = take(rest_right, u8::is_ascii_digit);
        let order = compare_words(word_left, word_right).then_with(|| compare_digits(number_left, number_right));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest_left, rest_right);
    }
    Ordering::Equal
}

fn take(bytes: &[u8], wanted: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let length = bytes.iter().take_while(|b| wanted(b)).count();
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}

/// `~` sorts before the end, the end before letters, letters before everything else.
fn compare_words(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1i32,
        None => 0,
        Some(b) if b.is_ascii_alphabetic() => i32::from(*b),
        Some(b) => i32::from(*b) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|i| weight(left.get(i)).cmp(&weight(right.get(i))))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// As numbers of any length; no digits are zero.
fn compare_digits(left: &[u8], right: &[u8]) -> Ordering {
    let (_, left) = take(left, |b| *b == b'0');
    let (_, right) = take(right, |b| *b == b'0');
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const ORDERED: &[(&str, Ordering, &str)] = &[
        ("1.0", Ordering::Equal, "1.0"),
        ("1.0", Ordering::Equal, "1.0-0"),
        ("1.0", Ordering::Equal, "0:1.0"),
        ("1.00", Ordering::Equal, "1.0"),
        ("1.2", Ordering::Less, "1.10"),
        ("1:1.0", Ordering::Greater, "2.0"),
        ("2:1.0", Ordering::Greater, "1:9.9"),
        ("1.0~rc1", Ordering::Less, "1.0"),
        ("1.0~~", Ordering::Less, "1.0~"),
        ("1.0~~a", Ordering::Less, "1.0~"),
        ("1.0~", Ordering::Less, "1.0a"),
        ("1.0a", Ordering::Less, "1.0+"),
        ("1.0+b1", Ordering::Greater, "1.0"),
        ("1.0-1", Ordering::Less, "1.0-1+deb12u1"),
        ("1.0-1~bpo12+1", Ordering::Less, "1.0-1"),
        ("2.36-9+deb12u4", Ordering::Less, "2.36-9+deb12u10"),
        ("1.0-1-2", Ordering::Greater, "1.0-1"),
        ("9.0.1378-2", Ordering::Less, "10.0"),
        ("1.0.", Ordering::Greater, "1.0"),
        ("99999999999999999999999999999999", Ordering::Less, "100000000000000000000000000000000"),
        ("1.0A", Ordering::Less, "1.0a"),
    ];

    #[test]
    fn versions_order_as_debian_policy_says() {
        for (left, order, right) in ORDERED {
            assert_eq!(compare(left, right), *order, "{left} {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} {left}");
        }
    }

    /// A small generator (xorshift64*), so that a disagreement comes again.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % bound
        }

        /// A version that dpkg takes without a word: an epoch sometimes, a digit first, a revision sometimes.
        fn version(&mut self) -> String {
            const PIECES: &[&str] = &["0", "00", "1", "9", "10", "010", "~", "~~", ".", "+", "a", "Z", "rc", "deb", "~bpo", "-"];
            let mut text = ["", "", "", "0:", "1:", "01:", "10:"][self.below(7)].to_owned();
            text.push_str(["0", "1", "2", "10"][self.below(4)]);
            (0..self.below(6)).for_each(|_| text.push_str(PIECES[self.below(PIECES.len())]));
            if text.ends_with('-') {
                text.push('1');
            }
            text
        }

        /// The same, or one piece away from it.
        fn neighbour(&mut self, of: &str) -> String {
            let mut text = of.to_owned();
            match self.below(4) {
                0 => return self.version(),
                1 => text.push_str(["~", "0", "a", "+", ".", "~~", "-0", "-1"][self.below(8)]),
                2 => text = text.replacen('0', ["", "00", "1"][self.below(3)], 1),
                _ => text = text.replacen(['.', '~', '+'], ["~", ".", "+", ""][self.below(4)], 1),
            }
            let upstream = text.split_once(':').map_or(text.as_str(), |(_, rest)| rest);
            let plain = upstream.starts_with(|c: char| c.is_ascii_digit()) && !text.starts_with(':') && !text.ends_with('-');
            if plain { text } else { of.to_owned() }
        }
    }

    #[test]
    fn dpkg_agrees_on_generated_versions() {
        if Command::new("dpkg").arg("--version").output().is_err() {
            eprintln!("not compared with dpkg: it is not installed");
            return;
        }
        let cases = std::env::var("BREVET_CASES").map_or(500, |text| text.parse::<usize>().expect("BREVET_CASES is a number").min(100_000));
        let mut random = Random(0x5eed);
        let mut seen = [0usize; 3];
        for _ in 0..cases {
            let left = random.version();
            let right = random.neighbour(&left);
            let (place, word) = match compare(&left, &right) {
                Ordering::Less => (0, "lt"),
                Ordering::Equal => (1, "eq"),
                Ordering::Greater => (2, "gt"),
            };
            seen[place] += 1;
            let output = Command::new("dpkg").args(["--compare-versions", &left, word, &right]).output().unwrap();
            assert!(output.status.success(), "dpkg does not say {left:?} {word} {right:?}");
            assert!(output.stderr.is_empty(), "{left:?} {right:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(seen.iter().all(|count| *count > cases / 20), "{seen:?}: hardly any of one kind");
    }

    #[test]
    fn dpkg_agrees_where_it_is_installed() {
        let Ok(dpkg) = Command::new("dpkg").arg("--version").output() else {
            eprintln!("not compared with dpkg: it is not installed");
            return;
        };
        assert!(dpkg.status.success());
        for (left, order, right) in ORDERED {
            let word = match order {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            };
            assert!(
                Command::new("dpkg").args(["--compare-versions", left, word, right]).status().unwrap().success(),
                "{left} {word} {right}"
            );
        }
    }
}
