//! What differs between two versions of a definition, field by field: what stood there and what stands there now.

use std::collections::BTreeMap;

use brevet_core::toml_text;
use serde_json::Value;

/// One field that differs. Of a list only the entries that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name, such as `request.max_duration`.
    pub field: String,
    /// What is no longer there.
    pub before: Vec<String>,
    /// What is there instead.
    pub after: Vec<String>,
}

/// Every field that differs, by name.
#[must_use]
pub fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let (before, after) = (flat(before), flat(after));
    let mut fields: Vec<&String> = before.keys().chain(after.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    let differing = fields.into_iter().filter(|field| before.get(*field) != after.get(*field));
    differing.map(|field| difference(field, before.get(field), after.get(field))).collect()
}

fn difference(field: &str, before: Option<&Value>, after: Option<&Value>) -> Difference {
    let entries = |value: Option<&Value>| -> Vec<String> {
        match value {
            Some(Value::Array(entries)) => entries.iter().map(shown).collect(),
            Some(value) => vec![shown(value)],
            None => Vec::new(),
        }
    };
    let (old, new) = (entries(before), entries(after));
    let gone: Vec<String> = old.iter().filter(|entry| !new.contains(entry)).cloned().collect();
    let came: Vec<String> = new.iter().filter(|entry| !old.contains(entry)).cloned().collect();
    // The same entries in another order.
    if gone.is_empty() && came.is_empty() {
        return Difference { field: field.to_owned(), before: old, after: new };
    }
    Difference { field: field.to_owned(), before: gone, after: came }
}

/// Objects by their fields, one level deep.
fn flat(value: &Value) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => out.extend(inner.iter().map(|(part, value)| (format!("{name}.{part}"), value.clone()))),
            value => {
                out.insert(name.clone(), value.clone());
            }
        }
    }
    out
}

/// As TOML has it, with nothing in it that hides.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => brevet_core::escape::terminal(text.as_bytes()),
        other => toml::Value::try_from(other).map_or_else(|_| other.to_string(), |value| toml_text::visible(&value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_shown_and_of_lists_what_came_and_went() {
        let before =
            json!({ "name": "p", "users": ["a", "b"], "request": { "uses": "many", "approvals": 1 }, "applications": [{ "file": "/a" }] });
        let after =
            json!({ "name": "p", "users": ["b", "c\u{202e}"], "request": { "uses": "once", "approvals": 1 }, "applications": "all" });
        let found = between(&before, &after);
        let one = |field: &str, before: &[&str], after: &[&str]| Difference {
            field: field.into(),
            before: before.iter().map(ToString::to_string).collect(),
            after: after.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            found,
            [
                one("applications", &["{ file = \"/a\" }"], &["all"]),
                one("request.uses", &["many"], &["once"]),
                one("users", &["a"], &["c\\u{202e}"])
            ]
        );
        let turned = between(&json!({ "users": ["a", "b"] }), &json!({ "users": ["b", "a"] }));
        assert_eq!(turned, [one("users", &["a", "b"], &["b", "a"])]);
    }
}
