//! Definitions, computers and notifications through brevetctl: history, members, near names, warnings, copies.

mod fake;

use brevet_core::file;
use brevet_core::id::{ComputerId, PolicyId};
use brevet_core::time::Timestamp;
use fake::Api;
use serde_json::{Value, json};

const POLICY: &str =
    "[[policy]]\nname = \"p\"\ncomputers = \"all\"\nusers = [\"alice\"]\nmode = \"request\"\napplications = [{ file = \"/bin/x\" }]\n";

fn page(items: &[Value]) -> Value {
    json!({ "items": items })
}

fn change(version: u64, word: &str, content: Option<Value>) -> Value {
    let time = Timestamp::from_millis(0);
    content.map_or_else(
        || json!({ "version": version, "time": time, "by": "Bob", "change": word }),
        |content| json!({ "version": version, "time": time, "by": "Bob", "change": word, "content": content }),
    )
}

#[test]
fn history_says_who_changed_which_lines_and_shows_any_version() {
    let api = Api::start();
    let first = json!({ "name": "team", "users": ["alice", "bob"] });
    let second = json!({ "name": "team", "users": ["alice", "carol\u{1b}[2J"] });
    let all = [change(3, "deleted", None), change(2, "changed", Some(second)), change(1, "created", Some(first))];
    api.on("GET groups/team/history", 200, &page(&all));
    let diff = api.ok(&["group", "history", "team", "--diff"]);
    assert!(diff.contains("version 2, changed at 1970-01-01T00:00:00Z by Bob\n"), "{diff}");
    assert!(diff.contains("    -     \"bob\",\n    +     \"carol") && !diff.contains('\u{1b}'), "{diff}");
    let table = api.ok(&["group", "history", "team", "--sort", "version"]);
    assert!(table.find("created").unwrap() < table.find("deleted").unwrap(), "{table}");
    let json: Value = serde_json::from_str(&api.ok(&["group", "history", "team", "--diff", "--json"])).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 3);
    let policy = serde_json::to_value(&file::parse(POLICY).unwrap().policy[0]).unwrap();
    api.on("GET policies/p/history", 200, &page(&[change(1, "created", Some(policy))]));
    let shown = api.ok(&["policy", "show", "p", "--version", "1"]);
    assert_eq!(file::parse(&shown).unwrap().policy.len(), 1, "{shown}");
    let missing = api.run(&["policy", "show", "p", "--version", "9"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (3, "brevetctl: 'p' has no version 9; its last is 1\n"));
}

