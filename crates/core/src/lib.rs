//! Vocabulary and pure logic of Brevet.
//!
//! Nothing here does I/O, reads a clock, makes randomness or is unsafe: time, random bytes and facts
//! come in as parameters, decisions and records go out as data.

pub mod application;
pub mod audit_log;
pub mod autonomous;
pub mod corpus;
pub mod decide;
pub mod digest;
pub mod document;
pub mod escape;
pub mod file;
pub mod grant;
pub mod id;
pub mod journal;
pub mod json;
pub mod lint;
pub mod merkle;
#[cfg(feature = "openapi")]
mod openapi;
mod plain;
pub mod policy;
pub mod record;
pub mod request;
pub mod space;
pub mod text;
pub mod time;
pub mod toml_text;
mod truth;
pub mod user;
pub mod words;
pub mod zone;
