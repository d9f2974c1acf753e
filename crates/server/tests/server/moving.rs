//! From SQLite to PostgreSQL by one command: everything is there, nobody has to do anything, or nothing happened.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use brevet_core::document::{GrantDocument, Kind, Manifest};
use brevet_core::id::SessionId;
use brevet_core::policy::Containment;
use brevet_core::record::{Body, SessionStarted};
use brevet_core::request::Command as Asked;
use brevet_server::config::Config;
use brevet_server::migrate::{MigrateError, to_postgres};
use brevet_server::store::copy::{CopyError, copy, make_tables};
use brevet_server::store::{Lock, Store};
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, Database, DbBackend, EntityTrait as _, QueryOrder as _, Statement, TransactionTrait as _};
use serde_json::{Value, json};

use crate::agent::{Agent, facts, policy_ref, random10};
use crate::console_passkey::Device;
use crate::postgres::fresh;
use crate::support::{Server, config, request_policy};
use crate::tears::content_of;
use crate::web::Browser;

/// A server on SQLite with something in every table that one has, and a computer with a grant.
struct Lived {
    server: Server,
    agent: Agent,
    policy: Value,
    /// The last place in the computer's sequence.
    seq: u64,
    /// The owner's, signed in to the console.
    cookie: String,
}

const AWKWARD: &str = "tabs\tand \"quotes\", 'ticks', \\back\\slashes, ünïcödé 漢字 🦀, \u{202e}turned\u{202c}, NUL \0 and\nlines";

async fn lived() -> Lived {
    let openid = "[openid]\nissuer = \"https://sso.example\"\nclient_id = \"brevet\"\nclient_secret_file = \"/nonexistent\"";
    let openid = toml::from_str::<Config>(openid).unwrap().openid;
    let server = Server::on(None, Config { openid, ..config() }).await;
    let owner = &server.owner;
    let policy = owner.post("/policies", request_policy("p")).await.ok();
    let file = json!({ "file": {
        "group": [{ "name": "g", "computers": ["web-1"] }, { "name": "people", "users": ["alice", "bob"] }],
        "list": [{ "name": "l", "rules": [{ "file": "/usr/bin/true" }] }],
        "policy": [{ "name": "q", "message": "ünïcödé \"quoted\" 'ticked' back\\slash 漢字 🦀", "computers": ["group:g"], "users": ["group:people"],
            "mode": "automatic", "applications": [{ "list": "l" }] }],
    } });
    owner.post("/apply", file).await.ok();
    // There is no mail server: what is to be told waits.
    let told = json!({ "name": "post", "kind": "email", "address": "a@example.com", "events": ["policy."] });
    owner.post("/notification-targets", told).await.ok();
    owner.put("/notification-templates/default", json!({ "subject": "ünïcödé {{ summary }}", "body": "{{ summary }}" })).await.ok();
    owner.post("/holds", json!({ "name": "h", "reason": "ünïcödé 漢字", "covers": { "user": "alice" } })).await.ok();
    owner.delete("/policies/q").await.ok();
    owner.put("/settings/autonomous", json!({ "value": "on" })).await.ok();
    server.person("ada", &["administrator", "approver"], true).await;
    owner.post("/persons/ada/os-users", json!({ "user": "ada" })).await.ok();
    let signed = server.http.post(&server.sign_in).send().await.unwrap();
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    // What somebody signs in with, and a sign-in that is half done.
    let browser = Browser::linked(&server, "ada").await;
    browser.set_password("seven quiet otters juggle").await.leads("/account?said=password-set");
    browser.set_up_app(&server).await;
    Device::new(true).add(&browser, "ünïcödé").await.leads("/account?said=passkey-added");
    browser.ask("/sign-in/passkey/ask").await;
    owner.put("/persons/ada/identity", json!({ "subject": "ünïcödé 漢字" })).await.ok();
    owner.call(Method::POST, "/policies", Some(request_policy("keyed")), Some(("idempotency-key", "k"))).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let opened =
        json!({ "computer": "web-1", "user": "alice", "application": { "file": "/usr/bin/true" }, "for": "8h", "reason": "ünïcödé" });
    owner.post("/break-glass", opened).await.ok();
    owner.post("/event-views", json!({ "name": "ünïcödé", "query": { "kind": "request.*" } })).await.ok();
    // As many events as make a node of the log that is kept.
    crate::event_log::many(&server, 256).await;
    // One proposal that waits, one that was confirmed.
    owner.post("/persons", json!({ "name": "second", "roles": ["owner"] })).await.ok();
    let second = server.own_token("second").await;
    owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    owner.post("/policies", request_policy("proposed")).await.ok();
    let off = owner.put("/settings/four_eyes", json!({ "value": "off" })).await.ok();
    second.post(&format!("/proposals/{}/confirm", off["id"].as_str().unwrap()), json!({})).await.ok();
    let mut stream = agent.stream(0, 0).await;
    let mut requests = Vec::new();
    for reason in [AWKWARD, "plain"] {
        let mut request = agent.request("alice", &policy, "30m");
        request.reason = reason.into();
        request.digest = request.compute_digest().unwrap();
        let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
        agent.deliver(vec![record]).await;
        requests.push(request.id);
    }
    owner.post(&format!("/requests/{}/approve", requests[0]), json!({ "comment": "go" })).await.ok();
    let grant: GrantDocument = agent.expect(&mut stream).await;
    let record = agent.record(&Body::GrantReceived(Box::new(grant.clone())));
    let applied = agent.record_raw("policy.applied", &json!({ "policy": policy["id"], "version": 1, "seq": 1 }));
    let again = agent.request("alice", &policy, "5m");
    let session = SessionStarted {
        session: SessionId::new(agent.now.millis(), random10()),
        grant: grant.grant.clone(),
        policy: policy_ref(&policy),
        user: again.user,
        command: Asked { application: facts("/usr/bin/true"), ..again.command },
        containment: Containment::Cgroup,
        terminal: false,
        reason: Some(AWKWARD.into()),
        ends: agent.now.plus("5m".parse().unwrap()),
    };
    let started = agent.record(&Body::SessionStarted(Box::new(session)));
    agent.deliver(vec![record, applied, started]).await;
    Lived { server, agent, policy, seq: grant.seq, cookie }
}

