//! Requests, from the asking to the end of what they gave.

use brevet_api::broker::{Answer, Ask, Run, Tell};
use brevet_core::document::{EndReason, GrantDocument};
use brevet_core::id::PolicyId;
use brevet_core::policy::Starts;
use brevet_core::record::{Body, Outcome};
use brevet_core::request::RequestState;
use brevet_core::time::Length;

use crate::agent::Agent;
use crate::client::{Client, ask, run};
use crate::computer::{Computer, eventually, id, now};
use crate::user::TestUser;

fn asking(command: &[&str]) -> Run {
    Run { reason: Some("to see".into()), duration: Some(Length::from_minutes(10)), ..run(command) }
}

/// `program` may be asked for.
fn may_ask(computer: &Computer, agent: &Agent<'_>, program: &str, more: &str) -> PolicyId {
    let policy = id();
    let toml = format!("mode = \"request\"\nmessage = \"call the web team\"\napplications = [{{ file = \"{program}\" }}]\n{more}");
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    policy
}

fn started() -> (Computer, TestUser) {
    let mut computer = Computer::enrolled();
    computer.start();
    (computer, TestUser::create())
}

fn sleeper(computer: &Computer) -> String {
    let pids = computer.directory.path().join("pids").display().to_string();
    computer.program("tool", &format!("#!/bin/sh\nsleep 300 &\necho $! > {pids}\nwait\n"))
}

fn gone(computer: &Computer) {
    let text = computer.read("pids");
    assert!(!text.is_empty());
    for pid in text.lines() {
        eventually("the tree is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn an_approved_request_starts_by_itself_for_the_approved_time_with_the_same_code() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let out = computer.directory.path().join("who").display().to_string();
    let program = computer.program("tool", &format!("#!/bin/sh\nid -u > {out}\n"));
    may_ask(&computer, &agent, &program, "");
    let client = Client::start(&computer, &user, asking(&[&program, "x"]));
    let pending = client.expect_pending();
    let request = agent.wait_request();
    assert_eq!((request.id.clone(), request.digest.short_code()), (pending.request.clone(), pending.code.clone()));
    assert!(request.is_consistent() && request.reason == "to see" && pending.message == "call the web team");
    agent.issue(&computer.grant_for(&request, "5m"));
    let Tell::Approved(approved) = client.next() else { panic!() };
    assert_eq!((approved.by, approved.comments, approved.duration), (vec!["Ada".into()], vec!["fine".into()], Length::from_minutes(5)));
    client.expect_success();
    assert_eq!(computer.read("who"), "0\n");
    agent.wait_kind("session.ended");
    // The grant is for many uses: the same command runs again at once, another one does not.
    Client::start(&computer, &user, run(&[&program, "x"])).expect_success();
    assert_eq!(Client::start(&computer, &user, run(&[&program, "y"])).expect_refused().code, "reason");
    let Answer::Grants { grants } = ask(&computer, &user, &Ask::Grants {}) else { panic!() };
    assert_eq!((grants.len(), grants[0].state.as_str()), (1, "active"));
    let Answer::Requests { requests } = ask(&computer, &user, &Ask::Requests {}) else { panic!() };
    assert_eq!((requests[0].duration, requests[0].answer.as_deref()), (Length::from_minutes(10), Some("approved for 5m by Ada: fine")));
}

#[test]
fn launches_approved_together_each_use_one_of_their_grants() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let out = computer.directory.path().join("ran").display().to_string();
    let program = computer.program("tool", &format!("#!/bin/sh\necho $1 >> {out}\n"));
    may_ask(&computer, &agent, &program, "[policy.request]\nbinds = \"application\"\nuses = \"once\"");
    let arguments = ["a", "b", "c", "d", "e", "f"];
    let waiting = arguments.map(|argument| Client::start(&computer, &user, asking(&[&program, argument])));
    let requests = waiting.each_ref().map(|client| {
        let id = client.expect_pending().request;
        agent.wait_record("the request", |body| match body {
            Body::RequestCreated(request) if request.id == id => Some((**request).clone()),
            _ => None,
        })
    });
    for request in &requests {
        agent.issue(&computer.grant_for(request, "5m"));
    }
    for client in &waiting {
        assert!(matches!(client.next(), Tell::Approved(_)));
        client.expect_success();
    }
    let text = computer.read("ran");
    let mut ran: Vec<&str> = text.lines().collect();
    ran.sort_unstable();
    assert_eq!(ran, arguments);
}

#[test]
fn launches_beyond_their_grants_want_the_password_that_another_policy_asks_for() {
    let (computer, user) = started();
    user.set_password("correct horse");
    let agent = Agent::connect(&computer);
    let program = computer.program("tool", "#!/bin/sh\nexit 0\n");
    let once = "[policy.request]\nbinds = \"application\"\nuses = \"once\"";
    let asks = may_ask(&computer, &agent, &program, once);
    let document = computer.policy(&asks, 1, &format!("mode = \"request\"\napplications = [{{ file = \"{program}\" }}]\n{once}"));
    let requests = ["a", "b"].map(|argument| {
        let client = Client::start(&computer, &user, asking(&[&program, argument]));
        let id = client.expect_pending().request;
        client.leave();
        agent.wait_record("the request", |body| match body {
            Body::RequestCreated(request) if request.id == id => Some((**request).clone()),
            _ => None,
        })
    });
    for request in &requests {
        agent.issue(&computer.grant_for(request, "5m"));
    }
    let runs = id();
    let toml = format!("mode = \"automatic\"\nauthentication = \"password\"\napplications = [{{ file = \"{program}\" }}]");
    agent.enforce(&[(asks, document), (runs.clone(), computer.policy(&runs, 1, &toml))]);
    agent.wait_state("both grants", |state| state.seq >= 4);
    let clients: Vec<Client> = (0..8).map(|_| Client::start(&computer, &user, run(&[&program, "c"]))).collect();
    let ran = clients.iter().filter(|client| matches!(client.next(), Tell::Started(_))).count();
    assert_eq!(ran, 2, "one for each grant, and nobody else without the password");
}

#[test]
fn a_decline_is_told_with_its_comment() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    may_ask(&computer, &agent, "/usr/bin/true", "");
    let client = Client::start(&computer, &user, asking(&["true"]));
    client.expect_pending();
    agent.issue(&computer.decline_for(&agent.wait_request(), "use the other server"));
    let Tell::Declined { by, comment, .. } = client.next() else { panic!() };
    assert_eq!((by.as_str(), comment.as_str()), ("Ada", "use the other server"));
    let Answer::Requests { requests } = ask(&computer, &user, &Ask::Requests {}) else { panic!() };
    assert_eq!(requests[0].state, RequestState::Declined);
}

