//! Launches that need nobody's approval, and those that are refused.

use brevet_core::record::{Body, Outcome};
use brevet_core::text::OsText;

use crate::agent::Agent;
use crate::client::{Client, run};
use crate::computer::{Computer, eventually, id};
use crate::user::TestUser;

fn automatic(file: &str) -> String {
    format!("mode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ file = \"{file}\" }}]")
}

#[test]
fn an_automatic_launch_runs_as_root_with_an_environment_of_ours_and_is_on_record_first() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let out = computer.directory.path().join("who").display().to_string();
    let program = computer.program("tool", &format!("#!/bin/sh\n{{ id -u; id -G; pwd; echo \"$1\"; env; umask; }} > {out}\n"));
    let policy = id();
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &automatic(&program)))]);
    let client = Client::start(&computer, &user, run(&[&program, "a b"]));
    client.expect_success();
    let said = computer.read("who");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[1], lines[2], lines[3]), ("0", "0", "/", "a b"), "{said}");
    assert!(lines.contains(&format!("BREVET_USER={}", user.name).as_str()) && lines.contains(&format!("SUDO_UID={}", user.uid).as_str()));
    assert!(lines.contains(&"TERM=xterm") && !said.contains("LD_PRELOAD") && lines.last() == Some(&"0022"));
    agent.wait_kind("session.ended");
    agent.wait_kind("grant.ended");
    let kinds = agent.kinds();
    let at = |kind: &str| kinds.iter().position(|found| found == kind).unwrap_or_else(|| panic!("{kind} in {kinds:?}"));
    assert!(at("grant.issued") < at("grant.activated") && at("grant.activated") < at("session.started"));
    let outcome = agent.wait_record("the outcome", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    });
    assert_eq!(outcome, Outcome::Exited { status: 0 });
}

#[test]
fn without_a_policy_nothing_runs_and_the_refusal_is_recorded() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let refused = Client::start(&computer, &user, run(&["true", "x\u{1b}[2J"])).expect_refused();
    assert_eq!((refused.code.as_str(), refused.not_found), ("no_policy", false));
    let recorded = agent.wait_record("launch.refused", |body| match body {
        Body::LaunchRefused(refused) => Some(refused.clone()),
        _ => None,
    });
    assert_eq!((recorded.user.name.as_str(), recorded.user.uid), (user.name.as_str(), user.uid));
    assert_eq!(recorded.directory, Some(OsText::from("/")));
    assert_eq!(recorded.arguments, vec![OsText::from("true"), OsText::from("x\u{1b}[2J")]);
    let refused = Client::start(&computer, &user, run(&["no-such-program"])).expect_refused();
    assert!(refused.not_found);
}

#[test]
fn what_the_caller_cannot_see_is_neither_found_nor_missing() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let there = Client::start(&computer, &user, run(&["/root/../root/.bashrc"])).expect_refused();
    let missing = Client::start(&computer, &user, run(&["/root/../root/.no-such"])).expect_refused();
    assert_eq!((there.code, there.not_found, there.hint), (missing.code, missing.not_found, missing.hint));
}

#[test]
fn a_deny_wins_over_an_automatic_policy() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (allow, deny) = (id(), id());
    let denies = "mode = \"deny\"\nmessage = \"ask the web team\"\napplications = [{ file = \"/usr/bin/true\" }]";
    agent.enforce(&[
        (allow.clone(), computer.policy(&allow, 1, &automatic("/usr/bin/true"))),
        (deny.clone(), computer.policy(&deny, 1, denies)),
    ]);
    let refused = Client::start(&computer, &user, run(&["true"])).expect_refused();
    assert_eq!(refused.code, "denied");
    assert_eq!(refused.hint.as_deref(), Some("ask the web team"));
}

#[test]
fn the_time_of_a_grant_ends_the_program_and_what_it_started() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let pids = computer.directory.path().join("pids").display().to_string();
    let program =
        computer.program("tool", &format!("#!/bin/sh\nsleep 300 &\necho $! > {pids}\nsetsid sleep 301 &\necho $! >> {pids}\nwait\n"));
    let policy = id();
    let toml = format!("{}\n[policy.elevation]\ngrace = \"1s\"\n[policy.request]\nmax_duration = \"2s\"", automatic(&program));
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let client = Client::start(&computer, &user, run(&[&program]));
    client.expect_started();
    let ended = client.expect_ended();
    assert!(ended.because.is_some(), "{ended:?}");
    let outcome = agent.wait_record("session.ended", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    });
    assert_eq!(outcome, Outcome::Expired);
    for pid in computer.read("pids").lines() {
        eventually("the tree is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[test]
fn a_file_that_a_user_can_write_is_not_matched_by_its_path() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let program = computer.program("tool", "#!/bin/sh\nexit 0\n");
    std::os::unix::fs::chown(&program, Some(user.uid), None).unwrap();
    let by_path = id();
    agent.enforce(&[(by_path.clone(), computer.policy(&by_path, 1, &automatic(&program)))]);
    assert_eq!(Client::start(&computer, &user, run(&[&program])).expect_refused().code, "no_policy");
    let digest = brevet_core::digest::Digest::of(b"#!/bin/sh\nexit 0\n");
    let by_hash = id();
    let toml = format!("mode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ hash = \"{digest}\" }}]");
    agent.enforce(&[(by_hash.clone(), computer.policy(&by_hash, 1, &toml))]);
    Client::start(&computer, &user, run(&[&program])).expect_success();
}

#[test]
fn a_password_is_asked_for_checked_and_counted() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    user.set_password("correct horse");
    let policy = id();
    let toml = "mode = \"automatic\"\nauthentication = \"password\"\napplications = [{ file = \"/usr/bin/true\" }]";
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, toml))]);
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "not_authenticated");
    let interactive = || brevet_api::broker::Run { interactive: true, ..run(&["true"]) };
    let mut client = Client::start(&computer, &user, interactive());
    client.password("wrong");
    client.password("correct horse");
    assert!(matches!(client.next(), brevet_api::broker::Tell::Authenticate { attempts_left: 3 }));
    assert!(matches!(client.next(), brevet_api::broker::Tell::Authenticate { attempts_left: 2 }));
    client.expect_success();
    let mut client = Client::start(&computer, &user, interactive());
    for _ in 0..3 {
        client.password("wrong");
        assert!(matches!(client.next(), brevet_api::broker::Tell::Authenticate { .. }));
    }
    assert_eq!(client.expect_refused().code, "not_authenticated");
    agent.wait_kind("authentication.failed");
    let refused = Client::start(&computer, &user, interactive()).expect_refused();
    assert!(refused.hint.unwrap().contains("try again"), "a delay follows");
}

