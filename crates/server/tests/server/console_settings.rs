//! The settings' pages: what each does, what is wrong at its form, and who is offered and may do what.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::console_events::{SCRIPT, Shown, Signed, is_harmless};
use crate::console_passkey::Device;
use crate::scopes::two;
use crate::support::{Server, request_policy};
use crate::web::Browser;

#[track_caller]
fn went(shown: &Shown, to: &str) {
    assert_eq!(shown.status, StatusCode::SEE_OTHER, "{}", shown.text);
    assert!(shown.location.starts_with(to), "{} and not {to}", shown.location);
}

#[track_caller]
fn refused(shown: &Shown, why: &str) {
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{} {}", shown.location, shown.text);
    assert!(shown.text.contains(why), "{why}: {}", shown.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switches_say_what_they_do_and_an_owners_are_an_owners() {
    let server = Server::start().await;
    let owner = Signed::owner(&server).await;
    let page = owner.text("/settings").await;
    assert!(page.contains("Four eyes") && page.contains("an owner alone") && page.contains("Switch Four eyes on"), "{page}");
    went(&owner.post("/settings/general/other_mount_namespaces", &[("value", "on")]).await, "/settings?said=changed");
    assert_eq!(server.owner.read("/settings/other_mount_namespaces").await.ok()["value"], "on");
    refused(&owner.post("/settings/general/four_eyes", &[("value", "on")]).await, "needs two owners");
    refused(&owner.post("/settings/general/other_mount_namespaces", &[("value", "perhaps")]).await, "on or off");
    server.person("adam", &["administrator"], false).await;
    let adam = Signed::person(&server, "adam").await;
    let page = adam.text("/settings").await;
    assert!(page.contains("Switch Autonomous Approval on") && !page.contains("Switch Four eyes on"), "{page}");
    refused(&adam.post("/settings/general/four_eyes", &[("value", "on")]).await, "an owner switches");
    server.person("aude", &["auditor"], false).await;
    let aude = Signed::person(&server, "aude").await;
    assert!(!aude.text("/settings").await.contains("<button class=\"btn btn-danger\""));
    let answer = aude.post("/settings/general/autonomous", &[("value", "on")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("do not allow it"), "{}", answer.text);
    assert_eq!(server.owner.read("/settings/autonomous").await.ok()["value"], "off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_added_changed_and_removed_by_form() {
    let server = Server::start().await;
    server.owner.post("/groups", json!({ "name": "web", "computers": ["web-1"] })).await.ok();
    let owner = Signed::owner(&server).await;
    refused(&owner.post("/settings/people", &[("name", " "), ("role", "auditor")]).await, "name:");
    let form = [("name", "ann <b>"), ("role", "approver"), ("groups.approver", "nowhere"), ("os_user", "ann")];
    let wrong = owner.post("/settings/people", &form).await;
    refused(&wrong, "nowhere");
    assert!(
        wrong.text.contains("value=\"ann &#60;b&#62;\"")
            && wrong.text.contains("value=\"nowhere\"")
            && wrong.text.contains("value=\"approver\" checked")
    );
    let form = [("name", "ann <b>"), ("role", "approver"), ("groups.approver", " web ,"), ("os_user", "ann")];
    let made = owner.post("/settings/people", &form).await;
    went(&made, "/settings/people/per_");
    let path = made.location.split('?').next().unwrap().to_owned();
    let api = format!("/persons/{}", path.rsplit('/').next().unwrap());
    let ann = server.owner.read(&api).await;
    let seen = ann.etag.clone().unwrap();
    let ann = ann.ok();
    assert_eq!((&ann["scopes"]["approver"], ann["os_users"][0]["user"].as_str()), (&json!(["web"]), Some("ann")));
    let page = owner.text(&path).await;
    is_harmless(&page);
    assert!(page.contains("ann &#60;b&#62;") && page.contains("value=\"web\""), "{page}");
    // Roles need the version that was seen.
    let tag = seen.trim_matches('"').to_owned();
    let stale = owner.post(&format!("{path}/roles"), &[("tag", "\"old\""), ("role", "auditor")]).await;
    refused(&stale, "it changed since");
    let tag = format!("\"{tag}\"");
    went(&owner.post(&format!("{path}/roles"), &[("tag", &tag), ("role", "auditor"), ("role", "approver")]).await, &path);
    assert_eq!(server.owner.read(&api).await.ok()["roles"], json!(["approver", "auditor"]));
    refused(&owner.post(&format!("{path}/roles"), &[("tag", "*")]).await, "at least one role");
    // OS users.
    refused(&owner.post(&format!("{path}/link"), &[("user", "bea"), ("computer", "no such")]).await, "no such");
    went(&owner.post(&format!("{path}/link"), &[("user", "bea")]).await, &path);
    refused(&owner.post(&format!("{path}/no-os-user"), &[("value", "true")]).await, "is linked");
    for user in ["ann", "bea"] {
        went(&owner.post(&format!("{path}/unlink"), &[("user", user), ("computer", "")]).await, &path);
    }
    went(&owner.post(&format!("{path}/no-os-user"), &[("value", "true")]).await, &path);
    assert_eq!(server.owner.read(&api).await.ok()["no_os_user"], true);
    // A link is shown once, works once, and no browser keeps its page.
    let link = owner.post(&format!("{path}/sign-in-link"), &[]).await;
    assert_eq!((link.status, link.headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    let address = link.text.split("<pre class=\"command\">").nth(1).unwrap().split('<').next().unwrap().replace("&#38;", "&");
    let ann = Signed::by(&server, &address).await;
    assert!(ann.text("/settings/people").await.contains("owner"), "an auditor reads who there is");
    went(&owner.post(&format!("{path}/enabled"), &[("value", "false")]).await, &path);
    assert_eq!(ann.get("/settings/people").await.status, StatusCode::SEE_OTHER, "a disabled person is signed out");
    went(&owner.post(&format!("{path}/remove"), &[]).await, "/settings/people?said=deleted");
    let page = owner.text(&path).await;
    assert!(page.contains("removed") && !page.contains("Save roles"), "{page}");
    // The last owner stays one.
    let me = server.owner.read("/me").await.ok()["id"].as_str().unwrap().to_owned();
    refused(&owner.post(&format!("/settings/people/{me}/roles"), &[("tag", "*"), ("role", "auditor")]).await, "owner");
    refused(&owner.post(&format!("/settings/people/{me}/remove"), &[]).await, "another owner");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_sees_and_takes_away_what_others_sign_in_with_and_where_they_are() {
    let server = Server::start().await;
    let ann = server.owner.post("/persons", json!({ "name": "ann", "roles": ["auditor"] })).await.ok();
    let path = format!("/settings/people/{}", ann["id"].as_str().unwrap());
    let browser = Browser::linked(&server, "ann").await;
    browser.set_password("seven quiet otters juggle").await.leads("/account?said=password-set");
    browser.set_up_app(&server).await;
    Device::new(true).add(&browser, "<b>phone").await.leads("/account?said=passkey-added");
    let owner = Signed::owner(&server).await;
    let page = owner.text(&path).await;
    is_harmless(&page);
    for part in ["Password</strong>, set", "Authenticator app</strong>", "Passkey ", "by a link", "Sign ann out everywhere"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("Who they are at the single sign-on"), "this server has none");
    // Whoever only reads is offered nothing.
    server.person("aude", &["auditor"], false).await;
    let aude = Signed::person(&server, "aude").await;
    let read = aude.text(&path).await;
    assert!(read.contains("Authenticator app</strong>") && !read.contains("Take it away") && !read.contains("Sign ann out"), "{read}");
    assert_eq!(aude.post(&format!("{path}/sign-ins/end"), &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.get("/account").await.status, 200);
    // One browser, then everything.
    let one = page.split("/sign-ins/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    went(&owner.post(&format!("{path}/sign-ins/{one}/end"), &[]).await, &path);
    assert_eq!(browser.get("/account").await.status, 303);
    assert!(owner.text(&path).await.contains("Nowhere."));
    for which in ["password", "app"] {
        went(&owner.post(&format!("{path}/credentials/{which}/remove"), &[]).await, &path);
    }
    let page = owner.text(&path).await;
    let passkey = page.split("/credentials/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    went(&owner.post(&format!("{path}/credentials/{passkey}/remove"), &[]).await, &path);
    assert!(owner.text(&path).await.contains("Nothing yet but links"));
    refused(&owner.post(&format!("{path}/identity"), &[("subject", "ann-1")]).await, "single sign-on");
    let kinds = server.owner.event_kinds().await;
    for kind in ["person.signed_out", "person.password_removed", "person.app_removed", "person.passkey_removed"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind} in {kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_is_offered_nothing_and_refused_all_the_same() {
    let two = two().await;
    let server = &two.server;
    two.narrowed("administrator").await;
    server.person("aude", &["auditor"], false).await;
    server.person("ann", &["approver"], true).await;
    let somebody = server.owner.read("/persons/aude").await.ok()["id"].as_str().unwrap().to_owned();
    let person = format!("/settings/people/{somebody}");
    let aude = Signed::person(server, "aude").await;
    for (path, offered) in
        [(person.as_str(), "Save roles"), ("/settings/people", "Add somebody"), ("/settings/notifications", "Add a target")]
    {
        assert!(!aude.text(path).await.contains(offered), "{path}");
    }
    let retention = aude.text("/settings/retention").await;
    assert!(!retention.contains("Redact now") && !retention.contains("Make the hold"), "{retention}");
    let whole = [
        "/settings/people",
        &person,
        "/settings/notifications",
        "/settings/notifications/log",
        "/settings/notifications/words",
        "/settings/retention",
    ];
    for (name, pages) in [("ann", &whole), ("administrator of web", &whole)] {
        let them = Signed::person(server, name).await;
        for path in pages {
            assert_eq!(them.get(path).await.status, StatusCode::FORBIDDEN, "{name} {path}");
        }
        assert!(!them.text("/settings").await.contains("href=\"/settings/people\""));
        let made = them.post("/settings/people", &[("name", "x"), ("role", "owner")]).await;
        assert_eq!(made.status, StatusCode::FORBIDDEN, "{name}");
    }
    for (path, form) in [
        ("/settings/people", vec![("name", "x"), ("role", "owner")]),
        ("/settings/notifications", vec![("name", "x"), ("kind", "email"), ("address", "x@example.org"), ("events", "all")]),
        ("/settings/retention", vec![("value", "7d")]),
        ("/settings/retention/redact", vec![("older_than", "7d")]),
        ("/settings/holds", vec![("name", "x"), ("reason", "y"), ("everything", "true")]),
    ] {
        let answer = aude.post(path, &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("do not allow it") || answer.text.contains("only an owner"), "{path} {}", answer.text);
    }
    for (path, form) in [
        ("roles", vec![("tag", "*"), ("role", "owner")]),
        ("sign-in-link", vec![]),
        ("enabled", vec![("value", "false")]),
        ("remove", vec![]),
    ] {
        let answer = aude.post(&format!("{person}/{path}"), &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("do not allow it"), "{path} {}", answer.text);
    }
    let kinds = server.owner.event_kinds().await;
    assert!(!kinds.contains(&"person.roles_changed".to_owned()) && !kinds.contains(&"hold.created".to_owned()), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tokens_text_is_shown_once_and_it_works_until_it_is_revoked() {
    let server = Server::start().await;
    server.person("aude", &["auditor"], false).await;
    let aude = Signed::person(&server, "aude").await;
    let wrong = aude.post("/settings/tokens", &[("name", "mine <b>"), ("role", "auditor"), ("expires_in", "soon")]).await;
    refused(&wrong, "expires_in");
    assert!(wrong.text.contains("value=\"mine &#60;b&#62;\"") && !wrong.text.contains("value=\"owner\""), "{}", wrong.text);
    refused(&aude.post("/settings/tokens", &[("name", "mine"), ("role", "owner"), ("expires_in", "")]).await, "roles");
    let made = aude.post("/settings/tokens", &[("name", "mine <b>"), ("role", "auditor"), ("expires_in", "2h")]).await;
    assert_eq!((made.status, made.headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    let text = made.text.split("<pre class=\"command\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let token = crate::support::Actor { token: text.clone(), ..server.owner.clone() };
    assert_eq!(token.read("/me").await.ok()["name"], "aude");
    let list = aude.text("/settings/tokens").await;
    assert!(list.contains("mine &#60;b&#62;") && !list.contains(&text));
    let id = token.read("/tokens").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    // Nobody else's, unless an owner does.
    server.person("otto", &["auditor"], false).await;
    let otto = Signed::person(&server, "otto").await;
    assert!(!otto.text("/settings/tokens").await.contains(&id));
    assert_eq!(otto.post(&format!("/settings/tokens/{id}/revoke"), &[]).await.status, StatusCode::NOT_FOUND);
    went(&aude.post(&format!("/settings/tokens/{id}/revoke"), &[]).await, "/settings/tokens?said=ended");
    token.read("/me").await.refused("unauthenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notification_is_set_up_tested_and_its_log_read() {
    let server = Server::start().await;
    let owner = Signed::owner(&server).await;
    assert!(owner.text("/settings/notifications").await.contains("Nobody is told of anything"));
    let form =
        |address: &'static str, events: &'static str| [("name", "chat <b>"), ("kind", "webhook"), ("address", address), ("events", events)];
    let wrong = owner.post("/settings/notifications", &form("http://chat.example.org/x", "all")).await;
    refused(&wrong, "address");
    assert!(wrong.text.contains("value=\"chat &#60;b&#62;\"") && wrong.text.contains("value=\"webhook\" selected"));
    refused(&owner.post("/settings/notifications", &form("https://chat.example.org/x", "No.Such")).await, "is not a kind of event");
    let made = owner.post("/settings/notifications", &form("https://chat.example.org/secret-path", "grant., request.approved")).await;
    assert_eq!((made.status, made.headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"), "{}", made.text);
    assert!(made.text.contains("whsec_"), "{}", made.text);
    let target = server.owner.read("/notification-targets").await.ok()["items"][0].clone();
    assert_eq!(target["events"], json!(["grant.", "request.approved"]));
    let path = format!("/settings/notifications/{}", target["id"].as_str().unwrap());
    server.person("aude", &["auditor"], false).await;
    let aude = Signed::person(&server, "aude").await;
    assert!(owner.text("/settings/notifications").await.contains("From now on nobody is told by it"), "what disabling it does");
    let seen = aude.text("/settings/notifications").await;
    assert!(seen.contains("chat.example.org") && !seen.contains("secret-path") && !seen.contains(&format!("{path}/test")), "{seen}");
    went(&owner.post(&format!("{path}/test"), &[]).await, "/settings/notifications/log?target=");
    let log = owner.text("/settings/notifications/log?state=").await;
    assert!(log.contains("chat &#60;b&#62;") && log.contains("Brevet: a test"), "{log}");
    assert_eq!(owner.get("/settings/notifications/log?target=nowhere").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let old = made.text.split("whsec_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let again = owner.post(&format!("{path}/secret"), &[]).await;
    assert!(again.text.contains("whsec_") && !again.text.contains(&old));
    went(&owner.post(&format!("{path}/enabled"), &[("value", "false")]).await, "/settings/notifications?said=changed");
    refused(&owner.post(&format!("{path}/test"), &[]).await, "disabled");
    // Words of one's own, and back.
    let words = "/settings/notifications/words/request.created";
    let page = owner.text(words).await;
    let tag = page.split("name=\"tag\" value=\"").nth(1).unwrap().split("\">").next().unwrap().replace("&#34;", "\"");
    let wrong = owner.post(words, &[("tag", &tag), ("subject", ""), ("body", "kept {{")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
    assert!(wrong.text.contains("kept {{"));
    went(&owner.post(words, &[("tag", &tag), ("subject", "Somebody asks"), ("body", "Look.\r\nNow.")]).await, words);
    assert_eq!(server.owner.read("/notification-templates/request.created").await.ok()["body"], "Look.\nNow.");
    refused(&owner.post(words, &[("tag", &tag), ("subject", "Lost"), ("body", "x")]).await, "it changed since");
    went(&owner.post(&format!("{words}/reset"), &[]).await, words);
    assert!(owner.text(words).await.contains("These are the words that Brevet brings"));
    assert!(owner.text("/settings/notifications/words").await.contains("request.created"));
    went(&owner.post(&format!("{path}/delete"), &[]).await, "/settings/notifications?said=deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_says_what_it_will_do_before_it_does_it_and_holds_keep() {
    let server = Server::start().await;
    server.owner.post("/policies", request_policy("p")).await.ok();
    let owner = Signed::owner(&server).await;
    refused(&owner.post("/settings/retention", &[("value", "1d")]).await, "at least 7d");
    went(&owner.post("/settings/retention", &[("value", "365d")]).await, "/settings/retention?said=changed");
    assert_eq!(server.owner.read("/settings/retention").await.ok()["value"], "365d");
    let wrong = owner.get("/settings/retention/redact?older_than=soon").await;
    refused(&wrong, "older_than");
    assert!(wrong.text.contains("value=\"soon\""));
    let page = owner.text("/settings/retention/redact?older_than=7d").await;
    assert!(page.contains("would be redacted") && page.contains("gone for good"), "{page}");
    let kinds = server.owner.event_kinds().await;
    assert!(!kinds.contains(&"event.redacted".to_owned()), "looking redacts nothing");
    let done = owner.post("/settings/retention/redact", &[("older_than", "7d")]).await;
    assert!(done.status == StatusCode::OK && done.text.contains("is redacted"), "{}", done.text);
    // Holds: nothing filled in is not everything.
    let form = |reason: &'static str, everything: bool| {
        let mut form =
            vec![("name", "Case 7"), ("reason", reason), ("user", if everything { "" } else { "alice" }), ("from", "2026-01-01T10:00")];
        if everything {
            form.retain(|(name, _)| *name != "from");
            form.push(("everything", "true"));
        }
        form
    };
    refused(&owner.post("/settings/holds", &[("name", "Case 7"), ("reason", "x")]).await, "say what it covers");
    refused(&owner.post("/settings/holds", &form("", false)).await, "say why");
    refused(&owner.post("/settings/holds", &[("name", "C"), ("reason", "x"), ("computer", "nowhere")]).await, "there is none called");
    let made = owner.post("/settings/holds", &form(SCRIPT, false)).await;
    went(&made, "/settings/holds/hld_");
    let path = made.location.split('?').next().unwrap().to_owned();
    let page = owner.text(&path).await;
    is_harmless(&page);
    is_harmless(&owner.text("/settings/retention").await);
    assert!(page.contains("alice") && page.contains("2026-01-01"), "{page}");
    refused(&owner.post("/settings/holds", &form("again", true)).await, "there is a hold");
    refused(&owner.post(&format!("{path}/release"), &[("comment", " ")]).await, "say why");
    went(&owner.post(&format!("{path}/release"), &[("comment", "over")]).await, &path);
    assert!(owner.text("/settings/retention?active=true").await.contains("No legal hold here"));
    assert!(owner.text("/settings/retention?active=false").await.contains("Case 7"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_four_eyes_a_form_makes_a_proposal() {
    let server = Server::start().await;
    server.owner.post("/persons", json!({ "name": "otto", "roles": ["owner"] })).await.ok();
    let owner = Signed::owner(&server).await;
    went(&owner.post("/settings/general/four_eyes", &[("value", "on")]).await, "/settings?said=changed");
    went(&owner.post("/settings/people", &[("name", "x"), ("role", "auditor")]).await, "/settings/people?said=proposed");
    went(&owner.post("/settings/retention", &[("value", "30d")]).await, "/settings/retention?said=proposed");
    server.owner.call(Method::GET, "/persons/x", None, None).await.refused("not_found");
    assert!(owner.text("/settings?said=proposed").await.contains("when a second person confirms it"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_in_a_form_is_said_to_who_hears_it() {
    let server = Server::start().await;
    let owner = Signed::owner(&server).await;
    let wrong = owner.post("/settings/tokens", &[("name", ""), ("expires_in", "soon")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
    let said = "aria-invalid=\"true\" aria-describedby=\"expires_in-wrong expires_in-hint\"";
    assert!(wrong.text.contains(said) && wrong.text.contains("id=\"expires_in-wrong\""), "{}", wrong.text);
    let page = owner.text("/settings/tokens").await;
    assert!(!page.contains("aria-invalid") && page.contains("aria-describedby=\"expires_in-hint\""), "{page}");
    let wrong = owner.post("/settings/retention", &[("value", "1s")]).await;
    assert!(wrong.text.contains("aria-invalid=\"true\" aria-describedby=\"value-wrong value-hint\""), "{}", wrong.text);
}
