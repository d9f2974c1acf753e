//! Why a text is not the file it should be: every error that can be told apart, with its line, entry and field.
//!
//! Reading ends at the first error; people mend a file in one go. So each entry is read by itself, and what is wrong in it is taken
//! away until the rest can be read.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::locate::{Lines, line_at};
use super::{FileError, Group, List, Problem, twice, validate_group, validate_list};
use crate::autonomous::{self, AutonomousRule};
use crate::escape;
use crate::plain::plain;
use crate::policy::{self, ClockTime, FixedFrom, Policy, PolicyError, Weekday};
use crate::time::{Length, Timestamp};

/// More errors of one text, or of one entry, help nobody.
const MOST: usize = 20;
/// After so many of one text, its other entries are not looked at.
const MOST_IN_ALL: usize = 200;

/// Every error of a text that could not be read; empty where none is found.
pub fn errors(text: &str) -> Vec<FileError> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return syntax.iter().take(MOST).map(|error| told(text, error.span(), in_words(text, error))).collect();
    }
    let mut out = Vec::new();
    let lines = OnceCell::new();
    let around = Around { text, lines: &lines };
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "group" => entries::<Group>(&around, ("group", value), |it| &it.name, validate_group, &mut out),
            "list" => entries::<List>(&around, ("list", value), |it| &it.name, validate_list, &mut out),
            "policy" => entries::<Policy>(&around, ("policy", value), |it| &it.name, policy::validate, &mut out),
            "autonomous" => entries::<AutonomousRule>(&around, ("autonomous", value), |it| &it.name, autonomous::validate, &mut out),
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

/// The text, and what stands on which line once somebody asks.
struct Around<'a> {
    text: &'a str,
    lines: &'a OnceCell<Lines>,
}

/// What is wrong with each entry of a kind: of one that can be read, what does not make sense; of another, what cannot be read.
fn entries<T: DeserializeOwned>(
    around: &Around<'_>,
    (kind, value): (&'static str, &Spanned<DeValue<'_>>),
    name: fn(&T) -> &String,
    test: fn(&T) -> Vec<PolicyError>,
    out: &mut Vec<FileError>,
) {
    let DeValue::Array(entries) = value.get_ref() else {
        return out.push(told(around.text, Some(value.span()), format!("write [[{kind}]], with two brackets: there may be several")));
    };
    let mut seen = BTreeSet::new();
    for (index, found) in entries.iter().enumerate() {
        if out.len() >= MOST_IN_ALL {
            return;
        }
        let Some(sound) = entry::<T>(around.text, kind, found, out) else { continue };
        let mut errors = test(&sound);
        if !seen.insert(name(&sound).clone()) {
            errors.push(twice(kind));
        }
        let name = escape::terminal(name(&sound).as_bytes());
        for error in errors {
            let lines = around.lines.get_or_init(|| Lines::of(around.text));
            let line = lines.line_of(&format!("{kind}[{index}].{}", error.field)).unwrap_or(1);
            out.push(FileError { line, message: Problem { kind, index, name: name.clone(), error }.to_string() });
        }
    }
}

/// Reads one entry again and again, each time without the field that was wrong; what it is, where nothing was.
fn entry<T: DeserializeOwned>(text: &str, kind: &str, found: &Spanned<DeValue<'_>>, out: &mut Vec<FileError>) -> Option<T> {
    let name = found.get_ref().get("name").and_then(|name| name.get_ref().as_str()).map(|name| escape::terminal(name.as_bytes()));
    let entry = name.map_or_else(|| kind.to_owned(), |name| format!("{kind} \"{name}\""));
    let mut left = found.clone();
    let mut taken: Vec<String> = Vec::new();
    while taken.len() < MOST {
        let error = match T::deserialize(ValueDeserializer::from(left.clone())) {
            Ok(sound) => return taken.is_empty().then_some(sound),
            Err(error) => error,
        };
        // What was taken away is missing because of that.
        if taken.iter().any(|field| error.message() == format!("missing field `{field}`")) {
            return None;
        }
        let place = error.span().and_then(|span| place(found, span.start));
        let inside = place.as_ref().map(|place| inside(place)).unwrap_or_default();
        if inside.is_empty() {
            let message = message(&error, place.as_ref());
            let line = place.as_ref().map_or_else(|| error.span(), |place| Some(place.span.clone()));
            out.push(told(text, line, format!("{entry}: {message}")));
        }
        out.extend(inside.into_iter().map(|(span, message)| told(text, Some(span), format!("{entry}: {message}"))));
        let first = place.and_then(|place| place.steps.into_iter().next())?;
        let DeValue::Table(fields) = left.get_mut() else { return None };
        fields.remove(first.as_str())?;
        taken.push(first);
    }
    None
}

