//! Applications: counted within the viewer's scope, found, and made into rules.

use brevet_core::application::{Fact, Package};
use brevet_core::record::{Body, LaunchRefused};
use brevet_core::user::User;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::{Agent, facts};
use crate::browser::{Browser, filled};
use crate::scopes::two;
use crate::support::Server;

fn refused(user: &str, path: &str, package: Option<&str>) -> Body {
    let mut application = facts(path);
    let named =
        |name: &str| Package { name: name.into(), version: "1.0".into(), vendor: Some("<b>V".into()), unchanged: Fact::Known(true) };
    application.package = Fact::Known(package.map(named));
    Body::LaunchRefused(LaunchRefused {
        user: User { uid: 1000, name: user.into() },
        arguments: vec![path.into()],
        directory: None,
        application: Some(Box::new(application)),
        code: "no_policy".into(),
        reason: "no policy".into(),
        policy: None,
    })
}

async fn tell(agent: &mut Agent, bodies: &[Body]) {
    let records = bodies.iter().map(|body| agent.record(body)).collect();
    agent.deliver(records).await;
}

fn one<'a>(list: &'a Value, path: &str) -> &'a Value {
    list["items"].as_array().unwrap().iter().find(|one| one["facts"]["path"] == path).unwrap_or(&Value::Null)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_fleet_used_is_counted_within_ones_scope() {
    let mut two = two().await;
    let tool = "/usr/bin/<script>tool";
    tell(
        &mut two.agents[0],
        &[refused("alice", tool, Some("tools")), refused("alice", tool, Some("tools")), refused("bob", tool, Some("tools"))],
    )
    .await;
    tell(&mut two.agents[1], &[refused("alice", tool, Some("tools")), refused("carol", "/opt/beyond", None)]).await;
    let owner = &two.server.owner;
    let all = owner.read("/applications").await.ok();
    let seen = one(&all, tool);
    assert_eq!(
        (&seen["refused"], &seen["users"], &seen["computers"], &seen["sessions"]),
        (&json!(4), &json!(2), &json!(2), &json!(0)),
        "{all}"
    );
    let asked = one(&all, "/usr/bin/true");
    assert_eq!((&asked["requests"], &asked["users"], &asked["computers"]), (&json!(2), &json!(1), &json!(2)));
    let auditor = two.narrowed("auditor").await;
    let narrow = auditor.read("/applications").await.ok();
    let seen = one(&narrow, tool);
    assert_eq!((&seen["refused"], &seen["users"], &seen["computers"]), (&json!(3), &json!(2), &json!(1)));
    let beyond = one(&all, "/opt/beyond")["id"].as_str().unwrap();
    assert!(one(&narrow, "/opt/beyond").is_null());
    auditor.read(&format!("/applications/{beyond}")).await.refused("not_found");
    auditor.read("/applications?computer=db-1").await.refused("not_found");
    // Found by part of path, package and vendor, which are no patterns; by user, by computer, by how.
    for (query, found) in [
        ("text=TOOL", 1),
        ("text=tools", 1),
        ("text=%25", 0),
        ("text=_", 0),
        ("user=carol", 1),
        ("user=nobody", 0),
        ("computer=db-1", 3),
        ("seen=requests", 1),
        ("seen=refused", 2),
        ("seen=sessions", 0),
    ] {
        let page = owner.read(&format!("/applications?{query}")).await.ok();
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{query}: {page}");
    }
    for wrong in ["text=", "seen=now", "cursor=x"] {
        owner.read(&format!("/applications?{wrong}")).await.refused("malformed");
    }
    // Pages neither repeat nor skip.
    let (mut cursor, mut paths) = (String::new(), Vec::new());
    loop {
        let page = owner.read(&format!("/applications?limit=1{cursor}")).await.ok();
        paths.extend(page["items"].as_array().unwrap().iter().map(|one| one["facts"]["path"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    paths.sort();
    assert_eq!(paths, ["/opt/beyond", "/usr/bin/<script>tool", "/usr/bin/true"]);
    let browser = Browser::owner(&two.server).await;
    let text = browser.get("/applications?text=tool").await.text;
    assert!(text.contains("&#60;script&#62;tool") && !text.contains("<script>tool") && !text.contains("/opt/beyond"), "{text}");
    assert!(browser.get("/applications?text=nothing").await.text.contains("No application is like this"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_made_of_an_application_by_following_a_link() {
    let server = Server::start().await;
    let browser = Browser::owner(&server).await;
    assert!(browser.get("/applications").await.text.contains("No application was seen yet"));
    let mut agent = Agent::enrol(&server, "web-1").await;
    tell(&mut agent, &[refused("alice", "/usr/sbin/nginx", Some("nginx"))]).await;
    server.owner.post("/lists", json!({ "name": "L", "rules": [{ "product": "apt" }] })).await.ok();
    let id = server.owner.read("/applications").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    let page = browser.get(&format!("/applications/{id}")).await;
    assert!(page.text.contains("sha256:") && page.text.contains("&#60;b&#62;V") && !page.text.contains("<b>V"), "{}", page.text);
    let links: Vec<String> = page.text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&")).collect();
    let new: Vec<&String> = links.iter().filter(|link| link.starts_with("/policies/new?")).collect();
    assert_eq!(new.len(), 4, "{links:?}");
    let form = browser.form(new[2]).await;
    let has = |form: &[(String, String)], name: &str, value: &str| form.contains(&(name.to_owned(), value.to_owned()));
    assert!(has(&form, "applications[0].kind", "executable") && has(&form, "applications[0].value", "nginx"), "{form:?}");
    assert!(has(&form, "applications[0].product", "nginx") && has(&form, "applications[0].unchanged", "yes"), "{form:?}");
    // Into a list that is there: after what is in it.
    let into = links.iter().find(|link| link.contains("/edit?") && link.contains("kind=file")).unwrap();
    let edit = browser.get(into).await;
    let form = filled(&edit.text);
    assert!(has(&form, "rules[0].value", "apt") && has(&form, "rules[1].value", "/usr/sbin/nginx"), "{form:?}");
    let saved = browser.post(into.split('?').next().unwrap(), &form).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let list = server.owner.read("/lists/L").await.ok();
    assert_eq!(list["rules"], json!([{ "product": "apt" }, { "file": "/usr/sbin/nginx" }]));
    // An auditor reads, and is offered nothing to make.
    server.person("Aud", &["auditor"], false).await;
    let text = Browser::of(&server, "Aud").await.get(&format!("/applications/{id}")).await.text;
    assert!(text.contains("/usr/sbin/nginx") && !text.contains("Make a rule"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_redacted_is_no_longer_counted() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    tell(&mut agent, &[refused("alice", "/opt/old", None)]).await;
    let count = async |path: &str| server.owner.read("/applications").await.ok()["items"].to_string().matches(path).count() > 0;
    assert!(count("/opt/old").await);
    server.app.clock.advance("30d".parse().unwrap());
    tell(&mut agent, &[refused("alice", "/opt/new", None)]).await;
    server.owner.post("/events/redact", json!({ "older_than": "7d" })).await.ok();
    assert!(!count("/opt/old").await && count("/opt/new").await);
}
