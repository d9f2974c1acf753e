//! `brevetctl`: everything that the console can do, from a terminal. It has no API of its own and decides nothing itself.

mod apply;
mod autonomous;
pub mod cli;
mod client;
mod computer;
mod enrolment;
pub mod error;
mod event;
mod grant;
mod group;
pub mod import;
mod list;
mod listing;
mod manual;
mod output;
mod person;
mod policy;
mod profile;
mod progress;
mod reference;
mod request;
mod session;
mod setting;
mod stored;
mod token;
mod toml_text;
mod watch;
