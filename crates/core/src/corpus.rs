//! A policy corpus: policies, launches and what is expected of each, in one readable file. Run by this crate's tests, and by
//! whoever writes policies against their own.
//!
//! A launch says only what matters to it; everything else is as on a healthy computer: the file is root's alone and of no package,
//! the server was heard just now, groups are known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::application::{Fact, Facts, Interpreter, Package, Parent};
use crate::decide::{By, Decision, Fixed, GrantView, Held, Launch, Standing, decide};
use crate::digest::Digest;
use crate::document::{PolicyDocument, SCHEMA};
use crate::file::{File, FileError, Group, List};
use crate::id::{GrantId, PolicyId};
use crate::policy::{Binds, Policy, Validity};
use crate::request::PolicyRef;
use crate::text::OsText;
use crate::time::{Length, Timestamp};
use crate::user::{Member, User};

/// A corpus file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corpus {
    /// What it shows, for readers.
    pub about: String,
    /// As `apply` takes them.
    #[serde(default)]
    pub group: Vec<Group>,
    /// As `apply` takes them.
    #[serde(default)]
    pub list: Vec<List>,
    /// As `apply` takes them.
    #[serde(default)]
    pub policy: Vec<Policy>,
    /// What is tried.
    pub launch: Vec<Trial>,
}

/// One launch and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// A sentence.
    pub name: String,
    /// Who.
    pub user: String,
    /// Their OS groups; absent: none.
    #[serde(default)]
    pub os_groups: Vec<String>,
    /// The directory did not answer.
    #[serde(default)]
    pub os_groups_unknown: bool,
    /// Final path of the application.
    pub file: String,
    /// A link that was used to reach it.
    #[serde(default)]
    pub link: Option<String>,
    /// Its content; the digest is of this.
    #[serde(default)]
    pub content: String,
    /// Who but root could change it: nobody where absent.
    #[serde(default)]
    pub writable_by: Option<String>,
    /// Its owner could not be found out, nor who can change it.
    #[serde(default)]
    pub unknown: bool,
    /// Its package; `package_unknown` where that could not be found out.
    #[serde(default)]
    pub package: Option<TrialPackage>,
    /// The package database did not answer.
    #[serde(default)]
    pub package_unknown: bool,
    /// For a script, its interpreter, root's alone.
    #[serde(default)]
    pub interpreter: Option<String>,
    /// The application that asks, root's alone.
    #[serde(default)]
    pub parent: Option<String>,
    /// After the program's name.
    #[serde(default)]
    pub arguments: Vec<OsText>,
    /// `--as`.
    #[serde(default, rename = "as")]
    pub target_user: Option<String>,
    /// Wall time; noon of a Monday where absent.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Age of the last heartbeat; 0s where absent.
    #[serde(default)]
    pub heartbeat_age: Option<Length>,
    /// There was no heartbeat yet.
    #[serde(default)]
    pub never_heard: bool,
    /// A policy that may be a deny cannot be read.
    #[serde(default)]
    pub unreadable_deny: bool,
    /// Time that passed since a policy's fixed validity started, by policy name; absent: not started.
    #[serde(default)]
    pub elapsed: BTreeMap<String, Length>,
    /// A grant that the user has for exactly this launch.
    #[serde(default)]
    pub grant: Option<TrialGrant>,
    /// What must come out.
    pub expect: Expected,
}

/// A package of a trial's application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialPackage {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Vendor.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Whether the content is as installed; unknown where absent.
    #[serde(default)]
    pub unchanged: Option<bool>,
}

/// A grant of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialGrant {
    /// The policy's name.
    pub policy: String,
    /// What it covers.
    #[serde(default = "command")]
    pub binds: Binds,
    /// Arguments that were approved; those of the launch where absent.
    #[serde(default)]
    pub arguments: Option<Vec<OsText>>,
    /// Content that was approved; that of the launch where absent.
    #[serde(default)]
    pub content: Option<String>,
    /// Time left.
    pub remaining: Length,
}

const fn command() -> Binds {
    Binds::Command
}

/// What must come out; a field that is absent is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `refuse`, `ask`, or what elevates: `automatic`, `justify`, `grant`.
    pub decision: String,
    /// Name of the policy that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Words that the reason of a refusal contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Longest it may run, or be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<Length>,
    /// As whom it runs.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "as")]
    pub target_user: Option<String>,
}

