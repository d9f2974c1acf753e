//! Signing in to the console by name, password and second factor: what is let in, what is not, and what ends.

use brevet_core::time::Length;
use reqwest::Method;
use serde_json::json;

use crate::support::Server;
use crate::web::Browser;

const GOOD: &str = "seven quiet otters juggle";
const REFUSED: &str = "Name or password is wrong, or no second factor is set up.";

fn minutes(count: u64) -> Length {
    Length::from_minutes(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_owner_sets_up_password_and_app_and_signs_in_by_both_alone() {
    let server = Server::start().await;
    let browser = Browser::new(&server);
    browser.post(&server.sign_in.replace(&server.url, ""), []).await.leads("/");
    browser.get("/").await.is(200).shows("Set up what you sign in with");
    browser.get("/account").await.is(200).shows("You have nothing yet to sign in with");
    for (weak, why) in [("short", "at least 8"), ("password1234", "try first"), ("owner-2026", "try first"), ("abcdefghijkl", "try first")]
    {
        browser.set_password(weak).await.is(422).shows(why);
    }
    browser.post("/account/password", [("password", GOOD), ("again", "other")]).await.is(422).shows("not the same");
    browser.set_password(GOOD).await.leads("/account?said=password-set");
    // The password alone signs nobody in, and says no more than any other.
    let other = Browser::new(&server);
    other.name_and_password("owner", GOOD).await.is(422).shows(REFUSED);
    let wrong = browser.post("/account/app", []).await.is(200);
    assert!(wrong.text.contains("<svg") && !wrong.text.contains("style="), "{}", wrong.text);
    browser.post("/account/app/confirm", [("code", "000000")]).await.is(422).shows("not right");
    let (app, codes) = browser.set_up_app(&server).await;
    assert_eq!(codes.len(), 10);
    browser.get("/account").await.is(200).shows("10 recovery codes left");
    other.name_and_password("owner", "not this one at all").await.is(422).shows(REFUSED);
    other.get("/").await.leads("/sign-in?next=%2F");
    other.name_and_password(" owner ", GOOD).await.leads("/sign-in/second");
    other.get("/").await.leads("/sign-in?next=%2F");
    other.get("/sign-in/second").await.is(200).shows("Six digits");
    other.post("/sign-in/second", [("code", "000000")]).await.is(422).shows("not right");
    // The code that set the app up was used.
    other.post("/sign-in/second", [("code", &app.first)]).await.is(422).shows("it was used");
    let used = app.code(&server, 1);
    other.post("/sign-in/second", [("code", &used)]).await.leads("/");
    other.get("/").await.is(200);
    assert!(other.cookie("__Host-brevet-step").is_none());
    // Replayed in a third browser, with the right password.
    let third = Browser::new(&server);
    third.name_and_password("owner", GOOD).await.leads("/sign-in/second");
    third.post("/sign-in/second", [("code", &used)]).await.is(422);
    let typed = codes[3].to_uppercase().replace('-', " ");
    third.post("/sign-in/second", [("code", &typed)]).await.leads("/");
    third.post("/sign-out", []).await.leads("/sign-in?why=out");
    third.name_and_password("owner", GOOD).await.leads("/sign-in/second");
    third.post("/sign-in/second", [("code", &codes[3])]).await.is(422);
    let kinds = server.owner.event_kinds().await;
    for kind in ["person.password_set", "person.app_set_up", "person.signed_in", "person.sign_in_refused", "person.signed_out"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind} {kinds:?}");
    }
    let events = server.owner.read("/events?limit=500").await.ok().to_string();
    assert!(!events.contains(GOOD) && codes.iter().all(|code| !events.contains(code)), "a secret is in an event");
    let bytes = server.database_bytes();
    for secret in [GOOD.as_bytes(), codes[0].as_bytes()] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "a secret is in the database");
    }
}

