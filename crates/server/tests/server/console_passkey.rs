//! Passkeys: adding them, signing in by them, and what is no right answer. A browser with a virtual authenticator does the same in
//! e2e/browser.

use reqwest::Method;
use serde_json::{Value, json};
use webauthn_authenticator_rs::AuthenticatorBackend as _;
use webauthn_authenticator_rs::prelude::Url;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;

use crate::support::Server;
use crate::web::{Browser, Page};

const GOOD: &str = "seven quiet otters juggle";

/// An authenticator with what it keeps of each account.
pub struct Device {
    soft: SoftPasskey,
    keys: Vec<(String, String)>,
}

impl Device {
    /// Whether it claims to have asked who it is.
    pub fn new(asks: bool) -> Self {
        Self { soft: SoftPasskey::new(asks), keys: Vec::new() }
    }

    fn make(&mut self, url: &str, options: &Value) -> String {
        let handle = options["user"]["id"].as_str().unwrap().to_owned();
        let options = serde_json::from_value(options.clone()).unwrap();
        let made = self.soft.perform_register(Url::parse(url).unwrap(), options, 1000).unwrap();
        self.keys.push((made.id.clone(), handle));
        serde_json::to_string(&made).unwrap()
    }

    pub async fn add(&mut self, browser: &Browser, name: &str) -> Page {
        let options = browser.ask("/account/passkeys/ask").await;
        let made = self.make(&browser.url, &options);
        browser.post("/account/passkeys", [("name", name), ("credential", &made)]).await
    }

    /// Its answer for the first key that it has, found without a list as with one.
    fn answer(&mut self, origin: &str, options: &Value) -> String {
        let (id, handle) = self.keys[0].clone();
        let mut options = options.clone();
        options["allowCredentials"] = json!([{ "type": "public-key", "id": id }]);
        let options = serde_json::from_value(options).unwrap();
        let found = self.soft.perform_auth(Url::parse(origin).unwrap(), options, 1000).unwrap();
        let mut answer = serde_json::to_value(&found).unwrap();
        answer["response"]["userHandle"] = json!(handle);
        answer.to_string()
    }

