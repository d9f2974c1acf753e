//! `brevetctl autonomous`: rules that approve by themselves. The switch for all of them is `setting autonomous`.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::{Shadow, StoredAutonomous};
use brevet_api::rest::replay::{Replay, Replayed, ReplayedRequest};
use brevet_core::file::File;
use brevet_core::id::AutonomousId;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
use crate::findings;
use crate::history::{self, History};
use crate::listing::{Columns, Listing};
use crate::output::{mark, moment, shown, table, word};
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
    /// Say what a rule would have done with the requests of the last days
    Replay {
        /// Name or id
        rule: String,
        /// Over how many days, up to 90
        #[arg(long, default_value_t = 30, value_name = "N")]
        days: u32,
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
            findings::say(session, &stored.findings);
            let does = if stored.content.shadow { "only records what it would have done" } else { "approves" };
            session.output.print(&stored, |stored| format!("'{}' {does}\n", shown(&stored.content.name)))
        }
        Autonomous::Replay { rule, days } => replay(session, &rule, days),
        Autonomous::Enable { rule } => act(session, &rule, "enable", "enabled"),
        Autonomous::Disable { rule } => act(session, &rule, "disable", "disabled"),
        Autonomous::Delete { rule } => stored::delete(session, "autonomous rule", "autonomous", &rule, ""),
    }
}

fn replay(session: &Session, name: &str, days: u32) -> Result<()> {
    let client = session.client()?;
    let rule: StoredAutonomous = client.get(&["autonomous", name])?;
    let replayed: Replayed = client.post(&["replay"], &Replay { rule: rule.content, days: Some(days), text: None, sort: None })?;
    session.output.print(&replayed, |it| {
        let row = |one: &ReplayedRequest| {
            let misses = one.conditions.iter().filter(|condition| !condition.holds);
            let misses: Vec<String> = misses.map(|condition| format!("{}: {}", condition.name, shown(&condition.value))).collect();
            let answer = if one.approves { "approves".to_owned() } else { misses.join("; ") };
            vec![
                one.code.clone(),
                moment(one.created),
                shown(&one.user),
                shown(&one.computer.name),
                one.command.clone(),
                word(&one.state),
                answer,
            ]
        };
        let newest = if it.whole { "" } else { "the newest " };
        let mut out = format!(
            "of {newest}{} requests it would have approved {}, of which a person declined {}\n",
            it.looked, it.approves, it.declined
        );
        if !it.items.is_empty() {
            let headings = ["code", "asked", "user", "computer", "command", "became", "the rule"];
            out.push_str(&table(&headings, it.items.iter().map(row).collect()));
        }
        out
    })
}

fn act(session: &Session, name: &str, action: &str, done: &str) -> Result<()> {
    let rule: StoredAutonomous = session.client()?.post_empty(&["autonomous", name, action])?;
    findings::say(session, &rule.findings);
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
