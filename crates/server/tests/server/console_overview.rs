//! The console's first page, and its pages of computers, enrolment, break-glass and proposals.

use reqwest::StatusCode;
use serde_json::json;

use crate::agent::{Agent, parse_token};
use crate::scopes::two;
use crate::support::{Server, request_policy};
use crate::visitor::Visitor;

const SCRIPT: &str = "<script>alert(1)</script>\u{1b}[2J";

#[track_caller]
fn is_harmless(text: &str) {
    assert!(!text.contains("<script>alert") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_counted_by_day_and_kind_for_whoever_may_see_them() {
    let two = two().await;
    let path = "/events/counts?kind=request.created,request.approved&days=3";
    let counts = two.server.owner.read(path).await.ok();
    let days = counts["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["counts"], &days[2]["counts"]), (3, &json!([0, 0]), &json!([2, 0])), "{counts}");
    assert_eq!((&days[2]["to"], &counts["to"]), (&counts["to"], &days[2]["to"]));
    assert_eq!(two.narrowed("auditor").await.read(path).await.ok()["days"][2]["counts"], json!([1, 0]));
    for wrong in ["", "?kind=", "?kind=request.*", "?kind=a&days=0", "?kind=a&days=93", "?kind=a&format=csv"] {
        two.server.owner.read(&format!("/events/counts{wrong}")).await.refused("malformed");
    }
    two.server.app.clock.advance("24h".parse().unwrap());
    assert_eq!(two.server.owner.read(path).await.ok()["days"][1]["counts"], json!([2, 0]), "yesterday's now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_page_shows_what_needs_somebody_and_leads_to_it() {
    let two = two().await;
    let server = &two.server;
    let rule = json!({ "name": "shady", "computers": "all", "users": "all", "applications": "all", "max_duration": "1m", "shadow": true });
    server.owner.post("/autonomous", rule).await.ok();
    server.owner.post("/computers/db-1/quarantine", json!({ "comment": format!("odd {SCRIPT}") })).await.ok();
    let glass = json!({ "computer": "web-1", "user": "alice", "application": { "file": "/usr/bin/true" }, "for": "30m", "reason": SCRIPT });
    let glass = server.owner.post("/break-glass", glass).await.ok();
    let approved = server.owner.post(&format!("/requests/{}/approve", two.requests[0]), json!({})).await.ok();
    let owner = Visitor::owner(server).await;
    let text = owner.get("/").await.ok();
    is_harmless(&text);
    let (computer, grant) = (two.agents[1].id.to_string(), approved["grant"].as_str().unwrap().to_owned());
    for to in [
        format!("/requests/{}", two.requests[1]),
        format!("/grants/{grant}"),
        format!("/break-glass/{}", glass["id"].as_str().unwrap()),
        format!("/computers/{computer}"),
        "/settings/autonomous/aut".into(),
        "/events?kind=request.created&#38;from=".into(),
        "/break-glass/open".into(),
    ] {
        assert!(text.contains(&format!("href=\"{to}")), "{to} in {text}");
    }
    assert!(text.contains("Requests: <a") && text.contains("<caption"), "{text}");
    // Silent ones too, and a narrowed role sees its own.
    server.app.clock.advance("1h".parse().unwrap());
    brevet_server::sweep::once(&server.app).await.unwrap();
    // The sign-in before was idle for too long.
    let owner = Visitor::of(server, "owner").await;
    let text = owner.get("/").await.ok();
    assert!(text.contains("silent: its rights end"), "{text}");
    assert!(owner.get("/computers?state=silent").await.ok().contains("web-1"));
    assert!(!owner.get("/computers?state=silent").await.ok().contains("No computer here"));
    two.narrowed("approver").await;
    let narrowed = Visitor::of(server, "approver of web").await;
    let text = narrowed.get("/").await.ok();
    assert!(!text.contains("db-1") && text.contains("web-1") && !text.contains("/break-glass/open"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computer_is_quarantined_released_and_removed_on_its_page() {
    let two = two().await;
    let server = &two.server;
    let owner = Visitor::owner(server).await;
    let list = owner.get("/computers?name=web").await.ok();
    assert!(list.contains("web-1") && !list.contains("db-1"), "{list}");
    let id = two.agents[0].id.to_string();
    let path = format!("/computers/{id}");
    let text = owner.get(&path).await.ok();
    is_harmless(&text);
    for part in ["p-web", "p-all", "on its way", "computer.enrolled", "Every right on web-1 ends", "name=\"seen\""] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let seen = |text: &str| text.split("name=\"seen\" value=\"").nth(1).unwrap().split("\">").next().unwrap().replace("&#34;", "\"");
    let tag = seen(&text);
    // The owner has no role that changes computers but by being an owner; an approver has none at all.
    server.person("ann", &["approver"], true).await;
    let approver = Visitor::of(server, "ann").await;
    assert!(!approver.get(&path).await.ok().contains("Quarantine it"));
    let forced = approver.post(&format!("{path}/quarantine"), [("comment", "x"), ("seen", "*")]).await;
    assert_eq!((forced.status.is_success(), server.owner.read(&path).await.ok()["state"].as_str()), (false, Some("enrolled")));
    let empty = owner.post(&format!("{path}/quarantine"), [("comment", " "), ("seen", &tag)]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.text.contains("Not quarantined") && empty.text.contains("say why"), "{}", empty.text);
    let done = owner.post(&format!("{path}/quarantine"), [("comment", SCRIPT), ("seen", &tag)]).await;
    assert_eq!((done.status, done.location), (StatusCode::SEE_OTHER, format!("{path}?said=quarantined")));
    // What the page showed is not there any more: the same form again does nothing.
    let late = owner.post(&format!("{path}/remove"), [("name", "web-1"), ("seen", &tag)]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(late.text.contains("changed meanwhile"), "{}", late.text);
    let text = owner.get(&path).await.ok();
    is_harmless(&text);
    assert!(text.contains("<strong>Quarantined:</strong>") && text.contains("End its quarantine"), "{text}");
    let tag = seen(&text);
    let done = owner.post(&format!("{path}/release"), [("comment", "it was a clone"), ("seen", &tag)]).await;
    assert_eq!(done.location, format!("{path}?said=released"));
    let tag = seen(&owner.get(&path).await.ok());
    let wrong = owner.post(&format!("{path}/remove"), [("name", "db-1"), ("seen", &tag)]).await;
    assert!(wrong.text.contains("is not the name of this computer"), "{}", wrong.text);
    let gone = owner.post(&format!("{path}/remove"), [("name", "web-1"), ("seen", &tag)]).await;
    assert_eq!(gone.location, "/computers?said=removed");
    assert_eq!(server.owner.read(&path).await.ok()["state"], "removed");
    // Another scope's computer is not there.
    two.narrowed("administrator").await;
    let narrowed = Visitor::of(server, "administrator of web").await;
    assert_eq!(narrowed.get("/computers/db-1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_token_is_shown_once_with_a_line_to_copy() {
    let server = Server::start().await;
    server.owner.post("/groups", json!({ "name": "web", "computers": ["web-1"] })).await.ok();
    let owner = Visitor::owner(&server).await;
    for (uses, expires_in, groups, why) in [
        ("none", "1h", "", "how many computers"),
        ("1", "soon", "", "not a duration"),
        ("1", "60d", "", "from 1s to 30d"),
        ("1", "1h", "nope", "no group of computers"),
    ] {
        let form = [("name", "keep <this>"), ("uses", uses), ("expires_in", expires_in), ("groups", groups)];
        let wrong = owner.post("/enrolment-tokens", form).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            wrong.text.contains(why) && wrong.text.contains("keep &#60;this&#62;") && wrong.text.contains("is-invalid"),
            "{}",
            wrong.text
        );
    }
    let made = owner.post("/enrolment-tokens", [("name", SCRIPT), ("uses", "2"), ("expires_in", "2h"), ("groups", "web")]).await.ok();
    is_harmless(&made);
    let token = made.split("echo &#39;").nth(1).or_else(|| made.split("echo '").nth(1)).unwrap();
    let token = token.split(['&', '\'']).next().unwrap().to_owned();
    assert_eq!(parse_token(&token).url, server.url);
    Agent::enrol_at(&server.owner, &token, "web-1").await;
    let list = owner.get("/enrolment-tokens").await.ok();
    assert!(!list.contains(&token) && list.contains("1 of 2") && list.contains("Revoke this token"), "{list}");
    let id = server.owner.read("/enrolment-tokens").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    let done = owner.post(&format!("/enrolment-tokens/{id}/revoke"), [("x", "")]).await;
    assert_eq!(done.location, "/enrolment-tokens?said=token-revoked");
    assert!(owner.get("/enrolment-tokens").await.ok().contains("revoked"));
    server.person("ann", &["approver"], true).await;
    let approver = Visitor::of(&server, "ann").await;
    assert!(!approver.get("/computers").await.ok().contains("Enrol computers"));
    assert_eq!(approver.get("/enrolment-tokens").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn break_glass_is_opened_ended_and_reviewed_by_another_person() {
    let server = Server::start().await;
    Agent::enrol(&server, "web-1").await;
    server.person("ann", &["auditor"], true).await;
    let (owner, auditor) = (Visitor::owner(&server).await, Visitor::of(&server, "ann").await);
    assert_eq!(auditor.get("/break-glass/open").await.status, StatusCode::FORBIDDEN);
    assert!(owner.get("/break-glass/open").await.ok().contains("never gets past a policy that denies"));
    let form = |computer: &str, by: &str, application: &str, length: &str| {
        [("computer", computer), ("user", "alice"), ("by", by), ("application", application), ("for", length), ("reason", "db <down>")]
            .map(|(name, value)| (name, value.to_owned()))
    };
    for (wrong, why) in [
        (form("nowhere", "file", "/usr/bin/true", "1h"), "there is no computer"),
        (form("web-1", "file", "relative", "1h"), "id=\"application\""),
        (form("web-1", "hash", "12", "1h"), "is no SHA-256"),
        (form("web-1", "file", "", "1h"), "say which application"),
        (form("web-1", "file", "/usr/bin/true", "9h"), "from 1s to 8h"),
    ] {
        let wrong = owner.post("/break-glass/open", wrong).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            wrong.text.contains(why) && wrong.text.contains("db &#60;down&#62;") && wrong.text.contains("is-invalid"),
            "{}",
            wrong.text
        );
    }
    let forced = auditor.post("/break-glass/open", form("web-1", "file", "/usr/bin/true", "1h")).await;
    assert_eq!(forced.status, StatusCode::FORBIDDEN);
    assert_eq!(server.owner.read("/break-glass").await.ok()["items"], json!([]));
    let opened = owner.post("/break-glass/open", form("web-1", "product", "apt", "1h")).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
    let path = opened.location.split('?').next().unwrap().to_owned();
    assert_eq!(server.owner.read(&path).await.ok()["application"], json!({ "product": "apt" }));
    assert!(owner.get("/break-glass?show=open").await.ok().contains(&path));
    let text = owner.get(&path).await.ok();
    assert!(text.contains("End it now") && !text.contains("Review it</button>"), "{text}");
    // Its policy says so in words, and is changed by nothing but the break-glass.
    let policy = format!("/policies/{}", server.owner.read(&path).await.ok()["policy"].as_str().unwrap());
    assert!(text.contains(&format!("href=\"{policy}\"")) && text.contains("apt") && !text.contains("&#34;product&#34;"), "{text}");
    let text = owner.get(&policy).await.ok();
    assert!(text.contains(&format!("href=\"{path}\"")) && !text.contains(&format!("{policy}/edit")), "{text}");
    assert_eq!(owner.post(&format!("{path}/end"), [("x", "")]).await.location, format!("{path}?said=ended"));
    let own = owner.post(&format!("{path}/review"), [("comment", "all mine")]).await;
    assert_eq!((own.status, server.owner.read(&path).await.ok()["review"].is_null()), (StatusCode::UNPROCESSABLE_ENTITY, true));
    assert!(own.text.contains("another person reviews it") && !own.text.contains("Review it</button>"), "{}", own.text);
    let empty = auditor.post(&format!("{path}/review"), [("comment", " ")]).await;
    assert!(empty.text.contains("say what you found"), "{}", empty.text);
    let done = auditor.post(&format!("{path}/review"), [("comment", SCRIPT)]).await;
    assert_eq!(done.location, format!("{path}?said=reviewed"));
    let text = auditor.get(&path).await.ok();
    is_harmless(&text);
    assert!(text.contains("ann") && !text.contains("Review it</button>"), "{text}");
    assert!(!owner.get("/break-glass?show=review").await.ok().contains(&path));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_person_confirms_or_rejects_what_the_page_shows() {
    let server = Server::start().await;
    server.owner.post("/policies", request_policy("p")).await.ok();
    server.person("second", &["owner"], true).await;
    let (owner, second) = (Visitor::owner(&server).await, Visitor::of(&server, "second").await);
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    let mut changed = request_policy("p");
    changed["description"] = json!("<script>alert(1)</script>");
    changed["request"]["max_duration"] = json!("2h");
    let proposed = server.owner.put("/policies/p", changed).await;
    assert_eq!(proposed.status, StatusCode::ACCEPTED);
    let path = format!("/proposals/{}", proposed.body["id"].as_str().unwrap());
    assert!(second.get("/proposals").await.ok().contains(&path) && second.get("/").await.ok().contains(&path));
    let text = second.get(&path).await.ok();
    is_harmless(&text);
    for part in ["request.max_duration", "<del>1h</del>", "<ins>2h</ins>", "version 1 stands there", "Confirm</button>"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("request.approvers"), "what stays is not shown: {text}");
    // Who proposed it is offered to withdraw it, and confirming it themself does nothing.
    let own = owner.get(&path).await.ok();
    assert!(own.contains("Withdraw</button>") && !own.contains("Confirm</button>"), "{own}");
    let forced = owner.post(&format!("{path}/confirm"), [("comment", "mine")]).await;
    assert_eq!((forced.status, forced.text.contains("a second person confirms")), (StatusCode::UNPROCESSABLE_ENTITY, true));
    let empty = second.post(&format!("{path}/reject"), [("comment", "")]).await;
    assert!(empty.text.contains("say why, for whoever proposed it"), "{}", empty.text);
    let done = second.post(&format!("{path}/confirm"), [("comment", "seen")]).await;
    assert_eq!(done.location, format!("{path}?said=confirmed"), "{}", done.text);
    assert_eq!(server.owner.read("/policies/p").await.ok()["request"]["max_duration"], "2h");
    let late = second.post(&format!("{path}/reject"), [("comment", "too late")]).await;
    assert!(late.text.contains("the proposal is confirmed") && late.text.contains("You had written: too late"), "{}", late.text);
    // What a confirmed call made is shown once, to who confirmed it.
    let token = server.owner.post("/tokens", json!({ "name": "t", "person": "second", "decides": false })).await;
    let path = format!("/proposals/{}", token.body["id"].as_str().unwrap());
    let shown = second.post(&format!("{path}/confirm"), [("comment", "")]).await.ok();
    assert!(shown.contains("shown this once") && shown.contains("brv_"), "{shown}");
    assert!(!second.get(&path).await.ok().contains("brv_"));
    let gone = server.owner.delete("/policies/p").await;
    let path = format!("/proposals/{}", gone.body["id"].as_str().unwrap());
    assert_eq!(owner.post(&format!("{path}/withdraw"), [("comment", "")]).await.location, format!("{path}?said=withdrawn"));
    assert!(owner.get("/proposals?state=withdrawn").await.ok().contains(&path));
}
