//! The console's first pages with 100,000 events, 10,000 computers and 1,000 policies in SQLite: whole, and small enough. How quick they are `make bench` measures.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::json;

use crate::agent::Agent;
use crate::console_access::active;
use crate::support::{Server, config, request_policy};
use crate::visitor::Visitor;

/// An id of its own for each copy.
const ID: &str = "substr(\"id\", 1, 20) || printf('%010d', i)";

/// Copies the last row of a table so often, with some columns otherwise.
async fn multiply(server: &Server, (table, times): (&str, u32), otherwise: &[(&str, &str)]) {
    let pool = &server.app.store.pool;
    let named = format!("SELECT name FROM pragma_table_info('{table}')");
    let rows = pool.query_all_raw(Statement::from_string(DbBackend::Sqlite, named)).await.unwrap();
    let columns: Vec<String> = rows.iter().map(|row| row.try_get("", "name").unwrap()).collect();
    let quoted = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let value = |name: &String| otherwise.iter().find(|(one, _)| one == name).map_or(format!("\"{name}\""), |(_, sql)| (*sql).to_owned());
    let values = columns.iter().map(value).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) \
         INSERT INTO \"{table}\" ({quoted}) SELECT {values} FROM n, (SELECT * FROM \"{table}\" ORDER BY \"id\" DESC LIMIT 1)"
    );
    pool.execute_unprepared(&sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_estate_is_shown_whole_on_small_pages() {
    let server = Server::on(None, config()).await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let more: Vec<_> = (1..1_000).map(|n| request_policy(&format!("p-{n}"))).collect();
    server.owner.post("/apply", json!({ "file": { "policy": more } })).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let asked = agent.ask("alice", &policy, "30m").await.id.to_string();
    let (grant, _) = active(&server, &mut agent, &policy, &asked).await;
    agent.now = agent.now.plus("1s".parse().unwrap());
    let waiting = agent.ask("alice", &policy, "30m").await.id.to_string();
    let lost = [
        ("id", ID),
        ("name", "'c-' || i"),
        ("name_key", "'c-' || i"),
        ("lost", "i % 50 = 0"),
        ("last_contact", "\"last_contact\" - i * 1000"),
    ];
    multiply(&server, ("computer", 10_000), &lost).await;
    let users = ("user", "'user-' || (i % 300)");
    multiply(&server, ("request", 20_000), &[("id", ID), users, ("state", "CASE WHEN i < 300 THEN 'pending' ELSE 'declined' END")]).await;
    multiply(&server, ("grant", 20_000), &[("id", ID), users, ("state", "CASE WHEN i < 300 THEN 'active' ELSE 'expired' END")]).await;
    let kind = "CASE i % 8 WHEN 0 THEN 'request.created' WHEN 1 THEN 'request.approved' WHEN 2 THEN 'request.declined' \
                WHEN 3 THEN 'request.auto_approved' WHEN 4 THEN 'launch.refused' ELSE 'session.started' END";
    let seq = ("seq", "1000000 + i");
    let event = [
        seq,
        ("id", ID),
        ("kind", kind),
        users,
        ("time", "\"time\" - i * 25000"),
        ("incarnation", "NULL"),
        ("journal_seq", "NULL"),
        ("leaf", "NULL"),
    ];
    multiply(&server, ("event", 100_000), &event).await;

    let owner = Visitor::owner(&server).await;
    let computer = format!("/computers/{}", agent.id);
    let pages =
        ["/", "/requests", "/requests?state=", "/access", "/computers", "/computers?state=silent", "/break-glass", "/proposals", &computer];
    let of_one = [format!("/requests/{waiting}"), format!("/grants/{grant}")];
    for path in pages.into_iter().map(str::to_owned).chain(of_one) {
        let size = owner.get(&path).await.ok().len();
        assert!(size < 300_000, "{path} has {size} bytes");
    }
    let overview = owner.get("/").await.ok();
    assert!(overview.contains("All that wait") && overview.contains("All that are silent") && overview.contains("All active access"));
}
