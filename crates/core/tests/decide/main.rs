//! `decide` held against a naive evaluator that was written apart from it, over generated policies and launches.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets the unexpected fails")]

mod generate;
mod naive;
#[path = "../sample/mod.rs"]
mod sample;

use std::collections::BTreeMap;
use std::sync::Arc;

use brevet_core::application::{Fact, Rule};
use brevet_core::decide::{Decision, Fixed, GrantView, Held, Launch, Policies, Refusal, Standing, covers, decide, explain};
use brevet_core::digest::Digest;
use brevet_core::document::PolicyDocument;
use brevet_core::id::PolicyId;
use brevet_core::policy::{Applications, Binds, Mode, Scope, Validity};
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::{Member, User};
use generate::{GrantSeed, Owned, grant, grants, held, launch, policies, standing};
use naive::{Answer, flat, naive};
use proptest::prelude::*;

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

/// So many cases, or as many as `BREVET_CASES` says (`make test-long` says a million).
fn cases(cases: u32) -> ProptestConfig {
    let cases = std::env::var("BREVET_CASES").ok().map_or(cases, |wanted| wanted.parse().unwrap());
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(10_500))]

    #[test]
    fn the_decision_is_the_naive_one(policies in policies(1..6), launch in launch(), standing in standing(), seeds in grants()) {
        let grants: Vec<GrantView> = seeds.iter().enumerate().map(|(n, seed)| grant(n, seed, &policies, &launch)).collect();
        let held = held(&policies);
        prop_assert_eq!(flat(&decide(&held, &grants, &launch, &standing)), naive(&held, &grants, &launch, &standing));
        compiled_agrees(&policies, &launch, &standing, &seeds)?;
    }
}

/// Rules that no validated policy has, or that the naive evaluator does not know.
fn add_oddities(policies: &mut [Owned]) {
    let odd = [
        Rule::default(),
        Rule { component: Some("org.example.x".into()), ..Rule::default() },
        Rule { store: Some("snap:s".into()), ..Rule::default() },
        Rule { store: Some("snap:s".into()), target_user: Some("svc".into()), ..Rule::default() },
        Rule { list: Some("known".into()), file: Some("/c".into()), ..Rule::default() },
        Rule { list: Some("nested".into()), ..Rule::default() },
        Rule { file: Some("/c".into()), parent: Some(Box::new(Rule { file: Some("/a/x".into()), ..Rule::default() })), ..Rule::default() },
    ];
    for ((document, _), rule) in policies.iter_mut().zip(odd.iter().cycle()).step_by(2) {
        document.lists.insert("nested".into(), vec![Rule { list: Some("known".into()), ..Rule::default() }]);
        if let Applications::Rules(rules) = &mut document.policy.applications {
            rules.push(rule.clone());
        }
    }
}

