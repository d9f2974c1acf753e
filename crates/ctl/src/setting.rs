//! `brevetctl setting`. `setting autonomous on` is short for `setting set autonomous on`: the one switch that matters most.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::setting::{SetValue, Setting as Item};
use clap::Subcommand;
use reqwest::Method;

use crate::cli::Session;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::{fields, optional_moment, shown};

/// What to do with settings.
#[derive(Subcommand)]
pub enum Setting {
    /// List settings
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show a setting
    Show {
        /// Its name
        name: String,
    },
    /// Set a setting
    Set {
        /// Its name
        name: String,
        /// Its value
        value: String,
    },
    /// The one switch for autonomous approval: on or off; shows it where neither is given
    Autonomous {
        /// on or off
        #[arg(value_parser = ["on", "off"])]
        value: Option<String>,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Setting) -> Result<()> {
    match command {
        Setting::List { rows } => rows.print(session, &["settings"], &PageQuery::default(), &COLUMNS),
        Setting::Show { name } => show(session, &name),
        Setting::Set { name, value } => set(session, &name, value),
        Setting::Autonomous { value: None } => show(session, "autonomous"),
        Setting::Autonomous { value: Some(value) } => set(session, "autonomous", value),
    }
}

fn show(session: &Session, name: &str) -> Result<()> {
    let setting: Item = session.client()?.get(&["settings", name])?;
    session.output.print(&setting, |setting| {
        fields(&[
            ("setting", shown(&setting.id)),
            ("value", shown(&setting.value)),
            ("default", shown(&setting.default)),
            ("changed", optional_moment(setting.changed)),
            ("description", shown(&setting.description)),
        ])
    })
}

fn set(session: &Session, name: &str, value: String) -> Result<()> {
    let setting: Item = session.client()?.send_body(Method::PUT, &["settings", name], &SetValue { value })?;
    session.output.print(&setting, |setting| format!("{} is {}\n", shown(&setting.id), shown(&setting.value)))
}

const COLUMNS: Columns<Item> = Columns { headings: &["name", "value", "default", "changed", "description"], row };

fn row(setting: &Item) -> Vec<String> {
    vec![shown(&setting.id), shown(&setting.value), shown(&setting.default), optional_moment(setting.changed), shown(&setting.description)]
}
