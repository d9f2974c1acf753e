//! Definitions that the server keeps in memory: what is acknowledged is what is shown, at every server on the database.

use brevet_server::config::Config;
use brevet_server::definitions::current::{current, within};
use brevet_server::definitions::{Kind, Snapshot};
use brevet_server::store::Change;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::support::{Actor, Server, request_policy};

/// Names of all policies, by every road that there is to them.
async fn policies(actor: &Actor) -> Vec<String> {
    let page = actor.read("/policies?limit=500").await.ok();
    let file = actor.read("/file").await.ok();
    let names = |items: &Value| items.as_array().into_iter().flatten().map(|p| p["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&page["items"]), names(&file["policy"]));
    names(&page["items"])
}

async fn description(actor: &Actor, name: &str) -> Value {
    actor.read(&format!("/policies/{name}")).await.ok()["description"].clone()
}

fn described(name: &str, text: &str) -> Value {
    let mut policy = request_policy(name);
    policy["description"] = json!(text);
    policy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_shown_at_once_and_what_is_refused_never() {
    let server = Server::start().await;
    let owner = &server.owner;
    assert_eq!(policies(owner).await, [""; 0]);
    owner.post("/policies", request_policy("p")).await.ok();
    assert_eq!(policies(owner).await, ["p"]);
    for n in 0..5 {
        let text = format!("d{n}");
        owner.put("/policies/p", described("p", &text)).await.ok();
        assert_eq!(description(owner, "p").await, text);
    }
    owner.put("/policies/p", request_policy("q")).await.ok();
    assert_eq!(policies(owner).await, ["q"]);
    // Tried and undone, refused in the middle, and refused at the end.
    let file = json!({ "policy": [described("q", "dry"), request_policy("r")] });
    owner.post("/apply", json!({ "file": file, "dry_run": true })).await.ok();
    let mut wrong = described("q", "wrong");
    wrong["computers"] = json!(["group:gone"]);
    owner.post("/apply", json!({ "file": { "policy": [request_policy("s"), wrong] } })).await.refused("invalid");
    owner.post("/policies", request_policy("q")).await.refused("name_taken");
    assert_eq!((policies(owner).await, description(owner, "q").await), (vec!["q".to_owned()], json!("")));
    owner.post("/apply", json!({ "file": file })).await.ok();
    assert_eq!((policies(owner).await, description(owner, "q").await), (vec!["q".into(), "r".to_owned()], json!("dry")));
    owner.delete("/policies/q").await.ok();
    assert_eq!(policies(owner).await, ["r"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_sees_what_it_did_itself_and_leaves_nothing_when_it_is_dropped() {
    let server = Server::start().await;
    let (app, owner) = (&server.app, &server.owner);
    let id = owner.post("/policies", request_policy("p")).await.ok()["id"].as_str().unwrap().to_owned();
    let version = |all: &Snapshot| all.find(Kind::Policy, "p").map(|policy| policy.version);
    assert_eq!(version(&current(app).await.unwrap()), Some(1));
    let change = Change::begin(app).await.unwrap();
    assert_eq!(version(&within(&change).await.unwrap()), Some(1));
    change.tx().execute_unprepared(&format!("UPDATE definition SET version = 7 WHERE id = '{id}'")).await.unwrap();
    assert_eq!(version(&within(&change).await.unwrap()), Some(7));
    assert_eq!(version(&current(app).await.unwrap()), Some(1), "nobody else sees what is not durable");
    drop(change);
    assert_eq!(version(&current(app).await.unwrap()), Some(1));
    // The next change has its own stamp, not the one that was undone.
    let change = Change::begin(app).await.unwrap();
    change.tx().execute_unprepared(&format!("UPDATE definition SET version = 8 WHERE id = '{id}'")).await.unwrap();
    assert_eq!(version(&within(&change).await.unwrap()), Some(8));
    change.commit().await.unwrap();
    assert_eq!(version(&current(app).await.unwrap()), Some(8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_knows_nothing_of_what_is_kept_is_noticed() {
    let server = Server::start().await;
    let owner = &server.owner;
    for name in ["p", "q"] {
        owner.post("/policies", request_policy(name)).await.ok();
    }
    assert_eq!(policies(owner).await, ["p", "q"]);
    for (sql, left) in [
        ("UPDATE definition SET deleted = true WHERE name = 'p'", vec!["q"]),
        ("UPDATE definition SET deleted = false WHERE name = 'p'", vec!["p", "q"]),
        (
            "INSERT INTO definition (id, kind, name, name_key, version, renewal, created, changed, deleted, content) \
          SELECT 'pol_00000000000000000000000000', kind, 'r', 'r', 1, 0, 0, 0, false, replace(content, '\"p\"', '\"r\"') \
          FROM definition WHERE name = 'p'",
            vec!["p", "q", "r"],
        ),
        ("DELETE FROM definition WHERE name = 'q'", vec!["p", "r"]),
    ] {
        server.app.store.pool.execute_unprepared(sql).await.unwrap();
        assert_eq!(policies(owner).await, left, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_show_each_others_changes_without_being_told() {
    // Nobody looks, nobody listens: the stamp alone says that something changed.
    let far = "1h".parse().unwrap();
    let deaf = Config { heartbeat: far, sweep: far, look: far, notifications: false, ..crate::support::config() };
    let a = Server::shared(deaf.clone()).await;
    let b = a.beside(deaf).await;
    a.owner.post("/policies", request_policy("p")).await.ok();
    let servers = [&a, &b, &b, &a, &a, &b];
    for (n, writer) in servers.iter().enumerate() {
        let text = format!("d{n}");
        writer.owner.put("/policies/p", described("p", &text)).await.ok();
        for reader in [&a, &b] {
            assert_eq!(description(&reader.owner, "p").await, text, "round {n}");
        }
    }
    // What one made, the other changes on; a version that is not the newest is refused by both.
    let seen = b.owner.read("/policies/p").await;
    a.owner.put("/policies/p", described("p", "newer")).await.ok();
    let late = described("p", "late");
    let tag = seen.etag.unwrap();
    b.owner.call(reqwest::Method::PUT, "/policies/p", Some(late), Some(("if-match", &tag))).await.refused("version_mismatch");
    b.owner.delete("/policies/p").await.ok();
    assert_eq!(policies(&a.owner).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_while_others_write_never_goes_back() {
    let server = Server::start().await;
    let owner = server.owner.clone();
    owner.post("/policies", request_policy("p")).await.ok();
    let writing = tokio::spawn({
        let owner = owner.clone();
        async move {
            for n in 0..20 {
                owner.put("/policies/p", described("p", &format!("d{n}"))).await.ok();
            }
        }
    });
    let mut newest = 0;
    while !writing.is_finished() {
        let version = owner.read("/policies/p").await.ok()["version"].as_u64().unwrap();
        assert!(version >= newest, "{version} after {newest}");
        newest = version;
    }
    writing.await.unwrap();
    assert_eq!(owner.read("/policies/p").await.ok()["version"], 21);
}
