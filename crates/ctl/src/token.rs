//! `brevetctl token`: API tokens.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::person::Role;
use brevet_api::rest::token::{NewToken, Token as Item, TokenCreated};
use brevet_core::time::Length;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::listing::{Columns, Listing};
use crate::output::{fields, mark, moment, optional_moment, shown};
use crate::person::{parse_role, parse_scope, roles, scopes};
use crate::{reference, stored};

/// What to do with API tokens.
#[derive(Subcommand)]
pub enum Token {
    /// List API tokens
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Make an API token; it is shown this once
    Create {
        /// For people
        name: String,
        /// Whose, by name or id [default: yours]
        #[arg(long)]
        person: Option<String>,
        /// Fewer roles than the person's; may be given again
        #[arg(long = "role", value_name = "ROLE", value_parser = parse_role)]
        roles: Vec<Role>,
        /// A role only for the computers of a group; may be given again [default: as the person's]
        #[arg(long = "scope", value_name = "ROLE=GROUP", value_parser = parse_scope)]
        scopes: Vec<(Role, String)>,
        /// It may approve, decline and extend
        #[arg(long)]
        decides: bool,
        /// How long it is good for, at most 366d [default: 90d]
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<Length>,
    },
    /// Show an API token, without its text
    Show {
        /// Name or id
        id: String,
    },
    /// Revoke an API token
    Revoke {
        /// Name or id
        id: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Token) -> Result<()> {
    let client = session.client()?;
    match command {
        Token::List { rows } => rows.print(session, &["tokens"], &PageQuery::default(), &COLUMNS),
        Token::Create { name, person, roles, scopes: narrowed, decides, expires_in } => {
            let scopes = scopes(narrowed);
            let roles = if roles.is_empty() { None } else { Some(roles) };
            let made = client.post(&["tokens"], &NewToken { name, person, roles, scopes, decides, expires_in });
            let made: TokenCreated = made.map_err(how_to_get_roles)?;
            // The token alone on standard output, so that it can go into a file.
            if !session.output.json {
                eprintln!("token {}, good until {}; it is shown this once", made.id, moment(made.expires));
            }
            session.output.print(&made, |made| format!("{}\n", shown(&made.token)))
        }
        Token::Show { id } => {
            let item: Item = client.get(&["tokens", &reference::token(&client, &id)?])?;
            session.output.print(&item, describe)
        }
        Token::Revoke { id } => {
            let id = reference::token(&client, &id)?;
            session.output.confirm(&format!("revoke the token {id}"))?;
            client.delete(&["tokens", &id], &())?;
            stored::done(session, "revoked", &id, &id)
        }
    }
}

/// Where the next step is a command of ours, that is the better hint.
fn how_to_get_roles(error: CtlError) -> CtlError {
    match error {
        CtlError::Refused(mut problem) if problem.errors.iter().any(|wrong| wrong.field == "roles") => {
            problem.hint = Some("an owner sets all roles of a person: brevetctl person roles PERSON ROLE ROLE…".into());
            CtlError::Refused(problem)
        }
        other => other,
    }
}

const COLUMNS: Columns<Item> = Columns { headings: &["id", "person", "decides", "expires", "last used", "revoked", "roles", "name"], row };

fn describe(item: &Item) -> String {
    fields(&[
        ("token", item.id.to_string()),
        ("name", shown(&item.name)),
        ("person", shown(&item.person_name)),
        ("made by", item.made_by.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("roles", roles(&item.roles, &item.scopes)),
        ("decides", if item.decides { "yes" } else { "no" }.into()),
        ("created", moment(item.created)),
        ("expires", moment(item.expires)),
        ("last used", optional_moment(item.last_used)),
        ("revoked", if item.revoked { "yes" } else { "no" }.into()),
    ])
}

fn row(item: &Item) -> Vec<String> {
    vec![
        item.id.to_string(),
        shown(&item.person_name),
        mark(item.decides).into(),
        moment(item.expires),
        optional_moment(item.last_used),
        mark(item.revoked).into(),
        roles(&item.roles, &item.scopes),
        shown(&item.name),
    ]
}
