//! The broker ends and begins anew: sessions go on, and what it knew it knows again.

use brevet_api::broker::{Answer, Ask, Run, Tell};
use brevet_core::id::SessionId;
use brevet_core::record::{Body, Outcome};
use brevet_core::time::Length;

use crate::agent::Agent;
use crate::client::{Client, ask, run};
use crate::computer::{Computer, eventually, id};
use crate::user::TestUser;

/// A program that runs until it is told to end.
fn running(computer: &Computer, user: &TestUser, more: &str) -> (Client, SessionId) {
    let pids = computer.directory.path().join("pids").display().to_string();
    let program = computer.program("tool", &format!("#!/bin/sh\nsleep 300 &\necho $! > {pids}\nwait\n"));
    let agent = Agent::connect(computer);
    let policy = id();
    let toml = format!("mode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ file = \"{program}\" }}]\n{more}");
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let client = Client::start(computer, user, run(&[&program]));
    let started = client.expect_started();
    eventually("the program runs", || computer.read("pids").ends_with('\n'));
    (client, started.session)
}

fn alive(computer: &Computer) -> bool {
    let pid = computer.read("pids").trim().to_owned();
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_session_goes_on_while_the_broker_is_killed_and_the_next_one_can_end_it() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let (client, session) = running(&computer, &user, "[policy.elevation]\ngrace = \"1s\"");
    computer.kill();
    assert!(alive(&computer));
    computer.start();
    let Answer::Grants { grants } = ask(&computer, &user, &Ask::Grants {}) else { panic!() };
    assert_eq!(grants[0].sessions, vec![session.clone()]);
    assert!(matches!(ask(&computer, &user, &Ask::End { grant: grants[0].grant.clone() }), Answer::Done { .. }));
    client.expect_ended();
    eventually("it is gone", || !alive(&computer));
    let agent = Agent::connect(&computer);
    let taken = agent.wait_record("broker.started with the session", |body| match body {
        Body::BrokerStarted(started) if !started.sessions.is_empty() => Some(started.sessions.clone()),
        _ => None,
    });
    assert_eq!(taken, vec![session]);
    let outcome = agent.wait_record("session.ended", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    });
    assert_eq!(outcome, Outcome::Finished);
}

#[test]
fn the_deadline_holds_while_no_broker_runs_and_the_end_is_recorded_afterwards() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let (client, _) = running(&computer, &user, "[policy.elevation]\ngrace = \"0s\"\n[policy.request]\nmax_duration = \"2s\"");
    computer.stop();
    client.expect_ended();
    eventually("it is gone", || !alive(&computer));
    computer.start();
    let agent = Agent::connect(&computer);
    let outcome = agent.wait_record("session.ended", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    });
    assert_eq!(outcome, Outcome::Expired);
    assert_eq!(computer.session_directories(), 0);
}

#[test]
fn a_request_waits_through_a_restart_and_its_grant_is_used_then() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let policy = id();
    let toml = "mode = \"request\"\napplications = [{ file = \"/usr/bin/true\" }]";
    let request = {
        let agent = Agent::connect(&computer);
        agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, toml))]);
        let asking = Run { reason: Some("r".into()), duration: Some(Length::from_minutes(5)), no_wait: true, ..run(&["true"]) };
        Client::start(&computer, &user, asking).expect_pending();
        agent.wait_request()
    };
    computer.kill();
    computer.start();
    let agent = Agent::connect(&computer);
    assert_eq!(agent.wait_state("the position", |_| true).seq, 1);
    let waiting = Client::start(&computer, &user, run(&["true"]));
    assert!(matches!(waiting.next(), Tell::Notice { .. }));
    assert_eq!(waiting.expect_pending().request, request.id);
    agent.issue(&computer.grant_for(&request, "5m"));
    assert!(matches!(waiting.next(), Tell::Approved(_)));
    waiting.expect_success();
}

#[test]
fn why_something_was_declined_or_revoked_is_known_after_a_restart() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let policy = id();
    let toml = "mode = \"request\"\napplications = [{ file = \"/usr/bin/true\" }, { file = \"/usr/bin/false\" }]";
    let asking = |command| Run { reason: Some("r".into()), no_wait: true, ..run(&[command]) };
    {
        let agent = Agent::connect(&computer);
        agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, toml))]);
        Client::start(&computer, &user, asking("true")).expect_pending();
        agent.issue(&computer.decline_for(&agent.wait_request(), "use the other server"));
        agent.wait_kind("decline.received");
        Client::start(&computer, &user, asking("false")).expect_pending();
        let grant = computer.grant_for(&agent.wait_request_of("false"), "5m");
        agent.issue(&grant);
        agent.issue(&computer.revocation_of(&grant.grant));
        agent.wait_kind("revocation.received");
    }
    computer.kill();
    computer.start();
    let Answer::Requests { requests } = ask(&computer, &user, &Ask::Requests {}) else { panic!() };
    let answers: Vec<_> = requests.iter().map(|request| request.answer.as_deref()).collect();
    assert_eq!(answers, [Some("approved and revoked (Ada: enough)"), Some("declined by Ada: use the other server")]);
    let Answer::Grants { grants } = ask(&computer, &user, &Ask::Grants {}) else { panic!() };
    assert_eq!(grants[0].because.as_deref(), Some("Ada: enough"));
    let again = Client::start(&computer, &user, asking("true"));
    let Tell::Notice { text } = again.next() else { panic!() };
    assert_eq!(text, "the last time it was declined by Ada: use the other server");
    again.expect_pending();
    let again = Client::start(&computer, &user, asking("false"));
    let Tell::Notice { text } = again.next() else { panic!() };
    assert_eq!(text, "the last time it was approved and revoked (Ada: enough)");
}
