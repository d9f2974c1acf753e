//! brevetctl as a process against an API that is the test's.

#![expect(clippy::unwrap_used, reason = "a test's part that fails is a failed test")]

mod fake;

use brevet_api::rest::computer::ComputerRef;
use brevet_api::rest::request::RequestItem;
use brevet_core::application::{Fact, Facts};
use brevet_core::digest::Digest;
use brevet_core::file;
use brevet_core::id::{ComputerId, GrantId, Incarnation, PolicyId, RequestId};
use brevet_core::journal::{Chain, Header, Record, SignedHead};
use brevet_core::policy::{Elevation, RequestTerms};
use brevet_core::request::{Command, PolicyRef, Request, RequestState};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::User;
use fake::{Api, Ran, bare};
use serde_json::{Value, json};

const HOSTILE: &str = "please\u{1b}[2J\u{202e}\nAPPROVED";

fn request(number: u8, reason: &str) -> RequestItem {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let user = |uid, name: &str| User { uid, name: name.into() };
    let computer = ComputerId::new(1, [1; 10]);
    let policy = PolicyRef { id: PolicyId::new(1, [1; 10]), version: 3, name: "Web team".into() };
    let path = OsText::from("/usr/sbin/nginx");
    let application = Facts {
        path: path.clone(),
        names: vec![path],
        chain: Fact::Known(true),
        writable_by: None,
        sha256: Digest::of(b"nginx"),
        size: 5,
        owner: Fact::Known("root".into()),
        mode: 0o755,
        package: Fact::Unknown("dpkg is locked".into()),
        interpreter: None,
        parent: Fact::Unknown("gone".into()),
        store: Fact::Known(None),
    };
    let command = Command {
        application,
        arguments: vec!["nginx".into(), "-t".into(), OsText::from("a b\u{1b}")],
        directory: "/srv".into(),
        target: user(0, "root"),
        kept_environment: vec![],
    };
    let id = RequestId::new(i64::from(number) << 40, [number; 10]);
    let mut inner = Request {
        id: id.clone(),
        digest: Digest::of(b"x"),
        computer: computer.clone(),
        user: user(1000, "alice"),
        command,
        elevation: Elevation::default(),
        policy: policy.clone(),
        terms: RequestTerms::default(),
        reason: reason.into(),
        ticket: None,
        duration: Length::from_minutes(30),
        created: now,
        lapses: now,
    };
    inner.digest = inner.compute_digest().unwrap();
    RequestItem {
        id,
        code: inner.digest.short_code(),
        state: RequestState::Pending,
        computer: ComputerRef { id: computer, name: "web-1".into() },
        user: "alice".into(),
        target_user: "root".into(),
        command: "nginx -t 'a b\\u{1b}'".into(),
        reason: reason.into(),
        ticket: None,
        duration: inner.duration,
        policy,
        created: now,
        lapses: now,
        closed: None,
        consistent: true,
        revision: 1,
        approvers: vec!["role:approver".into()],
        reminded: None,
        escalated: None,
        approvals_needed: 1,
        approvals: vec![],
        declined: None,
        grant: None,
        request: Box::new(inner),
        redacted: None,
    }
}

fn page<T: serde::Serialize>(items: &[T], next: Option<&str>) -> Value {
    next.map_or_else(|| json!({ "items": items }), |next| json!({ "items": items, "next": next }))
}

