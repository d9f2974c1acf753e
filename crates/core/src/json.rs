//! Reading JSON strictly: a key that is there twice is an error wherever it stands, a structure is an object and no array, and an error
//! names the field it stands in.
//!
//! What two readers could read differently is not read at all.

mod objects;

use objects::Objects;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

use crate::plain::plain;

/// Why a JSON text is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct JsonError {
    /// Such as `applications[2].hash`; `.` for the whole.
    pub field: String,
    /// In words, with line and column.
    pub reason: String,
}

/// # Errors
/// When the bytes are not JSON, have a key twice, or are not a `T`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let located = |error: serde_json::Error| {
        let (said, place) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
        let reason = said.strip_suffix(&place).map_or_else(|| plain(&said), |said| format!("{}{place}", plain(said)));
        JsonError { field: field_at(bytes, &error), reason }
    };
    read(bytes).map_err(located)
}

/// The same, with the error as it is.
///
/// # Errors
/// When the bytes are not JSON, have a key twice, or are not a `T`.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice::<NoKeyTwice>(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(Objects(&mut reader))?;
    reader.end()?;
    Ok(value)
}

/// Any JSON value in which no object has a key twice.
struct NoKeyTwice;

impl<'de> Deserialize<'de> for NoKeyTwice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NoKeyTwice)
    }
}

impl<'de> Visitor<'de> for NoKeyTwice {
    type Value = Self;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                let shown = crate::escape::terminal(key.as_bytes());
                let _ = map.next_value::<IgnoredAny>();
                return Err(A::Error::custom(format!("the key \"{shown}\" is there twice")));
            }
            map.next_value::<Self>()?;
            keys.insert(key);
        }
        Ok(self)
    }
}

/// The field that an error's place is in, by walking the text up to there.
fn field_at(bytes: &[u8], error: &serde_json::Error) -> String {
    let line_start: usize = bytes.split_inclusive(|b| *b == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let end = line_start.saturating_add(error.column()).min(bytes.len());
    let mut walk = Walk::default();
    bytes.iter().take(end.saturating_sub(1)).for_each(|byte| walk.step(*byte));
    walk.path()
}

/// Where in nested objects and arrays a walk over JSON text stands.
#[derive(Default)]
struct Walk {
    levels: Vec<Level>,
    text: Option<Vec<u8>>,
    escaped: bool,
    last: Vec<u8>,
}

enum Level {
    Object(Option<String>),
    Array(usize),
}

impl Walk {
    fn step(&mut self, byte: u8) {
        if let Some(text) = &mut self.text {
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.last = std::mem::take(text);
                self.text = None;
                return;
            }
            text.push(byte);
            return;
        }
        match byte {
            b'"' => self.text = Some(Vec::new()),
            b'{' => self.levels.push(Level::Object(None)),
            b'[' => self.levels.push(Level::Array(0)),
            b'}' | b']' => {
                self.levels.pop();
            }
            b':' => {
                if let Some(Level::Object(key)) = self.levels.last_mut() {
                    *key = Some(crate::escape::terminal(&self.last));
                }
            }
            b',' => {
                if let Some(Level::Array(index)) = self.levels.last_mut() {
                    *index += 1;
                }
            }
            _ => {}
        }
    }

    fn path(&self) -> String {
        let mut out = String::new();
        for level in &self.levels {
            match level {
                Level::Object(Some(key)) if out.is_empty() => out.push_str(key),
                Level::Object(Some(key)) => out.push_str(&format!(".{key}")),
                Level::Object(None) => {}
                Level::Array(index) => out.push_str(&format!("[{index}]")),
            }
        }
        if out.is_empty() { ".".into() } else { out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_key_twice_is_an_error_at_any_depth_and_however_it_is_written() {
        type Map = BTreeMap<String, serde_json::Value>;
        assert!(parse::<Map>(b"{\"a\":{\"b\":1},\"c\":[{\"b\":1}]}").is_ok());
        for twice in [&b"{\"a\":1,\"a\":2}"[..], b"{\"x\":{\"a\":1,\"\\u0061\":2}}", b"{\"x\":[{\"a\":1,\"a\":1}]}"] {
            assert!(parse::<Map>(twice).unwrap_err().reason.contains("twice"));
        }
        assert!(parse::<Map>(b"{} {}").is_err());
        assert!(parse::<Map>(&[b'['; 100_000]).is_err(), "deep nesting is an error, not a crash");
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(default)]
    struct Pair {
        one: Option<u8>,
        two: Option<u8>,
    }

    impl Default for Pair {
        fn default() -> Self {
            Self { one: Some(1), two: None }
        }
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    enum Choice {
        Plain,
        Of(Pair),
        With { one: u8 },
        Two(u8, u8),
    }

    #[test]
    fn an_array_is_no_structure_wherever_it_stands() {
        let right = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
        for text in ["[null, null]", "{\"x\": [[1, 2]]}", "[{\"one\": 2}]"] {
            assert!(right(text));
        }
        assert_eq!(read::<Pair>(b"{\"two\": 2}").unwrap(), Pair { one: Some(1), two: Some(2) });
        assert!(serde_json::from_str::<Pair>("[null, null]").is_ok(), "serde by itself takes it");
        let error = read::<Pair>(b"[null, null]").unwrap_err().to_string();
        assert!(error.contains("invalid type: sequence, expected struct Pair"), "{error}");
        assert!(read::<BTreeMap<String, Vec<Pair>>>(b"{\"x\": [{}, [1, 2]]}").is_err());
        assert!(read::<Option<Pair>>(b"[1, 2]").is_err() && read::<Option<Pair>>(b"null").unwrap().is_none());
        assert!(read::<(u8, Pair)>(b"[1, [1, 2]]").is_err() && read::<(u8, Pair)>(b"[1, {}]").is_ok());
        assert_eq!(read::<Choice>(b"\"Plain\"").unwrap(), Choice::Plain);
        assert!(read::<Choice>(b"{\"Of\": {}}").is_ok() && read::<Choice>(b"{\"Of\": [1, 2]}").is_err());
        assert_eq!(read::<Choice>(b"{\"With\": {\"one\": 1}}").unwrap(), Choice::With { one: 1 });
        assert!(read::<Choice>(b"{\"With\": [1]}").is_err());
        assert_eq!(read::<Choice>(b"{\"Two\": [1, 2]}").unwrap(), Choice::Two(1, 2));
        let any: serde_json::Value = serde_json::from_str("{\"a\": [1, -2.5, \"x\", null, true, {}]}").unwrap();
        assert_eq!(read::<serde_json::Value>(any.to_string().as_bytes()).unwrap(), any);
    }

    #[test]
    fn an_error_names_the_field_that_it_is_in() {
        #[derive(Debug, Deserialize)]
        struct Inner {
            #[serde(rename = "n")]
            _n: u8,
        }
        #[derive(Debug, Deserialize)]
        struct Outer {
            #[serde(rename = "items")]
            _items: Vec<Inner>,
        }
        assert_eq!(parse::<Outer>(b"{\n \"items\": [{\"n\": 1}, {\"n\": \"x\"}]}").unwrap_err().field, "items[1].n");
        assert_eq!(parse::<Outer>(b"nonsense").unwrap_err().field, ".");
        let reason = parse::<Outer>(b"{\"items\": [{\"n\": \"x\"}]}").unwrap_err().reason;
        assert_eq!(reason, "the text \"x\" does not fit: write a whole number at line 1 column 20");
    }
}
