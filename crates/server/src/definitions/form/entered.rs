//! What somebody filled in: texts by the name of their field, several where a field has several.

use std::collections::BTreeMap;

/// The fields of a form, as a browser sends them. Names are those of the API's fields where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entered(pub(super) BTreeMap<String, Vec<String>>);

/// Fields of one form: far above what the largest has.
const MOST: usize = 100_000;

impl Entered {
    /// From a body or a query. Line ends become what the API has.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut entered = Self::default();
        for (name, value) in url::form_urlencoded::parse(text).take(MOST) {
            entered.push(&name, value.replace("\r\n", "\n"));
        }
        entered
    }

    /// The text of a field; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// Every value of a field.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// The only value of a field from now on.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), vec![value.into()]);
    }

    /// The same for a switch.
    pub fn switch(&mut self, name: &str, on: bool) {
        if on {
            self.set(name, "on");
        } else {
            self.0.remove(name);
        }
    }

    /// One more value of a field.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.entry(name.to_owned()).or_default().push(value.into());
    }

    /// A field whose value is some names, a line each.
    pub fn lines(&mut self, name: &str, lines: &[String]) {
        self.set(name, lines.join("\n"));
    }

    /// Takes over what another has, but for where it came from; rows that it names are there.
    pub fn take(&mut self, other: &Self) {
        for (name, values) in other.0.iter().filter(|(name, _)| !["copy", "said"].contains(&name.as_str())) {
            self.0.insert(name.clone(), values.clone());
        }
    }

    /// Takes away every field of a row, and moves those after it up.
    pub fn remove_row(&mut self, prefix: &str, row: usize) {
        let mut moved = BTreeMap::new();
        for (name, values) in std::mem::take(&mut self.0) {
            let place = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('[')?.split_once(']'));
            match place.and_then(|(number, rest)| Some((number.parse::<usize>().ok()?, rest.to_owned()))) {
                Some((number, _)) if number == row => {}
                Some((number, rest)) if number > row => {
                    moved.insert(format!("{prefix}[{}]{rest}", number.saturating_sub(1)), values);
                }
                _ => {
                    moved.insert(name, values);
                }
            }
        }
        self.0 = moved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_taken_out_of_the_middle() {
        let mut entered = Entered::parse(b"a[0].x=1&a[1].x=2&a[2].x=3&b[1].x=4&a=5&d=mon&d=tue&t=1%0D%0A2");
        entered.remove_row("a", 1);
        assert_eq!((entered.text("a[0].x"), entered.text("a[1].x"), entered.text("a[2].x")), ("1", "3", ""));
        assert_eq!((entered.text("b[1].x"), entered.text("a"), entered.all("d").len(), entered.text("t")), ("4", "5", 2, "1\n2"));
    }
}