/// What came out of one trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The trial's name.
    pub name: String,
    /// Where expectation and decision differ, in words; empty when it passed.
    pub differences: Vec<String>,
}

/// Reads a corpus.
///
/// # Errors
/// When it is not TOML of this form, or its policies are not sound.
pub fn parse(text: &str) -> Result<Corpus, Vec<FileError>> {
    let corpus: Corpus = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        vec![FileError { line: before.matches('\n').count() + 1, message: error.message().to_owned() }]
    })?;
    let file = File { group: corpus.group.clone(), list: corpus.list.clone(), policy: corpus.policy.clone(), autonomous: Vec::new() };
    let problems: Vec<FileError> =
        crate::file::validate(&file).into_iter().map(|problem| FileError { line: 1, message: problem.to_string() }).collect();
    if problems.is_empty() { Ok(corpus) } else { Err(problems) }
}

/// Decides every trial.
#[must_use]
pub fn run(corpus: &Corpus) -> Vec<Tried> {
    let documents = corpus.documents();
    corpus.launch.iter().map(|trial| Tried { name: trial.name.clone(), differences: trial.differences(&documents) }).collect()
}

impl Corpus {
    /// Its policies as a computer would hold them; ids rise in the order of the file.
    #[must_use]
    pub fn documents(&self) -> Vec<PolicyDocument> {
        let lists: BTreeMap<_, _> = self.list.iter().map(|list| (list.name.clone(), list.rules.clone())).collect();
        let user_groups: BTreeMap<_, _> =
            self.group.iter().filter_map(|group| group.users.as_ref().map(|users| (group.name.clone(), users.clone()))).collect();
        let document = |(index, policy): (i64, &Policy)| PolicyDocument {
            schema: SCHEMA,
            requires: Vec::new(),
            id: PolicyId::new(index, [0; 10]),
            version: 1,
            renewal: 0,
            policy: policy.clone(),
            lists: lists.clone(),
            user_groups: user_groups.clone(),
        };
        (1i64..).zip(&self.policy).map(document).collect()
    }
}

/// Noon of a Monday.
const NOON: Timestamp = Timestamp::from_millis(1_780_315_200_000);

impl Trial {
    fn launch(&self) -> Launch {
        let groups = if self.os_groups_unknown { Fact::Unknown("no answer".into()) } else { Fact::Known(self.os_groups.clone()) };
        Launch {
            member: Member { user: User { uid: 1000, name: self.user.clone() }, groups },
            facts: self.facts(),
            arguments: self.arguments.clone(),
            directory: "/".into(),
            target_user: self.target_user.clone(),
        }
    }

    fn facts(&self) -> Facts {
        let unknown = || "no answer".to_owned();
        let chain = if self.unknown { Fact::Unknown(unknown()) } else { Fact::Known(self.writable_by.is_none()) };
        let package = self.package.as_ref().map(|package| Package {
            name: package.name.clone(),
            version: package.version.clone(),
            vendor: package.vendor.clone(),
            unchanged: package.unchanged.map_or_else(|| Fact::Unknown(unknown()), Fact::Known),
        });
        let interpreter = |path: &String| Interpreter {
            named: path.as_str().into(),
            path: path.as_str().into(),
            argument: None,
            sha256: Digest::of(path.as_bytes()),
            chain: Fact::Known(true),
        };
        let parent = |path: &String| Fact::Known(Parent { path: path.as_str().into(), chain: Fact::Known(true) });
        Facts {
            path: self.file.as_str().into(),
            names: self.link.iter().chain(std::iter::once(&self.file)).map(|name| name.as_str().into()).collect(),
            chain,
            writable_by: self.writable_by.clone(),
            sha256: Digest::of(self.content.as_bytes()),
            size: 0,
            owner: if self.unknown {
                Fact::Unknown(unknown())
            } else {
                Fact::Known(self.writable_by.clone().unwrap_or_else(|| "root".into()))
            },
            mode: 0o755,
            package: if self.package_unknown { Fact::Unknown(unknown()) } else { Fact::Known(package) },
            interpreter: self.interpreter.as_ref().map(interpreter),
            parent: self.parent.as_ref().map_or_else(|| Fact::Unknown(unknown()), parent),
            store: Fact::Known(None),
        }
    }

