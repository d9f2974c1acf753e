//! `apply`: a whole file in one transaction. Applying what is shown changes nothing.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Code;
use brevet_api::rest::apply::{Applied, AppliedAction, AppliedChange, Apply};
use brevet_core::file::File;

use super::check;
use super::content::{Content, Kind, Snapshot, kind_name, of_file};
use super::current::{current, within};
use super::findings::Findings;
use super::mistakes::{self, Known, Together};
use super::near::Advice;
use super::sight::Sight;
use super::write::{self, Reason, errors_or_ok};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::By;
use crate::documents::publish;
use crate::http::extract::{Body, Json};
use crate::http::failure::{Failure, Outcome};
use crate::http::routes::{Routes, doc};
use crate::store::Change;

/// Most warnings in one answer.
const MOST_WARNINGS: usize = 1000;
/// Most findings in one answer.
const MOST_FINDINGS: usize = 5000;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::POST,
            "/apply",
            Action::ChangePolicy,
            doc("Apply a whole file in one transaction").body::<Apply>().answer::<Applied>(200).fails(&[
                Code::NameTaken,
                Code::InUse,
                Code::VersionMismatch,
            ]),
            apply,
        )
        .on(Method::GET, "/file", Action::ReadPolicy, doc("Everything that apply takes, as one file").answer_named(200, "File"), file)
}

async fn file(State(app): State<App>, actor: Actor) -> Outcome<Json<File>> {
    let all = current(&app).await?;
    let sight = Sight::new(&actor, Action::ReadPolicy, &all);
    let seen = all.0.iter().filter(|definition| sight.sees(definition, &all)).cloned().collect();
    Ok(Json(Snapshot(seen).file()))
}

async fn apply(State(app): State<App>, actor: Actor, Body(body): Body<Apply>) -> Outcome<Json<Applied>> {
    let wanted = of_file(body.file);
    refuse_wrong_file(&wanted)?;
    let mut change = Change::begin(&app).await?;
    let before = within(&change).await?;
    let sight = Sight::new(&actor, Action::ChangePolicy, &before);
    if body.prune && !sight.is_whole() {
        return Err(
            Failure::new(Code::Forbidden).because("your role is narrowed to some computer groups: what others made is not yours to prune")
        );
    }
    let mut changes = Vec::new();
    for content in &wanted {
        changes.push(put(&change, &actor, (&before, &sight), content).await?);
    }
    if body.prune {
        changes.extend(prune(&change, &actor, &before, &wanted).await?);
    }
    let after = within(&change).await?;
    let advice = Advice::default();
    errors_or_ok(with_places(&wanted).flat_map(|(place, content)| check::dangling(content, &after, &place, &advice)).collect())?;
    let in_file: HashMap<_, _> = wanted.iter().map(|content| (content.key(), content)).collect();
    let others = after.0.iter().filter(|d| in_file.get(&d.content.key()).is_none_or(|content| **content != d.content));
    errors_or_ok(others.flat_map(|d| check::dangling(&d.content, &after, &format!("{:?}: ", d.content.name()), &advice)).collect())?;
    let (known, now) = (Known::load(change.tx(), &after).await?, change.now);
    if body.dry_run {
        drop(change);
        for change in changes.iter_mut().filter(|c| c.change == AppliedAction::Created) {
            change.id = None;
        }
    } else {
        publish::publish(&mut change).await?;
        change.commit().await?;
    }
    // Last: nothing is refused for them, and nobody waits for the change meanwhile.
    let together = Together::new(&after, &known, &sight);
    let warnings = wanted.iter().flat_map(|content| together.of(content, now)).take(MOST_WARNINGS).collect();
    let warnings = if sight.is_whole() { warnings } else { mistakes::narrowed(warnings) };
    let warnings = if actor.may(Action::ReadPersons) { warnings } else { mistakes::without_persons(warnings) };
    let seen = Sight::new(&actor, Action::ReadPolicy, &after);
    let (findings, more_findings) = Findings::new(&after, &seen).of_file(&wanted, MOST_FINDINGS);
    Ok(Json(Applied { dry_run: body.dry_run, changes, warnings, findings, more_findings }))
}

/// Each definition with its place in the file, such as `policy[2].`.
fn with_places(wanted: &[Content]) -> impl Iterator<Item = (String, &Content)> {
    let mut before: HashMap<Kind, usize> = HashMap::new();
    wanted.iter().map(move |content| {
        let same = before.entry(content.kind()).or_default();
        let place = format!("{}[{same}].", kind_name(content.kind()));
        *same = same.saturating_add(1);
        (place, content)
    })
}

fn refuse_wrong_file(wanted: &[Content]) -> Outcome<()> {
    let mut errors: Vec<_> = with_places(wanted).flat_map(|(place, content)| check::alone(content, &place)).collect();
    let mut seen = HashSet::new();
    for (place, content) in with_places(wanted) {
        if !seen.insert((content.kind(), content.name())) {
            let reason = format!("the file names {:?} twice", content.name());
            errors.push(brevet_api::rest::error::FieldError { field: format!("{place}name"), reason });
        }
    }
    errors_or_ok(errors)
}

async fn put(change: &Change, actor: &Actor, (before, sight): (&Snapshot, &Sight), content: &Content) -> Outcome<AppliedChange> {
    let (kind, name) = (content.kind(), content.name().to_owned());
    let Some(old) = before.named(kind, &name) else {
        sight.refuse_change(content)?;
        let id = write::create(change, actor, content.clone()).await?;
        return Ok(AppliedChange { kind, name, id: Some(id), change: AppliedAction::Created, fields: Vec::new() });
    };
    if !sight.sees(old, before) {
        return Err(Failure::new(Code::NameTaken).because(format!("there is a {} {name:?} already", kind_name(kind))));
    }
    let id = Some(old.id.clone());
    if old.content == *content {
        return Ok(AppliedChange { kind, name, id, change: AppliedAction::Unchanged, fields: Vec::new() });
    }
    sight.refuse_change(&old.content)?;
    sight.refuse_change(content)?;
    let fields = differing(&old.content, content)?;
    write::replace(change, By::Person(actor), old, content.clone(), Reason::Changed).await?;
    Ok(AppliedChange { kind, name, id, change: AppliedAction::Changed, fields })
}

/// Names of the fields that differ, one level deep.
fn differing(old: &Content, new: &Content) -> Outcome<Vec<String>> {
    let (old, new) = (old.to_json()?, new.to_json()?);
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return Ok(Vec::new()) };
    let mut fields: Vec<String> =
        old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).map(ToOwned::to_owned).collect();
    fields.sort_unstable();
    fields.dedup();
    Ok(fields)
}

/// Deletes what the file does not name: what refers to others first.
async fn prune(change: &Change, actor: &Actor, before: &Snapshot, wanted: &[Content]) -> Outcome<Vec<AppliedChange>> {
    let mut changes = Vec::new();
    for kind in [Kind::Autonomous, Kind::Policy, Kind::List, Kind::Group] {
        let named: HashSet<&str> = wanted.iter().filter(|c| c.kind() == kind).map(Content::name).collect();
        for old in before.0.iter().filter(|d| d.content.kind() == kind && !named.contains(d.content.name()) && !d.content.is_break_glass())
        {
            write::remove(change, By::Person(actor), old).await?;
            changes.push(AppliedChange {
                kind,
                name: old.content.name().to_owned(),
                id: Some(old.id.clone()),
                change: AppliedAction::Deleted,
                fields: Vec::new(),
            });
        }
    }
    Ok(changes)
}
