//! The routes of persons.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::person::{Enabled, NewPerson, NoOsUser, OsUser, Person, PersonQuery, Role, Roles, SignIn};
use brevet_api::rest::{Code, Page};
use brevet_core::id::PersonId;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, QueryTrait};
use serde::{Deserialize, Serialize};

use super::{scopes, store};
use crate::access::{Action, Actor, Scopes, roles_from_text, roles_to_text};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::etag::{self, Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query, refuse_unknown};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::has_part;
use crate::http::routes::{Routes as Table, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::settings::four_eyes;
use crate::store::Change;
use crate::store::entities::{person, person_os_user};

/// This feature's routes.
pub fn routes(table: Table) -> Table {
    let act = Action::ChangePersons;
    table
        .on(
            Method::GET,
            "/persons",
            Action::ReadPersons,
            doc("Persons").answer::<Person>(200).page(&[]).sorted_by(SORTED, "name").filters::<PersonQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/persons",
            act,
            doc("Add one").body::<NewPerson>().answer::<Person>(201).creates().tagged().fails(&[Code::NameTaken, Code::NotFound]),
            create,
        )
        .on(
            Method::DELETE,
            "/persons/{reference}",
            act,
            doc("Remove them: their tokens and sign-ins end, and nobody gets their name again")
                .takes_match()
                .fails(&[Code::LastOwner, Code::WrongState]),
            remove,
        )
        .on(Method::GET, "/persons/{reference}", Action::ReadPersons, doc("One person").answer::<Person>(200).tagged(), show)
        .on(
            Method::PUT,
            "/persons/{reference}/roles",
            act,
            doc("Set the roles").body::<Roles>().answer::<Person>(200).tagged().needs_match().fails(&[Code::LastOwner, Code::WrongState]),
            roles,
        )
        .on(
            Method::PUT,
            "/persons/{reference}/enabled",
            act,
            doc("Let them in, or not")
                .body::<Enabled>()
                .answer::<Person>(200)
                .tagged()
                .takes_match()
                .fails(&[Code::LastOwner, Code::WrongState]),
            enabled,
        )
        .on(
            Method::POST,
            "/persons/{reference}/os-users",
            act,
            doc("Link an OS user").body::<OsUser>().answer::<Person>(200).tagged().takes_match().fails(&[Code::WrongState]),
            link,
        )
        .on(
            Method::DELETE,
            "/persons/{reference}/os-users/{user}",
            act,
            doc("Unlink an OS user").answer::<Person>(200).tagged().takes_match().query(&["computer"]).fails(&[Code::WrongState]),
            unlink,
        )
        .on(
            Method::PUT,
            "/persons/{reference}/no-os-user",
            act,
            doc("Record that they have no OS user; another owner does")
                .body::<NoOsUser>()
                .answer::<Person>(200)
                .tagged()
                .takes_match()
                .fails(&[Code::WrongState]),
            no_os_user,
        )
        .on(
            Method::POST,
            "/persons/{reference}/sign-in",
            act,
            doc("A link that signs in once").answer::<SignIn>(200).creates_secret().fails(&[Code::WrongState]),
            sign_in,
        )
}

/// What the list can be ordered by.
const SORTED: Names = &["name", "created"];

async fn list(State(app): State<App>, _actor: Actor, Query(query): Query<PersonQuery>) -> Outcome<Json<Page<Person>>> {
    use person::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "name")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "created" => None,
        _ => Some(Key::column(C::Name)),
    })?;
    let mut select = person::Entity::find().filter(C::Removed.eq(false));
    if let Some(part) = &query.name {
        select = select.filter(has_part(C::Name, part)?);
    }
    if let Some(user) = &query.user {
        let linked = person_os_user::Entity::find()
            .filter(person_os_user::Column::User.eq(user))
            .select_only()
            .column(person_os_user::Column::Person);
        select = select.filter(C::Id.in_subquery(QueryTrait::into_query(linked)));
    }
    refuse_unknown::<Role>("role", query.role.as_deref())?;
    if let Some(role) = &query.role {
        let roles = Expr::cust("',' || \"person\".\"roles\" || ','");
        select = select.filter(roles.like(format!("%,{role},%")));
    }
    let rows = sorting.of(select.clone()).limit(sorting.slice.ask()).all(&app.store.pool).await?;
    let page = sorting.cut(&app.store.pool, select, rows, |row| row.id.clone()).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(store::shown(&app.store.pool, row).await?);
    }
    Ok(Json(Page { items, next: page.next }))
}

