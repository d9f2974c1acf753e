//! Backup and restore: a computer that had seen more than the backup holds believes the restored server again.

use std::path::Path;

use brevet_core::digest::Digest;
use brevet_core::document::{GrantDocument, Heartbeat, Kind, Manifest, Revocation, Trust, open};
use brevet_core::journal::Record;
use brevet_core::record::{Body, DocumentConfirmed};
use brevet_server::backup::{BackupError, backup};
use brevet_server::restore::{Restore, RestoreError, restore};
use brevet_server::store::Lock;
use serde_json::{Value, json};

use crate::agent::{Agent, Stream};
use crate::postgres;
use crate::support::{Server, request_policy};

/// What a broker accepts: never a lower trust version, never a lower epoch, in each epoch one document after the other.
struct Held {
    trust: Trust,
    epoch: u64,
    seq: u64,
}

enum Got {
    Trust,
    Manifest(Manifest),
    Grant(GrantDocument, Digest),
    Revocation(Revocation),
    Heartbeat,
}

impl Held {
    fn next(&mut self, epoch: u64, seq: u64) {
        assert_eq!((epoch, seq), (self.epoch, self.seq + 1), "a document out of its order");
        self.seq = seq;
    }

    async fn take(&mut self, agent: &Agent, stream: &mut Stream) -> Got {
        let envelope = stream.next().await;
        let keys = self.trust.keys_for(envelope.kind().unwrap());
        match envelope.kind().unwrap() {
            Kind::Trust => {
                let trust: Trust = open(&envelope, std::slice::from_ref(&agent.enrolled.root)).unwrap();
                assert!(trust.version > self.trust.version && trust.epoch >= self.epoch && trust.instance == self.trust.instance);
                if trust.epoch > self.epoch {
                    (self.epoch, self.seq) = (trust.epoch, 0);
                }
                self.trust = trust;
                Got::Trust
            }
            Kind::Manifest => {
                let it: Manifest = open(&envelope, &keys).unwrap();
                self.next(it.epoch, it.seq);
                Got::Manifest(it)
            }
            Kind::Grant => {
                let it: GrantDocument = open(&envelope, &keys).unwrap();
                self.next(it.epoch, it.seq);
                Got::Grant(it, envelope.digest().unwrap())
            }
            Kind::Revocation => {
                let it: Revocation = open(&envelope, &keys).unwrap();
                self.next(it.epoch, it.seq);
                Got::Revocation(it)
            }
            Kind::Heartbeat => {
                let it: Heartbeat = open(&envelope, &keys).unwrap();
                assert_eq!((it.epoch, it.seq), (self.epoch, self.seq), "a heartbeat that shows a gap");
                Got::Heartbeat
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    /// The next grant; what comes before it is taken too.
    async fn grant(&mut self, agent: &Agent, stream: &mut Stream) -> (GrantDocument, Digest) {
        loop {
            if let Got::Grant(grant, digest) = self.take(agent, stream).await {
                return (grant, digest);
            }
        }
    }
}

async fn approve(server: &Server, id: &brevet_core::id::RequestId) -> String {
    server.owner.post(&format!("/requests/{id}/approve"), json!({})).await.ok()["grant"].as_str().unwrap().to_owned()
}

/// The story up to the moment at which the server is lost: the agent has a policy, a grant and records more than the backup.
struct Lost {
    server: Server,
    agent: Agent,
    held: Held,
    /// Records that the backup does not hold.
    newer: Vec<Record>,
    grants: [String; 2],
}

async fn lost(to: &Path) -> Lost {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut held = Held { trust: agent.trust.clone(), epoch: 1, seq: 0 };
    let mut stream = agent.stream(0, 0).await;
    let request = agent.ask("alice", &policy, "30m").await;
    let first = approve(&server, &request.id).await;
    let (before, _) = held.grant(&agent, &mut stream).await;
    assert_eq!(before.grant.as_str(), first);

    backup(server.data.path(), None, to).await.unwrap();
    let again = backup(server.data.path(), None, to).await;
    assert!(matches!(again, Err(BackupError::Write { .. })), "a file that is there is never written over");

    server.owner.post("/policies", request_policy("q")).await.ok();
    let later = agent.request("alice", &policy, "20m");
    let asked = agent.record(&Body::RequestCreated(Box::new(later.clone())));
    agent.deliver(vec![asked.clone()]).await;
    let second = approve(&server, &later.id).await;
    let (grant, digest) = held.grant(&agent, &mut stream).await;
    let confirmed = DocumentConfirmed {
        document: Kind::Grant,
        digest,
        seq: Some(grant.seq),
        grant: Some(grant.grant.clone()),
        request: None,
        processes_ended: None,
    };
    let received = agent.record(&Body::GrantReceived(Box::new(grant)));
    let confirmed = agent.record(&Body::DocumentConfirmed(confirmed));
    agent.deliver(vec![received.clone(), confirmed.clone()]).await;
    Lost { server, agent, held, newer: vec![asked, received, confirmed], grants: [first, second] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computer_that_had_seen_more_believes_the_restored_server_again() {
    if postgres::wanted() {
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup");
    let Lost { server, mut agent, mut held, newer, grants } = lost(&file).await;
    assert_eq!((held.epoch, held.seq), (1, 4));
    let token = server.owner.token.clone();
    let data = server.stop().await;
    let wanted = Restore { data: data.path(), from: &file, root_key: None, replace: true };
    let done = restore(&wanted).await.unwrap();
    assert!(done.epoch > 1 && done.trust_version > 1 && done.set_aside.unwrap().exists());

    let server = Server::again(data, &token).await;
    agent.url.clone_from(&server.url);
    let mut stream = agent.stream(1, 4).await;
    assert!(matches!(held.take(&agent, &mut stream).await, Got::Trust));
    assert_eq!(held.epoch, done.epoch);
    let Got::Manifest(manifest) = held.take(&agent, &mut stream).await else { panic!("a manifest is the first of an epoch") };
    assert_eq!((manifest.policies.len(), manifest.trust_version), (1, done.trust_version), "the policy made after the backup is gone");
    // Nobody had confirmed the first grant, so it goes out again.
    let (again, _) = held.grant(&agent, &mut stream).await;
    assert_eq!((again.grant.as_str(), again.seq), (grants[0].as_str(), 2));
    assert!(matches!(held.take(&agent, &mut stream).await, Got::Heartbeat));

    // The journal goes on; what the server lacks is asked for and sent again, once.
    agent.trust = held.trust.clone();
    let next = agent.record_raw("x.y", &json!({}));
    let (_, answer) = agent.send(&agent.batch(vec![next.clone()])).await;
    assert_eq!((&answer["journal"], &answer["seq"]), (&json!("expected"), &json!(1)));
    agent.deliver(newer.into_iter().chain([next]).collect()).await;
    let forgotten = server.owner.read(&format!("/grants/{}", grants[1])).await.ok();
    assert_eq!((&forgotten["state"], &forgotten["duration"]), (&json!("issued"), &json!("20m")), "the grant is known from the journal");
    server.owner.post(&format!("/grants/{}/revoke", grants[1]), json!({})).await.ok();
    loop {
        if let Got::Revocation(revocation) = held.take(&agent, &mut stream).await {
            assert_eq!((revocation.grant.as_str(), revocation.epoch), (grants[1].as_str(), done.epoch));
            break;
        }
    }
    let kinds = server.owner.event_kinds().await;
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((count("server.restored"), count("grant.received"), count("x.y")), (1, 1, 1), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_refuses_and_leaves_what_is_there() {
    if postgres::wanted() {
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup");
    let Lost { server, grants, .. } = lost(&file).await;
    let token = server.owner.token.clone();
    let data = server.stop().await;
    let root = data.path().join("keys/root.key");
    let offline = elsewhere.path().join("root.key");
    std::fs::rename(&root, &offline).unwrap();
    let other = data.path().join("keys/issuer.key");
    let damaged = elsewhere.path().join("damaged");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&damaged, bytes).unwrap();
    let right = Restore { data: data.path(), from: &file, root_key: Some(&offline), replace: true };

    let lock = Lock::take(data.path()).unwrap();
    assert!(matches!(restore(&right).await, Err(RestoreError::Running(_))));
    drop(lock);
    assert!(matches!(restore(&Restore { replace: false, ..right.clone() }).await, Err(RestoreError::NotEmpty(_))));
    assert!(matches!(restore(&Restore { root_key: None, ..right.clone() }).await, Err(RestoreError::Root(_))));
    assert!(matches!(restore(&Restore { root_key: Some(&other), ..right.clone() }).await, Err(RestoreError::OtherRoot(_))));
    assert!(matches!(restore(&Restore { from: &damaged, ..right.clone() }).await, Err(RestoreError::Backup(_))));
    assert!(matches!(restore(&Restore { from: &offline, ..right.clone() }).await, Err(RestoreError::Backup(_))));
    std::fs::rename(&other, elsewhere.path().join("issuer")).unwrap();
    assert!(matches!(restore(&right).await, Err(RestoreError::Missing(_))));
    std::fs::rename(elsewhere.path().join("issuer"), &other).unwrap();

    let server = Server::again(data.clone(), &token).await;
    let there: Value = server.owner.read(&format!("/grants/{}", grants[1])).await.ok();
    assert_eq!(there["state"], "issued", "nothing was restored");
    server.stop().await;
    restore(&right).await.unwrap();
    let server = Server::again(data.clone(), &token).await;
    server.owner.read(&format!("/grants/{}", grants[1])).await.refused("not_found");
    server.owner.read(&format!("/grants/{}", grants[0])).await.ok();
}
