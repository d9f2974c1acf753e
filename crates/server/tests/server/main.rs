//! The server as others see it: real HTTP over TLS, typed actors, a database of its own for each test.

mod access;
mod agent;
mod console;
mod decisions;
mod definitions;
mod enrolment;
mod flow;
mod journal;
mod support;
