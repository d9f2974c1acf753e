//! What a change would change, field by field, for a table.

use std::collections::BTreeMap;

use serde_json::Value;

/// One field that differs; nothing where it is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Differs {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Every field that differs, by name.
pub(super) fn differ(before: Option<&Value>, after: Option<&Value>) -> Vec<Differs> {
    let (before, after) = (flat(before), flat(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let pairs = names.into_iter().map(|name| (name, before.get(name), after.get(name)));
    let differing = pairs.filter(|(_, before, after)| before != after);
    differing.map(|(name, before, after)| Differs { field: name.clone(), before: before.cloned(), after: after.cloned() }).collect()
}

fn flat(value: Option<&Value>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    if let Some(value) = value {
        put(&mut out, String::new(), value);
    }
    out
}

/// Objects by the names of their fields; anything else, also a list, is one value: what is in a list has no name to compare by.
fn put(out: &mut BTreeMap<String, String>, name: String, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                put(out, name, value);
            }
        }
        Value::String(text) => {
            out.insert(name, text.clone());
        }
        Value::Array(items) => {
            let shown: Vec<String> = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            out.insert(name, if shown.is_empty() { "none".into() } else { shown.join(", ") });
        }
        other => {
            out.insert(name, other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_the_same_is_left_out_and_what_is_new_has_nothing_before() {
        let (before, after) = (json!({ "a": 1, "b": { "c": ["x"], "d": "y" } }), json!({ "a": 1, "b": { "c": ["x", "z"], "e": true } }));
        let row = |field: &str, before: Option<&str>, after: Option<&str>| Differs {
            field: field.into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let rows = [row("b.c", Some("x"), Some("x, z")), row("b.d", Some("y"), None), row("b.e", None, Some("true"))];
        assert_eq!(differ(Some(&before), Some(&after)), rows);
        assert_eq!(differ(None, Some(&json!({ "a": 1 }))), [row("a", None, Some("1"))]);
        assert!(differ(Some(&before), Some(&before)).is_empty());
    }
}
