//! Lists in every order that they know, on pages of two: nothing is lost or shown twice, and turned round it is the other way round.
//! Which lists there are, and their orders, is what the description of the API says.

use brevet_core::record::Body;
use serde_json::{Value, json};

use crate::agent::{Agent, facts};
use crate::console_access::active;
use crate::console_events::Signed;
use crate::support::{Server, request_policy};

const FEW: usize = 5;

/// A server with some of everything that is listed, and the id of a policy that computers hold.
async fn filled() -> (Server, String) {
    let server = Server::start().await;
    let owner = &server.owner;
    let policy = owner.post("/policies", request_policy("p-0")).await.ok();
    for n in 0..FEW {
        // Some are equal in what they are ordered by.
        let name = format!("{}-{n}", ["b", "a", "C"][n % 3]);
        let mut agent = Agent::enrol(&server, &name).await;
        let user = ["zoe", "alice"][n % 2];
        let request = agent.ask(user, &policy, "30m").await;
        if n > 1 {
            active(&server, &mut agent, &policy, request.id.as_str()).await;
        }
        // Each computer has a program of its own besides.
        let mut other = agent.request(user, &policy, "20m");
        other.command.application = facts(&format!("/usr/bin/{name}"));
        other.digest = other.compute_digest().unwrap();
        let record = agent.record(&Body::RequestCreated(Box::new(other)));
        agent.deliver(vec![record]).await;
        owner.post("/policies", request_policy(&name)).await.ok();
        owner.post("/groups", json!({ "name": name, "computers": ["web-1"] })).await.ok();
        owner.post("/lists", json!({ "name": name, "rules": [{ "product": "apt" }] })).await.ok();
        let rule = json!({ "name": name, "shadow": true, "users": "all", "computers": "all", "applications": [{ "file": "/usr/bin/true" }], "max_duration": "10m" });
        owner.post("/autonomous", rule).await.ok();
        owner.post("/persons", json!({ "name": name, "roles": vec![["approver", "auditor"][n % 2]] })).await.ok();
        owner.post("/tokens", json!({ "name": name, "expires_in": format!("{}h", 9 - n) })).await.ok();
        owner.post("/enrolment-tokens", json!({ "name": name })).await.ok();
        owner.post("/holds", json!({ "name": name, "reason": "r", "covers": { "user": "alice" } })).await.ok();
        let target = json!({ "name": name, "kind": "email", "address": "a@example.com", "events": ["all"] });
        owner.post("/notification-targets", target).await.ok();
        let glass = json!({
            "computer": name, "user": user, "application": { "file": "/usr/bin/id" }, "for": "30m", "reason": "nobody is awake",
        });
        owner.post("/break-glass", glass).await.ok();
    }
    (server, policy["id"].as_str().unwrap().to_owned())
}

