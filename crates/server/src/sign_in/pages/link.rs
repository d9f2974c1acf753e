//! Signing in by a one-time link: looking at the page uses nothing up, its single button does.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use brevet_api::rest::sign_in::Way;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::app::App;
use crate::console::{VERSION, page};
use crate::http::extract::Path;
use crate::http::failure::Outcome;
use crate::http::signed_in::hash;
use crate::sign_in::begin::{Beginning, begin};
use crate::sign_in::caller::Caller;
use crate::store::Change;
use crate::store::entities::{person, sign_in};

#[derive(Template)]
#[template(path = "sign_in/link.html")]
struct Page<'a> {
    version: &'a str,
    theme: &'a str,
    works: bool,
    name: &'a str,
}

pub(super) async fn show(State(app): State<App>, caller: Caller, Path(secret): Path<String>) -> Outcome<Response> {
    let row = sign_in::Entity::find_by_id(hash(&secret).to_string()).one(&app.store.pool).await?;
    let row = row.filter(|row| !row.used && row.expires > app.clock.now().millis());
    let person = match row {
        Some(row) => person::Entity::find_by_id(&row.person).one(&app.store.pool).await?.filter(|person| person.enabled),
        None => None,
    };
    match person {
        Some(person) => page(&Page { version: &VERSION, theme: caller.theme, works: true, name: &person.name }),
        None => dead(&caller),
    }
}

fn dead(caller: &Caller) -> Outcome<Response> {
    let mut response = page(&Page { version: &VERSION, theme: caller.theme, works: false, name: "" })?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

pub(super) async fn sign_in(State(app): State<App>, caller: Caller, Path(secret): Path<String>) -> Outcome<Response> {
    let change = Change::begin(&app).await?;
    let hashed = hash(&secret).to_string();
    let used = sign_in::Entity::update_many()
        .col_expr(sign_in::Column::Used, Expr::value(true))
        .filter(sign_in::Column::Hash.eq(&hashed))
        .filter(sign_in::Column::Used.eq(false))
        .filter(sign_in::Column::Expires.gt(change.now.millis()))
        .exec(change.tx())
        .await?;
    let row = sign_in::Entity::find_by_id(&hashed).one(change.tx()).await?;
    let Some(row) = row.filter(|_| used.rows_affected == 1) else { return dead(&caller) };
    let person = person::Entity::find_by_id(&row.person).one(change.tx()).await?.filter(|person| person.enabled);
    let Some(person) = person else { return dead(&caller) };
    begin(change, &caller, Beginning { person, way: Way::Link, known_by: row.made_by, next: "/" }).await
}