#[test]
fn a_revocation_ends_the_tree_and_its_receipt_counts_the_processes() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let program = sleeper(&computer);
    may_ask(&computer, &agent, &program, "[policy.elevation]\ngrace = \"1s\"");
    let client = Client::start(&computer, &user, asking(&[&program]));
    client.expect_pending();
    let grant = computer.grant_for(&agent.wait_request(), "5m");
    agent.issue(&grant);
    assert!(matches!(client.next(), Tell::Approved(_)));
    client.expect_started();
    eventually("the program runs", || computer.read("pids").ends_with('\n'));
    agent.issue(&computer.revocation_of(&grant.grant));
    assert!(client.expect_ended().because.is_some());
    gone(&computer);
    let ended = agent.wait_record("the receipt", |body| match body {
        Body::DocumentConfirmed(confirmed) => confirmed.processes_ended,
        _ => None,
    });
    assert!(ended >= 2, "{ended}");
    let reason = agent.wait_record("grant.ended", |body| match body {
        Body::GrantEnded(ended) => Some((ended.reason, ended.detail.clone())),
        _ => None,
    });
    assert_eq!(reason, (EndReason::Revoked, "Ada: enough".into()));
    // Another receipt for the same grant: revoking is idempotent.
    agent.issue(&computer.revocation_of(&grant.grant));
    agent.wait_state("both revocations", |state| state.seq == 4);
}

