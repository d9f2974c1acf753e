//! What the measured database holds: definitions over the API, as anybody makes them; computers and what happened on them as SQL that
//! both databases take, since ten thousand computers cannot enrol in seconds.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use brevet_core::application::{Fact, Facts};
use brevet_core::digest::Digest;
use brevet_core::id::{ComputerId, EventId, GrantId, Incarnation, PolicyId, RequestId, SessionId};
use brevet_core::policy::{Containment, Elevation, RequestTerms};
use brevet_core::record::SessionStarted;
use brevet_core::request::{Command, PolicyRef, Request};
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::User;
use serde_json::{Value, json};

/// How many of each.
pub const EVENTS: usize = 100_000;
/// How many of each.
pub const COMPUTERS: usize = 10_000;
/// How many of each.
pub const POLICIES: usize = 1_000;
/// Of computers, a hundred in each; a policy is for one of them.
pub const GROUPS: usize = 100;
/// Requests, grants and sessions, of each so many.
pub const RIGHTS: usize = 5_000;
/// Of the requests so many wait, of the grants so many are active, and of these every tenth has a session that runs.
pub const OPEN: usize = 2_000;
/// Applications that were seen, and by how many users on how many computers all of them together.
pub const APPLICATIONS: usize = POLICIES;
/// Rows that count who used them where.
pub const USES: usize = 20_000;

/// The policies and groups, for `apply`.
pub fn definitions() -> Value {
    let groups = (0..GROUPS).map(|g| {
        let members: Vec<String> = (0..COMPUTERS).filter(|c| c % GROUPS == g).map(computer_name).collect();
        json!({ "name": format!("Group {g}"), "computers": members })
    });
    let policies = (0..POLICIES).map(|p| {
        json!({
            "name": policy_name(p), "computers": [format!("group:Group {}", p % GROUPS)], "users": [user_name(p)], "mode": "request",
            "applications": [{ "file": format!("/opt/tools/tool-{p}"), "arguments": ["restart"] }, { "product": format!("product-{p}") }],
            "request": { "max_duration": "1h" },
        })
    });
    json!({ "file": { "group": groups.collect::<Vec<_>>(), "policy": policies.collect::<Vec<_>>() } })
}

/// The same everywhere.
pub fn computer_name(n: usize) -> String {
    format!("web-{n}")
}

/// The same everywhere.
pub fn policy_name(n: usize) -> String {
    format!("Policy {n}")
}

/// The same everywhere.
pub fn user_name(n: usize) -> String {
    format!("user-{}", n % 100)
}

/// Everything that is filled in beside the API.
pub struct Seed {
    now: Timestamp,
    policies: Vec<PolicyId>,
}

impl Seed {
    /// With the ids that `apply` answered.
    pub fn new(applied: &Value, now: Timestamp) -> Result<Self> {
        let made = applied["changes"].as_array().context("apply answered no changes")?;
        let of_policies = made.iter().filter(|change| change["kind"] == "policy");
        let id = |change: &Value| Ok(PolicyId::parse(change["id"].as_str().context("a policy has no id")?)?);
        Ok(Self { now, policies: of_policies.map(id).collect::<Result<_>>()? })
    }

    fn at(&self, n: usize, of: usize) -> Timestamp {
        // Over the last ten days, the newest last.
        let back = Length::from_seconds(((of - n) * 864_000 / of) as u64);
        self.now.minus(back)
    }

    /// The same computer for the same number.
    pub fn computer(&self, n: usize) -> ComputerId {
        ComputerId::new(self.now.millis() - 1_000_000_000, random(n % COMPUTERS))
    }

    /// The same request for the same number.
    pub fn request(&self, n: usize) -> RequestId {
        RequestId::new(self.at(n, RIGHTS).millis(), random(n))
    }

    /// The same policy for the same number.
    pub fn policy_id(&self, n: usize) -> &PolicyId {
        &self.policies[n % POLICIES]
    }

    fn grant(&self, n: usize) -> GrantId {
        GrantId::new(self.at(n, RIGHTS).millis(), random(n))
    }

