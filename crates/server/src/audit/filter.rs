//! Which events: the filters of a query, and what somebody's roles reach, as conditions.

use brevet_api::rest::Code;
use brevet_api::rest::event::EventQuery;
use sea_orm::sea_query::{Expr, LikeExpr, SimpleExpr};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, QueryFilter as _, QuerySelect as _};

use super::{beyond, words};
use crate::access::{Action, Actor, Reach};
use crate::app::App;
use crate::definitions::current::current;
use crate::definitions::{Content, Kind, Sight, Snapshot};
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::event::Column as C;
use crate::store::entities::{computer, definition, event, person};

/// Longer ones would find nothing either.
const MOST_TEXT: usize = 200;

/// What somebody's roles reach: what happened on a computer of theirs, and to policies that concern one.
///
/// # Errors
/// When the database does not answer.
pub async fn in_reach(app: &App, actor: &Actor, action: Action) -> Outcome<Condition> {
    let reach = actor.reach(action);
    if reach == Reach::All {
        return Ok(Condition::all());
    }
    let all = current(app).await?;
    let sight = Sight::new(actor, action, &all);
    let mut policies = sight.policies(&all);
    let deleted = Snapshot::deleted(&app.store.pool, Kind::Policy).await?;
    policies.extend(deleted.into_iter().filter(|policy| sight.sees(policy, &all)).map(|policy| policy.id));
    let beyond = beyond::beyond(&app.store.pool, &sight, &all, &policies).await?;
    let of_policy = Condition::all().add(C::Computer.is_null()).add(policy_among(app, &policies)?).add_option(beyond.map(Condition::not));
    Ok(Condition::any().add(reach.within(C::Computer)).add(of_policy))
}

/// Everything that a query asks for but its text, among what is in reach.
///
/// # Errors
/// `malformed` for what is never written so; `not_found` for a computer, group or policy that is not there, or not in reach.
pub(super) async fn chosen(app: &App, actor: &Actor, action: Action, query: &EventQuery) -> Outcome<Condition> {
    let in_reach = in_reach(app, actor, action).await?;
    let reach = actor.reach(action);
    let mut all = Condition::all().add(in_reach.clone());
    if let Some(kinds) = &query.kind {
        all = all.add(of_kind(kinds)?);
    }
    if let Some(text) = &query.computer {
        all = all.add(C::Computer.is_in(computers(app, &reach, text).await?));
    }
    if let Some(text) = &query.computer_group {
        all = all.add(group(app, actor, action, text).await?.within(C::Computer));
    }
    if let Some(text) = &query.policy {
        all = all.add(of_policy(app, text, in_reach).await?);
    }
    if let Some(text) = &query.person {
        let ids = persons(app, text).await?;
        all = all.add(C::Person.is_in(ids.clone()).or(C::ActorId.is_in(ids)));
    }
    if let Some(text) = &query.actor {
        all = all.add(C::ActorId.is_in(persons(app, text).await?).or(C::ActorName.eq(text)));
    }
    let same = [
        (C::User, &query.user),
        (C::Request, &query.request),
        (C::Grant, &query.grant),
        (C::Session, &query.session),
        (C::Token, &query.token),
        (C::Outcome, &query.outcome),
        (C::Incarnation, &query.incarnation),
    ];
    for (column, value) in same {
        if let Some(value) = value {
            all = all.add(column.eq(value));
        }
    }
    if let Some(redacted) = query.redacted {
        all = all.add(if redacted { C::Redacted.is_not_null() } else { C::Redacted.is_null() });
    }
    let from = query.from.map(|from| C::Time.gte(from.millis()));
    let to = query.to.map(|to| C::Time.lt(to.millis()));
    Ok(all.add_option(from).add_option(to))
}

/// The condition that a text is in it. It can use no index: whoever asks bounds how many events it is held against.
///
/// # Errors
/// `malformed` when nothing, or too much, is looked for.
pub(super) fn with_text(query: &EventQuery) -> Outcome<Option<SimpleExpr>> {
    let Some(text) = &query.text else { return Ok(None) };
    if text.is_empty() || text.chars().count() > MOST_TEXT {
        return Err(Failure::new(Code::Malformed).because(format!("text must have from 1 to {MOST_TEXT} characters")));
    }
    Ok(Some(like(C::Words, &format!("%{}%", literally(&words::wanted(text))))))
}

