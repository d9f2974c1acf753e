//! Retention: text goes when its time is up, what is held stays, and what remains still verifies.

use brevet_core::id::{GrantId, SessionId};
use brevet_core::journal::{Chain, Record, SignedHead};
use brevet_core::policy::Containment;
use brevet_core::record::{Body, GrantEnded, Outcome, SessionEnded, SessionStarted};
use brevet_server::retention;
use serde_json::{Value, json};

use crate::agent::{Agent, policy_ref, random10};
use crate::scopes::two;
use crate::support::{Actor, Server, request_policy};

const SECRET: &str = "Kennwort-von-Zimmer-42";

/// A request with a secret in its reason and arguments, approved with one in the comment, used and over: everything that holds text.
async fn used(server: &Server, agent: &mut Agent, policy: &Value, user: &str) -> [String; 3] {
    let mut request = agent.request(user, policy, "30m");
    request.reason = format!("because of {SECRET} of {user}");
    request.command.arguments.push(format!("--password={SECRET}").as_str().into());
    request.digest = request.compute_digest().unwrap();
    let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
    agent.deliver(vec![record]).await;
    let comment = json!({ "comment": format!("fine, {SECRET}") });
    let approved = server.owner.post(&format!("/requests/{}/approve", request.id), comment).await.ok();
    let grant = GrantId::parse(approved["grant"].as_str().unwrap()).unwrap();
    let session = SessionId::new(agent.now.millis(), random10());
    let started = SessionStarted {
        session: session.clone(),
        grant: grant.clone(),
        policy: policy_ref(policy),
        user: request.user.clone(),
        command: request.command.clone(),
        containment: Containment::Cgroup,
        terminal: false,
        reason: Some(request.reason.clone()),
        ends: agent.now.plus("30m".parse().unwrap()),
    };
    let ended = SessionEnded { session: session.clone(), grant: grant.clone(), outcome: Outcome::Exited { status: 0 }, processes_ended: 0 };
    let over = GrantEnded {
        grant: grant.clone(),
        reason: brevet_core::document::EndReason::Finished,
        detail: format!("finished by {user}, {SECRET}"),
        sessions: vec![session.clone()],
    };
    let records = [
        agent.record(&Body::SessionStarted(Box::new(started))),
        agent.record(&Body::SessionEnded(ended)),
        agent.record(&Body::GrantEnded(over)),
    ];
    agent.deliver(records.to_vec()).await;
    [request.id.to_string(), grant.to_string(), session.to_string()]
}

/// Everything that an API with every right says: lists, single things, journals, exports.
async fn everything(server: &Server, computers: &[&str], ids: &[[String; 3]]) -> String {
    let mut text = String::new();
    for list in ["/events?limit=500", "/requests", "/grants", "/sessions"] {
        text.push_str(&server.owner.read(list).await.ok().to_string());
    }
    for computer in computers {
        text.push_str(&server.owner.read(&format!("/computers/{computer}/journal")).await.ok().to_string());
    }
    for [request, grant, session] in ids {
        for path in [format!("/requests/{request}"), format!("/grants/{grant}"), format!("/sessions/{session}")] {
            text.push_str(&server.owner.read(&path).await.ok().to_string());
        }
    }
    for format in ["csv", "jsonl"] {
        let url = format!("{}/api/v1/events/export?format={format}", server.url);
        text.push_str(&server.http.get(url).bearer_auth(&server.owner.token).send().await.unwrap().text().await.unwrap());
    }
    text
}

