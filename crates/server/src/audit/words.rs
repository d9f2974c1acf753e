//! What a search for text looks at: everything in an event that somebody may have written, in small letters, a line each.
//!
//! It is kept beside the event because two databases do not agree on what a small letter is, and because a body's JSON hides text
//! behind escapes.

use serde_json::Value;

/// Of a longer event the rest is not searched.
const MOST: usize = 32 << 10;
/// The state of a computer that its journal repeats: every text in it stands in the event that it comes from.
const REPEATED: &str = "state.snapshot";

/// The searched text of an event.
#[must_use]
pub fn of<'a>(kind: &str, summary: &str, names: impl IntoIterator<Item = &'a str>, body: &str) -> String {
    let mut words = Words(String::new());
    words.line(summary);
    names.into_iter().for_each(|name| words.line(name));
    if kind != REPEATED {
        match serde_json::from_str(body) {
            Ok(value) => words.value(&value),
            Err(_) => words.line(body),
        }
    }
    words.0
}

/// As a text is looked for.
#[must_use]
pub fn wanted(text: &str) -> String {
    text.to_lowercase()
}

struct Words(String);

impl Words {
    fn line(&mut self, text: &str) {
        if text.is_empty() || self.0.len() >= MOST {
            return;
        }
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        for c in text.chars().flat_map(char::to_lowercase) {
            if self.0.len() + c.len_utf8() > MOST {
                return;
            }
            // No database column takes NUL.
            self.0.push(if matches!(c, '\n' | '\0') { ' ' } else { c });
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.line(text),
            // Arguments: looked for as they were typed.
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
                let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                self.line(&texts.join(" "));
            }
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_small_and_apart_and_arguments_stand_in_a_row() {
        let body = r#"{"reason":"Say \"ÄÖ\"\nnow\u0000","command":{"arguments":["systemctl","restart","web-1"]},"n":7,"x":[{"y":"Z"}]}"#;
        let words = of("request.created", "Alice asked", ["alice", "Web-1"], body);
        let mut lines: Vec<&str> = words.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["alice", "alice asked", "say \"äö\" now ", "systemctl restart web-1", "web-1", "z"]);
        assert!(words.contains(&wanted("SAY \"äÖ\"")));
    }

    #[test]
    fn a_repeated_state_and_what_is_too_long_is_left_out() {
        assert_eq!(of("state.snapshot", "the state", [], r#"{"a":"b"}"#), "the state");
        assert_eq!(of("x", "a", [], "not JSON"), "a\nnot json");
        let long = of("x", "s", [], &serde_json::to_string(&"ä".repeat(40_000)).unwrap());
        assert!(long.len() <= MOST && long.len() > MOST - 4);
    }
}
