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
    ($name:ident, $variant:ident, $item:ty, $expected:literal) => {
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
                        if text == "all" { Ok($name::All) } else { Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)) }
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

all_or_list!(Scope, Named, String, "\"all\" or a list of names");
all_or_list!(Applications, Rules, Rule, "\"all\" or a list of application rules");