async fn verifies(owner: &Actor, computer: &str) -> usize {
    let page = owner.read(&format!("/computers/{computer}/journal?limit=1000")).await.ok();
    let records: Vec<Record> = serde_json::from_value(page["records"].clone()).unwrap();
    let head: SignedHead = serde_json::from_value(page["head"].clone()).unwrap();
    let mut chain = Chain::new(head.chain.computer.clone(), head.chain.incarnation.clone());
    records.iter().for_each(|record| drop(chain.follow(record).unwrap()));
    assert_eq!(chain, head.chain);
    let key: brevet_core::document::PublicKey = serde_json::from_value(page["journal_key"].clone()).unwrap();
    assert!(head.verifies(&key));
    records.iter().filter(|record| record.body.is_none() && record.salt.is_none()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redacted_text_is_nowhere_any_more_and_the_journal_still_verifies() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let ids = [used(&server, &mut agent, &policy, "alice").await];
    let waiting = agent.ask("bob", &policy, "30m").await.id.to_string();
    assert!(everything(&server, &["web-1"], &ids).await.contains(SECRET));
    server.app.clock.advance("30d".parse().unwrap());
    let later = agent.ask("carol", &policy, "30m").await.id.to_string();

    let asked = json!({ "older_than": "20d", "dry_run": true });
    let preview = server.owner.post("/events/redact", asked).await.ok();
    assert_eq!(
        (&preview["requests"], &preview["grants"], &preview["sessions"], &preview["held"]),
        (&json!(1), &json!(1), &json!(1), &json!(0))
    );
    assert_eq!(preview["records"], 5);
    assert!(everything(&server, &["web-1"], &ids).await.contains(SECRET), "a preview changes nothing");
    let done = server.owner.post("/events/redact", json!({ "older_than": "20d" })).await.ok();
    for field in ["events", "records", "requests", "grants", "sessions", "held"] {
        assert_eq!(done[field], preview[field], "{field}");
    }
    assert_eq!((&done["left"], &done["dry_run"]), (&json!(false), &json!(false)));

    let text = everything(&server, &["web-1"], &ids).await;
    assert!(!text.contains(SECRET), "{}", text.split(SECRET).next().unwrap().chars().rev().take(300).collect::<String>());
    assert_eq!(verifies(&server.owner, "web-1").await, 5);

    // Who, where, when and under which policy stay, and lists and exports say what is gone.
    let event = server.owner.read(&format!("/events?request={}&kind=request.created", ids[0][0])).await.ok()["items"][0].clone();
    assert_eq!(
        (&event["summary"], &event["body"], &event["user"], &event["policy_name"]),
        (&json!("redacted"), &Value::Null, &json!("alice"), &json!("p"))
    );
    assert!(event["redacted"].is_string());
    assert_eq!(server.owner.read(&format!("/events?text={SECRET}")).await.ok()["items"], json!([]));
    let request = server.owner.read(&format!("/requests/{}", ids[0][0])).await.ok();
    assert_eq!((&request["state"], &request["reason"], &request["user"]), (&json!("approved"), &json!(""), &json!("alice")));
    assert!(request["redacted"].is_string() && request["approvals"][0]["comment"] == "");
    let told = server.owner.read("/events?kind=event.redacted").await.ok()["items"][0].clone();
    assert_eq!(
        (&told["actor"]["name"], &told["body"]["requests"], &told["body"]["older_than"]),
        (&json!("owner"), &json!(1), &json!("20d"))
    );
    assert_eq!(server.owner.read("/events?redacted=true&limit=500").await.ok()["items"].as_array().unwrap().len() as u64, done["events"]);
    // What is not over, and what is not old, is as it was.
    for id in [&waiting, &later] {
        let request = server.owner.read(&format!("/requests/{id}")).await.ok();
        assert_eq!((&request["reason"], &request["redacted"]), (&json!("because"), &Value::Null));
    }
    // Again there is nothing to do, and no event of nothing.
    let again = server.owner.post("/events/redact", json!({ "older_than": "20d" })).await.ok();
    assert_eq!(again["events"], 0);
    assert_eq!(server.owner.read("/events?kind=event.redacted").await.ok()["items"].as_array().unwrap().len(), 1);
    // The computer goes on, and a record that it sends again is the one that was there.
    let first = agent.record_raw("something.new", &json!({}));
    agent.deliver(vec![first]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hold_covers_stays_until_it_is_released() {
    let mut two = two().await;
    let policies = [two.server.owner.read("/policies/p-web").await.ok(), two.server.owner.read("/policies/p-all").await.ok()];
    let [web, db] = &mut two.agents;
    let server = &two.server;
    let ids = [
        used(server, web, &policies[0], "alice").await,
        used(server, web, &policies[1], "bob").await,
        used(server, db, &policies[1], "alice").await,
        used(server, db, &policies[1], "dora").await,
    ];
    let owner = &server.owner;
    let moment = web.now;
    let hold = async |name: &str, covers: Value| {
        owner.post("/holds", json!({ "name": name, "reason": "case 7", "covers": covers })).await.ok();
    };
    hold("of a computer and a user", json!({ "computer": "web-1", "user": "alice" })).await;
    hold("of a request", json!({ "request": ids[3][0] })).await;
    hold("of another time", json!({ "user": "bob", "to": moment.minus("1h".parse().unwrap()) })).await;
    server.app.clock.advance("40d".parse().unwrap());
    owner.put("/settings/retention", json!({ "value": "30d" })).await.ok();
    while retention::sweep(&server.app).await.unwrap() {}
    let reason = async |at: usize| owner.read(&format!("/requests/{}", ids[at][0])).await.ok()["reason"].as_str().unwrap().to_owned();
    assert!(reason(0).await.contains(SECRET) && reason(3).await.contains(SECRET));
    assert_eq!((reason(1).await, reason(2).await), (String::new(), String::new()));
    let session = async |at: usize| owner.read(&format!("/sessions/{}", ids[at][2])).await.ok();
    assert!(session(3).await["reason"].as_str().unwrap().contains(SECRET), "the hold on a request holds its sessions");
    assert!(session(2).await["redacted"].is_string());
    let kept = owner.read(&format!("/events?request={}&redacted=true", ids[3][0])).await.ok();
    assert_eq!(kept["items"], json!([]));
    let of_session = owner.read(&format!("/events?session={}&redacted=true", ids[3][2])).await.ok();
    assert_eq!(of_session["items"], json!([]), "also what knows only the grant");
    let swept = owner.read("/events?kind=event.redacted").await.ok()["items"][0].clone();
    assert_eq!(swept["actor"]["kind"], "server");
    let left = owner.post("/events/redact", json!({ "dry_run": true })).await.ok();
    assert!(left["held"].as_u64().unwrap() >= 8 && left["events"] == 0, "{left}");

    owner.post("/holds/of a request/release", json!({ "comment": "settled" })).await.ok();
    while retention::sweep(&server.app).await.unwrap() {}
    assert_eq!(reason(3).await, "");
    assert!(reason(0).await.contains(SECRET));
    for name in ["web-1", "db-1"] {
        verifies(owner, name).await;
    }
    hold("of everything", json!({})).await;
    server.app.clock.advance("40d".parse().unwrap());
    let before = owner.read("/events?redacted=true&limit=500").await.ok()["items"].as_array().unwrap().len();
    while retention::sweep(&server.app).await.unwrap() {}
    assert_eq!(owner.read("/events?redacted=true&limit=500").await.ok()["items"].as_array().unwrap().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_and_retention_are_an_owners_and_each_step_is_an_event() {
    let server = Server::start().await;
    Agent::enrol(&server, "web-1").await;
    let owner = &server.owner;
    let new = json!({ "name": "case 7", "reason": "court order", "covers": { "computer": "web-1", "person": "owner" } });
    for role in ["administrator", "approver", "auditor"] {
        let actor = server.person(&format!("the {role}"), &[role], true).await;
        actor.post("/holds", new.clone()).await.refused("forbidden");
        actor.post("/events/redact", json!({ "dry_run": true })).await.refused("forbidden");
        actor.put("/settings/retention", json!({ "value": "30d" })).await.refused("forbidden");
    }
    let made = owner.post("/holds", new.clone()).await.ok();
    assert!(
        made["covers"]["computer"].as_str().unwrap().starts_with("cmp_") && made["covers"]["person"].as_str().unwrap().starts_with("per_")
    );
    owner.post("/holds", new.clone()).await.refused("name_taken");
    let auditor = server.token_for("the auditor", false).await;
    assert_eq!(auditor.read("/holds/case 7").await.ok(), made);
    assert_eq!(auditor.read("/holds?active=true").await.ok()["items"], json!([made]));
    server.token_for("the approver", false).await.read("/holds").await.refused("forbidden");
    for (covers, field) in [
        (json!({ "computer": "web-9" }), "covers.computer"),
        (json!({ "policy": "nothing" }), "covers.policy"),
        (json!({ "person": "nobody" }), "covers.person"),
        (json!({ "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" }), "covers.to"),
    ] {
        let refused = owner.post("/holds", json!({ "name": "x", "reason": "y", "covers": covers })).await.refused("invalid");
        assert_eq!(refused["errors"][0]["field"], field);
    }
    owner.post("/holds", json!({ "name": "x", "reason": " " })).await.refused("invalid");
    owner.post("/holds/case 7/release", json!({ "comment": "" })).await.refused("invalid");
    owner
        .call(reqwest::Method::POST, "/holds/case 7/release", Some(json!({ "comment": "x" })), Some(("if-match", "\"old\"")))
        .await
        .refused("version_mismatch");
    let released = owner.post("/holds/case 7/release", json!({ "comment": "settled" })).await.ok();
    assert_eq!((&released["release_comment"], &released["released_by_name"]), (&json!("settled"), &json!("owner")));
    owner.post(&format!("/holds/{}/release", made["id"].as_str().unwrap()), json!({ "comment": "again" })).await.refused("wrong_state");
    owner.read("/holds/case 7").await.refused("not_found");
    owner.post("/holds", new).await.ok();
    let told = owner.read("/events?kind=hold.*&order=oldest").await.ok();
    let kinds: Vec<&str> = told["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["hold.created", "hold.released", "hold.created"]);
    assert_eq!(told["items"][0]["computer_name"], "web-1");

    for wrong in ["", "on", "6d", "never"] {
        owner.put("/settings/retention", json!({ "value": wrong })).await.refused("invalid");
    }
    owner.post("/events/redact", json!({ "older_than": "6d" })).await.refused("invalid");
    owner.post("/events/redact", json!({})).await.refused("invalid");
    let set = owner.put("/settings/retention", json!({ "value": "365d" })).await.ok();
    assert_eq!((&set["value"], &set["default"]), (&json!("365d"), &json!("forever")));
    owner.put("/settings/retention", json!({ "value": "forever" })).await.ok();
    assert!(!retention::sweep(&server.app).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_is_redacted_in_bounded_steps_each_with_its_event() {
    let server = Server::start().await;
    crate::events::put_rows(&server, 2_500, |_| json!({ "text": SECRET }).to_string()).await;
    server.app.clock.advance("10d".parse().unwrap());
    server.owner.put("/settings/retention", json!({ "value": "7d" })).await.ok();
    let mut steps = 1;
    while retention::sweep(&server.app).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 3);
    let told = server.owner.read("/events?kind=event.redacted").await.ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 3);
    let sum: u64 = told["items"].as_array().unwrap().iter().map(|event| event["body"]["events"].as_u64().unwrap()).sum();
    assert!(sum >= 2_500);
    assert_eq!(server.owner.read("/events?user=many&redacted=false").await.ok()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_silent_computer_never_ended_is_redacted_too() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let request = agent.ask("alice", &policy, "5m").await;
    let approved = server.owner.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok();
    let session = |ends: &str, agent: &Agent| SessionStarted {
        session: SessionId::new(agent.now.millis(), random10()),
        grant: GrantId::parse(approved["grant"].as_str().unwrap()).unwrap(),
        policy: policy_ref(&policy),
        user: request.user.clone(),
        command: request.command.clone(),
        containment: Containment::Cgroup,
        terminal: false,
        reason: Some(SECRET.into()),
        ends: agent.now.plus(ends.parse().unwrap()),
    };
    let (short, long) = (session("5m", &agent), session("25d", &agent));
    let records = [&short, &long].map(|session| agent.record(&Body::SessionStarted(Box::new(session.clone()))));
    agent.deliver(records.to_vec()).await;
    server.app.clock.advance("30d".parse().unwrap());
    let done = server.owner.post("/events/redact", json!({ "older_than": "20d" })).await.ok();
    assert_eq!(done["sessions"], 1, "{done}");
    assert!(server.owner.read(&format!("/sessions/{}", short.session)).await.ok()["redacted"].is_string());
    assert_eq!(server.owner.read(&format!("/sessions/{}", long.session)).await.ok()["reason"], SECRET);
}
