//! `"all"`, or a list.

use crate::application::Rule;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Computers or users: everyone, or the named ones and groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everyone.
    All,
    /// Names, `group:NAME` and (for users) `os-group:NAME`.
    Named(Vec<String>),
}

impl Scope {
    /// The names and groups that are written; none where it is everyone.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::All => &[],
            Self::Named(names) => names,
        }
    }
}

/// Applications: every one, or those that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applications {
    /// Every one.
    All,
    /// Those that any of these rules matches.
    Rules(Vec<Rule>),
}

#[derive(Serialize, Deserialize)]
enum Word {
    #[serde(rename = "all")]
    All,
}

macro_rules! all_or_list {
    ($name:ident, $variant:ident, $item:ty, $expected:literal, $one:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::All => Word::All.serialize(serializer),
                    Self::$variant(items) => items.serialize(serializer),
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        if text == "all" { Ok($name::All) } else { Err(E::custom($one(&crate::escape::terminal(text.as_bytes())))) }
                    }
                    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<$name, A::Error> {
                        Vec::<$item>::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map($name::$variant)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }
    };
}

all_or_list!(Scope, Named, String, "\"all\" or a list of names", |text: &str| {
    format!("write [\"{text}\"], a list also where it is one name; without brackets only \"all\" stands here")
});
all_or_list!(Applications, Rules, Rule, "\"all\" or a list of application rules", |_: &str| {
    "write a list of rules, such as [{ file = \"/usr/bin/true\" }]; without brackets only \"all\" stands here".to_owned()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_without_brackets_is_told_how_it_is_written() {
        let error = serde_json::from_str::<Scope>("\"alice\"").unwrap_err().to_string();
        assert!(error.starts_with("write [\"alice\"], a list also where it is one name"), "{error}");
        let error = serde_json::from_str::<Applications>("\"/usr/bin/true\"").unwrap_err().to_string();
        assert!(error.starts_with("write a list of rules, such as [{ file = "), "{error}");
        assert_eq!(serde_json::from_str::<Scope>("\"all\"").unwrap(), Scope::All);
    }
}
