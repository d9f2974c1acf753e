//! Whether one policy fits one launch, and if not, how far it came.
//!
//! What refuses and what allows are asked apart: the same unknown fact counts for the one and against the other.

use super::validity::{self, Holds, holds};
use super::{Fixed, Held, Launch, Standing};
use crate::application::{Against, Lists, Matched, Miss, Side, hold_all, hold_everything};
use crate::document::PolicyDocument;
use crate::escape;
use crate::policy::{Applications, Elevation, Validity};
use crate::time::{Length, Timestamp};
use crate::user::User;

/// A policy that allows or lets ask, and everything it asks for holds.
pub(super) struct Fit {
    pub matched: Matched,
    /// Name of the target user.
    pub target: String,
    /// How long its validity still lasts.
    pub left_millis: u64,
}

/// How far a policy came; the later, the nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Disabled,
    Users,
    Applications,
    Exceptions,
    TargetUser,
    Validity,
    Staleness,
}

/// Why a policy does not fit.
#[derive(Debug)]
pub(super) struct Unfit {
    pub stage: Stage,
    /// Conditions that held of the rule that came nearest.
    pub held: usize,
    pub reason: String,
}

impl Unfit {
    pub(super) const fn new(stage: Stage, reason: String) -> Self {
        Self { stage, held: 0, reason }
    }

    /// How near it came, as a number; 0 where it is for other people or other applications altogether.
    pub(super) fn nearness(&self) -> u32 {
        let held = u32::try_from(self.held).unwrap_or(u32::MAX).min(999);
        match self.stage {
            Stage::Disabled | Stage::Users => 0,
            Stage::Applications => held,
            Stage::Exceptions => 1000,
            Stage::TargetUser => 2000,
            Stage::Validity => 3000,
            Stage::Staleness => 4000,
        }
    }
}

/// As whom it runs when nobody says otherwise.
pub(super) fn default_target<'a>(elevation: &'a Elevation, user: &'a User) -> &'a str {
    if elevation.run_as == "self" { &user.name } else { &elevation.run_as }
}

/// Whether a policy that allows or lets ask may be used for this launch now.
pub(super) fn allows(held: &Held<'_>, launch: &Launch, standing: &Standing) -> Result<Fit, Unfit> {
    let document = held.document;
    let default = default_target(&document.policy.elevation, &launch.member.user);
    let target = launch.target_user.as_deref().unwrap_or(default);
    let matched = includes(document, launch, target)?;
    let left_millis = match holds(&document.policy.validity, held.fixed, standing.wall) {
        Holds::For(millis) => millis,
        Holds::No(why) => return Err(Unfit::new(Stage::Validity, why)),
    };
    fresh(document.policy.staleness, standing).map_err(|why| Unfit::new(Stage::Staleness, why))?;
    Ok(Fit { matched, target: target.to_owned(), left_millis })
}

/// Who and what: everything about a policy that does not depend on the moment.
pub(super) fn includes(document: &PolicyDocument, launch: &Launch, target: &str) -> Result<Matched, Unfit> {
    let policy = &document.policy;
    if !policy.enabled {
        return Err(Unfit::new(Stage::Disabled, "enabled: it is disabled".into()));
    }
    let named = launch.member.is_named(&policy.users, &document.user_groups).for_side(Side::Allow);
    named.map_err(|why| Unfit::new(Stage::Users, format!("users: {why}")))?;

    let against = Against { facts: &launch.facts, arguments: &launch.arguments, target_user: target };
    let results = match &policy.applications {
        Applications::All => vec![hold_everything(&launch.facts, Side::Allow)],
        Applications::Rules(rules) => hold_all(rules, &document.lists, against, Side::Allow),
    };
    let matched = narrowest_for(results, target, default_target(&policy.elevation, &launch.member.user))?;
    if let Some(excepted) = excepted(&policy.exceptions, &document.lists, against, Side::Deny) {
        return Err(Unfit::new(Stage::Exceptions, format!("except: {excepted}")));
    }
    Ok(matched)
}