    fn grant(&self, launch: &Launch, documents: &[PolicyDocument]) -> Option<GrantView> {
        let grant = self.grant.as_ref()?;
        let document = documents.iter().find(|document| document.policy.name == grant.policy)?;
        let policy = &document.policy;
        let mut facts = launch.facts.clone();
        facts.sha256 = grant.content.as_ref().map_or(facts.sha256, |content| Digest::of(content.as_bytes()));
        Some(GrantView {
            id: GrantId::new(1, [0; 10]),
            policy: PolicyRef { id: document.id.clone(), version: 1, name: grant.policy.clone() },
            user: launch.member.user.clone(),
            target: User { uid: 0, name: launch.target_user.clone().unwrap_or_else(|| policy.elevation.run_as.clone()) },
            facts,
            arguments: grant.arguments.clone().unwrap_or_else(|| launch.arguments.clone()),
            directory: launch.directory.clone(),
            binds: grant.binds,
            elevation: policy.elevation.clone(),
            authentication: policy.authentication(),
            remember: policy.remember,
            remaining_millis: grant.remaining.millis(),
        })
    }

    fn held<'a>(&self, document: &'a PolicyDocument) -> Held<'a> {
        let started = self.elapsed.get(&document.policy.name);
        let fixed = match (&document.policy.validity, started) {
            (_, Some(elapsed)) => Fixed::Started { elapsed_millis: elapsed.millis() },
            (Validity::Fixed { from: crate::policy::FixedFrom::Delivery, .. }, None) => Fixed::Started { elapsed_millis: 0 },
            (_, None) => Fixed::NotStarted,
        };
        Held { document, fixed }
    }

    fn differences(&self, documents: &[PolicyDocument]) -> Vec<String> {
        let launch = self.launch();
        let held: Vec<Held<'_>> = documents.iter().map(|document| self.held(document)).collect();
        let grants: Vec<GrantView> = self.grant(&launch, documents).into_iter().collect();
        let age = self.heartbeat_age.unwrap_or(Length::ZERO).millis();
        let standing = Standing {
            wall: self.at.unwrap_or(NOON),
            heartbeat_age_millis: (!self.never_heard).then_some(age),
            unreadable_deny: self.unreadable_deny,
        };
        self.expect.differences(&decide(&held, &grants, &launch, &standing))
    }
}

impl Expected {
    fn differences(&self, decision: &Decision) -> Vec<String> {
        let found = Found::of(decision);
        let mut out = Vec::new();
        let mut compare = |what: &str, expected: Option<String>, found: Option<String>| {
            if expected.is_some() && expected != found {
                let word = |value: Option<String>| value.unwrap_or_else(|| "none".into());
                out.push(format!("{what}: expected {}, found {}", word(expected), word(found)));
            }
        };
        compare("decision", Some(self.decision.clone()), Some(found.decision.to_owned()));
        compare("policy", self.policy.clone(), found.policy);
        compare("code", self.code.clone(), found.code);
        compare(
            "longest",
            self.longest.map(|l| l.to_string()),
            found.longest.map(|millis| Length::from_seconds(millis / 1000).to_string()),
        );
        compare("as", self.target_user.clone(), found.target_user);
        let told = found.reason.unwrap_or_default();
        if let Some(words) = self.reason.as_ref().filter(|words| !told.contains(words.as_str())) {
            out.push(format!("reason: expected \"{words}\" in \"{told}\""));
        }
        if !out.is_empty() && !told.is_empty() {
            out.push(format!("told: {told}"));
        }
        out
    }
}

/// A decision, flattened for comparison.
struct Found {
    decision: &'static str,
    policy: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    longest: Option<u64>,
    target_user: Option<String>,
}

impl Found {
    fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Refuse(refusal) => Self {
                decision: "refuse",
                policy: refusal.policy.as_ref().map(|policy| policy.name.clone()),
                code: Some(refusal.code.into()),
                reason: Some(refusal.reason.clone()),
                longest: None,
                target_user: None,
            },
            Decision::Elevate(elevate) => Self {
                decision: match elevate.by {
                    By::Grant(_) => "grant",
                    By::Automatic => "automatic",
                    By::Justify => "justify",
                },
                policy: Some(elevate.policy.name.clone()),
                code: None,
                reason: None,
                longest: Some(elevate.longest_millis),
                target_user: Some(elevate.target_user.clone()),
            },
            Decision::Ask(ask) => Self {
                decision: "ask",
                policy: Some(ask.policy.name.clone()),
                code: None,
                reason: None,
                longest: Some(ask.longest_millis),
                target_user: Some(ask.target_user.clone()),
            },
        }
    }
}
