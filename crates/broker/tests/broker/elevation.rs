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
    assert_eq!((explained.others.len(), explained.more_others), (0, 1), "what is for another file is counted");
    assert!(explained.terms.unwrap().starts_with("as root, without a password, for at most 1h (if it began now: until 2"));
    assert!(!std::path::Path::new(&marker).exists());
    let Answer::Listed { policies } = crate::client::ask(&computer, &user, &Ask::List {}) else { panic!() };
    assert_eq!(policies.len(), 2);
    assert_eq!((policies[0].applications.len(), policies[0].validity.as_str()), (1, "always"));
    assert!(!policies[0].applications[0].contains('{'), "in words: {:?}", policies[0].applications);
    assert_eq!((policies[0].usable.as_str(), policies[0].password), ("now", false));
}

#[test]
fn explain_says_the_message_and_a_deny_without_one_decided_and_did_not_come_after() {
    use brevet_api::broker::{Answer, Ask};
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let explained = |computer: &Computer, command: &[&str]| match crate::client::ask(computer, &user, &Ask::Explain(Box::new(run(command))))
    {
        Answer::Explained(explained) => explained,
        other => panic!("{other:?}"),
    };
    let (ask, silent, speaks) = (id(), id(), id());
    let policy =
        |mode: &str, file: &str, message: &str| format!("mode = '{mode}'\napplications = [{{ file = '{file}' }}]\nmessage = '{message}'\n");
    agent.enforce(&[
        (ask.clone(), computer.policy(&ask, 1, &policy("request", "/usr/bin/id", "call 1234"))),
        (silent.clone(), computer.policy(&silent, 1, &policy("deny", "/usr/bin/touch", ""))),
        (speaks.clone(), computer.policy(&speaks, 1, &policy("deny", "/usr/bin/nproc", "never; ask security"))),
    ]);
    let asked = explained(&computer, &["id"]);
    assert_eq!((asked.outcome.as_str(), asked.message.as_deref()), ("ask", Some("call 1234")));
    assert!(asked.reason.ends_with("is approved by whoever has the role approver"), "{}", asked.reason);
    let denied = explained(&computer, &["nproc"]);
    assert_eq!((denied.outcome.as_str(), denied.message.as_deref()), ("refuse", Some("never; ask security")));
    let silent_one = explained(&computer, &["touch", "/x"]);
    assert_eq!((silent_one.policy.as_deref(), silent_one.message), (Some(silent.as_str()), None));
    assert_eq!((silent_one.others, silent_one.more_others), (vec![], 2));
}

#[test]
fn whoever_asks_for_longer_than_is_given_at_once_is_told() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let policy = id();
    let toml = format!("{}\n[policy.request]\nmax_duration = \"20m\"", automatic("/usr/bin/true"));
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let for_time = |length| brevet_api::broker::Run { duration: Some(length), ..run(&["true"]) };
    let client = Client::start(&computer, &user, for_time(brevet_core::time::Length::from_hours(3)));
    let brevet_api::broker::Tell::Notice { text } = client.next() else { panic!() };
    assert_eq!(text, "it runs for at most 20m, and not for 3h");
    client.expect_success();
    Client::start(&computer, &user, for_time(brevet_core::time::Length::from_minutes(20))).expect_success();
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

#[test]
fn a_policy_that_changes_while_somebody_types_wants_what_it_wants_now() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    user.set_password("correct horse");
    let policy = id();
    let toml = |more: &str| format!("mode = \"justify\"\napplications = [{{ file = \"/usr/bin/true\" }}]\n{more}");
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml("authentication = \"none\"")))]);
    let interactive = || brevet_api::broker::Run { interactive: true, ..run(&["true"]) };
    let mut client = Client::start(&computer, &user, interactive());
    assert!(matches!(client.next(), brevet_api::broker::Tell::NeedReason(_)));
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 2, &toml("authentication = \"password\"")))]);
    let reason = || brevet_api::broker::Reply::Reason { reason: "disk full".into(), duration: None, ticket: None };
    client.reply(&reason());
    client.password("correct horse");
    assert!(matches!(client.next(), brevet_api::broker::Tell::Authenticate { .. }), "the password that is wanted now");
    client.expect_success();
    // Who cannot be asked is refused, and nothing has run.
    let mut client = Client::start(&computer, &user, interactive());
    client.password("correct horse");
    assert!(matches!(client.next(), brevet_api::broker::Tell::Authenticate { .. }));
    assert!(matches!(client.next(), brevet_api::broker::Tell::NeedReason(_)));
    agent.enforce(&[]);
    client.reply(&reason());
    assert_eq!(client.expect_refused().code, "no_policy");
}

