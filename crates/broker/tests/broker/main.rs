//! The broker role as whole processes: a real broker, a `brevetd` that does what a test says, and clients of throw-away users.
//!
//! Must run as root; everything is in a directory of its own and goes with it.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod client;
#[cfg(test)]
mod computer;
#[cfg(test)]
mod user;

#[cfg(test)]
mod budgets;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod coverage;
#[cfg(test)]
#[cfg(feature = "fault-points")]
mod crash;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod elevation;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod restart;
