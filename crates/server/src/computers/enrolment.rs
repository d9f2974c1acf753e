//! Enrolment tokens: made, listed, revoked. Their secret is shown once and kept as a hash.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::agent::{ENROLMENT_PREFIX, EnrolmentToken as TokenContent};
use brevet_api::rest::computer::{EnrolmentToken, EnrolmentTokenCreated, NewEnrolmentToken};
use brevet_api::rest::page::NamedQuery;
use brevet_api::rest::{Code, Page};
use brevet_core::id::EnrolmentTokenId;
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::clock;
use crate::definitions::current::{current, within};
use crate::definitions::{Sight, Snapshot};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::has_part;
use crate::http::routes::{Routes, doc};
use crate::http::signed_in::hash;
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::Change;
use crate::store::entities::enrolment_token;

const DEFAULT: Length = Length::from_hours(1);
const LONGEST: Length = Length::from_hours(30 * 24);
const MOST_USES: u32 = 100_000;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/enrolment-tokens",
            Action::ReadEnrolment,
            doc("Enrolment tokens").answer::<EnrolmentToken>(200).page(&[]).sorted_by(SORTED, "-created").filters::<NamedQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/enrolment-tokens",
            Action::ChangeEnrolment,
            doc("Make one; its text is shown this once").body::<NewEnrolmentToken>().answer::<EnrolmentTokenCreated>(201).creates_secret(),
            create,
        )
        .on(
            Method::GET,
            "/enrolment-tokens/{id}",
            Action::ReadEnrolment,
            doc("One enrolment token, never its text").answer::<EnrolmentToken>(200),
            one,
        )
        .on(Method::DELETE, "/enrolment-tokens/{id}", Action::ChangeEnrolment, doc("Revoke it").fails(&[Code::WrongState]), revoke)
}

/// What the list can be ordered by.
const SORTED: Names = &["created", "name", "used", "expires"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<NamedQuery>) -> Outcome<Json<Page<EnrolmentToken>>> {
    use enrolment_token::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-created")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "name" => Some(Key::column(C::Name)),
        "expires" => Some(Key::column(C::Expires)),
        "used" => Some(Key::column(C::Used)),
        _ => None,
    })?;
    let mut select = enrolment_token::Entity::find();
    if let Some(part) = &query.name {
        select = select.filter(has_part(C::Name, part)?);
    }
    let all = current(&app).await?;
    let sight = Sight::new(&actor, Action::ReadEnrolment, &all);
    let rows = match sight.is_whole() {
        true => sorting.of(select.clone()).limit(sorting.slice.ask()).all(&app.store.pool).await?,
        // Which groups a token names is in its text: those of others are left out here, before the page is cut.
        false => {
            sorting.of(select.clone()).all(&app.store.pool).await?.into_iter().filter(|row| lies_within(&sight, &row.groups)).collect()
        }
    };
    let page = sorting.cut(&app.store.pool, select, rows, |row| row.id.clone()).await?;
    Ok(Json(Page { items: page.items.into_iter().map(shown).collect::<Outcome<_>>()?, next: page.next }))
}

fn shown(row: enrolment_token::Model) -> Outcome<EnrolmentToken> {
    Ok(EnrolmentToken {
        id: EnrolmentTokenId::parse(&row.id)?,
        name: row.name,
        uses: u32::try_from(row.uses).unwrap_or(u32::MAX),
        used: u32::try_from(row.used).unwrap_or(u32::MAX),
        groups: serde_json::from_str(&row.groups)?,
        created: Timestamp::from_millis(row.created),
        expires: Timestamp::from_millis(row.expires),
        revoked: row.revoked,
    })
}

/// A token that lies within what the actor may do this to.
async fn find<C: ConnectionTrait>(connection: &C, actor: &Actor, action: Action, id: &str) -> Outcome<enrolment_token::Model> {
    let row = enrolment_token::Entity::find_by_id(id).one(connection).await?;
    let sight = Sight::new(actor, action, &Snapshot::load(connection).await?);
    let row = row.filter(|row| lies_within(&sight, &row.groups));
    row.ok_or_else(|| Failure::not_found("enrolment token", id))
}

async fn one(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<EnrolmentToken>> {
    Ok(Json(shown(find(&app.store.pool, &actor, Action::ReadEnrolment, &id).await?)?))
}

/// Whether a token's computers all join groups of theirs, and at least one.
fn lies_within(sight: &Sight, groups: &str) -> bool {
    let groups: Vec<String> = serde_json::from_str(groups).unwrap_or_default();
    sight.is_whole() || (!groups.is_empty() && groups.iter().all(|group| sight.has_group(group)))
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<NewEnrolmentToken>) -> Outcome<Response> {
    let lives = body.expires_in.unwrap_or(DEFAULT);
    if lives == Length::ZERO || lives > LONGEST {
        return Err(Failure::field("expires_in", format!("from 1s to {LONGEST}")));
    }
    if body.uses == 0 || body.uses > MOST_USES {
        return Err(Failure::field("uses", format!("from 1 to {MOST_USES}")));
    }
    let change = Change::begin(&app).await?;
    let all = within(&change).await?;
    for (i, name) in body.groups.iter().enumerate() {
        if all.group(name).is_none_or(|group| group.computers.is_none()) {
            return Err(Failure::field(format!("groups[{i}]"), format!("there is no group of computers {name:?}")));
        }
    }
    let sight = Sight::new(&actor, Action::ChangeEnrolment, &all);
    if !lies_within(&sight, &serde_json::to_string(&body.groups)?) {
        return Err(
            Failure::new(Code::Forbidden).because("your role is narrowed to some computer groups: name one or more of them, and no other")
        );
    }
    let id = clock::id(EnrolmentTokenId::new, change.now)?;
    let secret = clock::secret()?;
    let expires = change.now.plus(lives);
    let row = enrolment_token::ActiveModel {
        id: Set(id.to_string()),
        hash: Set(hash(&secret).to_string()),
        name: Set(body.name.clone()),
        uses: Set(i64::from(body.uses)),
        used: Set(0),
        groups: Set(serde_json::to_string(&body.groups)?),
        created: Set(change.now.millis()),
        expires: Set(expires.millis()),
        revoked: Set(false),
    };
    enrolment_token::Entity::insert(row).exec_without_returning(change.tx()).await?;
    let said = serde_json::json!({ "id": id, "name": body.name, "uses": body.uses, "groups": body.groups, "expires": expires });
    record(&change, By::Person(&actor), NewEvent::new("enrolment_token.created", "an enrolment token was made", &said)?).await?;
    change.commit().await?;
    let content = TokenContent { url: app.url.clone(), tls: Some(app.authority.fingerprint()), root: app.root.fingerprint(), secret };
    let token = format!("{ENROLMENT_PREFIX}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(&content)?));
    Ok((StatusCode::CREATED, Json(EnrolmentTokenCreated { id, token, expires })).into_response())
}

async fn revoke(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = find(change.tx(), &actor, Action::ChangeEnrolment, &id).await?;
    let revoked = enrolment_token::Entity::update_many()
        .col_expr(enrolment_token::Column::Revoked, Expr::value(true))
        .filter(enrolment_token::Column::Id.eq(&id))
        .filter(enrolment_token::Column::Revoked.eq(false))
        .exec(change.tx())
        .await?;
    if revoked.rows_affected != 1 {
        return Err(Failure::new(Code::WrongState).because("it is revoked already"));
    }
    let said = serde_json::json!({ "id": id, "name": row.name });
    record(&change, By::Person(&actor), NewEvent::new("enrolment_token.revoked", "an enrolment token was revoked", &said)?).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