/// What is wrong within a validity. WHY looked at again: which of its fields may be there hangs on its kind, so it is read whole, and
/// whoever reads it so blames the whole.
fn inside(place: &Place<'_, '_>) -> Vec<(std::ops::Range<usize>, String)> {
    let (DeValue::Table(fields), [field]) = (place.value, place.steps.as_slice()) else { return Vec::new() };
    let kind = fields.get("kind").and_then(|kind| kind.get_ref().as_str());
    let parts: &[(&str, Misfit)] = match kind {
        Some("fixed") => &[("duration", misfit::<Length>), ("from", misfit::<FixedFrom>)],
        Some("window") => &[("start", misfit::<Timestamp>), ("end", misfit::<Timestamp>)],
        Some("recurring") => {
            &[("days", misfit::<Vec<Weekday>>), ("start", misfit::<ClockTime>), ("end", misfit::<ClockTime>), ("zone", misfit::<String>)]
        }
        Some(_) | None => &[],
    };
    let mut out = Vec::new();
    for (name, why_not) in parts {
        let Some(value) = fields.get(*name) else { continue };
        let days = value.get_ref().as_array().filter(|_| *name == "days");
        let wrong_days = days.into_iter().flatten().enumerate().filter_map(|(n, day)| Some((n, day, misfit::<Weekday>(day)?)));
        let before = out.len();
        out.extend(wrong_days.map(|(n, day, why)| (day.span(), format!("{field}.{name}[{n}]: {why}"))));
        if out.len() == before
            && let Some(why) = why_not(value)
        {
            out.push((value.span(), format!("{field}.{name}: {why}")));
        }
    }
    out
}

