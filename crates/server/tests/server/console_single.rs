//! Single sign-on: who comes in by what a provider says, and what is believed of it. The provider here says whatever a test wants; a real
//! one signs somebody in in e2e/browser.

use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_server::config::Config;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::console_events::Signed;
use crate::support::Server;
use crate::web::{Browser, Page};

const SECRET: &str = "a client secret of at least thirty-two bytes";

#[derive(Clone)]
struct Provider {
    issuer: String,
    /// What its token and its userinfo say.
    says: Arc<Mutex<(Value, Value)>>,
    key: Arc<Mutex<String>>,
    verifier: Arc<Mutex<String>>,
}

async fn discovery(State(it): State<Provider>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", it.issuer);
    Json(json!({
        "issuer": it.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"), "jwks_uri": at("/jwks"),
        "userinfo_endpoint": at("/userinfo"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256"],
    }))
}

async fn token(State(it): State<Provider>, Form(fields): Form<Vec<(String, String)>>) -> Json<Value> {
    let verifier = fields.iter().find(|(name, _)| name == "code_verifier").unwrap();
    *it.verifier.lock().unwrap() = verifier.1.clone();
    let claims = it.says.lock().unwrap().0.clone();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&json!({ "alg": "HS256", "typ": "JWT" })), encode(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(it.key.lock().unwrap().as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    Json(json!({ "access_token": "access", "token_type": "Bearer", "id_token": token }))
}

impl Provider {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let it = Self { issuer, says: Arc::default(), key: Arc::new(Mutex::new(SECRET.into())), verifier: Arc::default() };
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(|| async { Json(json!({ "keys": [] })) }))
            .route("/token", post(token))
            .route("/userinfo", get(|State(it): State<Self>| async move { Json(it.says.lock().unwrap().1.clone()) }))
            .with_state(it.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        it
    }

    async fn server(&self, more: &str) -> (Server, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        let written = format!(
            "[openid]\nname = \"Example\"\nissuer = \"{}\"\nclient_id = \"brevet\"\nclient_secret_file = \"{}\"\n{more}",
            self.issuer,
            file.display()
        );
        let parsed: Config = toml::from_str(&written).unwrap();
        (Server::with(Config { openid: parsed.openid, ..crate::support::config() }).await, folder)
    }

    /// Leaves for the provider: the state, nonce and challenge that it is sent.
    async fn leave(&self, browser: &Browser, next: &str) -> (String, String, String) {
        let page = browser.get(&format!("/sign-in/single?next={next}")).await;
        assert_eq!(page.status, 303, "{}", page.text);
        let to = url::Url::parse(&page.to).unwrap();
        assert!(page.to.starts_with(&format!("{}/authorize?", self.issuer)), "{}", page.to);
        let of = |name: &str| to.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!((of("response_type"), of("code_challenge_method")), ("code".into(), "S256".into()));
        assert_eq!(of("redirect_uri"), format!("{}/sign-in/single/back", browser.url));
        (of("state"), of("nonce"), of("code_challenge"))
    }

    fn says(&self, nonce: &str, more: Value, info: Value) {
        let now = brevet_server::clock::Clock::default().now().millis() / 1000;
        let mut claims = json!({ "iss": self.issuer, "aud": "brevet", "iat": now, "exp": now + 60, "nonce": nonce });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut user = json!({ "sub": claims["sub"] });
        user.as_object_mut().unwrap().extend(info.as_object().unwrap().clone());
        *self.says.lock().unwrap() = (claims, user);
    }

    /// The whole way, with what the provider says of whoever it is.
    async fn sign_in(&self, browser: &Browser, token: Value, info: Value) -> Page {
        let (state, nonce, challenge) = self.leave(browser, "%2Frequests").await;
        self.says(&nonce, token, info);
        let page = browser.get(&format!("/sign-in/single/back?code=c&state={state}&iss=x")).await;
        let verifier = std::mem::take(&mut *self.verifier.lock().unwrap());
        assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)), challenge);
        page
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_person_comes_in_and_nobody_else() {
    let provider = Provider::start().await;
    let (server, _folder) = provider.server("").await;
    server.owner.post("/persons", json!({ "name": "alice", "roles": ["approver"] })).await.ok();
    let browser = Browser::new(&server);
    browser.get("/sign-in").await.is(200).shows("Sign in with Example");
    provider.sign_in(&browser, json!({ "sub": "s-1", "preferred_username": "alice" }), json!({})).await.is(403).shows("s-1");
    server.owner.put("/persons/alice/identity", json!({ "subject": "s-1" })).await.ok();
    server.owner.put("/persons/owner/identity", json!({ "subject": "s-1" })).await.refused("invalid");
    provider.sign_in(&browser, json!({ "sub": "s-1" }), json!({})).await.leads("/requests");
    browser.get("/").await.is(200).shows("alice");
    assert_eq!(server.owner.read("/persons/alice/sign-ins").await.ok()["items"][0]["way"], "single_sign_on");
    // Disabled here, they stay out, whatever the provider says.
    server.owner.put("/persons/alice/enabled", json!({ "enabled": false })).await.ok();
    provider.sign_in(&browser, json!({ "sub": "s-1" }), json!({})).await.is(403);
    browser.get("/").await.leads("/sign-in?next=%2F");
    server.owner.put("/persons/alice/enabled", json!({ "enabled": true })).await.ok();
    provider.sign_in(&browser, json!({ "sub": "s-1" }), json!({})).await.leads("/requests");
    server.owner.delete("/persons/alice/identity").await.ok();
    browser.get("/").await.leads("/sign-in?next=%2F");
    provider.sign_in(&browser, json!({ "sub": "s-1" }), json!({})).await.is(403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_meant_for_this_sign_in_is_not_believed() {
    let provider = Provider::start().await;
    let (server, _folder) = provider.server("").await;
    server.owner.put("/persons/owner/identity", json!({ "subject": "s-1" })).await.ok();
    let browser = Browser::new(&server);
    for wrong in
        [json!({ "nonce": "another" }), json!({ "aud": "somebody else" }), json!({ "iss": "https://evil.example" }), json!({ "exp": 1 })]
    {
        let mut says = json!({ "sub": "s-1" });
        says.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        provider.sign_in(&browser, says, json!({})).await.is(503).shows("is not right");
    }
    *provider.key.lock().unwrap() = "another key of at least thirty-two bytes, too".into();
    provider.sign_in(&browser, json!({ "sub": "s-1" }), json!({})).await.is(503);
    *provider.key.lock().unwrap() = SECRET.into();
    // What it says elsewhere of somebody else.
    provider.sign_in(&browser, json!({ "sub": "s-1" }), json!({ "sub": "s-2" })).await.is(503);
    browser.get("/").await.leads("/sign-in?next=%2F");
    // Another state; another browser; twice.
    let (_, nonce, _) = provider.leave(&browser, "").await;
    provider.says(&nonce, json!({ "sub": "s-1" }), json!({}));
    browser.get("/sign-in/single/back?code=c&state=made-up").await.leads("/sign-in?why=late");
    let (state, nonce, _) = provider.leave(&browser, "%2F%2Fevil.example").await;
    provider.says(&nonce, json!({ "sub": "s-1" }), json!({}));
    let back = format!("/sign-in/single/back?code=c&state={state}");
    Browser::new(&server).get(&back).await.leads("/sign-in?why=late");
    let step = browser.cookie("__Host-brevet-step").unwrap();
    browser.get(&back).await.leads("/");
    browser.get("/").await.is(200);
    let thief = Browser::new(&server);
    thief.set_cookie("__Host-brevet-step", &step);
    thief.get(&back).await.leads("/sign-in?why=late");
    let (state, ..) = provider.leave(&thief, "").await;
    thief.get(&format!("/sign-in/single/back?error=access_denied&state={state}")).await.is(403).shows("did not sign you in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_found_by_a_verified_address_is_that_one_for_ever() {
    let provider = Provider::start().await;
    let (server, _folder) = provider.server("match = \"email\"\n").await;
    server.owner.post("/persons", json!({ "name": "ann@example.com", "roles": ["auditor"] })).await.ok();
    let browser = Browser::new(&server);
    for unverified in [json!({}), json!({ "email_verified": false })] {
        let mut says = json!({ "sub": "s-1", "email": "ann@example.com" });
        says.as_object_mut().unwrap().extend(unverified.as_object().unwrap().clone());
        provider.sign_in(&browser, says, json!({})).await.is(403);
    }
    let verified = json!({ "email": "ann@example.com", "email_verified": true });
    provider.sign_in(&browser, json!({ "sub": "s-1" }), verified.clone()).await.leads("/requests");
    assert_eq!(server.owner.read("/persons/ann@example.com/credentials").await.ok()["identity"]["subject"], "s-1");
    // The address went to somebody else there.
    provider.sign_in(&Browser::new(&server), json!({ "sub": "s-2" }), verified).await.is(403);
    provider.sign_in(&Browser::new(&server), json!({ "sub": "s-1", "email": "new@example.com" }), json!({})).await.leads("/requests");
    assert!(server.owner.event_kinds().await.contains(&"person.identity_linked".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_give_roles_and_never_take_the_last_owner() {
    let provider = Provider::start().await;
    let more = "match = \"preferred_username\"\n[openid.groups]\nadmins = [\"administrator\"]\nreaders = [\"auditor\"]\n";
    let (server, _folder) = provider.server(more).await;
    server.owner.post("/persons", json!({ "name": "bob", "roles": ["approver"] })).await.ok();
    let browser = Browser::new(&server);
    let bob = json!({ "sub": "b", "preferred_username": "bob" });
    provider.sign_in(&browser, bob.clone(), json!({ "groups": ["others"] })).await.is(403).shows("none of your groups");
    assert_eq!(server.owner.read("/persons/bob").await.ok()["roles"], json!(["approver"]));
    provider.sign_in(&browser, bob.clone(), json!({ "groups": ["readers", "admins"] })).await.leads("/requests");
    assert_eq!(server.owner.read("/persons/bob").await.ok()["roles"], json!(["administrator", "auditor"]));
    provider.sign_in(&browser, bob, json!({ "groups": "readers" })).await.leads("/requests");
    assert_eq!(server.owner.read("/persons/bob").await.ok()["roles"], json!(["auditor"]));
    let owner = json!({ "sub": "o", "preferred_username": "owner" });
    provider.sign_in(&browser, owner, json!({ "groups": ["admins"] })).await.is(403).shows("owner");
    assert!(server.owner.read("/persons/owner").await.ok()["roles"].to_string().contains("owner"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_keeps_nobody_from_anything_else() {
    let provider = Provider::start().await;
    let (server, folder) = provider.server("").await;
    drop(folder);
    let browser = Browser::new(&server);
    let (state, ..) = provider.leave(&browser, "").await;
    browser.get(&format!("/sign-in/single/back?code=c&state={state}")).await.is(503).shows("client_secret_file");
    let gone = Provider { issuer: "http://localhost:9".into(), ..provider };
    let (server, _folder) = gone.server("").await;
    Browser::new(&server).get("/sign-in/single").await.is(503).shows("does not work now");
    Browser::linked(&server, "owner").await.get("/").await.is(200);
    assert!(toml::from_str::<Config>("[openid]\nissuer = \"https://x\"\nclient_id = \"b\"\n").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_people_sign_in_is_shown_to_who_reads_people_and_no_secret_of_it() {
    let (server, folder) = Provider::start().await.server("[openid.groups]\n\"<b>ops\" = [\"approver\", \"auditor\"]\n").await;
    let said = server.owner.read("/settings/sign-in").await.ok();
    let single = &said["single_sign_on"];
    assert_eq!((&single["client_id"], &single["match"]), (&json!("brevet"), &json!("subject")));
    assert_eq!(single["groups"], json!({ "<b>ops": ["approver", "auditor"] }));
    assert_eq!((&said["idle"], &said["account_attempts"]), (&json!("1h"), &json!(10)));
    assert!(said["back"].as_str().unwrap().ends_with("/sign-in/single/back"), "{said}");
    assert!(said["ways"].as_array().unwrap().contains(&json!("single_sign_on")));
    let owner = Signed::owner(&server).await;
    let page = owner.text("/settings/sign-in").await;
    for part in ["Sign-in</a>", "&#60;b&#62;ops", "approver, auditor", "[openid]", "client_secret_file", "10 at once", "restart the server"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    for text in [said.to_string(), page] {
        assert!(!text.contains(SECRET) && !text.contains(folder.path().to_str().unwrap()), "{text}");
    }
    let approver = server.person("appa", &["approver"], false).await;
    approver.read("/settings/sign-in").await.refused("forbidden");
    server.person("aude", &["auditor"], false).await.read("/settings/sign-in").await.ok();
    let appa = Signed::person(&server, "appa").await;
    assert_eq!(appa.get("/settings/sign-in").await.status.as_u16(), 403);
    assert!(!appa.text("/settings").await.contains("/settings/sign-in"), "who may not is not led there");
    let page = appa.text("/settings/autonomous").await;
    assert!(page.contains("<nav class=\"mb-3\" aria-label=\"Settings\">"), "one of the settings' pages: {page}");
    // Without a provider.
    let server = Server::start().await;
    let said = server.owner.read("/settings/sign-in").await.ok();
    assert!(said.get("single_sign_on").is_none() && !said["ways"].as_array().unwrap().contains(&json!("single_sign_on")));
    assert!(Signed::owner(&server).await.text("/settings/sign-in").await.contains("names no provider"));
}
