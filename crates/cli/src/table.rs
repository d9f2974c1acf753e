//! Answers as tables and paragraphs for people. Pure: answers in, text out, everything escaped, and rows of a bounded length: an argument
//! may have a hundred thousand characters. `--json` has everything.

use crate::show;
use brevet_api::broker::{Explained, GrantSummary, ListedPolicy, OtherPolicy, RequestSummary, Status};
use brevet_core::escape::shortened;
use brevet_core::policy::Mode;
use brevet_core::request::RequestState;
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};

/// Every cell but the last: ids, codes and moments are whole.
const CELL: usize = 60;
/// The last cell, where nobody says how wide it may be.
const LAST: usize = 200;
/// The last cell has as much also where the terminal is narrower: it breaks the line.
const LEAST: usize = 80;

/// How much of a row's last cell is shown: as much as a line of the terminal that it goes to, where it goes to one.
#[derive(Debug, Clone, Copy)]
pub struct Width {
    last: usize,
    columns: Option<usize>,
}

impl Width {
    /// With the terminal's columns.
    pub fn of(terminal: Option<usize>) -> Self {
        let columns = terminal.filter(|columns| *columns > 0);
        Self { last: columns.map_or(LAST, |columns| columns.clamp(LEAST, LAST)), columns }
    }

    /// Whether every line fits.
    fn holds(self, text: &str) -> bool {
        self.columns.is_none_or(|columns| text.lines().all(|line| line.chars().count() <= columns))
    }

    /// A command that leaves room for what stands behind it.
    fn command(self, arguments: &[OsText]) -> String {
        shortened(&show::command(arguments), self.last / 2)
    }

    /// A reason, likewise.
    fn aside(self, text: &str) -> String {
        shortened(text, self.last / 4)
    }
}