fn command(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brevet-server"));
    command.args(arguments).arg("--data").arg(data).stdin(Stdio::null()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_in_postgres_afterwards_and_everybody_goes_on() {
    let Lived { server, mut agent, policy, seq, cookie } = lived().await;
    let token = server.owner.token.clone();
    let newest = server.owner.read("/events").await.ok()["items"][0].clone();
    let data = server.stop().await;
    let there = Database::connect(format!("sqlite://{}/brevet.db", data.path().display())).await.unwrap();
    let before = content_of(&there).await;
    there.close().await.unwrap();
    let empty: Vec<&String> = before.iter().filter(|(_, rows)| rows.is_empty()).map(|(name, _)| name).collect();
    assert!(empty.is_empty(), "a new table? put something into it above: {empty:?}");

    let database = fresh();
    let moved = command(data.path(), &["migrate", "--to", &database]);
    let (said, told) = (String::from_utf8(moved.stdout).unwrap(), String::from_utf8(moved.stderr).unwrap());
    assert!(moved.status.success(), "{told}");
    for (table, rows) in &before {
        let line = said.lines().find(|line| line.split_whitespace().next() == Some(table)).unwrap_or_else(|| panic!("{table}: {said}"));
        assert_eq!(line.split_whitespace().nth(1).unwrap(), rows.len().to_string());
        assert!(told.contains(&format!("{table}: {}\n", rows.len())), "{told}");
    }
    let there = Database::connect(&database).await.unwrap();
    let mut after = content_of(&there).await;
    after.get_mut("event").unwrap().retain(|row| !row.contains("server.moved"));
    // The log has that event too; below it is verified as a whole.
    for (table, rows) in before.iter().filter(|(table, _)| *table != "event_log") {
        // The one character that PostgreSQL does not take was replaced before.
        assert_eq!(rows, &after[table], "{table}");
    }
    there.close().await.unwrap();
    // No server goes on with what was set aside.
    let old = command(data.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(!old.status.success() && String::from_utf8(old.stderr).unwrap().contains("nothing is set up"));
    let again = command(data.path(), &["migrate", "--to", &database]);
    assert!(!again.status.success());

    let server = Server::again(data, Some(&database), &token).await;
    let owner = &server.owner;
    agent.url.clone_from(&server.url);
    let mut stream = agent.stream(1, seq).await;
    assert_eq!(stream.next().await.kind(), Some(Kind::Heartbeat), "nothing is sent again, and no new trust document");
    let keyed = owner.call(Method::POST, "/policies", Some(request_policy("keyed")), Some(("idempotency-key", "k"))).await.ok();
    assert_eq!(keyed["name"], "keyed", "the answer that was kept");
    let home = server.http.get(format!("{}/", server.url)).header("cookie", &cookie).send().await.unwrap();
    assert!(home.status().is_success(), "still signed in");
    let record = agent.record_raw("x.y", &json!({}));
    agent.deliver(vec![record]).await;
    let asked = owner.read("/requests?state=pending").await.ok()["items"][0].clone();
    let grant = owner.post(&format!("/requests/{}/approve", asked["id"].as_str().unwrap()), json!({})).await.ok()["grant"].clone();
    let issued: GrantDocument = agent.expect(&mut stream).await;
    assert_eq!((issued.grant.as_str(), issued.epoch, issued.seq), (grant.as_str().unwrap(), 1, seq + 1));
    owner.post("/policies", request_policy("new")).await.ok();
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!((manifest.policies.len(), manifest.seq), (4, seq + 2));
    let request = agent.ask("alice", &policy, "5m").await;
    owner.read(&format!("/requests/{}", request.id)).await.ok();
    crate::event_log::verified(owner, 1000).await;
    // The numbers of events go on, so that whoever read up to one misses nothing.
    let events = brevet_server::store::entities::event::Entity::find();
    let events = events.order_by_asc(brevet_server::store::entities::event::Column::Seq).all(&server.app.store.pool).await.unwrap();
    let place = events.iter().position(|event| event.id == newest["id"].as_str().unwrap()).unwrap();
    assert_eq!(place + 1, before["event"].len());
    let kinds: Vec<&str> = events[place + 1..].iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds[0], "server.moved");
    assert!(kinds.contains(&"request.created") && kinds.contains(&"grant.issued"), "{kinds:?}");
    assert!(events.windows(2).all(|two| two[0].seq < two[1].seq));
    let journal = owner.read("/computers/web-1/journal").await.ok();
    assert_eq!(journal["records"].as_array().unwrap().len(), 7, "what came before and after, in one chain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_moved_is_left_as_it_is() {
    let Lived { server, .. } = lived().await;
    let token = server.owner.token.clone();
    let used = Server::shared(config()).await;
    let data = server.stop().await;
    let lock = Lock::take(data.path()).unwrap();
    assert!(matches!(to_postgres(data.path(), &fresh(), &mut |_| {}).await, Err(MigrateError::Running(_))));
    drop(lock);
    let to = async |url: &str| to_postgres(data.path(), url, &mut |_| {}).await;
    assert!(matches!(to("sqlite:///tmp/x.db").await, Err(MigrateError::NotPostgres)));
    assert!(matches!(to(used.database.as_deref().unwrap()).await, Err(MigrateError::InUse)));
    let other = used.database.clone().unwrap();
    used.stop().await;
    assert!(matches!(to(&other).await, Err(MigrateError::NotEmpty)));
    let missing = fresh().replace("/brevet_", "/no_brevet_");
    assert!(matches!(to(&missing).await, Err(MigrateError::To(_))));
    // A table that only one of them has, and a value that PostgreSQL would not take.
    let database = fresh();
    let sqlite = Database::connect(format!("sqlite://{}/brevet.db", data.path().display())).await.unwrap();
    sqlite.execute_unprepared("CREATE TABLE extra (x text)").await.unwrap();
    let error = to(&database).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Copy(CopyError::Schema(why)) if why.contains("extra")), "{error:?}");
    sqlite.execute_unprepared("DROP TABLE extra; UPDATE setting SET changed = 'yesterday'").await.unwrap();
    let error = to(&database).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Copy(CopyError::Table { table, .. }) if table == "setting"), "{error:?}");
    sqlite.execute_unprepared("UPDATE setting SET changed = 1").await.unwrap();
    sqlite.close().await.unwrap();
    let target = Database::connect(&database).await.unwrap();
    assert!(content_of(&target).await.is_empty(), "nothing is left of what failed");
    target.close().await.unwrap();
    // The server goes on from SQLite, and after that it can be moved all the same.
    let server = Server::again(data, None, &token).await;
    server.owner.read("/policies/p").await.ok();
    let data = server.stop().await;
    to_postgres(data.path(), &database, &mut |_| {}).await.unwrap();
}