/// Somebody with password and app, and a browser in which they are signed in.
async fn set_up(server: &Server, name: &str) -> (Browser, crate::web::App) {
    server.owner.post("/persons", json!({ "name": name, "roles": ["owner"] })).await;
    let browser = Browser::linked(server, name).await;
    browser.set_password(GOOD).await.leads("/account?said=password-set");
    let (app, _) = browser.set_up_app(server).await;
    (browser, app)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_names_are_answered_with_the_same_words_in_the_same_time() {
    let server = Server::start().await;
    set_up(&server, "alice").await;
    server.owner.post("/persons", json!({ "name": "bobby", "roles": ["auditor"] })).await.ok();
    let mut seen = Vec::new();
    let mut fastest = Vec::new();
    for name in ["alice", "bobby", "nobod"] {
        let mut times = Vec::new();
        let mut text = String::new();
        for _ in 0..4 {
            let began = std::time::Instant::now();
            let page = Browser::new(&server).name_and_password(name, "not the password").await.is(422).shows(REFUSED);
            times.push(began.elapsed());
            text = page.text.replace(name, "NAME");
        }
        seen.push(text);
        fastest.push(times.into_iter().min().unwrap());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert!(fastest[2] * 4 > fastest[0] && fastest[1] * 4 > fastest[0], "{fastest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_is_slowed_down_and_keeps_nobody_out() {
    let server = Server::start().await;
    let (own, app) = set_up(&server, "alice").await;
    own.post("/sign-out", []).await.leads("/sign-in?why=out");
    let stranger = Browser::new(&server);
    for name in ["alice", "nobody"] {
        for _ in 0..10 {
            stranger.name_and_password(name, "wrong guess").await.is(422);
        }
        stranger.name_and_password(name, GOOD).await.is(429).shows("too many wrong attempts for this name");
    }
    // Another browser of hers has to wait too, but the one that she used before has not; nor has anybody else.
    own.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    own.post("/sign-in/second", [("code", &app.code(&server, 1))]).await.leads("/");
    stranger.name_and_password("owner", "wrong guess").await.is(422);
    // Hers is no mark for another name, and a changed one is none.
    let forged = Browser::new(&server);
    forged.set_cookie("__Host-brevet-device", &own.cookie("__Host-brevet-device").unwrap().replace("per_", "par_"));
    forged.name_and_password("alice", GOOD).await.is(429);
    server.app.clock.advance(minutes(1));
    stranger.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    // The second factor: five tries, then the password again.
    for _ in 0..5 {
        stranger.post("/sign-in/second", [("code", "000000")]).await.is(422);
    }
    stranger.post("/sign-in/second", [("code", &app.code(&server, 2))]).await.leads("/sign-in?why=late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_is_slowed_down_whatever_names_it_tries() {
    let mut config = crate::support::config();
    config.sign_in.address_attempts = 3;
    let server = Server::with(config).await;
    let stranger = Browser::new(&server);
    for number in 0..3 {
        stranger.name_and_password(&format!("name {number}"), "x").await.is(422);
    }
    stranger.name_and_password("name 3", "x").await.is(429).shows("from here");
    server.app.clock.advance("5s".parse().unwrap());
    stranger.name_and_password("name 3", "x").await.is(422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_signed_in_by_a_cookie_that_was_there_before() {
    let server = Server::start().await;
    let (own, app) = set_up(&server, "alice").await;
    let victim = Browser::new(&server);
    victim.set_cookie("__Host-brevet", "a-secret-that-an-attacker-knows");
    victim.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    let step = victim.cookie("__Host-brevet-step").unwrap();
    victim.post("/sign-in/second", [("code", &app.code(&server, 1))]).await.leads("/");
    let first = victim.cookie("__Host-brevet").unwrap();
    assert_ne!(first, "a-secret-that-an-attacker-knows");
    let attacker = Browser::new(&server);
    attacker.set_cookie("__Host-brevet", "a-secret-that-an-attacker-knows");
    attacker.get("/account").await.leads("/sign-in?next=%2Faccount");
    // The step is used up with it, and is itself no sign-in.
    attacker.set_cookie("__Host-brevet-step", &step);
    attacker.post("/sign-in/second", [("code", &app.code(&server, 2))]).await.leads("/sign-in?why=late");
    attacker.set_cookie("__Host-brevet", &step);
    attacker.get("/account").await.leads("/sign-in?next=%2Faccount");
    // Signing in again in the same browser is a new secret, and the one before ends.
    server.app.clock.advance(minutes(2));
    victim.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    victim.post("/sign-in/second", [("code", &app.code(&server, 0))]).await.leads("/");
    assert_ne!(victim.cookie("__Host-brevet").unwrap(), first);
    attacker.set_cookie("__Host-brevet", &first);
    attacker.get("/account").await.leads("/sign-in?next=%2Faccount");
    own.get("/account").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_stays_in_the_console() {
    let server = Server::start().await;
    let (_, app) = set_up(&server, "alice").await;
    for (at, (next, to)) in [("//evil.example/", "/"), ("/requests?state=pending", "/requests?state=pending")].into_iter().enumerate() {
        let browser = Browser::new(&server);
        browser.get("/sign-in?next=%22%3E%3Cscript%3E").await.is(200).shows("&#34;&#62;&#60;script&#62;");
        browser.post("/sign-in", [("name", "alice"), ("password", GOOD), ("next", next)]).await.leads("/sign-in/second");
        server.app.clock.advance("30s".parse().unwrap());
        browser.post("/sign-in/second", [("code", &app.code(&server, i64::try_from(at).unwrap()))]).await.leads(to);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_disabled_is_out_at_once_and_signs_in_anew_when_enabled() {
    let server = Server::start().await;
    let (browser, app) = set_up(&server, "alice").await;
    let half = Browser::new(&server);
    half.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    server.owner.put("/persons/alice/enabled", json!({ "enabled": false })).await.ok();
    browser.get("/").await.leads("/sign-in?next=%2F");
    half.post("/sign-in/second", [("code", &app.code(&server, 1))]).await.leads("/sign-in?why=late");
    half.name_and_password("alice", GOOD).await.is(422).shows(REFUSED);
    server.owner.put("/persons/alice/enabled", json!({ "enabled": true })).await.ok();
    browser.get("/").await.leads("/sign-in?next=%2F");
    half.post("/sign-in/second", [("code", &app.code(&server, 1))]).await.leads("/sign-in?why=late");
    half.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    half.post("/sign-in/second", [("code", &app.code(&server, 1))]).await.leads("/");
    // Removed, nothing of it is left.
    server.owner.delete("/persons/alice").await.ok();
    half.get("/").await.leads("/sign-in?next=%2F");
    let left = server.owner.read("/persons/alice/credentials").await.ok();
    assert_eq!(left, json!({ "recovery_codes": 0, "passkeys": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_ends_when_it_is_idle_and_at_the_latest_after_half_a_day() {
    let server = Server::start().await;
    let idle = Browser::linked(&server, "owner").await;
    server.app.clock.advance(minutes(59));
    idle.get("/account").await.is(200);
    // It was remembered that somebody looked.
    for _ in 0..100 {
        let seen = server.owner.read("/me/sign-ins").await.ok();
        if seen["items"][0]["seen"] != seen["items"][0]["since"] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.app.clock.advance(minutes(59));
    // What a page asks for by itself does not count.
    let before = server.owner.read("/me/sign-ins").await.ok()["items"][0]["seen"].clone();
    idle.part("/account").await.is(200);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(server.owner.read("/me/sign-ins").await.ok()["items"][0]["seen"], before);
    server.app.clock.advance(minutes(2));
    idle.get("/account").await.leads("/sign-in?next=%2Faccount");
    let busy = Browser::linked(&server, "owner").await;
    for _ in 0..24 {
        server.app.clock.advance(minutes(29));
        let before = server.owner.read("/me/sign-ins").await.ok()["items"][0]["seen"].clone();
        busy.get("/account").await.is(200);
        for _ in 0..100 {
            if server.owner.read("/me/sign-ins").await.ok()["items"][0]["seen"] != before {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    server.app.clock.advance(minutes(29));
    busy.get("/account").await.leads("/sign-in?next=%2Faccount");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_are_listed_and_ended_and_a_new_password_ends_the_others() {
    let server = Server::start().await;
    let (first, app) = set_up(&server, "alice").await;
    let second = Browser::new(&server);
    second.name_and_password("alice", GOOD).await.leads("/sign-in/second");
    second.post("/sign-in/second", [("code", &app.code(&server, 1))]).await.leads("/");
    let page = first.get("/account").await.is(200).shows("This browser").shows("by password and code").shows("Test/1");
    assert_eq!(["Sign out here", "Sign out there"].map(|words| page.text.matches(words).count()), [1, 1]);
    assert!(page.text.contains("That browser is signed out at once"), "{}", page.text);
    let listed = server.owner.read("/persons/alice/sign-ins").await.ok();
    assert_eq!((&listed["items"][0]["way"], &listed["items"][1]["way"]), (&json!("password_and_code"), &json!("link")));
    second.set_password("nine loud herons whisper").await.leads("/account?said=password-set");
    first.get("/").await.leads("/sign-in?next=%2F");
    second.get("/").await.is(200);
    // Their own, one by one; nobody else's.
    let owner = Browser::linked(&server, "owner").await;
    let id = server.owner.read("/persons/alice/sign-ins").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    owner.post(&format!("/account/sign-ins/{id}/end"), []).await.is(404);
    second.get("/").await.is(200);
    server.owner.delete(&format!("/persons/alice/sign-ins/{id}")).await.ok();
    second.get("/").await.leads("/sign-in?next=%2F");
    server.owner.delete(&format!("/persons/alice/sign-ins/{id}")).await.refused("not_found");
    owner.post("/account/sign-ins/end", []).await.leads("/sign-in?why=out");
    owner.get("/").await.leads("/sign-in?next=%2F");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_one_signs_in_is_changed_only_soon_after_a_sign_in() {
    let server = Server::start().await;
    let (browser, _) = set_up(&server, "alice").await;
    server.app.clock.advance(minutes(16));
    browser.get("/account").await.is(200).shows("sign in once more");
    browser.set_password("nine loud herons whisper").await.leads("/sign-in?why=again&next=%2Faccount");
    for path in ["/account/app", "/account/recovery-codes", "/account/remove/app", "/account/remove/password"] {
        browser.post(path, []).await.leads("/sign-in?why=again&next=%2Faccount");
    }
    let has = server.owner.read("/persons/alice/credentials").await.ok();
    assert!(has["password"].is_object() && has["app"].is_object(), "{has}");
    assert_eq!(has["recovery_codes"], 10);
    // Nor does another site change anything.
    let foreign = server.http.post(format!("{}/account/sign-ins/end", server.url)).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_takes_credentials_away_and_under_four_eyes_two_do() {
    let server = Server::start().await;
    let (browser, _) = set_up(&server, "alice").await;
    let second = server.own_token("alice").await;
    let auditor = server.person("auditor", &["auditor"], false).await;
    auditor.delete("/persons/alice/credentials/app").await.refused("forbidden");
    auditor.delete("/persons/alice/sign-ins").await.refused("forbidden");
    assert!(auditor.read("/persons/alice/credentials").await.ok()["app"].is_object());
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    let proposed = server.owner.delete("/persons/alice/credentials/app").await;
    assert_eq!(proposed.status, 202, "{}", proposed.body);
    assert_eq!(proposed.body["differences"][0]["kind"], "authenticator_app", "{}", proposed.body);
    browser.get("/").await.is(200);
    let id = proposed.body["id"].as_str().unwrap();
    second.post(&format!("/proposals/{id}/confirm"), json!({})).await.ok();
    browser.get("/").await.leads("/sign-in?next=%2F");
    let has = server.owner.read("/persons/alice/credentials").await.ok();
    assert!(has["password"].is_object() && has["app"].is_null() && has["recovery_codes"] == 0, "{has}");
    server.owner.delete("/persons/alice/credentials/nothing").await.refused("not_found");
    // One alone signs somebody out.
    assert_eq!(server.owner.delete("/persons/alice/sign-ins").await.status, 204);
}

/// Whoever was shown the link could have set up what was set up with it: it counts as theirs too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_up_in_a_sign_in_that_somebody_else_knows_is_known_to_them() {
    let server = Server::start().await;
    server.owner.post("/persons", json!({ "name": "second", "roles": ["owner"] })).await.ok();
    server.owner.post("/persons", json!({ "name": "third", "roles": ["owner"] })).await.ok();
    let second = server.own_token("second").await;
    let own = server.owner.read("/persons/second").await.ok()["id"].clone();
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    let link = server.owner.call(Method::POST, "/persons/third/sign-in", None, None).await.ok();
    let shown = second.post(&format!("/proposals/{}/confirm", link["id"].as_str().unwrap()), json!({})).await.ok();
    let evil = Browser::new(&server);
    evil.post(&shown["answer"]["sign_in"].as_str().unwrap().replace(&server.url, ""), []).await.leads("/");
    evil.set_password(GOOD).await.leads("/account?said=password-set");
    let (app, _) = evil.set_up_app(&server).await;
    let has = server.owner.read("/persons/third/credentials").await.ok();
    assert_eq!((&has["password"]["known_by"], &has["app"]["known_by"]), (&own, &own));
    evil.post("/sign-out", []).await.leads("/sign-in?why=out");
    evil.name_and_password("third", GOOD).await.leads("/sign-in/second");
    evil.post("/sign-in/second", [("code", &app.code(&server, 1))]).await.leads("/");
    assert_eq!(server.owner.read("/persons/third/sign-ins").await.ok()["items"][0]["known_by"], own);
    // A token that is made there is no second person to them, whatever they set anew.
    evil.set_password("nine loud herons whisper").await.leads("/account?said=password-set");
    let page = evil.post("/token", []).await.is(200);
    let token = page.text.split("<pre class=\"command\">").nth(1).unwrap().split("</pre>").next().unwrap().to_owned();
    let third = crate::support::Actor { token, ..server.owner.clone() };
    let proposed = second.post("/persons", json!({ "name": "x", "roles": ["auditor"] })).await.ok();
    let path = format!("/proposals/{}/confirm", proposed["id"].as_str().unwrap());
    third.post(&path, json!({})).await.refused("own_proposal");
    server.owner.post(&path, json!({})).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_rules_the_server_makes_a_link_for_somebody_who_lost_everything_and_it_is_on_record() {
    let server = Server::start().await;
    let recover = |person: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_brevet-server"));
        command.arg("recover").arg("--data").arg(server.data.path()).args(["--person", person, "--json"]).args(["--url", &server.url]);
        if let Some(database) = &server.database {
            command.args(["--database", database]);
        }
        command.output().unwrap()
    };
    let made = recover("owner");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let path = made["sign_in"].as_str().unwrap().replace(&server.url, "");
    Browser::new(&server).post(&path, []).await.leads("/");
    Browser::new(&server).post(&path, []).await.is(404);
    let event = server.owner.read("/events?kind=person.recovery_link_made").await.ok();
    assert_eq!((&event["items"][0]["actor"]["kind"], &event["items"][0]["person"]), (&json!("server"), &made["person"]), "{event}");
    assert!(!event.to_string().contains(path.rsplit('/').next().unwrap()));
    assert!(server.owner.read("/me/sign-ins").await.ok()["items"][0]["known_by"].is_null());
    server.owner.post("/persons", json!({ "name": "gone", "roles": ["auditor"] })).await.ok();
    server.owner.put("/persons/gone/enabled", json!({ "enabled": false })).await.ok();
    for (person, why) in [("gone", "disabled"), ("nobody", "there is no person")] {
        let refused = recover(person);
        assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains(why), "{refused:?}");
    }
}
