//! The routes of tokens: everybody handles their own, an owner everybody's.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::person::Role;
use brevet_api::rest::token::{NewToken, Token, TokenCreated};
use brevet_api::rest::{Code, Page};
use brevet_core::id::{PersonId, TokenId};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::store::{self, New};
use crate::access::{Action, Actor, Scopes, roles_from_text};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};
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
            doc("Your tokens, an owner everybody's; newest first").answer::<Token>(200).page(&[]).filters::<PageQuery>(),
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
                .fails(&[Code::NotFound]),
            create,
        )
        .on(Method::DELETE, "/tokens/{id}", act, doc("Revoke it").fails(&[Code::WrongState]), revoke)
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Outcome<Json<Page<Token>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    let mut select = token::Entity::find().order_by_desc(token::Column::Id).limit(slice.ask());
    if !actor.is(Role::Owner) {
        select = select.filter(token::Column::Person.eq(actor.person.as_str()));
    }
    if let Some(after) = &slice.after {
        select = select.filter(token::Column::Id.lt(after));
    }
    let page = slice.page(select.all(&app.store.pool).await?, |row| row.id.clone());
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        let name = person::Entity::find_by_id(&row.person).one(&app.store.pool).await?.map(|person| person.name).unwrap_or_default();
        items.push(Token {
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
        });
    }
    Ok(Json(Page { items, next: page.next }))
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<NewToken>) -> Outcome<Response> {
    crate::definitions::check::check_name(&body.name).map_err(|reason| Failure::field("name", reason))?;
    let lives = body.expires_in.unwrap_or(DEFAULT);
    if lives == Length::ZERO || lives > LONGEST {
        return Err(Failure::field("expires_in", format!("from 1s to {LONGEST}")));
    }
    let change = Change::begin(&app).await?;
    let whose = people::find(change.tx(), body.person.as_deref().unwrap_or_else(|| actor.person.as_str())).await?;
    let own = whose.id == actor.person.as_str();
    if !own && !actor.is(Role::Owner) {
        return Err(Failure::new(Code::Forbidden).because("only an owner makes tokens for others"));
    }
    // A token never gives more than the one that made it has.
    let most = if own { actor.roles.clone() } else { roles_from_text(&whose.roles) };
    let roles = body.roles.unwrap_or_else(|| most.clone());
    if roles.is_empty() || roles.iter().any(|role| !most.contains(role)) {
        return Err(Failure::field("roles", "at least one, and at most those of the person and of the token that asks"));
    }
    let held = if own { actor.scopes.clone() } else { Scopes::from_text(&whose.scopes)? };
    let scopes = narrower(&held, &scopes::resolve(change.tx(), &body.scopes, &roles).await?, &roles)?;
    if body.decides && !actor.decides {
        return Err(Failure::field("decides", "a token that may not decide makes none that may"));
    }
    let made_by = if own { maker(&change, &actor).await? } else { Some(actor.person.clone()) };
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

/// Who knows the token that asks, beside its person: they know what it makes too.
async fn maker(change: &Change, actor: &Actor) -> Outcome<Option<PersonId>> {
    let Some(token) = &actor.token else { return Ok(None) };
    let row = token::Entity::find_by_id(token.as_str()).one(change.tx()).await?;
    Ok(row.and_then(|row| row.made_by).map(|id| PersonId::parse(&id)).transpose()?)
}

/// What was asked for, where the token and person that ask have as much; what they have, where nothing was asked.
fn narrower(held: &Scopes, asked: &Scopes, roles: &[Role]) -> Outcome<Scopes> {
    for (role, groups) in &asked.0 {
        if held.of(*role).is_some_and(|own| !groups.is_subset(own)) {
            let field = format!("scopes.{}", crate::access::role_name(*role));
            return Err(Failure::field(field, "at most the computer groups of the person and of the token that asks"));
        }
    }
    let mut scopes = held.narrowed(asked);
    scopes.0.retain(|role, _| roles.contains(role));
    Ok(scopes)
}

async fn revoke(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = token::Entity::find_by_id(&id).one(change.tx()).await?;
    let row = row.filter(|row| actor.is(Role::Owner) || row.person == actor.person.as_str());
    let row = row.ok_or_else(|| Failure::not_found("token", &id))?;
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
