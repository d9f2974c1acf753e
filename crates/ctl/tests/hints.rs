//! What somebody who slips, or is new here, is told: what is not there, what is nearly meant, what to do next.

mod fake;

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use brevet_api::rest::event::SERVER_KINDS;
use brevet_core::record::Body;
use fake::{Api, Ran, bare};
use serde_json::{Value, json};

fn nothing() -> Value {
    json!({ "items": [] })
}

/// An API in which the lists of names are these, and nothing ever happened.
fn quiet(api: &Api) {
    for list in ["events", "grants", "requests", "sessions", "groups", "autonomous", "persons"] {
        api.on(&format!("GET {list}"), 200, &nothing());
    }
    api.on("POST grants/revoke", 200, &json!({ "dry_run": true, "items": [], "left": 0 }));
    api.on("GET policies", 200, &json!({ "items": [{ "name": "Web team", "users": ["newbie", "os-group:web"] }] }));
    api.on("GET computers", 200, &json!({ "items": [{ "name": "web-1" }] }));
    for missing in ["policies/Web%20taem", "computers/wbe-1", "persons/Ann"] {
        api.problem(&format!("GET {missing}"), 404, "not_found", &[]);
    }
}

#[test]
fn a_slip_is_no_empty_list() {
    let api = Api::start();
    quiet(&api);
    for (arguments, says) in [
        (vec!["grant", "revoke", "--user", "newbei"], "do you mean 'newbie'?"),
        (vec!["grant", "list", "--user", "nobody-like-that"], "no user 'nobody-like-that' is known"),
        (vec!["request", "list", "--policy", "Web taem"], "do you mean 'Web team'?"),
        (vec!["session", "list", "--computer", "wbe-1"], "do you mean 'web-1'?"),
        (vec!["event", "list", "--person", "Ann"], "not_found"),
        (vec!["event", "list", "--kind", "session.endet"], "do you mean 'session.ended'?"),
        (vec!["event", "list", "--kind", "grant.*,nothing.*"], "no kind of event 'nothing.*' is known"),
    ] {
        let ran = api.run(&arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(api.ok(&["grant", "list", "--user", "newbie"]), "none\n");
    assert_eq!(api.ok(&["grant", "revoke", "--user", "newbie"]), "no grant is open there\n");
    assert_eq!(api.ok(&["event", "list", "--kind", "session.ended,grant.*"]), "none\n");
}

#[test]
fn what_left_events_behind_is_known() {
    let api = Api::start();
    api.on("GET grants", 200, &nothing());
    api.problem("GET policies/Old", 404, "not_found", &[]);
    let event = json!({ "any": "event" });
    api.on("GET events", 200, &json!({ "items": [event] }));
    assert_eq!(api.ok(&["grant", "list", "--policy", "Old", "--user", "gone"]), "none\n");
    assert!(api.calls().iter().any(|call| call.query == "policy=Old&limit=1"), "{:?}", api.calls());
}

#[test]
fn tokens_are_named_by_their_name_and_ids_may_be_shortened_in_filters() {
    let api = Api::start();
    let token = |id: &str, name: &str, revoked: bool| {
        json!({ "id": format!("tok_{id}"), "name": name, "person": "per_00000000000000000000000001", "person_name": "Bob",
            "roles": [], "decides": false, "created": "2026-11-25T09:00:00.000Z", "expires": "2026-12-25T09:00:00.000Z", "revoked": revoked })
    };
    let (old, new) = ("00000000000000000000000001", "00000000000000000000000002");
    api.on("GET tokens", 200, &json!({ "items": [token(new, "pipeline", false), token(old, "pipeline", true)] }));
    api.on(&format!("DELETE tokens/tok_{new}"), 204, &json!(null));
    assert_eq!(api.ok(&["token", "revoke", "pipeline", "--yes"]), format!("revoked 'tok_{new}'\n"));
    let ran = api.run(&["token", "revoke", "pipelien"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("do you mean 'pipeline'?"), "{}", ran.stderr);
    api.on("GET grants", 200, &nothing());
    let ran = api.run(&["event", "list", "--grant", "01jd8q"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (3, "brevetctl: no grant '01jd8q'\n"));
    let ran = api.run(&["event", "list", "--used-token", &new[..25]]);
    assert_eq!(ran.code, 2, "both begin so: {}", ran.stderr);
}

/// Kinds that the server writes down by name: a filter by one that did not happen yet must not be taken for a slip.
#[test]
fn every_kind_that_the_server_records_is_a_known_kind() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src");
    let (mut folders, mut seen) = (vec![source], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for kind in text.split("NewEvent::new(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                seen += 1;
                let known = SERVER_KINDS.contains(&kind) || Body::KINDS.contains(&kind);
                assert!(known, "{}: {kind:?} belongs into brevet_api::rest::event::SERVER_KINDS", path.display());
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn every_error_of_a_file_is_told_at_once() {
    let api = Api::start();
    let text = "[[policy]]\nname = \"p\"\nmode = \"deny\"\nstaleness = \"5\"\ncomputers = \"all\"\n[group]\nname = \"g\"\n";
    let file = api.file("p.toml", text);
    let ran: Ran = bare(&["apply", "-f", file.to_str().unwrap()]).output().unwrap().into();
    assert_eq!(ran.code, 2);
    for says in
        [":4: policy \"p\": staleness: not a duration", ":1: policy \"p\": missing field `users`", ":6: write [[group]], with two brackets"]
    {
        assert!(ran.stderr.contains(says), "{says} in {}", ran.stderr);
    }
}

#[test]
fn a_file_comes_from_standard_input_too() {
    let api = Api::start();
    api.on("POST apply", 200, &json!({ "dry_run": false, "changes": [] }));
    let mut child = api.command(&["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"[[group]]\nname = \"g\"\nusers = [\"a\"]\n").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(api.calls()[0].body["file"]["group"][0]["name"], "g");
}

#[test]
fn who_one_is_and_what_an_approver_lacks() {
    let api = Api::start();
    let id = "per_00000000000000000000000001";
    api.on("GET me", 200, &json!({ "id": id, "name": "Ann", "roles": ["approver"], "decides": false }));
    let me = api.ok(&["whoami"]);
    for part in ["Ann", "approver", "may not approve", api.url.as_str()] {
        assert!(me.contains(part), "{part} in {me}");
    }
    let person = |users: Value, none: bool| {
        json!({ "id": id, "name": "Ann", "roles": ["approver"], "enabled": true, "os_users": users, "no_os_user": none,
            "created": "2026-11-25T09:00:00.000Z" })
    };
    api.on("GET persons/Ann", 200, &person(json!([]), false));
    let shown = api.ok(&["person", "show", "Ann"]);
    assert!(shown.contains("not yet") && shown.contains("person no-os-user 'Ann'"), "{shown}");
    for (users, none) in [(json!([{ "user": "ann" }]), false), (json!([]), true)] {
        let api = Api::start();
        api.on("GET persons/Ann", 200, &person(users, none));
        assert!(!api.ok(&["person", "show", "Ann"]).contains("not yet"));
    }
}

#[test]
fn a_computer_that_is_not_there_is_told_when_it_is_put_into_a_group() {
    let api = Api::start();
    let group = |members: &[&str], version: u64| {
        json!({ "id": "grp_00000000000000000000000001", "version": version, "name": "web", "computers": members,
            "created": "2026-11-25T09:00:00.000Z", "changed": "2026-11-25T09:00:00.000Z" })
    };
    api.on("GET groups/web", 200, &group(&[], 1));
    api.on("PUT groups/grp_00000000000000000000000001", 200, &group(&["vn", "web-1"], 2));
    api.on("GET computers/web-1", 200, &json!({ "name": "web-1" }));
    api.on("GET computers", 200, &json!({ "items": [{ "name": "web-1" }] }));
    api.problem("GET computers/vn", 404, "not_found", &[]);
    let ran = api.run(&["group", "add", "web", "vn", "web-1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "'web' has 2 computers now, version 2\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr, "brevetctl: warning: no computer 'vn' is enrolled; it counts once one of that name enrols\n");
}

#[test]
fn a_token_that_others_can_read_is_warned_of() {
    let api = Api::start();
    api.on("GET settings", 200, &nothing());
    let token = api.file("open", "brv_test\n");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mut command = api.command(&["setting", "list", "--token-file", token.to_str().unwrap()]);
    let ran: Ran = command.env_remove("BREVET_TOKEN").output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("warning: others can read the token in "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("brv_test"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_meant_says_what_can() {
    let api = Api::start();
    for (arguments, says) in [
        (vec!["session", "list", "--state", "running"], "started, ended"),
        (vec!["grant", "list", "--state", "activ"], "active"),
        (vec!["grant", "list", "--limit", "0"], "a number from 1"),
        (vec!["request", "list", "--watch", "0s"], "at least 1s"),
        (vec!["import", "sudoers", "/nonexistent/sudoers"], "cannot read '/nonexistent/sudoers': No such file"),
    ] {
        let ran = api.run(&arguments);
        assert!(ran.code == 2 || ran.code == 1, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
    api.on("GET events", 200, &json!({ "items": [], "next": "x" }));
    api.on("GET events", 200, &nothing());
    api.ok(&["event", "list", "--from", "2026-11-25"]);
    let query = api.calls().pop().unwrap().query;
    assert!(query.starts_with("from=2026-11-25T00%3A00%3A00"), "{query}");
}

#[test]
fn a_test_without_the_groups_file_says_that_it_is_missing() {
    let api = Api::start();
    let policy = |computers: &str, users: &str| {
        format!(
            "[[policy]]\nname = \"p\"\ncomputers = [\"{computers}\"]\nusers = [\"{users}\"]\nmode = \"request\"\napplications = \"all\"\n"
        )
    };
    for (computers, users) in [("group:web", "alice"), ("web-1", "group:team")] {
        let file = api.file("p.toml", &policy(computers, users));
        let arguments = ["policy", "test", "-f", file.to_str().unwrap(), "--user", "alice", "--computer", "web-1", "--", "true"];
        let ran: Ran = bare(&arguments).output().unwrap().into();
        let plain = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(plain.contains("is not in them") && plain.contains("file too"), "{}{}", ran.stdout, ran.stderr);
    }
}