/// A supervisor that waits, once there is one.
fn waiting_supervisor(computer: &Computer) -> i32 {
    let mut found = None;
    eventually("a supervisor waits", || {
        let mut places = std::fs::read_dir(computer.broker_directory().join("sessions")).unwrap().map(|entry| entry.unwrap());
        // It has its place, and nobody's identity; and among its words is the session for which it waits.
        let place = places.find(|entry| !entry.path().join("session.json").exists());
        let waits = |pid: &i32| {
            let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            place.as_ref().is_some_and(|place| words.split('\0').any(|word| place.file_name() == word))
        };
        found = brevet_sys::process::all().unwrap().into_iter().find(waits);
        found.is_some()
    });
    found.unwrap()
}

fn kill(signal: &str, pid: i32) {
    assert!(std::process::Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn outcome(agent: &Agent<'_>) -> Outcome {
    agent.wait_record("session.ended", |body| match body {
        Body::SessionEnded(ended) => Some(ended.outcome.clone()),
        _ => None,
    })
}

#[test]
fn what_was_revoked_while_everything_was_made_ready_never_begins() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let marker = computer.directory.path().join("ran");
    let program = computer.program("tool", &format!("#!/bin/sh\ntouch {}\n", marker.display()));
    let policy = id();
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &automatic(&program)))]);
    let supervisor = waiting_supervisor(&computer);
    kill("-STOP", supervisor);
    let client = Client::start(&computer, &user, run(&[&program]));
    // It is on record, and brevetd is not told before it began.
    eventually("the session is on record", || {
        let segments = std::fs::read_dir(computer.broker_directory().join("journal")).unwrap();
        segments.filter_map(|segment| std::fs::read_to_string(segment.unwrap().path()).ok()).any(|text| text.contains("session.started"))
    });
    agent.enforce(&[]);
    agent.wait_kind("grant.ended");
    kill("-CONT", supervisor);
    assert_eq!(client.expect_refused().code, "ended");
    assert!(matches!(outcome(&agent), Outcome::NotStarted { .. }));
    eventually("nothing of it is left", || computer.session_directories() <= 1);
    assert!(!marker.exists());
}

#[test]
fn a_right_whose_time_is_over_before_everything_is_ready_never_begins() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let marker = computer.directory.path().join("ran");
    let program = computer.program("tool", &format!("#!/bin/sh\ntouch {}\n", marker.display()));
    let policy = id();
    let toml = format!("{}\n[policy.request]\nmax_duration = \"1s\"", automatic(&program));
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let supervisor = waiting_supervisor(&computer);
    kill("-STOP", supervisor);
    let client = Client::start(&computer, &user, run(&[&program]));
    agent.wait_kind("grant.ended");
    kill("-CONT", supervisor);
    assert_eq!(client.expect_refused().code, "ended");
    assert!(matches!(outcome(&agent), Outcome::NotStarted { .. }));
    assert!(!marker.exists());
}

