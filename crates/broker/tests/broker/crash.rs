//! The broker falls at every point of a launch, a delivery, a revocation and an end, and the next one makes it right.
//!
//! Needs the feature `fault-points`. Every journal is verified twice: by the broker that starts, and record by record by the agent.

use brevet_api::broker::{Answer, Ask, Run};
use brevet_core::document::{Content, Kind, Revocation};
use brevet_core::record::{Body, Outcome};

use crate::agent::Agent;
use crate::client::{Client, ask, run};
use crate::computer::{Computer, eventually, id};
use crate::user::TestUser;

struct Story {
    computer: Computer,
    user: TestUser,
    program: String,
}

/// A computer on which `program` (which says that it ran) is under a policy of this kind.
fn story(mode: &str, script: &str, more: &str) -> Story {
    let mut computer = Computer::enrolled();
    computer.start();
    let directory = computer.directory.path().display().to_string();
    let program = computer.program("tool", &format!("#!/bin/sh\necho ran >> {directory}/ran\n{}\n", script.replace("DIR", &directory)));
    {
        let agent = Agent::connect(&computer);
        let policy = id();
        let toml = format!("mode = \"{mode}\"\nauthentication = \"none\"\napplications = [{{ file = \"{program}\" }}]\n{more}");
        agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    }
    Story { computer, user: TestUser::create(), program }
}

impl Story {
    /// Another broker, which falls at this point.
    fn armed(&mut self, fault: &str) {
        self.computer.kill();
        self.computer.fault = Some(fault.to_owned());
        self.computer.start();
    }

    /// After the fall: a broker without faults.
    fn fallen(&mut self) {
        self.computer.wait_fallen();
        self.computer.start();
    }

    fn run(&self) -> Client {
        Client::start(&self.computer, &self.user, run(&[&self.program]))
    }

    fn asking(&self) -> Client {
        let asking = Run { reason: Some("r".into()), no_wait: true, ..run(&[&self.program]) };
        Client::start(&self.computer, &self.user, asking)
    }

    fn runs(&self) -> usize {
        self.computer.read("ran").lines().count()
    }
}

/// Sends a document as a server would: if its place is not taken yet.
fn deliver<C: Content>(agent: &Agent<'_>, document: &C, seq: u64) {
    let state = agent.wait_state("the position", |_| true);
    if state.seq < seq {
        agent.issue(document);
    }
    agent.wait_state("its place", |state| state.seq >= seq);
}

fn is_kind(kind: &str) -> impl Fn(&Body) -> bool + '_ {
    move |body| body.kind() == kind
}

/// The agent has every record that there is.
fn caught_up(story: &Story) {
    eventually("the agent has the journal", || {
        let Answer::Status(status) = ask(&story.computer, &story.user, &Ask::Status {}) else { panic!() };
        status.unacknowledged == 0
    });
}

/// Every session has one start and one end, and nothing ran without a record.
fn check_sessions(story: &Story, agent: &Agent<'_>) {
    eventually("every session has ended", || {
        caught_up(story);
        agent.count(is_kind("session.ended")) == agent.count(is_kind("session.started"))
    });
    let started = agent.count(is_kind("session.started"));
    assert!(story.runs() <= started, "{} runs, {started} records", story.runs());
    eventually("nothing is left of them", || story.computer.session_directories() == 0);
}

#[test]
fn crash_during_an_automatic_launch_starts_nothing_without_a_record() {
    for fault in ["journal.written=session.started", "journal.synced=session.started", "go.before", "go.after"] {
        let mut story = story("automatic", "", "");
        story.armed(fault);
        let client = story.run();
        story.computer.wait_fallen();
        drop(client);
        let ran_before = story.runs();
        story.computer.start();
        let agent = Agent::connect(&story.computer);
        check_sessions(&story, &agent);
        if fault != "go.after" {
            assert_eq!((ran_before, story.runs()), (0, 0), "{fault}: nobody said go");
        } else {
            assert_eq!(story.runs(), 1, "{fault}");
        }
        story.run().expect_success();
        check_sessions(&story, &agent);
    }
}

#[test]
fn crash_during_a_launch_uses_a_grant_for_one_launch_once() {
    for fault in ["journal.written=session.started", "journal.synced=session.started", "go.before", "go.after"] {
        let mut story = story("request", "", "[policy.request]\nuses = \"once\"");
        story.asking().expect_pending();
        {
            let agent = Agent::connect(&story.computer);
            agent.issue(&story.computer.grant_for(&agent.wait_request(), "5m"));
            agent.wait_kind("grant.received");
        }
        story.armed(fault);
        let client = story.run();
        story.fallen();
        drop(client);
        let agent = Agent::connect(&story.computer);
        check_sessions(&story, &agent);
        // Its one use is on record, so it is gone, whether or not the program came to run.
        assert_eq!(story.run().expect_refused().code, "reason", "{fault}");
        assert!(story.runs() <= 1, "{fault}");
        assert_eq!(agent.count(is_kind("session.started")), 1, "{fault}");
    }
}