    fn policy(&self, n: usize) -> PolicyRef {
        PolicyRef { id: self.policy_id(n).clone(), version: 1, name: policy_name(n % POLICIES) }
    }

    /// Ten thousand computers that are enrolled and have told their facts.
    pub fn computers(&self) -> Result<String> {
        let facts = json!({
            "version": "0.1.0", "kernel": "6.1.0-18-amd64", "architecture": "x86_64", "containment": ["cgroup"], "cgroup": "unified",
            "os": { "id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)" },
        });
        let now = self.now.millis();
        let mut computers = Insert::into(
            "computer",
            "id, name, name_key, hostname, platform, agent_version, state, transport_key, journal_key, enrolled, last_contact, lost, epoch, sent, \
             held, held_trust, manifest, incarnation, facts, facts_at, os, kernel, broker_version",
        );
        let mut journals = Insert::into("journal", "computer, incarnation, seq, head, signed_head, begun");
        for n in 0..COMPUTERS {
            let (id, name) = (self.computer(n), computer_name(n));
            let life = Incarnation::new(now - 1_000_000_000, random(n));
            computers.row(&[
                text(&id),
                text(&name),
                text(&name),
                text(&name),
                text("linux"),
                text("0.1.0"),
                text("enrolled"),
                text("none"),
                text("none"),
                number(now),
                number(now),
                "false".into(),
                number(1),
                number(0),
                number(0),
                number(1),
                text(""),
                text(&life),
                text(&facts),
                number(now),
                text("debian 12 debian gnu/linux 12 (bookworm)"),
                text("6.1.0-18-amd64"),
                text("0.1.0"),
            ]);
            journals.row(&[text(&id), text(&life), number(10), text(&Digest::of(name.as_bytes())), text("{}"), number(now)]);
        }
        Ok(transaction(&[computers, journals]))
    }

    /// Events, requests, grants, sessions and applications.
    pub fn happened(&self) -> Result<String> {
        let applied = "UPDATE policy_state SET state = 'applied';\nUPDATE computer SET held = sent;\n";
        let [applications, uses] = self.applications()?;
        let rights = [self.events(), self.requests()?, self.grants()?, self.deliveries(), self.sessions()?, applications, uses];
        Ok(format!("{}{applied}", transaction(&rights)))
    }

    fn asked(&self, n: usize) -> Result<Request> {
        let policy = self.policy(n);
        let mut request = Request {
            id: self.request(n),
            digest: Digest::of(b""),
            computer: self.computer(n),
            user: User { uid: 1000, name: user_name(n) },
            command: command(n),
            elevation: Elevation::default(),
            policy,
            terms: RequestTerms::default(),
            reason: format!("because of ticket {n}"),
            ticket: None,
            duration: Length::from_minutes(30),
            created: self.at(n, RIGHTS),
            lapses: self.now.plus(Length::from_hours(24)),
        };
        request.digest = request.compute_digest()?;
        Ok(request)
    }

    fn requests(&self) -> Result<Insert> {
        let columns = "id, computer, state, \"user\", policy, created, lapses, closed, consistent, needed, \"grant\", body, revision";
        let mut requests = Insert::into("request", columns);
        for n in 0..RIGHTS {
            let request = self.asked(n)?;
            let waits = n >= RIGHTS - OPEN;
            let (state, closed, grant) = match waits {
                true => ("pending", NULL.into(), NULL.into()),
                false => ("approved", number(request.created.millis()), text(&self.grant(n))),
            };
            requests.row(&[
                text(&request.id),
                text(&request.computer),
                text(state),
                text(&request.user.name),
                text(&request.policy.id),
                number(request.created.millis()),
                number(request.lapses.millis()),
                closed,
                "true".into(),
                number(1),
                grant,
                text(&serde_json::to_string(&request)?),
                number(1),
            ]);
        }
        Ok(requests)
    }

