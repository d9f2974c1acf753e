//! The routes of notification: an owner says where it goes, an administrator whether again.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::notification::{NewTarget, Notification, NotificationQuery, Target, TargetCreated, TargetEnabled, TargetKind};
use brevet_api::rest::page::NamedQuery;
use brevet_api::rest::{Code, Page};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::targets::{self, notification_shown};
use super::{TEST, outbox, targets::with_secret, webhook};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::etag::{Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::has_part;
use crate::http::page::{Shown, bounded};
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, At, Key, Names, Sorting};
use crate::store::Change;
use crate::store::entities::{notification, notification_target as target};

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, operate, act) = (Action::ReadNotifications, Action::OperateNotifications, Action::ChangeNotifications);
    let one = "/notification-targets/{reference}";
    let routes = super::words::routes(routes);
    routes
        .on(
            Method::GET,
            "/notification-targets",
            read,
            doc("Where notifications go").answer::<Target>(200).page(&[]).sorted_by(TARGETS_SORTED, "name").filters::<NamedQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/notification-targets",
            act,
            doc("Add one; a webhook's secret is shown this once")
                .body::<NewTarget>()
                .answer::<TargetCreated>(201)
                .creates_secret()
                .fails(&[Code::NameTaken, Code::NotFound]),
            create,
        )
        .on(Method::GET, one, read, doc("One, by id or name").answer::<Target>(200).tagged(), show)
        .on(Method::DELETE, one, act, doc("Delete it, with its log and what waits").takes_match(), delete)
        .on(
            Method::PUT,
            "/notification-targets/{reference}/enabled",
            act,
            doc("Let anything go there, or not").body::<TargetEnabled>().answer::<Target>(200).tagged().takes_match(),
            enabled,
        )
        .on(
            Method::POST,
            "/notification-targets/{reference}/test",
            operate,
            doc("Send it something at once, to see whether it comes").answer::<Notification>(200).creates().fails(&[Code::WrongState]),
            test,
        )
        .on(
            Method::POST,
            "/notification-targets/{reference}/secret",
            act,
            doc("A new secret for a webhook; the old one ends at once")
                .answer::<TargetCreated>(200)
                .creates_secret()
                .fails(&[Code::WrongState]),
            secret,
        )
        .on(
            Method::GET,
            "/notifications",
            read,
            doc("What was sent and what waits")
                .answer::<Notification>(200)
                .page(&[])
                .sorted_by(SORTED, "-created")
                .filters::<NotificationQuery>()
                .fails(&[Code::NotFound]),
            log,
        )
        .on(
            Method::POST,
            "/notifications/{id}/retry",
            operate,
            doc("Send one again that was given up, or now one that waits").answer::<Notification>(200).fails(&[Code::WrongState]),
            retry,
        )
}

/// What the list of targets can be ordered by.
const TARGETS_SORTED: Names = &["name", "kind"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<NamedQuery>) -> Outcome<Json<Page<Shown<Target>>>> {
    let chosen = sort::chosen(TARGETS_SORTED, query.sort.as_deref(), "name")?;
    let mut select = target::Entity::find();
    if let Some(part) = &query.name {
        select = select.filter(has_part(target::Column::Name, part)?);
    }
    let mut items = Vec::new();
    for row in select.all(&app.store.pool).await? {
        items.push(targets::shown(&app.store.pool, row, sees_whole(&actor)).await?);
    }
    let at = |item: &Target| {
        let at = match (chosen.name, item.kind) {
            ("kind", TargetKind::Email) => "email",
            ("kind", TargetKind::Webhook) => "webhook",
            _ => &item.name,
        };
        (At::name(at), item.name.clone())
    };
    sort::in_memory((query.limit, query.cursor.as_deref()), chosen, items, at, Ok).map(Json)
}

/// Whoever says where it goes knows where it goes.
fn sees_whole(actor: &Actor) -> bool {
    actor.may(Action::ChangeNotifications)
}

