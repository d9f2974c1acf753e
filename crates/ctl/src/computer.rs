//! `brevetctl computer`.

use brevet_api::rest::computer::{Because, Computer as Item, ComputerQuery, ComputerState, Facts, PolicyHere};
use brevet_core::time::Length;
use clap::Subcommand;

use crate::cli::Session;
use crate::client::Client;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::{fields, mark, moment, shown, table, word};
use crate::stored::{self, Named};
use crate::watch::Watch;

/// What to do with computers.
#[derive(Subcommand)]
pub enum Computer {
    /// List computers
    List {
        /// enrolled, quarantined or removed; removed ones are left out unless asked for
        #[arg(long)]
        state: Option<String>,
        /// Only those that were silent for too long
        #[arg(long)]
        lost: bool,
        /// Part of the name
        #[arg(long)]
        name: Option<String>,
        /// Part of the operating system's id, version and name, such as 'debian 12'
        #[arg(long)]
        os: Option<String>,
        /// Beginning of the kernel's release
        #[arg(long, value_name = "RELEASE")]
        kernel: Option<String>,
        /// Beginning of the broker's version
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
        #[command(flatten)]
        rows: Listing,
        #[command(flatten)]
        watch: Watch,
    },
    /// Show a computer and which policies are in force there
    Show {
        /// Name or id
        computer: String,
    },
    /// Give a computer no more rights, and take nothing from it, until an owner releases it
    Quarantine {
        /// Name or id
        computer: String,
        /// Why
        #[arg(long)]
        comment: String,
    },
    /// Take a computer out of quarantine
    Release {
        /// Name or id
        computer: String,
        /// Why
        #[arg(long)]
        comment: String,
    },
    /// Remove a computer: it can no longer connect
    Remove {
        /// Name or id
        computer: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Computer) -> Result<()> {
    let client = session.client()?;
    match command {
        Computer::List { state, lost, name, os, kernel, version, rows, watch } => {
            let lost = lost.then_some(true);
            let query = ComputerQuery { state, lost, name, os, kernel, version, ..ComputerQuery::default() };
            rows.watch(session, &watch, (&["computers"], &query), &COLUMNS)
        }
        Computer::Show { computer } => {
            let item: Item = client.get(&["computers", &computer])?;
            session.output.print(&item, describe)
        }
        Computer::Quarantine { computer, comment } => {
            session.output.confirm(&format!("quarantine '{}'; it gets no more rights, and its journal is not taken", shown(&computer)))?;
            let item: Item = client.post(&["computers", &computer, "quarantine"], &Because { comment })?;
            session.output.print(&item, |item| format!("quarantined '{}'\n", shown(&item.name)))
        }
        Computer::Release { computer, comment } => {
            let item: Item = client.post(&["computers", &computer, "release"], &Because { comment })?;
            session.output.print(&item, |item| format!("released '{}'\n", shown(&item.name)))
        }
        Computer::Remove { computer } => {
            let found: Named = client.get(&["computers", &computer])?;
            let name = shown(&found.name);
            let effect = still_running(&client, &found.id)?;
            session.output.confirm(&format!("remove '{name}'; it can no longer connect and must be enrolled anew{effect}"))?;
            client.delete(&["computers", &found.id], &())?;
            stored::done(session, "removed", &found.id, &found.name)
        }
    }
}

/// What is in force on a computer that is about to be cut off.
fn still_running(client: &Client, computer: &str) -> Result<String> {
    let count = |path: &str, state: &str| -> Result<usize> {
        let query = [("computer", computer), ("state", state)];
        Ok(client.list::<_, serde_json::Value>(&[path], &query, 500)?.items.len())
    };
    let (grants, sessions) = (count("grants", "active")? + count("grants", "issued")?, count("sessions", "started")?);
    if grants + sessions == 0 {
        return Ok(String::new());
    }
    let plural = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    Ok(format!(
        ". {} and {} are in force there: nothing can be revoked on it any more, and they end by their own time or when its staleness runs \
         out. To end them now, first: brevetctl computer quarantine {computer} --comment WHY",
        plural(grants, "grant"),
        plural(sessions, "session")
    ))
}

fn presence(item: &Item) -> String {
    match (item.connected, item.lost) {
        (true, _) => "yes".into(),
        (false, true) => "lost".into(),
        (false, false) => "no".into(),
    }
}

const COLUMNS: Columns<Item> = Columns {
    headings: &[
        "name",
        "state",
        "connected",
        "last contact",
        "warnings",
        "os",
        "kernel",
        "version",
        "architecture",
        "clock",
        "journal",
        "id",
    ],
    row,
};

fn row(item: &Item) -> Vec<String> {
    vec![
        shown(&item.name),
        word(&item.state),
        presence(item),
        moment(item.last_contact),
        item.warnings.iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>().join(" "),
        // One that is too old to tell has at least what it enrolled with.
        item.facts.as_ref().map_or_else(|| shown(&item.platform), |facts| shown(&facts.os_name)),
        of_facts(item, |facts| shown(&facts.kernel)),
        item.facts.as_ref().map_or_else(|| shown(&item.agent_version), |facts| shown(&facts.broker_version)),
        of_facts(item, |facts| shown(&facts.architecture)),
        of_facts(item, |facts| facts.clock_ahead_seconds.map(clock).unwrap_or_default()),
        item.journal.as_ref().map(|journal| journal.seq.to_string()).unwrap_or_default(),
        item.id.to_string(),
    ]
}

fn of_facts(item: &Item, cell: impl Fn(&Facts) -> String) -> String {
    item.facts.as_ref().map(cell).unwrap_or_default()
}

/// How far a computer's clock is from the server's: `+3m12s` is ahead.
fn clock(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "+" };
    format!("{sign}{}", Length::from_seconds(seconds.unsigned_abs()))
}

