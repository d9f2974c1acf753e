//! `brevetctl event` and `policy audit` against an API that is the test's.

mod fake;

use std::os::unix::fs::PermissionsExt as _;

use fake::Api;
use serde_json::{Value, json};

const ID: &str = "evt_01jd8q7w5x2m4n6p8r0t1v3y5z";

fn event(summary: &str) -> Value {
    json!({
        "id": ID, "seq": 7, "time": "2026-11-25T09:00:00.000Z", "recorded": "2026-11-25T09:00:01.000Z", "kind": "request.created",
        "actor": { "kind": "computer", "name": "alice" }, "user": "alice", "summary": summary,
        "body": { "reason": "line\n\u{1b}[2Jtwo" },
    })
}

#[test]
fn a_search_goes_on_over_pages_in_which_nothing_was_found() {
    let api = Api::start();
    api.on("GET events", 200, &json!({ "items": [], "next": "AA" }));
    api.on("GET events", 200, &json!({ "items": [], "next": "BB" }));
    api.on("GET events", 200, &json!({ "items": [event("found")] }));
    let said = api.ok(&["event", "list", "--text", "needle", "--oldest-first"]);
    assert!(said.contains("found"), "{said}");
    let queries: Vec<String> = api.calls().into_iter().map(|call| call.query).collect();
    assert_eq!(queries.len(), 3);
    assert!(queries.iter().all(|query| query.contains("order=oldest&text=needle")), "{queries:?}");
    assert!(queries[2].ends_with("cursor=BB"), "{queries:?}");
    // A server that gives the same cursor for ever is not asked for ever.
    let api = Api::start();
    api.on("GET events", 200, &json!({ "items": [], "next": "AA" }));
    api.ok(&["event", "list", "--text", "needle"]);
    assert_eq!(api.calls().len(), 2);
}

#[test]
fn the_audit_of_a_policy_is_its_events() {
    let api = Api::start();
    api.on("GET events", 200, &json!({ "items": [event("alice asked")] }));
    let said = api.ok(&["policy", "audit", "Web team", "--from", "2026-11-01T00:00:00Z", "--limit", "5"]);
    assert!(said.contains("alice asked"), "{said}");
    let query = api.calls()[0].query.clone();
    assert_eq!(api.calls()[0].body, Value::Null);
    assert!(query.contains("policy=Web+team") && query.contains("from=2026-11-01") && query.contains("limit=5"), "{query}");
    let csv = api.ok(&["policy", "audit", "Web team", "--csv"]);
    assert!(csv.starts_with("time,kind,computer,user,policy,by,what\r\n"), "{csv}");
}

#[test]
fn a_view_is_saved_used_and_deleted() {
    let view = json!({
        "id": "viw_01jd8q7w5x2m4n6p8r0t1v3y5z", "name": "night", "query": { "kind": "session.*", "user": "alice" }, "period": "7d",
        "columns": ["seq", "summary"], "created": "2026-11-25T09:00:00.000Z", "changed": "2026-11-25T09:00:00.000Z",
    });
    let id = view["id"].as_str().unwrap();
    let api = Api::start();
    api.on("GET event-views", 200, &json!({ "items": [] }));
    api.on("POST event-views", 201, &view);
    let save = ["event", "view", "save", "night", "--kind", "session.*", "--user", "alice", "--period", "7d", "--columns", "seq,summary"];
    assert!(api.ok(&save).contains("saved 'night'"));
    let sent = api.calls().pop().unwrap().body;
    let query = json!({ "kind": "session.*", "user": "alice" });
    assert_eq!(sent, json!({ "name": "night", "query": query, "period": "7d", "columns": ["seq", "summary"] }));
    // The one of that name is replaced.
    let api = Api::start();
    api.on("GET event-views", 200, &json!({ "items": [view] }));
    api.on(&format!("PUT event-views/{id}"), 200, &view);
    api.ok(&["event", "view", "save", "night", "--kind", "grant.*"]);
    // Its conditions, of which one is given anew, and its columns.
    let api = Api::start();
    api.on("GET event-views", 200, &json!({ "items": [view] }));
    api.on("GET events", 200, &json!({ "items": [event("alice asked")] }));
    let csv = api.ok(&["event", "list", "--view", "night", "--user", "bob", "--csv"]);
    assert_eq!(csv, "seq,summary\r\n7,alice asked\r\n");
    let query = api.calls().pop().unwrap().query;
    assert!(query.contains("kind=session.*") && query.contains("user=bob") && query.contains("from=20"), "{query}");
    let api = Api::start();
    api.on("GET event-views", 200, &json!({ "items": [view] }));
    api.on("GET events/export", 200, &event("one"));
    api.ok(&["event", "export", "--view", "night"]);
    assert!(api.calls().pop().unwrap().query.contains("user=alice"));
    let api = Api::start();
    api.on("GET event-views", 200, &json!({ "items": [view] }));
    let missed = api.run(&["event", "list", "--view", "nihgt"]);
    assert!(missed.code == 3 && missed.stderr.contains("did you mean 'night'?"), "{} {}", missed.code, missed.stderr);
    let listed = api.ok(&["event", "view", "list"]);
    assert!(listed.contains("night") && listed.contains("kind=session.* user=alice"), "{listed}");
    api.on(&format!("DELETE event-views/{id}"), 204, &Value::Null);
    assert!(api.ok(&["event", "view", "delete", "night"]).contains("deleted 'night'"));
    assert_eq!(api.run(&["event", "view", "save", "x", "--columns", "nonsense"]).code, 2);
}