    fn grants(&self) -> Result<Insert> {
        let mut grants = Insert::into(
            "\"grant\"",
            "id, computer, origin, state, \"user\", target_user, command, reason, policy, policy_ref, request, version, seconds, command_only, \
             created, use_before, activated, ends, ended, body",
        );
        for n in 0..RIGHTS {
            let (at, policy) = (self.at(n, RIGHTS).millis(), self.policy(n));
            let active = n >= RIGHTS - OPEN;
            let ends = self.now.plus(Length::from_hours(24)).millis();
            grants.row(&[
                text(&self.grant(n)),
                text(&self.computer(n)),
                text("automatic"),
                text(if active { "active" } else { "expired" }),
                text(&user_name(n)),
                text("root"),
                text(&format!("systemctl restart web-{n}")),
                text(&format!("because of ticket {n}")),
                text(&policy.id),
                text(&serde_json::to_string(&policy)?),
                NULL.into(),
                number(1),
                number(1800),
                "false".into(),
                number(at),
                number(ends),
                number(at),
                number(ends),
                if active { NULL.into() } else { number(at + 1_800_000) },
                text("{}"),
            ]);
        }
        Ok(grants)
    }

    /// The way of each grant to its computer. Their places lie far behind those that the server gives.
    fn deliveries(&self) -> Insert {
        let columns = "computer, epoch, seq, kind, digest, subject, state, sent, delivered, confirmed, envelope";
        let mut sent = Insert::into("sequence", columns);
        for n in 0..RIGHTS {
            let at = number(self.at(n, RIGHTS).millis());
            sent.row(&[
                text(&self.computer(n)),
                number(0),
                number(1_000_000 + n as i64),
                text("grant"),
                text(&Digest::of(&n.to_be_bytes())),
                text(&self.grant(n)),
                text("confirmed"),
                at.clone(),
                at.clone(),
                at,
                text("{}"),
            ]);
        }
        sent
    }

    fn sessions(&self) -> Result<Insert> {
        let mut sessions = Insert::into(
            "session",
            "id, \"grant\", computer, state, \"user\", target_user, command, reason, policy, policy_ref, containment, started, ends, ended, outcome, \
             processes_ended, record",
        );
        for n in 0..RIGHTS {
            let at = self.at(n, RIGHTS);
            let runs = n >= RIGHTS - OPEN && n.is_multiple_of(10);
            let ends = if runs { self.now.plus(Length::from_hours(24)) } else { at.plus(Length::from_minutes(30)) };
            let ended = |value: String| if runs { NULL.into() } else { value };
            let record = SessionStarted {
                session: SessionId::new(at.millis(), random(n)),
                grant: self.grant(n),
                policy: self.policy(n),
                user: User { uid: 1000, name: user_name(n) },
                command: command(n),
                containment: Containment::Cgroup,
                terminal: true,
                reason: Some(format!("because of ticket {n}")),
                ends,
            };
            sessions.row(&[
                text(&record.session),
                text(&record.grant),
                text(&self.computer(n)),
                text(if runs { "started" } else { "ended" }),
                text(&record.user.name),
                text("root"),
                text(&format!("systemctl restart web-{n}")),
                text(&format!("because of ticket {n}")),
                text(&record.policy.id),
                text(&serde_json::to_string(&record.policy)?),
                text("cgroup"),
                number(at.millis()),
                number(record.ends.millis()),
                ended(number(at.millis() + 60_000)),
                ended(text(&json!({ "kind": "exited", "status": 0 }))),
                ended(number(0)),
                text(&serde_json::to_string(&record)?),
            ]);
        }
        Ok(sessions)
    }

    /// What was seen, and who used it where.
    fn applications(&self) -> Result<[Insert; 2]> {
        let mut applications = Insert::into("application", "id, words, facts");
        let mut uses = Insert::into("application_use", "application, computer, \"user\", requests, sessions, refused, first, last");
        for n in 0..APPLICATIONS {
            let facts = command(n).application;
            applications.row(&[text(&application(n)), text(&facts.path), text(&serde_json::to_string(&facts)?)]);
        }
        for n in 0..USES {
            let last = self.at(n, USES).millis();
            uses.row(&[
                text(&application(n)),
                text(&self.computer(n / 2)),
                text(&user_name(n)),
                number(3),
                number(2),
                number(1),
                number(last - 86_400_000),
                number(last),
            ]);
        }
        Ok([applications, uses])
    }