async fn show(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Tagged<Target>> {
    let row = targets::find(&app.store.pool, &reference).await?;
    let tag = targets::tag(&row)?;
    Ok(Tagged(tag, targets::shown(&app.store.pool, row, sees_whole(&actor)).await?))
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<NewTarget>) -> Outcome<Response> {
    let change = Change::begin(&app).await?;
    let row = targets::create(&change, &body).await?;
    note(&change, &actor, "notification.target_created", &row).await?;
    let created = with_secret(&change, row).await?;
    change.commit().await?;
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

async fn note(change: &Change, actor: &Actor, kind: &str, row: &target::Model) -> Outcome<()> {
    let word = kind.rsplit('_').next().unwrap_or_default();
    let address = targets::address(row, false);
    let summary = format!("notification target {:?}, to {address}: {word}", row.name);
    let said = serde_json::json!({
        "id": row.id, "name": row.name, "kind": row.kind, "address": address, "person": row.person,
        "events": serde_json::from_str::<serde_json::Value>(&row.events)?,
    });
    record(change, By::Person(actor), NewEvent::new(kind, summary, &said)?).await
}

async fn delete(State(app): State<App>, actor: Actor, Path(reference): Path<String>, tag: Match) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = targets::find(change.tx(), &reference).await?;
    tag.check(&targets::tag(&row)?)?;
    notification::Entity::delete_many().filter(notification::Column::Target.eq(&row.id)).exec(change.tx()).await?;
    target::Entity::delete_by_id(&row.id).exec(change.tx()).await?;
    note(&change, &actor, "notification.target_deleted", &row).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn enabled(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    tag: Match,
    Body(body): Body<TargetEnabled>,
) -> Outcome<Tagged<Target>> {
    let change = Change::begin(&app).await?;
    let mut row = targets::find(change.tx(), &reference).await?;
    tag.check(&targets::tag(&row)?)?;
    target::Entity::update_many()
        .col_expr(target::Column::Enabled, Expr::value(body.enabled))
        .filter(target::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    row.enabled = body.enabled;
    let kind = if body.enabled { "notification.target_enabled" } else { "notification.target_disabled" };
    note(&change, &actor, kind, &row).await?;
    let tag = targets::tag(&row)?;
    let item = targets::shown(change.tx(), row, sees_whole(&actor)).await?;
    change.commit().await?;
    app.outbox.wake.notify_one();
    Ok(Tagged(tag, item))
}

async fn secret(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Json<TargetCreated>> {
    let change = Change::begin(&app).await?;
    let mut row = targets::find(change.tx(), &reference).await?;
    if row.kind != targets::WEBHOOK {
        return Err(Failure::new(Code::WrongState).because("only a webhook has a secret"));
    }
    let next = row.secret.saturating_add(1);
    let moved = target::Entity::update_many()
        .col_expr(target::Column::Secret, Expr::value(next))
        .col_expr(target::Column::Key, Expr::value(webhook::key(&app)))
        .filter(target::Column::Id.eq(&row.id))
        .filter(target::Column::Secret.eq(row.secret))
        .exec(change.tx())
        .await?;
    if moved.rows_affected != 1 {
        return Err(Failure::new(Code::WrongState).because("somebody was faster"));
    }
    row.secret = next;
    note(&change, &actor, "notification.secret_changed", &row).await?;
    let created = with_secret(&change, row).await?;
    change.commit().await?;
    Ok(Json(created))
}

async fn test(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Json<Notification>> {
    let change = Change::begin(&app).await?;
    let row = targets::find(change.tx(), &reference).await?;
    if !row.enabled {
        return Err(Failure::new(Code::WrongState).because("it is disabled: nothing goes there"));
    }
    let text = format!("{} sent this to see whether it comes. Nothing happened.\n\n{}/\n", actor.name, app.url);
    let subject = "Brevet: a test".to_owned();
    let body = if row.kind == targets::WEBHOOK {
        let data = serde_json::json!({ "url": format!("{}/", app.url), "subject": subject, "text": text });
        serde_json::json!({ "type": TEST, "timestamp": change.now, "data": data }).to_string()
    } else {
        text
    };
    let told = outbox::Told { event: None, kind: TEST, audience: "subscriber", subject, body };
    let id = outbox::put(&change, &row, &told).await?;
    targets::rested(&change, &row.id).await?;
    note(&change, &actor, "notification.target_tested", &row).await?;
    let made = notification::Entity::find().filter(notification::Column::Id.eq(id.as_str())).one(change.tx()).await?;
    let item = notification_shown(made.ok_or_else(|| Failure::internal("a notification is gone"))?, row.name)?;
    change.commit().await?;
    Ok(Json(item))
}

/// What the log can be ordered by.
const SORTED: Names = &["created", "kind", "target", "state"];

async fn log(State(app): State<App>, _actor: Actor, Query(query): Query<NotificationQuery>) -> Outcome<Json<Page<Shown<Notification>>>> {
    use notification::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-created")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| {
        Some(match name {
            "kind" => Key::column(C::Kind),
            "state" => Key::column(C::State),
            "target" => Key::target(C::Target),
            _ => Key::column(C::Seq),
        })
    })?;
    let pool = &app.store.pool;
    let mut select = notification::Entity::find();
    if let Some(state) = &query.state {
        if !["pending", "sent", "failed", "obsolete"].contains(&state.as_str()) {
            return Err(Failure::new(Code::Malformed).because(format!("there is no state {state:?}")));
        }
        select = select.filter(notification::Column::State.eq(state));
    }
    if let Some(kind) = &query.kind {
        select = select.filter(notification::Column::Kind.eq(kind));
    }
    if let Some(reference) = &query.target {
        select = select.filter(notification::Column::Target.eq(targets::find(pool, reference).await?.id));
    }
    let names: std::collections::HashMap<String, String> =
        target::Entity::find().all(pool).await?.into_iter().map(|row| (row.id, row.name)).collect();
    let found = bounded(pool, sorting.of(select.clone()), sorting.slice.limit, &[notification::Column::Body]).await?;
    let mut page = sorting.slice.filling(found.more);
    for row in found.rows {
        let name = names.get(&row.target).cloned().unwrap_or_default();
        if !page.add(row.id.clone(), &notification_shown(row, name)?)? {
            break;
        }
    }
    Ok(Json(sorting.page(pool, select, page).await?))
}

async fn retry(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<Notification>> {
    let change = Change::begin(&app).await?;
    let find = || notification::Entity::find().filter(notification::Column::Id.eq(&id)).one(change.tx());
    let row = find().await?.ok_or_else(|| Failure::not_found("notification", &id))?;
    let moved = notification::Entity::update_many()
        .col_expr(notification::Column::State, Expr::value("pending"))
        .col_expr(notification::Column::Attempts, Expr::value(0))
        .col_expr(notification::Column::Due, Expr::value(change.now.millis()))
        .col_expr(notification::Column::Since, Expr::value(change.now.millis()))
        .col_expr(notification::Column::Finished, Expr::value(None::<i64>))
        .filter(notification::Column::Id.eq(&id))
        .filter(notification::Column::State.is_in(["failed", "pending"]))
        .exec(change.tx())
        .await?;
    if moved.rows_affected != 1 {
        return Err(Failure::new(Code::WrongState).because(format!("it is {}", row.state)));
    }
    targets::rested(&change, &row.target).await?;
    let said = serde_json::json!({ "notification": id, "target": row.target });
    record(&change, By::Person(&actor), NewEvent::new("notification.retried", "a notification is sent again", &said)?).await?;
    let row = find().await?.ok_or_else(|| Failure::internal("a notification is gone"))?;
    let name = targets::find(change.tx(), &row.target).await?.name;
    change.commit().await?;
    app.outbox.wake.notify_one();
    Ok(Json(notification_shown(row, name)?))
}
