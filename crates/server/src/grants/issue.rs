//! Issuing a grant: the row and its signed document, in the transaction of the approval.

use brevet_api::rest::request::Decision;
use brevet_core::document::{Approval, GrantDocument, Kind, SCHEMA, seal};
use brevet_core::escape;
use brevet_core::id::GrantId;
use brevet_core::policy::{AtExpiry, RequestTerms, Starts};
use brevet_core::request::Request;
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use sea_orm::{ActiveValue::Set, EntityTrait as _};

use crate::clock;
use crate::definitions::write::signed;
use crate::documents::sequence::append;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::grant;

/// Issues the grant that these approvals give: the shortest of them, narrowed where any of them narrows.
///
/// # Errors
/// When the document cannot be sealed or kept.
pub async fn issue(change: &mut Change, request: &Request, terms: &RequestTerms, approvals: Vec<Decision>) -> Outcome<GrantId> {
    let id = clock::id(GrantId::new, change.now)?;
    let duration = approvals.iter().filter_map(|a| a.duration).min().ok_or_else(|| Failure::internal("an approval without length"))?;
    let command_only = approvals.iter().any(|approval| approval.command_only);
    let use_before = change.now.plus(terms.use_within);
    let mut document = GrantDocument {
        schema: SCHEMA,
        requires: Vec::new(),
        computer: request.computer.clone(),
        epoch: 0,
        seq: 0,
        time: change.now,
        grant: id.clone(),
        version: 1,
        request: request.id.clone(),
        request_digest: request.digest,
        duration,
        starts: terms.starts,
        uses: terms.uses,
        use_before,
        not_after: not_after(request, terms.starts, duration, change.now, use_before),
        command_only,
        approvals: approvals.into_iter().map(signed_by).collect(),
    };
    if terms.starts == Starts::Approval {
        document.use_before = document.use_before.min(document.not_after);
    }
    keep(change, request, &document).await?;
    send(change, document).await?;
    Ok(id)
}

/// The moment after which nothing runs, whatever else: the latest start, the whole length, and what may still finish.
#[must_use]
pub fn not_after(request: &Request, starts: Starts, duration: Length, now: Timestamp, use_before: Timestamp) -> Timestamp {
    let from = match starts {
        Starts::Approval => now,
        Starts::FirstUse => use_before,
    };
    let finishing = match request.elevation.at_expiry {
        AtExpiry::LetFinish => request.elevation.finish_within.unwrap_or(Length::ZERO),
        AtExpiry::Terminate => Length::ZERO,
    };
    from.plus(duration).plus(finishing)
}

/// An approval as the document carries it.
#[must_use]
pub fn signed_by(decision: Decision) -> Approval {
    Approval { person: decision.person, name: decision.name, time: decision.time, comment: decision.comment, signature: None }
}

/// The row of a grant that a person approved.
///
/// # Errors
/// When the database does not take it.
pub async fn keep(change: &Change, request: &Request, document: &GrantDocument) -> Outcome<()> {
    let row = grant::ActiveModel {
        id: Set(document.grant.to_string()),
        computer: Set(request.computer.to_string()),
        origin: Set("approved".into()),
        state: Set("issued".into()),
        user: Set(request.user.name.clone()),
        target_user: Set(request.command.target.name.clone()),
        command: Set(escape::command(request.command.arguments.iter().map(OsText::as_bytes))),
        reason: Set(Some(request.reason.clone())),
        policy: Set(request.policy.id.to_string()),
        policy_ref: Set(serde_json::to_string(&request.policy)?),
        request: Set(Some(request.id.to_string())),
        version: Set(signed(document.version)),
        seconds: Set(signed(document.duration.seconds())),
        command_only: Set(document.command_only),
        created: Set(document.time.millis()),
        use_before: Set(document.use_before.millis()),
        activated: Set(None),
        ends: Set(document.not_after.millis()),
        ended: Set(None),
        detail: Set(None),
        body: Set(serde_json::to_string(document)?),
        redacted: Set(None),
    };
    grant::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// Signs a version of a grant and puts it in its computer's sequence.
///
/// # Errors
/// When it cannot be sealed or kept.
pub async fn send(change: &mut Change, document: GrantDocument) -> Outcome<()> {
    let (app, computer, id) = (change.app.clone(), document.computer.clone(), document.grant.clone());
    append(change, &computer, Kind::Grant, id.as_str(), |place| {
        let document = GrantDocument { epoch: place.epoch, seq: place.seq, ..document };
        Ok(seal(&document, &[&app.keys.issuer])?)
    })
    .await?;
    Ok(())
}
