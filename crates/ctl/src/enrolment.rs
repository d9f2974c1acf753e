//! `brevetctl enrolment-token`: rights to enrol a computer.

use brevet_api::rest::computer::{EnrolmentToken as Item, EnrolmentTokenCreated, NewEnrolmentToken};
use brevet_api::rest::page::PageQuery;
use brevet_core::time::Length;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::{fields, mark, moment, shown};
use crate::{reference, stored};

/// What to do with enrolment tokens.
#[derive(Subcommand)]
pub enum EnrolmentToken {
    /// Make an enrolment token; it is shown this once
    Create {
        /// For people
        #[arg(long, default_value = "")]
        name: String,
        /// How many computers
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is good for, at most 30d [default: 1h]
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<Length>,
        /// A computer group that the computers join; may be given again
        #[arg(long = "group", value_name = "NAME")]
        groups: Vec<String>,
    },
    /// List enrolment tokens
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show an enrolment token, without its text
    Show {
        /// Name or id
        id: String,
    },
    /// Revoke an enrolment token; computers that used it stay enrolled
    Revoke {
        /// Name or id
        id: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: EnrolmentToken) -> Result<()> {
    let client = session.client()?;
    match command {
        EnrolmentToken::Create { name, uses, expires_in, groups } => {
            let body = NewEnrolmentToken { name, uses, expires_in, groups };
            let made: EnrolmentTokenCreated = client.post(&["enrolment-tokens"], &body)?;
            // The token alone on standard output, so that it can go into a file or a pipe.
            if !session.output.json {
                eprintln!(
                    "enrolment token {}, good until {}; on the computer, as root: brevetd enrol --token-file FILE",
                    made.id,
                    moment(made.expires)
                );
            }
            session.output.print(&made, |made| format!("{}\n", shown(&made.token)))
        }
        EnrolmentToken::List { rows } => rows.print(session, &["enrolment-tokens"], &PageQuery::default(), &COLUMNS),
        EnrolmentToken::Show { id } => {
            let item: Item = client.get(&["enrolment-tokens", &reference::enrolment_token(&client, &id)?])?;
            session.output.print(&item, describe)
        }
        EnrolmentToken::Revoke { id } => {
            let id = reference::enrolment_token(&client, &id)?;
            session.output.confirm(&format!("revoke the enrolment token {id}"))?;
            client.delete(&["enrolment-tokens", &id], &())?;
            stored::done(session, "revoked", &id, &id)
        }
    }
}

const COLUMNS: Columns<Item> = Columns { headings: &["id", "used", "expires", "revoked", "groups", "name"], row };

fn describe(item: &Item) -> String {
    fields(&[
        ("enrolment token", item.id.to_string()),
        ("name", shown(&item.name)),
        ("used", format!("{} of {}", item.used, item.uses)),
        ("groups", shown(&item.groups.join(", "))),
        ("created", moment(item.created)),
        ("expires", moment(item.expires)),
        ("revoked", if item.revoked { "yes" } else { "no" }.into()),
    ])
}

fn row(item: &Item) -> Vec<String> {
    vec![
        item.id.to_string(),
        format!("{} of {}", item.used, item.uses),
        moment(item.expires),
        mark(item.revoked).into(),
        shown(&item.groups.join(", ")),
        shown(&item.name),
    ]
}
