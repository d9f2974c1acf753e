//! The evaluation itself: which of everything that matches decides.

use super::covers::covers;
use super::fit::{self, Denial, Fit, Stage, Unfit};
use super::rights::Rights;
use super::validity::opens;
use super::{Ask, By, Decision, Elevate, Explanation, Fixed, GrantView, Held, Launch, Refusal, Standing};
use crate::application::Side;
use crate::document::PolicyDocument;
use crate::escape;
use crate::id::PolicyId;
use crate::policy::{Binds, FixedFrom, Mode, Validity};
use crate::request::PolicyRef;
use crate::user::Member;

/// Decides one launch.
///
/// What would run is found first, for its target user; a deny that matches it wins over all of it. Without a policy that could be
/// read in full, and for anything that nothing clearly allows, the answer is a refusal.
///
/// This is the plain form, which looks at every policy. `Policies` gives the same answers without looking at those that cannot matter.
pub fn decide(policies: &[Held<'_>], grants: &[GrantView], launch: &Launch, standing: &Standing) -> Decision {
    if let Some(refusal) = refused_at_once(launch, standing) {
        return Decision::Refuse(refusal);
    }
    let find = |id: &PolicyId| policies.iter().find(|held| held.document.id == *id).cloned();
    let allowed = by_grant(find, grants, launch, standing).or_else(|| by_policy(policies, launch, standing));
    // INVARIANT: nothing is allowed past this line that a deny matches.
    if let Some(refusal) = denied(policies, launch, target_of(allowed.as_ref(), launch), standing) {
        return Decision::Refuse(refusal);
    }
    allowed.unwrap_or_else(|| Decision::Refuse(nearest(policies, launch, standing)))
}

/// What is refused before any policy is looked at.
pub(super) fn refused_at_once(launch: &Launch, standing: &Standing) -> Option<Refusal> {
    if standing.unreadable_deny {
        let reason = "a policy of this computer cannot be read by this version, and it may deny this";
        return Some(Refusal { code: "unreadable_policy", reason: reason.into(), policy: None, message: None });
    }
    if launch.member.user.uid == u32::MAX || launch.member.user.name.is_empty() {
        return Some(Refusal { code: "account", reason: "the caller is no account".into(), policy: None, message: None });
    }
    None
}

/// As whom it would run.
pub(super) fn target_of<'a>(allowed: Option<&'a Decision>, launch: &'a Launch) -> &'a str {
    match allowed {
        Some(Decision::Elevate(elevate)) => &elevate.target_user,
        Some(Decision::Ask(ask)) => &ask.target_user,
        Some(Decision::Refuse(_)) | None => launch.target_user.as_deref().unwrap_or("root"),
    }
}

/// A policy's id, version and name.
pub(super) fn reference(document: &PolicyDocument) -> PolicyRef {
    PolicyRef { id: document.id.clone(), version: document.version, name: document.policy.name.clone() }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escape::terminal(text.as_bytes()))
}

/// The first deny that matches; one that names the user for certain before one that is in doubt, then the lower id.
fn denied(policies: &[Held<'_>], launch: &Launch, target: &str, standing: &Standing) -> Option<Refusal> {
    let denials = policies.iter().filter(|held| held.document.policy.mode == Mode::Deny).filter_map(|held| {
        fit::denies(held.document, held.fixed, launch, target, standing.wall).ok().map(|denial| (held.document, denial))
    });
    let (document, denial) = denials.min_by_key(|(document, denial)| (!denial.names_user, &document.id))?;
    Some(denied_by(document, denial))
}

/// What a deny says.
pub(super) fn denied_by(document: &PolicyDocument, denial: Denial) -> Refusal {
    let reason = if denial.names_user {
        format!("denied by policy {}: {}", quoted(&document.policy.name), denial.by)
    } else {
        format!("whether this is denied is not certain: {}", denial.by)
    };
    let message = denial.names_user.then(|| document.policy.message.clone()).filter(|m| !m.is_empty());
    Refusal { code: "denied", reason, policy: Some(reference(document)), message }
}

/// The grant that is for exactly this, still covered by its policy, with the most time left.
pub(super) fn by_grant<'a>(
    find: impl Fn(&PolicyId) -> Option<Held<'a>>,
    grants: &[GrantView],
    launch: &Launch,
    standing: &Standing,
) -> Option<Decision> {
    let usable = grants.iter().filter(|grant| is_for(grant, launch)).filter_map(|grant| {
        let held = find(&grant.policy.id)?;
        let as_granted = Launch { target_user: Some(grant.target.name.clone()), ..launch.clone() };
        covers(held.document, grant, &as_granted, standing).ok()?;
        let fit = fit::allows(&held, &as_granted, standing).ok()?;
        let longest_millis = grant.remaining_millis.min(fit.left_millis);
        (longest_millis > 0).then_some((longest_millis, grant, held))
    });
    let (longest_millis, grant, held) = usable.max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.id.cmp(&a.1.id)))?;
    Some(Decision::Elevate(Box::new(Elevate {
        policy: grant.policy.clone(),
        by: By::Grant(grant.id.clone()),
        elevation: grant.elevation.clone(),
        target_user: grant.target.name.clone(),
        authentication: grant.authentication,
        remember: grant.remember,
        longest_millis,
        staleness: held.document.policy.staleness,
        starts_validity: starts_validity(&held),
    })))
}

