//! The evaluation itself.

use super::{Decision, Explanation, GrantView, Held, Launch, Refusal, Standing};
use crate::document::PolicyDocument;
use crate::policy::PolicyError;

/// Decides one launch.
pub fn decide(_policies: &[Held<'_>], _grants: &[GrantView], _launch: &Launch, _standing: &Standing) -> Decision {
    Decision::Refuse(Refusal { code: "no_policy", reason: "no policy allows this".into(), policy: None, message: None })
}

/// Why each policy did or did not match.
#[must_use]
pub fn explain(_policies: &[Held<'_>], _launch: &Launch, _standing: &Standing) -> Vec<Explanation> {
    Vec::new()
}

/// Whether a grant is still covered by a version of its policy (DESIGN section 5, "changes reach what is running");
/// `Err` says what no longer covers it.
///
/// # Errors
/// When the policy now leaves the grant out, naming the field.
pub fn covers(_document: &PolicyDocument, _grant: &GrantView, _launch: &Launch, _standing: &Standing) -> Result<(), String> {
    Err("not covered".into())
}

/// What in a policy document this version of the broker cannot enforce, naming the field; empty when it enforces everything.
#[must_use]
pub fn unsupported(_document: &PolicyDocument) -> Vec<PolicyError> {
    Vec::new()
}
