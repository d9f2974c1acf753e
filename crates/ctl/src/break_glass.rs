//! `brevetctl break-glass`: access without approval, its end and its review.

use brevet_api::rest::break_glass::{BreakGlass as Item, BreakGlassQuery, NewReview, OpenBreakGlass};
use brevet_api::rest::policy::Mistake;
use brevet_core::application::Rule;
use brevet_core::time::Length;
use brevet_core::words;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::listing::{Columns, Listing};
use crate::output::{fields, moment, optional_moment, shown, word};

/// What to do in an emergency, and after it.
#[derive(Subcommand)]
pub enum BreakGlass {
    /// Open access without approval: everybody who was not asked is told, and another person reviews it
    Open {
        /// One computer, by name or id
        #[arg(long)]
        computer: String,
        /// An OS user's name
        #[arg(long)]
        user: String,
        /// What may run: a program's path, with any arguments
        #[arg(long, value_name = "PATH", required_unless_present = "rule", conflicts_with = "rule")]
        file: Option<String>,
        /// Or a whole rule, as in a policy: '{ file = "/usr/bin/systemctl", arguments = ["restart", { any = true }] }'
        #[arg(long, value_name = "TOML")]
        rule: Option<String>,
        /// For how long, at most 8h
        #[arg(long = "for", value_name = "DURATION")]
        duration: Length,
        /// Why
        #[arg(long)]
        reason: String,
        /// Do not ask the user for their password
        #[arg(long)]
        no_password: bool,
    },
    /// List it, newest first
    List {
        /// open or ended
        #[arg(long)]
        state: Option<String>,
        /// Only what nobody reviewed yet
        #[arg(long)]
        unreviewed: bool,
        #[command(flatten)]
        rows: Listing,
    },
    /// Show one
    Show {
        /// Id
        id: String,
    },
    /// End it before its time, with everything that runs under it
    End {
        /// Id
        id: String,
    },
    /// Say what you found, as another person
    Review {
        /// Id
        id: String,
        /// What you found
        #[arg(long)]
        comment: String,
    },
}

const PATH: &str = "break-glass";

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: BreakGlass) -> Result<()> {
    let client = session.client()?;
    match command {
        BreakGlass::Open { computer, user, file, rule, duration, reason, no_password } => {
            let application = application(file, rule)?;
            session.output.confirm(&format!(
                "open access for {} on {} for {duration}, without approval; every approver is told, and another person reviews it",
                shown(&user),
                shown(&computer)
            ))?;
            let body = OpenBreakGlass { computer, user, application, duration, reason, password: !no_password };
            let item: Item = client.post(&[PATH], &body)?;
            session.output.print(&item, |item| {
                let skipped = match item.skipped.as_slice() {
                    [] => "nobody else approves requests there".to_owned(),
                    skipped => format!("not asked, and told of it: {}", shown(&skipped.join(", "))),
                };
                format!("{} is open until {}; {skipped}\n{}", item.id, moment(item.ends), warnings(item))
            })
        }
        BreakGlass::List { state, unreviewed, rows } => {
            let query = BreakGlassQuery { state, reviewed: unreviewed.then_some(false), ..BreakGlassQuery::default() };
            rows.print(session, &[PATH], &query, &COLUMNS)
        }
        BreakGlass::Show { id } => {
            let item: Item = client.get(&[PATH, &id])?;
            session.output.print(&item, describe)
        }
        BreakGlass::End { id } => {
            session.output.confirm(&format!("end {}, with everything that runs under it", shown(&id)))?;
            let item: Item = client.post_empty(&[PATH, &id, "end"])?;
            session.output.print(&item, describe)
        }
        BreakGlass::Review { id, comment } => {
            let item: Item = client.post(&[PATH, &id, "review"], &NewReview { comment })?;
            session.output.print(&item, describe)
        }
    }
}

/// The rule, from a path or from TOML.
fn application(file: Option<String>, rule: Option<String>) -> Result<Rule> {
    #[derive(serde::Deserialize)]
    struct Written {
        rule: Rule,
    }
    match (file, rule) {
        (_, Some(text)) => {
            let written: Written = toml::from_str(&format!("rule = {text}"))
                .map_err(|error| CtlError::Usage(format!("--rule cannot be read: {}", error.message())))?;
            Ok(written.rule)
        }
        (file, None) => Ok(Rule { file, ..Rule::default() }),
    }
}

const COLUMNS: Columns<Item> = Columns { headings: &["id", "state", "computer", "user", "by", "ends", "reviewed by", "reason"], row };

fn row(item: &Item) -> Vec<String> {
    vec![
        item.id.to_string(),
        word(&item.state),
        shown(&item.computer.name),
        shown(&item.user),
        shown(&item.opened_by_name),
        moment(item.ends),
        item.review.as_ref().map(|review| shown(&review.name)).unwrap_or_default(),
        shown(&item.reason),
    ]
}

fn of_warning(warning: &Mistake) -> String {
    let hint = warning.hint.as_deref().map(|hint| format!(" ({})", shown(hint))).unwrap_or_default();
    format!("{}: {}{hint}", shown(&warning.field), shown(&warning.reason))
}

fn warnings(item: &Item) -> String {
    item.warnings.iter().map(|warning| format!("warning: {}\n", of_warning(warning))).collect()
}

fn describe(item: &Item) -> String {
    let review = item.review.as_ref();
    fields(&[
        ("break-glass", item.id.to_string()),
        ("state", word(&item.state)),
        ("computer", shown(&item.computer.name)),
        ("user", shown(&item.user)),
        ("may run", shown(&words::application(&item.application))),
        ("for", item.duration.to_string()),
        ("reason", shown(&item.reason)),
        ("opened by", shown(&item.opened_by_name)),
        ("opened", moment(item.opened)),
        ("ends", moment(item.ends)),
        ("ended", optional_moment(item.ended)),
        ("policy", shown(&item.policy_name)),
        ("not asked", shown(&item.skipped.join(", "))),
        ("warning", item.warnings.iter().map(of_warning).collect::<Vec<_>>().join("; ")),
        ("reviewed by", review.map_or_else(|| "nobody yet".into(), |review| format!("{} at {}", shown(&review.name), moment(review.time)))),
        ("found", review.map(|review| shown(&review.comment)).unwrap_or_default()),
    ])
}
