//! `brevetctl status`: how the installation stands, and what somebody should look at.

use brevet_api::rest::status::Status;
use brevet_api::rest::warning::Warning;

use crate::cli::Session;
use crate::error::Result;
use crate::output::{fields, optional_moment, shown, table};

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session) -> Result<()> {
    let status: Status = session.client()?.get(&["status"])?;
    session.output.print(&status, describe)
}

fn describe(status: &Status) -> String {
    let computers = &status.computers;
    let mut text = fields(&[
        ("server", format!("version {}", shown(&status.version))),
        ("certificate", status.certificate_ends.map(|ends| format!("until {}", optional_moment(Some(ends)))).unwrap_or_default()),
        (
            "computers",
            format!(
                "{}: {} connected, {} lost, {} in quarantine, {} with warnings",
                computers.all, computers.connected, computers.lost, computers.quarantined, computers.warned
            ),
        ),
    ]);
    let server = status.warnings.iter().map(|warning| row("the server", warning));
    let warned = status.warned.iter().flat_map(|warned| warned.warnings.iter().map(|warning| row(&warned.computer.name, warning)));
    let rows: Vec<Vec<String>> = server.chain(warned).collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(&["look at", "warning", "what to do"], rows));
    }
    text
}

fn row(of: &str, warning: &Warning) -> Vec<String> {
    vec![shown(of), shown(&warning.message), shown(&warning.hint)]
}
