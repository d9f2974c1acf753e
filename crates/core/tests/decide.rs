//! `decide` against a naive evaluator that was written apart from it: three-valued logic spelled out, everything computed for
//! everything, no explanations. Small vocabularies, so that launches and policies often meet.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets the unexpected fails")]

mod sample;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use brevet_core::application::{Argument, Fact, Facts, Package, Rule};
use brevet_core::decide::{By, Decision, Fixed, GrantView, Held, Launch, Standing, covers, decide, explain};
use brevet_core::digest::Digest;
use brevet_core::document::PolicyDocument;
use brevet_core::id::{GrantId, PolicyId};
use brevet_core::policy::{Applications, Authentication, Binds, Containment, FixedFrom, Mode, Policy, Scope, Validity};
use brevet_core::request::PolicyRef;
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::{Member, User};
use proptest::prelude::*;
use proptest::sample::select;

// ---- the naive evaluator ----

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
enum Answer {
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

fn naive(policies: &[Held<'_>], grants: &[GrantView], launch: &Launch, standing: &Standing) -> Answer {
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
            // The most time left first.
            let key = (0, 0, vec![u64::MAX - longest], held.document.id.clone());
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

fn flat(decision: &Decision) -> Answer {
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

// ---- what is generated ----

fn maybe_fact<T: Clone + std::fmt::Debug + 'static>(values: Vec<T>) -> impl Strategy<Value = Fact<T>> {
    prop_oneof![12 => select(values).prop_map(Fact::Known), 1 => Just(Fact::Unknown("no answer".into()))]
}
fn rarely<T: Clone + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = Option<T>> {
    prop_oneof![11 => Just(None), 1 => select(values).prop_map(Some)]
}
fn owned(text: Option<&'static str>) -> Option<String> {
    text.map(str::to_owned)
}

const WALL: i64 = 1_780_315_200_000;
const CONTENTS: [&[u8]; 2] = [b"one", b"two"];

fn package() -> impl Strategy<Value = Fact<Option<Package>>> {
    let known = (select(vec!["p", "q"]), select(vec!["1", "2", "3"]), rarely(&["v", "w"]), maybe_fact(vec![true, true, false]));
    let known = known.prop_map(|(name, version, vendor, unchanged)| Package {
        name: name.into(),
        version: version.into(),
        vendor: vendor.map(str::to_owned),
        unchanged,
    });
    prop_oneof![5 => known.prop_map(|p| Fact::Known(Some(p))), 1 => Just(Fact::Known(None)), 1 => Just(Fact::Unknown("no answer".into()))]
}

fn facts() -> impl Strategy<Value = Facts> {
    let path = select(vec!["/a/x", "/a/b/y", "/c"]);
    let link = rarely(&["/a/x", "/a/b/link"]);
    let interpreter = prop_oneof![5 => Just(None), 1 => maybe_fact(vec![true, true, false]).prop_map(Some)];
    (
        path,
        link,
        maybe_fact(vec![true, true, true, true, true, false]),
        select(vec![0usize, 1]),
        package(),
        maybe_fact(vec!["root", "alice"]),
        interpreter,
    )
        .prop_map(|(path, link, chain, content, package, owner, interpreter)| Facts {
            names: link.into_iter().chain([path]).map(OsText::from).collect(),
            chain,
            sha256: Digest::of(CONTENTS[content]),
            package,
            owner: match owner {
                Fact::Known(owner) => Fact::Known(owner.to_owned()),
                Fact::Unknown(why) => Fact::Unknown(why),
            },
            interpreter: interpreter.map(|chain| brevet_core::application::Interpreter { chain, ..sample::interpreter("/bin/sh") }),
            ..sample::facts(path)
        })
}

fn arguments() -> impl Strategy<Value = Vec<&'static str>> {
    select(vec![vec![], vec!["a"], vec!["a", "b"]])
}

fn member() -> impl Strategy<Value = Member> {
    (select(vec!["alice", "bob"]), maybe_fact(vec![vec![], vec!["g1"], vec!["g1", "g2"]])).prop_map(|(name, groups)| Member {
        user: User { uid: if name == "alice" { 1000 } else { 1001 }, name: name.into() },
        groups: match groups {
            Fact::Known(groups) => Fact::Known(groups.into_iter().map(str::to_owned).collect()),
            Fact::Unknown(why) => Fact::Unknown(why),
        },
    })
}

fn launch() -> impl Strategy<Value = Launch> {
    (member(), facts(), arguments(), select(vec!["/", "/tmp"]), rarely(&["root", "svc"])).prop_map(
        |(member, facts, arguments, directory, target)| Launch {
            member,
            facts,
            arguments: sample::texts(&arguments),
            directory: directory.into(),
            target_user: owned(target),
        },
    )
}

fn plain_rule() -> impl Strategy<Value = Rule> {
    let identity = (
        prop_oneof![4 => Just(None), 1 => select(&[0usize, 1][..]).prop_map(Some)],
        prop_oneof![2 => Just(None), 1 => select(&["/a/x", "/a/b/y", "/c", "/a/b/link"][..]).prop_map(Some)],
        prop_oneof![2 => Just(None), 1 => select(&["/a", "/a/b", "/"][..]).prop_map(Some)],
        any::<bool>(),
        rarely(&["p", "q"]),
        rarely(&["v"]),
        rarely(&["x", "y"]),
    );
    let more = (
        rarely(&[true, false]),
        rarely(&["2"]),
        rarely(&["2"]),
        rarely(&["root"]),
        prop::option::weighted(0.15, arguments()),
        rarely(&["svc", "root"]),
    );
    (identity, more).prop_map(
        |((hash, file, folder, subfolders, product, vendor, executable), (unchanged, min, max, owner, arguments, target))| Rule {
            hash: hash.map(|content| Digest::of(CONTENTS[content])),
            file: owned(file),
            folder: owned(folder),
            subfolders,
            product: owned(product),
            vendor: owned(vendor),
            executable: owned(executable),
            unchanged,
            min_version: owned(min),
            max_version: owned(max),
            owner: owned(owner),
            arguments: arguments.map(|arguments| arguments.into_iter().map(|a| Argument::Exact(a.into())).collect()),
            target_user: owned(target),
            ..Rule::default()
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    let list = (select(vec!["known", "missing"]), prop::option::weighted(0.15, arguments()), rarely(&["svc"])).prop_map(
        |(list, arguments, target)| Rule {
            list: Some(list.into()),
            arguments: arguments.map(|arguments| arguments.into_iter().map(|a| Argument::Exact(a.into())).collect()),
            target_user: owned(target),
            ..Rule::default()
        },
    );
    prop_oneof![5 => plain_rule(), 1 => list]
}

fn scope() -> impl Strategy<Value = Scope> {
    let names = prop::collection::vec(select(vec!["alice", "bob", "group:team", "group:missing", "os-group:g1", "os-group:g2"]), 1..3);
    prop_oneof![1 => Just(Scope::All), 2 => names.prop_map(|names| Scope::Named(names.into_iter().map(str::to_owned).collect()))]
}

fn validity() -> impl Strategy<Value = (Validity, Fixed)> {
    let fixed = prop_oneof![Just(Fixed::NotStarted), (999_000u64..1_001_000).prop_map(|elapsed_millis| Fixed::Started { elapsed_millis })];
    let window = (-2i64..2, -2i64..2).prop_map(|(a, b)| {
        let (start, end) = (Timestamp::from_millis(WALL + a * 1000), Timestamp::from_millis(WALL + b * 1000));
        (Validity::Window { start, end }, Fixed::NotStarted)
    });
    prop_oneof![
        4 => Just((Validity::Always, Fixed::NotStarted)),
        1 => fixed.prop_map(|fixed| (Validity::Fixed { duration: Length::from_seconds(1000), from: FixedFrom::FirstUse }, fixed)),
        1 => window,
    ]
}

static BLANK: LazyLock<Policy> =
    LazyLock::new(|| sample::policy("name='p'\ncomputers='all'\nusers='all'\nmode='deny'\napplications='all'\nstaleness='1h'"));

type Owned = (PolicyDocument, Fixed);

fn policy() -> impl Strategy<Value = (Policy, Fixed, Vec<Rule>)> {
    let what = prop_oneof![
        1 => Just(Applications::All),
        3 => prop::collection::vec(rule(), 1..3).prop_map(Applications::Rules),
    ];
    let how = (
        prop::bool::weighted(0.95),
        select(vec![Mode::Deny, Mode::Automatic, Mode::Justify, Mode::Request, Mode::Request]),
        select(vec!["root", "root", "svc"]),
        select(vec![Containment::Cgroup, Containment::PidNamespace]),
        rarely(&[Authentication::None]),
        select(vec![500u64, 3600]),
    );
    (
        scope(),
        what,
        prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(rule(), 1..2)],
        validity(),
        how,
        prop::collection::vec(plain_rule(), 1..3),
    )
        .prop_map(
            |(users, applications, exceptions, (validity, fixed), (enabled, mode, run_as, containment, authentication, most), list)| {
                let mut policy = BLANK.clone();
                (policy.users, policy.applications, policy.exceptions, policy.validity) = (users, applications, exceptions, validity);
                (policy.enabled, policy.mode, policy.authentication) = (enabled, mode, authentication);
                (policy.elevation.run_as, policy.elevation.containment) = (run_as.into(), containment);
                policy.request.max_duration = Length::from_seconds(most);
                (policy, fixed, list)
            },
        )
}

fn policies() -> impl Strategy<Value = Vec<Owned>> {
    prop::collection::vec(policy(), 1..6).prop_map(|policies| {
        (1i64..)
            .zip(policies)
            .map(|(id, (policy, fixed, list))| {
                let lists = BTreeMap::from([("known".to_owned(), list)]);
                let user_groups = BTreeMap::from([("team".to_owned(), vec!["alice".to_owned()])]);
                (PolicyDocument { lists, user_groups, ..sample::document(id, policy) }, fixed)
            })
            .collect()
    })
}

fn standing() -> impl Strategy<Value = Standing> {
    let age = prop_oneof![5 => Just(Some(0)), 1 => Just(Some(3_600_000)), 1 => Just(Some(3_600_001)), 1 => Just(None)];
    (age, prop::bool::weighted(0.02)).prop_map(|(heartbeat_age_millis, unreadable_deny)| Standing {
        wall: Timestamp::from_millis(WALL),
        heartbeat_age_millis,
        unreadable_deny,
    })
}

/// A grant made from a launch, perhaps for something a little different.
#[derive(Debug, Clone)]
struct GrantSeed {
    policy: usize,
    same_arguments: bool,
    same_content: bool,
    same_user: bool,
    target: &'static str,
    binds: Binds,
    remaining: u64,
}

fn grants() -> impl Strategy<Value = Vec<GrantSeed>> {
    let often = || prop::bool::weighted(0.85);
    let seed =
        (0usize..5, often(), often(), often(), select(vec!["root", "svc"]), select(vec![Binds::Command, Binds::Application]), 0u64..4)
            .prop_map(|(policy, same_arguments, same_content, same_user, target, binds, remaining)| GrantSeed {
                policy,
                same_arguments,
                same_content,
                same_user,
                target,
                binds,
                remaining: remaining * 400_000,
            });
    prop::collection::vec(seed, 0..3)
}

fn grant(number: usize, seed: &GrantSeed, policies: &[Owned], launch: &Launch) -> GrantView {
    let (id, elevation) = policies.get(seed.policy).map_or_else(
        || (PolicyId::new(99, [0; 10]), brevet_core::policy::Elevation::default()),
        |(document, _)| (document.id.clone(), document.policy.elevation.clone()),
    );
    let mut facts = launch.facts.clone();
    if !seed.same_content {
        facts.sha256 = Digest::of(b"before");
    }
    GrantView {
        id: GrantId::new(i64::try_from(number).unwrap(), [0; 10]),
        policy: PolicyRef { id, version: 1, name: "p".into() },
        user: if seed.same_user { launch.member.user.clone() } else { User { uid: 1002, name: "carol".into() } },
        target: User { uid: 0, name: seed.target.into() },
        facts,
        arguments: if seed.same_arguments { launch.arguments.clone() } else { sample::texts(&["other"]) },
        directory: launch.directory.clone(),
        binds: seed.binds,
        elevation,
        authentication: Authentication::None,
        remember: None,
        remaining_millis: seed.remaining,
    }
}

fn held(policies: &[Owned]) -> Vec<Held<'_>> {
    policies.iter().map(|(document, fixed)| Held { document, fixed: *fixed }).collect()
}

/// How much a decision gives.
fn gives(answer: &Answer) -> u8 {
    match answer {
        Answer::Unreadable | Answer::Denied | Answer::Refused => 0,
        Answer::Ask { .. } => 1,
        Answer::Elevate { .. } => 2,
    }
}

/// A launch of which one thing more is unknown.
fn forget(launch: &Launch, which: usize) -> Launch {
    let mut less = launch.clone();
    let why = || "forgotten".to_owned();
    match which {
        0 => less.facts.chain = Fact::Unknown(why()),
        1 => less.facts.package = Fact::Unknown(why()),
        2 => less.facts.owner = Fact::Unknown(why()),
        3 => less.member.groups = Fact::Unknown(why()),
        _ => {
            if let Fact::Known(Some(package)) = &mut less.facts.package {
                package.unchanged = Fact::Unknown(why());
            }
        }
    }
    less
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(10_500))]

