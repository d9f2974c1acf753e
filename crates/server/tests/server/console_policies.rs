//! Policies, autonomous rules, lists and groups in the browser: what is shown to whom, forms right and wrong, and what is not lost.

use brevet_core::id::PolicyId;
use brevet_core::record::{Body, PolicyApplied, PolicyRefused};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::{Agent, policy_ref};
use crate::browser::{Browser, fields, filled, set, without};
use crate::scopes::two;
use crate::support::{Server, request_policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_made_by_form_row_by_row_and_what_is_wrong_is_said_at_its_field() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    assert!(browser.get("/policies").await.text.contains("No policies yet"));
    let mut form = browser.form("/policies/new").await;
    set(&mut form, "name", "<script>x");
    set(&mut form, "users", "alice\ngroup:nobody");
    set(&mut form, "computers.which", "all");
    set(&mut form, "applications[0].kind", "folder");
    set(&mut form, "applications[0].value", "relative");
    set(&mut form, "staleness", "soon");
    set(&mut form, "description", "kept <b>");
    // A button that adds a row asks for nothing and loses nothing.
    set(&mut form, "do", "add applications");
    let more = browser.post("/policies/new", &form).await;
    assert_eq!(more.status, StatusCode::OK, "{}", more.text);
    let mut form = filled(&more.text);
    assert!(form.contains(&("applications.rows".into(), "2".into())) && form.contains(&("description".into(), "kept <b>".into())));
    set(&mut form, "applications[1].kind", "list");
    set(&mut form, "applications[1].value", "No such list");
    set(&mut form, "do", "save");
    // First what cannot be read at all, then what the API refuses: each at its field.
    let wrong = browser.post("/policies/new", &form).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("id=\"staleness-error\">not a duration"), "{}", wrong.text);
    let mut form = filled(&wrong.text);
    set(&mut form, "staleness", "1d");
    set(&mut form, "do", "save");
    let wrong = browser.post("/policies/new", &form).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for said in [
        "id=\"users-error\">entry 2: there is no group of users",
        "id=\"applications[0]-error\">",
        "id=\"applications[1]-error\">there is no list",
    ] {
        assert!(wrong.text.contains(said), "{said}: {}", wrong.text);
    }
    assert!(!wrong.text.contains("<script>x") && wrong.text.contains("kept &#60;b&#62;"));
    assert_eq!(server.owner.read("/policies").await.ok()["items"].as_array().unwrap().len(), 0);
    let mut form = filled(&wrong.text);
    set(&mut form, "name", "Web & <team>");
    set(&mut form, "users", "alice\r\n\r\nbob");
    set(&mut form, "applications[0].value", "/opt/tools");
    set(&mut form, "applications[0].subfolders", "on");
    set(&mut form, "do", "remove applications 1");
    let less = browser.post("/policies/new", &form).await;
    let mut form = filled(&less.text);
    assert!(!form.iter().any(|(name, _)| name.starts_with("applications[1]")), "{form:?}");
    set(&mut form, "validity.kind", "recurring");
    set(&mut form, "validity.from_time", "09:00");
    set(&mut form, "validity.to_time", "17:00");
    set(&mut form, "validity.zone", "Europe/Berlin");
    form.push(("validity.days".into(), "mon".into()));
    form.push(("validity.days".into(), "fri".into()));
    set(&mut form, "applications.toml", "{ file = \"/usr/sbin/nginx\", arguments = [\"-t\"] }");
    set(&mut form, "do", "save");
    // What it would say stands beside it while it is filled in.
    let beside = browser.post("/policies/preview", &form).await;
    assert!(
        beside.text.contains("alice and bob may run anything below /opt/tools") && beside.text.contains("It can be saved"),
        "{}",
        beside.text
    );
    assert!(beside.text.contains("Mon, Fri 09:00\u{2013}17:00 Europe/Berlin"), "{}", beside.text);
    let made = browser.post("/policies/new", &form).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let stored = server.owner.read("/policies/Web%20&%20%3Cteam%3E").await.ok();
    assert_eq!(made.to, format!("/policies/{}?said=created", stored["id"].as_str().unwrap()));
    assert_eq!((&stored["users"], &stored["mode"]), (&json!(["alice", "bob"]), &json!("request")));
    let rules = json!([{ "folder": "/opt/tools", "subfolders": true }, { "file": "/usr/sbin/nginx", "arguments": ["-t"] }]);
    assert_eq!((&stored["applications"], &stored["staleness"]), (&rules, &json!("1d")));
    // The same name again is refused at the form.
    let taken = browser.post("/policies/new", &form).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(taken.text.contains("id=\"name-error\">another one has this name"), "{}", taken.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saving_what_is_shown_changes_nothing_and_a_lost_update_shows_both_versions() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    server.owner.post("/lists", json!({ "name": "L", "rules": [{ "product": "apt" }] })).await.ok();
    let policy = json!({
        "name": "p", "description": "two\nlines", "message": "m", "computers": ["web-1", "web-2"], "users": ["alice", "os-group:web"],
        "mode": "justify", "authentication": "password", "remember": "15m",
        "applications": [{ "list": "L" }, { "file": "/usr/bin/systemctl", "arguments": ["restart", { "glob": "web-*" }, { "rest": true }] },
            { "file": "/opt/r.py", "interpreter": "/usr/bin/python3", "owner": "root", "target_user": "x" }, { "product": "nginx", "unchanged": true }],
        "except": [{ "file": "/usr/bin/apt-key" }], "staleness": "2d",
        "validity": { "kind": "window", "start": "2026-12-01T20:00:00.000Z", "end": "2099-12-02T02:00:00.000Z" },
        "elevation": { "run_as": "deploy", "keep_environment": ["LANG"], "containment": "pid_namespace", "at_expiry": "let_finish", "finish_within": "1h" },
        "request": { "max_duration": "2h", "approvals": 2, "approvers": ["role:approver", "role:owner"], "remind_after": "10m" },
    });
    server.owner.post("/policies", policy).await.ok();
    let stored = server.owner.read("/policies/p").await.ok();
    let page = format!("/policies/{}", stored["id"].as_str().unwrap());
    let form = browser.form(&format!("{page}/edit")).await;
    let same = browser.post(&format!("{page}/edit"), &form).await;
    assert_eq!((same.status, same.to), (StatusCode::SEE_OTHER, format!("{page}?said=unchanged")), "{}", same.text);
    assert_eq!(server.owner.read("/policies/p").await.ok(), stored);
    // Somebody else changes it while the form is open.
    let mut theirs = stored.clone();
    for field in ["id", "version", "created", "changed"] {
        theirs.as_object_mut().unwrap().remove(field);
    }
    theirs["message"] = json!("theirs");
    server.owner.put("/policies/p", theirs).await.ok();
    let mut mine = form.clone();
    set(&mut mine, "message", "mine");
    let refused = browser.post(&format!("{page}/edit"), &mine).await;
    assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
    assert!(
        refused.text.contains("Version 2 has") && refused.text.contains("<del>theirs</del>") && refused.text.contains("<ins>mine</ins>"),
        "{}",
        refused.text
    );
    assert_eq!(server.owner.read("/policies/p").await.ok()["message"], "theirs");
    // Whoever has seen it may save again.
    let again = browser.post(&format!("{page}/edit"), &filled(&refused.text)).await;
    assert_eq!((again.status, again.to), (StatusCode::SEE_OTHER, format!("{page}?said=changed")), "{}", again.text);
    assert_eq!(server.owner.read("/policies/p").await.ok()["message"], "mine");
    let history = browser.get(&format!("{page}/history")).await.text;
    assert!(
        history.contains("Version 3: changed") && history.contains("<del>theirs</del>") && history.contains("<ins>mine</ins>"),
        "{history}"
    );
    let audit = browser.get(&format!("{page}/audit")).await.text;
    assert!(audit.contains("policy.created") && audit.contains("policy.changed"), "{audit}");
    // Without the version that was seen nothing is saved either.
    let mut blind = form.clone();
    without(&mut blind, "seen");
    set(&mut blind, "message", "blind");
    assert!(browser.post(&format!("{page}/edit"), &blind).await.status.is_client_error());
    assert_eq!(server.owner.read("/policies/p").await.ok()["message"], "mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_policy_stands_is_counted_and_each_action_does_what_it_says() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    let mut policy = request_policy("p");
    policy["validity"] = json!({ "kind": "fixed", "duration": "2h", "from": "delivery" });
    let policy = server.owner.post("/policies", policy).await.ok();
    let id = policy["id"].as_str().unwrap().to_owned();
    let mut agents = [Agent::enrol(&server, "web-1").await, Agent::enrol(&server, "web-2").await, Agent::enrol(&server, "web-3").await];
    let applied = agents[0].record(&Body::PolicyApplied(PolicyApplied { policy: policy_ref(&policy) }));
    agents[0].deliver(vec![applied]).await;
    let refused = PolicyRefused {
        policy: PolicyId::parse(&id).unwrap(),
        version: Some(1),
        field: "elevation.containment".into(),
        reason: "<script>no".into(),
    };
    let refused = agents[1].record(&Body::PolicyRefused(refused));
    agents[1].deliver(vec![refused]).await;
    for path in ["/policies".to_owned(), format!("/policies/{id}"), format!("/policies/{id}/computers")] {
        let text = browser.get(&path).await.text;
        assert!(text.contains("held by 1 of 3 computers") && text.contains("1 refused"), "{path}: {text}");
        assert!(text.contains("&#60;script&#62;no") && !text.contains("<script>no"), "{path}: {text}");
    }
    let page = browser.get(&format!("/policies/{id}")).await.text;
    assert!(page.contains("[[policy]]") && page.contains("alice may run /usr/bin/true"), "{page}");
    // An approved request is a grant, and revoking everything ends it.
    let request = agents[0].ask("alice", &policy, "30m").await;
    let approver = server.person("Ann", &["approver"], true).await;
    approver.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok();
    let ann = Browser::of(&server, "Ann").await;
    let page = ann.get(&format!("/policies/{id}")).await.text;
    assert!(page.contains("1 open grant ends") && !page.contains("/edit"), "{page}");
    let done = ann.post(&format!("/policies/{id}/revoke"), &fields(&[("comment", "over")])).await;
    assert_eq!(done.to, format!("/policies/{id}?said=revoked"), "{}", done.text);
    assert_eq!(server.owner.read("/grants?state=revoked").await.ok()["items"].as_array().unwrap().len(), 1);
    // What she may not, she is not offered, and it is refused.
    for what in ["disable", "renew", "delete"] {
        let no = ann.post(&format!("/policies/{id}/{what}"), &fields(&[("seen", "\"1\"")])).await;
        assert_eq!(no.status, StatusCode::FORBIDDEN, "{what}");
    }
    assert_eq!(ann.post("/policies/new", &browser.form("/policies/new").await).await.status, StatusCode::FORBIDDEN);
    let stale = browser.post(&format!("/policies/{id}/disable"), &fields(&[("seen", "\"9\"")])).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    for (what, seen, field, value) in [
        ("renew", "\"1\"", "version", json!(2)),
        ("disable", "\"2\"", "enabled", json!(false)),
        ("enable", "\"3\"", "enabled", json!(true)),
    ] {
        let done = browser.post(&format!("/policies/{id}/{what}"), &fields(&[("seen", seen)])).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{what}: {}", done.text);
        assert_eq!(server.owner.read("/policies/p").await.ok()[field], value, "{what}");
    }
    let copy = browser.form(&format!("/policies/new?copy={id}")).await;
    assert!(copy.contains(&("name".into(), "p (copy)".into())) && !copy.iter().any(|(name, _)| name == "enabled"), "{copy:?}");
    assert_eq!(browser.post("/policies/new", &copy).await.status, StatusCode::SEE_OTHER);
    let gone = browser.post(&format!("/policies/{id}/delete"), &fields(&[("seen", "\"4\"")])).await;
    assert_eq!(gone.to, "/policies?said=deleted", "{}", gone.text);
    server.owner.read("/policies/p").await.refused("not_found");
    // Its history and its events stay.
    assert!(browser.get(&format!("/policies/{id}/history")).await.text.contains("deleted"));
    assert!(browser.get(&format!("/policies/{id}/audit")).await.text.contains("policy.deleted"));
    let filtered = browser.get("/policies?mode=deny").await.text;
    assert!(filtered.contains("No policy is like this") && !filtered.contains("p (copy)"), "{filtered}");
    assert!(browser.get("/policies?name=COPY&enabled=false").await.text.contains("p (copy)"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_box_says_what_would_be_decided_and_why_the_others_do_not_match() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    let mut team = request_policy("asks");
    team["users"] = json!(["os-group:web"]);
    server.owner.post("/policies", team).await.ok();
    let mut elsewhere = request_policy("elsewhere");
    elsewhere["computers"] = json!(["db-1"]);
    server.owner.post("/policies", elsewhere).await.ok();
    let page = browser.get("/policies/test?user=alice&os_groups=web&computer=web-1&file=/usr/bin/true").await;
    assert_eq!(page.status, StatusCode::OK);
    for said in ["They may ask for it", ">asks</a>", "it is not for this computer", "1h"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    // Whom and what nothing knows is remarked on.
    assert!(
        page.text.contains("no computer &#34;web-1&#34; is enrolled") && !page.text.contains("no policy and no group"),
        "{}",
        page.text
    );
    let slip = browser.get("/policies/test?user=alcie&os_groups=wbe&computer=web-1&file=/usr/bin/true").await.text;
    assert!(slip.contains("no policy and no group names the user &#34;alcie&#34;; do you mean &#34;alice&#34;?"), "{slip}");
    let none = browser.get("/policies/test?user=alice&computer=web-1&file=/usr/bin/true").await.text;
    assert!(none.contains("It is refused") && none.contains("is not among them"), "{none}");
    let wrong = browser.get("/policies/test?user=&computer=&file=relative&at=never&hash=1").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for said in ["user-error", "computer-error", "file-error", "at-error", "hash-error", "value=\"relative\""] {
        assert!(wrong.text.contains(said), "{said}: {}", wrong.text);
    }
    // A deny wins, and the API and the page say the same.
    let mut deny = request_policy("never");
    deny["mode"] = json!("deny");
    server.owner.post("/policies", deny).await.ok();
    let facts = serde_json::to_value(crate::agent::facts("/usr/bin/true")).unwrap();
    let body = json!({ "user": "alice", "os_groups": ["web"], "computer": "web-1", "facts": facts });
    let said = server.owner.post("/test", body).await.ok();
    assert_eq!((&said["decision"], &said["code"], &said["policy"]["name"]), (&json!("refuse"), &json!("denied"), &json!("never")));
    assert!(
        browser.get("/policies/test?user=alice&os_groups=web&computer=web-1&file=/usr/bin/true").await.text.contains("denied by policy")
    );
    assert_eq!(server.owner.event_kinds().await.iter().filter(|kind| kind.contains("test") || kind.contains("check")).count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_four_eyes_a_form_proposes_and_nothing_changes() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    server.person("Bea", &["owner"], false).await;
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    let page = format!("/policies/{}", policy["id"].as_str().unwrap());
    let mut form = browser.form(&format!("{page}/edit")).await;
    set(&mut form, "message", "new");
    assert_eq!(browser.post(&format!("{page}/edit"), &form).await.to, format!("{page}?said=proposed"));
    assert_eq!(browser.post(&format!("{page}/disable"), &fields(&[("seen", "\"1\"")])).await.to, format!("{page}?said=proposed"));
    assert_eq!(browser.post(&format!("{page}/delete"), &fields(&[("seen", "\"1\"")])).await.to, format!("{page}?said=proposed"));
    let off = browser.post("/settings/autonomous/switch", &fields(&[("value", "on")])).await;
    assert_eq!(off.to, "/settings/autonomous?said=proposed");
    assert!(browser.get(&off.to).await.text.contains("second person confirms"));
    assert_eq!(server.owner.read("/policies/p").await.ok()["version"], 1);
    assert_eq!(server.owner.read("/proposals").await.ok()["items"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_narrowed_sees_their_own_and_changes_no_more() {
    let two = two().await;
    let _admin = two.narrowed("administrator").await;
    let browser = Browser::of(&two.server, "administrator%20of%20web").await;
    let list = browser.get("/policies").await.text;
    assert!(list.contains("p-web") && list.contains("p-all") && !list.contains("p-db"), "{list}");
    assert!(list.contains("of 1 computer") && !list.contains("of 2 computers"), "{list}");
    let beyond = two.server.owner.read("/policies/p-db").await.ok()["id"].as_str().unwrap().to_owned();
    let (rule, group) = (two.server.owner.read("/autonomous/a-db").await.ok(), two.server.owner.read("/groups/db").await.ok());
    for path in [
        format!("/policies/{beyond}"),
        format!("/policies/{beyond}/edit"),
        format!("/policies/{beyond}/computers"),
        format!("/policies/{beyond}/history"),
        format!("/policies/new?copy={beyond}"),
        format!("/settings/autonomous/{}", rule["id"].as_str().unwrap()),
        format!("/groups/{}", group["id"].as_str().unwrap()),
    ] {
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let test = browser.get("/policies/test?user=alice&computer=db-1&file=/usr/bin/true").await;
    assert!(test.status == StatusCode::UNPROCESSABLE_ENTITY && test.text.contains("not within them"), "{}", test.text);
    let all = two.server.owner.read("/policies/p-all").await.ok()["id"].as_str().unwrap().to_owned();
    let mut form = browser.form(&format!("/policies/{all}/edit")).await;
    set(&mut form, "message", "mine");
    let no = browser.post(&format!("/policies/{all}/edit"), &form).await;
    assert!(no.status == StatusCode::FORBIDDEN && no.text.contains("narrowed to some computer groups"), "{}", no.text);
    assert!(no.text.contains("value=\"p-all\""), "what was filled in is still there: {}", no.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_autonomous_rule_is_made_by_form_and_held_against_past_requests() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let short = agent.ask("alice", &policy, "10m").await;
    agent.ask("alice", &policy, "20m").await;
    agent.ask("alice", &policy, "50m").await;
    assert!(browser.get("/settings/autonomous").await.text.contains("No rules yet"));
    let mut form = browser.form("/settings/autonomous/new").await;
    set(&mut form, "name", "quick");
    set(&mut form, "users", "alice");
    set(&mut form, "computers.which", "all");
    set(&mut form, "applications[0].value", "/usr/bin/true");
    without(&mut form, "unchanged_only");
    set(&mut form, "per_user_per_day", "0");
    let wrong = browser.post("/settings/autonomous/new", &form).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text.contains("per_user_per_day-error"), "{}", wrong.text);
    set(&mut form, "per_user_per_day", "1");
    let made = browser.post("/settings/autonomous/new", &form).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let stored = server.owner.read("/autonomous/quick").await.ok();
    assert_eq!((&stored["shadow"], &stored["max_duration"], &stored["unchanged_only"]), (&json!(true), &json!("30m"), &json!(false)));
    let page = format!("/settings/autonomous/{}", stored["id"].as_str().unwrap());
    let text = browser.get(&page).await.text;
    // Three were asked: one is too long, and the budget is one a day.
    assert!(text.contains("Of 3 requests since") && text.contains("would have approved <strong>1</strong>"), "{text}");
    assert!(
        text.contains("50m of at most 30m") && text.contains("1 of 1 given today") && text.contains(&short.digest.short_code()),
        "{text}"
    );
    let replayed: Value = server.owner.post("/replay", json!({ "rule": bare(&stored), "days": 91 })).await.refused("invalid");
    assert_eq!(replayed["errors"][0]["field"], "days");
    let out = browser.post(&format!("{page}/shadow"), &fields(&[("seen", "\"1\""), ("shadow", "off")])).await;
    assert_eq!(out.to, format!("{page}?said=shadow-off"), "{}", out.text);
    assert_eq!(server.owner.read("/autonomous/quick").await.ok()["shadow"], false);
    let on = browser.post("/settings/autonomous/switch", &fields(&[("value", "on")])).await;
    assert_eq!(on.to, "/settings/autonomous?said=changed");
    assert_eq!(server.owner.read("/settings/autonomous").await.ok()["value"], "on");
    assert!(browser.get("/settings/autonomous").await.text.contains("answers requests"));
}

fn bare(stored: &Value) -> Value {
    let mut bare = stored.clone();
    for field in ["id", "version", "created", "changed"] {
        bare.as_object_mut().unwrap().remove(field);
    }
    bare
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_groups_have_forms_and_say_who_names_them() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    let mut list = browser.form("/lists/new").await;
    set(&mut list, "name", "L");
    set(&mut list, "rules[0].kind", "product");
    set(&mut list, "rules[0].value", "apt");
    assert_eq!(browser.post("/lists/new", &list).await.status, StatusCode::SEE_OTHER);
    let mut group = browser.form("/groups/new").await;
    set(&mut group, "name", "G");
    set(&mut group, "of", "users");
    set(&mut group, "users", "alice\nbob\nalice");
    let wrong = browser.post("/groups/new", &group).await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text.contains("entry 3: is there twice"), "{}", wrong.text);
    set(&mut group, "users", "alice\nbob");
    assert_eq!(browser.post("/groups/new", &group).await.status, StatusCode::SEE_OTHER);
    let mut policy = request_policy("<b>names both");
    policy["users"] = json!(["group:G"]);
    policy["applications"] = json!([{ "list": "L" }]);
    server.owner.post("/policies", policy).await.ok();
    for (kind, name) in [("lists", "L"), ("groups", "G")] {
        let id = server.owner.read(&format!("/{kind}/{name}")).await.ok()["id"].as_str().unwrap().to_owned();
        let page = browser.get(&format!("/{kind}/{id}")).await.text;
        assert!(page.contains("&#60;b&#62;names both") && page.contains("cannot be deleted while one policy"), "{page}");
        let refused = browser.post(&format!("/{kind}/{id}/delete"), &fields(&[("seen", "\"1\"")])).await;
        assert!(refused.status == StatusCode::CONFLICT && refused.text.contains("names both"), "{}", refused.text);
        let uses = server.owner.read(&format!("/{kind}/{name}/uses")).await.ok();
        assert_eq!((&uses["items"][0]["kind"], uses["items"].as_array().unwrap().len()), (&json!("policy"), 1));
        assert!(browser.get(&format!("/{kind}")).await.text.contains(name));
        assert!(browser.get("/policies").await.text.contains(&format!("href=\"/{kind}\"")), "{kind} are found from the policies");
        assert_eq!(page.contains("<h2 class=\"card-title\">Members</h2>"), kind == "groups");
    }
    server.owner.delete("/policies/%3Cb%3Enames%20both").await.ok();
    let id = server.owner.read("/lists/L").await.ok()["id"].as_str().unwrap().to_owned();
    assert_eq!(browser.post(&format!("/lists/{id}/delete"), &fields(&[("seen", "\"1\"")])).await.to, "/lists?said=deleted");
}