#[test]
fn what_people_write_cannot_act_on_the_approvers_terminal() {
    let api = Api::start();
    let item = request(1, HOSTILE);
    api.on("GET requests", 200, &page(std::slice::from_ref(&item), None));
    api.on(&format!("GET requests/{}", item.id), 200, &item);
    for arguments in [vec!["request", "list"], vec!["request", "show", item.id.as_str()]] {
        let shown = api.ok(&arguments);
        assert!(!shown.contains(['\u{1b}', '\u{202e}']) && !shown.contains("\nAPPROVED"), "{shown}");
        assert!(shown.contains("please\\u{1b}[2J\\u{202e}\\nAPPROVED"), "{shown}");
    }
    let shown = api.ok(&["request", "show", item.id.as_str()]);
    for part in [item.code.as_str(), "nginx -t 'a b\\u{1b}'", "/usr/sbin/nginx", "unknown: dpkg is locked", "alice (uid 1000)", "30m"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn a_long_argument_is_shortened_in_lists_and_whole_where_one_is_shown() {
    let api = Api::start();
    let long = "A".repeat(100_000);
    let mut item = request(1, &long);
    item.command = format!("nginx {long}");
    let items: Vec<RequestItem> = std::iter::once(item.clone()).chain((2..18).map(|number| request(number, "short"))).collect();
    api.on("GET requests", 200, &page(&items, None));
    api.on(&format!("GET requests/{}", item.id), 200, &item);
    let list = api.ok(&["request", "list"]);
    assert!(list.len() < 10_000 && list.contains("  nginx AAAA") && list.contains("A… (+999"), "{} bytes", list.len());
    assert!(api.ok(&["request", "show", item.id.as_str()]).contains(&long));
    assert_eq!(api.ok(&["request", "list", "--json"]).matches(&long).count(), 3, "command, reason, and the request's own reason");
    assert!(api.ok(&["request", "list", "--csv"]).contains(&long));
    assert!(api.ok(&["request", "list", "--filter", &format!("reason={long}")]).contains("A… (+999"), "filters see the whole text");
}

#[test]
fn what_lies_in_a_folder_and_is_no_regular_file_or_has_no_end_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(path("1.toml")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", path("2.toml")).unwrap();
    std::fs::File::create(path("3.toml")).unwrap().set_len(1 << 40).unwrap();
    let said = |name: &str, what: &str| format!("{}:1: {what}\n", path(name).display());
    let ran: Ran = bare(&["apply", "-f", &folder.path().display().to_string()]).output().unwrap().into();
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let wanted = [
        said("1.toml", "it is not a regular file"),
        said("2.toml", "it is not a regular file"),
        said("3.toml", "it is larger than 16777216 bytes"),
    ];
    for line in wanted {
        assert!(ran.stderr.contains(&line), "{line:?} in {:?}", ran.stderr);
    }
    let ran: Ran = bare(&["apply", "-f", "/dev/zero"]).output().unwrap().into();
    assert!(ran.code == 2 && ran.stderr.contains("/dev/zero:1: it is larger than"), "{}", ran.stderr);
    let ran: Ran = bare(&["policy", "test", "--corpus", &folder.path().display().to_string()]).output().unwrap().into();
    assert!(ran.code == 1 && ran.stderr.contains("it is not a regular file"), "{}", ran.stderr);
    let ran: Ran = bare(&["--server", "https://localhost:1", "--token-file", "/dev/zero", "policy", "list"]).output().unwrap().into();
    assert!(ran.code == 1 && ran.stderr.contains("it is larger than 1048576 bytes"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_named_may_be_a_pipe() {
    let api = Api::start();
    let applied = json!({ "dry_run": false, "changes": [], "warnings": [] });
    api.on("POST apply", 200, &applied);
    let file = api.file("a.toml", "[[group]]\nname = \"a\"\nusers = []\n");
    let mut command = api.command(&["apply", "-f", "/dev/stdin"]);
    let piped = std::process::Stdio::piped;
    let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    std::io::copy(&mut std::fs::File::open(file).unwrap(), &mut child.stdin.take().unwrap()).unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(api.calls().pop().unwrap().body["file"]["group"][0]["name"], "a");
}

#[test]
fn a_request_is_named_by_its_short_code_or_the_beginning_of_its_id() {
    let api = Api::start();
    let (one, two) = (request(1, "one"), request(2, "two"));
    api.on("GET requests", 200, &page(&[one.clone(), two.clone()], None));
    let approved = RequestItem { state: RequestState::Approved, grant: Some(GrantId::new(1, [1; 10])), ..two.clone() };
    api.on(&format!("POST requests/{}/approve", two.id), 200, &approved);
    let code = two.code.to_lowercase();
    let said = api.ok(&["request", "approve", &code, "--for", "10m", "--comment", "fine", "--code", &two.code]);
    assert!(said.starts_with(&format!("approved {}", two.id)), "{said}");
    let call = api.calls().pop().unwrap();
    assert_eq!(call.body, json!({ "for": "10m", "comment": "fine", "command_only": false, "code": two.code }));
    api.ok(&["request", "approve", &two.id.as_str()[..8]]);
    let nothing = api.run(&["request", "approve", "ZZZZ-ZZZZ"]);
    assert_eq!((nothing.code, nothing.stderr.as_str()), (3, "brevetctl: no request 'ZZZZ-ZZZZ'\n"));
    let missing = api.run(&["request", "decline", &code]);
    assert_eq!(missing.code, 2, "a decline needs a comment");
}

#[test]
fn a_list_has_every_page_up_to_the_limit_and_json_is_the_apis_own() {
    let api = Api::start();
    api.on("GET requests", 200, &page(&[request(1, "one"), request(2, "two")], Some("c1")));
    api.on("GET requests", 200, &page(&[request(3, "three")], None));
    let all: Value = serde_json::from_str(&api.ok(&["--json", "request", "list", "--state", "pending", "--computer", "web 1"])).unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    assert_eq!(all.get("next"), None);
    let calls = api.calls();
    assert_eq!(calls[0].query, "state=pending&computer=web+1&limit=200");
    assert_eq!(calls[1].query, "state=pending&computer=web+1&limit=198&cursor=c1");
    let api = Api::start();
    api.on("GET requests", 200, &page(&[request(1, "one"), request(2, "two")], Some("c1")));
    let table = api.ok(&["request", "list", "--limit", "2"]);
    assert!(table.contains("there are more than these 2"), "{table}");
}

#[test]
fn each_refusal_has_its_exit_status_and_says_code_and_hint() {
    let api = Api::start();
    for (status, code, exit) in
        [(401, "unauthenticated", 4), (403, "own_request", 4), (404, "not_found", 3), (409, "in_use", 5), (422, "invalid", 1)]
    {
        let name = format!("p{status}");
        api.on(&format!("GET policies/{name}"), 200, &json!({ "id": format!("pol_{status}"), "name": name }));
        api.problem(&format!("DELETE policies/pol_{status}"), status, code, &[]);
        let ran = api.run(&["policy", "delete", &name]);
        assert_eq!(ran.code, exit, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("code: {code} (request id r1)")), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("the detail of {code} \\u{{1b}}[31m")), "{}", ran.stderr);
    }
    let ran: Ran = api.command(&["policy", "list"]).env_remove("BREVET_CA").output().unwrap().into();
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("--ca"), "{}", ran.stderr);
    let ran: Ran = bare(&["policy", "list"]).output().unwrap().into();
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("BREVET_SERVER"), "{}", ran.stderr);
}

#[test]
fn names_are_encoded_in_paths() {
    let api = Api::start();
    api.on("GET policies/a%2Fb%20%3Fc", 200, &json!({ "id": "pol_x", "name": "a/b ?c" }));
    api.on("DELETE policies/pol_x", 204, &json!(null));
    assert_eq!(api.ok(&["policy", "delete", "a/b ?c"]), "deleted 'a/b ?c'; what it was: brevetctl policy history pol_x\n");
    assert_eq!(api.run(&["policy", "delete", ".."]).code, 3);
}

const POLICY: &str =
    "[[policy]]\nname = \"p\"\ncomputers = \"all\"\nusers = [\"alice\"]\nmode = \"request\"\napplications = [{ file = \"/bin/x\" }]\n";

#[test]
fn what_is_shown_is_what_apply_takes() {
    let api = Api::start();
    let policy = file::parse(POLICY).unwrap().policy.remove(0);
    let mut stored = serde_json::to_value(&policy).unwrap();
    let more = json!({ "id": PolicyId::new(1, [1; 10]), "version": 7, "created": Timestamp::from_millis(0), "changed": Timestamp::from_millis(0) });
    stored.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.on("GET policies/p", 200, &stored);
    let place = json!({ "id": ComputerId::new(1, [1; 10]), "name": "web-1", "state": "refused", "version": 7, "field": "elevation.record",
        "reason": "not \u{1b}[2J here", "since": Timestamp::from_millis(0) });
    api.on("GET policies/p/computers", 200, &page(&[place], None));
    let shown = api.ok(&["policy", "show", "p"]);
    assert_eq!(file::parse(&shown).unwrap().policy, vec![policy]);
    assert!(shown.starts_with("# in force on 0 computers, sent to 0, refused by 1\n# refused by web-1 "), "{shown}");
    assert!(shown.contains("\n# pol_") && !shown.contains('\u{1b}'), "{shown}");
    let json: Value = serde_json::from_str(&api.ok(&["policy", "show", "p", "--json"])).unwrap();
    assert_eq!(json, stored);
    api.on(
        "POST apply",
        200,
        &json!({ "dry_run": false, "changes": [{ "kind": "policy", "name": "p", "id": "x", "change": "unchanged" }] }),
    );
    let file = api.file("shown.toml", &shown);
    assert_eq!(api.ok(&["apply", "-f", file.to_str().unwrap()]), "created 0, changed 0, deleted 0; unchanged 1\n");
}

#[test]
fn an_error_in_a_file_names_file_and_line_and_nothing_is_sent() {
    let api = Api::start();
    let broken = api.file("broken.toml", "# a comment\n[[policy]]\nname = \"p\"\nmodus = \"deny\"\n");
    let ran: Ran = bare(&["apply", "-f", broken.to_str().unwrap()]).output().unwrap().into();
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains(&format!("{}:4: policy \"p\": unknown field `modus`", broken.display())), "{}", ran.stderr);
    let not_toml = api.file("not.toml", "[[policy]\nname = 1\n");
    let ran: Ran = bare(&["apply", "-f", not_toml.to_str().unwrap()]).output().unwrap().into();
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains(&format!("{}:1: ", not_toml.display())), "{}", ran.stderr);
}

