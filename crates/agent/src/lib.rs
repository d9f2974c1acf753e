//! `brevetd`: the half of the agent that listens to the network.
//!
//! It carries documents down and the journal up. It must never decide, elevate, see a password, or hold a key that anything but
//! transport trusts: everything that it delivers is verified by the broker.

pub mod backoff;
pub mod carry;
pub mod enrol;
pub mod events;
pub mod link;
pub mod run;
pub mod server;
pub mod tls;
pub mod user;
