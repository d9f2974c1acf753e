//! The journal: each record stored byte for byte and applied in order, exactly once, in one transaction; then acknowledged.
//!
//! A correctly chained record is never refused, whatever its kind. A record that contradicts one that we hold is a fork.

use axum::extract::State;
use brevet_api::agent::{Batch, JournalAnswer};
use brevet_api::rest::Code;
use brevet_core::digest::Digest;
use brevet_core::document::{Acknowledgement, PublicKey, SCHEMA, seal};
use brevet_core::id::{ComputerId, Incarnation};
use brevet_core::journal::{Chain, ChainError, Header, Record};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::apply;
use super::tokens::Caller;
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::computers::{facts, presence, quarantine};
use crate::definitions::write::signed;
use crate::documents::sequence::unsigned;
use crate::http::extract::{Body, Json};
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::{computer, journal, journal_record};

const MOST_RECORDS: usize = 1024;

pub(super) async fn journal(State(app): State<App>, Caller(row): Caller, Body(batch): Body<Batch>) -> Outcome<Json<JournalAnswer>> {
    if row.state == "quarantined" {
        return Ok(Json(JournalAnswer::Quarantined { reason: row.because.unwrap_or_default() }));
    }
    refuse_forged(&row, &batch)?;
    let mut change = Change::begin(&app).await?;
    let row = computer::Entity::find_by_id(&row.id).one(change.tx()).await?.ok_or_else(|| Failure::new(Code::Unauthenticated))?;
    presence::heard(&change, &row).await?;
    let Some(mut stand) = stand(&change, &row, &batch).await? else {
        let latest = journal::Entity::find_by_id((row.id.clone(), row.incarnation.clone())).one(change.tx()).await?;
        let seq = latest.map_or(0, |latest| unsigned(latest.seq));
        change.commit().await?;
        return Ok(Json(JournalAnswer::Expected { incarnation: Incarnation::parse(&row.incarnation)?, seq }));
    };
    let held_before = stand.chain.seq;
    for record in &batch.records {
        match take(&mut change, &row, &mut stand, record).await? {
            Taken::Next | Taken::Known => {}
            Taken::Gap => {
                change.commit_nothing();
                return Ok(Json(JournalAnswer::Expected { incarnation: stand.chain.incarnation, seq: held_before }));
            }
            Taken::Contradicts(header, ours) => {
                change.commit_nothing();
                return contradiction(&app, &row, &header, ours).await;
            }
        }
    }
    let head_fits = if batch.head.chain.seq == stand.chain.seq {
        batch.head.chain.head == stand.chain.head
    } else {
        let held = held(&change, &row, &batch.head.chain.incarnation, batch.head.chain.seq).await?;
        held.is_some_and(|held| held.hash == batch.head.chain.head.to_string())
    };
    if !head_fits {
        return Err(Failure::new(Code::Invalid).because("the signed head does not follow from the records"));
    }
    if stand.chain.seq > held_before {
        advance(&change, &row, &stand, &batch, held_before).await?;
        if let Some(newest) = batch.records.last().and_then(|record| record.parse_header().ok()) {
            facts::note_time(&change, &row, newest.time).await?;
        }
    }
    let chain = stand.chain;
    let time = change.now;
    change.commit().await?;
    let acknowledgement = Acknowledgement {
        schema: SCHEMA,
        computer: chain.computer,
        incarnation: chain.incarnation,
        seq: chain.seq,
        head: chain.head,
        time,
    };
    Ok(Json(JournalAnswer::Acknowledged { acknowledgement: seal(&acknowledgement, &[&app.keys.issuer])? }))
}

fn refuse_forged(row: &computer::Model, batch: &Batch) -> Outcome<()> {
    let key = PublicKey::try_from(row.journal_key.clone()).map_err(Failure::internal)?;
    if batch.head.chain.computer.as_str() != row.id || !batch.head.verifies(&key) {
        return Err(Failure::new(Code::Invalid).because("the head of the batch is not signed by this computer's journal key"));
    }
    if batch.records.len() > MOST_RECORDS {
        return Err(Failure::new(Code::TooLarge).because(format!("a batch has at most {MOST_RECORDS} records")));
    }
    Ok(())
}

/// Where our copy of the journal stands.
struct Stand {
    chain: Chain,
    /// A life of the journal that we had not seen.
    new: bool,
}

/// `None` when the batch begins in a life that we do not know, and not at its beginning.
async fn stand(change: &Change, row: &computer::Model, batch: &Batch) -> Outcome<Option<Stand>> {
    let computer = ComputerId::parse(&row.id)?;
    let incarnation = batch.head.chain.incarnation.clone();
    let known = journal::Entity::find_by_id((row.id.clone(), incarnation.to_string())).one(change.tx()).await?;
    if let Some(known) = known {
        let head = Digest::parse(&known.head).map_err(Failure::internal)?;
        return Ok(Some(Stand { chain: Chain { computer, incarnation, seq: unsigned(known.seq), head }, new: false }));
    }
    let first = batch.records.first().and_then(|record| record.parse_header().ok());
    if first.is_none_or(|header| header.seq != 1) {
        return Ok(None);
    }
    Ok(Some(Stand { chain: Chain::new(computer, incarnation), new: true }))
}

enum Taken {
    /// Stored and applied.
    Next,
    /// We hold just this one.
    Known,
    /// Something before it is missing.
    Gap,
    /// It is not what we hold, or does not follow from it: its header, and the record of ours that it contradicts.
    Contradicts(Box<Header>, Option<Box<journal_record::Model>>),
}