async fn show(State(app): State<App>, _actor: Actor, Path(reference): Path<String>) -> Outcome<Tagged<Person>> {
    let row = store::find(&app.store.pool, &reference).await?;
    tagged(store::shown(&app.store.pool, row).await?)
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<NewPerson>) -> Outcome<Response> {
    let change = Change::begin(&app).await?;
    let narrowed = scopes::resolve(change.tx(), &body.scopes, &body.roles).await?;
    let id = store::create(&change, &body.name, (&body.roles, &narrowed), false).await?;
    let row = store::find(change.tx(), id.as_str()).await?;
    for os_user in &body.os_users {
        store::link(&change, &row, os_user).await?;
    }
    let person = finish(change, &actor, "person.created", format!("person {:?} was added", body.name), &body, id.as_str()).await?;
    Ok((StatusCode::CREATED, tagged(person)?).into_response())
}

/// Writes the event, makes the change durable and shows the person as it left them.
async fn finish<B: Serialize>(change: Change, actor: &Actor, kind: &str, summary: String, said: &B, id: &str) -> Outcome<Person> {
    let mut event = NewEvent::new(kind, summary, said)?;
    event.person = Some(PersonId::parse(id)?);
    record(&change, By::Person(actor), event).await?;
    let row = store::find(change.tx(), id).await?;
    let person = store::shown(change.tx(), row).await?;
    change.commit().await?;
    Ok(person)
}

fn tagged(person: Person) -> Outcome<Tagged<Person>> {
    Ok(Tagged(etag::of(&person)?, person))
}

/// A person who is still as the caller saw them, and still here.
async fn seen(change: &Change, reference: &str, seen: &Match) -> Outcome<person::Model> {
    let row = here(store::find(change.tx(), reference).await?)?;
    if let Match::Tag(_) = seen {
        seen.check(&etag::of(&store::shown(change.tx(), row.clone()).await?)?)?;
    }
    Ok(row)
}

fn here(row: person::Model) -> Outcome<person::Model> {
    if row.removed { Err(Failure::new(Code::WrongState).because("the person was removed")) } else { Ok(row) }
}

pub(crate) async fn refuse_last_owner(change: &Change, row: &person::Model) -> Outcome<()> {
    let others =
        person::Entity::find().filter(person::Column::Enabled.eq(true)).filter(person::Column::Id.ne(&row.id)).all(change.tx()).await?;
    let owners = others.iter().filter(|other| roles_from_text(&other.roles).contains(&Role::Owner)).count();
    let (least, was_owner) = (if four_eyes(change.tx()).await? { 2 } else { 1 }, roles_from_text(&row.roles).contains(&Role::Owner));
    if owners >= least || (owners >= 1 && !was_owner) {
        return Ok(());
    }
    if owners > 0 {
        return Err(Failure::new(Code::LastOwner)
            .because("with four_eyes on there are two owners, or nobody could confirm")
            .hint("make another person an owner first"));
    }
    Err(Failure::new(Code::LastOwner).hint("make another person an owner first"))
}