/// The narrowest match that may run as the target: the policy's own, or one that the rule names.
fn narrowest_for(results: Vec<Result<Matched, Miss>>, target: &str, default: &str) -> Result<Matched, Unfit> {
    let shown = |name: &str| escape::terminal(name.as_bytes());
    let mut best: Option<Matched> = None;
    let mut nearest: Option<Unfit> = None;
    let count = results.len();
    for result in results {
        let unfit = match result {
            Ok(matched) if target == default || matched.names_target => {
                if best.as_ref().is_none_or(|b| matched.specificity < b.specificity) {
                    best = Some(matched);
                }
                continue;
            }
            Ok(_) => Unfit::new(Stage::TargetUser, format!("run_as: it runs as \"{}\", not \"{}\"", shown(default), shown(target))),
            Err(miss) => {
                let stage = if miss.field == "target_user" { Stage::TargetUser } else { Stage::Applications };
                Unfit { stage, held: miss.held, reason: format!("{}: {}", miss.field, miss.reason) }
            }
        };
        if nearest.as_ref().is_none_or(|n| (unfit.stage, unfit.held) > (n.stage, n.held)) {
            nearest = Some(unfit);
        }
    }
    best.ok_or_else(|| match nearest {
        None => Unfit::new(Stage::Applications, "applications: no rule is given".into()),
        // Of several that are all for something else, the first is no better reason than the last.
        Some(Unfit { stage: Stage::Applications, held: 0, reason }) if count > 1 => {
            Unfit::new(Stage::Applications, format!("applications: none of its {count} rules is for this: {reason}; and so on"))
        }
        Some(unfit) => unfit,
    })
}

fn excepted(rules: &[crate::application::Rule], lists: &Lists, against: Against<'_>, side: Side) -> Option<String> {
    hold_all(rules, lists, against, side).into_iter().flatten().next().map(|matched| matched.by)
}

/// Whether the server was heard of lately enough; `Err` says how long ago it was.
pub(crate) fn fresh(staleness: Length, standing: &Standing) -> Result<(), String> {
    match standing.heartbeat_age_millis {
        Some(age) if age <= staleness.millis() => Ok(()),
        Some(age) => {
            let age = Length::from_seconds(age / 1000);
            Err(format!("usable for {staleness} without the server, which was last heard {age} ago"))
        }
        None => Err(format!("usable for {staleness} without the server, which was never heard")),
    }
}

/// A deny that applies.
pub(super) struct Denial {
    /// Whether it names this user without doubt, so that they may read of it.
    pub names_user: bool,
    /// By which rule, in words.
    pub by: String,
}

/// Whether a deny applies, counting every doubt for it. Its exceptions let something pass, so a doubt counts against them.
pub(super) fn denies(document: &PolicyDocument, fixed: Fixed, launch: &Launch, target: &str, wall: Timestamp) -> Result<Denial, Unfit> {
    let policy = &document.policy;
    if !policy.enabled {
        return Err(Unfit::new(Stage::Disabled, "enabled: it is disabled".into()));
    }
    let named = launch.member.is_named(&policy.users, &document.user_groups);
    let names_user = named.is_yes();
    let doubt = named.for_side(Side::Deny).map_err(|why| Unfit::new(Stage::Users, format!("users: {why}")))?;

    let against = Against { facts: &launch.facts, arguments: &launch.arguments, target_user: target };
    let results = match &policy.applications {
        Applications::All => vec![hold_everything(&launch.facts, Side::Deny)],
        Applications::Rules(rules) => hold_all(rules, &document.lists, against, Side::Deny),
    };
    let matched = narrowest_for(results, target, target)?;
    if let Some(excepted) = excepted(&policy.exceptions, &document.lists, against, Side::Allow) {
        return Err(Unfit::new(Stage::Exceptions, format!("except: {excepted}")));
    }
    if let (Holds::No(why), false) = (holds(&policy.validity, fixed, wall), zone_is_unknown(&policy.validity)) {
        return Err(Unfit::new(Stage::Validity, why));
    }
    Ok(Denial { names_user, by: if names_user { matched.by } else { doubt } })
}

/// Hours in a zone that this version does not know are a doubt, too.
fn zone_is_unknown(validity: &Validity) -> bool {
    matches!(validity, Validity::Recurring { zone, .. } if validity::find_zone(zone).is_none())
}