type Misfit = fn(&Spanned<DeValue<'_>>) -> Option<String>;

/// Why a value is no `T`.
fn misfit<T: DeserializeOwned>(value: &Spanned<DeValue<'_>>) -> Option<String> {
    let error = T::deserialize(ValueDeserializer::from(value.clone())).err()?;
    Some(if value.get_ref().is_datetime() { UNQUOTED.to_owned() } else { plain(error.message()) })
}

/// TOML has moments of its own, which are read as something else.
const UNQUOTED: &str = "write it in quotes, a moment as \"2026-12-01T20:00:00Z\"";

/// An error of a reader, in words; of a key that is there twice, which.
pub fn in_words(text: &str, error: &Error) -> String {
    let at = error.span().and_then(|span| text.get(span));
    match (error.message(), at) {
        ("duplicate key", Some(key)) => format!("the key \"{}\" is there twice", escape::terminal(key.trim_matches('"').as_bytes())),
        (said, _) => plain(said),
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
    let Some(place) = place else { return plain(said) };
    let mut steps = place.steps.as_slice();
    if said.starts_with("unknown field")
        && let [around @ .., _] = steps
    {
        steps = around;
    }
    // Within a table the table is blamed.
    let unquoted = unquoted(place.value).filter(|_| said.starts_with("invalid type"));
    let said = if unquoted.is_some() { UNQUOTED.to_owned() } else { plain(said) };
    let steps: Vec<&str> = steps.iter().map(String::as_str).chain(unquoted.flatten()).collect();
    let field = steps.join(".").replace(".[", "[");
    if field.is_empty() { said } else { format!("{}: {said}", escape::terminal(field.as_bytes())) }
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
    fn each_wrong_part_of_a_validity_is_told_by_itself() {
        let validity = |written: &str| of(&format!("{POLICY}mode = \"deny\"\n[policy.validity]\n{written}"));
        let found = validity("kind = \"recurring\"\ndays = [\"mon\",\n \"friday\"]\nstart = \"9:00\"\nend = \"24:00\"\nzone = 3\n");
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].starts_with("line 10: policy \"p\": validity.days[1]: there is no `friday`, expected one of `mon`"), "{found:#?}");
        assert_eq!(found[1], "line 11: policy \"p\": validity.start: not a time of day: expected HH:MM from 00:00 to 23:59");
        assert!(found[2].starts_with("line 12: policy \"p\": validity.end: not a time of day"), "{found:#?}");
        assert_eq!(found[3], "line 13: policy \"p\": validity.zone: the number 3 does not fit: write a text in quotes");
        assert!(validity("kind = \"fixed\"\nduration = \"soon\"\nfrom = \"use\"\n").len() == 2);
        assert!(validity("kind = \"window\"\nstart = \"now\"\nend = \"2026-12-02T20:00:00Z\"\n")[0].contains("validity.start: "));
        assert!(validity("kind = \"window\"\ncolour = 1\n")[0].contains("colour"), "what is not there is said as before");
    }

    #[test]
    fn what_is_wanted_is_said_without_programmers_words() {
        let found = of(&format!("{POLICY}mode = 7\nrequest = {{ approvals = \"two\" }}\nelevation = 3\nenabled = \"yes\"\n"));
        let all = found.join("\n");
        assert!(all.contains("mode: write one of the words for it, in quotes"), "{all}");
        assert!(all.contains("request.approvals: the text \"two\" does not fit: write a whole number"), "{all}");
        assert!(all.contains("elevation: the number 3 does not fit: write a table such as { run_as = \"root\" }"), "{all}");
        assert!(all.contains("enabled: the text \"yes\" does not fit: write true or false"), "{all}");
        let users = of("[[policy]]\nname = \"p\"\nusers = \"alice\"\n").join("\n");
        assert!(users.contains("line 3: policy \"p\": users: write [\"alice\"]"), "{users}");
        let argument = of("[[policy]]\nname = \"p\"\napplications = [{ file = \"/a\", arguments = [3] }]\n");
        assert!(argument.join("").contains("an argument is a text in quotes, { glob = \"web-*\" }"), "{argument:#?}");
        for word in ["untagged", "variant", "struct", "u32", "invalid type"] {
            assert!(!all.contains(word) && !argument.join("").contains(word), "{word}");
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_named() {
        assert_eq!(of("[[policy]]\nname = \"p\"\nmode = \"deny\"\nmode = \"deny\"\n"), ["line 4: the key \"mode\" is there twice"]);
        assert!(super::super::parse("[[policy]]\nname = \"p\"\nname = \"p\"\n").unwrap_err().message.contains("\"name\""));
    }

    #[test]
    fn an_entry_that_can_be_read_is_tested_beside_one_that_cannot() {
        let found = of(&format!(
            "[[policy]]\nmode = 7\n{POLICY}mode = \"request\"\nrequest = {{ lapses_after = \"0s\" }}\n{POLICY}mode = \"deny\"\n"
        ));
        let all = found.join("\n");
        assert!(all.contains("line 9: policy \"p\": request.lapses_after: must be longer than 0s"), "{all}");
        assert!(all.contains("line 11: policy \"p\": name: is there twice among policy entries"), "{all}");
    }

    #[test]
    fn errors_of_the_text_itself_come_alone() {
        let found = of("[[policy]]\nname =\nmode =\nusers = 1\n");
        let lines: Vec<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["line 2", "line 3"], "{found:#?}");
        assert!(!found.iter().any(|line| line.contains("missing field")), "{found:#?}");
    }
}