#[test]
fn crash_during_a_grants_delivery_loses_and_doubles_nothing() {
    let faults = ["journal.written=grant.received", "journal.synced=grant.received", "position.before=2", "position.written=2"];
    for fault in faults {
        let mut story = story("request", "", "[policy.request]\nuses = \"once\"");
        story.asking().expect_pending();
        story.armed(fault);
        let grant = {
            let agent = Agent::connect(&story.computer);
            let grant = story.computer.grant_for(&agent.wait_request(), "5m");
            agent.issue(&grant);
            story.computer.wait_down();
            grant
        };
        story.fallen();
        let agent = Agent::connect(&story.computer);
        deliver(&agent, &grant, grant.seq);
        let client = story.run();
        assert_eq!(client.expect_started().grant, grant.grant, "{fault}");
        client.expect_ended();
        check_sessions(&story, &agent);
        assert_eq!(story.run().expect_refused().code, "reason", "{fault}");
        assert_eq!((agent.count(is_kind("grant.received")), story.runs()), (1, 1), "{fault}");
        assert!(agent.count(|body| matches!(body, Body::DocumentConfirmed(c) if c.document == Kind::Grant)) >= 1, "{fault}");
        assert_eq!(agent.count(is_kind("document.refused")), 0, "{fault}");
    }
}

#[test]
fn crash_during_a_declines_delivery_loses_and_doubles_nothing() {
    for fault in ["journal.synced=decline.received", "position.before=2", "position.written=2"] {
        let mut story = story("request", "", "");
        story.asking().expect_pending();
        story.armed(fault);
        let decline = {
            let agent = Agent::connect(&story.computer);
            let decline = story.computer.decline_for(&agent.wait_request(), "no");
            agent.issue(&decline);
            story.computer.wait_down();
            decline
        };
        story.fallen();
        let agent = Agent::connect(&story.computer);
        deliver(&agent, &decline, decline.seq);
        caught_up(&story);
        assert_eq!((agent.count(is_kind("decline.received")), agent.count(is_kind("document.refused"))), (1, 0), "{fault}");
    }
}

/// Counts the receipts of a revocation and the processes of each.
fn receipts(agent: &Agent<'_>, revocation: &Revocation) -> usize {
    let of = |body: &Body| matches!(body, Body::DocumentConfirmed(c) if c.document == Kind::Revocation && c.grant.as_ref() == Some(&revocation.grant) && c.processes_ended >= Some(1));
    agent.count(of)
}

#[test]
fn crash_during_a_revocation_ends_the_tree_and_gives_one_receipt() {
    let faults = [
        "journal.written=revocation.received",
        "journal.synced=revocation.received",
        "journal.synced=session.ended",
        "receipt.before",
        "journal.written=document.confirmed",
        "journal.synced=document.confirmed",
        "position.before=3",
        "position.written=3",
    ];
    for fault in faults {
        let mut story = story("request", "sleep 300 &\necho $! > DIR/pids\nwait", "[policy.elevation]\ngrace = \"0s\"");
        story.asking().expect_pending();
        let grant = {
            let agent = Agent::connect(&story.computer);
            let grant = story.computer.grant_for(&agent.wait_request(), "5m");
            agent.issue(&grant);
            agent.wait_kind("grant.received");
            agent.wait_state("its place", |state| state.seq >= 2);
            grant
        };
        let client = story.run();
        client.expect_started();
        eventually("it runs", || story.computer.read("pids").ends_with('\n'));
        let pid = story.computer.read("pids").trim().to_owned();
        story.armed(fault);
        let revocation = story.computer.revocation_of(&grant.grant);
        {
            let agent = Agent::connect(&story.computer);
            agent.issue(&revocation);
            story.computer.wait_down();
        }
        story.fallen();
        let agent = Agent::connect(&story.computer);
        deliver(&agent, &revocation, revocation.seq);
        eventually("the tree is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
        eventually("its receipt", || receipts(&agent, &revocation) == 1);
        check_sessions(&story, &agent);
        caught_up(&story);
        let told = agent.count(|body| matches!(body, Body::DocumentConfirmed(c) if c.document == Kind::Revocation));
        assert_eq!((told, agent.count(is_kind("revocation.received"))), (1, 1), "{fault}");
        assert_eq!(agent.count(is_kind("grant.ended")), 1, "{fault}");
    }
}

#[test]
fn crash_at_a_sessions_end_records_it_once_as_it_was() {
    for fault in ["journal.written=session.ended", "journal.synced=session.ended"] {
        let mut story = story("automatic", "exit 3", "");
        story.armed(fault);
        let client = story.run();
        client.expect_started();
        story.fallen();
        let agent = Agent::connect(&story.computer);
        check_sessions(&story, &agent);
        let outcome = agent.wait_record("session.ended", |body| match body {
            Body::SessionEnded(ended) => Some(ended.outcome.clone()),
            _ => None,
        });
        assert_eq!(outcome, Outcome::Exited { status: 3 }, "{fault}");
        assert_eq!((agent.count(is_kind("session.ended")), agent.count(is_kind("grant.ended"))), (1, 1), "{fault}");
    }
}
