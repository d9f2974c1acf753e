//! `brevetctl setting`. `setting autonomous on` is short for `setting set autonomous on`: the one switch that matters most.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::setting::{SetValue, Setting as Item};
use brevet_api::rest::sign_in::SignInRules;
use brevet_core::time::Length;
use clap::Subcommand;
use reqwest::Method;

use crate::cli::Session;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::{fields, optional_moment, shown, word};

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
    /// Show how people sign in at this server, as its configuration has it
    SignIn,
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
        Setting::SignIn => sign_in(session),
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

fn sign_in(session: &Session) -> Result<()> {
    let rules: SignInRules = session.client()?.get(&["settings", "sign-in"])?;
    session.output.print(&rules, |rules| {
        let attempts = |at_once: u32, every: Length| match at_once {
            0 => "no limit".to_owned(),
            _ => format!("{at_once} at once, then one more every {every}"),
        };
        let mut lines = vec![
            ("ways", rules.ways.iter().map(|way| way.name()).collect::<Vec<_>>().join(", ")),
            ("signed out", format!("after {} without a page, and after {}", rules.idle, rules.longest)),
            ("wrong for one name", attempts(rules.account_attempts, rules.account_every)),
            ("wrong from one address", attempts(rules.address_attempts, rules.address_every)),
        ];
        if let Some(single) = &rules.single_sign_on {
            let groups = single
                .groups
                .iter()
                .map(|(group, roles)| format!("{}: {}", shown(group), roles.iter().map(word).collect::<Vec<_>>().join(", ")));
            lines.extend([
                ("single sign-on", shown(&single.name)),
                ("issuer", shown(&single.issuer)),
                ("client id", shown(&single.client_id)),
                ("groups", groups.collect::<Vec<_>>().join("; ")),
            ]);
        }
        lines.push(("way back", shown(&rules.back)));
        fields(&lines)
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
