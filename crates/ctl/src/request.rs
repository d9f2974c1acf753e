//! `brevetctl request`: what somebody asked for, and the decision.

use brevet_api::rest::request::{Approve, Decision, Decline, RequestItem, RequestQuery};
use brevet_core::application::{Fact, Facts};
use brevet_core::escape;
use brevet_core::request::RequestState;
use brevet_core::time::Length;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::{fields, moment, optional_moment, shown, word};
use crate::reference;
use crate::watch::{Seen, Watch};

/// What to do with requests.
#[derive(Subcommand)]
pub enum Request {
    /// List requests, newest first
    List {
        /// pending, approved, auto_approved, declined, withdrawn or lapsed
        #[arg(long, value_parser = ["pending", "approved", "auto_approved", "declined", "withdrawn", "lapsed"])]
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
        /// Part of the reason, the command, the user, the policy's name, the ticket or the short code, in capitals or not
        #[arg(long)]
        text: Option<String>,
        /// The oldest first
        #[arg(long)]
        oldest_first: bool,
        #[command(flatten)]
        rows: Listing,
        #[command(flatten)]
        watch: Watch,
    },
    /// Show exactly what would run, for whom and why
    Show {
        /// Id or short code
        request: String,
        #[command(flatten)]
        watch: Watch,
    },
    /// Approve a request, perhaps for less
    Approve {
        /// Id or short code
        request: String,
        /// How long, at most what was asked for
        #[arg(long = "for", value_name = "DURATION")]
        duration: Option<Length>,
        /// For the user
        #[arg(long, default_value = "")]
        comment: String,
        /// Only this exact command, where the policy would allow any arguments
        #[arg(long)]
        command_only: bool,
        /// The short code that was looked at; when it is not this request's, nothing is approved
        #[arg(long)]
        code: Option<String>,
    },
    /// Decline a request
    Decline {
        /// Id or short code
        request: String,
        /// For the user: why
        #[arg(long)]
        comment: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Request) -> Result<()> {
    let client = session.client()?;
    match command {
        Request::List { state, computer, user, policy, text, oldest_first, rows, watch } => {
            let sort = oldest_first.then(|| "created".to_owned());
            let query = RequestQuery { state, computer, user, policy, text, sort, ..RequestQuery::default() };
            rows.watch(session, &watch, (&["requests"], &query), &COLUMNS)
        }
        Request::Show { request, watch } => {
            let id = reference::request(&client, &request)?;
            watch.run(session, || {
                let item: RequestItem = client.get(&["requests", &id])?;
                Ok(Seen { text: session.output.render(&item, describe)?, over: item.state != RequestState::Pending })
            })
        }
        Request::Approve { request, duration, comment, command_only, code } => {
            // Whoever names it by its code has seen that code.
            let (id, seen) = reference::request_seen(&client, &request)?;
            let code = code.map(|code| brevet_core::digest::typed_code(&code).unwrap_or(code)).or(seen);
            let item: RequestItem = client.post(&["requests", &id, "approve"], &Approve { duration, comment, command_only, code })?;
            session.output.print(&item, approved)
        }
        Request::Decline { request, comment } => {
            let id = reference::request(&client, &request)?;
            let item: RequestItem = client.post(&["requests", &id, "decline"], &Decline { comment })?;
            session.output.print(&item, |item| format!("declined {} ({})\n", item.id, item.code))
        }
    }
}

fn approved(item: &RequestItem) -> String {
    let given = item.approvals.iter().filter_map(|a| a.duration).min().unwrap_or(item.duration);
    if item.state == RequestState::Pending {
        let count = item.approvals.len();
        return format!("approval {count} of {} for {} ({}); it still waits\n", item.approvals_needed, item.id, item.code);
    }
    let grant = item.grant.as_ref().map(|grant| format!(", grant {grant}")).unwrap_or_default();
    format!("approved {} ({}) for {given}{grant}\n", item.id, item.code)
}

const COLUMNS: Columns<RequestItem> =
    Columns { headings: &["id", "code", "state", "computer", "user", "for", "created", "command", "reason"], row };

fn row(item: &RequestItem) -> Vec<String> {
    vec![
        item.id.to_string(),
        shown(&item.code),
        word(&item.state),
        shown(&item.computer.name),
        shown(&item.user),
        item.duration.to_string(),
        moment(item.created),
        shown(&item.command),
        shown(&item.reason),
    ]
}

/// Everything that an approver should look at before they decide.
fn describe(item: &RequestItem) -> String {
    let request = &item.request;
    let command = &request.command;
    let arguments = escape::command(command.arguments.iter().map(|a| a.as_bytes()));
    let environment: Vec<String> = command.kept_environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut text = fields(&[
        ("request", item.id.to_string()),
        ("code", shown(&item.code)),
        ("state", word(&item.state)),
        ("computer", shown(&item.computer.name)),
        ("user", format!("{} (uid {})", shown(&request.user.name), request.user.uid)),
        ("runs as", format!("{} (uid {})", shown(&command.target.name), command.target.uid)),
        ("command", arguments),
        ("directory", command.directory.to_string()),
        ("environment", environment.join(" ")),
        ("reason", shown(&item.reason)),
        ("ticket", item.ticket.as_deref().map(shown).unwrap_or_default()),
        ("asked for", item.duration.to_string()),
        ("created", moment(item.created)),
        ("lapses", moment(item.lapses)),
        ("closed", optional_moment(item.closed)),
        ("policy", format!("{} (version {})", shown(&item.policy.name), item.policy.version)),
        ("covers", word(&request.terms.binds)),
        ("containment", word(&request.elevation.containment)),
        ("capabilities", shown(&request.elevation.capabilities.join(" "))),
        ("may decide", shown(&item.approvers.join(", "))),
        ("reminded", optional_moment(item.reminded)),
        ("escalated", optional_moment(item.escalated)),
        ("approvals needed", item.approvals_needed.to_string()),
        ("grant", item.grant.as_ref().map(ToString::to_string).unwrap_or_default()),
    ]);
    text.push('\n');
    text.push_str(&describe_facts(&command.application));
    for decision in &item.approvals {
        text.push_str(&describe_decision("approved", decision));
    }
    if let Some(decision) = &item.declined {
        text.push_str(&describe_decision("declined", decision));
    }
    if item.revision > 1 {
        text.push_str(&format!("note: it changed after it was first seen (revision {}); approving needs its code\n", item.revision));
    }
    if !item.consistent {
        text.push_str("warning: this request's digest does not fit its content; it can only be declined\n");
    }
    text
}

/// One person's decision in a line.
#[must_use]
pub fn describe_decision(what: &str, decision: &Decision) -> String {
    let length = decision.duration.map(|d| format!(" for {d}")).unwrap_or_default();
    let narrowed = if decision.command_only { ", this command only" } else { "" };
    let comment = if decision.comment.is_empty() { String::new() } else { format!(": {}", shown(&decision.comment)) };
    format!("{what} by {} at {}{length}{narrowed}{comment}\n", shown(&decision.name), moment(decision.time))
}

fn fact<T>(fact: &Fact<T>, known: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Known(value) => known(value),
        Fact::Unknown(why) => format!("unknown: {}", shown(why)),
    }
}

