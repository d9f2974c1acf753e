//! The command against a broker of ours on a unix socket: every message, on pipes and on real pseudo-terminals.
//!
//! Needs root: the command talks only to a socket that is root's.

#[cfg(test)]
mod asking;
#[cfg(test)]
mod closed;
#[cfg(test)]
mod early;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod narrow;
#[cfg(test)]
mod password;
#[cfg(test)]
mod query;
#[cfg(test)]
mod session;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod support;