async fn roles(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    tag: Match,
    Body(body): Body<Roles>,
) -> Outcome<Tagged<Person>> {
    if body.roles.is_empty() {
        return Err(Failure::field("roles", "a person needs at least one role"));
    }
    let change = Change::begin(&app).await?;
    let row = seen(&change, &reference, &tag).await?;
    if !body.roles.contains(&Role::Owner) {
        refuse_last_owner(&change, &row).await?;
    }
    let narrowed = scopes::resolve(change.tx(), &body.scopes, &body.roles).await?;
    let before = scopes::shown(change.tx(), &Scopes::from_text(&row.scopes)?).await?;
    person::Entity::update_many()
        .col_expr(person::Column::Roles, Expr::value(roles_to_text(&body.roles)))
        .col_expr(person::Column::Scopes, Expr::value(narrowed.to_text()?))
        .filter(person::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    let summary = format!("person {:?} now has the roles {}", row.name, roles_to_text(&body.roles));
    let said = serde_json::json!({
        "roles": body.roles, "scopes": body.scopes, "before": roles_from_text(&row.roles), "scopes_before": before,
    });
    finish(change, &actor, "person.roles_changed", summary, &said, &row.id).await.and_then(tagged)
}

async fn enabled(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    tag: Match,
    Body(body): Body<Enabled>,
) -> Outcome<Tagged<Person>> {
    let change = Change::begin(&app).await?;
    let row = seen(&change, &reference, &tag).await?;
    if !body.enabled {
        refuse_last_owner(&change, &row).await?;
    }
    person::Entity::update_many()
        .col_expr(person::Column::Enabled, Expr::value(body.enabled))
        .filter(person::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    if !body.enabled {
        // Whoever is let in again signs in again.
        crate::sign_in::end_all(&change, &row.id, None).await?;
    }
    let (kind, word) = if body.enabled { ("person.enabled", "enabled") } else { ("person.disabled", "disabled") };
    finish(change, &actor, kind, format!("person {:?} was {word}", row.name), &body, &row.id).await.and_then(tagged)
}

async fn link(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    tag: Match,
    Body(body): Body<OsUser>,
) -> Outcome<Tagged<Person>> {
    let change = Change::begin(&app).await?;
    let row = seen(&change, &reference, &tag).await?;
    store::link(&change, &row, &body).await?;
    // Whoever has an OS user is not recorded as having none.
    person::Entity::update_many()
        .col_expr(person::Column::NoOsUser, Expr::value(false))
        .filter(person::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    let summary = format!("person {:?} is the OS user {:?}", row.name, body.user);
    finish(change, &actor, "person.os_user_linked", summary, &body, &row.id).await.and_then(tagged)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Where {
    computer: Option<String>,
}

async fn unlink(
    State(app): State<App>,
    actor: Actor,
    Path((reference, user)): Path<(String, String)>,
    tag: Match,
    Query(place): Query<Where>,
) -> Outcome<Tagged<Person>> {
    let change = Change::begin(&app).await?;
    let row = seen(&change, &reference, &tag).await?;
    refuse_self(&actor, &row)?;
    let computer = match &place.computer {
        Some(reference) => crate::computers::find(change.tx(), reference).await?.id,
        None => String::new(),
    };
    let gone = person_os_user::Entity::delete_by_id((row.id.clone(), user.clone(), computer)).exec(change.tx()).await?;
    if gone.rows_affected != 1 {
        return Err(Failure::not_found("OS user of this person", &user));
    }
    let said = OsUser { user: user.clone(), computer: place.computer };
    let summary = format!("person {:?} is no longer the OS user {user:?}", row.name);
    finish(change, &actor, "person.os_user_unlinked", summary, &said, &row.id).await.and_then(tagged)
}

async fn remove(State(app): State<App>, actor: Actor, Path(reference): Path<String>, tag: Match) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = seen(&change, &reference, &tag).await?;
    refuse_self(&actor, &row)?;
    refuse_last_owner(&change, &row).await?;
    let ended = store::remove(&change, &row).await?;
    finish(change, &actor, "person.removed", format!("person {:?} was removed", row.name), &ended, &row.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which OS users somebody is decides what they may approve: nobody takes that away from themself.
fn refuse_self(actor: &Actor, row: &person::Model) -> Outcome<()> {
    if actor.person.as_str() == row.id {
        return Err(Failure::new(Code::Forbidden).because("another owner does this for you"));
    }
    Ok(())
}

async fn no_os_user(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    tag: Match,
    Body(body): Body<NoOsUser>,
) -> Outcome<Tagged<Person>> {
    let change = Change::begin(&app).await?;
    let row = seen(&change, &reference, &tag).await?;
    refuse_self(&actor, &row)?;
    let links = person_os_user::Entity::find().filter(person_os_user::Column::Person.eq(&row.id)).one(change.tx()).await?;
    if body.no_os_user && links.is_some() {
        return Err(Failure::field("no_os_user", "an OS user is linked to this person"));
    }
    person::Entity::update_many()
        .col_expr(person::Column::NoOsUser, Expr::value(body.no_os_user))
        .filter(person::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    let word = if body.no_os_user { "has no OS user" } else { "may have OS users" };
    finish(change, &actor, "person.no_os_user_recorded", format!("person {:?} {word}", row.name), &body, &row.id).await.and_then(tagged)
}

async fn sign_in(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Json<SignIn>> {
    let change = Change::begin(&app).await?;
    let row = here(store::find(change.tx(), &reference).await?)?;
    let person = PersonId::parse(&row.id)?;
    let (secret, expires) = store::sign_in_link(&change, &person, Some(&actor.person)).await?;
    let link = format!("{}/sign-in/{secret}", app.url);
    let said = serde_json::json!({ "expires": expires });
    finish(change, &actor, "person.sign_in_link_made", format!("a sign-in link for {:?} was made", row.name), &said, &row.id).await?;
    Ok(Json(SignIn { person, sign_in: link, expires }))
}
