//! The order of a list's page: its choice above the list, and the headings of its table as links.

use super::visitor::query;

/// Something that a list can be ordered by, as the API names it and as people do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    name: &'static str,
    words: &'static str,
    /// What comes first, and what where it is turned round.
    first: (&'static str, &'static str),
}

impl By {
    pub const fn text(name: &'static str, words: &'static str) -> Self {
        Self { name, words, first: ("A to Z", "Z to A") }
    }

    pub const fn moment(name: &'static str, words: &'static str) -> Self {
        Self { name, words, first: ("earliest first", "latest first") }
    }

    pub const fn number(name: &'static str, words: &'static str) -> Self {
        Self { name, words, first: ("least first", "most first") }
    }
}

/// The order of a list, and what else it was chosen by.
pub(crate) struct Sorting {
    path: String,
    all: &'static [By],
    /// As the API has it.
    now: String,
    kept: Vec<(String, String)>,
}

impl Sorting {
    /// From what was asked for, nothing where that is empty, and how the list usually is; `kept` is what else it was chosen by.
    pub fn new(path: impl Into<String>, all: &'static [By], (asked, usual): (&str, &str), kept: &[(&str, &str)]) -> Self {
        let now = if asked.is_empty() { usual } else { asked };
        let kept = kept.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { path: path.into(), all, now: now.to_owned(), kept }
    }

    /// For `aria-sort` of a column's heading, where the list is in its order.
    pub fn way(&self, name: &str) -> Option<&'static str> {
        match self.now.strip_prefix('-') {
            Some(now) if now == name => Some("descending"),
            None if self.now == name => Some("ascending"),
            _ => None,
        }
    }

    /// The list by this column; where it is already, the other way round.
    pub fn link(&self, name: &str) -> String {
        let turned = if self.way(name) == Some("ascending") { format!("-{name}") } else { name.to_owned() };
        let kept = self.kept.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        format!("{}{}", self.path, query(kept.chain([("sort", turned.as_str())])))
    }

    /// Every order with its words, and whether it is this one.
    pub fn choices(&self) -> Vec<(String, String, bool)> {
        let both = |by: &By| {
            let (up, down) = (by.name.to_owned(), format!("-{}", by.name));
            [(up, by.first.0), (down, by.first.1)].map(|(value, first)| {
                let here = value == self.now;
                (value, format!("{}, {first}", by.words), here)
            })
        };
        self.all.iter().flat_map(both).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[By] = &[By::text("name", "Name"), By::moment("created", "Made")];

    #[test]
    fn a_heading_turns_the_order_round_and_keeps_what_was_chosen() {
        let sorting = Sorting::new("/list", ALL, ("", "-created"), &[("state", "a b"), ("user", "")]);
        assert_eq!((sorting.way("created"), sorting.way("name")), (Some("descending"), None));
        assert_eq!(sorting.link("created"), "/list?state=a+b&sort=created");
        assert_eq!(sorting.link("name"), "/list?state=a+b&sort=name");
        let sorting = Sorting::new("/list", ALL, ("name", "-created"), &[]);
        assert_eq!(sorting.link("name"), "/list?sort=-name");
        let here: Vec<_> = sorting.choices().into_iter().filter(|(.., here)| *here).map(|(_, words, _)| words).collect();
        assert_eq!(here, ["Name, A to Z"]);
        assert_eq!(sorting.choices().len(), 4);
    }
}