/// A client whose own doing fills its connection must not put off a start: nobody waits for it, and what it is not told does not run.
#[test]
fn a_client_that_does_not_read_gets_no_program_later_than_decided() {
    use brevet_api::broker::{Ask, Reply, Run};
    use std::io::Write as _;
    use std::os::fd::AsFd as _;
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let policy = id();
    let marker = computer.directory.path().join("ran");
    let program = computer.program("tool", &format!("#!/bin/sh\ntouch {}\n", marker.display()));
    let toml = format!("mode = \"justify\"\nauthentication = \"none\"\napplications = [{{ file = \"{program}\" }}]");
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let stopped_by = |outcome: &Outcome| matches!(outcome, Outcome::NotStarted { reason } if reason.contains("did not read"));
    for length in (150_000..232_000).step_by(4_000) {
        drop(std::fs::remove_file(&marker));
        let argument = "a".repeat(length / 2);
        let ask = Ask::Run(Box::new(Run { interactive: true, ..run(&[&program, &argument, &argument]) }));
        let stream = std::os::unix::net::UnixStream::connect(computer.socket()).unwrap();
        let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
        let directory = std::fs::File::open("/").unwrap();
        let bytes = brevet_api::frame::encode_control(&ask).unwrap();
        let sent =
            brevet_sys::fdpass::send(stream.as_fd(), &bytes, &[null.as_fd(), null.as_fd(), null.as_fd(), directory.as_fd()]).unwrap();
        (&stream).write_all(&bytes[sent..]).unwrap();
        let reply = Reply::Reason { reason: format!("because {length}"), duration: None, ticket: None };
        (&stream).write_all(&brevet_api::frame::encode_control(&reply).unwrap()).unwrap();
        let session = agent.wait_record("session.started", |body| match body {
            Body::SessionStarted(started) if started.reason.as_deref() == Some(format!("because {length}").as_str()) => {
                Some(started.session.clone())
            }
            _ => None,
        });
        let ended = agent.wait_record("session.ended", |body| match body {
            Body::SessionEnded(ended) if ended.session == session => Some(ended.outcome.clone()),
            _ => None,
        });
        if stopped_by(&ended) {
            assert!(!marker.exists());
            return;
        }
        assert_eq!(ended, Outcome::Exited { status: 0 });
    }
    panic!("the connection was never full");
}

#[test]
fn a_first_line_tells_nobody_about_files_that_they_cannot_reach() {
    use brevet_api::broker::{Answer, Ask};
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let hidden = tempfile::Builder::new().prefix("brevet-hidden-").tempdir_in("/usr/local").unwrap();
    std::fs::set_permissions(hidden.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(hidden.path().join("present"), "#!x").unwrap();
    std::fs::copy("/usr/bin/true", hidden.path().join("program")).unwrap();
    std::os::unix::fs::symlink("/usr/bin/true", hidden.path().join("link")).unwrap();
    let ask = |name: &str| {
        let script = computer.program(&format!("script-{name}"), &format!("#!{}\n", hidden.path().join(name).display()));
        match crate::client::ask(&computer, &user, &Ask::Explain(Box::new(run(&[&script])))) {
            Answer::Refused(refused) => (refused.code, refused.reason.replace(name, "NAME"), refused.hint),
            other => panic!("{other:?}"),
        }
    };
    let absent = ask("absent");
    for name in ["present", "program", "link"] {
        let found = ask(name);
        assert!(!format!("{found:?}").contains("sha256") && !format!("{found:?}").contains("/usr/bin/true"), "{found:?}");
        assert_eq!(found, absent, "{name}");
        assert_eq!(found.0, "no_policy");
    }
}

#[test]
fn a_working_directory_that_the_caller_may_not_enter_is_refused() {
    use brevet_api::broker::Ask;
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let policy = id();
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &automatic("/usr/bin/true")))]);
    let closed = tempfile::Builder::new().prefix("brevet-closed-").tempdir().unwrap();
    std::fs::set_permissions(closed.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let place = closed.path().to_str().unwrap();
    let ask = Ask::Run(Box::new(run(&["true"])));
    let refused = Client::ask_from(place, &computer, &user, &ask, &[]).expect_refused();
    assert_eq!(refused.code, "directory");
    assert!(refused.reason.contains("you may not enter it yourself"), "{}", refused.reason);
    std::fs::set_permissions(closed.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    Client::ask_from(place, &computer, &user, &ask, &[]).expect_success();
}
