//! `brevetctl autonomous`: rules that approve by themselves. The switch for all of them is `setting autonomous`.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::{Shadow, StoredAutonomous};
use brevet_core::file::File;
use brevet_core::id::AutonomousId;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
use crate::history::{self, History};
use crate::listing::{Columns, Listing};
use crate::output::{mark, shown};
use crate::stored;

/// What to do with autonomous rules.
#[derive(Subcommand)]
pub enum Autonomous {
    /// List autonomous rules
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show an autonomous rule as TOML that apply takes
    Show {
        /// Name or id
        rule: String,
    },
    /// Show every version, and with --diff what each changed
    History(History),
    /// Let a rule only record what it would have done, or no longer
    Shadow {
        /// Name or id
        rule: String,
        /// on: only record; off: approve
        #[arg(value_parser = ["on", "off"], default_value = "on")]
        shadow: String,
    },
    /// Let a rule answer again
    Enable {
        /// Name or id
        rule: String,
    },
    /// Keep a rule and let it answer nothing
    Disable {
        /// Name or id
        rule: String,
    },
    /// Delete an autonomous rule
    Delete {
        /// Name or id
        rule: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Autonomous) -> Result<()> {
    match command {
        Autonomous::List { rows } => rows.print(session, &["autonomous"], &PageQuery::default(), &COLUMNS),
        Autonomous::Show { rule } => stored::show::<AutonomousId, _>(session, "autonomous", &rule, into_file),
        Autonomous::History(command) => history::print(session, "autonomous", &command, into_file),
        Autonomous::Shadow { rule, shadow } => {
            let body = Shadow { shadow: shadow == "on" };
            let stored: StoredAutonomous = session.client()?.post(&["autonomous", &rule, "shadow"], &body)?;
            let does = if stored.content.shadow { "only records what it would have done" } else { "approves" };
            session.output.print(&stored, |stored| format!("'{}' {does}\n", shown(&stored.content.name)))
        }
        Autonomous::Enable { rule } => act(session, &rule, "enable", "enabled"),
        Autonomous::Disable { rule } => act(session, &rule, "disable", "disabled"),
        Autonomous::Delete { rule } => stored::delete(session, "autonomous rule", "autonomous", &rule, ""),
    }
}

fn act(session: &Session, name: &str, action: &str, done: &str) -> Result<()> {
    let rule: StoredAutonomous = session.client()?.post_empty(&["autonomous", name, action])?;
    session.output.print(&rule, |rule| format!("{done} '{}', now version {}\n", shown(&rule.content.name), rule.version))
}

const COLUMNS: Columns<StoredAutonomous> =
    Columns { headings: &["name", "enabled", "shadow", "longest", "a day", "computers", "users"], row };

fn into_file(content: brevet_core::autonomous::AutonomousRule) -> File {
    File { autonomous: vec![content], ..File::default() }
}

fn row(rule: &StoredAutonomous) -> Vec<String> {
    let content = &rule.content;
    vec![
        shown(&content.name),
        mark(content.enabled).into(),
        mark(content.shadow).into(),
        content.max_duration.to_string(),
        content.per_user_per_day.map(|n| n.to_string()).unwrap_or_default(),
        stored::scope(&content.computers),
        stored::scope(&content.users),
    ]
}
