//! Which of two elevation settings gives fewer rights (DESIGN section 5: after the narrowest rule, fewer rights).

use crate::policy::{AtExpiry, Authentication, Children, Containment, Elevation, Policy};

/// Sorts settings: what gives less comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rights {
    account: u8,
    capabilities: usize,
    children: u8,
    containment: u8,
    environment: usize,
    after_expiry: u64,
    unproved: bool,
    longest: u64,
}

impl Rights {
    /// Of a policy: as whom first, how closely held next, how long last.
    pub(super) const fn of(policy: &Policy) -> Self {
        let elevation = &policy.elevation;
        Self {
            account: account(elevation),
            capabilities: elevation.capabilities.len(),
            children: match elevation.children {
                Children::Deny => 0,
                Children::Listed => 1,
                Children::Allow => 2,
            },
            containment: match elevation.containment {
                Containment::Confined => 0,
                Containment::PidNamespace => 1,
                Containment::Cgroup => 2,
            },
            environment: elevation.keep_environment.len(),
            after_expiry: match (elevation.at_expiry, elevation.finish_within) {
                (AtExpiry::Terminate, _) => 0,
                (AtExpiry::LetFinish, Some(length)) => length.seconds(),
                (AtExpiry::LetFinish, None) => u64::MAX,
            },
            unproved: matches!(policy.authentication(), Authentication::None),
            longest: policy.request.max_duration.seconds(),
        }
    }
}

/// The user themself, another account, root.
const fn account(elevation: &Elevation) -> u8 {
    match elevation.run_as.as_bytes() {
        b"self" => 0,
        b"root" => 2,
        _ => 1,
    }
}
