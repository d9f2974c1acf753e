//! Whether what is running may go on after a policy changed (DESIGN section 5, "changes reach what is running").

use super::fit::{self, Stage};
use super::validity::{Holds, holds};
use super::{Fixed, GrantView, Launch, Standing};
use crate::document::PolicyDocument;
use crate::escape;
use crate::policy::{Mode, Validity};

/// Whether a grant is still covered by a version of its policy, or by another policy's being a deny;
/// `Err` says what no longer covers it.
///
/// Only what leaves the grant out ends it: disabling, denying, narrower users or applications, a validity that is over. Name,
/// description, message and the settings that the grant was approved with are not looked at. A fixed validity is not judged here,
/// since its start is not known here: the grant's own end was bounded by it. Another policy that is not a deny covers nothing and
/// ends nothing: `Ok`. Groups that are unknown count as in every decision; pass those that were known at the start to be lenient.
///
/// # Errors
/// When the policy now leaves the grant out, naming the field.
pub fn covers(document: &PolicyDocument, grant: &GrantView, launch: &Launch, standing: &Standing) -> Result<(), String> {
    let policy = &document.policy;
    let own = document.id == grant.policy.id;
    let name = escape::terminal(policy.name.as_bytes());
    let target = grant.target.name.as_str();
    if policy.mode == Mode::Deny {
        if own && policy.enabled {
            return Err("mode: the policy now denies".into());
        }
        let denied = fit::denies(document, Fixed::NotStarted, launch, target, standing.wall);
        if let Ok(denial) = denied {
            return Err(format!("mode: policy \"{name}\" denies: {}", denial.by));
        }
    }
    if !own {
        return Ok(());
    }
    fit::includes(document, launch, target).map_err(|unfit| match unfit.stage {
        Stage::TargetUser => format!("elevation.{}", unfit.reason),
        Stage::Applications => format!("applications: {}", unfit.reason),
        Stage::Disabled | Stage::Users | Stage::Exceptions | Stage::Validity | Stage::Staleness => unfit.reason,
    })?;
    match &policy.validity {
        Validity::Always | Validity::Fixed { .. } => Ok(()),
        validity @ (Validity::Window { .. } | Validity::Recurring { .. }) => match holds(validity, Fixed::NotStarted, standing.wall) {
            Holds::For(_) => Ok(()),
            Holds::No(why) => Err(format!("validity: {why}")),
        },
    }
}
