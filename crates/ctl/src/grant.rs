//! `brevetctl grant`: what was given, what became of it, and its end.

use std::time::{Duration, Instant};

use brevet_api::rest::grant::{Delivery, DeliveryState, Extend, GrantItem, GrantQuery, GrantState, Revoke, RevokeAll};
use brevet_core::document::Kind;
use brevet_core::time::Length;
use clap::Subcommand;

use crate::cli::Session;
use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::listing::{Columns, Listing};
use crate::output::{fields, moment, optional_moment, shown, table, word};
use crate::progress::Progress;
use crate::reference;
use crate::request::describe_decision;
use crate::watch::{Seen, Watch};

mod revoke_all;

/// What to do with grants.
#[derive(Subcommand)]
pub enum Grant {
    /// List grants, newest first
    List {
        /// issued, active, expired, revoked, finished or unused
        #[arg(long, value_parser = ["issued", "active", "expired", "revoked", "finished", "unused"])]
        state: Option<String>,
        /// A computer's name or id
        #[arg(long)]
        computer: Option<String>,
        /// An OS user's name
        #[arg(long)]
        user: Option<String>,
        /// A policy's name or id
        #[arg(long)]
        policy: Option<String>,
        /// approved, automatic, justify or autonomous
        #[arg(long, value_parser = ["approved", "automatic", "justify", "autonomous"])]
        origin: Option<String>,
        /// Only those that can still be used: issued or active
        #[arg(long, conflicts_with = "state")]
        open: bool,
        #[command(flatten)]
        rows: Listing,
        #[command(flatten)]
        watch: Watch,
    },
    /// Show a grant, its approvals, and what the computer said of it; watched, until it has ended
    Show {
        /// Id
        grant: String,
        #[command(flatten)]
        watch: Watch,
    },
    /// Give an approved grant more time: a new decision
    Extend {
        /// Id
        grant: String,
        /// How much longer
        #[arg(long, value_name = "DURATION")]
        by: Length,
        /// For the user
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// End a grant and everything that runs under it
    ///
    /// One by its id, or all open ones of a user, a computer or a policy (or of several of these at once).
    Revoke {
        /// Id
        #[arg(required_unless_present_any = ["user", "computer", "policy"], conflicts_with_all = ["user", "computer", "policy"])]
        grant: Option<String>,
        /// All of this OS user
        #[arg(long)]
        user: Option<String>,
        /// All on this computer: name or id
        #[arg(long)]
        computer: Option<String>,
        /// All under this policy: name or id
        #[arg(long)]
        policy: Option<String>,
        /// For the user
        #[arg(long, default_value = "")]
        comment: String,
        /// Kill at once, without grace
        #[arg(long)]
        now: bool,
        /// Wait until the computer has confirmed, and say how many processes were ended
        #[arg(long, requires = "grant")]
        wait: bool,
        /// How long to wait at most
        #[arg(long, value_name = "DURATION", default_value = "1m")]
        timeout: Length,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Grant) -> Result<()> {
    let client = session.client()?;
    match command {
        Grant::List { state, computer, user, policy, origin, open, rows, watch } => {
            let open = open.then_some(true);
            let query = GrantQuery { state, computer, user, policy, origin, open, ..GrantQuery::default() };
            rows.watch(session, &watch, (&["grants"], &query), &COLUMNS)
        }
        Grant::Show { grant, watch } => {
            let id = reference::grant(&client, &grant)?;
            watch.run(session, || {
                let item: GrantItem = client.get(&["grants", &id])?;
                let over = !matches!(item.state, GrantState::Issued | GrantState::Active);
                Ok(Seen { text: session.output.render(&item, describe)?, over })
            })
        }
        Grant::Extend { grant, by, comment } => {
            let id = reference::grant(&client, &grant)?;
            let item: GrantItem = client.post(&["grants", &id, "extend"], &Extend { by, comment })?;
            session.output.print(&item, |item| format!("extended {}: {} in all, ends {}\n", item.id, item.duration, moment(item.ends)))
        }
        Grant::Revoke { grant: None, user, computer, policy, comment, now, .. } => {
            let body = RevokeAll { user, computer, policy, comment, now, ..RevokeAll::default() };
            revoke_all::run(session, &client, body)
        }
        Grant::Revoke { grant: Some(grant), comment, now, wait, timeout, .. } => {
            let id = reference::grant(&client, &grant)?;
            let how = if now { "at once" } else { "after their grace" };
            session.output.confirm(&format!("revoke {id}; what runs under it is ended {how}"))?;
            let before: Option<GrantItem> = if wait { None } else { Some(client.get(&["grants", &id])?) };
            if let Some((before, ended)) = before.and_then(|before| before.ended.map(|ended| (before, ended))) {
                let state = word(&before.state);
                return session.output.print(&before, |it| format!("{} is {state} since {}; nothing was done\n", it.id, moment(ended)));
            }
            let item: GrantItem = client.post(&["grants", &id, "revoke"], &Revoke { comment, now })?;
            let item = if wait { wait_for_receipt(&client, item, timeout)? } else { item };
            session.output.print(&item, revoked)
        }
    }
}

fn revocation(item: &GrantItem) -> Option<&Delivery> {
    item.deliveries.iter().rev().find(|delivery| delivery.document == Kind::Revocation)
}

/// Asks until the computer has confirmed. A grant that ended by itself before has no revocation to wait for.
fn wait_for_receipt(client: &Client, mut item: GrantItem, timeout: Length) -> Result<GrantItem> {
    let deadline = Instant::now().checked_add(Duration::from_millis(timeout.millis()));
    let mut pause = Duration::from_millis(100);
    let mut progress = Progress::default();
    while revocation(&item).is_some_and(|delivery| delivery.state != DeliveryState::Confirmed) {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let id = &item.id;
            return Err(CtlError::Failed(format!(
                "{id} is revoked, but computer '{}' has not confirmed it within {timeout}; see: brevetctl grant show {id}",
                shown(&item.computer.name)
            )));
        }
        progress.waiting(&format!("computer '{}' to confirm", shown(&item.computer.name)));
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(1));
        item = client.get(&["grants", item.id.as_str()])?;
    }
    Ok(item)
}

