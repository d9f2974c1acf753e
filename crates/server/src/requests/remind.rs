//! Reminding approvers of a request that waits, and asking others too: once each, by the server's own clock.

use brevet_core::request::{Request, RequestState};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::received::terms;
use super::{event, state_name};
use crate::app::App;
use crate::audit::{By, record};
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::request;

/// Reminds and escalates what is due. Of several servers one does it: the row is moved on condition that it was not.
///
/// # Errors
/// When the database does not take it.
pub async fn sweep(app: &App) -> Outcome<()> {
    for step in [Step::Remind, Step::Escalate] {
        let due = request::Entity::find()
            .filter(request::Column::State.eq(state_name(RequestState::Pending)))
            .filter(step.at().lte(app.clock.now().millis()))
            .filter(step.done().is_null())
            .filter(request::Column::Lapses.gt(app.clock.now().millis()))
            .all(&app.store.pool)
            .await?;
        for row in due {
            step.take(app, &row).await?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Step {
    Remind,
    Escalate,
}

impl Step {
    const fn at(self) -> request::Column {
        match self {
            Self::Remind => request::Column::RemindAt,
            Self::Escalate => request::Column::EscalateAt,
        }
    }

    const fn done(self) -> request::Column {
        match self {
            Self::Remind => request::Column::Reminded,
            Self::Escalate => request::Column::Escalated,
        }
    }

    async fn take(self, app: &App, row: &request::Model) -> Outcome<()> {
        let change = Change::begin(app).await?;
        let moved = request::Entity::update_many()
            .col_expr(self.done(), Expr::value(change.now.millis()))
            .filter(request::Column::Id.eq(&row.id))
            .filter(request::Column::State.eq(state_name(RequestState::Pending)))
            .filter(self.done().is_null())
            .exec(change.tx())
            .await?;
        if moved.rows_affected != 1 {
            return Ok(());
        }
        let body: Request = serde_json::from_str(&row.body)?;
        let terms = terms(change.tx(), &body).await?;
        let said = serde_json::json!({
            "request": row.id, "code": body.digest.short_code(), "approvers": terms.approvers, "escalate_to": terms.escalate_to,
        });
        let (kind, summary) = match self {
            Self::Remind => ("request.reminded", format!("what {} asked still waits for {}", row.user, terms.approvers.join(", "))),
            Self::Escalate => {
                ("request.escalated", format!("what {} asked may now be decided by {} too", row.user, terms.escalate_to.join(", ")))
            }
        };
        record(&change, By::Server, event::about(&change, row, kind, summary, &said).await?).await?;
        change.commit().await?;
        Ok(())
    }
}
