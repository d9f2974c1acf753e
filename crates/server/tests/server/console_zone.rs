//! Times on pages: where the viewer is, with the exact instant; and how many computers what a policy says is.

use reqwest::StatusCode;
use serde_json::json;

use crate::agent::Agent;
use crate::browser::filled;
use crate::console_events::Signed;
use crate::scopes::two;
use crate::support::{Server, request_policy};

const EXACT: &str = "<time datetime=\"2026-12-01T09:55:00.000Z\" title=\"2026-12-01T09:55:00.000Z\">2026-12-01 09:55 UTC</time>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_is_shown_and_typed_where_the_viewer_is() {
    let server = Server::start().await;
    let mut policy = request_policy("<b>p");
    policy["validity"] = json!({ "kind": "window", "start": "2026-12-01T09:55:00Z", "end": "2099-12-01T10:00:30Z" });
    let made = server.owner.post("/policies", policy).await.ok();
    let owner = Signed::owner(&server).await.in_zone("Asia/Tokyo");
    let at = format!("/policies/{}", made["id"].as_str().unwrap());
    for page in ["/policies", &at] {
        let text = owner.text(page).await;
        assert!(text.contains(EXACT) && text.contains("title=\"2099-12-01T10:00:30.000Z\"") && !text.contains("<b>p"), "{page}: {text}");
    }
    let form = filled(&owner.text(&format!("{at}/edit")).await);
    let value = |name: &str| form.iter().find(|(field, _)| field == name).unwrap().1.clone();
    assert_eq!((value("validity.start"), value("validity.in_zone")), ("2026-12-01T18:55".into(), "Asia/Tokyo".into()));
    assert_eq!(value("validity.end"), "2099-12-01T10:00:30.000Z", "to the minute it would be another moment");
    let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let leaked: Vec<(&'static str, &str)> = fields.iter().map(|(name, value)| (&*String::from(*name).leak(), *value)).collect();
    let beside = owner.post("/policies/preview", &leaked).await;
    assert!(beside.text.contains(EXACT), "{}", beside.text);
    let saved = owner.post(&format!("{at}/edit"), &leaked).await;
    assert_eq!((saved.status, saved.location), (StatusCode::SEE_OTHER, format!("{at}?said=unchanged")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_box_means_a_moment_where_the_viewer_is() {
    let server = Server::start().await;
    let owner = Signed::owner(&server).await.in_zone("Asia/Tokyo");
    assert!(owner.text("/policies/test").await.contains("value=\"Asia/Tokyo\""));
    let asked = "/policies/test?user=a&computer=c&file=/usr/bin/true&at=2026-12-01T18:55";
    assert!(owner.text(&format!("{asked}&zone=Asia/Tokyo")).await.contains(EXACT));
    let utc = owner.text(asked).await;
    assert!(
        utc.contains("2026-12-01T18:55:00.000Z") && utc.contains("value=\"UTC\""),
        "an address without a zone stays what it was: {utc}"
    );
    assert_eq!(owner.get(&format!("{asked}&zone=Nowhere")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_those_of_the_viewers_zone() {
    let two = two().await;
    let kinds = "kind=request.created,request.approved&days=3";
    let of = async |zone: &str| two.server.owner.read(&format!("/events/counts?{kinds}&zone={zone}")).await.ok();
    assert_eq!(of("UTC").await, two.server.owner.read(&format!("/events/counts?{kinds}")).await.ok());
    let all = |counts: &serde_json::Value| -> u64 {
        counts["days"].as_array().unwrap().iter().map(|day| day["counts"][0].as_u64().unwrap()).sum()
    };
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Europe/Berlin"] {
        let counts = of(zone).await;
        assert_eq!((all(&counts), counts["days"].as_array().unwrap().len()), (2, 3), "{zone}: {counts}");
        let last = &counts["days"][2];
        assert_eq!((&last["to"], &last["counts"]), (&counts["to"], &json!([2, 0])), "{zone}: {counts}");
    }
    assert!(of("Asia/Kathmandu").await["from"].as_str().unwrap().contains("T18:15:00"));
    two.server.owner.read("/events/counts?kind=a&zone=Nowhere").await.refused("malformed");
    let owner = Signed::owner(&two.server).await.in_zone("Asia/Kathmandu");
    let page = owner.text("/").await;
    assert!(page.contains("As a table, by days in Asia/Kathmandu") && page.contains("T18%3A15%3A00"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_computer_was_heard_and_somebody_signed_in_is_said_in_the_viewers_zone() {
    let server = Server::start().await;
    let owner = Signed::owner(&server).await;
    let account = owner.text("/account").await;
    let words = account.split("Sign out here<span class=\"visually-hidden\">").nth(1).unwrap();
    assert!(words.split("</span>").next().unwrap().contains("since <time datetime="), "{account}");
    let ann = server.owner.post("/persons", json!({ "name": "ann", "roles": ["auditor"] })).await.ok();
    let _there = Signed::person(&server, "ann").await;
    let page = owner.text(&format!("/settings/people/{}", ann["id"].as_str().unwrap())).await;
    let words = page.split("Sign out there<span class=\"visually-hidden\">").nth(1).unwrap();
    assert!(words.split("</span>").next().unwrap().contains("since <time datetime="), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_policy_says_says_on_how_many_computers() {
    let two = two().await;
    let server = &two.server;
    let all = server.owner.read("/policies/p-all").await.ok();
    let mut web = request_policy("p-groups");
    web["computers"] = json!(["group:web", "group:nothing yet"]);
    server.owner.post("/groups", json!({ "name": "nothing yet", "computers": ["not-enrolled"] })).await.ok();
    let web = server.owner.post("/policies", web).await.ok();
    let standing = async |actor: &crate::support::Actor, policy: &serde_json::Value| {
        let path = format!("/policy-standing?policies={}", policy["id"].as_str().unwrap());
        actor.read(&path).await.ok()["items"][0]["summary"].as_str().unwrap().to_owned()
    };
    let said = standing(&server.owner, &all).await;
    assert!(said.contains(" on all 2 computers, "), "{said}");
    let said = standing(&server.owner, &web).await;
    assert!(said.contains(" on the group web (1 computer) and the group nothing yet (no computer), "), "{said}");
    // Whoever sees some is told of those alone.
    let narrowed = two.narrowed("auditor").await;
    let said = standing(&narrowed, &all).await;
    assert!(said.contains(" on all computers (1 now that you see), "), "{said}");
    let owner = Signed::owner(server).await;
    for page in ["/policies".to_owned(), format!("/policies/{}", all["id"].as_str().unwrap())] {
        assert!(owner.text(&page).await.contains(" on all 2 computers, "), "{page}");
    }
    // And beside the form, before there is any.
    let form = filled(&owner.text(&format!("/policies/{}/edit", web["id"].as_str().unwrap())).await);
    let form: Vec<(&'static str, &str)> = form.iter().map(|(name, value)| (&*name.clone().leak(), value.as_str())).collect();
    let beside = owner.post("/policies/preview", &form).await.text;
    assert!(beside.contains("the group web (1 computer)"), "{beside}");
    // Another computer is one more.
    Agent::enrol(server, "web-9").await;
    assert!(standing(&server.owner, &all).await.contains(" on all 3 computers, "));
}
