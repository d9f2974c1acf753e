//! Legal holds: an owner makes and releases them; whoever reads the whole audit log reads them.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::computer::Because;
use brevet_api::rest::event::{Redact, Redacted};
use brevet_api::rest::hold::{Covers, Hold, HoldQuery, NewHold};
use brevet_api::rest::{Code, Page};
use brevet_core::id::{HoldId, PersonId};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, QueryFilter as _, QuerySelect as _};

use super::redact::redact;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::etag::{self, Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::has_part;
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::Change;
use crate::store::entities::{computer, definition, hold};
use crate::{clock, people};

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::POST,
            "/events/redact",
            Action::Redact,
            doc("Take away the text of what is old and not held, or say how much that would be")
                .body::<Redact>()
                .answer::<Redacted>(200)
                .fails(&[Code::Invalid]),
            redact,
        )
        .on(
            Method::GET,
            "/holds",
            Action::ReadHolds,
            doc("Legal holds").answer::<Hold>(200).page(&[]).sorted_by(SORTED, "-created").filters::<HoldQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/holds",
            Action::ChangeHolds,
            doc("Make a legal hold").body::<NewHold>().answer::<Hold>(201).tagged().creates().fails(&[Code::NameTaken, Code::Invalid]),
            create,
        )
        .on(Method::GET, "/holds/{reference}", Action::ReadHolds, doc("One legal hold").answer::<Hold>(200).tagged(), show)
        .on(
            Method::POST,
            "/holds/{reference}/release",
            Action::ChangeHolds,
            doc("End it: what it kept may be redacted")
                .body::<Because>()
                .answer::<Hold>(200)
                .tagged()
                .takes_match()
                .fails(&[Code::WrongState, Code::Invalid]),
            release,
        )
}

/// What the list can be ordered by.
const SORTED: Names = &["created", "name", "released"];

async fn list(State(app): State<App>, _actor: Actor, Query(query): Query<HoldQuery>) -> Outcome<Json<Page<Hold>>> {
    use hold::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-created")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "name" => Some(Key::column(C::Name)),
        "released" => Some(Key::column(C::Released)),
        _ => None,
    })?;
    let mut select = hold::Entity::find();
    if let Some(part) = &query.name {
        select = select.filter(has_part(C::Name, part)?);
    }
    if let Some(active) = query.active {
        select = select.filter(if active { hold::Column::Released.is_null() } else { hold::Column::Released.is_not_null() });
    }
    let rows = sorting.of(select.clone()).limit(sorting.slice.ask()).all(&app.store.pool).await?;
    let page = sorting.cut(&app.store.pool, select, rows, |row| row.id.clone()).await?;
    let items = page.items.into_iter().map(shown).collect::<Outcome<_>>()?;
    Ok(Json(Page { items, next: page.next }))
}

/// By id, or by the name of one that is not released.
async fn find<C: ConnectionTrait>(connection: &C, reference: &str) -> Outcome<hold::Model> {
    if let Some(row) = hold::Entity::find_by_id(reference).one(connection).await? {
        return Ok(row);
    }
    let named = hold::Entity::find().filter(hold::Column::NameKey.eq(reference)).one(connection).await?;
    named.ok_or_else(|| Failure::not_found("hold", reference))
}

fn shown(row: hold::Model) -> Outcome<Hold> {
    Ok(Hold {
        id: HoldId::parse(&row.id)?,
        name: row.name,
        reason: row.reason,
        covers: serde_json::from_str(&row.covers)?,
        created: Timestamp::from_millis(row.created),
        created_by: PersonId::parse(&row.created_by)?,
        created_by_name: row.created_by_name,
        released: row.released.map(Timestamp::from_millis),
        released_by: row.released_by.as_deref().map(PersonId::parse).transpose()?,
        released_by_name: row.released_by_name,
        release_comment: row.release_comment,
    })
}

fn tagged(row: hold::Model) -> Outcome<Tagged<Hold>> {
    let hold = shown(row)?;
    Ok(Tagged(etag::of(&hold)?, hold))
}

async fn show(State(app): State<App>, _actor: Actor, Path(reference): Path<String>) -> Outcome<Tagged<Hold>> {
    tagged(find(&app.store.pool, &reference).await?)
}

