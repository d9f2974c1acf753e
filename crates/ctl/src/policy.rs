//! `brevetctl policy`.

mod inspect;
mod test;

use brevet_api::rest::Page;
use brevet_api::rest::event::EventQuery;
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::{Mistake, OnComputer, PolicyQuery, PolicyState, StoredPolicy};
use brevet_core::file::File;
use brevet_core::id::PolicyId;
use brevet_core::policy::Applications;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
use crate::event;
use crate::findings;
use crate::history::{self, History};
use crate::listing::{Columns, Listing};
use crate::output::{mark, moment, shown, word};
use crate::stored;

/// What to do with policies.
#[derive(Subcommand)]
pub enum Policy {
    /// List policies
    List {
        /// Part of the name
        #[arg(long)]
        name: Option<String>,
        /// Part of anything that it says, in capitals or not: whom it is for and where, applications, its name and description
        #[arg(long)]
        text: Option<String>,
        /// deny, automatic, justify or request
        #[arg(long, value_parser = ["deny", "automatic", "justify", "request"])]
        mode: Option<String>,
        /// Only enabled (true) or only disabled ones (false)
        #[arg(long)]
        enabled: Option<bool>,
        #[command(flatten)]
        rows: Listing,
    },
    /// Show a policy as TOML that apply takes, and on how many computers it is in force
    Show {
        /// Name or id
        policy: String,
        /// An earlier version
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Show which computers hold which version, and which refuse it and why
    #[command(visible_alias = "computers")]
    State {
        /// Name or id
        policy: String,
        #[command(flatten)]
        rows: Listing,
    },
    /// Show every version of a policy, and with --diff what each changed
    History(History),
    /// Show everything that was done to a policy and under it, newest first
    Audit {
        /// Id, or name now or then; also of one that was deleted
        policy: String,
        #[command(flatten)]
        when: event::When,
        #[command(flatten)]
        rows: event::Rows,
    },
    /// Say what in a policy will not do what its author means (it matches nothing, or a deny shadows it), and what it gives beyond that
    Check {
        /// Name or id
        policy: String,
        #[command(flatten)]
        rows: Listing,
    },
    /// Make another policy of the same content, disabled
    Duplicate {
        /// Name or id
        policy: String,
        /// The new one's name
        name: String,
    },
    /// Let a policy match again
    Enable {
        /// Name or id
        policy: String,
    },
    /// Keep a policy and let it match nothing; ends the grants and sessions under it
    Disable {
        /// Name or id
        policy: String,
    },
    /// Start a policy's fixed validity anew
    Renew {
        /// Name or id
        policy: String,
    },
    /// Say what policies would decide: those on the server, or those in files without a server
    Test(Box<test::Test>),
    /// Delete a policy; ends the grants and sessions under it
    Delete {
        /// Name or id
        policy: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Policy) -> Result<()> {
    match command {
        Policy::List { name, text, mode, enabled, rows } => {
            let query = PolicyQuery { name, text, mode, enabled, ..PolicyQuery::default() };
            rows.print(session, &["policies"], &query, &COLUMNS)
        }
        Policy::Show { policy, version: Some(version) } => history::version(session, "policies", &policy, version, into_file),
        Policy::Show { policy, version: None } => {
            if !session.output.json {
                session.output.text(&in_force(session, &policy)?)?;
            }
            stored::show::<PolicyId, _>(session, "policies", &policy, into_file)
        }
        Policy::Audit { policy, when, rows } => {
            let query = EventQuery { policy: Some(policy), ..EventQuery::default() };
            event::list(session, when.narrow(query), &rows)
        }
        Policy::Check { policy, rows } => rows.print(session, &["policies", &policy, "warnings"], &PageQuery::default(), &MISTAKES),
        Policy::Duplicate { policy, name } => duplicate(session, &policy, name),
        Policy::State { policy, rows } => rows.print(session, &["policies", &policy, "computers"], &PageQuery::default(), &ON_COMPUTERS),
        Policy::History(command) => history::print(session, "policies", &command, into_file),
        Policy::Enable { policy } => act(session, &policy, "enable", "enabled"),
        Policy::Renew { policy } => act(session, &policy, "renew", "renewed"),
        Policy::Disable { policy } => {
            session.output.confirm(&format!("disable the policy '{}'; grants and sessions under it end", shown(&policy)))?;
            act(session, &policy, "disable", "disabled")
        }
        Policy::Test(command) => test::run(session, &command),
        Policy::Delete { policy } => stored::delete(session, "policy", "policies", &policy, "; grants and sessions under it end"),
    }
}

fn act(session: &Session, name: &str, action: &str, done: &str) -> Result<()> {
    let policy: StoredPolicy = session.client()?.post_empty(&["policies", name, action])?;
    findings::say(session, &policy.findings);
    session.output.print(&policy, |policy| format!("{done} '{}', now version {}\n", shown(&policy.content.name), policy.version))
}

const COLUMNS: Columns<StoredPolicy> =
    Columns { headings: &["name", "mode", "enabled", "version", "computers", "users", "applications"], row };
const ON_COMPUTERS: Columns<OnComputer> = Columns { headings: &["computer", "state", "version", "since", "because"], row: on_computer };
const MISTAKES: Columns<Mistake> = Columns { headings: &["severity", "field", "code", "because", "hint"], row: mistake };

fn mistake(mistake: &Mistake) -> Vec<String> {
    let severity = mistake.severity.as_deref().unwrap_or("warning");
    vec![
        shown(severity),
        shown(&mistake.field),
        shown(&mistake.code),
        shown(&mistake.reason),
        mistake.hint.as_deref().map(shown).unwrap_or_default(),
    ]
}

fn into_file(content: brevet_core::policy::Policy) -> File {
    File { policy: vec![content], ..File::default() }
}

/// On how many computers it is in force, as comments before its TOML.
fn in_force(session: &Session, policy: &str) -> Result<String> {
    let page: Page<OnComputer> = session.client()?.list(&["policies", policy, "computers"], &PageQuery::default(), usize::MAX)?;
    let count = |state: PolicyState| page.items.iter().filter(|place| place.state == state).count();
    let (applied, sent, refused) = (count(PolicyState::Applied), count(PolicyState::Sent), count(PolicyState::Refused));
    let computers = if applied == 1 { "computer" } else { "computers" };
    let mut text = format!("# in force on {applied} {computers}, sent to {sent}, refused by {refused}\n");
    for place in page.items.iter().filter(|place| place.state == PolicyState::Refused).take(5) {
        text.push_str(&format!("# refused by {}\n", on_computer(place).join(" ")));
    }
    Ok(text)
}

fn duplicate(session: &Session, policy: &str, name: String) -> Result<()> {
    let client = session.client()?;
    let found: StoredPolicy = client.get(&["policies", policy])?;
    let content = brevet_core::policy::Policy { name, enabled: false, ..found.content };
    let made: StoredPolicy = client.post(&["policies"], &content)?;
    session.output.print(&made, |made| {
        let name = shown(&made.content.name);
        format!("made '{name}', disabled; see: brevetctl policy show '{name}', then: brevetctl policy enable '{name}'\n")
    })
}

fn row(policy: &StoredPolicy) -> Vec<String> {
    let content = &policy.content;
    let applications = match &content.applications {
        Applications::All => "all".to_owned(),
        Applications::Rules(rules) if rules.len() == 1 => "1 rule".into(),
        Applications::Rules(rules) => format!("{} rules", rules.len()),
    };
    vec![
        shown(&content.name),
        word(&content.mode),
        mark(content.enabled).into(),
        policy.version.to_string(),
        stored::scope(&content.computers),
        stored::scope(&content.users),
        applications,
    ]
}

fn on_computer(place: &OnComputer) -> Vec<String> {
    let because = match (&place.field, &place.reason) {
        (Some(field), Some(reason)) => format!("{}: {}", shown(field), shown(reason)),
        (field, reason) => shown(field.as_deref().or(reason.as_deref()).unwrap_or_default()),
    };
    vec![shown(&place.name), word(&place.state), place.version.to_string(), moment(place.since), because]
}
