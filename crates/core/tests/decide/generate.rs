//! Policies, launches and grants from small vocabularies, so that they often meet.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use brevet_core::application::{Argument, Fact, Facts, Package, Parent, Rule};
use brevet_core::decide::{Fixed, GrantView, Held, Launch, Standing};
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

use super::sample;

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
        maybe_fact(vec![None, None, Some("snap:s".to_owned())]),
        maybe_fact(vec![Parent { path: "/a/x".into(), chain: Fact::Known(true) }]),
    )
        .prop_map(|(path, link, chain, content, package, owner, interpreter, store, parent)| Facts {
            names: link.into_iter().chain([path]).map(OsText::from).collect(),
            chain,
            sha256: Digest::of(CONTENTS[content]),
            package,
            owner: match owner {
                Fact::Known(owner) => Fact::Known(owner.to_owned()),
                Fact::Unknown(why) => Fact::Unknown(why),
            },
            store,
            parent,
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

pub fn launch() -> impl Strategy<Value = Launch> {
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
    let many = ["carol", "dave", "erin", "frank", "alice", "group:team", "os-group:g1", "group:missing"];
    let many = prop::sample::subsequence(many.to_vec(), 4..8);
    let names = prop_oneof![5 => names, 1 => many];
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

pub type Owned = (PolicyDocument, Fixed);

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

pub fn policies(many: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Owned>> {
    prop::collection::vec(policy(), many).prop_map(|policies| {
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

pub fn standing() -> impl Strategy<Value = Standing> {
    let age = prop_oneof![5 => Just(Some(0)), 1 => Just(Some(3_600_000)), 1 => Just(Some(3_600_001)), 1 => Just(None)];
    (age, prop::bool::weighted(0.02)).prop_map(|(heartbeat_age_millis, unreadable_deny)| Standing {
        wall: Timestamp::from_millis(WALL),
        heartbeat_age_millis,
        unreadable_deny,
    })
}

/// A grant made from a launch, perhaps for something a little different.
#[derive(Debug, Clone)]
pub struct GrantSeed {
    pub policy: usize,
    pub same_arguments: bool,
    pub same_content: bool,
    pub same_user: bool,
    pub target: &'static str,
    pub binds: Binds,
    pub remaining: u64,
}

pub fn grants() -> impl Strategy<Value = Vec<GrantSeed>> {
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

pub fn grant(number: usize, seed: &GrantSeed, policies: &[Owned], launch: &Launch) -> GrantView {
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

pub fn held(policies: &[Owned]) -> Vec<Held<'_>> {
    policies.iter().map(|(document, fixed)| Held { document, fixed: *fixed }).collect()
}

/// The digest of a content that rules may name.
pub fn content(which: usize) -> Digest {
    Digest::of(CONTENTS[which % CONTENTS.len()])
}
