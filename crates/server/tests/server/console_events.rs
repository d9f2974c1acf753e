//! The JIT Events Report: what is found and shown to whom, that an export is exactly that, and that views are one's own.

use brevet_core::record::Body;
use reqwest::{Method, StatusCode};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::json;

use crate::agent::Agent;
use crate::scopes::two;
use crate::support::{Server, posted, request_policy};

pub const SCRIPT: &str = "<script>alert(1)</script>\u{1b}[2J\u{202e}";

#[track_caller]
pub fn is_harmless(text: &str) {
    assert!(!text.contains("<script>alert") && !text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}

/// Somebody who is signed in to the console.
pub struct Signed<'a> {
    server: &'a Server,
    cookie: String,
}

/// An answer.
pub struct Shown {
    pub status: StatusCode,
    pub location: String,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl<'a> Signed<'a> {
    pub async fn by(server: &'a Server, link: &str) -> Self {
        let signed = server.http.post(link).send().await.unwrap();
        let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { server, cookie }
    }

    pub async fn owner(server: &'a Server) -> Self {
        Self::by(server, &server.sign_in).await
    }

    pub async fn person(server: &'a Server, name: &str) -> Self {
        let link = server.owner.call(Method::POST, &format!("/persons/{name}/sign-in"), None, None).await.ok();
        Self::by(server, link["sign_in"].as_str().unwrap()).await
    }

    /// As its script says where it is.
    pub fn in_zone(mut self, zone: &str) -> Self {
        self.cookie.push_str(&format!("; __Host-brevet-zone={zone}"));
        self
    }

    pub async fn get(&self, path: &str) -> Shown {
        shown(self.server.http.get(format!("{}{path}", self.server.url)).header("cookie", &self.cookie)).await
    }

    pub async fn text(&self, path: &str) -> String {
        let shown = self.get(path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.text);
        shown.text
    }

    pub async fn post(&self, path: &str, fields: &[(&'static str, &str)]) -> Shown {
        let call = self.server.http.post(format!("{}{path}", self.server.url)).header("cookie", &self.cookie);
        shown(posted(call.header("sec-fetch-site", "same-origin"), fields.iter().copied())).await
    }
}

async fn shown(call: reqwest::RequestBuilder) -> Shown {
    let answer = call.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let location = headers.get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
    Shown { status, location, headers, text: answer.text().await.unwrap() }
}

/// A request with script in its texts, decided with script in the comment.
async fn happened() -> (Server, Agent, String) {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut request = agent.request("alice", &policy, "30m");
    request.reason = format!("reason {SCRIPT}");
    let id = request.id.to_string();
    let record = agent.record(&Body::RequestCreated(Box::new(request)));
    agent.deliver(vec![record]).await;
    server.owner.post(&format!("/requests/{id}/decline"), json!({ "comment": format!("comment {SCRIPT}") })).await.ok();
    (server, agent, id)
}

async fn event_of(server: &Server, query: &str) -> String {
    server.owner.read(&format!("/events?{query}")).await.ok()["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_found_by_every_field_in_the_columns_that_are_chosen() {
    let (server, _agent, id) = happened().await;
    let owner = Signed::owner(&server).await;
    let all = owner.text("/events").await;
    is_harmless(&all);
    assert!(all.contains("request.declined") && all.contains("request.created") && all.contains("policy.created"));
    for (query, with, without) in [
        ("kind=request.*".to_owned(), "request.declined", "policy.created</a>"),
        ("user=alice&computer=web-1&policy=p".into(), "request.created", "policy.created</a>"),
        (format!("request={id}&order=oldest"), "request.created", "person.signed_in</a>"),
        ("text=ALERT(1)".into(), "request.declined", "policy.created</a>"),
        ("redacted=true".into(), "No event fits", "request.created</a>"),
        ("period=7d&actor=owner".into(), "request.declined", "request.created</a>"),
        ("from=2001-01-01T10:00&to=2001-01-02".into(), "No event fits", "request.declined</a>"),
    ] {
        let text = owner.text(&format!("/events?{query}")).await;
        let list = text.split("id=\"list\"").nth(1).unwrap();
        assert!(list.contains(with) && !list.contains(without), "{query}: {list}");
    }
    let chosen = owner.text("/events?kind=request.declined&column=seq&column=outcome").await;
    let list = chosen.split("id=\"list\"").nth(1).unwrap();
    assert!(list.contains(">Number</th>") && list.contains(">Event</th>") && !list.contains(">In words</th>"), "{list}");
    // What is wrong is said, and stays filled in.
    for (query, why) in [
        ("kind=Request%20Created", "is no kind of event"),
        ("computer=nowhere", "there is no computer"),
        ("from=soon", "from:"),
        ("cursor=made-up", "cursor"),
    ] {
        let wrong = owner.get(&format!("/events?user=%3Cb%3Ekept&{query}")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(wrong.text.contains(why) && wrong.text.contains("value=\"&#60;b&#62;kept\""), "{query}: {}", wrong.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_each_other_and_keep_what_was_chosen() {
    let (server, _agent, _id) = happened().await;
    for n in 0..60 {
        server.owner.post("/groups", json!({ "name": format!("g-{n}"), "computers": ["web-1"] })).await.ok();
    }
    let owner = Signed::owner(&server).await;
    let first = owner.text("/events?kind=group.created&period=30d&column=summary").await;
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    assert!(next.contains("period=30d") && next.contains("at=") && next.contains("column=summary"), "{next}");
    let second = owner.text(&next).await;
    let count = |text: &str| text.matches(">group.created</a>").count();
    assert_eq!((count(&first), count(&second)), (50, 10));
    assert!(
        first.contains("hx-get") && !second.split("id=\"list\"").nth(1).unwrap().contains("hx-get=\"/events"),
        "an old page stays as it is"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_what_the_api_exports_of_exactly_what_is_filtered() {
    let (server, _agent, _id) = happened().await;
    let owner = Signed::owner(&server).await;
    let chosen = "?kind=request.%2A&user=alice&order=oldest&column=seq";
    for (format, kind) in [("csv", "text/csv; charset=utf-8"), ("jsonl", "application/jsonl")] {
        let exported = owner.post("/events/export", &[("chosen", chosen), ("format", format)]).await;
        assert_eq!(exported.status, StatusCode::OK, "{}", exported.text);
        let disposition = exported.headers["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.starts_with("attachment; filename=\"brevet-events-") && disposition.ends_with(&format!(".{format}\"")));
        assert_eq!(
            (exported.headers["content-type"].to_str().unwrap(), exported.headers["cache-control"].to_str().unwrap()),
            (kind, "no-store")
        );
        let url = format!("{}/api/v1/events/export?kind=request.*&user=alice&format={format}", server.url);
        let api = server.http.get(url).bearer_auth(&server.owner.token).send().await.unwrap().text().await.unwrap();
        assert_eq!(exported.text, api);
        assert!(api.lines().count() >= 2, "{api}");
    }
    // Each is an event, of whoever made it.
    let made = server.owner.read("/events?kind=export.made").await.ok();
    assert_eq!(made["items"].as_array().unwrap().len(), 4);
    // A link from elsewhere makes none, and an approver neither, who is not offered it.
    assert_eq!(owner.get("/events/export?chosen=&format=csv").await.status, StatusCode::METHOD_NOT_ALLOWED);
    server.person("ann", &["approver"], true).await;
    let ann = Signed::person(&server, "ann").await;
    assert!(!ann.text("/events").await.contains("Export as"));
    let refused = ann.post("/events/export", &[("chosen", ""), ("format", "csv")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(server.owner.read("/events?kind=export.made").await.ok()["items"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stands_among_its_neighbours_and_a_redacted_one_says_so() {
    let (server, _agent, id) = happened().await;
    let owner = Signed::owner(&server).await;
    let created = event_of(&server, &format!("request={id}&kind=request.created")).await;
    let text = owner.text(&format!("/events/{created}")).await;
    // From the event to its application, where a rule of it begins.
    let application = text.split("href=\"/applications/").nth(1).expect(&text).split('"').next().unwrap();
    assert!(owner.text(&format!("/applications/{application}")).await.contains("/policies/new?applications.rows=1"), "{application}");
    is_harmless(&text);
    assert!(text.contains("command ▸ arguments") && text.contains("reason &#60;script&#62;"), "{text}");
    assert!(text.contains(&format!("href=\"/requests/{id}\"")) && text.contains("request.declined</a>") && text.contains(", this one"));
    assert!(text.contains("brevetctl event verify --computer web-1"));
    let declined = event_of(&server, &format!("request={id}&kind=request.declined")).await;
    is_harmless(&owner.text(&format!("/events/{declined}")).await);
    let proof = owner.get(&format!("/events/{created}/proof")).await;
    assert!(proof.headers["content-disposition"].to_str().unwrap().contains(&created));
    let proof: brevet_api::rest::event_log::EventProof = serde_json::from_str(&proof.text).unwrap();
    assert!(proof.record.header.contains(&created) && proof.signed.verifies(&proof.key));
    for beyond in ["/events/evt_00000000000000000000000000", "/events/evt_00000000000000000000000000/proof"] {
        assert_eq!(owner.get(beyond).await.status, StatusCode::NOT_FOUND, "{beyond}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_shows_no_more_than_the_scope() {
    let two = two().await;
    two.narrowed("auditor").await;
    let auditor = Signed::person(&two.server, "auditor of web").await;
    let text = auditor.text("/events").await;
    assert!(text.contains("web-1") && !text.contains("db-1") && !text.contains("p-db"), "{text}");
    let beyond = event_of(&two.server, "computer=db-1").await;
    assert_eq!(auditor.get(&format!("/events/{beyond}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(auditor.get("/events?computer=db-1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let exported = auditor.post("/events/export", &[("chosen", ""), ("format", "jsonl")]).await;
    assert_eq!(exported.status, StatusCode::OK);
    assert!(exported.text.contains("web-1") && !exported.text.contains("db-1"), "{}", exported.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_saved_replaced_and_deleted_and_are_nobody_elses() {
    let (server, _agent, _id) = happened().await;
    let owner = Signed::owner(&server).await;
    let name = "mine <b>";
    let chosen = "?kind=request.%2A&period=7d&column=seq&column=user";
    let saved = owner.post("/events/views", &[("chosen", chosen), ("name", name)]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let text = owner.text(&saved.location).await;
    let list = text.split("id=\"list\"").nth(1).unwrap();
    assert!(text.contains("mine &#60;b&#62;") && list.contains(">Number</th>") && list.contains("request.declined"), "{text}");
    assert!(!list.contains("policy.created"));
    // The same name replaces, and what does not fit is said with the name kept.
    let again = owner.post("/events/views", &[("chosen", "?kind=policy.created"), ("name", name)]).await;
    assert!(again.location.ends_with("said=changed"), "{} {}", again.status, again.text);
    assert!(owner.text(&again.location).await.split("id=\"list\"").nth(1).unwrap().contains("policy.created"));
    for wrong in ["", "  ", "a\u{202e}b", "viw_00000000000000000000000000"] {
        let refused = owner.post("/events/views", &[("chosen", chosen), ("name", wrong)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        assert!(refused.text.contains("name:"), "{}", refused.text);
    }
    let views = server.owner.read("/event-views").await.ok();
    let id = views["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((views["items"].as_array().unwrap().len(), views["items"][0]["query"]["kind"].as_str()), (1, Some("policy.created")));
    // Another owner sees neither the view nor its words in the log.
    let other = server.person("otto", &["owner"], true).await;
    assert_eq!(other.read("/event-views").await.ok()["items"], json!([]));
    for call in [
        other.read(&format!("/event-views/{id}")).await,
        other.put(&format!("/event-views/{id}"), json!({ "name": "taken" })).await,
        other.delete(&format!("/event-views/{id}")).await,
    ] {
        call.refused("not_found");
    }
    let otto = Signed::person(&server, "otto").await;
    assert_eq!(otto.get(&format!("/events?view={id}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(otto.post(&format!("/events/views/{id}/delete"), &[]).await.status, StatusCode::NOT_FOUND);
    let told = other.read("/events?kind=view.*").await.ok();
    assert!(told["items"].as_array().unwrap().len() == 2 && !told.to_string().contains("mine"), "{told}");
    assert_eq!(owner.post(&format!("/events/views/{id}/delete"), &[]).await.location, "/events?said=deleted");
    assert_eq!(server.owner.read("/event-views").await.ok()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_bounded_in_number_and_size_and_end_with_their_person() {
    let server = Server::start().await;
    let ann = server.person("ann", &["auditor"], false).await;
    let view = |name: String| json!({ "name": name, "query": { "kind": "grant.*" } });
    for (wrong, code) in [
        (json!({ "name": "x", "query": { "limit": 5 } }), "invalid"),
        (json!({ "name": "x", "query": { "text": "x".repeat(5000) } }), "invalid"),
        (json!({ "name": "x", "columns": ["password"] }), "invalid"),
        (json!({ "name": "x", "columns": vec!["seq"; 40] }), "invalid"),
        (json!({ "name": "x", "period": "7d", "query": { "from": "2026-01-01T00:00:00Z" } }), "invalid"),
        (json!({ "name": "x", "shared": true }), "malformed"),
    ] {
        ann.post("/event-views", wrong).await.refused(code);
    }
    for n in 0..50 {
        ann.post("/event-views", view(format!("v-{n}"))).await.ok();
    }
    ann.post("/event-views", view("v-50".into())).await.refused("too_many");
    ann.post("/event-views", view("v-1".into())).await.refused("name_taken");
    let first = ann.read("/event-views?limit=1").await.ok();
    let id = first["items"][0]["id"].as_str().unwrap().to_owned();
    ann.put(&format!("/event-views/{id}"), view("v-1".into())).await.refused("name_taken");
    let seen = ann.read(&format!("/event-views/{id}")).await.etag.unwrap();
    let changed = ann.call(Method::PUT, &format!("/event-views/{id}"), Some(view("w".into())), Some(("if-match", &seen))).await.ok();
    assert_eq!(changed["name"], "w");
    ann.call(Method::PUT, &format!("/event-views/{id}"), Some(view("z".into())), Some(("if-match", &seen)))
        .await
        .refused("version_mismatch");
    server.owner.delete("/persons/ann").await;
    let left = brevet_server::store::entities::event_view::Entity::find().count(&server.app.store.pool).await.unwrap();
    assert_eq!(left, 0);
}
