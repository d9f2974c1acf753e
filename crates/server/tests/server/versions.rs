//! Versions (DESIGN section 3): what an older agent said once is said again, byte for byte, and every answer is one that it can read.
//!
//! `recorded/protocol-1.json` is a conversation of the first version: never change it. A protocol that is no longer this one gets a
//! file of its own beside it: `BREVET_RECORD=1 cargo nextest run -p brevet-server -E 'test(record_a_conversation)' --run-ignored only`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_api::agent::{Batch, Enrolled};
use brevet_core::document::{Key, Trust, open};
use brevet_core::id::{Incarnation, PolicyId};
use brevet_core::journal::Chain;
use brevet_core::record::{AuthenticationFailed, Body, BrokerStarted, ClockJumped, PolicyApplied, RequestClosed};
use brevet_core::request::PolicyRef;
use brevet_core::time::{BootTime, Now, Timestamp};
use brevet_core::user::User;
use brevet_server::store::entities::{computer, journal};
use reqwest::StatusCode;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::agent::{Agent, parse_token, random10};
use crate::support::{Server, request_policy};

const TRANSPORT: [u8; 32] = [41; 32];
const JOURNAL: [u8; 32] = [42; 32];

fn file() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/recorded/protocol-1.json")
}

/// An agent with keys that are the same every time.
async fn enrol(server: &Server, body: &mut Value) -> (Agent, Value) {
    body["secret"] = json!(parse_token(&server.enrolment_token().await).secret);
    let answer = server.http.post(format!("{}/agent/v1/enrol", server.url)).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let said: Value = answer.json().await.unwrap();
    let enrolled: Enrolled = serde_json::from_value(said.clone()).unwrap();
    let trust: Trust = open(&enrolled.trust, std::slice::from_ref(&enrolled.root)).unwrap();
    let incarnation = Incarnation::parse(body["incarnation"].as_str().unwrap()).unwrap();
    let agent = Agent {
        http: server.http.clone(),
        url: server.url.clone(),
        id: enrolled.computer.clone(),
        chain: Chain::new(enrolled.computer.clone(), incarnation),
        enrolled,
        transport: Key::from_seed(&TRANSPORT),
        journal: Key::from_seed(&JOURNAL),
        trust,
        now: Timestamp::parse("2026-11-25T10:00:00Z").unwrap(),
    };
    (agent, said)
}

fn enrolment() -> Value {
    json!({
        "secret": "", "hostname": "web-1", "transport_key": Key::from_seed(&TRANSPORT).public(),
        "journal_key": Key::from_seed(&JOURNAL).public(), "incarnation": Incarnation::new(1_764_000_000_000, random10()),
        "platform": "Debian 12, Linux 6.1.0", "version": "0.1.0",
    })
}

/// What a document says, as the broker reads it: its type, and its payload.
fn said(envelope: &Value) -> Value {
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    json!({ "type": envelope["payloadType"], "payload": serde_json::from_slice::<Value>(&payload).unwrap(), "envelope": envelope })
}

async fn first_documents(agent: &Agent) -> Value {
    let mut stream = agent.stream(0, 0).await;
    let mut documents = serde_json::Map::new();
    while documents.len() < 2 {
        let document = said(&serde_json::to_value(stream.next().await).unwrap());
        documents.entry(document["type"].as_str().unwrap().to_owned()).or_insert(document);
    }
    Value::Object(documents)
}

/// The names of all fields, with the places where they stand. Readers of that version refuse a field that they do not know.
fn shape(value: &Value, place: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            let place = format!("{place}.{key}");
            out.insert(place.clone());
            shape(inner, &place, out);
        }),
        Value::Array(items) => items.iter().for_each(|inner| shape(inner, &format!("{place}[]"), out)),
        _ => {}
    }
}

fn assert_same_shape(what: &str, now: &Value, recorded: &Value) {
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    shape(now, "", &mut ours);
    shape(recorded, "", &mut theirs);
    assert_eq!(ours, theirs, "{what}: the older agent reads exactly these fields");
}

