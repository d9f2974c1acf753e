//! The broker role as whole processes: a real broker, a `brevetd` that does what a test says, and clients of throw-away users.
//!
//! Must run as root; everything is in a directory of its own and goes with it.

mod agent;
mod client;
mod computer;
mod user;

mod callers;
mod documents;
mod elevation;
mod journal;
mod requests;
mod restart;