/// Whether a grant is this user's, for this application, target and, where it binds the command, arguments and directory.
fn is_for(grant: &GrantView, launch: &Launch) -> bool {
    let user = &launch.member.user;
    let target = launch.target_user.as_deref().unwrap_or_else(|| fit::default_target(&grant.elevation, user));
    let same_command = match grant.binds {
        Binds::Command => grant.arguments == launch.arguments && grant.directory == launch.directory,
        Binds::Application => true,
    };
    let interpreter = |facts: &crate::application::Facts| {
        facts.interpreter.as_ref().map(|i| (i.named.clone(), i.path.clone(), i.argument.clone(), i.sha256))
    };
    grant.user == *user
        && grant.target.name == target
        && grant.facts.path == launch.facts.path
        && grant.facts.sha256 == launch.facts.sha256
        && interpreter(&grant.facts) == interpreter(&launch.facts)
        && same_command
}

/// The best policy of the first mode that has one.
fn by_policy(policies: &[Held<'_>], launch: &Launch, standing: &Standing) -> Option<Decision> {
    [Mode::Automatic, Mode::Justify, Mode::Request].into_iter().find_map(|mode| {
        policies
            .iter()
            .filter(|held| held.document.policy.mode == mode)
            .filter_map(|held| fit::allows(held, launch, standing).ok().map(|fit| (held, fit)))
            .min_by_key(|(held, fit)| (fit.matched.specificity, Rights::of(&held.document.policy), &held.document.id))
            .and_then(|(held, fit)| allowed_by(mode, held, fit))
    })
}

/// What a policy of a mode gives that fits.
pub(super) fn allowed_by(mode: Mode, held: &Held<'_>, fit: Fit) -> Option<Decision> {
    let policy = &held.document.policy;
    let longest_millis = policy.request.max_duration.millis().min(fit.left_millis);
    let by = match mode {
        Mode::Deny => return None,
        Mode::Automatic => By::Automatic,
        Mode::Justify => By::Justify,
        Mode::Request => {
            return Some(Decision::Ask(Box::new(Ask {
                policy: reference(held.document),
                terms: policy.request.clone(),
                message: policy.message.clone(),
                elevation: policy.elevation.clone(),
                target_user: fit.target,
                authentication: policy.authentication(),
                remember: policy.remember,
                staleness: policy.staleness,
                longest_millis,
            })));
        }
    };
    Some(Decision::Elevate(Box::new(Elevate {
        policy: reference(held.document),
        by,
        elevation: policy.elevation.clone(),
        target_user: fit.target,
        authentication: policy.authentication(),
        remember: policy.remember,
        longest_millis,
        staleness: policy.staleness,
        starts_validity: starts_validity(held),
    })))
}

fn starts_validity(held: &Held<'_>) -> bool {
    held.fixed == Fixed::NotStarted && matches!(held.document.policy.validity, Validity::Fixed { from: FixedFrom::FirstUse, .. })
}

/// The refusal where nothing allows: told by the policy that names this user and came nearest, never by one that does not name them.
fn nearest(policies: &[Held<'_>], launch: &Launch, standing: &Standing) -> Refusal {
    let unfits = policies.iter().filter(|held| held.document.policy.mode != Mode::Deny).filter_map(|held| {
        let unfit = fit::allows(held, launch, standing).err().filter(|unfit| unfit.stage > Stage::Users)?;
        Some((held.document, unfit))
    });
    refused_by(unfits.max_by(|(a, x), (b, y)| (x.stage, x.held).cmp(&(y.stage, y.held)).then_with(|| b.id.cmp(&a.id))), launch, standing)
}

/// What the policy that came nearest says, where there is one.
pub(super) fn refused_by(found: Option<(&PolicyDocument, Unfit)>, launch: &Launch, standing: &Standing) -> Refusal {
    let target = launch.target_user.as_deref().map_or_else(String::new, |name| format!(" as {}", quoted(name)));
    let nothing = format!("no policy lets {} run \"{}\"{target} here", quoted(&launch.member.user.name), launch.facts.path);
    let Some((document, unfit)) = found else {
        return Refusal { code: "no_policy", reason: nothing, policy: None, message: None };
    };
    // One that is for other applications altogether had no part in it; whom it tells to turn to still helps.
    let had_part = !matches!(unfit.stage, Stage::Disabled | Stage::Users | Stage::Applications) || unfit.held > 0;
    let (code, reason) = told(document, &unfit, nothing, standing);
    let message = Some(document.policy.message.clone()).filter(|m| !m.is_empty());
    Refusal { code, reason, policy: had_part.then(|| reference(document)), message }
}

fn told(document: &PolicyDocument, unfit: &Unfit, nothing: String, standing: &Standing) -> (&'static str, String) {
    let name = quoted(&document.policy.name);
    let why = &unfit.reason;
    match unfit.stage {
        // A rule for another application altogether explains nothing.
        Stage::Disabled | Stage::Users | Stage::Applications if unfit.held == 0 => ("no_policy", nothing),
        Stage::Disabled | Stage::Users | Stage::Applications | Stage::Exceptions => {
            ("no_policy", format!("{nothing}; policy {name} comes nearest: {why}"))
        }
        Stage::TargetUser => ("target_user", format!("policy {name} is not for this target user: {why}")),
        Stage::Validity => {
            let code = if matches!(document.policy.validity, Validity::Fixed { .. }) || why.starts_with("ended") {
                "expired"
            } else {
                "outside_hours"
            };
            let next = opens(&document.policy.validity, standing.wall);
            let next = if next.is_empty() { next } else { format!("; {next}") };
            (code, format!("policy {name} does not hold now: {why}{next}"))
        }
        Stage::Staleness => ("stale", format!("policy {name} is {why}")),
    }
}

/// Why each policy did or did not match, in the decision that `decide` gives: the policy that decides is always one that matched.
/// Every policy is in it: show a user only those that `names_user` gives. What names this user for certain is enough to be right about
/// those policies themselves.
#[must_use]
pub fn explain(policies: &[Held<'_>], grants: &[GrantView], launch: &Launch, standing: &Standing) -> Vec<Explanation> {
    let find = |id: &PolicyId| policies.iter().find(|held| held.document.id == *id).cloned();
    let allowed = by_grant(find, grants, launch, standing).or_else(|| by_policy(policies, launch, standing));
    // A deny is asked about the user as whom it would run, and a grant's policy about the user whom the grant names.
    let target = target_of(allowed.as_ref(), launch);
    let allowing = match &allowed {
        Some(Decision::Elevate(elevate)) => Some(&elevate.policy.id),
        Some(Decision::Ask(ask)) => Some(&ask.policy.id),
        Some(Decision::Refuse(_)) | None => None,
    };
    let as_decided = Launch { target_user: Some(target.to_owned()), ..launch.clone() };
    let one = |held: &Held<'_>| {
        let policy = &held.document.policy;
        let answer = if policy.mode == Mode::Deny {
            fit::denies(held.document, held.fixed, launch, target, standing.wall).map(|denial| denial.by)
        } else {
            let launch = if allowing == Some(&held.document.id) { &as_decided } else { launch };
            fit::allows(held, launch, standing).map(|fit| fit.matched.by)
        };
        let nearness = match &answer {
            Ok(_) => u32::MAX,
            Err(unfit) => unfit.nearness(),
        };
        let (matched, because) = match answer {
            Ok(by) => (true, by),
            Err(unfit) if unfit.stage == Stage::Validity => (false, format!("validity: {}", unfit.reason)),
            Err(unfit) if unfit.stage == Stage::Staleness => (false, format!("staleness: {}", unfit.reason)),
            Err(unfit) => (false, unfit.reason),
        };
        Explanation { policy: reference(held.document), mode: policy.mode, matched, because, nearness }
    };
    policies.iter().map(one).collect()
}

/// Whether a policy names this user for certain, so that they may know of it (DESIGN section 5).
#[must_use]
pub fn names_user(document: &PolicyDocument, member: &Member) -> bool {
    document.policy.enabled && member.is_named(&document.policy.users, &document.user_groups).for_side(Side::Allow).is_ok()
}
