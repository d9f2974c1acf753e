//! What a computer tells of itself, and what it does when its disk is full.

use std::path::PathBuf;
use std::process::Command;

use brevet_api::broker::{Answer, Ask, Status};
use brevet_core::document::Heartbeat;
use brevet_core::document::SCHEMA;
use brevet_core::record::{Body, ComputerFacts};
use brevet_core::time::Length;

use crate::agent::Agent;
use crate::client::{Client, ask, run};
use crate::computer::{Computer, id, now};
use crate::user::TestUser;

fn facts(agent: &Agent<'_>, what: &str, wanted: impl Fn(&ComputerFacts) -> bool) -> ComputerFacts {
    agent.wait_record(what, |body| match body {
        Body::ComputerFacts(facts) if wanted(facts) => Some((**facts).clone()),
        _ => None,
    })
}

fn status(computer: &Computer, user: &TestUser) -> Status {
    let Answer::Status(status) = ask(computer, user, &Ask::Status {}) else { panic!() };
    status
}

#[test]
fn a_broker_that_starts_says_what_its_computer_is_and_says_so_anew_when_the_clock_is_found_wrong() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let first = facts(&agent, "the first facts", |_| true);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!((first.kernel.as_str(), first.version.as_str()), (kernel.trim(), env!("CARGO_PKG_VERSION")));
    assert!(
        !first.os.id.is_empty() && !first.architecture.is_empty() && first.containment.len() == 2 && first.space.is_some(),
        "{first:?}"
    );
    assert_eq!(first.clock_ahead_millis, None);

    // Signed five minutes ago by a server that answers what was just asked: this clock is ahead.
    let nonce = agent.wait_state("a nonce", |_| true).nonce;
    let time = now().minus(Length::from_minutes(5));
    let heartbeat = |nonce, time| Heartbeat { schema: SCHEMA, computer: computer.identity.computer.clone(), time, epoch: 1, seq: 0, nonce };
    agent.issue(&heartbeat(Some(nonce), time));
    let second = facts(&agent, "facts with a clock", |facts| facts.clock_ahead_millis.is_some());
    let ahead = second.clock_ahead_millis.unwrap() / 1_000;
    assert!((300..330).contains(&ahead), "{ahead} s");
    assert_eq!(ComputerFacts { clock_ahead_millis: None, space: first.space, ..second }, first);
    assert_eq!(status(&computer, &user).clock_ahead_seconds, Some(ahead));

    // One that answers nothing could have been held back for as long: it says nothing of the clock.
    agent.issue(&heartbeat(None, time.plus(Length::from_seconds(1))));
    agent.wait_state("the second heartbeat", |_| true);
    assert_eq!(status(&computer, &user).clock_ahead_seconds, Some(ahead));
}

/// A small file system in a place, for as long as this lives.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=40m", "tmpfs"]).arg(&at).status().unwrap();
        assert!(mounted.success(), "this test needs to mount a file system");
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

#[test]
fn on_a_disk_that_is_nearly_full_nothing_is_begun_and_with_room_again_everything_goes_on() {
    let mut computer = Computer::enrolled();
    let journal = Small::mount(computer.broker_directory().join("journal"));
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (runs, asked) = (id(), id());
    let automatic = "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{ file = \"/usr/bin/true\" }]";
    let request = "mode = \"request\"\napplications = [{ file = \"/usr/bin/id\" }]";
    agent.enforce(&[(runs.clone(), computer.policy(&runs, 1, automatic)), (asked.clone(), computer.policy(&asked, 1, request))]);
    Client::start(&computer, &user, run(&["true"])).expect_success();
    assert!(status(&computer, &user).little_room.is_some_and(|why| why.contains("MiB of 40 MiB are free")), "40 MiB are little already");

    let filler = journal.0.join("filler");
    std::fs::write(&filler, vec![1; 30 << 20]).unwrap();
    let refused = Client::start(&computer, &user, run(&["true"])).expect_refused();
    assert_eq!(refused.code, "disk_full");
    assert!(refused.reason.contains("the disk with the journal is nearly full") && refused.hint.is_some(), "{refused:?}");
    let reason = brevet_api::broker::Run { reason: Some("to see".into()), ..run(&["id"]) };
    assert_eq!(Client::start(&computer, &user, reason).expect_refused().code, "disk_full");

    // Full to the last byte, beyond the room that the journal keeps: what cannot be recorded is refused, and nothing breaks for good.
    drop(std::fs::write(journal.0.join("rest"), vec![1; 40 << 20]));
    let long = "x".repeat(60_000);
    for _ in 0..8 {
        assert_eq!(Client::start(&computer, &user, run(&["true", &long])).expect_refused().code, "disk_full");
    }
    std::fs::remove_file(&filler).unwrap();
    std::fs::remove_file(journal.0.join("rest")).unwrap();
    Client::start(&computer, &user, run(&["true"])).expect_success();
    drop(agent);
    computer.stop();
    computer.start();
    Client::start(&computer, &user, run(&["true"])).expect_success();
}
