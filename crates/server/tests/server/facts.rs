//! What computers tell of themselves, and what somebody should look at.

use brevet_api::agent::VERSION_HEADER;
use brevet_core::policy::Containment;
use brevet_core::record::{Body, ComputerFacts, JournalRepaired, OperatingSystem};
use brevet_core::space::Space;
use brevet_core::time::{Length, Timestamp};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::Server;

fn facts(os: (&str, &str, &str), kernel: &str, version: &str) -> ComputerFacts {
    ComputerFacts {
        version: version.into(),
        kernel: kernel.into(),
        architecture: "x86_64".into(),
        os: OperatingSystem { id: os.0.into(), version: os.1.into(), name: os.2.into() },
        containment: vec![Containment::Cgroup, Containment::PidNamespace],
        cgroup: "unified".into(),
        space: Some(Space { total: 20 << 30, available: 10 << 30 }),
        clock_ahead_millis: Some(1_500),
    }
}

async fn tell(agent: &mut Agent, facts: ComputerFacts) {
    let record = agent.record(&Body::ComputerFacts(Box::new(facts)));
    agent.deliver(vec![record]).await;
}

async fn names(server: &Server, query: &str) -> Vec<String> {
    let page = server.owner.read(&format!("/computers?{query}")).await.ok();
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

fn codes(computer: &Value) -> Vec<&str> {
    computer["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_come_from_the_journal_and_lists_choose_by_them() {
    let server = Server::start().await;
    let mut debian = Agent::enrol(&server, "web-1").await;
    let mut fedora = Agent::enrol(&server, "db-1").await;
    Agent::enrol(&server, "old-1").await;
    tell(&mut debian, facts(("debian", "12", "Debian GNU/Linux 12 (bookworm)"), "6.1.0-18-amd64", "0.1.0")).await;
    tell(&mut fedora, facts(("fedora", "43", "Fedora Linux 43"), "6.17.4", "0.2.0")).await;

    let shown = server.owner.read("/computers/web-1").await.ok();
    let told = &shown["facts"];
    assert_eq!((&told["os"], &told["os_version"], &told["kernel"]), (&json!("debian"), &json!("12"), &json!("6.1.0-18-amd64")));
    assert_eq!((&told["broker_version"], &told["architecture"], &told["cgroup"]), (&json!("0.1.0"), &json!("x86_64"), &json!("unified")));
    assert_eq!((&told["containment"], &told["clock_ahead_seconds"]), (&json!(["cgroup", "pid_namespace"]), &json!(1)));
    assert_eq!(Timestamp::parse(told["reported"].as_str().unwrap()).unwrap(), debian.now);
    assert!(codes(&shown).is_empty());
    let old = server.owner.read("/computers/old-1").await.ok();
    assert_eq!((old.get("facts"), old["warnings"].as_array().unwrap().len()), (None, 0), "one that tells nothing is shown all the same");

    assert_eq!(names(&server, "os=Debian").await, ["web-1"]);
    assert_eq!(names(&server, "os=linux").await, ["db-1", "web-1"]);
    assert_eq!(names(&server, "os=fedora%2043&kernel=6.17").await, ["db-1"]);
    assert_eq!(names(&server, "kernel=17").await, [""; 0], "a release is chosen by its beginning");
    assert_eq!((names(&server, "version=0.2").await, names(&server, "version=0.").await.len()), (vec!["db-1".to_owned()], 2));
    let event = server.owner.read("/events?kind=computer.facts&computer=web-1").await.ok();
    assert_eq!(event["items"][0]["summary"], "Debian GNU/Linux 12 (bookworm), kernel 6.1.0-18-amd64 (x86_64), broker 0.1.0");

    // What brevetd says of itself is for people; what is no version is cut to size.
    for (said, kept) in [("0.9.1", "0.9.1"), ("", "0.9.1"), (&"9".repeat(300), &"9".repeat(100))] {
        let query = "trust_version=1&epoch=1&seq=0&nonce=n1";
        let request = server.http.get(format!("{}/agent/v1/documents?{query}", server.url)).bearer_auth(debian.token().await);
        assert!(request.header(VERSION_HEADER, said).send().await.unwrap().status().is_success());
        assert_eq!(server.owner.read("/computers/web-1").await.ok()["agent_version"], kept);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_and_a_full_disk_are_warned_of_where_people_look() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let debian = || facts(("debian", "12", "Debian"), "6.1.0", "0.1.0");
    let clock = |millis| ComputerFacts { clock_ahead_millis: Some(millis), ..debian() };
    for (millis, expected) in [
        (-60_000, None),
        (-60_001, Some("its clock is 1m behind the server's")),
        (192_000, Some("its clock is 3m12s ahead of the server's")),
    ] {
        tell(&mut agent, clock(millis)).await;
        let shown = server.owner.read("/computers/web-1").await.ok();
        assert_eq!(shown["warnings"][0]["message"].as_str(), expected, "{millis}");
    }
    tell(&mut agent, ComputerFacts { space: Some(Space { total: 20 << 30, available: 500 << 20 }), ..clock(0) }).await;
    assert_eq!(codes(&server.owner.read("/computers/web-1").await.ok()), ["disk_low"]);
    tell(&mut agent, ComputerFacts { space: Some(Space { total: 20 << 30, available: 3 << 20 }), ..clock(192_000) }).await;
    let listed = server.owner.read("/computers").await.ok();
    assert_eq!(codes(&listed["items"][0]), ["clock_wrong", "disk_full"]);

    let status = server.owner.read("/status").await.ok();
    assert_eq!(status["computers"], json!({ "all": 1, "connected": 0, "lost": 0, "quarantined": 0, "warned": 1 }));
    assert_eq!(
        (&status["warned"][0]["computer"]["name"], codes(&status["warned"][0])),
        (&json!("web-1"), vec!["clock_wrong", "disk_full"])
    );
    assert!(Timestamp::parse(status["certificate_ends"].as_str().unwrap()).unwrap() > server.app.clock.now());
    assert!(status["warnings"].as_array().unwrap().iter().all(|warning| warning["code"] != "certificate_ends"));
    server.app.clock.advance(Length::from_hours(24 * 366 * 2));
    let status = server.owner.read("/status").await;
    // The token has ended meanwhile; what the server warns of itself is asked of it directly.
    assert_eq!(status.status, 401);
    let warnings = brevet_server::status::warnings(&server.app);
    assert!(warnings.iter().any(|warning| warning.code.as_str() == "certificate_ends"), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_computer_whose_records_come_from_the_future_has_a_wrong_clock() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "old-1").await;
    let real = agent.now;
    for (ahead, expected) in [(0, vec![]), (30, vec![]), (600, vec!["clock_wrong"]), (0, vec![])] {
        agent.now = server.app.clock.now().max(real).plus(Length::from_seconds(ahead));
        let record = agent.record(&Body::JournalRepaired(JournalRepaired { bytes: 1 }));
        agent.deliver(vec![record]).await;
        assert_eq!(codes(&server.owner.read("/computers/old-1").await.ok()), expected, "{ahead} s ahead");
    }
}
