//! The audit log as a tree: every event is in it, what somebody changes past the server shows, and redaction does not.

use brevet_api::rest::event_log::{EventProof, LogCheckpoint, LogPage};
use brevet_core::audit_log::{Header, leaf};
use brevet_core::digest::Digest;
use brevet_core::document::Key;
use brevet_core::journal::Record;
use brevet_core::merkle::{Tree, root_by};
use brevet_server::audit::{By, NewEvent, log, record};
use brevet_server::store::entities::{event, event_log, event_log_node};
use brevet_server::store::{Change, Migrator, Store};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _};
use sea_orm_migration::MigratorTrait as _;
use serde_json::{Value, json};

use crate::scopes::two;
use crate::support::{Actor, Server, request_policy};

async fn pages(actor: &Actor, limit: u32) -> Vec<LogPage> {
    let (mut pages, mut from) = (Vec::new(), Some(0));
    while let Some(at) = from {
        let page: LogPage = serde_json::from_value(actor.read(&format!("/event-log?from={at}&limit={limit}")).await.ok()).unwrap();
        from = page.next;
        pages.push(page);
    }
    pages
}

fn tree<'a>(records: impl IntoIterator<Item = &'a Record>) -> Tree {
    let mut tree = Tree::default();
    records.into_iter().for_each(|record| drop(tree.push(leaf(record))));
    tree
}

/// Every record, once they were seen to be those of the last page's checkpoint, in which every text is what was hashed.
pub async fn verified(actor: &Actor, limit: u32) -> Vec<Record> {
    let pages = pages(actor, limit).await;
    let last = pages.last().unwrap();
    let (signed, key) = (last.signed.clone(), last.key.clone());
    let records: Vec<Record> = pages.into_iter().flat_map(|page| page.records).collect();
    assert!(signed.verifies(&key) && records.iter().all(Record::body_is_intact));
    let tree = tree(&records);
    assert_eq!((tree.size(), tree.root()), (signed.checkpoint.size, signed.checkpoint.root));
    records
}

async fn checkpoint(actor: &Actor) -> LogCheckpoint {
    serde_json::from_value(actor.read("/event-log/checkpoint").await.ok()).unwrap()
}

