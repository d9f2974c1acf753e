//! What one user may take up of the computer: copies of programs, recorded bytes, memory.

use std::fs;
use std::os::unix::fs::chown;

use brevet_api::broker::{Answer, Ask, Run};
use brevet_core::digest::Digest;
use brevet_core::record::Body;
use brevet_core::time::Length;

use crate::agent::Agent;
use crate::client::{Client, ask, run};
use crate::computer::{Computer, eventually, id};
use crate::user::TestUser;

/// Copies of programs that the broker has in memory.
fn copies(computer: &Computer) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", computer.pid())).unwrap();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:brevet")).count()
}

/// A program that belongs to a user, with its digest.
fn theirs(computer: &Computer, user: &TestUser, text: &str) -> (String, Digest) {
    let program = computer.program("theirs", text);
    chown(&program, Some(user.uid), Some(user.gid)).unwrap();
    (program, Digest::of(text.as_bytes()))
}

#[test]
fn no_copy_is_kept_while_a_request_waits_and_what_runs_then_is_what_was_approved() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (program, digest) = theirs(&computer, &user, "#!/bin/sh\nexit 0\n");
    let policy = id();
    let toml = format!("mode = \"request\"\nauthentication = \"none\"\napplications = [{{ hash = \"{digest}\" }}]");
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let asking = |arguments: &[&str]| Run { reason: Some("to see".into()), duration: Some(Length::from_minutes(10)), ..run(arguments) };
    let waits = |argument: &str| {
        let client = Client::start(&computer, &user, asking(&[&program, argument]));
        let request = client.expect_pending().request.clone();
        let wanted = |body: &Body| match body {
            Body::RequestCreated(created) if created.id == request => Some((**created).clone()),
            _ => None,
        };
        let request = agent.wait_record("the request", wanted);
        assert_eq!(copies(&computer), 0, "nothing is copied while it waits");
        (client, request)
    };
    let (client, request) = waits("one");
    agent.issue(&computer.grant_for(&request, "5m"));
    assert!(matches!(client.next(), brevet_api::broker::Tell::Approved(_)));
    client.expect_success();
    // One that is changed while it waits does not run, however it was approved.
    let (client, request) = waits("two");
    fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
    agent.issue(&computer.grant_for(&request, "5m"));
    assert!(matches!(client.next(), brevet_api::broker::Tell::Approved(_)));
    assert_eq!(client.expect_refused().code, "changed");
    eventually("no copy is left", || copies(&computer) == 0);
}

#[test]
fn a_file_that_no_policy_of_the_user_could_match_is_not_read_and_explain_says_its_digest_all_the_same() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (program, digest) = theirs(&computer, &user, "#!/bin/sh\nexit 0\n");
    let recorded = |count: usize| {
        let found = std::cell::Cell::new(0);
        agent.wait_record("launch.refused", |body| match body {
            Body::LaunchRefused(refused) => {
                found.set(found.get() + 1);
                (found.get() == count).then(|| refused.application.as_ref().map(|facts| facts.sha256))
            }
            _ => {
                if body.kind() == "broker.started" {
                    found.set(0);
                }
                None
            }
        })
    };
    let by_path = id();
    let toml = format!("mode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ file = \"{program}\" }}]");
    agent.enforce(&[(by_path.clone(), computer.policy(&by_path, 1, &toml))]);
    assert_eq!(Client::start(&computer, &user, run(&[&program])).expect_refused().code, "no_policy");
    assert_eq!(recorded(1), None, "its content cannot matter");
    let Answer::Explained(explained) = ask(&computer, &user, &Ask::Explain(Box::new(run(&[&program])))) else { panic!() };
    assert_eq!((explained.outcome.as_str(), explained.would_run.application.sha256), ("refuse", digest));
    // A deny by hash is found, whoever else is allowed what.
    let denies = id();
    let toml = format!("mode = \"deny\"\napplications = [{{ hash = \"{digest}\" }}]");
    agent.enforce(&[(denies.clone(), computer.policy(&denies, 1, &toml))]);
    assert_eq!(Client::start(&computer, &user, run(&[&program])).expect_refused().code, "denied");
    assert_eq!(recorded(2), Some(digest));
}
