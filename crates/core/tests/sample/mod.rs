//! Sample values for tests.

#![expect(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::unwrap_used, reason = "a broken sample fails its test")]

use brevet_core::application::{Fact, Facts, Interpreter, Package};
use brevet_core::digest::Digest;
use brevet_core::document::{Key, PolicyDocument, SCHEMA};
use brevet_core::id::{ComputerId, Incarnation, PolicyId, RequestId};
use brevet_core::policy::{Policy, RequestTerms};
use brevet_core::request::{Command, PolicyRef, Request};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::User;

pub fn key(seed: u8) -> Key {
    Key::from_seed(&[seed; 32])
}
pub fn computer(n: u8) -> ComputerId {
    ComputerId::new(1, [n; 10])
}
pub fn incarnation(n: u8) -> Incarnation {
    Incarnation::new(1, [n; 10])
}
pub fn texts(arguments: &[&str]) -> Vec<OsText> {
    arguments.iter().map(|argument| OsText::from(*argument)).collect()
}

/// A healthy file of a package.
pub fn facts(path: &str) -> Facts {
    Facts {
        path: path.into(),
        names: vec![path.into()],
        chain: Fact::Known(true),
        writable_by: None,
        sha256: Digest::of(path.as_bytes()),
        size: 1,
        owner: Fact::Known("root".into()),
        mode: 0o755,
        package: Fact::Known(Some(Package { name: "tool".into(), version: "1".into(), vendor: None, unchanged: Fact::Known(true) })),
        interpreter: None,
        parent: Fact::Unknown("not looked at".into()),
        store: Fact::Known(None),
    }
}

pub fn interpreter(path: &str) -> Interpreter {
    Interpreter { named: path.into(), path: path.into(), argument: None, sha256: Digest::of(path.as_bytes()), chain: Fact::Known(true) }
}

pub fn policy(toml: &str) -> Policy {
    toml::from_str(toml).unwrap()
}

pub fn document(id: i64, policy: Policy) -> PolicyDocument {
    PolicyDocument {
        schema: SCHEMA,
        requires: Vec::new(),
        id: PolicyId::new(id, [0; 10]),
        version: 1,
        renewal: 0,
        policy,
        lists: [].into(),
        user_groups: [].into(),
    }
}

pub fn request() -> Request {
    let mut request = Request {
        id: RequestId::new(1, [1; 10]),
        digest: Digest::of(b""),
        computer: computer(1),
        user: User { uid: 1000, name: "alice".into() },
        command: Command {
            application: facts("/usr/bin/id"),
            arguments: texts(&["id", "-u"]),
            directory: "/home/alice".into(),
            target: User { uid: 0, name: "root".into() },
            kept_environment: vec![("LANG".into(), "C".into())],
        },
        elevation: brevet_core::policy::Elevation::default(),
        policy: PolicyRef { id: PolicyId::new(1, [0; 10]), version: 3, name: "P".into() },
        terms: RequestTerms::default(),
        reason: "because".into(),
        ticket: None,
        duration: Length::from_minutes(30),
        created: Timestamp::from_millis(1_000),
        lapses: Timestamp::from_millis(2_000),
    };
    request.digest = request.compute_digest().unwrap();
    request
}