fn revoked(item: &GrantItem) -> String {
    let computer = shown(&item.computer.name);
    match revocation(item) {
        None => format!("{} is {} since {}; nothing was left to end\n", item.id, word(&item.state), optional_moment(item.ended)),
        Some(delivery) if delivery.state == DeliveryState::Confirmed => {
            let count = delivery.processes_ended.unwrap_or(0);
            let processes = if count == 1 { "1 process" } else { &format!("{count} processes") };
            format!("revoked {}; computer '{computer}' confirmed at {}: {processes} ended\n", item.id, optional_moment(delivery.confirmed))
        }
        Some(_) => format!("revoked {}; computer '{computer}' has not confirmed it yet\n", item.id),
    }
}

const COLUMNS: Columns<GrantItem> =
    Columns { headings: &["id", "state", "origin", "computer", "user", "for", "ends", "policy", "command"], row };

fn row(item: &GrantItem) -> Vec<String> {
    vec![
        item.id.to_string(),
        word(&item.state),
        word(&item.origin),
        shown(&item.computer.name),
        shown(&item.user),
        item.duration.to_string(),
        // Its time has not begun: how long it is stands beside.
        if item.activated.is_none() && item.ended.is_none() { "from first use".into() } else { moment(item.ends) },
        shown(&item.policy.name),
        shown(&item.command),
    ]
}

fn describe(item: &GrantItem) -> String {
    let narrowed = if item.command_only { "this command only" } else { "" };
    let mut text = fields(&[
        ("grant", item.id.to_string()),
        ("state", word(&item.state)),
        ("because", item.detail.as_deref().map(shown).unwrap_or_default()),
        ("origin", word(&item.origin)),
        ("request", item.request.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("computer", shown(&item.computer.name)),
        ("user", shown(&item.user)),
        ("runs as", shown(&item.target_user)),
        ("command", shown(&item.command)),
        ("narrowed to", narrowed.into()),
        ("reason", item.reason.as_deref().map(shown).unwrap_or_default()),
        ("policy", format!("{} (version {})", shown(&item.policy.name), item.policy.version)),
        ("for", item.duration.to_string()),
        ("created", moment(item.created)),
        ("use before", moment(item.use_before)),
        ("first used", optional_moment(item.activated)),
        ("ends", moment(item.ends)),
        ("ended", optional_moment(item.ended)),
    ]);
    for decision in &item.approvals {
        text.push_str(&describe_decision("approved", decision));
    }
    if !item.deliveries.is_empty() {
        text.push('\n');
        text.push_str(&table(
            &["document", "state", "sent", "delivered", "confirmed", "processes ended"],
            item.deliveries.iter().map(delivery_row).collect(),
        ));
    }
    text
}

fn delivery_row(delivery: &Delivery) -> Vec<String> {
    vec![
        word(&delivery.document),
        word(&delivery.state),
        moment(delivery.sent),
        optional_moment(delivery.delivered),
        optional_moment(delivery.confirmed),
        delivery.processes_ended.map(|n| n.to_string()).unwrap_or_default(),
    ]
}