#[test]
fn an_error_that_only_the_server_sees_leads_back_to_file_and_line() {
    let api = Api::start();
    let one = api.file("one.toml", POLICY);
    let two = api.file("two.toml", &format!("\n\n{}", POLICY.replace("\"p\"", "\"q\"")));
    api.problem("POST apply", 422, "invalid", &[("policy[1].users[0]", "no such user")]);
    let ran = api.run(&["apply", "-f", one.to_str().unwrap(), "-f", two.to_str().unwrap(), "--dry-run"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains(&format!("{}:6: policy 'q': users[0]: no such user", two.display())), "{}", ran.stderr);
    let call = api.calls().pop().unwrap();
    assert_eq!((call.body["dry_run"].clone(), call.body["file"]["policy"][1]["name"].clone()), (json!(true), json!("q")));
}

#[test]
fn a_plan_says_what_is_created_changed_and_deleted() {
    let api = Api::start();
    let file = api.file("p.toml", POLICY);
    let change = |change: &str, fields: &[&str]| json!({ "kind": "policy", "name": "p", "change": change, "fields": fields });
    let changes = [change("created", &[]), change("changed", &["users", "mode"]), change("deleted", &[])];
    api.on("POST apply", 200, &json!({ "dry_run": true, "changes": changes }));
    let plan = api.ok(&["apply", "-f", file.to_str().unwrap(), "--dry-run", "--prune"]);
    assert!(plan.contains("users, mode") && plan.contains("would be created 1, changed 1, deleted 1; unchanged 0"), "{plan}");
}

fn grant(state: &str, delivery: Option<Value>) -> Value {
    let time = Timestamp::from_millis(0);
    json!({
        "id": GrantId::new(1, [1; 10]), "origin": "approved", "state": state, "computer": { "id": ComputerId::new(1, [1; 10]), "name": "web-1" },
        "user": "alice", "target_user": "root", "command": "nginx -t", "policy": { "id": PolicyId::new(1, [1; 10]), "version": 1, "name": "p" },
        "version": 1, "duration": "30m", "command_only": false, "created": time, "use_before": time, "ends": time, "approvals": [],
        "deliveries": delivery.into_iter().collect::<Vec<_>>(),
    })
}

#[test]
fn revoking_waits_for_the_computers_receipt() {
    let api = Api::start();
    let id = GrantId::new(1, [1; 10]);
    let delivery = |state: &str, ended: Option<u32>| {
        Some(json!({ "document": "revocation", "seq": 4, "state": state, "sent": Timestamp::from_millis(0), "processes_ended": ended }))
    };
    api.on(&format!("POST grants/{id}/revoke"), 200, &grant("revoked", delivery("sent", None)));
    api.on(&format!("GET grants/{id}"), 200, &grant("revoked", delivery("delivered", None)));
    api.on(&format!("GET grants/{id}"), 200, &grant("revoked", delivery("confirmed", Some(3))));
    let said = api.ok(&["grant", "revoke", id.as_str(), "--comment", "enough", "--now", "--wait", "--yes"]);
    assert!(said.contains("'web-1' confirmed") && said.contains("3 processes ended"), "{said}");
    assert_eq!(api.calls()[0].body, json!({ "comment": "enough", "now": true }));
    let api = Api::start();
    api.on(&format!("POST grants/{id}/revoke"), 200, &grant("revoked", delivery("sent", None)));
    api.on(&format!("GET grants/{id}"), 200, &grant("revoked", delivery("sent", None)));
    let late = api.run(&["grant", "revoke", id.as_str(), "--wait", "--timeout", "1s"]);
    assert_eq!(late.code, 1);
    assert!(late.stderr.contains("has not confirmed it"), "{}", late.stderr);
}

#[test]
fn server_token_and_certificate_come_from_options_environment_or_profile() {
    let api = Api::start();
    api.on("GET settings", 200, &page::<Value>(&[], None));
    let (ca, token) = (api.folder.path().join("ca.pem"), api.folder.path().join("token"));
    let (ca, token) = (ca.to_str().unwrap(), token.to_str().unwrap());
    let ran: Ran = bare(&["--server", &api.url, "--ca", ca, "--token-file", token, "setting", "list"]).output().unwrap().into();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let ran: Ran = bare(&["--server", &api.url, "--ca", ca, "--token", "brv_test", "setting", "list"]).output().unwrap().into();
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("warning") && !ran.stderr.contains("brv_test"), "{}", ran.stderr);
    let folder = api.folder.path().join("brevet");
    std::fs::create_dir(&folder).unwrap();
    let profile = format!("server = {:?}\nca = {ca:?}\ntoken_file = {token:?}\n", api.url);
    std::fs::write(folder.join("profiles.toml"), format!("[default]\n{profile}[other]\nserver = \"https://localhost:1\"\n")).unwrap();
    let with_profile = |arguments: &[&str]| -> Ran { bare(arguments).env("XDG_CONFIG_HOME", api.folder.path()).output().unwrap().into() };
    assert_eq!(with_profile(&["setting", "list"]).code, 0);
    assert_eq!(with_profile(&["--profile", "other", "setting", "list"]).code, 2, "no token in it");
    assert_eq!(with_profile(&["--profile", "absent", "setting", "list"]).code, 2);
}

