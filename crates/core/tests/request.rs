//! The request digest: what an approval binds, and nothing less.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets the unexpected fails")]

mod sample;

use brevet_core::application::Fact;
use brevet_core::digest::Digest;
use brevet_core::id::{PolicyId, RequestId};
use brevet_core::policy::{Binds, Containment};
use brevet_core::request::{Request, RequestState};
use brevet_core::time::{Length, Timestamp};

fn digest_after(binds: Binds, change: impl FnOnce(&mut Request)) -> Digest {
    let mut request = sample::request();
    request.terms.binds = binds;
    change(&mut request);
    request.compute_digest().unwrap()
}

type Change = (&'static str, fn(&mut Request));

const BOUND: &[Change] = &[
    ("computer", |r| r.computer = sample::computer(2)),
    ("id", |r| r.id = RequestId::new(1, [2; 10])),
    ("uid", |r| r.user.uid = 1001),
    ("user", |r| r.user.name = "mallory".into()),
    ("target uid", |r| r.command.target.uid = 1),
    ("target", |r| r.command.target.name = "toor".into()),
    ("path", |r| r.command.application.path = "/usr/bin/su".into()),
    ("content", |r| r.command.application.sha256 = Digest::of(b"other")),
    ("package", |r| r.command.application.package = Fact::Known(None)),
    ("interpreter", |r| r.command.application.interpreter = Some(sample::interpreter("/bin/sh"))),
    ("kept environment", |r| r.command.kept_environment.push(("X".into(), "y".into()))),
    ("containment", |r| r.elevation.containment = Containment::PidNamespace),
    ("run_as", |r| r.elevation.run_as = "other".into()),
    ("policy", |r| r.policy.id = PolicyId::new(2, [0; 10])),
    ("policy version", |r| r.policy.version = 4),
];

const COMMAND: &[Change] = &[
    ("an argument", |r| r.command.arguments[1] = "-g".into()),
    ("one more argument", |r| r.command.arguments.push("x".into())),
    ("arguments split elsewhere", |r| r.command.arguments = sample::texts(&["id -u"])),
    ("no arguments", |r| r.command.arguments.clear()),
    ("directory", |r| r.command.directory = "/tmp".into()),
];

#[test]
fn every_bound_field_changes_the_digest() {
    for binds in [Binds::Command, Binds::Application] {
        let original = digest_after(binds, |_| {});
        for (name, change) in BOUND {
            assert_ne!(digest_after(binds, change), original, "{name}, {binds:?}");
        }
    }
    assert_ne!(digest_after(Binds::Command, |_| {}), digest_after(Binds::Application, |_| {}));
}

#[test]
fn arguments_and_directory_are_bound_with_the_command_and_open_with_the_application() {
    let (command, application) = (digest_after(Binds::Command, |_| {}), digest_after(Binds::Application, |_| {}));
    for (name, change) in COMMAND {
        assert_ne!(digest_after(Binds::Command, change), command, "{name}");
        assert_eq!(digest_after(Binds::Application, change), application, "{name}");
    }
}

#[test]
fn words_and_times_of_a_request_are_not_what_runs() {
    let original = digest_after(Binds::Command, |_| {});
    let open: &[Change] = &[
        ("reason", |r| r.reason = "other".into()),
        ("policy name", |r| r.policy.name = "renamed".into()),
        ("duration", |r| r.duration = Length::from_hours(9)),
        ("created", |r| r.created = Timestamp::from_millis(9)),
        ("parent", |r| r.command.application.parent = Fact::Unknown("other".into())),
    ];
    for (name, change) in open {
        assert_eq!(digest_after(Binds::Command, change), original, "{name}");
    }
}

#[test]
fn a_request_knows_whether_its_digest_is_its_own() {
    let mut request = sample::request();
    assert!(request.is_consistent());
    request.command.arguments.push("x".into());
    assert!(!request.is_consistent());
}

#[test]
fn a_request_leaves_pending_once() {
    use RequestState::{Approved, AutoApproved, Declined, Lapsed, Pending, Withdrawn};
    for end in [Approved, AutoApproved, Declined, Withdrawn, Lapsed] {
        assert!(Pending.may_become(end));
        for other in [Pending, Approved, AutoApproved, Declined, Withdrawn, Lapsed] {
            assert!(!end.may_become(other));
        }
    }
    assert!(!Pending.may_become(Pending));
}
