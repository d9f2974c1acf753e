//! The decision, naively: three-valued logic spelled out, everything computed for everything, no explanations.

use std::path::Path;

use brevet_core::application::{Argument, Fact, Package, Rule};
use brevet_core::decide::{By, Decision, Fixed, GrantView, Held, Launch, Standing};
use brevet_core::document::PolicyDocument;
use brevet_core::id::PolicyId;
use brevet_core::policy::{Applications, Authentication, Binds, Containment, Mode, Scope, Validity};
use brevet_core::text::OsText;
use brevet_core::time::Timestamp;

/// `None` is unknown.
type Maybe = Option<bool>;

fn every(answers: &[Maybe]) -> Maybe {
    if answers.contains(&Some(false)) {
        Some(false)
    } else if answers.contains(&None) {
        None
    } else {
        Some(true)
    }
}
fn some_of(answers: &[Maybe]) -> Maybe {
    if answers.contains(&Some(true)) {
        Some(true)
    } else if answers.contains(&None) {
        None
    } else {
        Some(false)
    }
}
fn fact<T>(fact: &Fact<T>) -> Option<&T> {
    fact.known()
}

/// Step, narrowness, rights and id: the least decides.
type Rank = (usize, usize, Vec<u64>, PolicyId);

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Unreadable,
    Denied,
    Refused,
    Elevate { policy: PolicyId, by: &'static str, longest: u64, target: String },
    Ask { policy: PolicyId, longest: u64, target: String },
}

struct World<'a> {
    document: &'a PolicyDocument,
    launch: &'a Launch,
    target: String,
    allow: bool,
}

