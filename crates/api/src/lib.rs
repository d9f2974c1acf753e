//! Wire types of Brevet: what leaves a process, and nothing else.
//!
//! Everything here is read from somebody else: unknown fields and unbounded lengths are refused where the type is closed.

pub mod agent;
pub mod broker;
pub mod config;
pub mod frame;
pub mod link;
pub mod rest;