    /// As `audit::record` writes those of a request, of a launch and of a session: a body of about half a kilobyte, and the ids.
    fn events(&self) -> Insert {
        let mut events = Insert::into(
            "event",
            "id, time, recorded, kind, schema, actor_kind, actor_id, actor_name, computer, computer_name, \"user\", policy, policy_name, request, \
             \"grant\", session, outcome, summary, body, incarnation, journal_seq, words",
        );
        for n in 0..EVENTS {
            let (at, computer, user, policy) = (self.at(n, EVENTS).millis(), self.computer(n), user_name(n / 7), self.policy(n / 3));
            let (kind, outcome) = match n % 5 {
                0 => ("request.created", None),
                1 => ("grant.issued", None),
                2 => ("session.started", None),
                3 => ("session.ended", Some("exited")),
                _ => ("launch.refused", Some("no_policy")),
            };
            let summary = format!("{user} asked for systemctl restart web-{}: because of ticket {n}", n % 100);
            let right = n / 20;
            let body = json!({
                "id": self.request(right), "computer": computer, "user": { "uid": 1000, "name": user }, "policy": policy,
                "command": { "arguments": ["systemctl", "restart", format!("web-{}", n % 100)], "directory": "/home/user" },
                "reason": format!("because of ticket {n}"), "duration": "30m",
            });
            events.row(&[
                text(&EventId::new(at, random(n))),
                number(at),
                number(at),
                text(kind),
                number(1),
                text("computer"),
                text(&computer),
                text(&user),
                text(&computer),
                text(&computer_name(n % COMPUTERS)),
                text(&user),
                text(&policy.id),
                text(&policy.name),
                text(&self.request(right)),
                text(&self.grant(right)),
                NULL.into(),
                outcome.map_or(NULL.into(), text),
                text(&summary),
                text(&body),
                text(&Incarnation::new(at, random(n))),
                number(n as i64),
                text(&summary),
            ]);
        }
        events
    }
}

fn command(n: usize) -> Command {
    let path = format!("/opt/tools/tool-{}", n % POLICIES);
    Command {
        application: Facts {
            path: path.as_str().into(),
            names: vec![path.as_str().into()],
            chain: Fact::Known(true),
            writable_by: None,
            sha256: Digest::of(path.as_bytes()),
            size: 12_345,
            owner: Fact::Known("root".into()),
            mode: 0o755,
            package: Fact::Known(None),
            interpreter: None,
            parent: Fact::Unknown("not looked at".into()),
            store: Fact::Known(None),
        },
        arguments: vec!["systemctl".into(), "restart".into(), format!("web-{n}").as_str().into()],
        directory: "/home/user".into(),
        target: User { uid: 0, name: "root".into() },
        kept_environment: Vec::new(),
    }
}

/// What an application is called.
fn application(n: usize) -> Digest {
    Digest::of(format!("application {}", n % APPLICATIONS).as_bytes())
}

/// Ten bytes that are others for each number.
fn random(n: usize) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&(n as u64).to_be_bytes());
    bytes
}

const NULL: &str = "NULL";

fn text<T: ToString + ?Sized>(value: &T) -> String {
    format!("'{}'", value.to_string().replace('\'', "''"))
}

fn number(value: i64) -> String {
    value.to_string()
}

/// Rows of a table, as statements.
struct Insert {
    head: String,
    sql: String,
    rows: usize,
}

impl Insert {
    fn into(table: &str, columns: &str) -> Self {
        Self { head: format!("INSERT INTO {table} ({columns}) VALUES"), sql: String::new(), rows: 0 }
    }

    fn row(&mut self, values: &[String]) {
        // A statement of some hundred rows is soon read; one of all of them is not.
        let before = if !self.rows.is_multiple_of(200) {
            ",\n"
        } else if self.rows == 0 {
            &self.head
        } else {
            &format!(";\n{}", self.head)
        };
        let _ = write!(self.sql, "{before} ({})", values.join(", "));
        self.rows += 1;
    }
}

fn transaction(inserts: &[Insert]) -> String {
    let statements: String = inserts.iter().map(|insert| format!("{};\n", insert.sql)).collect();
    format!("BEGIN;\n{statements}COMMIT;\n")
}
