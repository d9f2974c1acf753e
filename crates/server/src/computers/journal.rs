//! A computer's journal as it was received, so that anybody can verify it without believing the server.

use axum::extract::State;
use brevet_api::rest::computer::{ComputerRef, JournalPage, JournalQuery};
use brevet_core::digest::Digest;
use brevet_core::document::PublicKey;
use brevet_core::id::{ComputerId, Incarnation};
use brevet_core::journal::Record;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::write::signed;
use crate::documents::sequence::unsigned;
use crate::http::extract::{Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::{at_most, bounded};
use crate::store::entities::{journal, journal_record};

const DEFAULT: u32 = 500;
const MOST: u32 = 1000;

pub(super) async fn page(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<JournalQuery>,
) -> Outcome<Json<JournalPage>> {
    let limit = at_most(query.limit, DEFAULT, MOST)?;
    // WHY: a journal grows while it is read, and a head of another moment than the records would not verify.
    let snapshot = app.store.snapshot().await?;
    let row = actor.reach(Action::ReadJournal).computer(&snapshot, &reference).await?;
    let lives = journal::Entity::find().filter(journal::Column::Computer.eq(&row.id)).order_by_asc(journal::Column::Begun);
    let lives = lives.all(&snapshot).await?;
    let wanted = query.incarnation.map_or(row.incarnation, String::from);
    let life = lives.iter().find(|life| life.incarnation == wanted).ok_or_else(|| Failure::not_found("journal", &wanted))?;
    let after = query.after.unwrap_or(0);
    let records = journal_record::Entity::find()
        .filter(journal_record::Column::Computer.eq(&row.id))
        .filter(journal_record::Column::Incarnation.eq(&wanted))
        .filter(journal_record::Column::Seq.gt(signed(after)))
        .order_by_asc(journal_record::Column::Seq);
    let found = bounded(&snapshot, records, u64::from(limit), &[journal_record::Column::Header, journal_record::Column::Body]).await?;
    let next = if found.more { found.rows.last().map(|record| unsigned(record.seq)) } else { None };
    let record = |r: journal_record::Model| -> Outcome<Record> {
        let body_hash = Digest::parse(&r.body_hash).map_err(Failure::internal)?;
        Ok(Record { header: r.header, salt: r.salt, body: r.body, body_hash })
    };
    Ok(Json(JournalPage {
        computer: ComputerRef { id: ComputerId::parse(&row.id)?, name: row.name },
        incarnation: Incarnation::parse(&wanted)?,
        incarnations: lives.iter().map(|life| Incarnation::parse(&life.incarnation)).collect::<Result<_, _>>()?,
        journal_key: PublicKey::try_from(row.journal_key).map_err(Failure::internal)?,
        records: found.rows.into_iter().map(record).collect::<Outcome<_>>()?,
        head: if life.signed_head.is_empty() { None } else { Some(serde_json::from_str(&life.signed_head)?) },
        next,
    }))
}