#[test]
fn what_is_granted_while_nobody_waits_is_used_by_the_next_run() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    may_ask(&computer, &agent, "/usr/bin/true", "");
    let client = Client::start(&computer, &user, asking(&["true"]));
    client.expect_pending();
    client.leave();
    let grant = computer.grant_for(&agent.wait_request(), "5m");
    agent.issue(&grant);
    agent.wait_kind("grant.received");
    let client = Client::start(&computer, &user, run(&["true"]));
    assert_eq!(client.expect_started().grant, grant.grant);
}

#[test]
fn the_same_request_is_joined_and_not_made_twice_and_a_withdrawal_ends_it() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    may_ask(&computer, &agent, "/usr/bin/true", "");
    let first = Client::start(&computer, &user, Run { no_wait: true, ..asking(&["true"]) });
    let pending = first.expect_pending();
    let second = Client::start(&computer, &user, asking(&["true"]));
    assert!(matches!(second.next(), Tell::Notice { .. }));
    assert_eq!(second.expect_pending().request, pending.request);
    let other = TestUser::create();
    assert!(matches!(ask(&computer, &other, &Ask::Withdraw { request: pending.request.clone() }), Answer::Refused(_)));
    assert!(matches!(ask(&computer, &other, &Ask::Requests {}), Answer::Requests { requests } if requests.is_empty()));
    assert!(matches!(ask(&computer, &user, &Ask::Withdraw { request: pending.request.clone() }), Answer::Done { .. }));
    let Tell::Closed { state, .. } = second.next() else { panic!() };
    assert_eq!(state, RequestState::Withdrawn);
    // An approval that crosses the withdrawal gives nothing.
    agent.issue(&computer.grant_for(&agent.wait_request(), "5m"));
    agent.wait_refused_document("request_closed");
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "reason");
}

#[test]
fn a_request_lapses_by_the_computers_own_clock() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    may_ask(&computer, &agent, "/usr/bin/true", "[policy.request]\nlapses_after = \"1s\"");
    let client = Client::start(&computer, &user, asking(&["true"]));
    client.expect_pending();
    let Tell::Closed { state, .. } = client.next() else { panic!() };
    assert_eq!(state, RequestState::Lapsed);
    agent.wait_kind("request.lapsed");
}

#[test]
fn a_file_that_was_replaced_while_the_request_waited_is_not_run() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let program = computer.program("tool", "#!/bin/sh\nexit 0\n");
    may_ask(&computer, &agent, &program, "");
    let client = Client::start(&computer, &user, asking(&[&program]));
    client.expect_pending();
    // In place: the very file that was opened has another content now.
    std::fs::write(&program, "#!/bin/sh\ntouch /tmp/brevet-must-not-exist\n").unwrap();
    agent.issue(&computer.grant_for(&agent.wait_request(), "5m"));
    assert!(matches!(client.next(), Tell::Approved(_)));
    assert_eq!(client.expect_refused().code, "changed");
    // The grant was for other content.
    assert_eq!(Client::start(&computer, &user, run(&[&program])).expect_refused().code, "reason");
}

#[test]
fn a_grant_that_waits_longer_or_counts_later_than_the_policy_says_is_refused() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    may_ask(&computer, &agent, "/usr/bin/true", "[policy.request]\nstarts = \"approval\"\nuse_within = \"1h\"");
    let client = Client::start(&computer, &user, asking(&["true"]));
    client.expect_pending();
    let refused = |field: &str| {
        agent.wait_record(field, |body| match body {
            Body::DocumentRefused(refused) if refused.code == "digest" && refused.reason.starts_with(field) => Some(()),
            _ => None,
        });
    };
    let request = agent.wait_request();
    agent.issue(&GrantDocument { use_before: now().plus(Length::from_minutes(1)), ..computer.grant_for(&request, "5m") });
    refused("starts");
    agent.issue(&GrantDocument { starts: Starts::Approval, ..computer.grant_for(&request, "5m") });
    refused("use_before");
    let grant = computer.grant_for(&request, "5m");
    let use_before = grant.time.plus(Length::from_hours(1));
    agent.issue(&GrantDocument { starts: Starts::Approval, use_before, ..grant });
    assert!(matches!(client.next(), Tell::Approved(_)));
    client.expect_success();
}

