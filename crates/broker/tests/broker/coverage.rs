//! What runs ends when time alone takes its right away: a deny that begins, a policy whose time is over.

use brevet_api::broker::{Run, Tell};
use brevet_core::document::EndReason;
use brevet_core::id::GrantId;
use brevet_core::record::{Body, Outcome};
use brevet_core::time::{Length, Timestamp};

use crate::agent::Agent;
use crate::client::{Client, run};
use crate::computer::{Computer, eventually, id, now};
use crate::user::TestUser;

fn sleeper(computer: &Computer, name: &str) -> String {
    let pid = computer.directory.path().join(format!("{name}-$1.pid")).display().to_string();
    computer.program(name, &format!("#!/bin/sh\necho $$ > {pid}\nexec sleep 300\n"))
}

/// Whether what wrote its number into this file still runs.
fn runs(computer: &Computer, name: &str) -> bool {
    let pid = computer.read(&format!("{name}.pid"));
    assert!(!pid.is_empty(), "{name} never ran");
    std::path::Path::new(&format!("/proc/{}", pid.trim())).exists()
}

fn window(seconds: [u64; 2]) -> String {
    let [start, end] = seconds.map(|seconds| now().plus(Length::from_seconds(seconds)));
    format!("validity = {{ kind = \"window\", start = \"{start}\", end = \"{end}\" }}")
}

fn automatic(programs: &[&str], more: &str) -> String {
    let rules: Vec<String> = programs.iter().map(|program| format!("{{ file = \"{program}\" }}")).collect();
    format!("mode = \"automatic\"\nauthentication = \"none\"\napplications = [{}]\n{more}", rules.join(", "))
}

fn launch(computer: &Computer, user: &TestUser, command: &[&str]) -> Client {
    let client = Client::start(computer, user, run(command));
    client.expect_started();
    client
}

fn ended_grant(agent: &Agent<'_>, reason: EndReason) -> (GrantId, String) {
    agent.wait_record("grant.ended", |body| match body {
        Body::GrantEnded(ended) if ended.reason == reason => Some((ended.grant.clone(), ended.detail.clone())),
        _ => None,
    })
}

fn wait_until(moment: Timestamp) {
    eventually("that moment", || now() > moment);
}

#[test]
fn a_deny_whose_window_begins_ends_what_it_then_covers_and_nothing_else() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (denied, other) = (sleeper(&computer, "denied"), sleeper(&computer, "other"));
    let (allow, deny) = (id(), id());
    // What may finish after its expiry may not after a deny.
    let finishes = "[policy.elevation]\nat_expiry = \"let_finish\"\nfinish_within = \"1h\"\ngrace = \"0s\"";
    let begins = now().plus(Length::from_seconds(8));
    let denies = format!("mode = \"deny\"\napplications = [{{ file = \"{denied}\" }}]\n{}", window([8, 3600]));
    agent.enforce(&[
        (allow.clone(), computer.policy(&allow, 1, &automatic(&[&denied, &other], finishes))),
        (deny.clone(), computer.policy(&deny, 1, &denies)),
    ]);
    let (ends, stays) = (launch(&computer, &user, &[&denied, "x"]), launch(&computer, &user, &[&other, "x"]));
    assert!(ends.expect_ended().because.is_some());
    assert!(now() >= begins, "it ended before the deny began");
    let (_, why) = ended_grant(&agent, EndReason::Revoked);
    assert!(why.contains("denied by policy"), "{why}");
    let outcome = agent.wait_record("session.ended", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    });
    assert_eq!(outcome, Outcome::Revoked);
    assert!(!runs(&computer, "denied-x") && runs(&computer, "other-x"));
    assert_eq!(Client::start(&computer, &user, run(&[&denied, "x"])).expect_refused().code, "denied");
    stays.leave();
}

