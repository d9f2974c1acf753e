//! Backup and restore, on both databases in every run: a computer that had seen more than the backup holds believes the restored
//! server again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brevet_core::digest::Digest;
use brevet_core::document::{GrantDocument, Heartbeat, Kind, Manifest, Revocation, Trust, open};
use brevet_core::journal::Record;
use brevet_core::record::{Body, DocumentConfirmed};
use brevet_server::backup::{BackupError, backup};
use brevet_server::restore::{NewEpoch, Restore, RestoreError, after_restore, restore};
use brevet_server::store::Lock;
use brevet_server::store::entities::{definition, definition_change, event, grant, shared_document};
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::agent::{Agent, Stream};
use crate::postgres::fresh;
use crate::support::{Server, config, request_policy};

/// What a broker accepts: never a lower trust version, never a lower epoch, in each epoch one document after the other.
pub struct Held {
    pub trust: Trust,
    pub epoch: u64,
    pub seq: u64,
}

pub enum Got {
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

    pub async fn take(&mut self, agent: &Agent, stream: &mut Stream) -> Got {
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

async fn back_up(server: &Server, to: &Path) -> Result<(), BackupError> {
    backup(server.data.path(), server.database.as_deref(), to, &mut |_| {}).await
}

async fn put_back(wanted: &Restore<'_>) -> Result<NewEpoch, RestoreError> {
    restore(wanted, &mut |_| {}).await
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

async fn lost(to: &Path, database: Option<String>) -> Lost {
    let server = Server::on(database, config()).await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut held = Held { trust: agent.trust.clone(), epoch: 1, seq: 0 };
    let mut stream = agent.stream(0, 0).await;
    let request = agent.ask("alice", &policy, "30m").await;
    let first = approve(&server, &request.id).await;
    let (before, _) = held.grant(&agent, &mut stream).await;
    assert_eq!(before.grant.as_str(), first);

    back_up(&server, to).await.unwrap();
    assert!(matches!(back_up(&server, to).await, Err(BackupError::Write { .. })), "a file that is there is never written over");

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
    believed_again(None, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computer_that_had_seen_more_believes_the_restored_server_again_on_postgres() {
    let database = fresh();
    believed_again(Some(database.clone()), Some(database)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_either_database_can_be_put_into_the_other() {
    believed_again(None, Some(fresh())).await;
    believed_again(Some(fresh()), None).await;
}

/// Backed up from the one database and put into the other, or the same.
async fn believed_again(from: Option<String>, into: Option<String>) {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup");
    let replace = from == into;
    let Lost { server, mut agent, mut held, newer, grants } = lost(&file, from).await;
    assert_eq!((held.epoch, held.seq), (1, 4));
    crate::event_log::verified(&server.owner, 1000).await;
    let token = server.owner.token.clone();
    let data = server.stop().await;
    let wanted = Restore { data: data.path(), database: into.as_deref(), from: &file, root_key: None, replace };
    let done = put_back(&wanted).await.unwrap();
    assert!(done.epoch > 1 && done.trust_version > 1);
    assert_eq!(done.set_aside.is_some(), replace);

    let server = Server::again(data, into.as_deref(), &token).await;
    // What was signed of the epoch before does not stand in the way.
    crate::event_log::verified(&server.owner, 1000).await;
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
    refuses(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_refuses_and_leaves_what_is_there_on_postgres() {
    refuses(Some(fresh())).await;
}

async fn refuses(database: Option<String>) {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup");
    let Lost { server, grants, .. } = lost(&file, database.clone()).await;
    let database = database.as_deref();
    if let Some(database) = database {
        let wanted = Restore { data: server.data.path(), database: Some(database), from: &file, root_key: None, replace: true };
        assert!(matches!(put_back(&wanted).await, Err(RestoreError::InUse)));
        assert!(matches!(after_restore(server.data.path(), database, None).await, Err(RestoreError::InUse)));
    }
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
    let right = Restore { data: data.path(), database, from: &file, root_key: Some(&offline), replace: true };

    let there = put_back(&Restore { replace: false, ..right.clone() }).await;
    if database.is_none() {
        let lock = Lock::take(data.path()).unwrap();
        assert!(matches!(put_back(&right).await, Err(RestoreError::Running(_))));
        drop(lock);
        assert!(matches!(there, Err(RestoreError::NotEmpty(_))));
    } else {
        assert!(matches!(there, Err(RestoreError::TablesThere)));
    }
    let refused = put_back(&Restore { root_key: None, ..right.clone() }).await;
    assert!(matches!(refused, Err(RestoreError::Root(_))), "{refused:?}");
    let refused = put_back(&Restore { root_key: Some(&other), ..right.clone() }).await;
    assert!(matches!(refused, Err(RestoreError::OtherRoot(_))), "{refused:?}");
    assert!(matches!(put_back(&Restore { from: &damaged, ..right.clone() }).await, Err(RestoreError::Backup(_))));
    assert!(matches!(put_back(&Restore { from: &offline, ..right.clone() }).await, Err(RestoreError::Backup(_))));
    std::fs::rename(&other, elsewhere.path().join("issuer")).unwrap();
    assert!(matches!(put_back(&right).await, Err(RestoreError::Missing(_))));
    std::fs::rename(elsewhere.path().join("issuer"), &other).unwrap();

    let server = Server::again(data.clone(), database, &token).await;
    let there: Value = server.owner.read(&format!("/grants/{}", grants[1])).await.ok();
    assert_eq!(there["state"], "issued", "nothing was restored");
    server.stop().await;
    let done = put_back(&right).await.unwrap();
    let server = Server::again(data.clone(), database, &token).await;
    server.owner.read(&format!("/grants/{}", grants[1])).await.refused("not_found");
    server.owner.read(&format!("/grants/{}", grants[0])).await.ok();
    // What was there before is still there, where nothing reads it.
    let aside = done.set_aside.unwrap();
    let pool = match aside.strip_prefix("schema ") {
        Some(schema) => sea_orm::Database::connect(format!("{}&options[search_path]={schema}", database.unwrap())).await.unwrap(),
        None => sea_orm::Database::connect(format!("sqlite://{aside}")).await.unwrap(),
    };
    assert_eq!(grant::Entity::find_by_id(&grants[1]).count(&pool).await.unwrap(), 1);
}

/// While changes go on, each of several backups holds what stood at one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_of_a_busy_server_is_of_one_moment() {
    for database in [None, Some(fresh())] {
        let server = Server::on(database, config()).await;
        let going_on = Arc::new(AtomicBool::new(true));
        let (owner, goes_on) = (server.owner.clone(), going_on.clone());
        let writing = tokio::spawn(async move {
            let mut n = 0;
            while goes_on.load(Ordering::Relaxed) {
                owner.post("/policies", request_policy(&format!("p{n}"))).await.ok();
                n += 1;
            }
            n
        });
        let elsewhere = tempfile::tempdir().unwrap();
        let mut before = 0;
        for n in 0..5 {
            let file = elsewhere.path().join(n.to_string());
            back_up(&server, &file).await.unwrap();
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), n + 1, "one file, with nothing beside it");
            let pool = sea_orm::Database::connect(format!("sqlite://{}?mode=ro", file.display())).await.unwrap();
            let policies = definition::Entity::find().all(&pool).await.unwrap();
            let events = event::Entity::find().filter(event::Column::Kind.eq("policy.created")).count(&pool).await.unwrap();
            let versions = definition_change::Entity::find().count(&pool).await.unwrap();
            let (documents, made) = (shared_document::Entity::find(), u64::try_from(policies.len()).unwrap());
            let documents = documents.filter(shared_document::Column::Kind.eq("policy")).count(&pool).await.unwrap();
            assert_eq!((events, versions, documents), (made, made, made));
            assert!((0..made).all(|n| policies.iter().any(|policy| policy.name == format!("p{n}"))), "none left out");
            assert!(made >= before);
            before = made;
        }
        going_on.store(false, Ordering::Relaxed);
        assert!(writing.await.unwrap() >= 1);
    }
}
