//! The executing roles as real processes: who a program runs as, what it inherits, and that its end is the end.
//!
//! Everything here makes cgroups, users or foreign identities and must run as root; it fails, and says so, otherwise.

#[cfg(test)]
mod authn;
#[cfg(test)]
mod containment;
#[cfg(test)]
mod names;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod start;
#[cfg(test)]
mod template;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod waiting;
