//! Places where a crash test ends the broker, as if the power had gone (DESIGN rule 7).
//!
//! Only with the feature `fault-points`, which releases lack, and only at the point that `BREVET_FAULT` names: `go.before`, or
//! with what it is about, `journal.synced=grant.received`. Without the feature every point is nothing at all.

/// Ends the process here, if this is the point.
#[cfg(feature = "fault-points")]
pub fn point(name: &str) {
    if armed().is_some_and(|armed| armed == name) {
        fall();
    }
}

/// As `point`, told apart by what it is about.
#[cfg(feature = "fault-points")]
pub fn point_of(name: &str, about: impl std::fmt::Display) {
    point(name);
    point(&format!("{name}={about}"));
}

#[cfg(feature = "fault-points")]
fn armed() -> Option<String> {
    std::env::var("BREVET_FAULT").ok()
}

#[cfg(feature = "fault-points")]
fn fall() -> ! {
    crate::say_plain("brevet-broker: fell at its fault point");
    std::process::abort()
}

/// Nothing.
#[cfg(not(feature = "fault-points"))]
pub const fn point(_name: &str) {}

/// Nothing.
#[cfg(not(feature = "fault-points"))]
pub fn point_of(_name: &str, _about: impl std::fmt::Display) {}
