//! `brevetctl proposal`: changes that wait for a second person.

use brevet_api::rest::proposal::{Close, Confirmed, Difference, Proposal as Item, ProposalQuery};
use clap::Subcommand;
use serde_json::Value;

use crate::cli::Session;
use crate::client::Client;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::{fields, moment, optional_moment, shown, word};

/// What to do with proposals.
#[derive(Subcommand)]
pub enum Proposal {
    /// List them, newest first
    List {
        /// open, confirmed, rejected, withdrawn or stale
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        rows: Listing,
    },
    /// Show what one would change
    Show {
        /// Id
        proposal: String,
    },
    /// Make the change that it shows, as a second person
    Confirm {
        /// Id
        proposal: String,
        /// For the record
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Say no, as a second person
    Reject {
        /// Id
        proposal: String,
        /// Why, for whoever proposed it
        #[arg(long)]
        comment: String,
    },
    /// Take your own back
    Withdraw {
        /// Id
        proposal: String,
        /// For the record
        #[arg(long, default_value = "")]
        comment: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Proposal) -> Result<()> {
    let client = session.client()?;
    match command {
        Proposal::List { state, rows } => {
            let query = ProposalQuery { state, ..ProposalQuery::default() };
            rows.print(session, &["proposals"], &query, &COLUMNS)
        }
        Proposal::Show { proposal } => {
            let item: Item = client.get(&["proposals", &proposal])?;
            session.output.print(&item, describe)
        }
        Proposal::Confirm { proposal, comment } => confirm(session, &client, &proposal, comment),
        Proposal::Reject { proposal, comment } => close(session, &client, (&proposal, "reject"), comment),
        Proposal::Withdraw { proposal, comment } => close(session, &client, (&proposal, "withdraw"), comment),
    }
}

fn confirm(session: &Session, client: &Client, id: &str, comment: String) -> Result<()> {
    let item: Item = client.get(&["proposals", id])?;
    if !session.output.json {
        eprint!("{}", describe(&item));
    }
    session.output.confirm("make this change")?;
    let done: Confirmed = client.post(&["proposals", id, "confirm"], &Close { comment })?;
    session.output.print(&done, |done| {
        let answer = done.answer.as_ref().and_then(|answer| answer.get("sign_in").or_else(|| answer.get("token"))).and_then(Value::as_str);
        let secret = answer.map(|secret| format!("shown this once: {}\n", shown(secret))).unwrap_or_default();
        format!("confirmed {}: {}\n{secret}", done.proposal.id, shown(&done.proposal.summary))
    })
}

fn close(session: &Session, client: &Client, (id, how): (&str, &str), comment: String) -> Result<()> {
    let item: Item = client.post(&["proposals", id, how], &Close { comment })?;
    session.output.print(&item, |item| format!("{} is {}\n", item.id, word(&item.state)))
}

const COLUMNS: Columns<Item> = Columns { headings: &["id", "state", "by", "created", "what"], row };

fn row(item: &Item) -> Vec<String> {
    vec![item.id.to_string(), word(&item.state), shown(&item.proposer_name), moment(item.created), shown(&item.summary)]
}

/// A proposal with its difference, as the second person reads it.
#[must_use]
pub fn describe(item: &Item) -> String {
    let mut text = fields(&[
        ("proposal", item.id.to_string()),
        ("state", word(&item.state)),
        ("by", shown(&item.proposer_name)),
        ("created", moment(item.created)),
        ("closed", optional_moment(item.closed)),
        ("closed by", item.closed_by.as_deref().map(shown).unwrap_or_default()),
        ("comment", shown(&item.comment)),
        ("call", shown(&item.call)),
    ]);
    for one in &item.differences {
        text.push_str(&difference(one));
    }
    text
}

fn difference(one: &Difference) -> String {
    let version = one.version.map(|version| format!(" (version {version})")).unwrap_or_default();
    let mut text = format!("\n{} '{}' {}{version}\n", shown(&one.kind), shown(&one.name), shown(&one.change));
    let none = serde_json::Map::new();
    let before = one.before.as_ref().and_then(Value::as_object).unwrap_or(&none);
    let after = one.after.as_ref().and_then(Value::as_object).unwrap_or(&none);
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (was, is) = (before.get(name), after.get(name));
        if was == is {
            continue;
        }
        for (sign, value) in [('-', was), ('+', is)] {
            if let Some(value) = value {
                text.push_str(&format!("  {sign} {}: {}\n", shown(name), shown(&value.to_string())));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_shows_what_differs_and_nothing_acts_on_the_terminal() {
        let one = Difference {
            kind: "policy".into(),
            name: "web\u{1b}[2J".into(),
            change: "changed".into(),
            version: Some(3),
            before: Some(json!({ "mode": "request", "enabled": true })),
            after: Some(json!({ "mode": "automatic", "enabled": true, "message": "\u{202e}" })),
        };
        let text = difference(&one);
        assert!(text.contains("  - mode: \"request\"\n  + mode: \"automatic\"\n") && !text.contains("enabled"), "{text}");
        assert!(text.contains("web\\u{1b}[2J") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}