fn describe_facts(facts: &Facts) -> String {
    let names: Vec<String> = facts.names.iter().map(ToString::to_string).collect();
    let protected = fact(&facts.chain, |root_only| match (root_only, &facts.writable_by) {
        (true, _) => "root's alone, with every folder on the way".to_owned(),
        (false, Some(who)) => format!("no: {}", shown(who)),
        (false, None) => "no".to_owned(),
    });
    let package = fact(&facts.package, |package| {
        package.as_ref().map_or_else(
            || "none".to_owned(),
            |p| {
                let vendor = p.vendor.as_deref().map(|v| format!(" by {}", shown(v))).unwrap_or_default();
                let unchanged = fact(&p.unchanged, |u| if *u { "unchanged".into() } else { "CHANGED since it was installed".into() });
                format!("{} {}{vendor}, {unchanged}", shown(&p.name), shown(&p.version))
            },
        )
    });
    let interpreter = facts.interpreter.as_ref().map(|i| format!("{} ({})", i.path, i.sha256)).unwrap_or_default();
    fields(&[
        ("file", facts.path.to_string()),
        ("reached as", if names.len() > 1 { names.join(" -> ") } else { String::new() }),
        ("sha256", facts.sha256.to_string()),
        ("protected", protected),
        ("owner and mode", format!("{} {:04o}", fact(&facts.owner, |owner| shown(owner)), facts.mode)),
        ("package", package),
        ("interpreter", interpreter),
        ("store", fact(&facts.store, |store| store.as_deref().map(shown).unwrap_or_default())),
        ("started from", fact(&facts.parent, |parent| parent.path.to_string())),
    ])
}
