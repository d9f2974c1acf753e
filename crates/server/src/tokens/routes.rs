//! The routes of tokens: everybody handles their own, an owner everybody's.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::person::Role;
use brevet_api::rest::token::{NewToken, Token, TokenCreated, TokenQuery};
use brevet_api::rest::{Code, Page};
use brevet_core::id::{PersonId, TokenId};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::store::{self, New};
use crate::access::{Action, Actor, Scopes, role_name, roles_from_text};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::has_part;
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::people::{scopes, store as people};
use crate::store::Change;
use crate::store::entities::{person, token};

const DEFAULT: Length = Length::from_hours(90 * 24);
const LONGEST: Length = Length::from_hours(366 * 24);
/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    let act = Action::OwnTokens;
    routes
        .on(
            Method::GET,
            "/tokens",
            act,
            doc("Your tokens, an owner everybody's")
                .answer::<Token>(200)
                .page(&[])
                .sorted_by(SORTED, "-created")
                .filters::<TokenQuery>()
                .fails(&[Code::NotFound]),
            list,
        )
        .on(
            Method::POST,
            "/tokens",
            act,
            doc("Make one; its text is shown this once")
                .body::<NewToken>()
                .answer::<TokenCreated>(201)
                .creates_secret()
                .fails(&[Code::NotFound, Code::TooMany]),
            create,
        )
        .on(Method::GET, "/tokens/{id}", act, doc("One token of yours, or an owner's any; never its text").answer::<Token>(200), one)
        .on(Method::DELETE, "/tokens/{id}", act, doc("Revoke it").fails(&[Code::WrongState]), revoke)
}

/// What the list can be ordered by.
const SORTED: Names = &["created", "name", "person", "expires", "last_used"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<TokenQuery>) -> Outcome<Json<Page<Token>>> {
    use token::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-created")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "name" => Some(Key::column(C::Name)),
        "person" => Some(Key::person(C::Person)),
        "expires" => Some(Key::column(C::Expires)),
        "last_used" => Some(Key::column(C::LastUsed)),
        _ => None,
    })?;
    let mut select = token::Entity::find();
    if let Some(part) = &query.name {
        select = select.filter(has_part(C::Name, part)?);
    }
    if let Some(reference) = &query.person {
        select = select.filter(C::Person.eq(people::find(&app.store.pool, reference).await?.id));
    }
    if let Some(active) = query.active {
        let works = Condition::all().add(C::Revoked.eq(false)).add(C::Expires.gt(app.clock.now().millis()));
        select = select.filter(if active { works } else { works.not() });
    }
    if !actor.is(Role::Owner) {
        select = select.filter(token::Column::Person.eq(actor.person.as_str()));
    }
    let rows = sorting.of(select.clone()).limit(sorting.slice.ask()).all(&app.store.pool).await?;
    let page = sorting.cut(&app.store.pool, select, rows, |row| row.id.clone()).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(shown(&app, row).await?);
    }
    Ok(Json(Page { items, next: page.next }))
}

async fn shown(app: &App, row: token::Model) -> Outcome<Token> {
    let name = person::Entity::find_by_id(&row.person).one(&app.store.pool).await?.map(|person| person.name).unwrap_or_default();
    Ok(Token {
        id: TokenId::parse(&row.id)?,
        name: row.name,
        person: PersonId::parse(&row.person)?,
        person_name: name,
        roles: roles_from_text(&row.roles),
        scopes: scopes::shown(&app.store.pool, &Scopes::from_text(&row.scopes)?).await?,
        decides: row.decides,
        created: Timestamp::from_millis(row.created),
        expires: Timestamp::from_millis(row.expires),
        last_used: row.last_used.map(Timestamp::from_millis),
        revoked: row.revoked,
        made_by: row.made_by.map(|id| PersonId::parse(&id)).transpose()?,
    })
}

/// A token that this actor handles: their own, an owner's any.
async fn find<C: ConnectionTrait>(connection: &C, actor: &Actor, id: &str) -> Outcome<token::Model> {
    let row = token::Entity::find_by_id(id).one(connection).await?;
    let row = row.filter(|row| actor.is(Role::Owner) || row.person == actor.person.as_str());
    row.ok_or_else(|| Failure::not_found("token", id))
}