#[test]
fn one_event_is_shown_whole_and_acts_on_no_terminal() {
    let api = Api::start();
    api.on(&format!("GET events/{ID}"), 200, &event("alice asked"));
    let said = api.ok(&["event", "show", ID]);
    assert!(said.contains("request.created") && said.contains("\"reason\": \"line\\n\\u001b[2Jtwo\""), "{said}");
    assert!(!said.contains('\u{1b}'));
}

#[test]
fn an_exported_file_is_there_whole_or_not_at_all() {
    let api = Api::start();
    let file = api.folder.path().join("events.jsonl");
    let name = file.to_str().unwrap();
    api.on("GET events/export", 200, &event("one"));
    api.ok(&["event", "export", "--kind", "request.*", "-o", name]);
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["summary"], "one");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(api.calls()[0].query.contains("format=jsonl&kind=request.*"), "{}", api.calls()[0].query);
    // A journal is verified, and an export of events is none.
    let mistaken = api.file("mistaken.jsonl", &event("one").to_string());
    assert_eq!(api.run(&["event", "verify", "--file", mistaken.to_str().unwrap()]).code, 6);
    let api = Api::start();
    api.problem("GET events/export", 403, "forbidden", &[]);
    assert_eq!(api.run(&["event", "export", "-o", name]).code, 4);
    let left: Vec<_> = std::fs::read_dir(file.parent().unwrap()).into_iter().flatten().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("partial")), "{left:?}");
}

#[test]
fn what_would_be_redacted_is_said_first_and_it_goes_on_until_nothing_is_left() {
    let api = Api::start();
    let answer = |dry_run: bool, events: u64, left: bool| {
        json!({
            "before": "2025-11-25T09:00:00.000Z", "dry_run": dry_run, "events": events, "records": 1, "requests": 2, "grants": 3,
            "sessions": 4, "held": 5, "left": left,
        })
    };
    api.on("POST events/redact", 200, &answer(true, 25_000, false));
    let said = api.ok(&["event", "redact", "--older-than", "90d", "--dry-run"]);
    assert!(said.contains("would be redacted, from before 2025-11-25T09:00:00Z") && said.contains("25000"), "{said}");
    assert_eq!(api.calls()[0].body, json!({ "older_than": "90d", "dry_run": true }));
    let api = Api::start();
    api.on("POST events/redact", 200, &answer(true, 25_000, false));
    api.on("POST events/redact", 200, &answer(false, 10_000, true));
    api.on("POST events/redact", 200, &answer(false, 10_000, true));
    api.on("POST events/redact", 200, &answer(false, 5_000, false));
    let said = api.ok(&["event", "redact", "--yes"]);
    assert!(said.contains("redacted, from before") && said.contains("25000") && said.contains("12"), "{said}");
    let calls = api.calls();
    assert_eq!((calls.len(), &calls[0].body["dry_run"], &calls[3].body), (4, &json!(true), &json!({ "dry_run": false })));
}

#[test]
fn a_hold_is_made_on_something_or_on_everything_by_name() {
    let api = Api::start();
    let hold = |covers: Value| {
        json!({
            "id": "hld_01jd8q7w5x2m4n6p8r0t1v3y5z", "name": "Case 7", "reason": "court order", "covers": covers,
            "created": "2026-11-25T09:00:00.000Z", "created_by": "per_01jd8q7w5x2m4n6p8r0t1v3y5z", "created_by_name": "Olga",
        })
    };
    api.on("POST holds", 201, &hold(json!({ "user": "alice" })));
    api.on("GET holds", 200, &json!({ "items": [hold(json!({ "user": "alice", "to": "2026-11-25T09:00:00.000Z" })), hold(json!({}))] }));
    assert_eq!(api.run(&["hold", "create", "Case 7", "--reason", "x"]).code, 2, "a hold on nothing that was said");
    assert_eq!(api.run(&["hold", "create", "Case 7", "--reason", "x", "--everything", "--user", "alice"]).code, 2);
    api.ok(&["hold", "create", "Case 7", "--reason", "court order", "--user", "alice"]);
    assert_eq!(api.calls()[0].body, json!({ "name": "Case 7", "reason": "court order", "covers": { "user": "alice" } }));
    api.ok(&["hold", "create", "Case 7", "--reason", "court order", "--everything"]);
    assert_eq!(api.calls()[1].body["covers"], json!({}));
    let said = api.ok(&["hold", "list", "--active", "true"]);
    assert!(said.contains("user alice, to 2026-11-25T09:00:00Z") && said.contains("everything"), "{said}");
}