#[test]
fn a_deny_that_began_while_the_broker_was_down_ends_what_it_covers_when_the_broker_is_back() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let program = sleeper(&computer, "tool");
    let (allow, deny) = (id(), id());
    let begins = now().plus(Length::from_seconds(6));
    let denies = format!("mode = \"deny\"\napplications = \"all\"\n{}", window([6, 3600]));
    let client = {
        let agent = Agent::connect(&computer);
        let allows = automatic(&[&program], "[policy.elevation]\ngrace = \"0s\"");
        agent.enforce(&[(allow.clone(), computer.policy(&allow, 1, &allows)), (deny.clone(), computer.policy(&deny, 1, &denies))]);
        launch(&computer, &user, &[&program, "x"])
    };
    computer.stop();
    wait_until(begins);
    assert!(runs(&computer, "tool-x"), "nothing ends it while nobody decides");
    computer.start();
    client.expect_ended();
    assert!(!runs(&computer, "tool-x"));
    ended_grant(&Agent::connect(&computer), EndReason::Revoked);
}

#[test]
fn when_the_window_of_a_policy_closes_its_sessions_and_its_grants_expire() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let program = sleeper(&computer, "tool");
    let policy = id();
    let closes = now().plus(Length::from_seconds(10));
    let toml =
        format!("mode = \"request\"\napplications = [{{ file = \"{program}\" }}]\n{}\n[policy.elevation]\ngrace = \"0s\"", window([0, 10]));
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let asking = |argument: &str, no_wait| Run {
        reason: Some("to see".into()),
        duration: Some(Length::from_seconds(1)),
        no_wait,
        ..run(&[&program, argument])
    };
    let used = Client::start(&computer, &user, asking("used", false));
    used.expect_pending();
    let grant = computer.grant_for(&agent.wait_request(), "2h");
    // For less than was asked, as far as the request's terms allow.
    agent.issue(&brevet_core::document::GrantDocument { duration: Length::from_minutes(30), ..grant });
    assert!(matches!(used.next(), Tell::Approved(_)));
    used.expect_started();
    Client::start(&computer, &user, asking("unused", true)).expect_pending();
    let unused = agent.wait_record("the second request", |body| match body {
        Body::RequestCreated(request) if request.command.arguments[1].as_str() == Some("unused") => Some((**request).clone()),
        _ => None,
    });
    agent.issue(&computer.grant_for(&unused, "1s"));
    used.expect_ended();
    assert!(now() >= closes, "it ended before the window closed");
    for reason in [EndReason::Expired, EndReason::Unused] {
        let (_, why) = ended_grant(&agent, reason);
        assert_eq!(why, "the time of its policy was up");
    }
    eventually("it is gone", || !runs(&computer, "tool-used"));
}

#[test]
fn a_deny_of_some_arguments_ends_the_session_that_has_them_and_leaves_the_grant() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let program = sleeper(&computer, "tool");
    let (policy, deny) = (id(), id());
    let toml = format!(
        "mode = \"request\"\napplications = [{{ file = \"{program}\" }}]\n[policy.elevation]\ngrace = \"0s\"\n[policy.request]\nbinds = \"application\""
    );
    let document = computer.policy(&policy, 1, &toml);
    agent.enforce(&[(policy.clone(), document.clone())]);
    let asking = Run { reason: Some("to see".into()), duration: Some(Length::from_minutes(10)), ..run(&[&program, "one"]) };
    let one = Client::start(&computer, &user, asking);
    one.expect_pending();
    agent.issue(&computer.grant_for(&agent.wait_request(), "5m"));
    assert!(matches!(one.next(), Tell::Approved(_)));
    one.expect_started();
    let two = launch(&computer, &user, &[&program, "two"]);
    eventually("both run", || !computer.read("tool-one.pid").is_empty() && !computer.read("tool-two.pid").is_empty());
    let denies = format!("mode = \"deny\"\napplications = [{{ file = \"{program}\", arguments = [\"two\"] }}]");
    agent.enforce(&[(policy, document), (deny.clone(), computer.policy(&deny, 1, &denies))]);
    two.expect_ended();
    let ended = agent.wait_record("session.ended", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    });
    assert_eq!(ended, Outcome::Revoked);
    assert!(!runs(&computer, "tool-two") && runs(&computer, "tool-one"));
    assert!(!agent.kinds().contains(&"grant.ended".to_owned()), "the grant goes on");
    drop(launch(&computer, &user, &[&program, "three"]));
}