/// Columns as wide as their widest cell; the last one is not filled up.
fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>, last: Width) -> String {
    let room = |index: usize| if index.saturating_add(1) == N { last.last } else { CELL };
    let mut rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; N];
    for row in &mut rows {
        for (index, (width, cell)) in widths.iter_mut().zip(row).enumerate() {
            *cell = shortened(cell, room(index));
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// What is no table on so narrow a terminal: a paragraph for each row.
fn paragraphs<const N: usize>(rows: Vec<[(&str, String); N]>) -> String {
    let paragraph = |row: [(&str, String); N]| -> String {
        let told = row.into_iter().filter(|(_, value)| !value.is_empty());
        told.map(|(label, value)| format!("{}\n", show::line(label, &value))).collect()
    };
    rows.into_iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

/// To the minute: `2026-11-22 19:30 UTC`.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

fn others(title: &str, policies: &[OtherPolicy]) -> String {
    let mut out = String::new();
    if !policies.is_empty() {
        out.push_str(&format!("{title}\n"));
    }
    for other in policies {
        out.push_str(&format!("  {}: {}\n", show::quoted(&other.policy), show::words(&other.because)));
    }
    out
}

/// `brevet list`.
pub fn policies(list: &[ListedPolicy]) -> String {
    if list.is_empty() {
        return "no policy names you on this computer; 'brevet status' shows how many are in force\n".to_owned();
    }
    let mut out = String::new();
    for policy in list {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}\n", show::text(&policy.policy)));
        let applications: Vec<String> = policy.applications.iter().map(|application| show::words(application)).collect();
        let proof = if policy.password { ", with your password" } else { "" };
        let mut lines =
            vec![show::line("how", &format!("{}{proof}", show::mode(policy.mode))), show::line("what", &applications.join(", "))];
        if policy.mode != Mode::Deny {
            lines.push(show::line("as user", &show::text(&policy.run_as)));
        }
        lines.push(show::line("when", &show::words(&policy.validity)));
        lines.push(show::line(if policy.mode == Mode::Deny { "in force" } else { "usable" }, &show::words(&policy.usable)));
        if policy.mode != Mode::Deny {
            lines.push(show::line("at most", &policy.max_duration.to_string()));
        }
        if !policy.message.is_empty() {
            lines.push(show::line("message", &show::text(&policy.message)));
        }
        lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
    }
    out
}

/// `brevet status`.
pub fn status(status: &Status) -> String {
    let heartbeat = match (status.heartbeat, status.heartbeat_age_seconds) {
        (Some(at), Some(age)) => format!("{} ago ({})", show::about(Length::from_seconds(age)), moment(at)),
        (Some(at), None) => moment(at),
        (None, _) => "never".to_owned(),
    };
    let computer = status.computer.as_deref().map_or_else(|| "not known yet".to_owned(), show::text);
    let lines = [
        ("computer", computer),
        ("id", show::text(&status.computer_id)),
        ("version", show::text(&status.version)),
        ("server", if status.connected { "connected" } else { "not connected" }.to_owned()),
        ("heartbeat", heartbeat),
        (
            "policies",
            match status.policies {
                0 => "none in force: this computer has none from its server yet, or it is in quarantine".to_owned(),
                count => format!("{count} in force"),
            },
        ),
        ("sessions", format!("{} of yours running", status.sessions)),
        ("journal", format!("{} records not acknowledged yet", status.unacknowledged)),
    ];
    let mut out: String = lines.iter().map(|(label, value)| format!("{}\n", show::line(label, value))).collect();
    let clock = status.clock_ahead_seconds.filter(|seconds| seconds.unsigned_abs() >= 60).map(clock);
    for why in [&status.journal_grows, &status.little_room, &clock].into_iter().flatten() {
        out.push_str(&format!("{}\n", show::line("warning", &show::words(why))));
    }
    out.push_str(&others("policies that this computer refuses:", &status.refused_policies));
    out
}

fn clock(seconds: i64) -> String {
    let (by, way) = (Length::from_seconds(seconds.unsigned_abs()), if seconds > 0 { "ahead of" } else { "behind" });
    format!("this computer's clock is {by} {way} the server's: have it set by a time server")
}

fn state(state: RequestState) -> &'static str {
    match state {
        RequestState::Pending => "pending",
        RequestState::Approved => "approved",
        RequestState::AutoApproved => "auto_approved",
        RequestState::Declined => "declined",
        RequestState::Withdrawn => "withdrawn",
        RequestState::Lapsed => "lapsed",
    }
}

/// What was decided, or why it ended.
fn because(text: Option<&String>, width: Width) -> String {
    text.map_or_else(String::new, |text| width.aside(&show::words(text)))
}

/// `brevet requests`.
pub fn requests(list: &[RequestSummary], width: Width) -> String {
    if list.is_empty() {
        return "you have no requests on this computer\n".to_owned();
    }
    let rows: Vec<[String; 7]> = list
        .iter()
        .map(|request| {
            let lapses = if request.state == RequestState::Pending { moment(request.lapses) } else { "-".to_owned() };
            [
                request.request.to_string(),
                state(request.state).to_owned(),
                show::text(&request.code),
                request.duration.to_string(),
                moment(request.created),
                lapses,
                format!(
                    "{}  ({})  {}",
                    width.command(&request.arguments),
                    width.aside(&show::text(&request.reason)),
                    because(request.answer.as_ref(), width)
                ),
            ]
        })
        .collect();
    let wide = table(["REQUEST", "STATE", "CODE", "FOR", "CREATED", "LAPSES", "COMMAND (REASON)"], rows, width);
    if width.holds(&wide) { wide } else { paragraphs(list.iter().map(|request| request_fields(request, width)).collect()) }
}

fn request_fields(request: &RequestSummary, width: Width) -> [(&'static str, String); 9] {
    let lapses = if request.state == RequestState::Pending { moment(request.lapses) } else { String::new() };
    [
        ("request", request.request.to_string()),
        ("state", state(request.state).to_owned()),
        ("code", show::text(&request.code)),
        ("for", request.duration.to_string()),
        ("created", moment(request.created)),
        ("lapses", lapses),
        ("command", width.command(&request.arguments)),
        ("reason", shortened(&show::text(&request.reason), LAST)),
        ("answer", request.answer.as_ref().map_or_else(String::new, |answer| shortened(&show::words(answer), LAST))),
    ]
}

/// `brevet grants`.
pub fn grants(list: &[GrantSummary], width: Width) -> String {
    if list.is_empty() {
        return "you have no grants on this computer\n".to_owned();
    }
    let rows: Vec<[String; 7]> = list
        .iter()
        .map(|grant| {
            let left = grant.remaining_seconds.map_or_else(|| "-".to_owned(), |left| show::about(Length::from_seconds(left)));
            [
                grant.grant.to_string(),
                show::text(&grant.state),
                left,
                grant.sessions.len().to_string(),
                show::text(&grant.target_user),
                show::text(&grant.policy),
                match because(grant.because.as_ref(), width) {
                    none if none.is_empty() => width.command(&grant.arguments),
                    because => format!("{}  ({because})", width.command(&grant.arguments)),
                },
            ]
        })
        .collect();
    let wide = table(["GRANT", "STATE", "LEFT", "SESSIONS", "AS", "POLICY", "COMMAND (END)"], rows, width);
    if width.holds(&wide) { wide } else { paragraphs(list.iter().map(|grant| grant_fields(grant, width)).collect()) }
}

fn grant_fields(grant: &GrantSummary, width: Width) -> [(&'static str, String); 8] {
    let left = grant.remaining_seconds.map_or_else(String::new, |left| show::about(Length::from_seconds(left)));
    [
        ("grant", grant.grant.to_string()),
        ("state", show::text(&grant.state)),
        ("left", left),
        ("sessions", grant.sessions.len().to_string()),
        ("as user", shortened(&show::text(&grant.target_user), CELL)),
        ("policy", shortened(&show::text(&grant.policy), CELL)),
        ("command", width.command(&grant.arguments)),
        ("end", grant.because.as_ref().map_or_else(String::new, |because| shortened(&show::words(because), LAST))),
    ]
}

/// `brevet explain`.
pub fn explained(explained: &Explained) -> String {
    let outcome = match explained.outcome.as_str() {
        "refuse" => "it would be refused",
        "elevate" => "it would run",
        "ask" => "it would ask",
        other => &show::text(other),
    };
    let mut out = format!("{outcome}: {}\n", show::words(&explained.reason));
    if let Some(policy) = &explained.policy {
        out.push_str(&format!("  {}\n", show::line("policy", &show::quoted(policy))));
    }
    if let Some(terms) = &explained.terms {
        out.push_str(&format!("  {}\n", show::line("how", &show::words(terms))));
    }
    if let Some(message) = explained.message.as_deref().filter(|message| !message.is_empty()) {
        out.push_str(&format!("  {}\n", show::line("message", &show::text(message))));
    }
    show::would_run(&explained.would_run).iter().for_each(|line| out.push_str(&format!("  {line}\n")));
    out.push_str(&others("other policies that name you, the nearest first:", &explained.others));
    match (explained.others.is_empty(), explained.more_others) {
        (_, 0) => {}
        (false, more) => out.push_str(&format!("  and {more} more, for other applications\n")),
        (true, 1) => out.push_str("1 other policy names you, for other applications; 'brevet list' shows it\n"),
        (true, more) => out.push_str(&format!("{more} other policies name you, for other applications; 'brevet list' shows them\n")),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let rows = [["a".to_owned(), "bbbb".to_owned()], ["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(["X", "Y"], rows.to_vec(), Width::of(None)), "X    Y\na    bbbb\nccc  d\n");
    }

    #[test]
    fn a_cell_is_never_longer_than_its_room() {
        let long = "x".repeat(100_000);
        for (columns, room) in [(None, LAST), (Some(0), LAST), (Some(20), LEAST), (Some(132), 132), (Some(5000), LAST)] {
            let shown = table(["X", "Y"], vec![[long.clone(), long.clone()]], Width::of(columns));
            let longest = shown.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| (room..=CELL + 2 + room).contains(&longest)), "{columns:?}: {longest:?}");
        }
    }

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(moment(Timestamp::parse("2026-11-22T19:30:59Z").unwrap()), "2026-11-22 19:30 UTC");
    }
}