impl World<'_> {
    fn user(&self) -> Maybe {
        let Scope::Named(names) = &self.document.policy.users else { return Some(true) };
        let me = &self.launch.member;
        let each = |name: &String| match name.split_once(':') {
            Some(("group", group)) => self.document.user_groups.get(group).map(|users| users.contains(&me.user.name)),
            Some((_, group)) => fact(&me.groups).map(|groups| groups.contains(&group.to_owned())),
            None => Some(*name == me.user.name),
        };
        some_of(&names.iter().map(each).collect::<Vec<_>>())
    }

    fn trusted(&self, chain: &Fact<bool>) -> Maybe {
        if self.allow { fact(chain).copied() } else { Some(true) }
    }

    fn interpreter_trusted(&self) -> Maybe {
        self.launch.facts.interpreter.as_ref().map_or(Some(true), |interpreter| self.trusted(&interpreter.chain))
    }

    fn all_applications(&self) -> Maybe {
        every(&[self.trusted(&self.launch.facts.chain), self.interpreter_trusted()])
    }

    fn path_is(&self, test: impl Fn(&Path) -> bool) -> Maybe {
        let facts = &self.launch.facts;
        Some(facts.names.iter().chain([&facts.path]).any(|name| test(Path::new(name.as_str().unwrap()))))
    }

    fn package(&self, test: impl Fn(&Package) -> Maybe) -> Maybe {
        match fact(&self.launch.facts.package) {
            None => None,
            Some(None) => Some(false),
            Some(Some(package)) => test(package),
        }
    }

    /// Whether a rule without a list holds.
    fn plain(&self, rule: &Rule) -> Maybe {
        let facts = &self.launch.facts;
        let mut all = Vec::new();
        let mut only_hash = rule.hash.is_some();
        if let Some(hash) = rule.hash {
            all.push(Some(facts.sha256 == hash));
        }
        if let Some(file) = &rule.file {
            only_hash = false;
            all.push(self.path_is(|name| name == Path::new(file)));
        }
        if let Some(folder) = &rule.folder {
            only_hash = false;
            all.push(
                self.path_is(|name| name.ancestors().skip(1).take(if rule.subfolders { 99 } else { 1 }).any(|a| a == Path::new(folder))),
            );
        }
        if let Some(name) = &rule.executable {
            only_hash = false;
            all.push(Some(Path::new(facts.path.as_str().unwrap()).file_name().unwrap().to_str() == Some(name)));
            if self.allow {
                all.push(self.package(|p| fact(&p.unchanged).copied()));
            }
        }
        if let Some(name) = &rule.product {
            only_hash = false;
            all.push(self.package(|p| Some(p.name == *name)));
        }
        if let Some(name) = &rule.vendor {
            only_hash = false;
            all.push(self.package(|p| Some(p.vendor.as_ref() == Some(name))));
        }
        if let Some(wanted) = rule.unchanged {
            only_hash = false;
            all.push(self.package(|p| fact(&p.unchanged).map(|found| *found == wanted)));
        }
        // Versions here are single digits, so that numbers order them.
        let number = |text: &str| text.parse::<u32>().unwrap();
        if let Some(least) = &rule.min_version {
            only_hash = false;
            all.push(self.package(|p| Some(number(&p.version) >= number(least))));
        }
        if let Some(most) = &rule.max_version {
            only_hash = false;
            all.push(self.package(|p| Some(number(&p.version) <= number(most))));
        }
        if let Some(owner) = &rule.owner {
            all.push(fact(&facts.owner).map(|found| found == owner));
        }
        if !only_hash {
            all.push(self.trusted(&facts.chain));
        }
        all.push(self.interpreter_trusted());
        all.extend(self.outer(rule));
        every(&all)
    }

    /// The conditions that may stand beside a list.
    fn outer(&self, rule: &Rule) -> Vec<Maybe> {
        let mut all = Vec::new();
        if let Some(patterns) = &rule.arguments {
            let exact: Vec<OsText> = patterns
                .iter()
                .map(|pattern| match pattern {
                    Argument::Exact(text) => text.as_str().into(),
                    _ => unreachable!("only exact arguments are generated"),
                })
                .collect();
            all.push(Some(exact == self.launch.arguments));
        }
        if let Some(user) = &rule.target_user {
            all.push(Some(*user == self.target));
        }
        all
    }

    /// Every way in which a rule can hold: how narrow, whether it names the target, whether it holds.
    fn ways(&self, rule: &Rule) -> Vec<(usize, bool, Maybe)> {
        let Some(list) = &rule.list else { return vec![(narrowness(rule), rule.target_user.is_some(), self.plain(rule))] };
        let outer = every(&self.outer(rule));
        match self.document.lists.get(list) {
            None => vec![(6, rule.target_user.is_some(), every(&[outer, None]))],
            Some(inner) => inner
                .iter()
                .map(|each| (narrowness(each), each.target_user.is_some() || rule.target_user.is_some(), every(&[outer, self.plain(each)])))
                .collect(),
        }
    }

    fn counts(&self, answer: Maybe) -> bool {
        answer.unwrap_or(!self.allow)
    }

    /// How narrow the narrowest match is.
    fn applications(&self, default_target: &str) -> Option<usize> {
        match &self.document.policy.applications {
            Applications::All => (self.counts(self.all_applications()) && self.target == default_target).then_some(6),
            Applications::Rules(rules) => rules
                .iter()
                .flat_map(|rule| self.ways(rule))
                .filter(|(_, names_target, answer)| self.counts(*answer) && (*names_target || self.target == default_target))
                .map(|(narrow, ..)| narrow)
                .min(),
        }
    }

    /// An exception of what allows counts doubts, one of a deny does not.
    fn excepted(&self) -> bool {
        let other = World { document: self.document, launch: self.launch, target: self.target.clone(), allow: !self.allow };
        self.document.policy.exceptions.iter().flat_map(|rule| other.ways(rule)).any(|(.., answer)| other.counts(answer))
    }
}

fn narrowness(rule: &Rule) -> usize {
    [
        rule.hash.is_some(),
        rule.file.is_some(),
        rule.executable.is_some(),
        rule.product.is_some(),
        rule.vendor.is_some(),
        rule.folder.is_some(),
    ]
    .iter()
    .position(|written| *written)
    .unwrap_or(6)
}

fn time_left(held: &Held<'_>, wall: Timestamp) -> u64 {
    match &held.document.policy.validity {
        Validity::Always => u64::MAX,
        Validity::Fixed { duration, .. } => match held.fixed {
            Fixed::NotStarted => duration.millis(),
            Fixed::Started { elapsed_millis } => duration.millis().saturating_sub(elapsed_millis),
        },
        Validity::Window { start, end } if *start <= wall && wall < *end => u64::try_from(end.millis() - wall.millis()).unwrap(),
        Validity::Window { .. } => 0,
        Validity::Recurring { .. } => unreachable!("not generated here"),
    }
}

/// Narrowness and time left where the policy may be used for this target.
fn usable(held: &Held<'_>, launch: &Launch, target: &str, standing: &Standing) -> Option<(usize, u64)> {
    let policy = &held.document.policy;
    let world = World { document: held.document, launch, target: target.into(), allow: true };
    let narrow = world.applications(&policy.elevation.run_as)?;
    let left = time_left(held, standing.wall);
    let fresh = standing.heartbeat_age_millis.is_some_and(|age| age <= policy.staleness.millis());
    (policy.enabled && world.user() == Some(true) && !world.excepted() && left > 0 && fresh).then_some((narrow, left))
}