fn of_kind(kinds: &str) -> Outcome<Condition> {
    let plain = |kind: &str| !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b));
    let mut any = Condition::any();
    for kind in kinds.split(',').map(str::trim) {
        let beginning = kind.strip_suffix('*').or_else(|| kind.ends_with('.').then_some(kind));
        any = match beginning {
            Some("") => any.add(Expr::val(true)),
            Some(beginning) if plain(beginning) => any.add(like(C::Kind, &format!("{}%", literally(beginning)))),
            None if plain(kind) => any.add(C::Kind.eq(kind)),
            _ => {
                let said = format!("{kind:?} is no kind of event");
                return Err(Failure::new(Code::Malformed)
                    .because(said)
                    .hint("write a kind, or its beginning and a star, such as request.*"));
            }
        };
    }
    Ok(any)
}

/// Every computer of this name or id that is or was there.
async fn computers(app: &App, reach: &Reach, text: &str) -> Outcome<Vec<String>> {
    use computer::Column as K;
    let named = computer::Entity::find().filter(K::Id.eq(text).or(K::Name.eq(text)).or(K::NameKey.eq(text)));
    let found = named.filter(reach.within(K::Id)).select_only().column(K::Id).into_tuple().all(&app.store.pool).await?;
    if found.is_empty() { Err(Failure::not_found("computer", text)) } else { Ok(found) }
}

async fn group(app: &App, actor: &Actor, action: Action, text: &str) -> Outcome<Reach> {
    let all = current(app).await?;
    let found = Sight::new(actor, action, &all).find(&all, Kind::Group, text);
    let of_computers = found.filter(|found| matches!(&found.content, Content::Group(group) if group.computers.is_some()));
    let group = of_computers.ok_or_else(|| Failure::not_found("computer group", text))?;
    Ok(Reach::Groups([group.id.clone()].into()))
}

/// By id, by the name that it has or had at its end, by the name that it had then.
async fn of_policy(app: &App, text: &str, in_reach: Condition) -> Outcome<Condition> {
    use definition::Column as D;
    let named = definition::Entity::find().filter(D::Kind.eq("policy")).filter(D::Id.eq(text).or(D::Name.eq(text)));
    let ids: Vec<String> = named.select_only().column(D::Id).into_tuple().all(&app.store.pool).await?;
    let of_it = Condition::any().add(C::Policy.is_in(ids)).add(C::PolicyName.eq(text));
    // A name that nothing in reach ever had is a mistake that an empty list would hide. Each policy has the event of its making.
    let any = event::Entity::find().filter(of_it.clone()).filter(in_reach).select_only().column(C::Seq).limit(1);
    match any.into_tuple::<i64>().one(&app.store.pool).await? {
        Some(_) => Ok(of_it),
        None => Err(Failure::not_found("policy", text)),
    }
}

/// Whoever has this name, and the text itself as an id. Who is there is not told: an unknown name finds nothing.
async fn persons(app: &App, text: &str) -> Outcome<Vec<String>> {
    let named = person::Entity::find().filter(person::Column::Name.eq(text)).one(&app.store.pool).await?;
    Ok(named.map(|row| row.id).into_iter().chain([text.to_owned()]).collect())
}

/// However many: a statement takes only so many values, so all of them are one.
fn policy_among(app: &App, ids: &[String]) -> Outcome<SimpleExpr> {
    let sql = match app.store.shared() {
        true => "\"event\".\"policy\" IN (SELECT json_array_elements_text($1::json))",
        false => "\"event\".\"policy\" IN (SELECT value FROM json_each(?))",
    };
    Ok(Expr::cust_with_values(sql, [serde_json::to_string(ids)?]))
}

fn like(column: C, pattern: &str) -> SimpleExpr {
    Expr::col(column).like(LikeExpr::new(pattern).escape('\\'))
}

/// `%` and `_` are no patterns.
fn literally(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
