//! The audit log: every filter, pages that hold while events arrive, and what a narrowed role sees of it.

use brevet_core::id::{GrantId, SessionId};
use brevet_core::record::{Body, LaunchRefused, Outcome, SessionEnded};
use brevet_core::user::User;
use brevet_server::audit::words;
use brevet_server::store::entities::{definition, definition_change, event};
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::{Value, json};

use crate::agent::random10;
use crate::scopes::two;
use crate::support::{Actor, Server, request_policy};

/// Rows as `audit::record` writes them, so many that a test would not wait for their making.
pub async fn put_rows(server: &Server, count: usize, body: impl Fn(usize) -> String) {
    let now = server.app.clock.now().millis();
    let numbers: Vec<usize> = (0..count).collect();
    for piece in numbers.chunks(500) {
        let row = |n: &usize| {
            let body = body(*n);
            event::ActiveModel {
                seq: NotSet,
                id: Set(brevet_core::id::EventId::new(now, random10()).to_string()),
                time: Set(now + i64::try_from(*n).unwrap()),
                recorded: Set(now),
                kind: Set(if n.is_multiple_of(2) { "test.even".into() } else { "test.odd".into() }),
                schema: Set(1),
                actor_kind: Set("server".into()),
                actor_id: Set(None),
                actor_name: Set("server".into()),
                token: Set(None),
                computer: Set(None),
                computer_name: Set(None),
                user: Set(Some("many".into())),
                policy: Set(None),
                policy_name: Set(None),
                request: Set(None),
                grant: Set(None),
                session: Set(None),
                person: Set(None),
                summary: Set(format!("number {n}")),
                // What fills a row is not looked for.
                words: Set(words::of("test", &format!("number {n}"), [], if body.len() < 200 { &body } else { "null" })),
                body: Set(body),
                incarnation: Set(None),
                journal_seq: Set(None),
                outcome: Set(None),
                redacted: Set(None),
                ..Default::default()
            }
        };
        event::Entity::insert_many(piece.iter().map(row)).exec_without_returning(&server.app.store.pool).await.unwrap();
    }
}

