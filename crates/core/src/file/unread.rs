//! Why a text is not the file it should be: every error that can be told apart, with its line, entry and field.
//!
//! Reading ends at the first error; people mend a file in one go. So each entry is read by itself, and what is wrong in it is taken
//! away until the rest can be read.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::locate::line_at;
use super::{FileError, Group, List};
use crate::autonomous::AutonomousRule;
use crate::escape;
use crate::policy::Policy;

/// More errors of one text, or of one entry, help nobody.
const MOST: usize = 20;
/// After so many of one text, its other entries are not looked at.
const MOST_IN_ALL: usize = 200;

/// Every error of a text that could not be read; empty where none is found.
pub fn errors(text: &str) -> Vec<FileError> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return syntax.iter().take(MOST).map(|error| told(text, error.span(), error.message().to_owned())).collect();
    }
    let mut out = Vec::new();
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "group" => entries::<Group>(text, "group", value, &mut out),
            "list" => entries::<List>(text, "list", value, &mut out),
            "policy" => entries::<Policy>(text, "policy", value, &mut out),
            "autonomous" => entries::<AutonomousRule>(text, "autonomous", value, &mut out),
            other => {
                let message =
                    format!("there is no \"{}\": a file has group, list, policy and autonomous", escape::terminal(other.as_bytes()));
                out.push(told(text, Some(key.span()), message));
            }
        }
    }
    out.sort_by_key(|error| error.line);
    out
}

fn told(text: &str, span: Option<std::ops::Range<usize>>, message: String) -> FileError {
    FileError { line: span.map_or(1, |span| line_at(text, span.start)), message }
}

fn entries<T: DeserializeOwned>(text: &str, kind: &str, value: &Spanned<DeValue<'_>>, out: &mut Vec<FileError>) {
    match value.get_ref() {
        DeValue::Array(entries) => {
            for found in entries {
                if out.len() >= MOST_IN_ALL {
                    return;
                }
                entry::<T>(text, kind, found, out);
            }
        }
        _ => out.push(told(text, Some(value.span()), format!("write [[{kind}]], with two brackets: there may be several"))),
    }
}

/// Reads one entry again and again, each time without the field that was wrong.
fn entry<T: DeserializeOwned>(text: &str, kind: &str, found: &Spanned<DeValue<'_>>, out: &mut Vec<FileError>) {
    let name = found.get_ref().get("name").and_then(|name| name.get_ref().as_str()).map(|name| escape::terminal(name.as_bytes()));
    let entry = name.map_or_else(|| kind.to_owned(), |name| format!("{kind} \"{name}\""));
    let mut left = found.clone();
    let mut taken: Vec<String> = Vec::new();
    while taken.len() < MOST {
        let Err(error) = T::deserialize(ValueDeserializer::from(left.clone())) else { return };
        // What was taken away is missing because of that.
        if taken.iter().any(|field| error.message() == format!("missing field `{field}`")) {
            return;
        }
        let place = error.span().and_then(|span| place(found, span.start));
        let message = message(&error, place.as_ref());
        let line = place.as_ref().map_or_else(|| error.span(), |place| Some(place.span.clone()));
        out.push(told(text, line, format!("{entry}: {message}")));
        let Some(first) = place.and_then(|place| place.steps.into_iter().next()) else { return };
        let DeValue::Table(fields) = left.get_mut() else { return };
        if fields.remove(first.as_str()).is_none() {
            return;
        }
        taken.push(first);
    }
}

/// What stands somewhere in an entry.
struct Place<'a, 'i> {
    /// From the entry: `elevation`, `grace`; of an array's element `[2]`.
    steps: Vec<String>,
    span: std::ops::Range<usize>,
    value: &'a DeValue<'i>,
}

/// The innermost thing around a place in the text. A table's own place is its header alone, so everything is looked through.
fn place<'a, 'i>(within: &'a Spanned<DeValue<'i>>, at: usize) -> Option<Place<'a, 'i>> {
    let inner = |step: String, value: &'a Spanned<DeValue<'i>>, key: Option<std::ops::Range<usize>>| {
        let deeper = place(value, at).map(|mut found| {
            found.steps.insert(0, step.clone());
            found
        });
        let spans = [key, Some(value.span())].into_iter().flatten();
        let here = spans.into_iter().find(|span| span.contains(&at));
        deeper.or_else(|| here.map(|span| Place { steps: vec![step], span, value: value.get_ref() }))
    };
    match within.get_ref() {
        DeValue::Table(fields) => fields.iter().find_map(|(key, value)| inner(key.get_ref().to_string(), value, Some(key.span()))),
        DeValue::Array(items) => items.iter().enumerate().find_map(|(index, value)| inner(format!("[{index}]"), value, None)),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => None,
    }
}