fn said(text: &str, field: &str) -> Outcome<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 4000 { Err(Failure::field(field, "say why, in at most 4000 bytes")) } else { Ok(text.into()) }
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<NewHold>) -> Outcome<Response> {
    crate::definitions::check::check_name(&body.name).map_err(|reason| Failure::field("name", reason))?;
    let reason = said(&body.reason, "reason")?;
    let change = Change::begin(&app).await?;
    let named = hold::Entity::find().filter(hold::Column::NameKey.eq(&body.name)).one(change.tx()).await?;
    if named.is_some() {
        return Err(Failure::new(Code::NameTaken).because(format!("there is a hold {:?}", body.name)));
    }
    let mut event = NewEvent::new("hold.created", format!("the legal hold {:?} was made: {reason}", body.name), &body)?;
    let covers = resolved(change.tx(), body.covers, &mut event).await?;
    let id = clock::id(HoldId::new, change.now)?;
    let row = hold::ActiveModel {
        id: Set(id.to_string()),
        name: Set(body.name.clone()),
        name_key: Set(body.name.clone()),
        reason: Set(reason.clone()),
        covers: Set(serde_json::to_string(&covers)?),
        created: Set(change.now.millis()),
        created_by: Set(actor.person.to_string()),
        created_by_name: Set(actor.name.clone()),
        released: Set(None),
        released_by: Set(None),
        released_by_name: Set(None),
        release_comment: Set(None),
    };
    hold::Entity::insert(row).exec_without_returning(change.tx()).await?;
    event.body = serde_json::json!({ "id": id, "name": body.name, "reason": reason, "covers": covers }).to_string();
    record(&change, By::Person(&actor), event).await?;
    let row = find(change.tx(), id.as_str()).await?;
    change.commit().await?;
    Ok((StatusCode::CREATED, tagged(row)?).into_response())
}

/// Names become ids, so that what is held stays the same when names change hands; the event gets those that it concerns.
async fn resolved<C: ConnectionTrait>(connection: &C, covers: Covers, event: &mut NewEvent) -> Outcome<Covers> {
    let unknown = |field: &str, text: &str| Failure::field(format!("covers.{field}"), format!("there is none called {text:?}"));
    if covers.from.zip(covers.to).is_some_and(|(from, to)| from >= to) {
        return Err(Failure::field("covers.to", "must be later than from"));
    }
    let mut out = covers;
    if let Some(text) = &out.computer {
        let row = crate::computers::find(connection, text).await.map_err(|_| unknown("computer", text))?;
        event.computer = Some((row.id.clone(), row.name));
        out.computer = Some(row.id);
    }
    if let Some(text) = &out.policy {
        use definition::Column as D;
        let of_kind = definition::Entity::find().filter(D::Kind.eq("policy"));
        let row = of_kind.filter(D::Id.eq(text).or(D::NameKey.eq(format!("policy/{text}")))).one(connection).await?;
        let row = row.ok_or_else(|| unknown("policy", text).hint("name a deleted policy by its id"))?;
        event.policy = Some((row.id.clone(), row.name));
        out.policy = Some(row.id);
    }
    if let Some(text) = &out.person {
        let row = people::store::find(connection, text).await.map_err(|_| unknown("person", text))?;
        event.person = Some(PersonId::parse(&row.id)?);
        out.person = Some(row.id);
    }
    event.user.clone_from(&out.user);
    event.request.clone_from(&out.request);
    Ok(out)
}

async fn release(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    seen: Match,
    Body(body): Body<Because>,
) -> Outcome<Tagged<Hold>> {
    let comment = said(&body.comment, "comment")?;
    let change = Change::begin(&app).await?;
    let row = find(change.tx(), &reference).await?;
    seen.check(&etag::of(&shown(row.clone())?)?)?;
    let released = hold::Entity::update_many()
        .col_expr(hold::Column::Released, Expr::value(change.now.millis()))
        .col_expr(hold::Column::ReleasedBy, Expr::value(actor.person.to_string()))
        .col_expr(hold::Column::ReleasedByName, Expr::value(actor.name.clone()))
        .col_expr(hold::Column::ReleaseComment, Expr::value(comment.clone()))
        // The name is free again; the row stays, since events name it.
        .col_expr(hold::Column::NameKey, Expr::value(row.id.clone()))
        .filter(hold::Column::Id.eq(&row.id))
        .filter(hold::Column::Released.is_null())
        .exec(change.tx())
        .await?;
    if released.rows_affected != 1 {
        return Err(Failure::new(Code::WrongState).because("it is released already"));
    }
    let said =
        serde_json::json!({ "id": row.id, "name": row.name, "comment": comment, "covers": serde_json::from_str::<Covers>(&row.covers)? });
    let mut event = NewEvent::new("hold.released", format!("the legal hold {:?} was released: {comment}", row.name), &said)?;
    about(change.tx(), &serde_json::from_str(&row.covers)?, &mut event).await?;
    record(&change, By::Person(&actor), event).await?;
    let row = find(change.tx(), &row.id).await?;
    change.commit().await?;
    tagged(row)
}

/// The ids that a hold concerns.
async fn about<C: ConnectionTrait>(connection: &C, covers: &Covers, event: &mut NewEvent) -> Outcome<()> {
    if let Some(id) = &covers.computer {
        event.computer = computer::Entity::find_by_id(id).one(connection).await?.map(|row| (row.id, row.name));
    }
    if let Some(id) = &covers.policy {
        event.policy = definition::Entity::find_by_id(id).one(connection).await?.map(|row| (row.id, row.name));
    }
    event.person = covers.person.as_deref().map(PersonId::parse).transpose()?;
    event.user.clone_from(&covers.user);
    event.request.clone_from(&covers.request);
    Ok(())
}
