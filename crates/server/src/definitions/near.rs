//! The name that somebody meant, where they wrote one that is not there.
//!
//! INVARIANT: it is looked for so often in one answer, and no more: a file with ten thousand wrong names keeps nobody waiting.

use std::cell::Cell;

/// Searches in one answer.
const SEARCHES: usize = 50;
/// A longer name is no slip of the finger that anybody could not find themselves.
const LONGEST: usize = 100;

/// The searches that are left.
#[derive(Debug)]
pub struct Advice(Cell<usize>);

impl Default for Advice {
    fn default() -> Self {
        Self(Cell::new(SEARCHES))
    }
}

impl Advice {
    /// The name that is most like one that is not there, if it is like it, and as long as searches are left.
    pub fn nearest<'a>(&self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let length = name.chars().count();
        let most = match length {
            0..=2 => return None,
            3..=5 => 1,
            6..=LONGEST => 2,
            _ => return None,
        };
        self.0.set(self.0.get().checked_sub(1)?);
        let wanted = name.to_lowercase();
        let distance = |other: &str| strsim::damerau_levenshtein(&wanted, &other.to_lowercase());
        // Whatever is so near is about as long.
        let near = known.into_iter().filter(|other| other.chars().count().abs_diff(length) <= most);
        near.map(|other| (distance(other), other)).filter(|(distance, _)| *distance <= most).min().map(|(_, other)| other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_name_is_not() {
        let known = ["web-1", "alice", "Package tools"];
        let nearest = |name: &str| Advice::default().nearest(name, known);
        assert_eq!(nearest("wbe-1"), Some("web-1"));
        assert_eq!(nearest("ALICE"), Some("alice"));
        assert_eq!(nearest("package tool"), Some("Package tools"));
        for other in ["bob", "db-77", "", "al"] {
            assert_eq!(nearest(other), None, "{other}");
        }
    }

    #[test]
    fn what_it_costs_is_bounded_by_number_and_length() {
        let advice = Advice::default();
        let found = (0..SEARCHES * 2).filter(|_| advice.nearest("wbe-1", ["web-1"]).is_some()).count();
        assert_eq!(found, SEARCHES);
        let long = "a".repeat(1_000_000);
        assert_eq!(Advice::default().nearest(&long, [long.as_str()]), None);
        assert_eq!(Advice::default().nearest("web-12", [long.as_str(), "web-1"]), Some("web-1"));
    }
}
