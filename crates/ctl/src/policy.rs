//! `brevetctl policy`.

mod inspect;
mod test;

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::{Change, OnComputer, PolicyQuery, StoredPolicy};
use brevet_core::file::File;
use brevet_core::id::PolicyId;
use brevet_core::policy::Applications;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
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
        /// deny, automatic, justify or request
        #[arg(long)]
        mode: Option<String>,
        /// Only enabled (true) or only disabled ones (false)
        #[arg(long)]
        enabled: Option<bool>,
        #[command(flatten)]
        rows: Listing,
    },
    /// Show a policy as TOML that apply takes
    Show {
        /// Name or id
        policy: String,
    },
    /// Show on which computers a policy stands, and how
    Computers {
        /// Name or id
        policy: String,
        #[command(flatten)]
        rows: Listing,
    },
    /// Show every version of a policy
    History {
        /// Name or id
        policy: String,
        #[command(flatten)]
        rows: Listing,
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
    /// Say what policies in files would decide, without a server
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
        Policy::List { name, mode, enabled, rows } => {
            let query = PolicyQuery { name, mode, enabled, ..PolicyQuery::default() };
            rows.print(session, &["policies"], &query, &COLUMNS)
        }
        Policy::Show { policy } => {
            stored::show::<PolicyId, _>(session, "policies", &policy, |content| File { policy: vec![content], ..File::default() })
        }
        Policy::Computers { policy, rows } => {
            rows.print(session, &["policies", &policy, "computers"], &PageQuery::default(), &ON_COMPUTERS)
        }
        Policy::History { policy, rows } => rows.print(session, &["policies", &policy, "history"], &PageQuery::default(), &CHANGES),
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
    session.output.print(&policy, |policy| format!("{done} '{}', now version {}\n", shown(&policy.content.name), policy.version))
}

const COLUMNS: Columns<StoredPolicy> =
    Columns { headings: &["name", "mode", "enabled", "version", "computers", "users", "applications"], row };
const ON_COMPUTERS: Columns<OnComputer> = Columns { headings: &["computer", "state", "version", "since", "because"], row: on_computer };
const CHANGES: Columns<Change> = Columns { headings: &["version", "time", "change", "by"], row: change };

fn row(policy: &StoredPolicy) -> Vec<String> {
    let content = &policy.content;
    let applications = match &content.applications {
        Applications::All => "all".to_owned(),
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

fn change(change: &Change) -> Vec<String> {
    vec![change.version.to_string(), moment(change.time), shown(&change.change), shown(&change.by)]
}