/// Decision, refusal text and the denies alone: the same from a compiled set as from the plain form.
fn compiled_agrees(policies: &[Owned], launch: &Launch, standing: &Standing, seeds: &[GrantSeed]) -> Result<(), TestCaseError> {
    let grants: Vec<GrantView> = seeds.iter().enumerate().map(|(n, seed)| grant(n, seed, policies, launch)).collect();
    let held = held(policies);
    let compiled = Policies::compile(policies.iter().rev().map(|(document, _)| Arc::new(document.clone())).collect());
    let fixed: BTreeMap<PolicyId, Fixed> = policies.iter().map(|(document, fixed)| (document.id.clone(), *fixed)).collect();
    let fixed = |document: &PolicyDocument| fixed[&document.id];
    prop_assert_eq!(compiled.decide(fixed, &grants, launch, standing), decide(&held, &grants, launch, standing));

    let denies: Vec<_> = held.into_iter().filter(|held| held.document.policy.mode == Mode::Deny).collect();
    let readable = Standing { unreadable_deny: false, ..*standing };
    let denied = match decide(&denies, &[], launch, &readable) {
        Decision::Refuse(refusal) if refusal.code == "denied" => Some(refusal),
        Decision::Refuse(_) | Decision::Elevate(_) | Decision::Ask(_) => None,
    };
    let found = compiled.denied(fixed, launch, standing);
    let certain = |refusal: &Refusal| !refusal.reason.starts_with("whether this is denied is not certain");
    prop_assert!(found.iter().all(|denied| denied.certain == certain(&denied.refusal)), "{found:?}");
    prop_assert_eq!(found.map(|denied| denied.refusal), denied);
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_large_compiled_set_decides_the_same(mut policies in policies(20..40), launch in launch(), standing in standing(), seeds in grants()) {
        add_oddities(&mut policies);
        compiled_agrees(&policies, &launch, &standing, &seeds)?;
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn not_knowing_something_never_gives_more(policies in policies(1..6), launch in launch(), standing in standing(), which in 0usize..5) {
        let held = held(&policies);
        let after = flat(&decide(&held, &[], &forget(&launch, which), &standing));
        // Who does not say as whom gets the target user of the policy that decides, which may be another one where less is known:
        // what that gives must be there for the asking by who knows. (As svc it may be denied, and as root be allowed.)
        let target_user = match &after {
            Answer::Elevate { target, .. } | Answer::Ask { target, .. } => Some(target.clone()),
            Answer::Refused | Answer::Unreadable | Answer::Denied => None,
        };
        let asked = Launch { target_user: launch.target_user.clone().or(target_user), ..launch.clone() };
        let before = flat(&decide(&held, &[], &asked, &standing));
        prop_assert!(gives(&after) <= gives(&before), "{before:?} became {after:?}");
    }

    #[test]
    fn the_order_of_policies_does_not_matter(policies in policies(1..6), launch in launch(), standing in standing(), seeds in grants()) {
        let grants: Vec<GrantView> = seeds.iter().enumerate().map(|(n, seed)| grant(n, seed, &policies, &launch)).collect();
        let (one, mut other) = (held(&policies), held(&policies));
        other.reverse();
        let mut other_grants = grants.clone();
        other_grants.reverse();
        prop_assert_eq!(decide(&one, &grants, &launch, &standing), decide(&other, &other_grants, &launch, &standing));
    }

    #[test]
    fn a_refusal_tells_only_of_policies_that_name_the_user(policies in policies(1..6), launch in launch(), standing in standing()) {
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
    fn where_no_policy_for_the_user_asks_for_content_it_changes_nothing(
        policies in policies(1..4), launch in launch(), standing in standing(), digest in 0usize..3,
    ) {
        let compiled = Policies::compile(policies.iter().map(|(document, _)| Arc::new(document.clone())).collect());
        let decided = |launch: &Launch| compiled.decide(|_| Fixed::NotStarted, &[], launch, &standing);
        let mut other = launch.clone();
        other.facts.sha256 = generate::content(digest);
        prop_assert!(compiled.may_rest_on_content(&launch.member) || decided(&launch) == decided(&other));
        // And what is not root's alone is allowed by nothing then.
        other.facts.chain = Fact::Known(false);
        prop_assert!(compiled.may_rest_on_content(&launch.member) || matches!(decided(&other), Decision::Refuse(_)));
    }

    #[test]
    fn explanation_and_decision_agree(policies in policies(1..6), launch in launch(), standing in standing(), seeds in grants()) {
        let grants: Vec<GrantView> = seeds.iter().enumerate().map(|(n, seed)| grant(n, seed, &policies, &launch)).collect();
        let held = held(&policies);
        let explained = explain(&held, &grants, &launch, &standing);
        prop_assert_eq!(explained.len(), held.len());
        prop_assert!(explained.iter().all(|e| !e.because.is_empty() && !e.because.contains("validity: validity: ")));
        let matched = |id: &PolicyId, deny: bool| explained.iter().any(|e| e.policy.id == *id && e.matched && (e.mode == Mode::Deny) == deny);
        let any_deny = explained.iter().any(|e| e.matched && e.mode == Mode::Deny);
        match decide(&held, &grants, &launch, &standing) {
            Decision::Elevate(elevate) => prop_assert!(matched(&elevate.policy.id, false) && !any_deny, "{explained:?}"),
            Decision::Ask(ask) => prop_assert!(matched(&ask.policy.id, false) && !any_deny, "{explained:?}"),
            Decision::Refuse(refusal) => match (refusal.code, &refusal.policy) {
                ("denied", Some(policy)) => prop_assert!(matched(&policy.id, true), "{refusal:?}: {explained:?}"),
                // Nothing was looked at.
                ("unreadable_policy" | "account", None) => {}
                _ => prop_assert!(explained.iter().all(|e| !e.matched), "{refusal:?}: {explained:?}"),
            },
        }
    }

    #[test]
    fn what_decides_covers_what_it_gave_until_it_changes(policies in policies(1..6), launch in launch(), standing in standing()) {
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

#[test]
fn a_deny_is_explained_for_whom_it_would_run_as_and_says_its_time_once() {
    let of = |id, toml: &str| sample::document(id, sample::policy(&format!("computers = 'all'\nusers = 'all'\n{toml}")));
    let over = "validity = { kind = 'window', start = '2026-01-01T00:00:00Z', end = '2026-01-02T00:00:00Z' }";
    let documents = [
        of(1, "name = 'as svc'\nmode = 'automatic'\napplications = [{ file = '/a' }]\nelevation = { run_as = 'svc' }"),
        of(2, "name = 'never as svc'\nmode = 'deny'\napplications = [{ file = '/a', target_user = 'svc' }]"),
        of(3, &format!("name = 'over'\nmode = 'deny'\napplications = 'all'\n{over}")),
    ];
    let held: Vec<Held<'_>> = documents.iter().map(|document| Held { document, fixed: Fixed::NotStarted }).collect();
    let launch = Launch {
        member: Member { user: User { uid: 1000, name: "alice".into() }, groups: Fact::Known(vec![]) },
        facts: sample::facts("/a"),
        arguments: vec![],
        directory: "/".into(),
        target_user: None,
    };
    let standing =
        Standing { wall: Timestamp::parse("2026-06-01T00:00:00Z").unwrap(), heartbeat_age_millis: Some(0), unreadable_deny: false };
    let Decision::Refuse(refusal) = decide(&held, &[], &launch, &standing) else { panic!("it is denied") };
    assert_eq!(refusal.policy.unwrap().name, "never as svc");
    let explained = explain(&held, &[], &launch, &standing);
    assert_eq!(explained.iter().map(|one| one.matched).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(explained[2].because, "validity: ended at 2026-01-02T00:00:00.000Z");
}

#[test]
fn whom_a_policy_that_asks_for_content_may_concern_is_known() {
    let hash = format!("hash = '{}'", Digest::of(b"x"));
    let asks = |toml: &str, group: Fact<Vec<String>>, change: fn(&mut PolicyDocument)| {
        let mut document = sample::document(1, sample::policy(&format!("name = 'P'\ncomputers = 'all'\n{toml}")));
        change(&mut document);
        let user = User { uid: 1000, name: "alice".into() };
        Policies::compile(vec![Arc::new(document)]).may_rest_on_content(&Member { user, groups: group })
    };
    let (none, unknown) = (|| Fact::Known(vec![]), || Fact::Unknown("down".to_owned()));
    let by_file = "mode = 'request'\napplications = [{ file = '/a' }]";
    assert!(!asks(&format!("users = 'all'\n{by_file}"), unknown(), |_| {}));
    let by_hash = format!("applications = [{{ {hash} }}]");
    for (users, mode, groups, concerns) in [
        ("'all'", "request", none(), true),
        ("['alice']", "automatic", none(), true),
        ("['bob']", "automatic", none(), false),
        ("['os-group:web']", "automatic", none(), false),
        ("['os-group:web']", "automatic", Fact::Known(vec!["web".to_owned()]), true),
        ("['os-group:web']", "deny", unknown(), true),
        ("['bob']", "deny", none(), false),
        ("['group:gone']", "deny", none(), true),
    ] {
        assert_eq!(asks(&format!("users = {users}\nmode = '{mode}'\n{by_hash}"), groups, |_| {}), concerns, "{users} {mode}");
    }
    assert!(!asks(&format!("users = 'all'\nenabled = false\nmode = 'deny'\n{by_hash}"), none(), |_| {}), "a disabled one");
    assert!(asks(&format!("users = 'all'\n{by_file}\nexcept = [{{ {hash} }}]"), none(), |_| {}), "an exception");
    let list = "users = 'all'\nmode = 'request'\napplications = [{ list = 'l' }]";
    let listed = |document: &mut PolicyDocument| {
        let rule = Rule { hash: Some(Digest::of(b"x")), ..Rule::default() };
        document.lists.insert("l".into(), vec![rule]);
    };
    assert!(asks(list, none(), listed), "a list");
}