fn batches(agent: &mut Agent) -> [Batch; 2] {
    let at = Now { wall: agent.now, boot: BootTime { boot: "8f14e45f".into(), millis: 1_000 } };
    let policy = PolicyRef { id: PolicyId::new(1_764_000_000_000, [7; 10]), version: 3, name: "Web team".into() };
    let shown = json!({ "id": policy.id, "version": 3, "name": "Web team", "request": { "max_duration": "1h" } });
    let request = agent.request("alice", &shown, "30m");
    let started = BrokerStarted { version: "0.1.0".into(), kernel: "6.1.0".into(), rebooted: true, sessions: vec![] };
    let jumped = ClockJumped { expected: agent.now, found: at.wall.plus("1h".parse().unwrap()) };
    let failed = AuthenticationFailed { user: User { uid: 1000, name: "alice".into() }, attempts: 3, reason: "wrong password".into() };
    let first = vec![
        agent.record(&Body::BrokerStarted(started)),
        agent.record(&Body::PolicyApplied(PolicyApplied { policy })),
        agent.record(&Body::RequestCreated(Box::new(request.clone()))),
        // Kinds and bodies of a version to come: kept as they are, and never a reason to refuse what is chained rightly.
        agent.record_raw("quantum.entangled", &json!({ "pair": [1, 2], "note": "na\u{ef}ve \u{2603}", "nothing": null })),
        agent.record_raw("session.started", &json!({ "schema": 9, "shape": "nobody knows yet" })),
    ];
    let first = agent.batch(first);
    let withdrawn = RequestClosed { request: request.id };
    let second = vec![
        agent.record(&Body::ClockJumped(jumped)),
        agent.record(&Body::AuthenticationFailed(failed)),
        agent.record(&Body::RequestWithdrawn(withdrawn)),
    ];
    [first, agent.batch(second)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes a new recording; only when a protocol is new"]
async fn record_a_conversation() {
    assert!(std::env::var_os("BREVET_RECORD").is_some(), "set BREVET_RECORD=1");
    let server = Server::start().await;
    server.owner.post("/policies", request_policy("p")).await.ok();
    let mut body = enrolment();
    let (mut agent, enrolled) = enrol(&server, &mut body).await;
    body["secret"] = json!("");
    let documents = first_documents(&agent).await;
    let digests = documents["application/vnd.brevet.manifest+json"]["payload"].clone();
    let wanted = [digests["settings"].clone(), digests["policies"][0]["digest"].clone()];
    let digests: Vec<_> = wanted.iter().map(|digest| digest.as_str().unwrap().parse_digest()).collect();
    let missing: Vec<Value> = agent.missing(&digests).await.iter().map(|envelope| said(&serde_json::to_value(envelope).unwrap())).collect();
    let mut sent = Vec::new();
    for batch in batches(&mut agent) {
        let (status, answer) = agent.send(&batch).await;
        assert_eq!(status, StatusCode::OK);
        sent.push(json!({ "request": batch, "answer": answer, "says": said(&answer["acknowledgement"])["payload"] }));
    }
    let nonce = serde_json::to_value(agent.nonce().await).unwrap();
    let conversation = json!({
        "computer": agent.id, "enrol": { "request": body, "answer": enrolled }, "nonce": nonce,
        "documents": documents, "missing": missing, "journal": sent,
    });
    std::fs::create_dir_all(file().parent().unwrap()).unwrap();
    std::fs::write(file(), format!("{}\n", serde_json::to_string_pretty(&conversation).unwrap())).unwrap();
}

trait ParseDigest {
    fn parse_digest(&self) -> brevet_core::digest::Digest;
}
impl ParseDigest for str {
    fn parse_digest(&self) -> brevet_core::digest::Digest {
        brevet_core::digest::Digest::parse(self).unwrap()
    }
}

/// Gives the computer the id that it had when the conversation was recorded: its records and its signature name that.
async fn same_id(server: &Server, agent: &mut Agent, id: &str) {
    let (pool, before) = (&server.app.store.pool, agent.id.to_string());
    let computers = computer::Entity::update_many().col_expr(computer::Column::Id, Expr::value(id));
    computers.filter(computer::Column::Id.eq(&before)).exec(pool).await.unwrap();
    // A chain begins with the computer's id.
    let begins = Chain::new(brevet_core::id::ComputerId::parse(id).unwrap(), agent.chain.incarnation.clone());
    let journals = journal::Entity::update_many().col_expr(journal::Column::Computer, Expr::value(id));
    let journals = journals.col_expr(journal::Column::Head, Expr::value(begins.head.to_string()));
    journals.filter(journal::Column::Computer.eq(&before)).exec(pool).await.unwrap();
    agent.id = brevet_core::id::ComputerId::parse(id).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_protocol_keeps_working_byte_for_byte() {
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(file()).unwrap()).unwrap();
    let server = Server::start().await;
    server.owner.post("/policies", request_policy("p")).await.ok();
    let mut body = recorded["enrol"]["request"].clone();
    let (mut agent, enrolled) = enrol(&server, &mut body).await;
    assert_same_shape("enrolment", &enrolled, &recorded["enrol"]["answer"]);
    assert_same_shape("nonce", &serde_json::to_value(agent.nonce().await).unwrap(), &recorded["nonce"]);
    let documents = first_documents(&agent).await;
    assert_same_shape("documents", &documents, &recorded["documents"]);
    let manifest = &documents["application/vnd.brevet.manifest+json"]["payload"];
    let digests =
        [manifest["settings"].as_str().unwrap().parse_digest(), manifest["policies"][0]["digest"].as_str().unwrap().parse_digest()];
    let missing: Vec<Value> = agent.missing(&digests).await.iter().map(|envelope| said(&serde_json::to_value(envelope).unwrap())).collect();
    assert_same_shape("shared documents", &json!(missing), &recorded["missing"]);

    same_id(&server, &mut agent, recorded["computer"].as_str().unwrap()).await;
    for batch in recorded["journal"].as_array().unwrap() {
        let request = server.http.post(format!("{}/agent/v1/journal", server.url)).bearer_auth(agent.token().await);
        let answer = request.header("content-type", "application/json").body(batch["request"].to_string()).send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_same_shape("journal", &answer, &batch["answer"]);
        let says = said(&answer["acknowledgement"])["payload"].clone();
        assert_eq!(
            (&says["seq"], &says["head"], &says["incarnation"]),
            (&batch["says"]["seq"], &batch["says"]["head"], &batch["says"]["incarnation"])
        );
    }
    // Each record became one event, those that nobody knows too, and all are kept as they were written.
    let kinds = server.owner.event_kinds().await;
    let recorded_kinds = [
        "broker.started",
        "policy.applied",
        "request.created",
        "quantum.entangled",
        "session.started",
        "clock.jumped",
        "authentication.failed",
        "request.withdrawn",
    ];
    for kind in recorded_kinds {
        assert_eq!(kinds.iter().filter(|k| *k == kind).count(), 1, "{kind} in {kinds:?}");
    }
    let page = server.owner.read("/computers/web-1/journal").await.ok();
    let sent: Vec<Value> =
        recorded["journal"].as_array().unwrap().iter().flat_map(|b| b["request"]["records"].as_array().unwrap().clone()).collect();
    assert_eq!(page["records"], json!(sent));
    let unknown = server.owner.read("/events?kind=quantum.entangled").await.ok();
    assert_eq!(unknown["items"][0]["body"]["note"], "na\u{ef}ve \u{2603}");
    assert_eq!(server.owner.read("/sessions").await.ok()["items"], json!([]), "what cannot be read becomes no session");
}