#[test]
fn an_expired_account_may_run_nothing() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let policy = id();
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &automatic("/usr/bin/true")))]);
    Client::start(&computer, &user, run(&["true"])).expect_success();
    user.expire();
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "account");
}

#[test]
fn another_account_and_a_pid_namespace_of_its_own_are_what_the_policy_says() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let (user, target) = (TestUser::create(), TestUser::create());
    // The target user writes it, so it must be able to.
    let out = computer.directory.path().join("shared");
    std::fs::create_dir(&out).unwrap();
    std::os::unix::fs::chown(&out, Some(target.uid), Some(target.gid)).unwrap();
    let program = computer
        .program("tool", &format!("#!/bin/sh\n{{ id -un; id -Gn; echo $HOME; ls /proc | grep -c '^[0-9]'; }} > {}/who\n", out.display()));
    let policy = id();
    let toml = format!("{}\n[policy.elevation]\nrun_as = \"{}\"\ncontainment = \"pid_namespace\"", automatic(&program), target.name);
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    Client::start(&computer, &user, run(&[&program])).expect_success();
    let said = computer.read("shared/who");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[1], lines[2]), (target.name.as_str(), target.name.as_str(), format!("/home/{}", target.name).as_str()));
    assert!(lines[3].parse::<u32>().unwrap() < 8, "it sees its own processes only: {said}");
}

#[test]
fn explain_says_what_would_happen_and_runs_nothing() {
    use brevet_api::broker::{Answer, Ask};
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (allow, other) = (id(), id());
    agent.enforce(&[
        (allow.clone(), computer.policy(&allow, 1, &automatic("/usr/bin/touch"))),
        (other.clone(), computer.policy(&other, 1, &automatic("/usr/bin/id"))),
    ]);
    let marker = computer.directory.path().join("marker").display().to_string();
    let Answer::Explained(explained) = crate::client::ask(&computer, &user, &Ask::Explain(Box::new(run(&["touch", &marker])))) else {
        panic!()
    };
    assert_eq!((explained.outcome.as_str(), explained.policy.as_deref()), ("elevate", Some(allow.as_str())));
    assert_eq!((explained.others.len(), explained.more_others), (1, 0));
    assert!(explained.terms.unwrap().starts_with("as root, without a password, for at most 1h (if it began now: until 2"));
    assert!(!std::path::Path::new(&marker).exists());
    let Answer::Listed { policies } = crate::client::ask(&computer, &user, &Ask::List {}) else { panic!() };
    assert_eq!(policies.len(), 2);
    assert_eq!((policies[0].applications.len(), policies[0].validity.as_str()), (1, "always"));
    assert!(!policies[0].applications[0].contains('{'), "in words: {:?}", policies[0].applications);
    assert_eq!((policies[0].usable.as_str(), policies[0].password), ("now", false));
}

#[test]
fn justify_wants_a_reason_and_records_it() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let policy = id();
    let toml = "mode = \"justify\"\nauthentication = \"none\"\napplications = [{ file = \"/usr/bin/true\" }]";
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, toml))]);
    let refused = Client::start(&computer, &user, run(&["true"])).expect_refused();
    assert_eq!(refused.code, "reason");
    assert!(refused.hint.unwrap().contains("--reason"));
    let mut client = Client::start(&computer, &user, brevet_api::broker::Run { interactive: true, ..run(&["true"]) });
    assert!(matches!(client.next(), brevet_api::broker::Tell::NeedReason(_)));
    client.reply(&brevet_api::broker::Reply::Reason { reason: "disk full".into(), duration: None, ticket: None });
    client.expect_success();
    let reason = agent.wait_record("grant.issued", |body| match body {
        Body::GrantIssued(grant) => grant.reason.clone(),
        _ => None,
    });
    assert_eq!(reason, "disk full");
}