pub async fn many(server: &Server, count: usize) {
    let change = Change::begin(&server.app).await.unwrap();
    for number in 0..count {
        let new = NewEvent::new("view.created", format!("number {number}\0"), &json!({ "number": number, "nothing": "\0" })).unwrap();
        record(&change, By::Server, new).await.unwrap();
    }
    change.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_in_the_log_as_it_is_listed() {
    let two = two().await;
    many(&two.server, 3).await;
    let records = verified(&two.server.owner, 7).await;
    let listed = two.server.owner.read("/events?order=oldest&limit=500").await.ok();
    let listed = listed["items"].as_array().unwrap();
    assert!(listed.len() == records.len() && records.len() > 10);
    for (record, event) in records.iter().zip(listed) {
        let header: Header = serde_json::from_str(&record.header).unwrap();
        let shown = serde_json::to_value(&header).unwrap();
        for field in ["id", "time", "recorded", "kind", "computer", "computer_name", "user", "policy", "request", "grant", "outcome"] {
            assert_eq!(shown[field], event[field], "{field} of {event}");
        }
        assert_eq!(header.actor_name, event["actor"]["name"]);
        let text: Value = serde_json::from_str(record.body.as_deref().unwrap()).unwrap();
        assert_eq!(text["body"], event["body"]);
    }
    // What is undone leaves no gap.
    let change = Change::begin(&two.server.app).await.unwrap();
    record(&change, By::Server, NewEvent::new("view.created", "undone", &json!({})).unwrap()).await.unwrap();
    drop(change);
    many(&two.server, 1).await;
    assert_eq!(verified(&two.server.owner, 1000).await.len(), records.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_leads_to_the_signed_root_at_every_place_of_a_long_log() {
    let server = Server::start().await;
    many(&server, 700).await;
    let records = verified(&server.owner, 1000).await;
    assert_eq!(event_log_node::Entity::find().count(&server.app.store.pool).await.unwrap(), 2, "two nodes over 256 events each");
    for place in [0, 1, 255, 256, 511, 512, records.len() - 2, records.len() - 1] {
        let header: Header = serde_json::from_str(&records[place].header).unwrap();
        let proof: EventProof = serde_json::from_value(server.owner.read(&format!("/events/{}/proof", header.id)).await.ok()).unwrap();
        assert_eq!((proof.place, &proof.record), (u64::try_from(place).unwrap(), &records[place]));
        let it = &proof.signed.checkpoint;
        assert!(proof.signed.verifies(&proof.key));
        assert_eq!(root_by(leaf(&proof.record), proof.place, it.size, &proof.path), Some(it.root));
    }
    server.owner.read("/events/evt_01jd8q7w5x2m4n6p8r0t1v3y5z/proof").await.refused("not_found");
    server.owner.read("/event-log?limit=1001").await.refused("malformed");
    server.owner.read("/event-log?from=18446744073709551615").await.refused("malformed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrowed_role_gets_proofs_of_what_it_sees_and_not_the_log() {
    let two = two().await;
    let auditor = two.narrowed("auditor").await;
    auditor.read("/event-log").await.refused("forbidden");
    let of = async |computer: &str| {
        let page = two.server.owner.read(&format!("/events?computer={computer}")).await.ok();
        page["items"][0]["id"].as_str().unwrap().to_owned()
    };
    auditor.read(&format!("/events/{}/proof", of("web-1").await)).await.ok();
    auditor.read(&format!("/events/{}/proof", of("db-1").await)).await.refused("not_found");
    assert_eq!(auditor.read("/event-log/checkpoint").await.ok()["signed"]["checkpoint"]["epoch"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redaction_leaves_every_root_as_it_was() {
    let server = Server::start().await;
    many(&server, 300).await;
    let before = verified(&server.owner, 1000).await;
    let root = checkpoint(&server.owner).await.signed.checkpoint.root;
    server.app.clock.advance("10d".parse().unwrap());
    server.owner.post("/events/redact", json!({ "older_than": "7d" })).await.ok();
    let after = verified(&server.owner, 1000).await;
    let old = &after[..before.len()];
    assert!(old.iter().all(|record| record.body.is_none() && record.salt.is_none()));
    assert_eq!(tree(old).root(), root);
    assert!(old.iter().zip(&before).all(|(now, then)| now.header == then.header && now.body_hash == then.body_hash));
}

/// One event's row, changed past the server.
async fn change(server: &Server, leaf: i64, column: event::Column, value: &str) {
    let update = event::Entity::update_many().col_expr(column, Expr::value(value)).filter(event::Column::Leaf.eq(leaf));
    assert_eq!(update.exec(&server.app.store.pool).await.unwrap().rows_affected, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_past_the_server_shows() {
    let server = Server::start().await;
    many(&server, 600).await;
    let signed = checkpoint(&server.owner).await.signed.checkpoint;
    // A text that is not what was hashed.
    change(&server, 3, event::Column::Body, "{}").await;
    let pages = pages(&server.owner, 1000).await;
    let broken: Vec<usize> = pages[0].records.iter().enumerate().filter(|(_, record)| !record.body_is_intact()).map(|(at, _)| at).collect();
    assert_eq!(broken, [3]);
    // A header: whoever computes the root has another one.
    change(&server, 4, event::Column::ActorName, "nobody").await;
    let page: LogPage = serde_json::from_value(server.owner.read("/event-log?limit=1000").await.ok()).unwrap();
    assert_ne!(tree(&page.records).root(), signed.root);
    // Of the latest ones the server notices by itself, and goes on with everything else.
    change(&server, i64::try_from(signed.size).unwrap() - 1, event::Column::Kind, "view.deleted").await;
    many(&server, 1).await;
    server.owner.read("/event-log/checkpoint").await.refused("log_broken");
    server.owner.read("/event-log").await.refused("log_broken");
    let status = server.owner.read("/status").await.ok();
    assert!(status["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "log_broken"), "{status}");
    server.owner.post("/policies", request_policy("p")).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_put_back_or_written_anew_is_not_signed_also_after_a_restart() {
    let server = Server::start().await;
    many(&server, 20).await;
    let signed = checkpoint(&server.owner).await.signed.checkpoint;
    let (token, pool, database) = (server.owner.token.clone(), server.app.store.pool.clone(), server.database.clone());
    // Ten events less, and everything about them as if they never were.
    let (size, least) = (signed.size - 10, i64::try_from(signed.size - 10).unwrap());
    let records = verified(&server.owner, 1000).await;
    let shorter = tree(&records[..usize::try_from(size).unwrap()]);
    event::Entity::delete_many().filter(event::Column::Leaf.gte(least)).exec(&pool).await.unwrap();
    let wholes: Vec<Digest> = shorter.wholes().to_vec();
    event_log::Entity::update_many()
        .col_expr(event_log::Column::Size, Expr::value(least))
        .col_expr(event_log::Column::Wholes, Expr::value(serde_json::to_string(&wholes).unwrap()))
        .exec(&pool)
        .await
        .unwrap();
    server.owner.read("/event-log/checkpoint").await.refused("log_broken");
    let data = server.stop().await;
    let server = Server::again(data, database.as_deref(), &token).await;
    server.owner.read("/event-log/checkpoint").await.refused("log_broken");
    // Others instead of them: as long as before, with another root.
    many(&server, 15).await;
    server.owner.read("/event-log/checkpoint").await.refused("log_broken");
}

/// A database of the version before, with events of then, of which one was redacted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_before_get_their_places_when_the_server_is_updated() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).await.unwrap();
    let before = Migrator::migrations().iter().position(|migration| migration.name() == "m0130_log").unwrap();
    Migrator::up(&store.pool, u32::try_from(before).ok()).await.unwrap();
    for number in 1..=700 {
        let (body, redacted) = if number == 5 { ("null", "1") } else { ("{}", "NULL") };
        let sql = format!(
            "INSERT INTO event (seq, id, time, recorded, kind, schema, actor_kind, actor_name, summary, body, words, redacted) \
             VALUES ({seq}, 'evt_{number}', 1, 1, 'policy.created', 1, 'server', 'server', 'a line', '{body}', '', {redacted})",
            // With gaps, as where a change was undone.
            seq = number * 2
        );
        store.pool.execute_unprepared(&sql).await.unwrap();
    }
    Migrator::up(&store.pool, None).await.unwrap();
    let rows = event::Entity::find().order_by_asc(event::Column::Seq).all(&store.pool).await.unwrap();
    let records: Vec<Record> = rows.iter().map(|row| log::record_of(row).unwrap()).collect();
    assert!(rows.iter().zip(0..).all(|(row, place)| row.leaf == Some(place)));
    assert!(records.iter().all(Record::body_is_intact) && records[4].body.is_none());
    let key = Key::from_seed(&[7; 32]);
    assert_eq!(log::end(&store.pool, &key).await.unwrap(), log::End { tree: tree(&records), sealed: false });
    log::adopt(&store.pool, &key).await.unwrap();
    assert!(log::end(&store.pool, &key).await.unwrap().sealed);
    assert!(!log::end(&store.pool, &Key::from_seed(&[8; 32])).await.unwrap().sealed);
    assert_eq!(event_log_node::Entity::find().count(&store.pool).await.unwrap(), 2);
    store.pool.close().await.unwrap();
}

/// Whoever has the database alone: takes the text of one event, tells of a redaction that never was, and brings the end of the log up to
/// that; then an event that is in no log; then another epoch. Each is noticed, also after the server wrote on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_added_past_the_server() {
    use sea_orm::{ActiveModelTrait as _, ActiveValue::NotSet, ActiveValue::Set, IntoActiveModel as _};
    let server = Server::start().await;
    many(&server, 20).await;
    checkpoint(&server.owner).await;
    let pool = &server.app.store.pool;
    let rows = event::Entity::find().order_by_asc(event::Column::Seq).all(pool).await.unwrap();
    let last = rows.last().unwrap();
    let mut forged = event::Model { id: format!("{}u", &last.id[..29]), leaf: last.leaf.map(|leaf| leaf + 1), ..last.clone() };
    (forged.kind, forged.body) = ("event.redacted".into(), json!({ "events": 1 }).to_string());
    let record = log::sealed(&forged, &[1; 32]).unwrap();
    (forged.salt, forged.content_hash) = (record.salt.clone(), record.body_hash.to_string());
    event::ActiveModel { seq: NotSet, ..forged.into_active_model().reset_all() }.insert(pool).await.unwrap();
    let mut records: Vec<Record> = rows.iter().map(|row| log::record_of(row).unwrap()).collect();
    records.push(record);
    let grown = tree(&records);
    event_log::Entity::update_many()
        .col_expr(event_log::Column::Size, Expr::value(i64::try_from(grown.size()).unwrap()))
        .col_expr(event_log::Column::Wholes, Expr::value(serde_json::to_string(grown.wholes()).unwrap()))
        .exec(pool)
        .await
        .unwrap();
    server.owner.read("/event-log").await.refused("log_broken");
    pool.execute_unprepared("UPDATE instance SET epoch = epoch + 1").await.unwrap();
    server.owner.read("/event-log/checkpoint").await.refused("log_broken");
    many(&server, 1).await;
    server.owner.read("/event-log/checkpoint").await.refused("log_broken");
    // An event that is in no log at all.
    let server = Server::start().await;
    many(&server, 2).await;
    let pool = &server.app.store.pool;
    let row = event::Entity::find().one(pool).await.unwrap().unwrap();
    let id = format!("{}u", &row.id[..29]);
    let stray = event::ActiveModel { seq: NotSet, id: Set(id.clone()), leaf: Set(None), ..row.into_active_model().reset_all() };
    stray.insert(pool).await.unwrap();
    server.owner.read("/event-log").await.refused("log_broken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_verify_at_once_keep_nobody_out() {
    let server = Server::start().await;
    many(&server, 300).await;
    let asked = (0..40).map(|number| {
        let (owner, path) = (server.owner.clone(), if number % 2 == 0 { "/event-log/checkpoint" } else { "/event-log?limit=5" });
        tokio::spawn(async move { owner.read(path).await.ok() })
    });
    let asked: Vec<_> = asked.collect();
    server.owner.read("/computers").await.ok();
    for one in asked {
        one.await.unwrap();
    }
}
