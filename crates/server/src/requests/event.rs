//! Events about a request.

use brevet_core::id::{PolicyId, RequestId};
use brevet_core::request::Request;
use serde::Serialize;

use super::show;
use crate::audit::NewEvent;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::request;

/// An event that concerns a request, with its computer, user and policy.
///
/// # Errors
/// When the database does not answer.
pub async fn about<B: Serialize>(change: &Change, row: &request::Model, kind: &str, summary: String, said: &B) -> Outcome<NewEvent> {
    let body: Request = serde_json::from_str(&row.body)?;
    let mut event = NewEvent::new(kind, summary, said)?;
    event.computer = Some((row.computer.clone(), show::computer_ref(change.tx(), &row.computer).await?.name));
    event.user = Some(row.user.clone());
    event.policy = Some((PolicyId::parse(&row.policy)?.to_string(), body.policy.name));
    event.request = Some(RequestId::parse(&row.id)?);
    Ok(event)
}
