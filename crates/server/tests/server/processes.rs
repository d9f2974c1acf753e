//! How many processes sessions have, as their computers say: shown while they run, and nothing more.

use brevet_api::agent::{MOST_COUNTED, Processes};
use brevet_api::link::Counted;
use brevet_core::id::{GrantId, SessionId};
use brevet_core::policy::Containment;
use brevet_core::record::{Body, Outcome, SessionEnded, SessionStarted};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::{Agent, policy_ref, random10};
use crate::support::{Server, request_policy};
use crate::visitor::Visitor;

impl Agent {
    async fn counts(&self, counted: &[(&SessionId, u32)]) -> StatusCode {
        let sessions = counted.iter().map(|(session, processes)| Counted { session: (*session).clone(), processes: *processes }).collect();
        let request = self.http.post(format!("{}/agent/v1/processes", self.url)).bearer_auth(self.token().await);
        request.json(&Processes { sessions }).send().await.unwrap().status()
    }

    /// A session that runs.
    async fn runs(&mut self, policy: &Value) -> (SessionId, GrantId) {
        let request = self.request("alice", policy, "30m");
        let (session, grant) = (SessionId::new(self.now.millis(), random10()), GrantId::new(self.now.millis(), random10()));
        let started = SessionStarted {
            session: session.clone(),
            grant: grant.clone(),
            policy: policy_ref(policy),
            user: request.user,
            command: request.command,
            containment: Containment::Cgroup,
            terminal: false,
            reason: None,
            ends: self.now.plus("30m".parse().unwrap()),
        };
        let record = self.record(&Body::SessionStarted(Box::new(started)));
        self.deliver(vec![record]).await;
        (session, grant)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_computer_counts_is_shown_of_its_own_sessions_while_they_run() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let other = Agent::enrol(&server, "web-2").await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let (session, grant) = agent.runs(&policy).await;
    let path = format!("/sessions/{session}");
    assert_eq!(server.owner.read(&path).await.ok()["processes"], Value::Null);
    let visitor = Visitor::of(&server, "owner").await;
    assert!(visitor.get("/access").await.ok().contains("not told yet"));

    let events = server.owner.read("/events?limit=1").await.ok()["items"][0]["id"].clone();
    let unknown = SessionId::new(1, [1; 10]);
    assert_eq!(agent.counts(&[(&unknown, 9), (&session, 3)]).await, StatusCode::NO_CONTENT);
    let shown = server.owner.read(&path).await.ok();
    assert_eq!(shown["processes"], 3);
    assert!(shown["processes_at"].is_string());
    assert_eq!(server.owner.read("/sessions?state=started").await.ok()["items"][0]["processes"], 3);
    assert!(visitor.get("/access").await.ok().contains("data-counts>3<"));
    assert!(visitor.get(&path).await.ok().contains("data-counts>3, since"));
    assert_eq!(server.owner.read("/events?limit=1").await.ok()["items"][0]["id"], events, "an observation is no event");

    // Another computer says nothing of it, nobody says anything, and too much at once is refused.
    assert_eq!(other.counts(&[(&session, 8)]).await, StatusCode::NO_CONTENT);
    assert_eq!(server.owner.read(&path).await.ok()["processes"], 3);
    let anonymous = agent.http.post(format!("{}/agent/v1/processes", agent.url)).json(&json!({ "sessions": [] })).send().await.unwrap();
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(agent.counts(&vec![(&session, 1); MOST_COUNTED + 1]).await, StatusCode::UNPROCESSABLE_ENTITY);

    let ended = SessionEnded { session: session.clone(), grant, outcome: Outcome::Exited { status: 0 }, processes_ended: 0 };
    let record = agent.record(&Body::SessionEnded(ended));
    agent.deliver(vec![record]).await;
    assert_eq!(agent.counts(&[(&session, 5)]).await, StatusCode::NO_CONTENT);
    let over = server.owner.read(&path).await.ok();
    assert_eq!((&over["state"], &over["processes"]), (&json!("ended"), &Value::Null));
}
