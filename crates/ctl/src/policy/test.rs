//! `brevetctl policy test`: what policies would decide: those in files, without a server and without rights, or those on the server.
//!
//! Both decide by the same code as a computer does. What it knows of a file is less: it looks as whoever runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use brevet_api::rest::check::{self as rest, Explained};
use brevet_core::application::{Fact, Facts};
use brevet_core::corpus;
use brevet_core::decide::{By, Decision, Fixed, Held, Launch, Standing, decide, explain, unenforceable, unenforceable_rules};
use brevet_core::document::{PolicyDocument, SCHEMA};
use brevet_core::file::File;
use brevet_core::id::PolicyId;
use brevet_core::policy::{Applications, Mode, Policy, PolicyError, Scope};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::{Member, User};
use clap::Args;
use serde::Serialize;

use super::inspect;
use crate::apply::source::{Sources, expand};
use crate::cli::Session;
use crate::clock::now;
use crate::error::{CtlError, Result};
use crate::input;
use crate::output::{fields, shown, table, word};
use crate::profile::io;

/// What to test.
#[derive(Debug, Args)]
pub struct Test {
    /// A TOML file as apply takes it, or a folder of such; may be given again. Without one, the policies on the server decide
    #[arg(short = 'f', long = "file", value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// Run every case of a folder of corpus files instead (their form: policies/README.md)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "user", "computer", "command"])]
    corpus: Option<PathBuf>,
    /// Who asks
    #[arg(long, value_name = "USER", required_unless_present = "corpus")]
    user: Option<String>,
    /// A group of users, defined on the server, that they are in beside those in the files; may be given again
    #[arg(long, value_name = "GROUP", requires = "files")]
    group: Vec<String>,
    /// A group of the computer that they are in; may be given again
    #[arg(long, value_name = "GROUP")]
    os_group: Vec<String>,
    /// On which computer, by its name on the server
    #[arg(long, value_name = "NAME", required_unless_present = "corpus")]
    computer: Option<String>,
    /// As whom it should run
    #[arg(long = "as", value_name = "USER")]
    target_user: Option<String>,
    /// The application's facts as JSON, as a request shows them, instead of looking at the file here
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// At which moment, such as 2026-06-01T12:00:00Z; now where absent
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What to run
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "corpus")]
    command: Vec<std::ffi::OsString>,
}

/// # Errors
/// When a file has an error, the application cannot be looked at, or a case of a corpus comes out otherwise.
pub fn run(session: &Session, command: &Test) -> Result<()> {
    match &command.corpus {
        Some(folder) => run_corpus(session, folder),
        None if command.files.is_empty() => ask_server(session, command),
        None => decide_one(session, command),
    }
}