    async fn sign_in(&mut self, browser: &Browser) -> Page {
        let options = browser.ask("/sign-in/passkey/ask").await;
        let answer = self.answer(&browser.url, &options);
        browser.post("/sign-in/passkey", [("credential", answer.as_str()), ("next", "/requests")]).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_signs_in_alone_until_it_is_removed() {
    let server = Server::start().await;
    let browser = Browser::linked(&server, "owner").await;
    let mut phone = Device::new(true);
    phone.add(&browser, "").await.is(422).shows("name");
    phone.keys.clear();
    phone.add(&browser, "My <phone>").await.leads("/account?said=passkey-added");
    browser.get("/account").await.is(200).shows("My &#60;phone&#62;").shows("not used yet");
    // The same answer adds nothing twice.
    let options = browser.ask("/account/passkeys/ask").await;
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required", "{options}");
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1, "{options}");
    let mut key = Device::new(true);
    let made = key.make(&server.url, &options);
    browser.post("/account/passkeys", [("name", "key"), ("credential", made.as_str())]).await.leads("/account?said=passkey-added");
    browser.post("/account/passkeys", [("name", "key"), ("credential", made.as_str())]).await.leads("/account?said=too-late");
    browser.ask("/account/passkeys/ask").await;
    browser.post("/account/passkeys", [("name", "key"), ("credential", made.as_str())]).await.is(422).shows("not right");
    let other = Browser::new(&server);
    other.get("/sign-in").await.shows("Sign in with a passkey");
    phone.sign_in(&other).await.leads("/requests");
    other.get("/").await.is(200);
    let has = server.owner.read("/me/credentials").await.ok();
    assert!(has["passkeys"][0]["last_used"].is_string() && has["passkeys"][1]["last_used"].is_null(), "{has}");
    assert_eq!(server.owner.read("/me/sign-ins").await.ok()["items"][0]["way"], "passkey");
    let id = has["passkeys"][0]["id"].as_str().unwrap().to_owned();
    browser.post(&format!("/account/passkeys/{id}/name"), [("name", "Old phone")]).await.leads("/account?said=changed");
    browser.post(&format!("/account/remove/{id}"), []).await.leads("/account?said=credential-removed");
    other.get("/").await.leads("/sign-in?next=%2F");
    phone.sign_in(&other).await.is(422).shows("not right");
    let kinds = server.owner.event_kinds().await;
    for kind in ["person.passkey_added", "person.passkey_renamed", "person.passkey_removed"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_good_once_here_and_by_whoever_was_asked_who_they_are() {
    let server = Server::start().await;
    let own = Browser::linked(&server, "owner").await;
    let mut phone = Device::new(true);
    phone.add(&own, "phone").await.leads("/account?said=passkey-added");
    let browser = Browser::new(&server);
    let options = browser.ask("/sign-in/passkey/ask").await;
    assert!(options["allowCredentials"].as_array().is_none_or(Vec::is_empty), "nobody is told which passkeys there are: {options}");
    let answer = phone.answer(&server.url, &options);
    let step = browser.cookie("__Host-brevet-step").unwrap();
    // In another browser; with the challenge of another; then right, and once more.
    Browser::new(&server).post("/sign-in/passkey", [("credential", answer.as_str())]).await.leads("/sign-in?why=late");
    let other = Browser::new(&server);
    other.ask("/sign-in/passkey/ask").await;
    other.post("/sign-in/passkey", [("credential", answer.as_str())]).await.is(422).shows("not right");
    browser.post("/sign-in/passkey", [("credential", answer.as_str())]).await.leads("/");
    let replay = Browser::new(&server);
    replay.set_cookie("__Host-brevet-step", &step);
    replay.post("/sign-in/passkey", [("credential", answer.as_str())]).await.leads("/sign-in?why=late");
    replay.get("/").await.leads("/sign-in?next=%2F");
    // On an imitated page, after ten minutes, unreadable, and by a mere touch.
    let options = replay.ask("/sign-in/passkey/ask").await;
    let answer = phone.answer("https://evil.example", &options);
    replay.post("/sign-in/passkey", [("credential", answer.as_str())]).await.is(422).shows("not right");
    let options = replay.ask("/sign-in/passkey/ask").await;
    let answer = phone.answer(&server.url, &options);
    server.app.clock.advance("11m".parse().unwrap());
    replay.post("/sign-in/passkey", [("credential", answer.as_str())]).await.leads("/sign-in?why=late");
    for broken in ["", "{}", "[1", "{\"id\":\"x\"}"] {
        replay.ask("/sign-in/passkey/ask").await;
        replay.post("/sign-in/passkey", [("credential", broken)]).await.is(422);
    }
    let own = Browser::linked(&server, "owner").await;
    let mut touched = Device::new(false);
    let mut options = own.ask("/account/passkeys/ask").await;
    options["authenticatorSelection"]["userVerification"] = json!("discouraged");
    let made = touched.make(&server.url, &options);
    own.post("/account/passkeys", [("name", "touched"), ("credential", made.as_str())]).await.is(422);
    // Nor is it good for anybody else.
    let options = replay.ask("/sign-in/passkey/ask").await;
    let mut answer: Value = serde_json::from_str(&phone.answer(&server.url, &options)).unwrap();
    answer["response"]["userHandle"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    replay.post("/sign-in/passkey", [("credential", answer.to_string().as_str())]).await.is(422).shows("not right");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_a_second_factor_of_its_own_person_alone() {
    let server = Server::start().await;
    server.owner.post("/persons", json!({ "name": "alice", "roles": ["auditor"] })).await.ok();
    let (alice, owner) = (Browser::linked(&server, "alice").await, Browser::linked(&server, "owner").await);
    let (mut hers, mut theirs) = (Device::new(true), Device::new(true));
    hers.add(&alice, "hers").await.leads("/account?said=passkey-added");
    theirs.add(&owner, "theirs").await.leads("/account?said=passkey-added");
    alice.set_password(GOOD).await.leads("/account?said=password-set");
    let browser = Browser::new(&server);
    browser.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    let page = browser.get("/sign-in/second").await.is(200).shows("Use a passkey");
    assert!(!page.text.contains("Six digits"));
    // Nothing was asked yet; and somebody else's is not hers.
    browser.post("/sign-in/second/passkey", [("credential", "{}")]).await.leads("/sign-in?why=late");
    let options = browser.ask("/sign-in/second/passkey/ask").await;
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    let answer = theirs.answer(&server.url, &options);
    browser.post("/sign-in/second/passkey", [("credential", answer.as_str())]).await.is(422).shows("not right");
    // A wrong answer used the challenge up.
    let answer = hers.answer(&server.url, &options);
    browser.post("/sign-in/second/passkey", [("credential", answer.as_str())]).await.leads("/sign-in?why=late");
    let options = browser.ask("/sign-in/second/passkey/ask").await;
    let answer = hers.answer(&server.url, &options);
    browser.post("/sign-in/second/passkey", [("credential", answer.as_str())]).await.leads("/");
    browser.get("/").await.is(200).shows("alice");
    assert_eq!(server.owner.read("/persons/alice/sign-ins").await.ok()["items"][0]["way"], "password_and_passkey");
    server.owner.put("/persons/alice/enabled", json!({ "enabled": false })).await.ok();
    hers.sign_in(&browser).await.is(422).shows("signs nobody in any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_was_added_by_a_link_that_somebody_saw_counts_as_theirs() {
    let server = Server::start().await;
    for name in ["second", "third"] {
        server.owner.post("/persons", json!({ "name": name, "roles": ["owner"] })).await.ok();
    }
    let second = server.own_token("second").await;
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    let link = server.owner.call(Method::POST, "/persons/third/sign-in", None, None).await.ok();
    let shown = second.post(&format!("/proposals/{}/confirm", link["id"].as_str().unwrap()), json!({})).await.ok();
    let evil = Browser::new(&server);
    evil.post(&shown["answer"]["sign_in"].as_str().unwrap().replace(&server.url, ""), []).await.leads("/");
    let mut key = Device::new(true);
    key.add(&evil, "planted").await.leads("/account?said=passkey-added");
    key.sign_in(&evil).await.leads("/requests");
    let known = server.owner.read("/persons/second").await.ok()["id"].clone();
    assert_eq!(server.owner.read("/persons/third/sign-ins").await.ok()["items"][0]["known_by"], known);
    // And what is added with it is theirs too.
    let mut another = Device::new(true);
    another.add(&evil, "another").await.leads("/account?said=passkey-added");
    let has = server.owner.read("/persons/third/credentials").await.ok();
    assert!(has["passkeys"].as_array().unwrap().iter().all(|key| key["known_by"] == known), "{has}");
}
