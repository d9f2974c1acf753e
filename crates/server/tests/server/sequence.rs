//! A computer's sequence: manifests that another replaced are let go, and nobody who reconnects lacks anything.

use brevet_core::document::{Kind, Manifest, digest_of};
use brevet_core::record::{Body, DocumentConfirmed};
use brevet_server::store::entities::sequence;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::json;

use crate::agent::{Agent, Stream};
use crate::restore::{Got, Held};
use crate::support::{Server, request_policy};

/// The places that the server keeps, with the kind of document in each.
async fn kept(server: &Server, agent: &Agent) -> Vec<(i64, String)> {
    let rows = sequence::Entity::find()
        .filter(sequence::Column::Computer.eq(agent.id.as_str()))
        .order_by_asc(sequence::Column::Seq)
        .all(&server.app.store.pool)
        .await
        .unwrap();
    rows.into_iter().map(|row| (row.seq, row.kind)).collect()
}

fn manifests(places: &[i64]) -> Vec<(i64, String)> {
    places.iter().map(|seq| (*seq, "manifest".to_owned())).collect()
}

fn begin(agent: &Agent, seq: u64) -> Held {
    Held { trust: agent.trust.clone(), epoch: 1, seq }
}

/// Everything up to the heartbeat, which shows no gap; the newest manifest of it.
async fn up_to_heartbeat(held: &mut Held, agent: &Agent, stream: &mut Stream) -> Option<Manifest> {
    let mut newest = None;
    loop {
        match held.take(agent, stream).await {
            Got::Manifest(manifest) => newest = Some(manifest),
            Got::Heartbeat => return newest,
            Got::Trust | Got::Grant(..) | Got::Revocation(_) => {}
        }
    }
}

async fn confirm(agent: &mut Agent, manifest: &Manifest) {
    let confirmed = DocumentConfirmed {
        document: Kind::Manifest,
        digest: digest_of(manifest).unwrap(),
        seq: Some(manifest.seq),
        grant: None,
        request: None,
        processes_ended: None,
    };
    let record = agent.record(&Body::DocumentConfirmed(confirmed));
    agent.deliver(vec![record]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manifests_that_were_confirmed_and_replaced_are_let_go_and_whoever_reconnects_gets_what_it_lacks() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut held = begin(&agent, 0);
    let mut stream = agent.stream(0, 0).await;
    let first = up_to_heartbeat(&mut held, &agent, &mut stream).await.unwrap();
    assert_eq!(first.seq, 1);

    // Nothing is confirmed: nothing goes, whatever the stream's position says.
    for n in 2..=4 {
        server.owner.post("/policies", request_policy(&format!("p{n}"))).await.ok();
        let manifest = up_to_heartbeat(&mut held, &agent, &mut stream).await;
        // The heartbeat may come before the news of the change.
        let manifest = if manifest.is_some() { manifest } else { up_to_heartbeat(&mut held, &agent, &mut stream).await };
        assert_eq!(manifest.map(|manifest| (manifest.seq, manifest.policies.len())), Some((n, usize::try_from(n).unwrap() - 1)));
    }
    assert_eq!(kept(&server, &agent).await, manifests(&[1, 2, 3, 4]));

    // With the receipts of 1, 2 and 4, the next change lets go of 1 and 2: 3 was not confirmed, and the broker may have fallen before
    // it kept 4.
    let all = sequence::Entity::find().order_by_asc(sequence::Column::Seq).all(&server.app.store.pool).await.unwrap();
    for row in all.iter().filter(|row| row.seq != 3) {
        let envelope = serde_json::from_str(&row.envelope).unwrap();
        let manifest: Manifest = brevet_core::document::open(&envelope, &agent.trust.keys_for(Kind::Manifest)).unwrap();
        confirm(&mut agent, &manifest).await;
    }
    assert_eq!(kept(&server, &agent).await, manifests(&[1, 2, 3, 4]), "only when another replaces them");
    server.owner.post("/policies", request_policy("p5")).await.ok();
    assert_eq!(kept(&server, &agent).await, manifests(&[3, 4, 5]));

    // A broker that fell before it kept 4 lacks 4 and 5; one that is up to date lacks 5.
    for lacks in [3, 4] {
        let (mut held, mut stream) = (begin(&agent, lacks), agent.stream(1, lacks).await);
        let newest = up_to_heartbeat(&mut held, &agent, &mut stream).await.unwrap();
        assert_eq!((newest.seq, newest.policies.len(), held.seq), (5, 4, 5));
    }
    // A disk that went back lacks what is not there any more: the newest manifest stands in those places, in force at once.
    let (mut held, mut stream) = (begin(&agent, 0), agent.stream(0, 0).await);
    let Got::Manifest(stand_in) = held.take(&agent, &mut stream).await else { panic!("a manifest is the first") };
    assert_eq!((stand_in.seq, stand_in.policies.len()), (1, 4));
    let newest = up_to_heartbeat(&mut held, &agent, &mut stream).await.unwrap();
    assert_eq!((newest.seq, newest.policies.len()), (5, 4));
    // Its receipt of a stand-in means nothing here and does no harm.
    confirm(&mut agent, &stand_in).await;
    assert_eq!(kept(&server, &agent).await, manifests(&[3, 4, 5]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sequence_of_a_computer_that_confirms_stays_short_and_keeps_its_grants() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("asked")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let request = agent.ask("alice", &policy, "5m").await;
    server.owner.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok();
    for n in 0..40 {
        let newest = brevet_server::documents::sequence::newest_manifest(&server.app.store.pool, &agent.id, 1).await.unwrap().unwrap();
        let manifest: Manifest = brevet_core::document::open(&newest, &agent.trust.keys_for(Kind::Manifest)).unwrap();
        confirm(&mut agent, &manifest).await;
        server.owner.post("/policies", request_policy(&format!("p{n}"))).await.ok();
    }
    let there = kept(&server, &agent).await;
    assert_eq!(there.len(), 3, "a grant, the newest manifest and the one before it: {there:?}");
    assert_eq!(there.first().map(|(_, kind)| kind.as_str()), Some("grant"));
    // More stand-ins than go out at a time, and the grant in its place.
    let (mut held, mut stream) = (begin(&agent, 2), agent.stream(1, 2).await);
    let newest = up_to_heartbeat(&mut held, &agent, &mut stream).await.unwrap();
    assert_eq!((held.seq, newest.policies.len()), (42, 41));
}
