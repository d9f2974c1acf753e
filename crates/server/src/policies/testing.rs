//! `POST test`: what the stored policies would decide of a launch, by the same code as a computer decides, and why each of them does or
//! does not match. It starts nothing and stores nothing.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::check::{Explained, Test, Tested};
use brevet_core::application::Fact;
use brevet_core::decide::{By, Decision, Fixed, Held, Launch, Standing, decide, explain, unsupported};
use brevet_core::document::PolicyDocument;
use brevet_core::policy::Mode;
use brevet_core::request::PolicyRef;
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::{Member, User};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::current::current;
use crate::definitions::near::Advice;
use crate::definitions::{Content, Sight, Snapshot};
use crate::documents::concern::Concern;
use crate::documents::publish::policy_document;
use crate::http::extract::{Body, Json};
use crate::http::failure::{Failure, Outcome};
use crate::http::routes::{Routes, doc};
use crate::store::entities::computer;

/// Most policies whose reasons are told.
const MOST: usize = 2000;

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table.on(
        Method::POST,
        "/test",
        Action::ReadPolicy,
        doc("Say what the stored policies would decide, and why").body::<Test>().answer::<Tested>(200),
        test,
    )
}

async fn test(State(app): State<App>, actor: Actor, Body(body): Body<Test>) -> Outcome<Json<Tested>> {
    let all = current(&app).await?;
    let sight = Sight::new(&actor, Action::ReadPolicy, &all);
    if !sight.has_computer(&body.computer) {
        return Err(Failure::field("computer", "your role is narrowed to some computer groups, and this computer is not within them"));
    }
    if body.user.is_empty() {
        return Err(Failure::field("user", "is empty: say who would run it"));
    }
    let warnings = doubts(&app, &body, &sight, &all).await?;
    let concern = Concern::new(&all);
    let (mut here, mut others) = (Vec::new(), Vec::new());
    for definition in all.0.iter().filter(|definition| sight.sees(definition, &all)) {
        let Content::Policy(policy) = &definition.content else { continue };
        let Some(document) = policy_document(definition, &all)? else { continue };
        if !policy.enabled {
            others.push(not_looked_at(&document, "it is disabled"));
        } else if let Some(why) = unsupported(&document).first() {
            others.push(not_looked_at(&document, &format!("no computer takes it: {why}")));
        } else if concern.is_named(&policy.computers, &body.computer) {
            here.push(document);
        } else {
            others.push(not_looked_at(&document, "it is not for this computer"));
        }
    }
    let at = body.at.unwrap_or_else(|| app.clock.now());
    // Thousands of policies are looked at one by one: not on the threads that answer others.
    let tested = tokio::task::spawn_blocking(move || tried(body, &here, others, at)).await.map_err(Failure::internal)?;
    Ok(Json(Tested { warnings, ..tested }))
}

/// A computer that is not there, and a user whom nothing names that the caller sees: most often a slip of the finger.
async fn doubts(app: &App, body: &Test, sight: &Sight, all: &Snapshot) -> Outcome<Vec<String>> {
    let (mut out, advice) = (Vec::new(), Advice::default());
    let meant = |near: Option<&str>| near.map_or_else(String::new, |near| format!("; do you mean {near:?}?"));
    let there = computer::Entity::find().select_only().column(computer::Column::Name).filter(computer::Column::State.ne("removed"));
    let is_there = there.clone().filter(computer::Column::Name.eq(&body.computer)).into_tuple::<String>();
    // One that the caller does not see is not there for them.
    if is_there.one(&app.store.pool).await?.is_none_or(|name| !sight.has_computer(&name)) {
        let names = there.into_tuple::<String>().all(&app.store.pool).await?;
        let near = advice.nearest(&body.computer, names.iter().map(String::as_str).filter(|name| sight.has_computer(name)));
        out.push(format!("no computer {:?} is enrolled{}", body.computer, meant(near)));
    }
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for definition in all.0.iter().filter(|definition| sight.sees(definition, all)) {
        let users: &[String] = match &definition.content {
            Content::Policy(policy) => policy.users.names(),
            Content::Autonomous(rule) => rule.users.names(),
            Content::Group(group) => group.users.as_deref().unwrap_or_default(),
            Content::List(_) => &[],
        };
        named.extend(users.iter().map(String::as_str));
    }
    let of_group = |group: &String| named.contains(format!("os-group:{group}").as_str());
    if !named.contains(body.user.as_str()) && !body.os_groups.iter().flatten().any(of_group) {
        let near = advice.nearest(&body.user, named.iter().copied().filter(|name| !name.contains(':')));
        out.push(format!("no policy and no group names the user {:?}{}", body.user, meant(near)));
    }
    Ok(out)
}

fn tried(body: Test, here: &[PolicyDocument], others: Vec<Explained>, at: Timestamp) -> Tested {
    let held: Vec<Held<'_>> = here.iter().map(|document| Held { document, fixed: Fixed::just_delivered(&document.policy) }).collect();
    let uid = if body.user == "root" { 0 } else { 1000 };
    let groups = body.os_groups.map_or_else(|| Fact::Unknown("not said".into()), Fact::Known);
    let launch = Launch {
        member: Member { user: User { uid, name: body.user }, groups },
        facts: body.facts,
        arguments: body.arguments,
        directory: "/".into(),
        target_user: body.target_user,
    };
    let standing = Standing { wall: at, heartbeat_age_millis: Some(0), unreadable_deny: false };
    let mut policies: Vec<Explained> = explain(&held, &[], &launch, &standing)
        .into_iter()
        .map(|it| Explained { policy: it.policy, mode: it.mode, matched: it.matched, because: it.because })
        .collect();
    policies.extend(others);
    policies.sort_by(|one, other| (!one.matched, one.mode, &one.policy.name).cmp(&(!other.matched, other.mode, &other.policy.name)));
    policies.truncate(MOST);
    said(decide(&held, &[], &launch, &standing), at, policies)
}

fn not_looked_at(document: &PolicyDocument, because: &str) -> Explained {
    let policy = PolicyRef { id: document.id.clone(), version: document.version, name: document.policy.name.clone() };
    let mode: Mode = document.policy.mode;
    Explained { policy, mode, matched: false, because: because.into() }
}

fn said(decision: Decision, at: Timestamp, policies: Vec<Explained>) -> Tested {
    let longest = |millis: u64| Some(Length::from_seconds(millis / 1000));
    let empty = Tested {
        decision: "refuse".into(),
        policy: None,
        code: None,
        reason: None,
        message: None,
        longest: None,
        target_user: None,
        at,
        policies,
        warnings: Vec::new(),
    };
    match decision {
        Decision::Refuse(it) => {
            Tested { policy: it.policy, code: Some(it.code.into()), reason: Some(it.reason), message: it.message, ..empty }
        }
        Decision::Elevate(it) => Tested {
            decision: match it.by {
                By::Justify => "justify".into(),
                By::Automatic | By::Grant(_) => "automatic".into(),
            },
            policy: Some(it.policy),
            longest: longest(it.longest_millis),
            target_user: Some(it.target_user),
            ..empty
        },
        Decision::Ask(it) => Tested {
            decision: "ask".into(),
            policy: Some(it.policy),
            message: Some(it.message).filter(|message| !message.is_empty()),
            longest: longest(it.longest_millis),
            target_user: Some(it.target_user),
            ..empty
        },
    }
}