fn journal() -> Value {
    let (id, incarnation) = (ComputerId::new(1, [1; 10]), Incarnation::new(1, [1; 10]));
    let key = brevet_core::document::Key::from_seed(&[4; 32]);
    let mut chain = Chain::new(id.clone(), incarnation.clone());
    let mut records = Vec::new();
    for seq in 1..=5u64 {
        let header = Header {
            computer: id.clone(),
            incarnation: incarnation.clone(),
            seq,
            prev: chain.head,
            time: Timestamp::from_millis(0),
            boot: "b".into(),
            boottime: seq,
            kind: "test".into(),
            schema: 1,
        };
        let record = Record::seal(&header, &[1; 32], &json!({ "n": seq })).unwrap();
        chain.follow(&record).unwrap();
        records.push(record);
    }
    json!({
        "computer": { "id": id, "name": "web-1" }, "incarnation": incarnation, "incarnations": [incarnation],
        "journal_key": key.public(), "records": records, "head": SignedHead::sign(&chain, &key),
    })
}

fn with_journal(pages: &[Value]) -> Api {
    let api = Api::start();
    for page in pages {
        api.on("GET computers/web-1/journal", 200, page);
    }
    api
}

#[test]
fn a_journal_is_verified_over_its_pages_online_and_from_a_file() {
    let whole = journal();
    let (mut one, mut two) = (whole.clone(), whole.clone());
    one["records"].as_array_mut().unwrap().truncate(2);
    one["next"] = json!(2);
    two["records"].as_array_mut().unwrap().drain(..2);
    let api = with_journal(&[one.clone(), one.clone(), two.clone()]);
    let said = api.ok(&["event", "verify", "--computer", "web-1"]);
    assert!(said.contains("computer 'web-1'") && said.contains("5 records verified"), "{said}");
    assert_eq!(api.calls()[2].query.split('&').next().unwrap(), "after=2");
    let api = with_journal(&[one.clone(), one, two]);
    let file = api.folder.path().join("journal.jsonl");
    let file = file.to_str().unwrap();
    api.ok(&["event", "export", "--format", "journal", "--computer", "web-1", "--output", file]);
    let offline: Ran = bare(&["event", "verify", "--file", file, "--json"]).output().unwrap().into();
    let answer: Value = serde_json::from_str(&offline.stdout).unwrap();
    assert_eq!((offline.code, answer["verified"].clone(), answer["items"][0]["records"].clone()), (0, json!(true), json!(5)));
}