async fn held(change: &Change, row: &computer::Model, incarnation: &Incarnation, seq: u64) -> Outcome<Option<journal_record::Model>> {
    let key = (row.id.clone(), incarnation.to_string(), signed(seq));
    Ok(journal_record::Entity::find_by_id(key).one(change.tx()).await?)
}

async fn take(change: &mut Change, row: &computer::Model, stand: &mut Stand, record: &Record) -> Outcome<Taken> {
    let header = record.parse_header().map_err(|_| Failure::new(Code::Invalid).because("a record's header cannot be read"))?;
    if header.seq <= stand.chain.seq && header.incarnation == stand.chain.incarnation && header.computer == stand.chain.computer {
        let ours = held(change, row, &stand.chain.incarnation, header.seq).await?;
        return Ok(match ours {
            Some(ours) if ours.hash == record.hash().to_string() => Taken::Known,
            ours => Taken::Contradicts(Box::new(header), ours.map(Box::new)),
        });
    }
    let before = stand.chain.seq;
    let header = match stand.chain.follow(record) {
        Ok(header) => header,
        Err(ChainError::Gap { .. }) => return Ok(Taken::Gap),
        Err(ChainError::Broken(_)) => {
            let ours = held(change, row, &stand.chain.incarnation, before).await?;
            return Ok(Taken::Contradicts(Box::new(header), ours.map(Box::new)));
        }
        Err(error @ (ChainError::Header { .. } | ChainError::Body(_) | ChainError::Foreign(_))) => {
            return Err(Failure::new(Code::Invalid).because(error.to_string()));
        }
    };
    let new = journal_record::ActiveModel {
        computer: Set(row.id.clone()),
        incarnation: Set(header.incarnation.to_string()),
        seq: Set(signed(header.seq)),
        hash: Set(stand.chain.head.to_string()),
        header: Set(record.header.clone()),
        salt: Set(record.salt.clone()),
        body: Set(record.body.clone()),
        body_hash: Set(record.body_hash.to_string()),
    };
    journal_record::Entity::insert(new).exec_without_returning(change.tx()).await?;
    apply::apply(change, row, &header, record).await?;
    Ok(Taken::Next)
}

/// Moves our copy on: one conditional update, so that nothing is ever applied twice.
async fn advance(change: &Change, row: &computer::Model, stand: &Stand, batch: &Batch, before: u64) -> Outcome<()> {
    let signed_head = serde_json::to_string(&batch.head)?;
    if stand.new {
        let new = journal::ActiveModel {
            computer: Set(row.id.clone()),
            incarnation: Set(stand.chain.incarnation.to_string()),
            seq: Set(signed(stand.chain.seq)),
            head: Set(stand.chain.head.to_string()),
            signed_head: Set(signed_head),
            begun: Set(change.now.millis()),
        };
        journal::Entity::insert(new).exec_without_returning(change.tx()).await?;
        computer::Entity::update_many()
            .col_expr(computer::Column::Incarnation, Expr::value(stand.chain.incarnation.to_string()))
            .filter(computer::Column::Id.eq(&row.id))
            .exec(change.tx())
            .await?;
        let said = serde_json::json!({ "before": row.incarnation, "now": stand.chain.incarnation });
        let mut event = NewEvent::new("journal.gap", format!("computer {:?} began a new journal", row.name), &said)?;
        event.computer = Some((row.id.clone(), row.name.clone()));
        return record(change, By::Computer(&row.id, &row.name), event).await;
    }
    let moved = journal::Entity::update_many()
        .col_expr(journal::Column::Seq, Expr::value(signed(stand.chain.seq)))
        .col_expr(journal::Column::Head, Expr::value(stand.chain.head.to_string()))
        .col_expr(journal::Column::SignedHead, Expr::value(signed_head))
        .filter(journal::Column::Computer.eq(&row.id))
        .filter(journal::Column::Incarnation.eq(stand.chain.incarnation.as_str()))
        .filter(journal::Column::Seq.eq(signed(before)))
        .exec(change.tx())
        .await?;
    if moved.rows_affected == 1 { Ok(()) } else { Err(Failure::internal("a journal moved under us")) }
}

/// Two records claim the same place. An old disk image that was started again wrote its own after everything that we hold;
/// where the times overlap, two copies are alive.
async fn contradiction(
    app: &App,
    row: &computer::Model,
    header: &Header,
    ours: Option<Box<journal_record::Model>>,
) -> Outcome<Json<JournalAnswer>> {
    let mut change = Change::begin(app).await?;
    let latest = journal::Entity::find_by_id((row.id.clone(), header.incarnation.to_string())).one(change.tx()).await?;
    let last = match &latest {
        Some(latest) => held(&change, row, &header.incarnation, unsigned(latest.seq)).await?,
        None => None,
    };
    let last_time = last.and_then(|last| serde_json::from_str::<Header>(&last.header).ok()).map(|header| header.time);
    let went_back = last_time.is_some_and(|last| header.time > last);
    let (kind, reason) = if went_back {
        ("journal.rolled_back", format!("its journal went back to before record {}", header.seq))
    } else {
        ("journal.forked", format!("its journal has two records {}: a copy of this computer is alive", header.seq))
    };
    let said =
        serde_json::json!({ "incarnation": header.incarnation, "seq": header.seq, "theirs": header, "ours": ours.map(|o| o.header) });
    let mut event = NewEvent::new(kind, format!("computer {:?}: {reason}", row.name), &said)?;
    event.computer = Some((row.id.clone(), row.name.clone()));
    record(&change, By::Computer(&row.id, &row.name), event).await?;
    quarantine::put(&mut change, By::Server, row, &reason).await?;
    change.commit().await?;
    Ok(Json(JournalAnswer::Quarantined { reason }))
}