#[test]
fn a_longer_duration_than_the_policys_is_refused_and_so_is_a_grant_for_it() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    may_ask(&computer, &agent, "/usr/bin/true", "[policy.request]\nmax_duration = \"20m\"");
    let long = Run { duration: Some(Length::from_hours(2)), ..asking(&["true"]) };
    assert_eq!(Client::start(&computer, &user, long).expect_refused().code, "duration");
    let client = Client::start(&computer, &user, asking(&["true"]));
    client.expect_pending();
    agent.issue(&computer.grant_for(&agent.wait_request(), "2h"));
    agent.wait_refused_document("digest");
}

#[test]
fn a_policy_that_was_narrowed_or_taken_away_revokes_what_runs_under_it() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let program = sleeper(&computer);
    may_ask(&computer, &agent, &program, "[policy.elevation]\ngrace = \"1s\"");
    let client = Client::start(&computer, &user, asking(&[&program]));
    client.expect_pending();
    agent.issue(&computer.grant_for(&agent.wait_request(), "5m"));
    assert!(matches!(client.next(), Tell::Approved(_)));
    client.expect_started();
    eventually("the program runs", || computer.read("pids").ends_with('\n'));
    agent.enforce(&[]);
    client.expect_ended();
    gone(&computer);
    let outcome = agent.wait_record("session.ended", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    });
    assert_eq!(outcome, Outcome::Revoked);
}

#[test]
fn an_extension_moves_the_end_of_what_runs() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let program = computer.program("tool", "#!/bin/sh\nsleep 4\n");
    may_ask(&computer, &agent, &program, "[policy.elevation]\ngrace = \"0s\"");
    let client = Client::start(&computer, &user, asking(&[&program]));
    client.expect_pending();
    let request = agent.wait_request();
    let grant = computer.grant_for(&request, "2s");
    agent.issue(&grant);
    assert!(matches!(client.next(), Tell::Approved(_)));
    client.expect_started();
    let mut longer = computer.grant_for(&request, "1m");
    (longer.grant, longer.version) = (grant.grant.clone(), 2);
    agent.issue(&longer);
    // Without the extension it would be ended after two seconds.
    assert_eq!(client.expect_ended().status, Some(0));
}

#[test]
fn what_may_finish_goes_on_after_expiry_until_its_hard_end() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let program = computer.program("tool", "#!/bin/sh\nsleep \"$1\"\n");
    let policy = id();
    let toml = format!(
        "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ file = \"{program}\" }}]\n[policy.elevation]\n\
         at_expiry = \"let_finish\"\nfinish_within = \"3s\"\ngrace = \"0s\"\n[policy.request]\nmax_duration = \"1s\""
    );
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let quick = Client::start(&computer, &user, run(&[&program, "2"]));
    quick.expect_success();
    let slow = Client::start(&computer, &user, run(&[&program, "60"]));
    slow.expect_started();
    assert!(slow.expect_ended().because.is_some());
}

#[test]
fn what_may_finish_goes_on_while_the_server_is_heard_of_and_not_without_it() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let program = computer.program("tool", "#!/bin/sh\nsleep \"$1\"\n");
    let policy = id();
    let toml = format!(
        "mode = \"automatic\"\nauthentication = \"none\"\nstaleness = \"3s\"\napplications = [{{ file = \"{program}\" }}]\n[policy.elevation]\n\
         at_expiry = \"let_finish\"\nfinish_within = \"1m\"\ngrace = \"0s\"\n[policy.request]\nmax_duration = \"1s\""
    );
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    agent.send(&computer.heartbeat(None));
    let heard = Client::start(&computer, &user, run(&[&program, "6"]));
    heard.expect_started();
    // Twice as long as the staleness, and long after its expiry.
    for _ in 0..12 {
        agent.send(&computer.heartbeat(None));
        drop(brevet_sys::poll::wait(&[], Some(500)));
    }
    assert_eq!(heard.expect_ended().status, Some(0));
    agent.send(&computer.heartbeat(None));
    let unheard = Client::start(&computer, &user, run(&[&program, "60"]));
    unheard.expect_started();
    assert!(unheard.expect_ended().because.is_some());
}

