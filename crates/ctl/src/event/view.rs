//! `brevetctl event view`: searches and columns that somebody keeps for themself; the console's report has the same ones.

use brevet_api::rest::Page;
use brevet_api::rest::event::EventQuery;
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::view::{COLUMNS as ALL, EventView, NewEventView, Period};
use brevet_core::time::{Length, Timestamp};
use clap::{Subcommand, ValueEnum};

use super::filter::Filter;
use crate::cli::Session;
use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::listing::{Columns, Listing};
use crate::near;
use crate::output::{fields, moment, shown};
use crate::reference;

/// What to do with saved views.
#[derive(Subcommand)]
pub enum View {
    /// List your saved views
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show a saved view
    Show {
        /// Name
        view: String,
    },
    /// Save a view, or replace the one of that name: event list --view NAME uses it, and so does the console
    Save {
        /// Name
        view: String,
        #[command(flatten)]
        filter: Box<Filter>,
        /// A time that moves on, instead of --from and --to
        #[arg(long, value_enum, conflicts_with_all = ["from", "to"])]
        period: Option<Moving>,
        /// What to show, with commas: time, recorded, kind, actor, user, computer, policy, outcome, summary, request, grant, session, person, token, journal, seq
        #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(ALL))]
        columns: Vec<String>,
    },
    /// Delete a saved view; the events stay
    Delete {
        /// Name
        view: String,
    },
}

/// A time that moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Moving {
    /// Since the day began, in UTC
    Today,
    /// The last seven days
    #[value(name = "7d")]
    Week,
    /// The last thirty days
    #[value(name = "30d")]
    Month,
}

/// # Errors
/// When the server cannot be reached or refuses, or there is no such view.
pub fn run(session: &Session, command: View) -> Result<()> {
    let client = session.client()?;
    match command {
        View::List { rows } => rows.print(session, &["event-views"], &PageQuery::default(), &COLUMNS),
        View::Show { view } => session.output.print(&find(&client, &view)?, describe),
        View::Save { view, filter, period, columns } => {
            let query = reference::in_query(&client, filter.query())?;
            let period = period.map(|period| match period {
                Moving::Today => Period::Today,
                Moving::Week => Period::Week,
                Moving::Month => Period::Month,
            });
            let there = all(&client)?.into_iter().find(|it| it.name == view);
            let new = NewEventView { name: view, query, period, columns };
            let saved: EventView = match there {
                Some(there) => client.put_all(&["event-views", there.id.as_str()], &new)?,
                None => client.post(&["event-views"], &new)?,
            };
            session.output.print(&saved, |it| format!("saved '{}'\n", shown(&it.name)))
        }
        View::Delete { view } => {
            let found = find(&client, &view)?;
            client.delete(&["event-views", found.id.as_str()], &())?;
            session.output.text(&format!("deleted '{}'\n", shown(&found.name)))
        }
    }
}

fn all(client: &Client) -> Result<Vec<EventView>> {
    let page: Page<EventView> = client.list(&["event-views"], &PageQuery::default(), usize::MAX)?;
    Ok(page.items)
}

/// One's own view of a name.
///
/// # Errors
/// When the server cannot be reached, or there is none.
pub fn find(client: &Client, name: &str) -> Result<EventView> {
    let views = all(client)?;
    let near = near::nearest(name, &views.iter().map(|view| view.name.clone()).collect());
    views.into_iter().find(|view| view.name == name || view.id.as_str() == name).ok_or_else(|| {
        let meant = near.map(|near| format!("; did you mean '{}'?", shown(&near))).unwrap_or_default();
        CtlError::NotFound(format!("you have no saved view '{}'{meant}", shown(name)))
    })
}

/// What a view asks for now, narrowed or changed by other conditions.
///
/// # Errors
/// When the conditions have no JSON form.
pub fn asked(view: EventView, now: Timestamp, own: &EventQuery) -> Result<EventQuery> {
    const DAY: i64 = 86_400_000;
    let from = view.period.map(|period| match period {
        Period::Today => Timestamp::from_millis(now.millis().div_euclid(DAY).saturating_mul(DAY)),
        Period::Week => now.minus(Length::from_hours(7 * 24)),
        Period::Month => now.minus(Length::from_hours(30 * 24)),
    });
    let base = EventQuery { from: from.or(view.query.from), ..view.query };
    let failed = |error: serde_json::Error| CtlError::Failed(error.to_string());
    let (mut joined, own) = (serde_json::to_value(base).map_err(failed)?, serde_json::to_value(own).map_err(failed)?);
    if let (Some(joined), serde_json::Value::Object(own)) = (joined.as_object_mut(), own) {
        joined.extend(own);
    }
    serde_json::from_value(joined).map_err(failed)
}

const COLUMNS: Columns<EventView> = Columns { headings: &["name", "period", "conditions", "columns", "changed"], row };

fn row(view: &EventView) -> Vec<String> {
    vec![shown(&view.name), period(view), conditions(view), shown(&view.columns.join(",")), moment(view.changed)]
}

fn period(view: &EventView) -> String {
    match view.period {
        Some(Period::Today) => "today",
        Some(Period::Week) => "7d",
        Some(Period::Month) => "30d",
        None => "",
    }
    .to_owned()
}

fn conditions(view: &EventView) -> String {
    let query = serde_json::to_value(&view.query).unwrap_or_default();
    let pair = |(name, value): (&String, &serde_json::Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{name}={}", shown(&value))
    };
    query.as_object().map(|all| all.iter().map(pair).collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

fn describe(view: &EventView) -> String {
    fields(&[
        ("name", shown(&view.name)),
        ("id", view.id.to_string()),
        ("period", period(view)),
        ("conditions", conditions(view)),
        ("columns", shown(&view.columns.join(","))),
        ("created", moment(view.created)),
        ("changed", moment(view.changed)),
    ])
}
