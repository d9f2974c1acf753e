//! How many processes sessions have, as their computers see it: for people to look at. Nothing rests on it, so it is no event.

use axum::extract::State;
use axum::http::StatusCode;
use brevet_api::agent::{MOST_COUNTED, Processes};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::tokens::Caller;
use crate::app::App;
use crate::http::extract::Body;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::session;

/// Of sessions that run on the caller's own computer; others are passed over.
pub(super) async fn processes(State(app): State<App>, Caller(row): Caller, Body(counted): Body<Processes>) -> Outcome<StatusCode> {
    if counted.sessions.len() > MOST_COUNTED {
        return Err(Failure::field("sessions", format!("at most {MOST_COUNTED} at once")));
    }
    let change = Change::begin(&app).await?;
    for one in &counted.sessions {
        session::Entity::update_many()
            .col_expr(session::Column::Processes, Expr::value(i64::from(one.processes)))
            .col_expr(session::Column::ProcessesAt, Expr::value(change.now.millis()))
            .filter(session::Column::Id.eq(one.session.as_str()))
            .filter(session::Column::Computer.eq(&row.id))
            .filter(session::Column::State.eq("started"))
            .exec(change.tx())
            .await?;
    }
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