#[test]
fn a_user_ends_their_own_grant() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let program = sleeper(&computer);
    let policy = id();
    let toml = format!(
        "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ file = \"{program}\" }}]\n[policy.elevation]\ngrace = \"1s\""
    );
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let client = Client::start(&computer, &user, run(&[&program]));
    let started = client.expect_started();
    eventually("the program runs", || computer.read("pids").ends_with('\n'));
    let other = TestUser::create();
    assert!(matches!(ask(&computer, &other, &Ask::End { grant: started.grant.clone() }), Answer::Refused(_)));
    assert!(matches!(ask(&computer, &user, &Ask::End { grant: started.grant }), Answer::Done { .. }));
    client.expect_ended();
    gone(&computer);
    let Answer::Status(status) = ask(&computer, &user, &Ask::Status {}) else { panic!() };
    assert_eq!((status.policies, status.computer.as_deref()), (1, Some("web-1")));
}

#[test]
fn a_rule_answers_at_once_within_its_budget_and_one_in_shadow_only_says_so() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    let policy = id();
    let toml = "mode = \"request\"\napplications = [{ file = \"/usr/bin/true\" }]\n[policy.request]\nuses = \"once\"";
    let document = computer.policy(&policy, 1, toml);
    let conditions = "applications = [{ product = \"coreutils\" }]\nmax_duration = \"30m\"\nunchanged_only = true\nper_user_per_day = 1";
    let (rule, approving) = computer.autonomous(conditions);
    let name = rule.as_str().to_owned();
    let (shadow, shadowing) = computer.autonomous(&format!("shadow = true\n{conditions}"));
    let settings = computer.settings(true);
    for envelope in [&settings, &document, &approving, &shadowing] {
        agent.send(envelope);
    }
    agent.issue(&computer.manifest(&[(policy, &document)], &[(rule, &approving), (shadow, &shadowing)], &settings));
    agent.send(&computer.heartbeat(None));
    agent.wait_state("the manifest", |state| state.seq == 1 && state.missing.is_empty());
    let client = Client::start(&computer, &user, asking(&["true"]));
    let Tell::Approved(approved) = client.next() else { panic!() };
    assert_eq!((approved.autonomous, approved.by), (true, vec![name]));
    client.expect_success();
    let conditions = agent.wait_record("request.auto_approved", |body| match body {
        Body::RequestAutoApproved(approved) => Some(approved.conditions.clone()),
        _ => None,
    });
    assert!(conditions.len() >= 4 && conditions.iter().all(|condition| condition.holds), "{conditions:?}");
    agent.wait_kind("autonomous.shadowed");
    agent.wait_kind("grant.ended");
    // The budget is used up: a person is asked.
    Client::start(&computer, &user, asking(&["true"])).expect_pending();
}

#[test]
fn whoever_waits_is_told_when_the_server_has_the_request() {
    let (computer, user) = started();
    {
        let agent = Agent::connect(&computer);
        may_ask(&computer, &agent, "/usr/bin/true", "");
    }
    let client = Client::start(&computer, &user, asking(&["true"]));
    let pending = client.expect_pending();
    assert!(!pending.delivered);
    let agent = Agent::connect(&computer);
    let again = client.expect_delivered();
    assert_eq!((again.request.clone(), again.code), (pending.request, pending.code));
    agent.issue(&computer.grant_for(&agent.wait_request(), "5m"));
    assert!(matches!(client.next(), Tell::Approved(_)), "nothing is said twice");
}

#[test]
fn an_unused_grant_that_its_user_ends_is_taken_back() {
    let (computer, user) = started();
    let agent = Agent::connect(&computer);
    may_ask(&computer, &agent, "/usr/bin/true", "");
    Client::start(&computer, &user, Run { no_wait: true, ..asking(&["true"]) }).expect_pending();
    let grant = computer.grant_for(&agent.wait_request(), "5m");
    agent.issue(&grant);
    agent.wait_kind("grant.received");
    assert!(matches!(ask(&computer, &user, &Ask::End { grant: grant.grant }), Answer::Done { .. }));
    let Answer::Grants { grants } = ask(&computer, &user, &Ask::Grants {}) else { panic!() };
    assert_eq!((grants[0].state.as_str(), grants[0].because.as_deref()), ("revoked", Some("by its user")));
}