#[test]
fn members_join_and_leave_a_group_in_its_next_version() {
    let api = Api::start();
    let time = Timestamp::from_millis(0);
    let group = |users: &[&str]| json!({ "id": brevet_core::id::GroupId::new(1, [1; 10]), "version": 4, "created": time, "changed": time, "name": "team", "users": users });
    let id = brevet_core::id::GroupId::new(1, [1; 10]);
    api.on("GET groups/team", 200, &group(&["alice"]));
    api.on(&format!("PUT groups/{id}"), 200, &group(&["alice", "bob"]));
    assert_eq!(api.ok(&["group", "add", "team", "bob", "alice"]), "'team' has 2 users now, version 4\n");
    assert_eq!(api.calls()[1].body, json!({ "name": "team", "users": ["alice", "bob"] }));
    let missing = api.run(&["group", "remove", "team", "carol"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (3, "brevetctl: 'carol' is not in the group\n"));
    api.on("POST groups", 201, &group(&[]));
    assert_eq!(api.ok(&["group", "create", "team", "--of", "users"]), "made the group 'team'\n");
    assert_eq!(api.run(&["group", "create", "team"]).code, 2, "of what?");
}

#[test]
fn a_name_that_is_nearly_there_is_suggested() {
    let api = Api::start();
    api.problem("GET computers/wbe-1", 404, "not_found", &[]);
    api.on("GET computers", 200, &page(&[json!({ "name": "web-1" }), json!({ "name": "db" })]));
    let ran = api.run(&["computer", "show", "wbe-1"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.ends_with("brevetctl: hint: do you mean 'web-1'?\n"), "{}", ran.stderr);
    api.problem("GET computers/elsewhere", 404, "not_found", &[]);
    assert!(!api.run(&["computer", "show", "elsewhere"]).stderr.contains("do you mean"));
}

#[test]
fn what_apply_is_warned_of_leads_back_to_file_and_line() {
    let api = Api::start();
    let file = api.file("p.toml", &format!("\n{POLICY}"));
    let warning = json!({ "kind": "policy", "name": "p", "field": "users[0]", "code": "unknown_user", "reason": "no user", "hint": "do you mean \"alice\"?" });
    api.on("POST apply", 200, &json!({ "dry_run": true, "changes": [], "warnings": [warning] }));
    let ran = api.run(&["apply", "-f", file.to_str().unwrap(), "--dry-run"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr.contains(&format!("warning: {}:5: policy 'p': users[0]: no user; do you mean \"alice\"?", file.display())),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_apply_gives_is_said_by_the_server_with_file_and_line_and_is_in_json() {
    let api = Api::start();
    let file = api.file("p.toml", &format!("\n{POLICY}"));
    let finding = |name: &str, field: &str| json!({ "kind": "policy", "name": name, "field": field, "severity": "danger", "code": "runs_code", "reason": "is a shell", "instead": "do not" });
    let findings = json!([finding("p", "applications[0].file"), finding("q", "applications[0].list \"L\".rules[1].file")]);
    api.on("POST apply", 200, &json!({ "dry_run": true, "changes": [], "findings": findings }));
    let ran = api.run(&["apply", "-f", file.to_str().unwrap(), "--dry-run"]);
    let here = format!("brevetctl: danger: {}:7: policy 'p': applications[0].file: is a shell; do not\n", file.display());
    let there = "brevetctl: danger: policy 'q' on the server: applications[0].list \"L\".rules[1].file: is a shell; do not\n";
    assert_eq!((ran.code, ran.stderr), (0, format!("{here}{there}")));
    let ran = api.run(&["--json", "apply", "-f", file.to_str().unwrap(), "--dry-run"]);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&answer["findings"], ran.stderr.as_str()), (&findings, ""));
}

fn stored(more: Value) -> Value {
    let policy = file::parse(POLICY).ok().and_then(|file| file.policy.into_iter().next());
    let known = json!({ "id": PolicyId::new(1, [1; 10]), "version": 1, "created": Timestamp::from_millis(0), "changed": Timestamp::from_millis(0) });
    Value::Object([json!(policy), known, more].iter().filter_map(Value::as_object).flat_map(Clone::clone).collect())
}

#[test]
fn switching_a_policy_on_says_what_it_gives() {
    let api = Api::start();
    let finding = json!({ "kind": "policy", "name": "p", "field": "applications[0].file", "severity": "danger", "code": "runs_code", "reason": "is a shell", "instead": "do not" });
    api.on("POST policies/p/enable", 200, &stored(json!({ "findings": [finding] })));
    let ran = api.run(&["policy", "enable", "p"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "enabled 'p', now version 1\n"));
    assert_eq!(ran.stderr, "brevetctl: danger: policy 'p': applications[0].file: is a shell; do not\n");
    let ran = api.run(&["--json", "policy", "enable", "p"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["findings"], json!([finding]));
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_copy_of_a_policy_is_disabled_until_somebody_looked_at_it() {
    let api = Api::start();
    let stored = stored(json!({}));
    api.on("GET policies/p", 200, &stored);
    api.on("POST policies", 201, &stored);
    api.ok(&["policy", "duplicate", "p", "q"]);
    let body = api.calls().pop().unwrap().body;
    assert_eq!((&body["name"], &body["enabled"], body.get("id")), (&json!("q"), &json!(false), None));
}

#[test]
fn removing_a_computer_asks_what_is_still_in_force_there() {
    let api = Api::start();
    let id = ComputerId::new(1, [1; 10]);
    api.on("GET computers/web-1", 200, &json!({ "id": id, "name": "web-1" }));
    api.on("GET grants", 200, &page(&[json!({})]));
    api.on("GET sessions", 200, &page(&[]));
    api.on(&format!("DELETE computers/{id}"), 204, &json!(null));
    api.ok(&["computer", "remove", "web-1", "--yes"]);
    let asked: Vec<String> = api.calls().iter().map(|call| call.query.clone()).filter(|query| query.contains("state=")).collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|query| query.contains(&format!("computer={id}"))), "{asked:?}");
}

#[test]
fn where_notifications_go_is_listed_made_tested_and_worded() {
    let api = Api::start();
    let time = Timestamp::from_millis(0);
    let target = json!({
        "id": brevet_core::id::TargetId::new(1, [1; 10]), "name": "chat", "kind": "webhook", "address": "https://hooks.example.com/…",
        "events": ["request."], "enabled": true, "created": time, "waiting": 2, "failing": true,
    });
    api.on("GET notification-targets", 200, &page(std::slice::from_ref(&target)));
    let table = api.ok(&["notification", "targets", "--filter", "failing=yes"]);
    assert!(table.contains("FAILING") && table.contains("https://hooks.example.com/…"), "{table}");
    // A webhook's secret alone goes to standard output, so that it can go into a file.
    let mut created = target.clone();
    created["secret"] = json!("whsec_AAAA");
    api.on("POST notification-targets", 201, &created);
    let arguments = ["notification", "create", "chat", "--webhook", "https://hooks.example.com/x", "--events", "request.,grant.revoked"];
    assert_eq!(api.ok(&arguments), "whsec_AAAA\n");
    let sent =
        json!({ "name": "chat", "kind": "webhook", "address": "https://hooks.example.com/x", "events": ["request.", "grant.revoked"] });
    assert_eq!(api.calls().pop().unwrap().body, sent);
    for wrong in [
        vec!["notification", "create", "x", "--email", "a@example.com"],
        vec!["notification", "create", "x", "--webhook", "https://x", "--person", "bob"],
        vec!["notification", "create", "x", "--events", "all"],
    ] {
        assert_eq!(api.run(&wrong).code, 2, "{wrong:?}");
    }
    // A name that is nearly there.
    api.problem("GET notification-targets/caht", 404, "not_found", &[]);
    let missing = api.run(&["notification", "show", "caht"]);
    assert!(missing.code == 3 && missing.stderr.contains("do you mean 'chat'?"), "{missing:?}");
    // What a test comes to is waited for, and a refusal is an error.
    let id = brevet_core::id::DeliveryId::new(1, [2; 10]);
    let item = |state: &str, error: Option<&str>| {
        json!({
            "id": id, "target": "chat", "kind": "notification.test", "audience": "subscriber", "state": state, "attempts": 1,
            "created": time, "subject": "Brevet: a test", "error": error,
        })
    };
    api.on("POST notification-targets/chat/test", 200, &item("pending", None));
    api.on("GET notifications", 200, &page(&[item("pending", None)]));
    api.on("GET notifications", 200, &page(&[item("sent", None)]));
    api.on("GET notifications", 200, &page(&[item("pending", Some("it answered 500\u{1b}[2J"))]));
    assert_eq!(api.ok(&["notification", "test", "chat"]), format!("{id} was taken\n"));
    let refused = api.run(&["notification", "test", "chat"]);
    assert!(refused.code == 1 && refused.stderr.contains("it answered 500\\u{1b}[2J"), "{refused:?}");
    // Words.
    let words = json!({ "id": "request.created", "subject": "{{ user }}", "body": "one\ntwo\n", "built_in": false });
    api.on("PUT notification-templates/request.created", 200, &words);
    let file = api.file("words", "one\ntwo\n");
    let set = ["notification", "template", "set", "request.created", "--subject", "{{ user }}", "--body", file.to_str().unwrap()];
    assert!(api.ok(&set).ends_with("\none\ntwo\n"));
    assert_eq!(api.calls().pop().unwrap().body, json!({ "subject": "{{ user }}", "body": "one\ntwo\n" }));
}

fn proposal(state: &str) -> Value {
    json!({
        "id": brevet_core::id::ProposalId::new(1, [3; 10]), "state": state, "summary": "policy \"p\" changed", "call": "PUT /policies/p",
        "proposer": brevet_core::id::PersonId::new(1, [1; 10]), "proposer_name": "Bob", "created": Timestamp::from_millis(0),
        "differences": [{ "kind": "policy", "name": "p\u{1b}[2J", "change": "changed", "before": { "mode": "request" }, "after": { "mode": "automatic" } }],
    })
}

#[test]
fn a_change_that_waits_for_a_second_person_is_status_8_and_shows_what_it_would_change() {
    let api = Api::start();
    let id = brevet_core::id::ProposalId::new(1, [3; 10]);
    api.on("POST policies/p/disable", 202, &proposal("open"));
    let ran = api.run(&["policy", "disable", "p"]);
    assert!(ran.code == 8 && ran.stdout.is_empty(), "{ran:?}");
    assert!(ran.stderr.contains("- mode: \"request\"") && ran.stderr.contains(&format!("brevetctl proposal confirm {id}")), "{ran:?}");
    assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    let ran = api.run(&["policy", "disable", "p", "--json"]);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &json["state"]), (8, &json!("open")));
    api.on(&format!("GET proposals/{id}"), 200, &proposal("open"));
    let mut confirmed = proposal("confirmed");
    confirmed["answer"] = json!({ "token": "brv_AAAA" });
    api.on(&format!("POST proposals/{id}/confirm"), 200, &confirmed);
    let ran = api.run(&["proposal", "confirm", id.as_str(), "--comment", "seen"]);
    assert!(ran.code == 0 && ran.stderr.contains("+ mode: \"automatic\"") && ran.stdout.contains("shown this once: brv_AAAA"), "{ran:?}");
    assert_eq!(api.calls().pop().unwrap().body, json!({ "comment": "seen" }));
    api.on("GET proposals", 200, &page(&[proposal("stale")]));
    assert!(api.ok(&["proposal", "list", "--state", "stale"]).contains("policy \"p\" changed"));
    assert_eq!(api.calls().pop().unwrap().query, "state=stale&limit=200");
    assert_eq!(api.run(&["proposal", "reject", id.as_str()]).code, 2, "a rejection needs a comment");
}

#[test]
fn access_without_approval_is_opened_listed_and_reviewed() {
    let api = Api::start();
    let (id, time) = (brevet_core::id::BreakGlassId::new(1, [4; 10]), Timestamp::from_millis(0));
    let item = json!({
        "id": id, "state": "open", "policy": PolicyId::new(1, [1; 10]), "policy_name": format!("Break-glass {id}"),
        "computer": { "id": ComputerId::new(1, [1; 10]), "name": "web-1" }, "user": "alice", "application": { "file": "/usr/bin/systemctl" },
        "for": "30m", "reason": "down\u{1b}[2J", "opened_by": brevet_core::id::PersonId::new(1, [1; 10]), "opened_by_name": "Bob",
        "opened": time, "ends": time, "skipped": ["Carol"],
    });
    api.on("POST break-glass", 201, &item);
    let open = ["break-glass", "open", "--computer", "web-1", "--user", "alice", "--for", "30m", "--reason", "down"];
    let said = api.ok(&[&open[..], &["--file", "/usr/bin/systemctl"]].concat());
    assert!(said.contains("is open until") && said.contains("not asked, and told of it: Carol"), "{said}");
    let sent = api.calls().pop().unwrap().body;
    assert_eq!(
        (&sent["application"], &sent["password"], &sent["for"]),
        (&json!({ "file": "/usr/bin/systemctl" }), &json!(true), &json!("30m"))
    );
    let rule = "{ file = \"/usr/bin/systemctl\", arguments = [\"restart\", { any = true }] }";
    api.ok(&[&open[..], &["--rule", rule]].concat());
    assert_eq!(api.calls().pop().unwrap().body["application"]["arguments"], json!(["restart", { "any": true }]));
    assert_eq!((api.run(&open).code, api.run(&[&open[..], &["--rule", "{"]].concat()).code), (2, 2));
    api.on("GET break-glass", 200, &page(std::slice::from_ref(&item)));
    let listed = api.ok(&["break-glass", "list", "--unreviewed"]);
    assert!(listed.contains("down\\u{1b}[2J") && !listed.contains('\u{1b}'), "{listed}");
    assert_eq!(api.calls().pop().unwrap().query, "reviewed=false&limit=200");
    api.on(&format!("GET break-glass/{id}"), 200, &item);
    assert!(api.ok(&["break-glass", "show", id.as_str()]).contains("nobody yet"));
    api.on(&format!("POST break-glass/{id}/review"), 200, &item);
    api.ok(&["break-glass", "review", id.as_str(), "--comment", "only restarts"]);
    assert_eq!(api.calls().pop().unwrap().body, json!({ "comment": "only restarts" }));
}
