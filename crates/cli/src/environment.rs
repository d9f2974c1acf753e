//! Which of our environment variables the broker is told of. It decides what a program gets; this only bounds what travels.

use brevet_core::text::OsText;
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// The most variables.
const MOST: usize = 256;
/// The most bytes of names and values together.
const MOST_BYTES: usize = 64 << 10;
/// What policies usually keep goes first, so that a large environment cannot push it out.
const FIRST: [&[u8]; 7] = [b"TERM", b"COLORTERM", b"LANG", b"LANGUAGE", b"TZ", b"NO_COLOR", b"DISPLAY"];

/// The candidates: valid names, each once, no exported shell functions, within the bounds.
pub fn candidates(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsText, OsText)> {
    let mut seen = HashSet::new();
    let mut usable: Vec<(Vec<u8>, Vec<u8>)> = all
        .map(|(name, value)| (name.into_vec(), value.into_vec()))
        .filter(|(name, value)| is_name(name) && !value.starts_with(b"()"))
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect();
    usable.sort_by_key(|(name, _)| !(FIRST.contains(&name.as_slice()) || name.starts_with(b"LC_")));
    let mut bytes = 0usize;
    let mut chosen = Vec::new();
    for (name, value) in usable {
        let with = bytes.saturating_add(name.len()).saturating_add(value.len());
        if chosen.len() >= MOST || with > MOST_BYTES {
            continue;
        }
        if let (Ok(name), Ok(value)) = (OsText::new(name), OsText::new(value)) {
            bytes = with;
            chosen.push((name, value));
        }
    }
    chosen
}

fn is_name(name: &[u8]) -> bool {
    name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let all = list.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        candidates(all).into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn invalid_names_functions_and_repetitions_stay_behind() {
        let found = of(&[("A-B", "1"), ("1A", "1"), ("", "1"), ("F", "() { :; }"), ("X", "1"), ("X", "2"), ("LC_ALL", "C")]);
        assert_eq!(found, [("LC_ALL".to_owned(), "C".to_owned()), ("X".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn a_large_environment_is_bounded_and_keeps_the_terminal_type() {
        let long = "x".repeat(MOST_BYTES - 100);
        let mut list = vec![("LONG".to_owned(), long), ("OTHER".to_owned(), "y".repeat(200))];
        list.extend((0..400).map(|n| (format!("V{n}"), String::new())));
        list.push(("TERM".to_owned(), "xterm".to_owned()));
        let list: Vec<(&str, &str)> = list.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let found = of(&list);
        assert_eq!(found.first().unwrap().0, "TERM");
        assert!(found.len() <= MOST);
        assert!(!found.iter().any(|(name, _)| name == "OTHER"));
    }
}