async fn one(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<Token>> {
    let row = find(&app.store.pool, &actor, &id).await?;
    Ok(Json(shown(&app, row).await?))
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<NewToken>) -> Outcome<Response> {
    crate::definitions::check::check_name(&body.name).map_err(|reason| Failure::field("name", reason))?;
    let lives = body.expires_in.unwrap_or(DEFAULT);
    if lives == Length::ZERO || lives > LONGEST {
        return Err(Failure::field("expires_in", format!("from 1s to {LONGEST}")));
    }
    let change = Change::begin(&app).await?;
    let whose = people::find(change.tx(), body.person.as_deref().unwrap_or_else(|| actor.person.as_str())).await?;
    if whose.removed {
        return Err(Failure::not_found("person", &whose.id));
    }
    let own = whose.id == actor.person.as_str();
    if !own && !actor.is(Role::Owner) {
        return Err(Failure::new(Code::Forbidden).because("only an owner makes tokens for others"));
    }
    // A token never gives more than the one that made it has.
    let most = if own { actor.roles.clone() } else { roles_from_text(&whose.roles) };
    let roles = body.roles.unwrap_or_else(|| most.clone());
    refuse_more(&roles, &most, &whose, own)?;
    let held = if own { actor.scopes.clone() } else { Scopes::from_text(&whose.scopes)? };
    let scopes = narrower(&held, &scopes::resolve(change.tx(), &body.scopes, &roles).await?, &roles)?;
    if body.decides && !actor.decides {
        return Err(Failure::field("decides", "a token that may not decide makes none that may"));
    }
    // Whoever sees its text: under four eyes that is the second person.
    let other = crate::proposals::confirming().unwrap_or_else(|| actor.person.clone());
    let made_by = if own { actor.known_by.clone() } else { Some(other) };
    let new = New { name: body.name, person: PersonId::parse(&whose.id)?, roles, scopes, decides: body.decides, lives, made_by };
    let (id, text) = store::create(&change, &new).await?;
    let expires = change.now.plus(lives);
    let said = serde_json::json!({ "id": id, "name": new.name, "roles": new.roles, "scopes": new.scopes.0, "decides": new.decides, "expires": expires, "made_by": new.made_by });
    let mut event = NewEvent::new("person.token_created", format!("a token for {:?} was made", whose.name), &said)?;
    event.person = Some(new.person);
    record(&change, By::Person(&actor), event).await?;
    change.commit().await?;
    Ok((StatusCode::CREATED, Json(TokenCreated { id, token: text, expires })).into_response())
}

/// A token has a role, and none that its person, or the token that asks, has not.
fn refuse_more(roles: &[Role], most: &[Role], whose: &person::Model, own: bool) -> Outcome<()> {
    let names = |roles: &[Role]| roles.iter().map(|role| role_name(*role)).collect::<Vec<_>>().join(", ");
    if roles.is_empty() {
        return Err(Failure::field("roles", "at least one"));
    }
    let beyond: Vec<Role> = roles.iter().filter(|role| !most.contains(role)).copied().collect();
    if beyond.is_empty() {
        return Ok(());
    }
    let held = roles_from_text(&whose.roles);
    // The token that asks may have less than its person.
    let (who, has) = if own && beyond.iter().all(|role| held.contains(role)) {
        ("the token that asks".to_owned(), names(most))
    } else {
        (format!("{:?}", whose.name), names(&held))
    };
    let reason = format!("{who} does not have {}: {who} has {}", names(&beyond), if has.is_empty() { "no role" } else { &has });
    Err(Failure::field("roles", reason)
        .hint("a token has at most the roles of its person and of the token that asks; an owner sets a person's roles"))
}

/// What was asked for, where the token and person that ask have as much; what they have, where nothing was asked.
fn narrower(held: &Scopes, asked: &Scopes, roles: &[Role]) -> Outcome<Scopes> {
    for (role, groups) in &asked.0 {
        if held.of(*role).is_some_and(|own| !groups.is_subset(own)) {
            let field = format!("scopes.{}", role_name(*role));
            return Err(Failure::field(field, "at most the computer groups of the person and of the token that asks"));
        }
    }
    let mut scopes = held.narrowed(asked);
    scopes.0.retain(|role, _| roles.contains(role));
    Ok(scopes)
}

async fn revoke(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = find(change.tx(), &actor, &id).await?;
    let revoked = token::Entity::update_many()
        .col_expr(token::Column::Revoked, Expr::value(true))
        .filter(token::Column::Id.eq(&id))
        .filter(token::Column::Revoked.eq(false))
        .exec(change.tx())
        .await?;
    if revoked.rows_affected != 1 {
        return Err(Failure::new(Code::WrongState).because("it is revoked already"));
    }
    let said = serde_json::json!({ "id": id, "name": row.name });
    let mut event = NewEvent::new("person.token_revoked", format!("the token {:?} was revoked", row.name), &said)?;
    event.person = Some(PersonId::parse(&row.person)?);
    record(&change, By::Person(&actor), event).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
