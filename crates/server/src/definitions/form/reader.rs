//! From what was filled in to the types: every field is read, and what cannot be read is an error at that field.

use brevet_api::rest::error::FieldError;
use brevet_core::policy::Scope;
use brevet_core::time::{Length, Timestamp};
use brevet_core::zone;
use serde::de::DeserializeOwned;

use super::entered::Entered;

/// Reads fields and remembers what is wrong.
pub struct Reader<'a> {
    /// What was filled in.
    pub entered: &'a Entered,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    /// Begins.
    #[must_use]
    pub const fn new(entered: &'a Entered) -> Self {
        Self { entered, errors: Vec::new() }
    }

    /// What was read, unless something is wrong.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn end<T>(self, read: T) -> Result<T, Vec<FieldError>> {
        if self.errors.is_empty() { Ok(read) } else { Err(self.errors) }
    }

    /// A field is wrong.
    pub fn wrong(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.errors.push(FieldError { field: field.into(), reason: reason.into() });
    }

    /// A text without white space at its ends.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        self.entered.text(field).trim().to_owned()
    }

    /// The same, where something is filled in.
    #[must_use]
    pub fn optional(&self, field: &str) -> Option<String> {
        Some(self.text(field)).filter(|text| !text.is_empty())
    }

    /// Names, a line each; empty lines say nothing.
    #[must_use]
    pub fn lines(&self, field: &str) -> Vec<String> {
        self.entered.text(field).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// A word that the type is written as.
    pub fn word<T: DeserializeOwned>(&mut self, field: &str, otherwise: T) -> T {
        match serde_json::from_value(self.text(field).into()) {
            Ok(word) => word,
            Err(_) => {
                self.wrong(field, "choose one");
                otherwise
            }
        }
    }

    /// A length of time.
    pub fn length(&mut self, field: &str) -> Length {
        match self.optional_length(field) {
            Some(length) => length,
            None => {
                if self.text(field).is_empty() {
                    self.wrong(field, "is empty: write a length such as 30m, 1h30m or 7d");
                }
                Length::ZERO
            }
        }
    }

    /// The same, where something is filled in.
    pub fn optional_length(&mut self, field: &str) -> Option<Length> {
        let text = self.optional(field)?;
        match Length::parse(&text) {
            Ok(length) => Some(length),
            Err(why) => {
                self.wrong(field, why.to_string());
                None
            }
        }
    }

    /// A number, where something is filled in.
    pub fn optional_number(&mut self, field: &str) -> Option<u32> {
        let text = self.optional(field)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.wrong(field, "is not a number");
        }
        number
    }

    /// A zone that moments are typed in; UTC where none is said.
    pub fn zone(&mut self, field: &str) -> String {
        let zone = self.optional(field).unwrap_or_else(|| "UTC".into());
        if !zone::is_known(&zone) {
            self.wrong(field, "there is no such zone: write one such as Europe/Berlin, or UTC");
        }
        zone
    }

    /// A moment as it is typed in a zone, or one that says its own.
    pub fn moment(&mut self, field: &str, zone: &str) -> Timestamp {
        match zone::moment(&self.text(field), zone) {
            Some(moment) => moment,
            // Of an unknown zone that is said already.
            None if !zone::is_known(zone) => Timestamp::from_millis(0),
            None => {
                self.wrong(field, "is not a moment: write it as 2026-12-01T20:00");
                Timestamp::from_millis(0)
            }
        }
    }

    /// Everybody, or those that are named, a line each.
    #[must_use]
    pub fn scope(&self, field: &str) -> Scope {
        if self.entered.text(&format!("{field}.which")) == "all" { Scope::All } else { Scope::Named(self.lines(field)) }
    }
}

impl Entered {
    /// A scope as a form has it.
    pub fn scope(&mut self, field: &str, scope: &Scope) {
        match scope {
            Scope::All => self.set(&format!("{field}.which"), "all"),
            Scope::Named(entries) => {
                self.set(&format!("{field}.which"), "named");
                self.lines(field, entries);
            }
        }
    }

    /// A word of a type.
    pub fn word<T: serde::Serialize>(&mut self, field: &str, value: &T) {
        let word = serde_json::to_value(value).unwrap_or_default();
        self.set(field, word.as_str().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_an_error_at_its_field() {
        let entered = Entered::parse(b"a=soon&b=&c=2026-12-01T20:00&d=12x&e=2026-12-01T20:00:00%2B01:00&f=tomorrow");
        let mut reader = Reader::new(&entered);
        assert_eq!((reader.length("a"), reader.length("b"), reader.optional_number("d")), (Length::ZERO, Length::ZERO, None));
        assert_eq!(reader.moment("c", "UTC").to_string(), "2026-12-01T20:00:00.000Z");
        assert_eq!(reader.moment("c", "Europe/Berlin").to_string(), "2026-12-01T19:00:00.000Z");
        assert_eq!(reader.moment("e", "Europe/Berlin").to_string(), "2026-12-01T19:00:00.000Z");
        reader.moment("f", "UTC");
        let fields: Vec<String> = reader.end(()).unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["a", "b", "d", "f"]);
    }
}