/// What was decided.
#[derive(Debug, Serialize)]
struct Verdict {
    /// `refuse`, `ask`, `automatic`, `justify`.
    decision: String,
    policy: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    longest: Option<Length>,
    target_user: Option<String>,
    facts: Facts,
    /// Why each policy did or did not match.
    policies: Vec<Explained>,
    /// What makes one doubt the answer or the question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// What the policies on the server would decide.
fn ask_server(session: &Session, command: &Test) -> Result<()> {
    let launch = launch(command)?;
    let groups = command.os_group.clone();
    let body = rest::Test {
        user: launch.member.user.name,
        os_groups: Some(groups),
        computer: command.computer.clone().unwrap_or_default(),
        target_user: launch.target_user,
        facts: launch.facts.clone(),
        arguments: launch.arguments,
        at: command.at.as_deref().map(moment).transpose()?,
    };
    let said: rest::Tested = session.client()?.post(&["test"], &body)?;
    let verdict = Verdict {
        decision: said.decision,
        policy: said.policy.map(|policy| policy.name),
        code: said.code,
        reason: said.reason,
        message: said.message,
        longest: said.longest,
        target_user: said.target_user,
        facts: launch.facts,
        policies: said.policies,
        warnings: said.warnings,
    };
    tell(session, &verdict)
}

fn tell(session: &Session, verdict: &Verdict) -> Result<()> {
    for warning in &verdict.warnings {
        eprintln!("brevetctl: warning: {}", shown(warning));
    }
    session.output.print(verdict, people)
}

fn moment(text: &str) -> Result<Timestamp> {
    Timestamp::parse(text).map_err(|error| CtlError::Usage(format!("--at: {error}")))
}

fn decide_one(session: &Session, command: &Test) -> Result<()> {
    let sources = Sources::read(&command.files)?;
    refuse_unenforceable(&sources)?;
    let launch = launch(command)?;
    let computer = command.computer.as_deref().unwrap_or_default();
    let (mut here, mut others, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for document in documents(sources.file(), command) {
        if !document.policy.enabled {
            others.push(not_looked_at(&document, "it is disabled"));
        } else if !concerns(&document.policy, computer, sources.file()) {
            others.push(not_looked_at(&document, &elsewhere(&document.policy, sources.file())));
        } else if let Some(absent) = absent_lists(&document) {
            let name = shown(&document.policy.name);
            warnings.push(format!("the policy \"{name}\" takes no part: {absent}, and without it no computer gets the policy"));
            others.push(not_looked_at(&document, &format!("{absent}: give its file too")));
        } else {
            here.push(document);
        }
    }
    let held: Vec<Held<'_>> = here.iter().map(|document| Held { document, fixed: Fixed::just_delivered(&document.policy) }).collect();
    let wall = match &command.at {
        Some(text) => moment(text)?,
        None => now(),
    };
    let standing = Standing { wall, heartbeat_age_millis: Some(0), unreadable_deny: false };
    let explained = explain(&held, &[], &launch, &standing).into_iter();
    let mut policies: Vec<Explained> =
        explained.map(|it| Explained { policy: it.policy, mode: it.mode, matched: it.matched, because: it.because }).collect();
    for explanation in policies.iter_mut().filter(|explanation| !explanation.matched) {
        let document = here.iter().find(|document| document.id == explanation.policy.id);
        let absent = document.map(|document| absent_groups(&document.policy.users, |group| document.user_groups.contains_key(group)));
        if let Some(absent) = absent.filter(|absent| !absent.is_empty()) {
            explanation.because.push_str(&format!("; {absent}: give their file too, or --group"));
        }
    }
    policies.extend(others);
    let verdict = Verdict { warnings, ..verdict(decide(&held, &[], &launch, &standing), launch.facts, policies) };
    tell(session, &verdict)
}

/// What no computer enforces, and `apply` refuses for it, decides nothing here either.
fn refuse_unenforceable(sources: &Sources) -> Result<()> {
    let file = sources.file();
    let lists = file.list.iter().enumerate();
    let lists = lists.flat_map(|(n, list)| unenforceable_rules(&list.rules, "rules").into_iter().map(move |error| ("list", n, error)));
    let policies = file.policy.iter().enumerate();
    let policies = policies.flat_map(|(n, policy)| unenforceable(policy).into_iter().map(move |error| ("policy", n, error)));
    let line = |(kind, n, error): (&str, usize, PolicyError)| {
        format!("{}: {}", sources.locate(&format!("{kind}[{n}].{}", error.field)), shown(&error.reason))
    };
    let errors: Vec<String> = lists.chain(policies).map(line).collect();
    if errors.is_empty() { Ok(()) } else { Err(CtlError::Usage(errors.join("\n"))) }
}

/// Lists that a policy names and the files do not have, in words.
fn absent_lists(document: &PolicyDocument) -> Option<String> {
    let policy = &document.policy;
    let rules = match &policy.applications {
        Applications::All => &[],
        Applications::Rules(rules) => rules.as_slice(),
    };
    let named = rules.iter().chain(&policy.exceptions).filter_map(|rule| rule.list.as_ref());
    let absent: BTreeSet<&String> = named.filter(|name| !document.lists.contains_key(*name)).collect();
    let absent: Vec<String> = absent.into_iter().map(|name| format!("\"{}\"", shown(name))).collect();
    match absent.as_slice() {
        [] => None,
        [one] => Some(format!("the list {one} is not in these files")),
        more => Some(format!("the lists {} are not in these files", more.join(", "))),
    }
}

/// Why a policy is not for the computer, and whether a file that was not given might say otherwise.
fn elsewhere(policy: &Policy, file: &File) -> String {
    let is_there = |name: &str| file.group.iter().any(|group| group.name == name && group.computers.is_some());
    match absent_groups(&policy.computers, is_there).as_str() {
        "" => "it is not for this computer".into(),
        absent => format!("it is not for this computer as far as these files say; {absent}: give their file too"),
    }
}

/// Groups that a policy names and the files do not have, in words; nothing where all are there.
fn absent_groups(scope: &Scope, is_there: impl Fn(&str) -> bool) -> String {
    let Scope::Named(names) = scope else { return String::new() };
    let absent = names.iter().filter_map(|name| name.strip_prefix("group:")).filter(|name| !is_there(name));
    let absent: Vec<String> = absent.map(|name| format!("\"{}\"", shown(name))).collect();
    match absent.as_slice() {
        [] => String::new(),
        [one] => format!("the group {one} is not in them"),
        more => format!("the groups {} are not in them", more.join(", ")),
    }
}

fn not_looked_at(document: &PolicyDocument, because: &str) -> Explained {
    let policy = brevet_core::request::PolicyRef { id: document.id.clone(), version: document.version, name: document.policy.name.clone() };
    Explained { policy, mode: document.policy.mode, matched: false, because: because.into() }
}

fn launch(command: &Test) -> Result<Launch> {
    let words = command.command.iter().map(|word| {
        use std::os::unix::ffi::OsStrExt as _;
        OsText::new(word.as_bytes()).map_err(|error| CtlError::Usage(format!("an argument cannot be used: {error}")))
    });
    let mut words = words.collect::<Result<Vec<OsText>>>()?;
    let facts = match &command.facts {
        Some(path) => {
            let text = input::named(path, input::SMALL).map_err(|source| io("read", path, source))?;
            serde_json::from_str(&text)
                .map_err(|error| CtlError::Usage(format!("{}: not an application's facts: {error}", path.display())))?
        }
        None => inspect::facts(command.command.first().map(AsRef::as_ref).unwrap_or_default())?,
    };
    if !words.is_empty() {
        words.remove(0);
    }
    let name = command.user.clone().unwrap_or_default();
    let uid = if name == "root" { 0 } else { 1000 };
    Ok(Launch {
        member: Member { user: User { uid, name }, groups: Fact::Known(command.os_group.clone()) },
        facts,
        arguments: words,
        directory: "/".into(),
        target_user: command.target_user.clone(),
    })
}

/// The policies as a computer would hold them; ids rise in the order of the files.
fn documents(file: &File, command: &Test) -> Vec<PolicyDocument> {
    let lists: BTreeMap<_, _> = file.list.iter().map(|list| (list.name.clone(), list.rules.clone())).collect();
    let users = file.group.iter().filter_map(|group| Some((group.name.clone(), group.users.clone()?)));
    let mut user_groups: BTreeMap<String, Vec<String>> = users.collect();
    for group in &command.group {
        user_groups.entry(group.clone()).or_default().extend(command.user.clone());
    }
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
    (1i64..).zip(&file.policy).map(document).collect()
}

/// Whether the server would give a policy to this computer.
fn concerns(policy: &Policy, computer: &str, file: &File) -> bool {
    let in_group = |name: &str| {
        let groups = file.group.iter().filter(|group| group.name == name);
        groups.filter_map(|group| group.computers.as_ref()).any(|members| members.iter().any(|member| member == computer))
    };
    match &policy.computers {
        Scope::All => true,
        Scope::Named(names) => names.iter().any(|entry| match entry.strip_prefix("group:") {
            Some(group) => in_group(group),
            None => entry == computer,
        }),
    }
}

fn verdict(decision: Decision, facts: Facts, policies: Vec<Explained>) -> Verdict {
    let empty = Verdict {
        decision: "refuse".into(),
        policy: None,
        code: None,
        reason: None,
        message: None,
        longest: None,
        target_user: None,
        facts,
        policies,
        warnings: Vec::new(),
    };
    match decision {
        Decision::Refuse(it) => Verdict {
            policy: it.policy.map(|policy| policy.name),
            code: Some(it.code.into()),
            reason: Some(it.reason),
            message: it.message,
            ..empty
        },
        Decision::Elevate(it) => Verdict {
            decision: match it.by {
                By::Justify => "justify".into(),
                By::Automatic | By::Grant(_) => "automatic".into(),
            },
            policy: Some(it.policy.name),
            longest: Some(Length::from_seconds(it.longest_millis / 1000)),
            target_user: Some(it.target_user),
            ..empty
        },
        Decision::Ask(it) => Verdict {
            decision: "ask".into(),
            policy: Some(it.policy.name),
            message: Some(it.message).filter(|message| !message.is_empty()),
            longest: Some(Length::from_seconds(it.longest_millis / 1000)),
            target_user: Some(it.target_user),
            ..empty
        },
    }
}

fn people(verdict: &Verdict) -> String {
    let text = |value: &Option<String>| value.as_deref().map(shown).unwrap_or_default();
    let mut out = fields(&[
        ("decision", verdict.decision.clone()),
        (if verdict.code.as_deref() == Some("no_policy") { "came nearest" } else { "policy" }, text(&verdict.policy)),
        ("reason", text(&verdict.reason)),
        ("code", verdict.code.clone().unwrap_or_default()),
        ("message", text(&verdict.message)),
        ("longest", verdict.longest.map(|longest| longest.to_string()).unwrap_or_default()),
        ("as", text(&verdict.target_user)),
        ("file", shown(&String::from_utf8_lossy(verdict.facts.path.as_bytes()))),
        ("sha256", verdict.facts.sha256.to_string()),
    ]);
    let row = |it: &Explained| {
        let mode: &Mode = &it.mode;
        vec![shown(&it.policy.name), word(mode), if it.matched { "yes".into() } else { "no".into() }, shown(&it.because)]
    };
    if !verdict.policies.is_empty() {
        out.push('\n');
        out.push_str(&table(&["policy", "mode", "matched", "because"], verdict.policies.iter().map(row).collect()));
    }
    out
}

/// One case of a corpus.
#[derive(Debug, Serialize)]
struct Case {
    file: String,
    name: String,
    /// Empty when it came out as written.
    differences: Vec<String>,
}

fn run_corpus(session: &Session, folder: &std::path::Path) -> Result<()> {
    let mut cases = Vec::new();
    let mut errors = Vec::new();
    for path in expand(&[folder.to_owned()])? {
        let text = input::found(&path, input::LARGE).map_err(|source| io("read", &path, source))?;
        let file = shown(&path.display().to_string());
        match corpus::parse(&text) {
            Ok(corpus) => cases.extend(corpus::run(&corpus).into_iter().map(|it| Case {
                file: file.clone(),
                name: it.name,
                differences: it.differences,
            })),
            Err(found) => errors.extend(found.iter().map(|error| format!("{file}:{}: {}", error.line, shown(&error.message)))),
        }
    }
    if !errors.is_empty() {
        return Err(CtlError::Usage(errors.join("\n")));
    }
    let differ = cases.iter().filter(|case| !case.differences.is_empty()).count();
    session.output.print(&cases, |cases| {
        let lines = cases.iter().filter(|case| !case.differences.is_empty()).map(|case| {
            let differences: Vec<String> = case.differences.iter().map(|line| format!("    {}\n", shown(line))).collect();
            format!("{}: {}\n{}", case.file, shown(&case.name), differences.concat())
        });
        format!("{}{} cases, {differ} came out otherwise\n", lines.collect::<String>(), cases.len())
    })?;
    if differ == 0 { Ok(()) } else { Err(CtlError::Verification(format!("{differ} of {} cases came out otherwise", cases.len()))) }
}
