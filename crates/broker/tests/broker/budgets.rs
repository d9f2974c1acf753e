//! What one user may take up of the computer: copies of programs, recorded bytes, memory.

use std::fs;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;

use brevet_api::broker::{Answer, Ask, Refused, Run, Tell};
use brevet_api::frame;
use brevet_core::digest::Digest;
use brevet_core::journal::Record;
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

/// Asks for a run as this process, root.
fn send(computer: &Computer, run: Run) -> UnixStream {
    let stream = UnixStream::connect(computer.socket()).unwrap();
    let null = fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    let directory = fs::File::open("/").unwrap();
    let bytes = frame::encode_control(&Ask::Run(Box::new(run))).unwrap();
    let descriptors = [null.as_fd(), null.as_fd(), null.as_fd(), directory.as_fd()];
    let sent = brevet_sys::fdpass::send(stream.as_fd(), &bytes, &descriptors).unwrap();
    (&stream).write_all(&bytes[sent..]).unwrap();
    stream
}

/// Runs something as root, to its end.
fn as_root(computer: &Computer, run: Run) -> Result<(), Refused> {
    let stream = send(computer, run);
    loop {
        match brevet_broker::spec::receive_with::<Tell>(&stream, 1).unwrap().0 {
            Tell::Refused(refused) => return Err(refused),
            Tell::Ended(_) => return Ok(()),
            _ => {}
        }
    }
}

/// Memory that the broker has, in MiB.
fn resident(computer: &Computer) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", computer.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// The journal's segments on disk, each with its records.
fn segments(computer: &Computer) -> Vec<Vec<Record>> {
    let mut paths: Vec<_> = fs::read_dir(computer.broker_directory().join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let records = |text: String| text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    paths.into_iter().map(|path| records(fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn a_flood_of_long_arguments_is_stopped_and_leaves_memory_and_a_journal_that_can_be_trimmed() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let policy = id();
    let toml = "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{ file = \"/usr/bin/true\" }]";
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, toml))]);
    // From here on nothing is acknowledged.
    drop(agent);
    as_root(&computer, run(&["/usr/bin/true"])).unwrap();
    let before = resident(&computer);
    let long = "a".repeat(230_000);
    let mut started = 0;
    let refused = loop {
        match as_root(&computer, run(&["/usr/bin/true", &long])) {
            Ok(()) => started += 1,
            Err(refused) => break refused,
        }
        assert!(started < 120, "nothing stops it");
    };
    assert!(started >= 60, "{started}: {refused:?}");
    assert_eq!(refused.code, "busy");
    assert!(refused.reason.contains("wait ") && refused.reason.ends_with(" s"), "{refused:?}");
    eventually("memory comes back", || resident(&computer) < before + 24);
    eventually("the journal goes on in another segment", || segments(&computer).len() > 1);
    // Refusals are recorded within the same budget; that there are more, once in a while.
    for _ in 0..40 {
        as_root(&computer, run(&["/usr/bin/id", &"b".repeat(60_000)])).unwrap_err();
    }
    let refusals: Vec<String> = segments(&computer)
        .into_iter()
        .flatten()
        .filter(|record| record.parse_header().unwrap().kind == "launch.refused")
        .filter_map(|record| record.body)
        .collect();
    let short = refusals.iter().filter(|body| body.contains("\"arguments\":[]")).count();
    assert!((1..=3).contains(&short) && refusals.len() - short < 25, "{short} of {}", refusals.len());
    // What is on disk only is read from there, by a server and by a broker that starts anew.
    computer.stop();
    computer.start();
    let Answer::Grants { grants } = root_asks(&computer, &Ask::Grants {}) else { panic!() };
    assert!(grants.iter().all(|grant| serde_json::to_vec(&grant.arguments).unwrap().len() < 2_048));
    let Answer::Status(status) = root_asks(&computer, &Ask::Status {}) else { panic!() };
    assert_eq!(status.journal_grows, None);
}

fn root_asks(computer: &Computer, ask: &Ask) -> Answer {
    let stream = UnixStream::connect(computer.socket()).unwrap();
    frame::write_control(&mut &stream, ask).unwrap();
    frame::read_control(&mut &stream, frame::MAX_CLIENT).unwrap()
}

#[test]
fn commands_that_wait_have_a_bounded_size_together_and_one_long_one_always_fits() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let policy = id();
    let toml = "mode = \"request\"\nauthentication = \"none\"\napplications = [{ file = \"/usr/bin/true\" }]";
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, toml))]);
    let ask = |letter: &str| {
        let long = letter.repeat(240_000);
        let run = Run { reason: Some("to see".into()), no_wait: true, ..run(&["/usr/bin/true", &long]) };
        let stream = send(&computer, run);
        brevet_broker::spec::receive_with::<Tell>(&stream, 1).unwrap().0
    };
    for letter in ["a", "b", "c", "d"] {
        assert!(matches!(ask(letter), Tell::Pending(_)), "{letter}");
    }
    let Tell::Refused(refused) = ask("e") else { panic!("a fifth has no room") };
    assert!(refused.code == "busy" && refused.reason.contains("arguments"), "{refused:?}");
    // One that is over makes room.
    let Answer::Requests { requests } = root_asks(&computer, &Ask::Requests {}) else { panic!() };
    root_asks(&computer, &Ask::Withdraw { request: requests[0].request.clone() });
    let told = ask("e");
    assert!(matches!(told, Tell::Pending(_)), "{told:?}");
    // Everybody's together fit a snapshot; what is short has room all the same.
    let other = TestUser::create();
    let theirs = |argument: &str| {
        let run = Run { reason: Some("to see".into()), no_wait: true, ..run(&["/usr/bin/true", argument]) };
        Client::start(&computer, &other, run)
    };
    theirs(&"f".repeat(110_000)).expect_pending();
    let refused = theirs(&"g".repeat(110_000)).expect_refused();
    assert!(refused.code == "busy" && refused.reason.contains("of others"), "{refused:?}");
    theirs("short").expect_pending();
}

#[test]
fn long_commands_one_after_the_other_have_room() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let policy = id();
    let toml = "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{ file = \"/usr/bin/true\" }]";
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, toml))]);
    // Two bytes each in JSON: there is room for one at a time, and each begins when the client was told that the last has ended.
    let (quotes, more) = ("\"".repeat(100_000), "\"".repeat(100_000));
    for turn in 0..6 {
        assert_eq!(as_root(&computer, run(&["/usr/bin/true", &quotes, &more])), Ok(()), "{turn}");
    }
}