#[test]
fn a_tampered_a_missing_and_a_reordered_record_are_found_and_named() {
    let spoil = |change: fn(&mut Vec<Value>)| {
        let mut page = journal();
        change(page["records"].as_array_mut().unwrap());
        let ran = with_journal(&[page]).run(&["event", "verify", "--computer", "web-1"]);
        assert_eq!(ran.code, 6, "{}", ran.stdout);
        ran.stdout
    };
    assert!(spoil(|records| records[2]["body"] = json!("{\"n\":9}")).contains("the body of record 3 was changed"));
    assert!(spoil(|records| drop(records.remove(2))).contains("expected record 3, found 4"));
    assert!(spoil(|records| records.swap(1, 2)).contains("expected record 2, found 3"));
    assert!(spoil(|records| records.truncate(3)).contains("records 4 to 5 are missing"));
}

#[test]
fn the_one_switch_is_set_by_its_name() {
    let api = Api::start();
    api.on("PUT settings/autonomous", 200, &json!({ "id": "autonomous", "value": "on", "description": "", "default": "off" }));
    assert_eq!(api.ok(&["setting", "autonomous", "on"]), "autonomous is on\n");
    assert_eq!(api.calls()[0].body, json!({ "value": "on" }));
    assert_eq!(api.run(&["setting", "autonomous", "perhaps"]).code, 2);
}