/// What a list has, on pages of two.
async fn walked(server: &Server, path: &str, sort: Option<&str>) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let sort = sort.map(|sort| format!("&sort={sort}")).unwrap_or_default();
        let page = server.owner.read(&format!("{path}?limit=2{sort}{cursor}")).await.ok();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        assert!(all.len() < 400, "{path} {sort} does not end");
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn ids(all: &[Value]) -> Vec<String> {
    all.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_in_every_order_loses_nothing_and_shows_nothing_twice() {
    let (server, policy) = filled().await;
    let described: Value = server.http.get(format!("{}/api/openapi.json", server.url)).send().await.unwrap().json().await.unwrap();
    let mut lists = 0;
    for (path, of) in described["paths"].as_object().unwrap() {
        let parameters = of["get"]["parameters"].as_array().into_iter().flatten();
        let Some(sort) = parameters.into_iter().find(|parameter| parameter["name"] == "sort") else { continue };
        lists += 1;
        let path = path.strip_prefix("/api/v1").unwrap_or(path).replace("{reference}", &policy);
        let usual = ids(&walked(&server, &path, None).await);
        let proposals = path == "/proposals";
        assert!(usual.len() >= 3 || proposals, "{path}: {usual:?}");
        let mut known = usual.clone();
        known.sort();
        known.dedup();
        assert_eq!(known.len(), usual.len(), "{path}");
        for name in sort["schema"]["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
            let found = ids(&walked(&server, &path, Some(name)).await);
            let mut same = found.clone();
            same.sort();
            assert_eq!(same, known, "{path} by {name}");
            if let Some(up) = name.strip_prefix('-') {
                let mut up = ids(&walked(&server, &path, Some(up)).await);
                up.reverse();
                assert_eq!(found, up, "{path} by {name}");
            }
            if sort["schema"]["default"] == name {
                assert_eq!(found, usual, "{path} by {name}");
            }
        }
        server.owner.read(&format!("{path}?sort=nothing")).await.refused("malformed");
        server.owner.read(&format!("{path}?sort=")).await.refused("malformed");
        // A cursor is of its own order.
        if let Some(next) = server.owner.read(&format!("{path}?limit=2")).await.ok()["next"].as_str() {
            let other = sort["schema"]["enum"].as_array().unwrap().iter().find(|name| **name != sort["schema"]["default"]).unwrap();
            let (other, next) = (other.as_str().unwrap(), next.to_owned());
            server.owner.read(&format!("{path}?limit=2&sort={other}&cursor={next}")).await.refused("malformed");
        }
    }
    assert!(lists >= 16, "{lists}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_by_what_it_says() {
    let (server, _) = filled().await;
    let texts = async |path: &str, sort: &str, field: &dyn Fn(&Value) -> String| {
        walked(&server, path, Some(sort)).await.iter().map(field).collect::<Vec<_>>()
    };
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    assert_eq!(texts("/computers", "name", &name).await, ["a-1", "a-4", "b-0", "b-3", "C-2"]);
    let computer = |item: &Value| item["computer"]["name"].as_str().unwrap().to_lowercase();
    for path in ["/requests", "/grants", "/break-glass"] {
        let found = texts(path, "-computer", &computer).await;
        assert!(found.len() > 2 && found.is_sorted_by(|a, b| a >= b), "{path}: {found:?}");
    }
    let user = |item: &Value| item["user"].as_str().unwrap().to_owned();
    let found = texts("/requests", "user", &user).await;
    assert!(found.len() == 2 * FEW && found.is_sorted() && found[0] == "alice" && found.last().unwrap() == "zoe", "{found:?}");
    let expires = |item: &Value| item["expires"].as_str().unwrap().to_owned();
    assert!(texts("/tokens", "expires", &expires).await.is_sorted());
    let made: Vec<String> = texts("/policies", "-created", &name).await;
    assert_eq!(made.last().unwrap(), "p-0", "{made:?}");
    // Parts of names, in any case and literally.
    for path in ["/computers", "/policies", "/groups", "/lists", "/autonomous", "/persons", "/tokens", "/enrolment-tokens", "/holds"] {
        let found = server.owner.read(&format!("{path}?name=c-")).await.ok();
        assert_eq!(found["items"].as_array().unwrap().iter().map(&name).collect::<Vec<_>>(), ["C-2"], "{path}");
        for none in ["%25", "C_2", "%5C"] {
            assert_eq!(server.owner.read(&format!("{path}?name={none}")).await.ok()["items"], json!([]), "{path} {none}");
        }
    }
    for path in ["/computers", "/policies", "/notification-templates", "/holds"] {
        server.owner.read(&format!("{path}?name={}", "a".repeat(200))).await.ok();
        server.owner.read(&format!("{path}?name={}", "a".repeat(201))).await.refused("malformed");
    }
    let of_role = server.owner.read("/persons?role=auditor").await.ok();
    assert_eq!(of_role["items"].as_array().unwrap().iter().map(&name).collect::<Vec<_>>(), ["a-1", "b-3"]);
    server.owner.read("/persons?role=king").await.refused("malformed");
    let token = server.owner.read("/tokens?name=C-2").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    server.owner.delete(&format!("/tokens/{token}")).await.ok();
    let over = server.owner.read("/tokens?active=false").await.ok();
    assert_eq!(over["items"].as_array().unwrap().len(), 1);
    assert_eq!(over["items"][0]["id"], *token);
    assert!(!server.owner.read("/tokens?active=true").await.ok().to_string().contains(&token));
    assert_eq!(server.owner.read("/tokens?person=a-1").await.ok()["items"], json!([]));
    server.owner.read("/tokens?person=nobody").await.refused("not_found");
}

/// The values of the choice of an order on a page, and the one that is chosen.
fn choices(page: &str) -> (Vec<String>, String) {
    let select = page.split("id=\"sort\"").nth(1).expect(page).split("</select>").next().unwrap();
    let value = |option: &str| option.split('"').next().unwrap().to_owned();
    let all = select.split("<option value=\"").skip(1).map(value).collect();
    let chosen = select.split("<option value=\"").skip(1).find(|option| option.contains(" selected")).map(value);
    (all, chosen.expect(select))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lists_page_offers_its_orders_and_keeps_the_one_that_was_chosen() {
    let (server, policy) = filled().await;
    let owner = Signed::owner(&server).await;
    let of_policy = format!("/policies/{policy}/computers");
    for path in [
        "/computers",
        "/access",
        "/requests",
        "/proposals",
        "/break-glass",
        "/applications",
        "/policies",
        "/groups",
        "/lists",
        "/enrolment-tokens",
        "/settings/autonomous",
        "/settings/people",
        "/settings/tokens",
        "/settings/notifications",
        "/settings/notifications/words",
        "/settings/notifications/log",
        "/settings/retention",
        of_policy.as_str(),
    ] {
        let page = owner.text(path).await;
        let (all, usual) = choices(&page);
        assert!(all.len() >= 4 && all.contains(&usual), "{path}: {all:?}");
        for sort in all {
            let page = owner.text(&format!("{path}?sort={sort}")).await;
            assert_eq!(choices(&page).1, sort, "{path}");
            assert!(!page.contains("sort must be"), "{path} {sort}: {page}");
            let (name, way) = sort.strip_prefix('-').map_or((sort.as_str(), "ascending"), |name| (name, "descending"));
            // What is no column of the table is in the choice alone.
            if let Some(heading) = page.split("<th scope=\"col\"").find(|heading| heading.contains("aria-sort")) {
                assert!(heading.starts_with(&format!(" aria-sort=\"{way}\"")), "{path} {sort}: {heading:.200}");
                let turned = if way == "ascending" { format!("sort=-{name}\"") } else { format!("sort={name}\"") };
                assert!(heading.contains(&turned), "{path} {sort}: {heading:.200}");
            }
        }
    }
    // The order stays with the pages, and what it was chosen by with the order.
    let page = owner.text("/requests?state=&user=alice&sort=user").await;
    assert!(
        page.contains("href=\"/requests?state=&amp;user=alice&amp;sort=-user\"") || page.contains("/requests?state=&#38;user=alice"),
        "{page}"
    );
    let wrong = owner.text("/computers?sort=nothing").await;
    assert!(wrong.contains("sort must be one of name, state"), "{wrong}");
}

/// What a download gives, by lines.
async fn downloaded(owner: &Signed<'_>, path: &str) -> Vec<String> {
    owner.text(path).await.split("\r\n").filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_downloaded_exactly_as_it_is_chosen() {
    let (server, policy) = filled().await;
    let owner = Signed::owner(&server).await;
    let of_policy = format!("policies/{policy}/computers");
    for (page, route) in [
        ("computers", "computers"),
        ("requests", "requests"),
        ("access", "grants"),
        ("break-glass", "break-glass"),
        ("applications", "applications"),
        ("policies", "policies"),
        ("groups", "groups"),
        ("lists", "lists"),
        ("settings/autonomous", "autonomous"),
        ("enrolment-tokens", "enrolment-tokens"),
        ("settings/people", "persons"),
        ("settings/tokens", "tokens"),
        ("settings/notifications", "notification-targets"),
        ("settings/notifications/words", "notification-templates"),
        ("settings/notifications/log", "notifications"),
        ("settings/retention", "holds"),
        (of_policy.as_str(), of_policy.as_str()),
    ] {
        assert!(owner.text(&format!("/{page}")).await.contains(&format!("href=\"/download/{page}")), "{page}");
        let lines = downloaded(&owner, &format!("/download/{page}")).await;
        let listed = walked(&server, &format!("/{route}"), None).await;
        assert_eq!(lines.len(), listed.len() + 1, "{page}: {lines:?}");
        // Each column is one that the route gives, for some of it at least where that is not seldom.
        let seldom = [
            "closed",
            "grant",
            "ticket",
            "ended",
            "reviewed by",
            "error",
            "changed",
            "released",
            "users",
            "field",
            "why",
            "last used",
            "operating system",
            "kernel",
            "broker",
            "groups",
            "reason",
            "first used",
        ];
        for (place, heading) in lines[0].split(',').enumerate() {
            let some = lines[1..].iter().any(|line| line.split(',').nth(place).is_some_and(|cell| !cell.is_empty()));
            assert!(some || seldom.contains(&heading), "{page}: nothing under {heading}: {lines:?}");
        }
    }
    let lines = downloaded(&owner, "/download/requests?state=pending&user=alice&sort=-computer").await;
    let listed = server.owner.read("/requests?state=pending&user=alice&sort=-computer").await.ok();
    let codes: Vec<&str> = listed["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect();
    assert!(codes.len() >= 2, "{listed}");
    assert_eq!(lines[1..].iter().map(|line| line.split(',').nth(1).unwrap()).collect::<Vec<_>>(), codes);
    assert_eq!(downloaded(&owner, "/download/computers?state=silent").await.len(), 1);
    server.owner.post("/groups", json!({ "name": "=1+1", "computers": ["web-1"] })).await.ok();
    assert!(owner.text("/download/groups").await.contains("\"'=1+1\""), "no formula");
    // As whoever is signed in, and nothing that is no list.
    server.person("aude", &["auditor"], false).await;
    let aude = Signed::person(&server, "aude").await;
    let own = aude.text("/download/settings/tokens").await;
    assert!(!own.contains(",owner,"), "{own}");
    for none in ["/download/events", "/download/requests/x", "/download/policies/none/computers"] {
        assert_eq!(owner.get(none).await.status, reqwest::StatusCode::NOT_FOUND, "{none}");
    }
    let stranger = server.http.get(format!("{}/download/computers", server.url)).send().await.unwrap();
    assert_eq!(stranger.status(), reqwest::StatusCode::SEE_OTHER, "to the sign-in");
}