fn denied(held: &Held<'_>, launch: &Launch, target: &str, standing: &Standing) -> bool {
    let world = World { document: held.document, launch, target: target.into(), allow: false };
    held.document.policy.enabled
        && held.document.policy.mode == Mode::Deny
        && world.user() != Some(false)
        && world.applications(target).is_some()
        && !world.excepted()
        && time_left(held, standing.wall) > 0
}

fn grant_fits(grant: &GrantView, launch: &Launch) -> bool {
    let target = launch.target_user.clone().unwrap_or_else(|| grant.elevation.run_as.clone());
    let command = grant.binds == Binds::Application || (grant.arguments == launch.arguments && grant.directory == launch.directory);
    let (a, b) = (&grant.facts, &launch.facts);
    let same_file =
        a.path == b.path && a.sha256 == b.sha256 && a.interpreter.as_ref().map(|i| i.sha256) == b.interpreter.as_ref().map(|i| i.sha256);
    grant.user == launch.member.user && grant.target.name == target && same_file && command && grant.remaining_millis > 0
}

pub fn naive(policies: &[Held<'_>], grants: &[GrantView], launch: &Launch, standing: &Standing) -> Answer {
    if standing.unreadable_deny {
        return Answer::Unreadable;
    }
    let mut candidates: Vec<(Rank, Answer)> = Vec::new();
    for grant in grants.iter().filter(|grant| grant_fits(grant, launch)) {
        let Some(held) = policies.iter().find(|held| held.document.id == grant.policy.id) else { continue };
        if held.document.policy.mode == Mode::Deny {
            continue;
        }
        if let Some((_, left)) = usable(held, launch, &grant.target.name, standing) {
            let longest = left.min(grant.remaining_millis);
            // The most time left first, then the lower id.
            let before = u64::try_from(grants.iter().filter(|other| other.id < grant.id).count()).unwrap();
            let key = (0, 0, vec![u64::MAX - longest, before], held.document.id.clone());
            candidates
                .push((key, Answer::Elevate { policy: grant.policy.id.clone(), by: "grant", longest, target: grant.target.name.clone() }));
        }
    }
    for held in policies {
        let policy = &held.document.policy;
        let target = launch.target_user.clone().unwrap_or_else(|| policy.elevation.run_as.clone());
        let Some((narrow, left)) = usable(held, launch, &target, standing) else { continue };
        let longest = left.min(policy.request.max_duration.millis());
        let id = held.document.id.clone();
        let (step, answer) = match policy.mode {
            Mode::Deny => continue,
            Mode::Automatic => (1, Answer::Elevate { policy: id.clone(), by: "automatic", longest, target }),
            Mode::Justify => (2, Answer::Elevate { policy: id.clone(), by: "justify", longest, target }),
            Mode::Request => (3, Answer::Ask { policy: id.clone(), longest, target }),
        };
        let rights = vec![
            u64::from(policy.elevation.run_as == "root"),
            u64::from(policy.elevation.containment == Containment::Cgroup),
            u64::from(policy.authentication() == Authentication::None),
            policy.request.max_duration.seconds(),
        ];
        candidates.push(((step, narrow, rights, id), answer));
    }
    let best = candidates.into_iter().min_by(|a, b| a.0.cmp(&b.0)).map(|(_, answer)| answer);
    let target = match &best {
        Some(Answer::Elevate { target, .. } | Answer::Ask { target, .. }) => target.clone(),
        _ => launch.target_user.clone().unwrap_or_else(|| "root".into()),
    };
    if policies.iter().any(|held| denied(held, launch, &target, standing)) {
        return Answer::Denied;
    }
    best.unwrap_or(Answer::Refused)
}

pub fn flat(decision: &Decision) -> Answer {
    match decision {
        Decision::Refuse(refusal) if refusal.code == "denied" => Answer::Denied,
        Decision::Refuse(refusal) if refusal.code == "unreadable_policy" => Answer::Unreadable,
        Decision::Refuse(_) => Answer::Refused,
        Decision::Elevate(elevate) => Answer::Elevate {
            policy: elevate.policy.id.clone(),
            by: match elevate.by {
                By::Grant(_) => "grant",
                By::Automatic => "automatic",
                By::Justify => "justify",
            },
            longest: elevate.longest_millis,
            target: elevate.target_user.clone(),
        },
        Decision::Ask(ask) => Answer::Ask { policy: ask.policy.id.clone(), longest: ask.longest_millis, target: ask.target_user.clone() },
    }
}