#[test]
fn revoking_all_says_what_it_will_do_and_goes_on_until_none_is_left() {
    let api = Api::start();
    let one = |n: u8, result: &str| {
        let computer = json!({ "id": ComputerId::new(1, [1; 10]), "name": "web-1" });
        json!({ "id": GrantId::new(i64::from(n), [n; 10]), "computer": computer, "user": "alice", "command": "id", "result": result })
    };
    let answer = |items: Value, left: u64| json!({ "dry_run": false, "items": items, "left": left });
    api.on("POST grants/revoke", 200, &answer(json!([one(1, "would_revoke"), one(2, "would_revoke")]), 0));
    api.on("POST grants/revoke", 200, &answer(json!([one(1, "revoked")]), 1));
    api.on("POST grants/revoke", 200, &answer(json!([one(2, "over")]), 0));
    let ran = api.run(&["grant", "revoke", "--user", "alice", "--comment", "leaves", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("2 grants of alice on web-1") && ran.stderr.contains("1 of about 2 done"), "{}", ran.stderr);
    assert!(ran.stdout.contains("revoked 1;") && ran.stdout.contains("over"), "{}", ran.stdout);
    let calls = api.calls();
    assert_eq!((&calls[0].body["dry_run"], &calls[1].body["dry_run"], calls.len()), (&json!(true), &json!(false), 3));
    assert_eq!(api.run(&["grant", "revoke"]).code, 2);
    assert_eq!(api.run(&["grant", "revoke", "gra_x", "--user", "alice"]).code, 2);
}

#[test]
fn what_ends_many_things_does_nothing_without_a_terminal_and_without_yes() {
    let api = Api::start();
    let computer = json!({ "id": ComputerId::new(1, [1; 10]), "name": "web-1" });
    let one = json!({ "id": GrantId::new(1, [1; 10]), "computer": computer, "user": "alice", "command": "id", "result": "would_revoke" });
    api.on("POST grants/revoke", 200, &json!({ "dry_run": true, "items": [one], "left": 0 }));
    let ran = api.run(&["grant", "revoke", "--user", "alice", "--comment", "leaves"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 grant of alice on web-1") && ran.stderr.contains("nothing was done") && ran.stderr.contains("--yes"));
    assert_eq!(api.calls().iter().map(|call| call.body["dry_run"].clone()).collect::<Vec<_>>(), [json!(true)], "it only asked");

    let counted = json!({ "before": "2025-11-25T09:00:00.000Z", "dry_run": true, "events": 7, "records": 0, "requests": 0, "grants": 0,
        "sessions": 0, "held": 0, "left": false });
    api.on("POST events/redact", 200, &counted);
    let ran = api.run(&["event", "redact", "--older-than", "365d"]);
    assert_eq!((ran.code, api.calls().last().unwrap().body["dry_run"].clone()), (2, json!(true)), "{}", ran.stderr);
    let file = api.file("p.toml", POLICY);
    let deleted = json!({ "kind": "policy", "name": "old", "change": "deleted", "fields": [] });
    api.on("POST apply", 200, &json!({ "dry_run": true, "changes": [deleted] }));
    let ran = api.run(&["apply", "-f", file.to_str().unwrap(), "--prune"]);
    assert_eq!((ran.code, api.calls().last().unwrap().body["dry_run"].clone()), (2, json!(true)), "{}", ran.stderr);
}

#[test]
fn lists_are_filtered_ordered_and_exported_by_their_columns() {
    let api = Api::start();
    let item = |name: &str, state: &str| {
        let mut item = grant(state, None);
        item["user"] = json!(name);
        item
    };
    api.on("GET grants", 200, &page(&[item("bob", "active"), item("alice", "expired")], Some("c1")));
    api.on("GET grants", 200, &page(&[item("=cmd()", "active")], None));
    let sorted = api.ok(&["grant", "list", "--sort", "user"]);
    let users: Vec<usize> = ["=cmd()", "alice", "bob"].iter().map(|user| sorted.find(user).unwrap()).collect();
    assert!(users.is_sorted(), "{sorted}");
    assert_eq!(api.calls()[1].query, "limit=500&cursor=c1", "all of it is looked at");
    let api = Api::start();
    api.on("GET grants", 200, &page(&[item("bob", "active"), item("alice", "expired"), item("=cmd()", "active")], None));
    let csv = api.ok(&["grant", "list", "--filter", "state=active", "--filter", "user!=bob", "--csv"]);
    assert!(csv.starts_with("id,state,origin,") && csv.lines().count() == 2 && csv.contains(",\"'=cmd()\","), "{csv}");
    let all: Value = serde_json::from_str(&api.ok(&["grant", "list", "--filter", "user=alice", "--json"])).unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    let wrong = api.run(&["grant", "list", "--sort", "colour"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("no column 'colour'; there are: id, state"), "{}", wrong.stderr);
}

#[test]
fn watching_a_request_ends_when_it_is_decided_and_prints_only_what_changed() {
    let api = Api::start();
    let item = request(1, "why");
    let decided = RequestItem { state: RequestState::Approved, ..item.clone() };
    let path = format!("GET requests/{}", item.id);
    for answer in [&item, &item, &item, &decided] {
        api.on(&path, 200, answer);
    }
    let shown = api.ok(&["request", "show", item.id.as_str(), "--watch", "1s"]);
    assert_eq!(shown.matches("state     ").count(), 2, "{shown}");
    assert!(!shown.contains('\u{1b}'), "no terminal, no control characters: {shown}");
}

#[test]
fn profiles_are_the_owners_alone_and_never_show_a_token() {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let api = Api::start();
    api.on("GET settings", 200, &page::<Value>(&[], None));
    let home = api.folder.path();
    let run = |arguments: &[&str], stdin: &str| -> Ran {
        let mut command = bare(arguments);
        command.env("XDG_CONFIG_HOME", home).stdin(std::process::Stdio::piped());
        let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    };
    let ca = home.join("ca.pem");
    let add = ["profile", "add", "one", "--server", &api.url, "--ca", ca.to_str().unwrap(), "--token-file", "-"];
    let added = run(&add, "brv_test\n");
    assert_eq!((added.code, added.stdout.as_str(), added.stderr.as_str()), (0, "kept the profile 'one'\n", ""));
    let file = home.join("brevet/profiles.toml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(&["setting", "list"], "").code, 0, "the first one is used");
    assert_eq!(run(&["profile", "add", "two", "--server", "https://localhost:1"], "").code, 0);
    assert_eq!(run(&add, "x").code, 2, "not replaced by accident");
    assert_eq!(run(&["profile", "use", "two"], "").code, 0);
    assert_eq!(run(&["setting", "list"], "").code, 2, "no token in it");
    assert_eq!(run(&["--profile", "one", "setting", "list"], "").code, 0);
    for form in ["--json", "--csv", "--yes"] {
        let listed = run(&["profile", "list", form], "");
        assert!(
            listed.stdout.contains(&api.url) && listed.stdout.contains("kept") && !listed.stdout.contains("brv_test"),
            "{}",
            listed.stdout
        );
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let seen = run(&["--profile", "one", "setting", "list"], "");
    assert_eq!(seen.code, 2);
    assert!(seen.stderr.contains("others can read the token") && !seen.stderr.contains("brv_test"), "{}", seen.stderr);
    std::fs::write(&file, "[one]\ntoken = \"brv_test\nserver = 1\n").unwrap();
    let broken = run(&["setting", "list"], "");
    assert!(broken.code == 2 && !broken.stderr.contains("brv_test"), "{}", broken.stderr);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(run(&add, "brv_test").code, 0);
    assert_eq!(run(&["profile", "remove", "one", "--yes"], "").code, 0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("brv_test"));
    assert!(run(&["profile", "use", "one"], "").stderr.contains("no profile 'one'; there are none"));
}

#[test]
fn completion_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let ran: Ran = bare(&["completion", shell]).output().unwrap().into();
        assert!(ran.code == 0 && ran.stdout.contains("enrolment-token") && ran.stdout.contains("quarantine"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let ran: Ran = bare(&["man", folder.path().to_str().unwrap()]).output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let top = std::fs::read_to_string(folder.path().join("brevetctl.1")).unwrap();
    assert!(top.contains("Exit status") && top.contains(".TH"), "{top}");
    let list = std::fs::read_to_string(folder.path().join("brevetctl-request-list.1")).unwrap();
    assert!(list.contains("\\-\\-watch"), "{list}");
    assert!(folder.path().join("brevetctl-man.1").exists());
}