fn kinds(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

async fn found(actor: &Actor, query: &str) -> Vec<String> {
    let page = actor.read(&format!("/events?limit=500&order=oldest&{query}")).await.ok();
    kinds(&page).into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_found_by_each_of_their_fields() {
    let mut two = two().await;
    let [here, there] = two.requests.clone();
    let owner = two.server.owner.clone();
    let approver = two.server.person("Bob", &["approver"], true).await;
    let approved = approver.post(&format!("/requests/{here}/approve"), json!({ "comment": "Größe 100%_ok" })).await.ok();
    let grant = approved["grant"].as_str().unwrap().to_owned();
    let session = SessionId::new(two.agents[0].now.millis(), random10());
    let ended = SessionEnded {
        session: session.clone(),
        grant: GrantId::parse(&grant).unwrap(),
        outcome: Outcome::Exited { status: 3 },
        processes_ended: 0,
    };
    let refused = LaunchRefused {
        user: User { uid: 1001, name: "mallory".into() },
        arguments: vec!["systemctl".into(), "Restart".into(), "nginx".into()],
        directory: None,
        application: None,
        code: "no_policy".into(),
        reason: "no policy allows it".into(),
        policy: None,
    };
    let records = [two.agents[0].record(&Body::SessionEnded(ended)), two.agents[0].record(&Body::LaunchRefused(refused))];
    two.agents[0].deliver(records.to_vec()).await;

    let of_request = ["request.created", "request.approved", "grant.issued"];
    let of_here = found(&owner, &format!("request={here}")).await;
    assert_eq!((&of_here[..3], &of_here[3..]), (&of_request.map(str::to_owned)[..], &["session.ended".to_owned()][..]));
    assert_eq!(found(&owner, &format!("request={there}")).await, ["request.created"]);
    assert_eq!(found(&owner, "kind=request.*").await, ["request.created", "request.created", "request.approved"]);
    assert_eq!(found(&owner, "kind=request.").await.len(), 3);
    assert_eq!(found(&owner, "kind=request.appr*,launch.refused").await, ["request.approved", "launch.refused"]);
    assert_eq!(found(&owner, "kind=request.approved").await, of_request[1..2]);
    assert_eq!(found(&owner, "kind=request_*").await.len(), 0);
    assert_eq!(found(&owner, "kind=*").await, found(&owner, "").await);
    assert_eq!(found(&owner, "actor=Bob&kind=request.*").await, ["request.approved"]);
    assert_eq!(found(&owner, &format!("actor={}", approved["approvals"][0]["person"].as_str().unwrap())).await, ["request.approved"]);
    assert_eq!(found(&owner, "actor=mallory").await, ["launch.refused"]);
    assert_eq!(found(&owner, &format!("actor={}&kind=launch.*", two.agents[0].id)).await, ["launch.refused"]);
    assert!(found(&owner, "person=Bob").await.contains(&"person.created".to_owned()));
    assert_eq!(found(&owner, "user=mallory").await, ["launch.refused"]);
    assert_eq!(found(&owner, &format!("grant={grant}&kind=session.*")).await, ["session.ended"]);
    assert_eq!(found(&owner, &format!("session={session}")).await, ["session.ended"]);
    assert_eq!(found(&owner, "outcome=exited").await, ["session.ended"]);
    assert_eq!(found(&owner, "outcome=no_policy").await, ["launch.refused"]);
    assert_eq!(found(&owner, "computer=db-1&kind=request.*").await, ["request.created"]);
    assert_eq!(found(&owner, "computer_group=web&kind=request.*").await, ["request.created", "request.approved"]);
    assert_eq!(found(&owner, &format!("incarnation={}&kind=request.*", two.agents[1].chain.incarnation)).await, ["request.created"]);
    let tokens = owner.read("/tokens").await.ok();
    let token = tokens["items"].as_array().unwrap().iter().find(|token| token["person_name"] == "Bob" || token["decides"] == true).unwrap();
    assert!(!found(&owner, &format!("token={}", token["id"].as_str().unwrap())).await.is_empty(), "{tokens}");

    // Text: in capitals or not, beyond ASCII, as typed, meaning itself.
    assert_eq!(found(&owner, "text=gR%C3%96%C3%9FE").await, ["request.approved", "grant.issued"]);
    assert_eq!(found(&owner, "text=100%25_OK&kind=request.*").await, ["request.approved"]);
    assert_eq!(found(&owner, "text=100%25%25ok").await.len(), 0);
    assert_eq!(found(&owner, "text=systemctl+restart+NGINX").await, ["launch.refused"]);
    assert_eq!(found(&owner, "text=because&computer=web-1&kind=request.created").await, ["request.created"]);

    let moment = owner.read("/events?kind=request.approved").await.ok()["items"][0]["time"].as_str().unwrap().to_owned();
    assert_eq!(found(&owner, &format!("kind=request.approved&from={moment}")).await.len(), 1);
    assert_eq!(found(&owner, &format!("kind=request.approved&to={moment}")).await.len(), 0);

    let shown = owner.read("/events?outcome=exited").await.ok()["items"][0].clone();
    assert_eq!(owner.read(&format!("/events/{}", shown["id"].as_str().unwrap())).await.ok(), shown);
    for wrong in [
        "kind=a*b",
        "kind=%25*",
        "kind=",
        "kind=Request.*",
        "text=",
        &format!("text={}", "x".repeat(201)),
        "order=random",
        "from=yesterday",
    ] {
        owner.read(&format!("/events?{wrong}")).await.refused("malformed");
    }
    for nothing in ["computer=web-9", "computer_group=nobody", "policy=p-nothing"] {
        owner.read(&format!("/events?{nothing}")).await.refused("not_found");
    }
    owner.read("/events/evt_00000000000000000000000000").await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policys_events_are_found_by_the_name_it_has_had_and_after_its_end() {
    let server = Server::start().await;
    let owner = &server.owner;
    let made = owner.post("/policies", request_policy("first name")).await.ok();
    let id = made["id"].as_str().unwrap();
    owner.put(&format!("/policies/{id}"), request_policy("second name")).await.ok();
    let all = ["policy.created", "policy.changed"];
    assert_eq!(found(owner, "policy=second+name").await, all);
    assert_eq!(found(owner, &format!("policy={id}")).await, all);
    assert_eq!(found(owner, "policy=first+name").await, all[..1]);
    owner.delete(&format!("/policies/{id}")).await.ok();
    assert_eq!(found(owner, "policy=second+name").await, ["policy.created", "policy.changed", "policy.deleted"]);
}

async fn walk(server: &Server, order: &str, between: &mut impl AsyncFnMut(usize)) -> Vec<u64> {
    let (mut seqs, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = server.owner.read(&format!("/events?user=many&limit=7&order={order}{cursor}")).await.ok();
        seqs.extend(page["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { return seqs };
        cursor = format!("&cursor={next}");
        pages += 1;
        between(pages).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_neither_repeat_nor_skip_while_events_arrive_in_either_order() {
    let server = Server::start().await;
    put_rows(&server, 60, |_| "{}".into()).await;
    let mut arriving = async |pages: usize| {
        if pages <= 4 {
            put_rows(&server, 3, |_| "{}".into()).await;
        }
    };
    let newest = walk(&server, "newest", &mut arriving).await;
    assert_eq!(newest.len(), 60, "what came later is not in it");
    assert!(newest.windows(2).all(|pair| pair[0] > pair[1]), "{newest:?}");
    let oldest = walk(&server, "oldest", &mut arriving).await;
    assert_eq!(oldest.len(), 60 + 12 + 12, "what came meanwhile is");
    assert!(oldest.windows(2).all(|pair| pair[0] < pair[1]), "{oldest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_among_many_are_found_however_far_apart_they_are() {
    let server = Server::start().await;
    let begun = server.app.clock.now();
    for n in 0..5 {
        server.owner.post("/policies", request_policy(&format!("p-{n}"))).await.ok();
        put_rows(&server, if n < 3 { 6_000 } else { 100 }, |_| "{}".into()).await;
    }
    let made = event::Column::Kind.eq("policy.created");
    let made = event::Entity::find().filter(made).order_by_asc(event::Column::Seq).all(&server.app.store.pool).await.unwrap();
    let made: Vec<i64> = made.iter().map(|row| row.seq).collect();
    assert_eq!(made.len(), 5);
    for query in ["kind=policy.created", "kind=policy.*", &format!("kind=policy.created,policy.deleted&from={begun}&redacted=false")] {
        for order in ["oldest", "newest"] {
            let (mut seqs, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = server.owner.read(&format!("/events?{query}&limit=2&order={order}{cursor}")).await.ok();
                seqs.extend(page["items"].as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()));
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            if order == "newest" {
                seqs.reverse();
            }
            assert_eq!(seqs, made, "{query} {order}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_belongs_to_its_conditions() {
    let server = Server::start().await;
    put_rows(&server, 10, |_| "{}".into()).await;
    let first = server.owner.read("/events?user=many&limit=3").await.ok();
    let cursor = first["next"].as_str().unwrap();
    server.owner.read(&format!("/events?user=many&limit=5&cursor={cursor}")).await.ok();
    let persons = server.owner.read("/persons").await.ok()["next"].as_str().map(str::to_owned);
    assert_eq!(persons, None);
    let others = ["", "user=other&", "user=many&kind=test.odd&", "user=many&order=oldest&", "user=many&text=x&"];
    for other in others {
        let refused = server.owner.read(&format!("/events?{other}cursor={cursor}")).await.refused("malformed");
        assert!(refused["detail"].as_str().unwrap().contains("cursor") && refused["hint"].is_string(), "{refused}");
    }
    for garbage in ["x", "NDcxMQ", "AAAA", &cursor[1..], &format!("{cursor}AA")] {
        server.owner.read(&format!("/events?user=many&cursor={garbage}")).await.refused("malformed");
    }
}

/// Versions of a policy beside those that it has, each after another one about computers elsewhere.
async fn put_versions(server: &Server, policy: &str, count: i64) {
    let pool = &server.app.store.pool;
    let there = definition_change::Entity::find().filter(definition_change::Column::Id.eq(policy)).one(pool).await.unwrap().unwrap();
    let log = event::Entity::find().filter(event::Column::Policy.eq(policy)).filter(event::Column::Kind.eq("policy.created"));
    let log = log.one(pool).await.unwrap().unwrap();
    let elsewhere = there.content.clone().unwrap().replace("group:web", "group:db");
    let versions: Vec<i64> = (2..count + 2).collect();
    for some in versions.chunks(500) {
        let change = |version: &i64| {
            let content = if version % 2 == 0 { Some(elsewhere.clone()) } else { there.content.clone() };
            let row = definition_change::Model { version: *version, change: "changed".into(), content, ..there.clone() };
            definition_change::ActiveModel::from(row)
        };
        definition_change::Entity::insert_many(some.iter().map(change)).exec_without_returning(pool).await.unwrap();
        let told = |_: &i64| {
            let id = brevet_core::id::EventId::new(log.time, random10()).to_string();
            let mut row = event::ActiveModel::from(event::Model { id, kind: "policy.changed".into(), leaf: None, ..log.clone() });
            row.seq = NotSet;
            row
        };
        event::Entity::insert_many(some.iter().map(told)).exec_without_returning(pool).await.unwrap();
    }
    let version = definition::Column::Version;
    let now = definition::Entity::update_many().col_expr(version, sea_orm::sea_query::Expr::value(count + 1));
    now.filter(definition::Column::Id.eq(policy)).exec(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrowed_role_sees_events_of_a_policy_that_was_elsewhere_eleven_thousand_times() {
    let two = two().await;
    let auditor = two.narrowed("auditor").await;
    let policy = two.server.owner.read("/policies/p-web").await.ok()["id"].as_str().unwrap().to_owned();
    // The last version is about a computer of theirs. A statement of as many values as there are bounds would be refused.
    put_versions(&two.server, &policy, 22_000).await;
    let log = event::Entity::find().filter(event::Column::Policy.eq(&policy)).filter(event::Column::Kind.eq("policy.changed"));
    let log = log.order_by_desc(event::Column::Seq).limit(2).all(&two.server.app.store.pool).await.unwrap();
    auditor.read(&format!("/events/{}", log[0].id)).await.ok();
    auditor.read(&format!("/events/{}", log[1].id)).await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrowed_role_finds_nothing_beyond_its_computers_by_any_filter() {
    let two = two().await;
    let owner = &two.server.owner;
    let auditor = two.narrowed("auditor").await;
    let [here, there] = &two.requests;
    assert_eq!(found(&auditor, &format!("request={here}")).await, ["request.created"]);
    let beyond = [
        format!("request={there}"),
        "user=alice&kind=request.created&text=db-1".into(),
        format!("incarnation={}", two.agents[1].chain.incarnation),
        "kind=person.*".into(),
        "person=owner&kind=setting.*".into(),
    ];
    for query in &beyond {
        assert_eq!(found(&auditor, query).await.len(), 0, "{query}");
    }
    for (hidden, nothing) in
        [("computer=db-1", "computer=xy-1"), ("computer_group=db", "computer_group=xy"), ("policy=p-db", "policy=p-xy")]
    {
        let hidden = auditor.read(&format!("/events?{hidden}")).await.refused("not_found");
        let nothing = auditor.read(&format!("/events?{nothing}")).await.refused("not_found");
        assert_eq!(hidden["detail"].as_str().unwrap().replace("db", "xy"), nothing["detail"].as_str().unwrap());
    }
    let event = owner.read(&format!("/events?request={there}")).await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    auditor.read(&format!("/events/{event}")).await.refused("not_found");
    // A search that looks through everything finds what the owner finds on that computer and no more.
    assert_eq!(found(&auditor, "text=because").await.len() * 2, found(owner, "text=because").await.len());

    // What was removed or deleted stays within the scope that it was in.
    let before = found(&auditor, "computer=web-1").await;
    owner.delete("/policies/p-web").await.ok();
    owner.delete("/policies/p-db").await.ok();
    owner.delete("/computers/web-1").await.ok();
    owner.delete("/computers/db-1").await.ok();
    let after = found(&auditor, "computer=web-1").await;
    assert_eq!(after[..before.len()], before);
    assert!(after.contains(&"computer.removed".to_owned()), "{after:?}");
    assert_eq!(found(&auditor, "policy=p-web&kind=policy.*").await, ["policy.created", "policy.deleted"]);
    auditor.read("/events?policy=p-db").await.refused("not_found");
    auditor.read("/events?computer=db-1").await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_for_text_looks_through_so_many_events_a_page_and_reaches_the_last() {
    let server = Server::start().await;
    put_rows(&server, 45_000, |n| if n == 17 { json!({ "reason": "The Needle" }).to_string() } else { "{}".into() }).await;
    for order in ["newest", "oldest"] {
        let (mut items, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = server.owner.read(&format!("/events?text=NEEDLE&order={order}{cursor}")).await.ok();
            items.extend(page["items"].as_array().unwrap().clone());
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!((items.len(), &items[0]["summary"]), (1, &json!("number 17")));
        assert_eq!(pages, 3, "{order}");
    }
}

/// Resident memory of this process now, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Whether memory grew by less, in KiB. It can only be told where each test has a process of its own, as nextest gives it.
fn grew_less(grown: usize, most: usize) -> bool {
    std::env::var_os("NEXTEST").is_none() || grown < most
}

async fn exporting(server: &Server, query: &str) -> reqwest::Response {
    let url = format!("{}/api/v1/events/export?{query}", server.url);
    let response = server.http.get(url).bearer_auth(&server.owner.token).send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    response
}

/// Takes an export in as it comes, and says how much memory was in use at most.
async fn taken_in(server: &Server, query: &str, mut line: impl FnMut(&[u8])) -> usize {
    let mut response = exporting(server, query).await;
    let (mut rest, mut most) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await.unwrap() {
        let mut new = &chunk[..];
        while let Some((text, more)) = new.iter().position(|byte| *byte == b'\n').map(|end| (&new[..end], &new[end + 1..])) {
            rest.extend_from_slice(text);
            line(&rest);
            rest.clear();
            new = more;
        }
        rest.extend_from_slice(new);
        most = most.max(resident());
    }
    assert!(rest.is_empty(), "the last line is whole");
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_fifty_thousand_has_each_event_once_and_takes_no_memory_for_them() {
    let server = Server::start().await;
    let filling = "lorem ipsum ".repeat(50);
    let begun = server.app.clock.now();
    put_rows(&server, 50_000, |n| json!({ "n": n, "text": filling }).to_string()).await;
    // What a server needs to export at all is in use after a tenth.
    taken_in(&server, &format!("user=many&to={}", begun.plus("5s".parse().unwrap())), |_| {}).await;
    let before = resident();
    let (mut next, mut bytes, mut last) = (0, 0, 0);
    let most = taken_in(&server, "user=many", |line| {
        let event: Value = serde_json::from_slice(line).unwrap();
        assert_eq!(event["body"]["n"], json!(next));
        let seq = event["seq"].as_u64().unwrap();
        assert!(seq > last);
        (next, bytes, last) = (next + 1, bytes + line.len(), seq);
    })
    .await;
    assert_eq!(next, 50_000);
    let grown = most.saturating_sub(before);
    assert!(bytes > 40_000_000 && grew_less(grown, 30_000), "{bytes} bytes were exported and memory grew by {grown} KiB");

    let mut lines = 0;
    taken_in(&server, "user=many&format=csv&kind=test.odd", |_| lines += 1).await;
    assert_eq!(lines, 25_000 + 1);
    let mut found = Vec::new();
    taken_in(&server, "user=many&text=NUMBER+49999", |line| found.push(serde_json::from_slice::<Value>(line).unwrap())).await;
    assert_eq!((found.len(), &found[0]["summary"]), (1, &json!("number 49999")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_are_exported_a_few_at_a_time() {
    let server = Server::start().await;
    let large = "x".repeat(500_000);
    put_rows(&server, 120, |_| json!({ "text": large }).to_string()).await;
    let before = resident();
    let mut lines = 0;
    let most = taken_in(&server, "user=many", |_| lines += 1).await;
    let grown = most.saturating_sub(before);
    assert!(lines == 120 && grew_less(grown, 30_000), "{lines} lines, and memory grew by {grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_an_event_before_its_first_byte_and_ends_before_that_event() {
    let server = Server::start().await;
    put_rows(&server, 20, |_| "{}".into()).await;
    let response = exporting(&server, "format=csv&user=many&text=number").await;
    let made = server.owner.read("/events?kind=export.made").await.ok()["items"][0].clone();
    assert_eq!(made["actor"]["name"], "owner");
    assert_eq!(made["body"], json!({ "format": "csv", "user": "many", "text": "number" }));
    drop(response);
    // What is recorded while somebody reads is not part of what they asked for.
    let mut response = exporting(&server, "").await;
    put_rows(&server, 5, |_| "{}".into()).await;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    let events: Vec<Value> = text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    assert_eq!(events.iter().filter(|event| event["user"] == "many").count(), 20);
    assert_eq!(events.last().unwrap()["kind"], "export.made", "the export before is in it, its own is not");
    assert_eq!(events.iter().filter(|event| event["kind"] == "export.made").count(), 1);
    // A line of the export is what the list shows.
    let listed = server.owner.read(&format!("/events/{}", events[0]["id"].as_str().unwrap())).await.ok();
    assert_eq!(listed, events[0]);
    server.owner.read("/events/export?format=xml").await.refused("malformed");
    server.owner.read("/events/export?limit=5").await.refused("malformed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_breaks_off_is_not_taken_for_the_whole() {
    let server = Server::start().await;
    put_rows(&server, 800, |_| json!({ "text": "x".repeat(9_000) }).to_string()).await;
    let mut response = exporting(&server, "user=many").await;
    response.chunk().await.unwrap().unwrap();
    server.app.stopping.send_replace(true);
    let broken = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "the answer ended as if it were whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_of_the_csv_is_no_formula_and_stays_one_cell() {
    let server = Server::start().await;
    put_rows(&server, 1, |_| json!({ "a": "1,2" }).to_string()).await;
    server.owner.post("/groups", json!({ "name": "=cmd|' /C calc'!A0", "users": [] })).await.ok();
    let mut text = exporting(&server, "format=csv&kind=group.*,test.*").await.text().await.unwrap();
    assert!(text.starts_with("seq,id,time,"));
    assert!(text.contains(r#","{""a"":""1,2""}""#), "{text}");
    for line in text.split_off(text.find('\n').unwrap()).lines() {
        assert!(!line.split(',').any(|cell| cell.trim_matches('"').starts_with(['=', '+', '-', '@'])), "{line}");
    }
}