/// A database that takes something else than it is given is found out by what is read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_is_found_out() {
    let Lived { server, .. } = lived().await;
    let data = server.stop().await;
    let from = Store::open(data.path(), None).await.unwrap();
    let changed = "NEW.comment = NEW.comment || '.'; RETURN NEW";
    let dropped = "RETURN NULL";
    for body in [changed, dropped] {
        let to = Store::open(data.path(), Some(&fresh())).await.unwrap();
        let (from, to) = (from.snapshot().await.unwrap(), to.pool.begin().await.unwrap());
        make_tables(&from, &to).await.unwrap();
        let function = format!("CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$");
        to.execute_unprepared(&function).await.unwrap();
        to.execute_unprepared("CREATE TRIGGER meddle BEFORE INSERT ON decision FOR EACH ROW EXECUTE FUNCTION meddle()").await.unwrap();
        let error = copy(&from, &to, &mut |_| {}).await.unwrap_err();
        assert!(matches!(&error, CopyError::Differs { table, .. } if table == "decision"), "{error:?}");
    }
}

/// Numbers that were given and are gone are not given again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbering_goes_on_after_the_highest_number_that_was_ever_given() {
    let Lived { server, .. } = lived().await;
    let data = server.stop().await;
    let sqlite = Database::connect(format!("sqlite://{}/brevet.db", data.path().display())).await.unwrap();
    let highest = "SELECT max(seq) FROM event";
    let highest = sqlite.query_one_raw(Statement::from_string(DbBackend::Sqlite, highest)).await.unwrap().unwrap();
    let highest: i64 = highest.try_get_by_index(0).unwrap();
    sqlite.execute_unprepared("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)").await.unwrap();
    sqlite.close().await.unwrap();
    let database = fresh();
    to_postgres(data.path(), &database, &mut |_| {}).await.unwrap();
    let pool = Database::connect(&database).await.unwrap();
    let newest = brevet_server::store::entities::event::Entity::find();
    let newest = newest.order_by_desc(brevet_server::store::entities::event::Column::Seq).one(&pool).await.unwrap().unwrap();
    assert_eq!((newest.kind.as_str(), newest.seq), ("server.moved", highest + 1));
}