/// The field and what is wrong with it, for somebody who knows TOML and not how it is read.
fn message(error: &Error, place: Option<&Place<'_, '_>>) -> String {
    let said = error.message();
    let Some(place) = place else { return said.to_owned() };
    let mut steps = place.steps.as_slice();
    if said.starts_with("unknown field")
        && let [around @ .., _] = steps
    {
        steps = around;
    }
    // TOML has moments of its own, which are read as something else; within a table the table is blamed.
    let unquoted = unquoted(place.value).filter(|_| said.starts_with("invalid type"));
    let said = if unquoted.is_some() { "write it in quotes, a moment as \"2026-12-01T20:00:00Z\"" } else { said };
    let steps: Vec<&str> = steps.iter().map(String::as_str).chain(unquoted.flatten()).collect();
    let field = steps.join(".").replace(".[", "[");
    if field.is_empty() { said.to_owned() } else { format!("{}: {said}", escape::terminal(field.as_bytes())) }
}

/// Whether a value is a moment without quotes, or has such a field, and which.
fn unquoted<'a>(value: &'a DeValue<'_>) -> Option<Option<&'a str>> {
    match value {
        DeValue::Datetime(_) => Some(None),
        DeValue::Table(fields) => {
            fields.iter().find(|(_, value)| value.get_ref().is_datetime()).map(|(key, _)| Some(key.get_ref().as_ref()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        assert!(super::super::parse(text).is_err(), "{text}");
        errors(text).iter().map(ToString::to_string).collect()
    }

    const POLICY: &str = "[[policy]]\nname = \"p\"\ncomputers = \"all\"\nusers = \"all\"\napplications = \"all\"\n";

    #[test]
    fn every_wrong_field_of_every_entry_is_told_with_its_line() {
        let found = of(&format!(
            "{POLICY}mode = \"request\"\nstaleness = \"5\"\ncolour = 1\n[policy.elevation]\ngrace = \"soon\"\n[[list]]\nname = \"l\"\n[[policy]]\nmode = 7\n"
        ));
        let starts: Vec<String> = found.iter().map(|line| line.split(": expected").next().unwrap_or_default().to_owned()).collect();
        assert_eq!(found.len(), 6, "{found:#?}");
        assert!(starts[0].starts_with("line 7: policy \"p\": staleness: not a duration"), "{found:#?}");
        assert!(starts[1].starts_with("line 8: policy \"p\": unknown field `colour`"), "{found:#?}");
        assert!(starts[2].starts_with("line 10: policy \"p\": elevation.grace: not a duration"), "{found:#?}");
        assert_eq!(starts[3], "line 11: list \"l\": missing field `rules`");
        assert_eq!(starts[4], "line 13: policy: missing field `name`");
        assert!(starts[5].starts_with("line 14: policy: mode: "), "{found:#?}");
    }

    #[test]
    fn one_bracket_an_unquoted_moment_and_what_no_file_has_are_said_in_words() {
        assert_eq!(of("[policy]\nname = \"p\"\n"), ["line 1: write [[policy]], with two brackets: there may be several"]);
        assert_eq!(
            of(&format!(
                "{POLICY}mode = \"deny\"\nvalidity = {{ kind = \"window\", start = \"2026-12-01T20:00:00Z\", end = 2026-12-02T20:00:00Z }}\n"
            ))[0],
            "line 7: policy \"p\": validity.end: write it in quotes, a moment as \"2026-12-01T20:00:00Z\""
        );
        assert_eq!(of("[[policies]]\n"), ["line 1: there is no \"policies\": a file has group, list, policy and autonomous"]);
        assert!(of("[[policy]]\nname = \"p\"\napplications = [{ file = 3 }]\n")[1].starts_with("line 3: policy \"p\": applications"));
    }

    #[test]
    fn errors_of_the_text_itself_come_alone() {
        let found = of("[[policy]]\nname =\nmode =\nusers = 1\n");
        let lines: Vec<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["line 2", "line 3"], "{found:#?}");
        assert!(!found.iter().any(|line| line.contains("missing field")), "{found:#?}");
    }
}