fn describe(item: &Item) -> String {
    let state = match item.state {
        ComputerState::Enrolled => String::new(),
        ComputerState::Quarantined | ComputerState::Removed => item.because.as_deref().map(shown).unwrap_or_default(),
    };
    let journal = item.journal.as_ref();
    let mut text = fields(&[
        ("computer", shown(&item.name)),
        ("id", item.id.to_string()),
        ("hostname", shown(&item.hostname)),
        ("platform", shown(&item.platform)),
        ("operating system", of_facts(item, |facts| shown(&facts.os_name))),
        ("kernel", of_facts(item, |facts| format!("{} ({})", shown(&facts.kernel), shown(&facts.architecture)))),
        ("broker", of_facts(item, |facts| shown(&facts.broker_version))),
        ("brevetd", shown(&item.agent_version)),
        ("containment", of_facts(item, |facts| facts.containment.iter().map(word).collect::<Vec<_>>().join(", "))),
        ("control groups", of_facts(item, |facts| shown(&facts.cgroup))),
        ("room for journal", of_facts(item, |facts| facts.space.map(|space| space.in_words()).unwrap_or_default())),
        ("clock", of_facts(item, |facts| facts.clock_ahead_seconds.map(clock).unwrap_or_default())),
        ("told at", of_facts(item, |facts| moment(facts.reported))),
        ("state", word(&item.state)),
        ("because", state),
        ("connected", presence(item)),
        ("lost", mark(item.lost).into()),
        ("enrolled", moment(item.enrolled)),
        ("last contact", moment(item.last_contact)),
        ("groups", shown(&item.groups.join(", "))),
        ("documents", format!("holds {} of {} (epoch {})", item.documents.held, item.documents.sent, item.documents.epoch)),
        ("journal", journal.map(|j| format!("record {} of {}", j.seq, j.incarnation)).unwrap_or_default()),
        ("journal's head", journal.map(|j| shown(&j.head)).unwrap_or_default()),
    ]);
    if !item.warnings.is_empty() {
        let rows = item.warnings.iter().map(|warning| vec![shown(&warning.message), shown(&warning.hint)]);
        text.push('\n');
        text.push_str(&table(&["warning", "what to do"], rows.collect()));
    }
    if !item.policies.is_empty() {
        text.push('\n');
        text.push_str(&table(&["policy", "version", "state", "because"], item.policies.iter().map(policy_row).collect()));
    }
    text
}

fn policy_row(policy: &PolicyHere) -> Vec<String> {
    let because = [&policy.field, &policy.reason].into_iter().flatten().map(|text| shown(text)).collect::<Vec<_>>().join(": ");
    vec![shown(&policy.name), policy.version.to_string(), word(&policy.state), because]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_shown_with_its_sign() {
        assert_eq!((clock(192), clock(-61), clock(0)), ("+3m12s".to_owned(), "-1m1s".to_owned(), "+0s".to_owned()));
    }
}
