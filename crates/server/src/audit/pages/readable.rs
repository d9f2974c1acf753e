//! A body as fields that people read: every name and value in the order in which it was written, what is within another below it.

use brevet_core::escape::terminal;
use serde_json::Value;

/// More are not shown as fields; the whole body is below them.
const MOST: usize = 400;
/// What lies deeper stands as JSON.
const DEEPEST: usize = 6;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// With those that it lies within.
    pub name: String,
    pub value: String,
}

/// The fields of a body, and whether these are all.
pub(super) fn fields(body: &Value) -> (Vec<Field>, bool) {
    let mut out = Vec::new();
    walk(&mut out, "", body, 0);
    let all = out.len() <= MOST;
    out.truncate(MOST);
    (out, all)
}

fn walk(out: &mut Vec<Field>, name: &str, value: &Value, depth: usize) {
    if out.len() > MOST {
        return;
    }
    let within = |inner: &str| {
        let inner = terminal(inner.replace('_', " ").as_bytes());
        if name.is_empty() { inner } else { format!("{name} ▸ {inner}") }
    };
    match value {
        Value::Null => {}
        Value::Object(fields) if depth < DEEPEST => fields.iter().for_each(|(inner, value)| walk(out, &within(inner), value, depth + 1)),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let words: Vec<String> = items.iter().map(plain).collect();
            out.push(Field { name: name.to_owned(), value: if words.is_empty() { "none".into() } else { words.join(" · ") } });
        }
        Value::Array(items) if depth < DEEPEST => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, value)| walk(out, &within(&(at + 1).to_string()), value, depth + 1));
        }
        other => out.push(Field { name: name.to_owned(), value: plain(other) }),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => terminal(text.as_bytes()),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        other => terminal(other.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_within_says_where_and_what_cannot_be_seen_is_made_visible() {
        let body = serde_json::json!({
            "target_user": "root", "command": { "arguments": ["-t", "a\u{1b}[2J"], "kept": [{ "name": "LANG" }] }, "now": true, "none": null,
        });
        let (fields, all) = fields(&body);
        let lines: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect();
        assert!(all);
        assert_eq!(
            lines,
            ["command ▸ arguments: -t · a\\u{1b}[2J", "command ▸ kept ▸ 1 ▸ name: LANG", "now: yes", "target user: root"],
            "serde_json keeps names sorted"
        );
    }

    #[test]
    fn a_large_or_deep_body_ends_somewhere() {
        let many: Vec<Value> = (0..2000).map(|n| serde_json::json!({ "n": n })).collect();
        let (shown, all) = fields(&many.into());
        assert_eq!((shown.len(), all), (MOST, false));
        let deep = (0..50).fold(Value::from(1), |inner, _| serde_json::json!({ "a": inner }));
        assert!(fields(&deep).0.iter().all(|field| field.name.matches('▸').count() < DEEPEST));
    }
}