    #[test]
    fn the_decision_is_the_naive_one(policies in policies(), launch in launch(), standing in standing(), seeds in grants()) {
        let grants: Vec<GrantView> = seeds.iter().enumerate().map(|(n, seed)| grant(n, seed, &policies, &launch)).collect();
        let held = held(&policies);
        prop_assert_eq!(flat(&decide(&held, &grants, &launch, &standing)), naive(&held, &grants, &launch, &standing));
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn not_knowing_something_never_gives_more(policies in policies(), launch in launch(), standing in standing(), which in 0usize..5) {
        let held = held(&policies);
        let before = flat(&decide(&held, &[], &launch, &standing));
        let after = flat(&decide(&held, &[], &forget(&launch, which), &standing));
        prop_assert!(gives(&after) <= gives(&before), "{before:?} became {after:?}");
    }

    #[test]
    fn the_order_of_policies_does_not_matter(policies in policies(), launch in launch(), standing in standing(), seeds in grants()) {
        let grants: Vec<GrantView> = seeds.iter().enumerate().map(|(n, seed)| grant(n, seed, &policies, &launch)).collect();
        let (one, mut other) = (held(&policies), held(&policies));
        other.reverse();
        let mut other_grants = grants.clone();
        other_grants.reverse();
        prop_assert_eq!(decide(&one, &grants, &launch, &standing), decide(&other, &other_grants, &launch, &standing));
    }

    #[test]
    fn a_refusal_tells_only_of_policies_that_name_the_user(policies in policies(), launch in launch(), standing in standing()) {
        let held = held(&policies);
        if let Decision::Refuse(refusal) = decide(&held, &[], &launch, &standing) {
            let told = refusal.policy.as_ref().and_then(|told| held.iter().find(|h| h.document.id == told.id));
            if let Some(told) = told {
                let names = brevet_core::decide::names_user(told.document, &launch.member);
                prop_assert!(names || refusal.code == "denied" && refusal.message.is_none() && !refusal.reason.contains("\"p\""));
            }
        }
    }

    #[test]
    fn explanation_and_decision_agree(policies in policies(), launch in launch(), standing in standing()) {
        let held = held(&policies);
        let explained = explain(&held, &launch, &standing);
        prop_assert_eq!(explained.len(), held.len());
        match flat(&decide(&held, &[], &launch, &standing)) {
            Answer::Elevate { policy, .. } | Answer::Ask { policy, .. } => {
                prop_assert!(explained.iter().any(|e| e.policy.id == policy && e.matched && e.mode != Mode::Deny));
            }
            Answer::Refused => prop_assert!(explained.iter().all(|e| !e.matched)),
            Answer::Unreadable | Answer::Denied => {}
        }
        prop_assert!(explained.iter().all(|e| !e.because.is_empty()));
    }

    #[test]
    fn what_decides_covers_what_it_gave_until_it_changes(policies in policies(), launch in launch(), standing in standing()) {
        let held = held(&policies);
        let Decision::Ask(ask) = decide(&held, &[], &launch, &standing) else { return Ok(()) };
        let index = policies.iter().position(|(document, _)| document.id == ask.policy.id).unwrap();
        let seed = GrantSeed {
            policy: index, same_arguments: true, same_content: true, same_user: true, target: "root", binds: Binds::Command, remaining: 1_000,
        };
        let mut grant = grant(0, &seed, &policies, &launch);
        grant.target.name.clone_from(&ask.target_user);
        let document = &policies[index].0;
        prop_assert_eq!(covers(document, &grant, &launch, &standing), Ok(()));
        let with = |change: fn(&mut PolicyDocument)| {
            let mut changed = document.clone();
            changed.version += 1;
            change(&mut changed);
            covers(&changed, &grant, &launch, &standing)
        };
        prop_assert_eq!(with(|d| (d.policy.name, d.policy.description, d.policy.message) = ("n".into(), "d".into(), "m".into())), Ok(()));
        prop_assert_eq!(with(|d| d.policy.request.max_duration = Length::from_seconds(1)), Ok(()));
        let ended = |result: Result<(), String>, field: &str| result.is_err_and(|why| why.starts_with(field));
        prop_assert!(ended(with(|d| d.policy.enabled = false), "enabled"));
        prop_assert!(ended(with(|d| d.policy.mode = Mode::Deny), "mode"));
        prop_assert!(ended(with(|d| d.policy.users = Scope::Named(vec!["nobody".into()])), "users"));
        prop_assert!(ended(with(|d| d.policy.applications = Applications::Rules(vec![])), "applications"));
        let anything = || vec![Rule { folder: Some("/".into()), subfolders: true, ..Rule::default() }];
        let mut excepting = document.clone();
        excepting.policy.exceptions = anything();
        prop_assert!(ended(covers(&excepting, &grant, &launch, &standing), "except"));
        let past = Validity::Window { start: Timestamp::from_millis(0), end: Timestamp::from_millis(1) };
        let mut over = document.clone();
        over.policy.validity = past;
        prop_assert!(ended(covers(&over, &grant, &launch, &standing), "validity"));
        // A new deny of another policy ends it, another policy that allows does not.
        let mut other = sample::document(50, document.policy.clone());
        prop_assert_eq!(covers(&other, &grant, &launch, &standing), Ok(()));
        (other.policy.mode, other.policy.users, other.policy.applications, other.policy.exceptions) = (Mode::Deny, Scope::All, Applications::All, vec![]);
        other.policy.validity = Validity::Always;
        prop_assert!(ended(covers(&other, &grant, &launch, &standing), "mode"));
    }
}
