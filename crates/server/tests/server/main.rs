//! The server as others see it: real HTTP over TLS, typed actors, a database of its own for each test.

#[cfg(test)]
mod access;
#[cfg(test)]
mod agent;
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod break_glass;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod console;
#[cfg(test)]
mod console_access;
#[cfg(test)]
mod console_applications;
#[cfg(test)]
mod console_events;
#[cfg(test)]
mod console_large;
#[cfg(test)]
mod console_overview;
#[cfg(test)]
mod console_passkey;
#[cfg(test)]
mod console_policies;
#[cfg(test)]
mod console_settings;
#[cfg(test)]
mod console_sign_in;
#[cfg(test)]
mod console_single;
#[cfg(test)]
mod console_zone;
#[cfg(test)]
mod current;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod enrolment;
#[cfg(test)]
mod event_log;
#[cfg(test)]
mod events;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod four_eyes;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod large;
#[cfg(test)]
mod many;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod notification;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod schemathesis;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod searching;
#[cfg(test)]
mod sequence;
#[cfg(test)]
mod sorting;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tears;
#[cfg(test)]
mod unread;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod visitor;
#[cfg(test)]
mod web;
