//! `brevetctl event redact`: says first how much it is.

use brevet_api::rest::event::{Redact, Redacted};
use brevet_core::time::Length;
use clap::Args;

use crate::cli::Session;
use crate::error::Result;
use crate::output::{fields, moment};
use crate::progress::Progress;

/// Which.
#[derive(Debug, Args)]
pub struct Which {
    /// How old what is redacted must be, at least 7d; as the setting retention says where absent
    #[arg(long, value_name = "LENGTH", value_parser = Length::parse)]
    older_than: Option<Length>,
    /// Only say how much it would be
    #[arg(long)]
    dry_run: bool,
}

/// # Errors
/// When the server cannot be reached or refuses, or the person says no.
pub fn run(session: &Session, which: &Which) -> Result<()> {
    let client = session.client()?;
    let call = |dry_run| client.post::<_, Redacted>(&["events", "redact"], &Redact { older_than: which.older_than, dry_run });
    let preview = call(true)?;
    if which.dry_run {
        return session.output.print(&preview, describe);
    }
    session.output.confirm_many(&format!("{}take this text away for good", describe(&preview)))?;
    let mut progress = Progress::default();
    let mut sum: Option<Redacted> = None;
    loop {
        let done = call(false)?;
        let left = done.left;
        let all = match sum {
            None => done,
            Some(sum) => Redacted {
                events: sum.events.saturating_add(done.events),
                records: sum.records.saturating_add(done.records),
                requests: sum.requests.saturating_add(done.requests),
                grants: sum.grants.saturating_add(done.grants),
                sessions: sum.sessions.saturating_add(done.sessions),
                ..done
            },
        };
        progress.so_far(usize::try_from(all.events).unwrap_or(usize::MAX), "events redacted");
        if !left {
            drop(progress);
            return session.output.print(&all, describe);
        }
        sum = Some(all);
    }
}

fn describe(redacted: &Redacted) -> String {
    let what = if redacted.dry_run { "would be redacted" } else { "redacted" };
    let mut text = format!("{what}, from before {}:\n", moment(redacted.before));
    text.push_str(&fields(&[
        ("  events", redacted.events.to_string()),
        ("  of these, journal records too", redacted.records.to_string()),
        ("  requests", redacted.requests.to_string()),
        ("  grants", redacted.grants.to_string()),
        ("  sessions", redacted.sessions.to_string()),
        ("  events kept by a hold", redacted.held.to_string()),
    ]));
    text
}
